"""Metrics of the plans in force: what they mean, their values, their history, who uses them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final, Literal

import msgspec
import sqlalchemy as sa

from trackplane.control import tables
from trackplane.control.apps import find_app
from trackplane.control.design.plan_publishing import held_workspace
from trackplane.control.design.plan_tables import plan_changes
from trackplane.control.insight import insight_wire, observations
from trackplane.control.insight.consumers import event_reads, queries_of, touches
from trackplane.control.insight.event_page import cache_of, facts_of
from trackplane.control.insight.observations import DAY_MS
from trackplane.control.insight.trust import event_trust, metric_trust, plain
from trackplane.control.operations import Call, Operations
from trackplane.control.problems import NotFoundError
from trackplane.control.wire import Word
from trackplane.errors import InputError, TrackplaneError, did_you_mean
from trackplane.plan.changes import PartChange
from trackplane.plan.model import EventSpec, Metric, Plan
from trackplane.rules.backends.duckdb import to_duckdb
from trackplane.rules.backends.query import Refused
from trackplane.rules.metrics import (
    CompiledMetric,
    aggregation_sql,
    compile_metric,
    metric_findings,
)
from trackplane.rules.source import RuleError

operations: Final = Operations("data")  # it reads the lake: in threads of its own
_HOUR_MS: Final = 3_600_000
_DAYS: Final = 30
_MOST_POINTS: Final = 2_000
_VALUED: Final = 50  # metrics of a list whose values are computed
_HISTORY: Final = 50
Step = Literal["hour", "day", "week", "month"]


@operations.add("GET", "/apps/{app}/metrics", action="read")
def list_metrics(call: Call, app: Word) -> insight_wire.MetricList:
    """List an app's metrics with yesterday's value."""
    plan, _ = _plan(call, app)
    now = call.platform.clock()
    with call.platform.database.read() as connection:
        trusts = {
            event: event_trust(plan.events[event], facts_of(call, connection, plan, event, now))
            for event in {metric.of for metric in plan.metrics.values()}
            if event in plan.events
        }
    items = []
    for number, metric in enumerate(plan.metrics[name] for name in sorted(plan.metrics)):
        compiled = _compiled(plan, metric, "")
        value = None
        if compiled is not None and number < _VALUED:
            value = _yesterday(call, app, compiled, now)
        trust = trusts.get(metric.of)
        level: insight_wire.Level = "unknown"
        if trust is not None:
            level = metric_trust(
                metric,
                trust,
                findings=compiled is None,
                has_value=value is not None if compiled is not None else None,
                consumers=0,
            ).level
        items.append(
            insight_wire.MetricSummary(
                app=app,
                metric=metric.name,
                title=metric.title,
                unit=metric.unit,
                owner=metric.owner,
                of=metric.of,
                value=value,
                trust=level,
            )
        )
    return insight_wire.MetricList(items=items)


@operations.add("GET", "/apps/{app}/metrics/{metric}", action="read")
def get_metric(call: Call, app: Word, metric: Word) -> insight_wire.MetricDetail:
    """Show a metric: its definition in words and as SQL, trust, history, who uses it."""
    plan, revision = _plan(call, app)
    found = _find(plan, app, metric)
    spec = plan.events.get(found.of)
    findings = metric_findings(found, spec) if spec is not None else []
    compiled = _compiled(plan, found, "")
    now = call.platform.clock()
    with call.platform.database.read() as connection:
        facts = facts_of(call, connection, plan, found.of, now)
        history = _history(connection, app, metric, found)
        used = _consumers(call, connection, app, found, compiled)
    of = event_trust(spec or EventSpec(app=app, event=found.of), facts)
    value = _yesterday(call, app, compiled, now) if compiled is not None else None
    count = len(used.queries) + len(used.rules) + len(used.metrics)
    return insight_wire.MetricDetail(
        app=app,
        metric=metric,
        title=found.title,
        description=found.description,
        unit=found.unit,
        owner=found.owner,
        tags=list(found.tags),
        of=found.of,
        measure=found.measure,
        where=found.where,
        words=words(found, spec),
        sql=_sql(compiled) if compiled is not None else "",
        reads=list(compiled.reads) if compiled is not None else [],
        findings=findings,
        trust=metric_trust(
            found,
            of,
            findings=len(findings) + (spec is None),
            has_value=value is not None if compiled is not None else None,
            consumers=count,
        ),
        event_trust=of.level,
        history=history,
        consumers=used,
        alike=_alike(plan, found),
        revision=revision,
    )


@operations.add("GET", "/apps/{app}/metrics/{metric}/series", action="read")
def get_metric_series(
    call: Call, app: Word, metric: Word, query: insight_wire.SeriesQuery
) -> insight_wire.Series:
    """Compute a metric over time, by event time, from what is stored."""
    plan, _ = _plan(call, app)
    found = _find(plan, app, metric)
    spec = plan.events.get(found.of)
    if spec is None:
        raise NotFoundError(f"the event {found.of!r} of the metric is not planned")
    compiled = compile_metric(found, spec, _envs(query.env))
    now = call.platform.clock()
    until = query.to or now + 1
    since = query.from_ or until - _DAYS * DAY_MS
    steps = list(_steps(since, until, query.step))
    if since >= until or len(steps) > _MOST_POINTS:
        raise InputError(
            f"from {since} to {until} by {query.step} is {len(steps)} points",
            hint=f"choose up to {_MOST_POINTS:,} points: another range, or longer steps",
        )
    return cache_of(call).get(
        ("series", app, found, query.env, since // _HOUR_MS, until // 60_000, query.step),
        now,
        lambda: insight_wire.Series(
            app=app,
            metric=metric,
            unit=found.unit,
            step=query.step,
            from_=steps[0],
            to=until,
            total=_value(call, compiled, steps[0], until),
            points=_points(call, compiled, steps, until, query.step),
        ),
    )


def _envs(env: str) -> tuple[str, ...]:
    return (env,) if env else ("prod",)


def _plan(call: Call, app: str) -> tuple[Plan, int]:
    with call.platform.database.read() as connection:
        row = find_app(connection, call, app)
        held = held_workspace(connection, call.platform, app, row.revision)
    return (held.plan if held is not None else Plan(app=app)), row.revision


def _find(plan: Plan, app: str, metric: str) -> Metric:
    found = plan.metrics.get(metric)
    if found is None:
        raise NotFoundError(
            f"the plan of {app!r} has no metric {metric!r}", hint=did_you_mean(metric, plan.metrics)
        )
    return found


def _compiled(plan: Plan, metric: Metric, env: str) -> CompiledMetric | None:
    spec = plan.events.get(metric.of)
    if spec is None:
        return None
    try:
        return compile_metric(metric, spec, _envs(env))
    except RuleError:
        return None


def _sql(compiled: CompiledMetric) -> str:
    try:
        query = to_duckdb(compiled.rule, "events")
    except Refused:
        return ""
    return f"SELECT {aggregation_sql(compiled)} AS value\nFROM (\n{query.sql}\n) AS measured"


# --- values


def _steps(since: int, until: int, step: Step) -> Iterator[int]:
    """Yield the beginnings (ms UTC) of the steps that a range touches, a few more than allowed at most."""
    moment = dt.datetime.fromtimestamp(since / 1000, dt.UTC).replace(
        minute=0, second=0, microsecond=0
    )
    if step != "hour":
        moment = moment.replace(hour=0)
    if step == "week":
        moment -= dt.timedelta(days=moment.weekday())
    if step == "month":
        moment = moment.replace(day=1)
    for _ in range(_MOST_POINTS + 1):
        at = int(moment.timestamp() * 1000)
        if at >= until:
            return
        yield at
        try:
            moment = _next(moment, step)
        except (OverflowError, ValueError):
            return


def _next(moment: dt.datetime, step: Step) -> dt.datetime:
    match step:
        case "hour":
            return moment + dt.timedelta(hours=1)
        case "day":
            return moment + dt.timedelta(days=1)
        case "week":
            return moment + dt.timedelta(days=7)
        case "month":
            return (moment + dt.timedelta(days=32)).replace(day=1)


def _points(
    call: Call, compiled: CompiledMetric, steps: list[int], until: int, step: Step
) -> list[insight_wire.Point]:
    if step in ("hour", "day"):
        size = _HOUR_MS if step == "hour" else DAY_MS
        held = _series(call, compiled, steps[0], until, size)
        return [insight_wire.Point(at=at, value=held.get(at)) for at in steps]
    ends = [*steps[1:], until]
    return [
        insight_wire.Point(at=at, value=_value(call, compiled, at, min(end, until)))
        for at, end in zip(steps, ends, strict=True)
    ]


def _series(
    call: Call, compiled: CompiledMetric, since: int, until: int, step: int | None
) -> dict[int, float | None]:
    try:
        found = call.platform.data.metric(compiled, since_ms=since, until_ms=until, step_ms=step)
    except InputError:
        return {}  # the lake has no events of that time
    return {point.at: point.value for point in found.points}


def _value(call: Call, compiled: CompiledMetric, since: int, until: int) -> float | None:
    return next(iter(_series(call, compiled, since, until, None).values()), None)


def _yesterday(call: Call, app: str, compiled: CompiledMetric, now: int) -> float | None:
    today = observations.day_of(now) * DAY_MS

    def compute() -> float | None:
        try:
            return _value(call, compiled, today - DAY_MS, today)
        except TrackplaneError:
            return None  # there is no lake: a list without values is better than none

    return cache_of(call).get(("yesterday", app, compiled.metric, today), now, compute)


# --- words, history, consumers

_NAMES: Final = {
    "count()": "the number of events",
}


def words(metric: Metric, spec: EventSpec | None) -> str:
    """Return what a metric measures, in a sentence."""
    title = plain(spec.title) if spec is not None else ""
    event = f"{metric.of} ({title})" if title else metric.of
    measure = _NAMES.get(metric.measure.replace(" ", ""), metric.measure)
    text = f"{measure[0].upper()}{measure[1:]} over {event} events"
    if metric.measure.replace(" ", "") in _NAMES:
        text = f"The number of {event} events"
    if metric.where:
        text += f" for which {metric.where}"
    text += f", in {metric.unit}" if metric.unit else ""
    return text + "."


def _history(
    connection: sa.Connection, app: str, name: str, metric: Metric
) -> list[insight_wire.MetricChange]:
    """Return the revisions that changed a metric's text, the newest first."""
    table, revisions = plan_changes, tables.revisions
    rows = connection.execute(
        sa.select(
            table.c.revision,
            table.c.change,
            revisions.c.created_at,
            revisions.c.author,
            revisions.c.message,
        )
        .join(
            revisions,
            sa.and_(revisions.c.app == table.c.app, revisions.c.revision == table.c.revision),
        )
        .where(table.c.app == app, table.c.section == "metrics", table.c.name == name)
        .order_by(table.c.revision.desc())
        .limit(_HISTORY)
    ).all()
    found: list[insight_wire.MetricChange] = []
    measure, where = metric.measure, metric.where
    for row in rows:
        part = msgspec.json.decode(row.change, type=PartChange)
        found.append(
            insight_wire.MetricChange(
                revision=row.revision,
                at=row.created_at,
                author=row.author,
                message=row.message,
                measure=measure,
                where=where,
                what="added" if part.kind == "added" else "altered",
            )
        )
        for change in part.changes:
            if change.field == "measure" and change.before is not None:
                measure = change.before
            if change.field == "where":
                where = change.before
    return found


def _consumers(
    call: Call,
    connection: sa.Connection,
    app: str,
    metric: Metric,
    compiled: CompiledMetric | None,
) -> insight_wire.Consumers:
    """Return the saved queries that read what the metric reads: nothing else can name one yet."""
    reads = compiled.reads if compiled is not None else ()
    queries = []
    for row, read_set in queries_of(call, connection, app):
        paths = event_reads(read_set, metric.of)
        if paths is False:
            continue
        exact = isinstance(paths, list)
        if isinstance(paths, list) and reads and not touches(paths, reads):
            continue
        queries.append(
            insight_wire.Consumer(
                kind="query",
                name=row.name,
                title=row.description,
                owner=row.owner,
                exact=exact,
                id=row.id,
            )
        )
    return insight_wire.Consumers(
        rules=[], metrics=[], queries=queries, clients=[], subscriptions=[]
    )


def _alike(plan: Plan, metric: Metric) -> list[str]:
    """Return metrics that measure the same of the same event, however they filter it."""
    wanted = metric.measure.replace(" ", "")
    return sorted(
        other.name
        for other in plan.metrics.values()
        if other.name != metric.name
        and other.of == metric.of
        and other.measure.replace(" ", "") == wanted
    )
