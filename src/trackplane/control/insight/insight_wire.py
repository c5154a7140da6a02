"""What the API says of use, impact, trust and metrics, as structs. Times are Unix ms UTC.

Shares are of 1. ``seen`` counts stored events (dirty ones are not among them), ``violations`` those of them
that break their plan by more than a warning, ``volume`` weighs sampled ones.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from trackplane.control.registry_wire import Remark
from trackplane.control.wire import Paging, PlanFiles, Wire, Word
from trackplane.errors import Finding
from trackplane.plan.model import Text

How = Literal["broken", "altered", "touched"]
Level = Literal["high", "medium", "low", "unknown"]


# --- observations


class Seen(Wire):
    """What was seen of an event on a platform, in an app version; both empty where not said."""

    platform: str
    version: str
    env: str
    seen: int
    violations: int
    dirty: int
    first_at: int
    last_at: int


class Volume(Wire):
    """What was seen in a step that begins ``at``. By hour only ``seen`` and ``dirty`` are counted apart."""

    at: int
    seen: int
    violations: int
    dirty: int


class ObservationState(Wire):
    """How far counting is: ``behind_rows`` are stored and not counted yet."""

    counted_at: int | None
    behind_rows: int


class Unplanned(Wire):
    """An event that arrives and is not planned. ``dirty`` ones the allow-list kept out."""

    app: str
    event: str
    seen: int
    dirty: int
    first_at: int
    last_at: int
    platforms: list[str]
    versions: list[str]
    near: str | None


class UnplannedList(Wire):
    """A page of unplanned events, the most frequent first."""

    items: list[Unplanned]
    next: str | None
    total: int
    state: ObservationState


class UnplannedQuery(Paging):
    """Which unplanned events: seen within ``days``, by part of the name."""

    days: Annotated[int, Meta(ge=1, le=400)] = 30
    query: Word = ""


# --- consumers


class Consumer(Wire):
    """Something that reads or sends an event, or a property of it; ``owner`` may be empty.

    ``detail`` says more of it, ``exact`` that it names what it reads (else it may read all).
    """

    kind: Literal["rule", "metric", "query", "client", "subscription"]
    name: str
    title: str = ""
    owner: str = ""
    detail: str = ""
    exact: bool = True
    id: str = ""


class Consumers(Wire):
    """Everything that uses an event, by kind."""

    rules: list[Consumer]
    metrics: list[Consumer]
    queries: list[Consumer]
    clients: list[Consumer]
    subscriptions: list[Consumer]


# --- trust


class Criterion(Wire):
    """One part of a trust badge: ``met`` None is not known (yet). ``points`` of ``of`` count."""

    code: str
    met: bool | None
    points: int
    of: int
    why: str
    facts: dict[str, Any]


class Trust(Wire):
    """How far an event or metric can be trusted; docs/trust.md has the rule."""

    level: Level
    score: int
    criteria: list[Criterion]


# --- event page


class LifeCycle(Wire):
    """The state of an event on a platform in a release."""

    platform: str
    release: str
    state: str


class ViolationCount(Wire):
    """A violation of an event, by code and place. ``dirty`` of ``count`` were kept out for it."""

    code: str
    pointer: str
    count: int
    dirty: int
    last_at: int


class Screenshot(Wire):
    """A picture of an event: ``url`` under the API for uploaded ones, else the https address."""

    name: str
    url: str
    width: int = 0
    height: int = 0
    media_type: str = ""
    bytes: int = 0
    label: str = ""
    created_at: int = 0
    created_by: str = ""


class Snippet(Wire):
    """How to send the event, in a language."""

    language: str
    code: str


class InsightQuery(Wire):
    """Over how many days, and of which environment (empty: all)."""

    days: Annotated[int, Meta(ge=1, le=400)] = 90
    env: Word = ""


class EventInsight(Wire):
    """What is known of an event beyond its plan. ``daily`` has every day of the window.

    ``hourly`` covers the last 48 hours. ``valid_share`` is of events seen and dirty within 7 days, None
    without any. ``violations`` are the most frequent ones of these days, ``cut`` that time was short.
    """

    app: str
    event: str
    planned: bool
    trust: Trust
    seen: int
    volume: float
    dirty: int
    first_at: int | None
    last_at: int | None
    daily: list[Volume]
    hourly: list[Volume]
    by_version: list[Seen]
    valid_share: float | None
    violations: list[ViolationCount]
    life_cycle: list[LifeCycle]
    consumers: Consumers
    snippets: list[Snippet]
    screenshots: list[Screenshot]
    state: ObservationState
    notes: list[str]


class TopValue(Wire):
    """A value, as JSON text cut to 200 characters, and how often it was sent."""

    value: str
    count: int
    share: float


class Bin(Wire):
    """Numbers from ``low`` (inclusive) to ``high`` (exclusive; the last bin inclusive)."""

    low: float
    high: float
    count: int


class PropertyValues(Wire):
    """What a property really holds, in the sample. ``count`` had it, ``nulls`` of them as null.

    ``missing`` events had it not. ``masked``: it may be personal, so no value is shown, and ``numbers``
    and ``lengths`` are left out. ``sent`` is False where nobody sends it. ``unplanned``: not in the plan.
    ``quantiles`` are of numbers (of lengths for texts, arrays and objects) at 0, .05, .25, .5, .75, .95, 1.
    """

    path: str
    type: list[str]
    planned: bool
    masked: bool
    pii: str | None
    sent: bool
    count: int
    nulls: int
    missing: int
    distinct: int | None
    kinds: dict[str, int]
    top: list[TopValue]
    examples: list[str]
    quantiles: list[float] | None
    mean: float | None
    histogram: list[Bin]
    lengths: list[float] | None


class ValuesQuery(Wire):
    """Which property (empty: all), of how many of the latest hours."""

    property: Word = ""
    hours: Annotated[int, Meta(ge=1, le=2_160)] = 168
    env: Word = ""


class EventValues(Wire):
    """Real values of an event's properties, from a sample of ``sampled`` of ``of`` stored events."""

    app: str
    event: str
    since: int
    until: int
    sampled: int
    of: int
    cut: bool
    properties: list[PropertyValues]


