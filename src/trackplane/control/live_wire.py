"""What the API takes and gives about live traffic: statistics, shadows, canaries, the dirty workbench.

Times are Unix milliseconds UTC, costs nanoseconds. ``wire`` has the rest.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from trackplane.control.patterns import Name
from trackplane.control.wire import Cursor, Limit, Note, Paging, Source, Wire, Word

Percent = Annotated[float, Meta(gt=0, le=100)]
Share = Annotated[float, Meta(gt=0, le=1)]
Ratio = Annotated[float, Meta(ge=0, le=1)]
Minutes = Annotated[int, Meta(ge=1, le=1_440)]
Time = Annotated[int, Meta(ge=0, le=2**53)]
Text = Annotated[str, Meta(max_length=1_000_000)]

# --- statistics


class Figures(Wire):
    """What a rule did: events matched, rows put out, failures, time, bytes in and out."""

    matched: int = 0
    output: int = 0
    failed: int = 0
    ns: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


class Point(Figures, kw_only=True):
    """A rule's figures in the step that began at ``at``."""

    at: int


class StatisticsQuery(Wire):
    """``window`` in seconds back from now: up to an hour in steps of 10 s, up to a day of 60 s."""

    window: Annotated[int, Meta(ge=10, le=86_400)] = 900


class RuleStatistics(Wire):
    """A rule's figures over a window, summed over nodes.

    ``p50_ns`` is the median over steps of the time an event takes. ``canary`` are the figures of its
    canary, which are not in the others.
    """

    rule: str
    window_s: int
    step_s: int
    totals: Figures
    points: list[Point]
    p50_ns: float | None
    error_rate: float
    canary: Figures | None


class TopQuery(Wire):
    """The most costly, most failing, or most productive rules over the last ``window`` seconds."""

    sort: Literal["cost", "errors", "output"] = "cost"
    limit: Limit = 20
    window: Annotated[int, Meta(ge=10, le=86_400)] = 900


class TopRule(Wire):
    """A rule in the list; a canary is called ``rule~canary``."""

    rule: str
    totals: Figures
    error_rate: float
    ns_per_event: float | None


class TopRules(Wire):
    """The list, and the sums over all rules."""

    items: list[TopRule]
    totals: Figures
    rules: int


# --- shadow


class ShadowCreate(Wire):
    """A candidate to run beside the rule for some minutes on a share of the events."""

    source: Source
    minutes: Minutes = 10
    rate: Share = 0.1


class ShadowSample(Wire):
    """An event whose outputs differ. ``old`` and ``new`` are rows (None: no such row).

    ``number`` counts the outputs of one event from 0; ``fields`` are those that differ.
    """

    kind: Literal["changed", "only_old", "only_new", "failed_old", "failed_new"]
    app: str
    env: str
    event: str
    id: str
    number: int
    fields: list[str]
    old: dict[str, Any] | None
    new: dict[str, Any] | None
    error: str


class FieldChanges(Wire):
    """How many rows differ in a field."""

    field: str
    rows: int


class Shadow(Wire):
    """How a candidate does against the rule in force, over all nodes.

    ``events`` were run through both, ``skipped`` were not, for lack of time. Rows are told apart by
    event and place among its outputs: ``equal``, ``changed``, ``only_old``, ``only_new``.
    """

    rule: str
    status: Literal["running", "ended"]
    source: str
    rate: float
    started_at: int
    started_by: str
    until: int
    ended_at: int | None
    has_base: bool
    events: int
    skipped: int
    equal: int
    changed: int
    only_old: int
    only_new: int
    failed_old: int
    failed_new: int
    ns_old: int
    ns_new: int
    fields: list[FieldChanges]
    samples: list[ShadowSample]
    nodes: int
    number: int = 0


# --- canary


class CanaryLimits(Wire):
    """When a new version is taken back by itself. 0 of ``cost_ratio`` is no limit.

    ``error_rate`` of the events matched may fail above what fails of the old version; the output per
    matched event may fall by ``drop_rate`` of the old version's; the time an event takes may grow to
    ``cost_ratio`` times. Nothing is decided before ``min_events`` were matched by both.
    """

    error_rate: Ratio = 0.01
    drop_rate: Ratio = 0.5
    cost_ratio: Annotated[float, Meta(ge=0, le=1_000)] = 10.0
    min_events: Annotated[int, Meta(ge=1, le=10_000_000)] = 200


class CanaryCreate(Wire):
    """A new version for a share of the events, chosen by the hash of ``key``.

    ``key`` is an expression of the rule language; empty: the person, else the device, else the event.
    """

    source: Source
    percent: Percent = 5.0
    key: Annotated[str, Meta(max_length=1_000)] = ""
    limits: CanaryLimits = msgspec.field(default_factory=CanaryLimits)
    reason: Note = ""


class CanaryChange(Wire):
    """Another share."""

    percent: Percent


class CanaryPromote(Wire):
    """Why the canary becomes the rule."""

    reason: Note = ""


class Comparison(Wire):
    """Old and new version side by side since the canary (or the guard) began.

    Rates are None while nothing was matched. ``passed`` names the limit that was passed.
    """

    old: Figures
    new: Figures
    error_rate_old: float | None = None
    error_rate_new: float | None = None
    output_ratio: float | None = None
    cost_ratio: float | None = None
    passed: Literal["", "error_rate", "drop_rate", "cost_ratio"] = ""


CanaryStatus = Literal["running", "promoted", "aborted", "rolled_back"]
GuardStatus = Literal["watching", "kept", "rolled_back", "ended"]


