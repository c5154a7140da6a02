"""A rule as it was under a ruleset number, run over stored events."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
import sqlalchemy as sa
from msgspec import Meta

from trackplane.control import tables, wire
from trackplane.control.budget import environment_of
from trackplane.control.data_operations import reach
from trackplane.control.operations import Call, Operations
from trackplane.control.problems import NotFoundError
from trackplane.control.reach import sees
from trackplane.control.wire import Wire
from trackplane.errors import InputError
from trackplane.rules import ir

operations: Final = Operations("rules")

Time = Annotated[int, Meta(ge=0, le=2**53)]


class RuleReplay(Wire):
    """When the events were received (ms, ``to`` is left out), the ruleset number (0: now), how many rows."""

    from_: Time = msgspec.field(name="from")
    to: Time
    ruleset: wire.Number = 0
    app: wire.Word = ""
    limit: Annotated[int, Meta(ge=0, le=10_000)] = 100


class ReplayedRow(Wire):
    """One output. Times are ms."""

    to: str
    id: str
    event: str
    app: str
    env: str
    server: int
    at: int
    weight: float
    row: dict[str, Any]


class RuleReplayed(Wire):
    """What the rule puts out: counts by dataset, failures by code, the first rows.

    ``way`` is how it ran: as SQL in DuckDB, or by the engine, and then ``why`` not as SQL. ``version`` is
    the rule's that was in force under the number.
    """

    rule: str
    version: int
    number: int
    way: Literal["duckdb", "engine"]
    why: str
    snapshot: int
    outputs: dict[str, int]
    failures: dict[str, int]
    rows: list[ReplayedRow]
    truncated: bool


@operations.add("POST", "/rules/{rule}/replay", action="data.read")
def replay_rule(call: Call, rule: wire.Word, body: RuleReplay) -> RuleReplayed:
    """Run a rule, as it was under a ruleset number, over stored events; nothing is written."""
    if body.to <= body.from_:
        raise InputError("the time is empty", hint="to must be after from")
    row = _version_under(call, rule, body.ruleset)
    snapshot = call.platform.publisher.snapshot
    found = call.platform.data.replay_rule(
        ir.decode_rule(row.body.encode()),
        since_ms=body.from_,
        until_ms=body.to,
        apps=reach(call.actor, body.app),
        snapshot=snapshot,
        environment=environment_of(call),
        limit=body.limit,
    )
    rows = [
        ReplayedRow(
            to=each.target,
            id=each.id,
            event=each.event,
            app=each.app,
            env=each.env,
            server=each.server,
            at=each.at,
            weight=each.weight,
            row=each.data,
        )
        for each in found.rows
    ]
    return RuleReplayed(
        rule=rule,
        version=row.version,
        number=row.number,
        way=found.way,
        why=found.why,
        snapshot=found.snapshot,
        outputs=found.outputs,
        failures=found.failures,
        rows=rows,
        truncated=found.truncated,
    )


def _version_under(call: Call, rule: str, number: int) -> sa.Row[Any]:
    """Return the version of a rule that was in force under a number, with its IR."""
    table = tables.rule_versions
    select = sa.select(table).where(table.c.rule == rule)
    if number:
        select = select.where(table.c.number <= number)
    newest = select.order_by(table.c.version.desc()).limit(1)
    with call.platform.database.read() as connection:
        row = connection.execute(newest).first()
    if row is None or not sees(call, row.apps):
        under = f" under ruleset {number}" if number else ""
        raise NotFoundError(f"there is no rule {rule!r}{under}")
    if row.body is None:
        message = f"{rule!r} was not in force{f' under ruleset {number}' if number else ''}"
        raise NotFoundError(message, hint=f"see `trackplane rule history {rule}`")
    return row