# --- impact


class ImpactRequest(Wire):
    """A proposed plan: all of its files. ``hours`` of traffic are replayed, ``events`` of it at most."""

    files: PlanFiles
    hours: Annotated[int, Meta(ge=1, le=2_160)] = 24
    events: Annotated[int, Meta(ge=1, le=100_000)] = 10_000


class Touched(Wire):
    """A rule, metric, saved query or client that a change concerns, and how.

    ``broken``: it no longer works; ``altered``: it works and gives something else; ``touched``: it reads
    what changes. ``findings`` say why; ``events`` which events of its.
    """

    kind: Literal["rule", "metric", "query", "client"]
    name: str
    how: How
    owner: str
    app: str
    events: list[str]
    findings: list[Finding]
    id: str = ""


class Sample(Wire):
    """An event that fails differently: its violations after the change, and masked values."""

    id: str
    event: str
    platform: str
    version: str
    at: int
    violations: list[Finding]
    before: list[Finding]
    what: dict[str, Any]


class FailureCount(Wire):
    """How many events newly break this constraint (newly keep it, among ``passing``)."""

    code: str
    pointer: str
    count: int
    estimated: int


class SegmentImpact(Wire):
    """Events of a name, platform and app version: counted in the sample, estimated for the window."""

    event: str
    platform: str
    version: str
    population: int
    sampled: int
    newly_fail: int
    newly_pass: int
    estimated_fail: int
    estimated_pass: int


class Replayed(Wire):
    """A sample of real traffic under the plan in force and under the proposed one.

    ``population`` events of the touched names were received in the window; ``sampled`` of them (of each
    platform and version some) were validated, ``share`` of them; ``live`` came from the stream's end.
    ``dirty`` of the sample were dirty under the plan in force. ``cut``: time or size ended it early.
    """

    since: int
    until: int
    population: int
    sampled: int
    share: float
    live: int
    dirty: int
    took_ms: int
    cut: bool
    mode: str
    newly_fail: int
    newly_pass: int
    still_fail: int
    estimated_fail: int
    estimated_pass: int
    segments: list[SegmentImpact]
    failing: list[FailureCount]
    passing: list[FailureCount]
    samples: list[Sample]


class VolumeEstimate(Wire):
    """What a new event will bring each day, from events like it; None where there is nothing like it."""

    event: str
    like: list[str]
    basis: str
    per_day: float | None
    bytes_per_event: float | None
    bytes_per_day: float | None
    platforms: list[str]


class Impact(Wire):
    """What a proposed plan would do to consumers, traffic and cost."""

    app: str
    assessed_at: int
    added: list[str]
    changed: list[str]
    removed: list[str]
    rules: list[Touched]
    metrics: list[Touched]
    queries: list[Touched]
    clients: list[Touched]
    replay: Replayed
    volume: list[VolumeEstimate]
    bytes_per_day: float | None
    broken: int
    notes: list[str]


# --- metrics


class MetricSummary(Wire):
    """A metric of an app. ``value`` is the last whole day's, None where it has none."""

    app: str
    metric: str
    title: Text | None
    unit: str | None
    owner: str | None
    of: str
    value: float | None
    trust: Level


class MetricList(Wire):
    """The metrics of an app's plan in force."""

    items: list[MetricSummary]


class MetricChange(Wire):
    """A revision in which a metric's definition changed."""

    revision: int
    at: int
    author: str
    message: str
    measure: str
    where: str | None
    what: Literal["added", "altered"]


class MetricDetail(Wire):
    """A metric's page. ``words`` say its definition for people, ``sql`` is how it is computed.

    ``alike`` are metrics of the app over the same event and measure.
    """

    app: str
    metric: str
    title: Text | None
    description: Text | None
    unit: str | None
    owner: str | None
    tags: list[str]
    of: str
    measure: str
    where: str | None
    words: str
    sql: str
    reads: list[str]
    findings: list[Finding]
    trust: Trust
    event_trust: Level
    history: list[MetricChange]
    consumers: Consumers
    alike: list[str]
    revision: int


class SeriesQuery(Wire):
    """From when (ms; 0: 30 days back) until when (ms; 0: now), in steps."""

    from_: Annotated[int, Meta(ge=0, le=2**53)] = msgspec.field(default=0, name="from")
    to: Annotated[int, Meta(ge=0, le=2**53)] = 0
    step: Literal["hour", "day", "week", "month"] = "day"
    env: Word = ""


class Point(Wire):
    """A metric's value in the step that begins ``at``; None where there is none."""

    at: int
    value: float | None


class Series(Wire):
    """A metric over time. ``total`` is over the whole range, not the sum of points."""

    app: str
    metric: str
    unit: str | None
    step: str
    from_: int = msgspec.field(name="from")
    to: int
    total: float | None
    points: list[Point]


# --- screenshots


class ScreenshotUpload(Wire):
    """A picture, base64: PNG, JPEG, WebP or GIF of at most 10 MB."""

    content: Annotated[str, Meta(min_length=1)]
    label: Remark = ""


class Screenshots(Wire):
    """A page of an app's screenshots."""

    items: list[Screenshot]
    next: str | None
