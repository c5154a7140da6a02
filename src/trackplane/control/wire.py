"""What the HTTP API takes and gives, as structs; the OpenAPI document is made from them.

Times are Unix milliseconds UTC. ``etag`` is what ``If-Match`` takes (in quotes) to change a thing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from trackplane.control.patterns import FilePath, Name, OptionalDay
from trackplane.discovery import Mode
from trackplane.errors import Finding
from trackplane.plan.changes import Difference, Whole
from trackplane.plan.model import EventSpec

Source = Annotated[str, Meta(max_length=32 * 1024 * 1024, description="YAML text")]
Note = Annotated[str, Meta(max_length=1_000)]
PlanFiles = Annotated[dict[FilePath, Source], Meta(min_length=1, max_length=10_000)]
Limit = Annotated[int, Meta(ge=1, le=1_000)]
Cursor = Annotated[str, Meta(max_length=1_000)]
Number = Annotated[int, Meta(ge=0, le=2**53)]
Word = Annotated[str, Meta(max_length=200)]


class Wire(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Base of what travels: unknown fields are refused."""


class Conflict(Wire):
    """Two changes of one text: ``theirs`` is in force or saved under ``etag``, ``yours`` is not.

    ``base`` is what both were made from, if it is still known; ``merged`` has both changes, None where
    they touch the same lines.
    """

    theirs: str
    author: str
    yours: str
    base: str | None
    merged: str | None
    etag: str


class PartConflict(Wire):
    """What two sides changed otherwise in one part of a plan; null: taken away, or not there.

    ``path`` is the key inside the part, empty for the whole of it; with an empty ``name`` it is a key
    of the file itself, and ``section`` is that key.
    """

    section: str
    name: str
    path: str
    base: str | None
    yours: str | None
    theirs: str | None


class PlanConflict(Wire):
    """Somebody applied another plan first: how both changes go together.

    ``files`` has what is to be applied on revision ``etag`` to keep both (null takes a file away); with
    ``conflicts`` it has theirs where both changed one thing.
    """

    etag: str
    author: str
    base: int
    files: dict[str, str | None]
    conflicts: tuple[PartConflict, ...]


class Problem(Wire, omit_defaults=True):
    """An error (RFC 9457). ``findings`` lists everything that is wrong, with places.

    ``conflicts`` has both sides of what could not be merged.
    """

    type: str
    title: str
    status: int
    detail: str = ""
    code: str = "error"
    hint: str | None = None
    retryable: bool = False
    findings: tuple[Finding, ...] = ()
    conflict: Conflict | None = None
    plan: PlanConflict | None = None
    conflicts: tuple[PartConflict, ...] = ()


class Paging(Wire):
    """Where to go on: ``cursor`` is the ``next`` of the page before."""

    limit: Limit = 100
    cursor: Cursor = ""


# --- apps and keys


# Whether a plan changes by merged change requests alone.
Review = Literal["optional", "required"]


class AppCreate(Wire):
    """A new app."""

    app: Name
    title: Note = ""
    environments: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=20)] = ("prod",)
    validation: Mode = "warn"
    allow_list: Mode = "warn"
    blocked: Annotated[list[Word], Meta(max_length=100_000)] = []
    review: Review = "optional"


class AppChange(Wire):
    """What is to change of an app; what is left out stays."""

    title: Note | UnsetType = UNSET
    environments: Annotated[list[Name], Meta(min_length=1, max_length=20)] | UnsetType = UNSET
    validation: Mode | UnsetType = UNSET
    allow_list: Mode | UnsetType = UNSET
    blocked: Annotated[list[Word], Meta(max_length=100_000)] | UnsetType = UNSET
    review: Review | UnsetType = UNSET


class App(Wire):
    """An app. ``number`` is the ruleset number that this state came with."""

    app: str
    title: str
    environments: list[str]
    validation: Mode
    allow_list: Mode
    blocked: list[str]
    review: Review
    revision: int
    created_at: int
    etag: str
    number: int = 0


class Apps(Wire):
    """A page of apps."""

    items: list[App]
    next: str | None


class KeyCreate(Wire):
    """A new write key for an environment."""

    env: Name = "prod"
    label: Note = ""


class Key(Wire):
    """A write key; the key itself is shown only when it is made."""

    id: str
    app: str
    env: str
    label: str
    prefix: str
    created_at: int
    created_by: str


class KeyCreated(Key):
    """A new write key: the only time ``key`` is shown."""

    key: str
    number: int


class Keys(Wire):
    """A page of write keys."""

    items: list[Key]
    next: str | None


# --- plan


class PlanSource(Wire):
    """A plan's YAML texts by path: names of one section may stand in any of them."""

    files: PlanFiles
    message: Note = ""


class PlanPatch(Wire):
    """The files of a plan that change; null takes one away."""

    files: Annotated[dict[FilePath, Source | None], Meta(min_length=1, max_length=10_000)]
    message: Note = ""


class Plan(Wire):
    """The plan in force; revision 0 is no plan yet."""

    app: str
    revision: int
    files: dict[str, str]
    events: int
    hash: str
    message: str
    author: str
    created_at: int
    etag: str


