"""What every subject gets: events as JSON lines, rules as JSON, both made from fixed seeds.

A rule holds for one event name of one app, has further conditions, and projects five fields. Base events are
nested and of about 940 bytes. Up to a thousand (event, app) pairs have rules, every event is of
one of them (*skewed*: 5 % are), so no subject gains by not looking.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec

from trackplane.rules import ir

FRAME_EVENTS = 500
FRAMES = 8
APPS = 50
SERVER = 1_795_376_614_990
COUNTRIES = ["SG", "MY", "ID", "TH", "VN", "PH", "JP", "US"]
WIDE = 60
# The rows that are put out: name and path.
COLUMNS = {
    "id": "id",
    "user": "who.user_id",
    "value": "what.total.value",
    "page": "where.page",
    "items": "what.items",
}


class Condition(msgspec.Struct, frozen=True):
    """``value`` is a number or text; of ``in`` a list, of ``between`` low and high."""

    path: str
    op: str  # eq, in, gt, between, prefix, matches
    value: Any


class Rule(msgspec.Struct, frozen=True):
    """One rule, as every subject reads it."""

    name: str
    event: str
    app: str
    conditions: list[Condition]


class Case(msgspec.Struct, frozen=True):
    """A load: how many rules, of what kind, and which share of the events has any."""

    name: str
    rules: int
    kind: str = "plain"  # wide, regex
    share: float = 1.0

    @property
    def pairs(self) -> int:
        return min(self.rules, 1_000)


CASES = {
    case.name: case
    for case in (
        Case("10 rules", 10),
        Case("1,000 rules", 1_000),
        Case("10,000 rules", 10_000),
        Case("100,000 rules", 100_000),
        Case("1,000 rules, skewed", 1_000, share=0.05),
        Case("1,000 rules, wide events", 1_000, kind="wide"),
        Case("1,000 rules, regex and ranges", 1_000, kind="regex"),
    )
}


def pair(number: int) -> tuple[str, str]:
    """Return the event and the app of a pair."""
    return f"event_{number // APPS}", f"app_{number % APPS}"


def event(rng: random.Random, name: str, number: int, app: str = "", kind: str = "plain") -> bytes:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    hexed = "".join(rng.choices("0123456789abcdef", k=12))
    value: dict[str, Any] = {
        "id": f"0192f1c2-7a10-7d5e-9c11-{hexed}",
        "event": name,
        "who": {
            "user_id": f"u{rng.randrange(10**8)}",
            "anonymous_id": "".join(rng.choices(letters, k=22)),
            "device_id": "".join(rng.choices(letters, k=22)),
            "session_id": f"s{rng.randrange(10**9)}",
        },
        "when": {"client": SERVER - number * 7, "sent": SERVER - 20, "offset_min": 480},
        "where": {
            "page": f"/shop/category/{rng.randrange(200)}/cart",
            "module": "pay_bar",
            "referrer": "https://www.example.com/search?q=shoes",
            "country": rng.choice(COUNTRIES),
        },
        "how": {
            "app": app,
            "platform": rng.choice(["ios", "android", "web"]),
            "os_version": "18.1",
            "app_version": f"9.{rng.randrange(20)}.0",
            "network": "wifi",
            "sdk": "ios/1.4.0",
            "seq": number,
        },
        "what": {
            "total": {"value": round(rng.uniform(0, 500), 2), "currency": "SGD"},
            "items": [
                {"sku": f"a{rng.randrange(10**5)}", "name": "Running shoes", "price": 64.75, "quantity": 1}
                for _ in range(3)
            ],
            "coupon": "SPRING26",
            "experiment": {"checkout": "B", "search": "control"},
        },
    }  # fmt: skip
    if not app:
        del value["how"]["app"]
    if kind == "wide":
        for index in range(WIDE):
            text = "".join(rng.choices(letters, k=36))
            value["what"][f"p{index:02}"] = f"v{rng.randrange(4)}-{text}"
    return msgspec.json.encode(value)


def events(case: Case) -> list[tuple[str, str, bytes]]:
    """Return event name, app and JSON of each event."""
    rng = random.Random(7)
    found = []
    for number in range(FRAMES * FRAME_EVENTS):
        name, app = pair(rng.randrange(case.pairs))
        if rng.random() >= case.share:
            name = f"other_{rng.randrange(100)}"
        found.append((name, app, event(rng, name, number, app, case.kind)))
    return found


def rules(case: Case) -> list[Rule]:
    return [made(case, number) for number in range(case.rules)]


def made(case: Case, number: int) -> Rule:
    """Return one rule of a case."""
    rng = random.Random(number)
    name, app = pair(number % case.pairs)
    least = float(rng.choice([100, 150, 200, 250, 300, 350, 400, 450]))
    platform = rng.choice(["ios", "android", "web"])
    conditions = [
        Condition("what.total.value", "gt", least),
        Condition("how.platform", "eq", platform),
        Condition("where.country", "in", rng.sample(COUNTRIES, 2)),
    ]
    if case.kind == "wide":
        for index in rng.sample(range(WIDE), 2):
            conditions.append(Condition(f"what.p{index:02}", "prefix", f"v{rng.randrange(4)}-"))
        del conditions[1]
    if case.kind == "regex":
        low = rng.randrange(0, 300)
        conditions = [
            Condition("what.total.value", "between", [least - 100, least]),
            Condition("how.seq", "between", [low, low + 2_000]),
            Condition("how.app_version", "prefix", "9.1"),
            Condition("where.page", "matches", f"^/shop/category/1?[0-9]*{rng.randrange(10)}/(cart|pay)$"),
        ]  # fmt: skip
    return Rule(f"rule_{number}", name, app, conditions)


def write(case: Case, folder: Path) -> None:
    """Write what the peers read."""
    (folder / "events.ndjson").write_bytes(b"\n".join(data for _, _, data in events(case)) + b"\n")
    (folder / "rules.json").write_bytes(msgspec.json.encode(rules(case)))


# --- as our IR


def path(text: str) -> ir.Path:
    kinds = {"what.total.value": "float64", "what.items": "array", "how.seq": "int64"}
    root, *parts = text.split(".")
    kind = ir.Type(kinds.get(text, "string"))  # type: ignore[arg-type]
    if not parts:
        return ir.Path("", (root,), kind, nullable=False)  # type: ignore[arg-type]
    return ir.Path(root, tuple(parts), kind)  # type: ignore[arg-type]


def literal(value: Any) -> ir.Literal:
    kinds = {str: ir.STRING, float: ir.FLOAT64, int: ir.INT64, bool: ir.BOOL}
    return ir.Literal(value, kinds[type(value)])


def expression(condition: Condition) -> list[ir.Expression]:
    place, value = path(condition.path), condition.value
    if condition.op == "in":
        return [ir.Call("in", (place, *map(literal, value)), ir.BOOL)]
    if condition.op == "between":
        low, high = map(literal, value)
        return [ir.Call("ge", (place, low), ir.BOOL), ir.Call("le", (place, high), ir.BOOL)]
    name = {"prefix": "starts_with"}.get(condition.op, condition.op)
    return [ir.Call(name, (place, literal(value)), ir.BOOL)]


def our_rule(rule: Rule, *, match_only: bool = False) -> ir.Rule:
    """Return a rule as IR; one that only matches drops whatever it matched."""
    where = [ir.Call("in", (path("event"), literal(rule.event)), ir.BOOL)]
    for condition in rule.conditions:
        where += expression(condition)  # type: ignore[arg-type]
    select = ir.Select(tuple(ir.Column(name, path(text)) for name, text in COLUMNS.items()))
    drop = ir.Drop(ir.Literal(value=True, type=ir.BOOL))
    return ir.Rule(
        name=rule.name,
        target="out",
        apps=(rule.app,) if rule.app else (),
        events=(rule.event,),
        where=ir.Call("and", tuple(where), ir.BOOL),
        actions=(drop, select) if match_only else (select,),
    )


def rule(number: int, name: str) -> ir.Rule:
    """Return a plain rule of one event name, for every app."""
    found = made(CASES["1,000 rules"], number)
    return our_rule(Rule(found.name, name, "", found.conditions))
