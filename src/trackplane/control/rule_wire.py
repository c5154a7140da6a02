"""What the API takes and gives about the life of a rule, and of what rules name.

Drafts, checks, budgets, versions, rollbacks, previews; functions, lookup tables and scripts; the
language itself. Times are Unix milliseconds UTC. ``wire`` has the rest.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from trackplane.control.wire import Note, Paging, Source, Wire, Word
from trackplane.errors import Finding

Version = Annotated[int, Meta(ge=0, le=2**31 - 1)]
FrontEnd = Literal["python", "sql", "builder"]
Text = Annotated[str, Meta(max_length=1_000_000)]

# --- budget


class BudgetLine(Wire):
    """One estimate against its limit. 0 of ``limit`` is no limit."""

    name: Literal[
        "cost", "fan_out", "rules_on_events", "rows_per_day", "bytes_per_day", "cpu_s_per_day"
    ]
    value: float
    limit: float
    verdict: Literal["ok", "warn", "refuse"]
    message: str = ""


class Budget(Wire):
    """What a rule would cost a day. ``verdict`` is the worst of ``lines``.

    ``events_per_day`` are those it reads, by ``basis``; ``sampled`` real events were run through it,
    of which ``match_rate`` were put out. With no event to sample it is taken to put out all.
    """

    verdict: Literal["ok", "warn", "refuse"]
    lines: list[BudgetLine]
    events_per_day: int
    basis: str
    sampled: int
    match_rate: float | None
    bytes_per_row: float | None


# --- check, explain, format, preview


class TestOutcome(Wire):
    """How one test of a rule ended."""

    number: int
    passed: bool
    message: str
    line: int
    output: object


class RuleText(Wire):
    """A rule's YAML text."""

    source: Source


class RuleCheck(Wire):
    """Whether a rule could be published, and all that is wrong with it, its tests included.

    What comes after ``findings`` is known only where the text makes a rule.
    """

    ok: bool
    rule: str
    findings: list[Finding]
    warnings: tuple[Finding, ...] = ()
    tests: tuple[TestOutcome, ...] = ()
    apps: tuple[str, ...] = ()
    events: list[str] | None = None
    to: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    cost: int = 0
    budget: Budget | None = None


class RuleExplain(Wire):
    """A rule's text, or the name of one in force."""

    source: Source = ""
    rule: Word = ""


class TypedExpression(Wire):
    """One expression of a rule: where it stands, its text, its type."""

    place: str
    text: str
    type: str
    nullable: bool


class FailurePoint(Wire):
    """Something that can fail on an event, with which codes; ``caught``: a ``try_`` is around it."""

    place: str
    text: str
    codes: list[str]
    caught: bool


class CostTerm(Wire):
    """A part of the cost: ``units`` of about 30 ns, and why."""

    text: str
    units: int
    why: str


class Explanation(Wire):
    """What a rule is to the engine; ``text`` is all of it for people.

    ``placement`` says where the engine's index puts it and why; ``code`` is generated from the IR,
    ``tree`` is the IR as indented text.
    """

    rule: str
    text: str
    front_end: FrontEnd
    events: list[str] | None
    to: list[str]
    ir: dict[str, Any]
    tree: str
    expressions: list[TypedExpression]
    reads: list[str]
    writes: list[str]
    uses: list[str]
    failures: list[FailurePoint]
    cost: int
    terms: list[CostTerm]
    placement: dict[str, Any]
    code: str
    notes: list[str]


class RuleFormat(Wire):
    """A rule to print in a front end."""

    source: Source
    front_end: FrontEnd = "python"


class Formatted(Wire):
    """A rule's text, printed from its IR."""

    text: str
    changed: bool


class RulePreview(Wire):
    """A draft to run over ``events`` (merged events), or over the latest real ones of ``app``."""

    source: Source
    events: Annotated[tuple[dict[str, Any], ...], Meta(max_length=1_000)] = ()
    app: Word = ""
    event: Word = ""
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class PreviewRow(Wire):
    """One output: the dataset it goes to, and how many events it stands for."""

    to: str
    row: dict[str, Any]
    weight: float


class Previewed(Wire):
    """What one event becomes. ``reason`` says why nothing came of it.

    ``script`` is the script that would be handed the outputs; a preview does not run it.
    """

    event: str
    id: str
    app: str
    input: dict[str, Any]
    outcome: Literal["output", "not_matched", "dropped", "failed"]
    outputs: list[PreviewRow]
    script: str = ""
    code: str = ""
    reason: str = ""


class Preview(Wire):
    """A draft over some events. ``origin`` says where they are from.

    With findings nothing was run. ``truncated``: time ran out before all of them.
    """

    ok: bool
    findings: list[Finding]
    origin: Literal["given", "live", "stored", "none"]
    matched: int
    failed: int
    items: list[Previewed]
    truncated: bool


# --- publish


class RuleSource(Wire):
    """A rule's YAML text, and why it is published. ``accept_cost`` passes over a refused budget."""

    source: Source
    reason: Note = ""
    accept_cost: bool = False


class Rule(Wire):
    """A rule. A quarantined one runs nowhere; ``message`` says why.

    ``draft`` is the ETag of its draft, "" where there is none. ``canary``: a new version of it runs
    for a share of the events.
    """

    rule: str
    version: int
    source: str
    apps: list[str]
    to: str
    owner: str
    status: Literal["published", "quarantined"]
    message: str
    updated_at: int
    updated_by: str
    etag: str
    reason: str = ""
    cost: int = 0
    uses: tuple[str, ...] = ()
    draft: str = ""
    canary: bool = False
    number: int = 0
    warnings: tuple[Finding, ...] = ()
    budget: Budget | None = None


class Rules(Wire):
    """A page of rules by name."""

    items: list[Rule]
    next: str | None