class PlanCheck(Wire):
    """What a plan would change of ``revision``, the one in force, and all that is wrong with it."""

    ok: bool
    revision: int
    findings: list[Finding]
    added: list[str]
    changed: list[str]
    removed: list[str]
    broken_rules: list[str]
    compatibility: Whole = "same"
    difference: Difference | None = None


class PlanChanged(Wire):
    """A new revision, and the number it was published under (0: nothing changed)."""

    app: str
    revision: int
    hash: str
    number: int
    added: list[str]
    changed: list[str]
    removed: list[str]
    warnings: list[Finding]
    etag: str
    compatibility: Whole = "same"
    difference: Difference | None = None


class Revision(Wire):
    """A plan revision; ``files`` only where one is asked for."""

    app: str
    revision: int
    hash: str
    events: int
    message: str
    author: str
    created_at: int
    files: dict[str, str] | None = None


class Revisions(Wire):
    """A page of revisions, newest first."""

    items: list[Revision]
    next: str | None


class EventQuery(Paging):
    """All, or those that a text finds (as ``/search`` does)."""

    query: Word = ""


class EventSummary(Wire):
    """A planned event in a list."""

    app: str
    event: str
    title: str
    grade: str
    owner: str
    properties: int
    deprecated: bool


class Events(Wire):
    """A page of planned events by name."""

    items: list[EventSummary]
    next: str | None


class EventDetail(Wire):
    """A planned event, expanded."""

    revision: int
    spec: EventSpec


# --- datasets


class DatasetSource(Wire):
    """A dataset's YAML text: ``dataset``, ``kind`` and ``columns``."""

    source: Source


class Dataset(Wire):
    """A dataset. ``definition`` is the checked form that travels."""

    dataset: str
    source: str
    definition: dict[str, Any]
    version: int
    updated_at: int
    updated_by: str
    etag: str
    number: int = 0


class Datasets(Wire):
    """A page of datasets by name."""

    items: list[Dataset]
    next: str | None


class Removed(Wire):
    """The number a removal was published under."""

    number: int


# --- rulesets and status


class Nack(Wire):
    """A resource a node could not take."""

    resource: str
    message: str


class NodeState(Wire):
    """What a node runs under. ``effective_ms`` is from publishing to its acknowledgement."""

    node: str
    kind: str
    number: int
    connected: bool
    acknowledged_at: int | None
    effective_ms: int | None
    nacks: list[Nack]


class Ruleset(Wire):
    """A number: ``effective_ms`` is set once every connected node has acknowledged it."""

    number: int
    published_at: int
    reason: str
    changed: list[str]
    removed: list[str]
    effective_ms: int | None
    nodes: list[NodeState]


class NodeStatus(Wire):
    """A node and its own figures."""

    node: str
    kind: str
    number: int
    connected: bool
    uptime_s: int
    stats: dict[str, Any]


class Rates(Wire):
    """Events a second over the last reports."""

    received_per_s: float
    stored_per_s: float


class Lag(Wire):
    """How many messages a group has before it."""

    group: str
    topic: str
    partition: int
    end: int
    committed: int
    lag: int


class LedgerCount(Wire):
    """Events that ended one way."""

    app: str
    env: str
    kind: str
    count: int


class RuleCount(Wire):
    """Events of a rule that ended one way."""

    rule: str
    kind: str
    count: int


class EffectiveTimes(Wire):
    """Quantiles of publish-to-effective over the last numbers, ms."""

    p50: float | None
    p99: float | None


SinkState = Literal["ok", "retrying", "paused", "absent"]


class SinkStatus(Wire):
    """How a dataset that is no table is delivered, over all workers.

    ``absent``: no worker delivers it. ``waiting`` rows are made and not taken; ``refused`` ones never
    will be. ``since`` is when the state began (ms).
    """

    dataset: str
    connector: str
    state: SinkState
    delivered: int
    refused: int
    waiting: int
    failures: int
    error: str
    since: int | None


class Status(Wire):
    """Is it flowing?"""

    number: int
    nodes: list[NodeStatus]
    rates: Rates
    lag: list[Lag]
    ledger: list[LedgerCount]
    ledger_rules: list[RuleCount]
    sinks: list[SinkStatus]
    effective_ms: EffectiveTimes
    freshness_ms: int | None


# --- data


class LedgerQuery(Wire):
    """``day`` is an ISO date (UTC)."""

    app: Word = ""
    day: OptionalDay = ""


class LedgerRow(Wire):
    """A count of the ingest ledger."""

    day: str
    app: str
    env: str
    event: str
    kind: str
    reason: str
    count: int


class Ledger(Wire):
    """The ingest ledger."""

    items: list[LedgerRow]


class Query(Wire):
    """A SELECT over the views of the token's apps (or of one)."""

    sql: Annotated[str, Meta(min_length=1, max_length=100_000)]
    app: Name | None = None
    limit: Annotated[int, Meta(ge=1, le=100_000)] = 1_000


class Column(Wire):
    """A result column and its SQL type."""

    name: str
    type: str


class QueryResult(Wire):
    """Rows as of a lake snapshot; ``truncated`` when the limit cut them."""

    columns: list[Column]
    rows: list[list[Any]]
    snapshot: int
    truncated: bool


class LiveQuery(Wire):
    """What of the stream to show."""

    app: Word = ""
    event: Word = ""
    violations: bool = False
