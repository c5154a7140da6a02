"""What the API takes and gives of proposals, completeness, drafts and templates."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from trackplane.control.patterns import BLANK, matching
from trackplane.control.wire import Source, Wire, Word

Score = Annotated[float, Meta(ge=0, le=1)]
ByLanguage = dict[str, str]  # a text for each of `en` and `zh`


class DesignSource(Wire):
    """An event under design: its name and its part of a plan, perhaps half written.

    ``text`` is the event's YAML under its name, or what stands below the name, or empty.
    """

    name: Word
    text: Source = ""


class Reason(Wire):
    """Why something is proposed: a stable ``code``, and the text by language (``en``, ``zh``)."""

    code: str
    text: ByLanguage


class DuplicateEvent(Wire):
    """A planned event that may be the one under design, under another name."""

    app: str
    event: str
    title: str
    score: Score
    reasons: list[Reason]


class ReusableGroup(Wire):
    """A group to reuse; ``home`` is the app, or the library (``commerce@3``) to ``use`` first."""

    name: str
    home: str
    score: Score
    reasons: list[Reason]


class ReusableType(Wire):
    """A named type for the property at ``path``."""

    path: str
    name: str
    home: str
    score: Score
    reasons: list[Reason]


class ProposedProperty(Wire):
    """A property to add, as events like this one define it; ``text`` is its line of YAML."""

    path: str
    definition: Any
    text: str
    used_by: int
    score: Score
    reasons: list[Reason]


class SameProperty(Wire):
    """A property under design that ``used_by`` events call ``like``."""

    path: str
    like: str
    used_by: int
    score: Score
    reasons: list[Reason]


class MissingPart(Wire):
    """What an event lacks: the points it would bring, where, and what to write."""

    code: str
    points: int
    message: ByLanguage
    path: str
    fix: str


class CompletenessScore(Wire):
    """How complete an event is, 0 to 100, and what is missing, the most valuable first."""

    score: Annotated[int, Meta(ge=0, le=100)]
    missing: list[MissingPart]


class EventProposals(Wire):
    """What the catalogue proposes for an event under design; ``readable``: all of it was YAML.

    ``preparing``: the catalogue is still being read after a start, so nothing is proposed yet.
    """

    duplicates: list[DuplicateEvent]
    groups: list[ReusableGroup]
    properties: list[ProposedProperty]
    types: list[ReusableType]
    same_properties: list[SameProperty]
    completeness: CompletenessScore
    readable: bool
    preparing: bool = False


class DraftQuery(Wire):
    """How many samples to read, of how many days; ``allowed`` is the share of values that is dirt."""

    samples: Annotated[int, Meta(ge=1, le=20_000)] = 2_000
    days: Annotated[int, Meta(ge=1, le=400)] = 30
    allowed: Annotated[float, Meta(ge=0, le=0.2)] = 0.02


class DraftProperty(Wire):
    """An inferred property: how often it was there, why it is what it is, and what did not fit."""

    path: str
    definition: Any
    share: Score
    pii: str | None
    why: list[ByLanguage]
    dirt: list[str]


class EventDraft(Wire):
    """An event as its samples show it; ``text`` is its part of a plan, under its name."""

    app: str
    event: str
    planned: bool
    samples: int
    text: str
    properties: list[DraftProperty]
    notes: list[ByLanguage]
    completeness: CompletenessScore


class TemplateSummary(Wire):
    """A template: a part of a plan to start from."""

    name: str
    title: ByLanguage
    description: ByLanguage
    events: list[str]
    groups: list[str]
    types: list[str]
    metrics: list[str]


class TemplateList(Wire):
    """Every template."""

    items: list[TemplateSummary]


class TemplateQuery(Wire):
    """For which app, with what before each name, and whose; what is empty is as in the template."""

    app: Word = ""
    owner: Annotated[
        str,
        matching(
            rf"(team|person):[^{BLANK}]+",
            "an owner such as team:pay or person:ann",
            max_length=100,
            optional=True,
        ),
    ] = ""
    prefix: Annotated[
        str,
        matching(
            r"[a-z][a-z0-9_]*",
            "small ASCII letters, digits and _, beginning with a letter",
            max_length=60,
            optional=True,
        ),
    ] = ""


class Template(TemplateSummary):
    """A template with its text for an app: a file to add to the plan as ``file``.

    ``collisions`` are names that the app's plan has already; a prefix avoids them. Types and groups
    that are in the plan already and alike are left out of the text.
    """

    file: str
    text: str
    collisions: list[str]
