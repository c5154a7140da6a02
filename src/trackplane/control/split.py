"""Two versions of a rule over one stream: each event goes to one of them, by the hash of a key."""

from __future__ import annotations

from typing import Final

import msgspec

from trackplane.discovery import Snapshot
from trackplane.discovery.compile import Plans
from trackplane.engine.outputs import CANARY
from trackplane.plan.model import EventSpec
from trackplane.rules import ir
from trackplane.rules.check import check_expression
from trackplane.rules.source import Excerpt

PARTS: Final = 10_000
DEFAULT_KEY: Final = "coalesce(who.user_id, who.install_id, id)"


def with_key(rule: ir.Rule, text: str, snapshot: Snapshot) -> ir.Expression:
    """Return the expression whose hash chooses; an event where it is NULL is chosen by its id.

    Raises:
        RuleError: it is no string expression over the rule's events.
    """
    plans = Plans(snapshot)
    specs: list[EventSpec] = []
    if text and rule.events is not None:
        apps = rule.apps or tuple(r.name for r in snapshot.of_kind("app"))
        specs = [
            plans[app, event] for app in apps for event in rule.events if (app, event) in plans
        ]
    excerpt = Excerpt.of(text or DEFAULT_KEY, "key")
    found = check_expression(excerpt, specs or None, wanted=ir.STRING)
    if not found.nullable:
        return found
    by_id = ir.Path(root="", parts=("id",), type=ir.STRING, nullable=False)
    return ir.Call(function="coalesce", args=(found, by_id), type=ir.STRING, nullable=False)


def split_rule(
    base: ir.Rule, candidate: ir.Rule, key: ir.Expression, parts: int
) -> tuple[ir.Rule, ir.Rule]:
    """Return the old version for the upper parts of ``PARTS`` and the new one for the lower."""
    bucket = ir.Call(
        function="bucket",
        args=(key, ir.Literal(value=PARTS, type=ir.INT64)),
        type=ir.INT64,
        nullable=False,
    )
    return (
        _narrowed(base, "ge", bucket, parts, base.name),
        _narrowed(candidate, "lt", bucket, parts, base.name + CANARY),
    )


def _narrowed(rule: ir.Rule, sign: str, bucket: ir.Call, parts: int, name: str) -> ir.Rule:
    share = ir.Call(
        function=sign,
        args=(bucket, ir.Literal(value=parts, type=ir.INT64)),
        type=ir.BOOL,
        nullable=False,
    )
    where: ir.Expression = share
    if rule.where is not None:
        where = ir.Call(
            function="and",
            args=(rule.where, share),
            type=ir.BOOL,
            nullable=rule.where.nullable,
        )
    found = [e for e in ir.walk(bucket) if isinstance(e, ir.Path) and e.root and e.root != "meta"]
    paths = {".".join((e.root, *_keys(e.parts))) for e in found}
    used = {e.function for e in ir.walk(share) if isinstance(e, ir.Call)}
    return msgspec.structs.replace(
        rule,
        name=name,
        where=where,
        reads=tuple(sorted({*rule.reads, *paths})),
        functions=tuple(sorted({*rule.functions, *used})),
    )


def _keys(parts: tuple[str | int, ...]) -> list[str]:
    keys: list[str] = []
    for part in parts:
        if not isinstance(part, str):
            break
        keys.append(part)
    return keys