class RuleQuery(Paging):
    """Rules of one app, or all; those whose name has ``query`` in it."""

    app: Word = ""
    query: Word = ""


Action = Literal["published", "rolled_back", "deleted", "quarantined"]


class RuleVersion(Wire):
    """One version of a rule. ``number`` is the ruleset number it came with (0: not known)."""

    rule: str
    version: int
    source: str
    action: Action
    reason: str
    number: int
    created_at: int
    created_by: str
    etag: str = ""


class RuleVersions(Wire):
    """A page of versions, newest first."""

    items: list[RuleVersion]
    next: str | None


class DiffQuery(Wire):
    """Two versions; ``to`` of 0 is the last, ``from`` of 0 the one before it."""

    from_: Version = msgspec.field(name="from", default=0)
    to: Version = 0


class RuleChange(Wire):
    """One difference in meaning, with what stood there before and after (as text)."""

    kind: Literal[
        "filter",
        "column_added",
        "column_removed",
        "column_changed",
        "actions",
        "target",
        "apps",
        "env",
        "events",
        "owner",
        "on_error",
    ]
    name: str
    before: str
    after: str


class RuleDiff(Wire):
    """What differs between two versions: ``text`` as a unified diff, ``changes`` in meaning.

    ``changes`` is None where a version no longer checks, so that its meaning is not known.
    """

    rule: str
    from_: int = msgspec.field(name="from")
    to: int
    text: str
    changes: list[RuleChange] | None


class Rollback(Wire):
    """The version whose text is to be in force again, and why."""

    version: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    reason: Note = ""


class RulesetRollback(Wire):
    """The number whose rules are to be in force again, and why."""

    number: Annotated[int, Meta(ge=1, le=2**53)]
    reason: Note = ""


class RulesetRolledBack(Wire):
    """What a rollback changed; ``number`` is the new one (0: there was nothing to change)."""

    number: int
    restored: int
    rules: list[str]
    removed: list[str]
    functions: list[str]
    tables: list[str]
    scripts: list[str]


class RulesetEntry(Wire):
    """A published number in a list."""

    number: int
    published_at: int
    reason: str
    changed: list[str]
    removed: list[str]
    effective_ms: int | None


class Rulesets(Wire):
    """A page of numbers, newest first."""

    items: list[RulesetEntry]
    next: str | None


# --- drafts


class DraftSource(Wire):
    """A draft's text, whatever its state. ``base_version`` is the version it was begun from."""

    source: Text
    base_version: Version = 0


class Draft(Wire):
    """A draft: the one text of a rule that is being worked on.

    ``rule_version`` is the version in force (0: none); ``behind`` says that it is later than the one
    the draft was begun from.
    """

    rule: str
    source: str
    author: str
    base_version: int
    rule_version: int
    behind: bool
    created_at: int
    updated_at: int
    etag: str


class Drafts(Wire):
    """A page of drafts by name."""

    items: list[Draft]
    next: str | None


class DraftRemoved(Wire):
    """A draft that is gone; ``source`` is its last text."""

    rule: str
    source: str


# --- functions, lookup tables, scripts


class DefinitionSource(Wire):
    """The YAML text of a function, a lookup table or a script, and why it changes."""

    source: Source
    reason: Note = ""


class Definition(Wire):
    """A function, a lookup table or a script. ``definition`` is the checked form that travels.

    ``used_by`` are the rules that name it.
    """

    name: str
    source: str
    definition: dict[str, Any]
    version: int
    owner: str
    description: str
    used_by: list[str]
    updated_at: int
    updated_by: str
    reason: str
    etag: str
    number: int = 0
    recompiled: tuple[str, ...] = ()


class DefinitionEntry(Wire):
    """A function, a lookup table or a script in a list; ``summary`` is a line of what it is."""

    name: str
    version: int
    owner: str
    description: str
    summary: str
    used_by: int
    updated_at: int
    updated_by: str
    etag: str


class Definitions(Wire):
    """A page by name."""

    items: list[DefinitionEntry]
    next: str | None


class DefinitionCheck(Wire):
    """Whether a text could be published, and all that is wrong with it.

    ``broken_rules`` are those that it would break; their findings are among ``findings``.
    """

    ok: bool
    name: str
    findings: list[Finding]
    broken_rules: list[str]


class DefinitionVersion(Wire):
    """One version of a function, a lookup table or a script."""

    name: str
    version: int
    source: str
    action: Literal["published", "rolled_back", "deleted"]
    reason: str
    number: int
    created_at: int
    created_by: str


class DefinitionVersions(Wire):
    """A page of versions, newest first."""

    items: list[DefinitionVersion]
    next: str | None


# --- the language


class LanguageFunction(Wire):
    """A function or operator. ``sign`` is how an operator is written.

    ``cost`` is in units of about 30 ns; ``group`` is what it is about; ``can_fail``: it needs ``try_``.
    """

    name: str
    sign: str
    doc: str
    group: str
    signatures: list[str]
    examples: list[str]
    cost: int
    can_fail: bool
    origin: Literal["built_in", "user", "plugin"]


class LanguageProperty(Wire):
    """A built-in property of events."""

    path: str
    type: str
    nullable: bool


class Language(Wire):
    """What a rule can be written with: for completion. ``events`` of a plan come from the plan."""

    version: int
    functions: list[LanguageFunction]
    aliases: dict[str, str]
    properties: list[LanguageProperty]
    actions: list[str]
    rule_keys: list[str]
    column_types: list[str]
    datasets: list[str]
    tables: list[str]
    scripts: list[str]


class LanguageQuery(Wire):
    """Nothing is asked for yet but all of it; ``word`` narrows functions by name."""

    word: Annotated[str, Meta(max_length=100)] = ""
