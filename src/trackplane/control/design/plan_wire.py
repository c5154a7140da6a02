"""What travels about plans beside themselves: history, blame, parts, libraries, lint, renewal."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from trackplane.control.patterns import Day
from trackplane.control.wire import Note, Number, Paging, Source, Wire, Word
from trackplane.errors import Finding
from trackplane.plan.changes import Difference, PartChange, Section, Whole
from trackplane.plan.model import Text

PartSection = Literal["types", "groups", "events", "metrics"]


# --- diff, log, blame, parts


class PlanDiffQuery(Wire):
    """Which revisions: ``from`` is the one before, ``to`` the one in force, where they are 0.

    ``limit`` is how many parts are told, the gravest; ``form`` asks for a text beside them.
    """

    from_: Number = msgspec.field(name="from", default=0)
    to: Number = 0
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1_000
    form: Literal["json", "text", "markdown"] = "json"


class PlanDiff(Wire):
    """What differs between two revisions; ``text`` where a form was asked for."""

    from_: int = msgspec.field(name="from")
    to: int
    difference: Difference
    text: str = ""


class PlanLogQuery(Paging):
    """Which changes: of an event (or of another part, by ``section``), of one of its properties."""

    event: Word = ""
    section: PartSection = "events"
    name: Word = ""
    property: Word = ""


class LogEntry(Wire):
    """A revision, and what of the parts asked for it changed (of all: the gravest of them)."""

    revision: int
    at: int
    author: str
    message: str
    compatibility: Whole
    changed: int
    parts: list[PartChange]


class Log(Wire):
    """A page of a plan's history, newest first."""

    items: list[LogEntry]
    next: str | None


class PlanBlameQuery(Wire):
    """Which part."""

    event: Word = ""
    section: PartSection = "events"
    name: Word = ""


class BlameLine(Wire):
    """A property (``path``) or a key of the part (``field``), and who changed it last."""

    path: str
    field: str
    revision: int
    author: str
    at: int
    message: str
    what: str


class Blame(Wire):
    """Who changed what of a part last."""

    app: str
    section: Section
    name: str
    revision: int
    lines: list[BlameLine]


class PlanPartQuery(Wire):
    """Which part, of the revision in force where it is 0."""

    section: PartSection = "events"
    name: Word = ""
    revision: Number = 0


class PlanPart(Wire):
    """A part's YAML text at no indent, and where it stands: file, first and last line from 1."""

    app: str
    revision: int
    section: PartSection
    name: str
    file: str
    first: int
    last: int
    text: str
    etag: str


# --- renewal


class Renewal(Wire):
    """An event that is to live on, until and with a day."""

    event: Word
    until: Day
    message: Note = ""


# --- libraries


class LibrarySource(Wire):
    """A library's YAML text."""

    source: Source
    message: Note = ""


class LibraryRelease(Wire):
    """A published version."""

    version: int
    message: str
    created_at: int
    created_by: str


class LibraryUser(Wire):
    """An app, and the version its plan in force uses."""

    app: str
    version: int


class LibrarySummary(Wire):
    """A library; texts are those of its latest version, versions stand newest first."""

    name: str
    title: Text | None
    description: Text | None
    owner: str | None
    latest: int
    versions: list[LibraryRelease]
    types: list[str]
    groups: list[str]
    used_by: list[LibraryUser]


class Libraries(Wire):
    """A page of libraries."""

    items: list[LibrarySummary]
    next: str | None


class LibraryVersion(Wire):
    """A version of a library; ``used_by`` are the apps whose plan in force uses it."""

    name: str
    version: int
    source: str
    title: Text | None
    description: Text | None
    owner: str | None
    types: list[str]
    groups: list[str]
    message: str
    created_at: int
    created_by: str
    used_by: list[str]


class LibraryDiffQuery(Wire):
    """Against which version; 0 is the one before."""

    from_: Number = msgspec.field(name="from", default=0)


class AppImpact(Wire):
    """What a version of a library would change for an app that uses ``version`` now."""

    app: str
    version: int
    ok: bool
    findings: list[Finding]
    difference: Difference | None = None


class LibraryImpact(Wire):
    """What a version would change for those who use another; ``hidden`` apps are not the token's."""

    items: list[AppImpact]
    hidden: int


class LibraryCheck(Wire):
    """What is wrong with a library's text, what is new in it, and what it would change for whom."""

    ok: bool
    findings: list[Finding]
    impact: list[AppImpact]
    hidden: int
    difference: Difference | None = None


# --- lint


class LintText(Wire):
    """The organisation's lint rules as YAML; version 0 are those that come with Trackplane."""

    source: str
    version: int
    updated_at: int
    updated_by: str
    etag: str


class LintSource(Wire):
    """Lint rules as YAML; an empty text takes the organisation's own away."""

    source: Annotated[str, Meta(max_length=1_000_000)]