class Canary(Wire):
    """A canary, running or the last one of the rule."""

    rule: str
    status: CanaryStatus
    source: str
    base_version: int
    percent: float
    key: str
    limits: CanaryLimits
    reason: str
    started_at: int
    started_by: str
    ended_at: int | None
    message: str
    comparison: Comparison
    etag: str
    number: int = 0


class GuardCreate(Wire):
    """Watch the version in force for some minutes against the one before it."""

    minutes: Minutes = 10
    limits: CanaryLimits = msgspec.field(default_factory=CanaryLimits)


class Guard(Wire):
    """The watch over a rule's last full publish."""

    rule: str
    status: GuardStatus
    version: int
    previous: int
    limits: CanaryLimits
    started_at: int
    until: int
    ended_at: int | None
    message: str
    comparison: Comparison
    number: int = 0


# --- the dirty workbench

DirtyStage = Literal["", "hygiene", "plan", "rule"]


class DirtyQuery(Paging):
    """Which dirty events; ``resolved`` shows those that a replay has mended instead."""

    app: Word = ""
    stage: DirtyStage = ""
    reason: Word = ""
    rule: Word = ""
    event: Word = ""
    app_version: Word = ""
    resolved: bool = False


class Dirty(Wire):
    """A dirty event; ``header`` and ``data`` are the client's text.

    ``attempts`` is how often it failed so far, first time included.
    """

    key: str
    app: str
    env: str
    stage: str
    reason: str
    message: str
    event: str
    id: str
    rule: str
    app_version: str
    received_at: int
    attempts: int
    header: str
    data: str


class DirtyEvents(Wire):
    """A page of dirty events, newest first."""

    items: list[Dirty]
    next: str | None


GroupField = Literal["app", "stage", "reason", "rule", "event", "app_version"]


class DirtyGroupQuery(Wire):
    """``by`` names the fields to group by, with commas between.

    They are app, stage, reason, rule, event and app_version.
    """

    app: Word = ""
    by: Annotated[str, Meta(max_length=100)] = "app,stage,reason,rule,event"


class DirtyGroup(Wire):
    """Dirty events that failed alike; a field that is not grouped by is empty.

    ``sample`` is the key of the newest.
    """

    app: str
    stage: str
    reason: str
    rule: str
    event: str
    app_version: str
    count: int
    first_at: int
    last_at: int
    sample: str


class DirtyGroups(Wire):
    """Groups by count. ``unresolved`` and ``resolved`` add up to all that ever failed here."""

    items: list[DirtyGroup]
    unresolved: int
    resolved: int


class DirtySelection(Wire):
    """Which dirty events: all of an app, narrowed by what is given."""

    app: Name
    stage: DirtyStage = ""
    reason: Word = ""
    rule: Word = ""
    event: Word = ""
    app_version: Word = ""
    ids: Annotated[tuple[Word, ...], Meta(max_length=10_000)] = ()
    keys: Annotated[tuple[Word, ...], Meta(max_length=10_000)] = ()
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1_000


class Edit(Wire):
    """One change to each event of a selection, in order.

    ``set`` gives ``path`` (as ``what.total``) the ``value``; ``unset`` removes it; ``rename`` moves it
    to the path ``to``; ``cast`` turns it into ``to``: string, int64, float64 or bool; ``text`` puts
    ``to`` for each ``path`` in the client's own bytes (for what is not JSON at all).
    """

    op: Literal["set", "unset", "rename", "cast", "text"]
    path: Annotated[str, Meta(min_length=1, max_length=400)]
    value: object = None
    to: Annotated[str, Meta(max_length=400)] = ""


class DirtyFix(Wire):
    """A dry run: nothing is written. ``show`` events are shown, all of them are tried."""

    selection: DirtySelection
    edits: Annotated[tuple[Edit, ...], Meta(max_length=100)] = ()
    show: Annotated[int, Meta(ge=0, le=200)] = 20


class FixViolation(Wire):
    """What is still wrong."""

    code: str
    pointer: str
    message: str


class Fixed(Wire):
    """One event before and after, and what would become of it.

    ``outputs`` are the rows that a rule would put out, as JSON texts.
    """

    key: str
    id: str
    event: str
    stage: str
    rule: str
    header_before: str
    header_after: str
    before: str
    after: str
    good: bool
    disposition: str
    violations: list[FixViolation]
    outputs: list[str]


class DirtyFixed(Wire):
    """The dry run's verdict: ``good`` would be taken now, ``still_dirty`` would fail again."""

    selected: int
    good: int
    still_dirty: int
    items: list[Fixed]


class ReplayCreate(Wire):
    """Replay a selection, mended by ``edits`` (none: what broke it was mended elsewhere)."""

    selection: DirtySelection
    edits: Annotated[tuple[Edit, ...], Meta(max_length=100)] = ()
    reason: Note = ""


ReplayStatus = Literal["running", "done", "cancelled", "failed", "undone"]


class DirtyReplay(Wire):
    """A replay: ``selected`` events; ``sent`` so far, of which ``resolved`` are mended.

    ``failed`` are dirty again, ``skipped`` cannot be replayed (``message`` says why). ``undone_rows``
    is how many rows an undo took out of tables.
    """

    id: str
    app: str
    status: ReplayStatus
    selection: DirtySelection
    edits: list[Edit]
    reason: str
    selected: int
    sent: int
    resolved: int
    failed: int
    skipped: int
    dispositions: dict[str, int]
    message: str
    started_at: int
    started_by: str
    ended_at: int | None
    undone_at: int | None
    undone_rows: int


class DirtyReplays(Wire):
    """A page of replays, newest first."""

    items: list[DirtyReplay]
    next: str | None


class ReplayQuery(Wire):
    """Replays of one app, or all."""

    app: Word = ""
    limit: Limit = 100
    cursor: Cursor = ""
