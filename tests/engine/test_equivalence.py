"""The engine against the reference evaluator, over generated rules and events."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trackplane.engine.engine import Engine, Outputs
from trackplane.frame import Frame
from trackplane.rules import ir, library
from trackplane.rules.apply import apply
from trackplane.rules.ir import Type
from trackplane.rules.library.registry import FUNCTIONS
from trackplane.rules.library.table import Signature, type_of

SCALE = int(os.environ.get("TRACKPLANE_TEST_SCALE", "1"))
NAMES = ("pay", "view", "öffnen")
PROPERTIES = (
    ("what", "a"),
    ("what", "b"),
    ("what", "schlüssel"),
    ("who", "user_id"),
    ("when", "client"),
    ("where", "page"),
    ("how", "seq"),
)
STAMPED = {
    ("", "id"): "string",
    ("", "event"): "string",
    ("when", "server"): "timestamp",
    ("when", "at"): "timestamp",
    ("meta", "app"): "string",
    ("meta", "env"): "string",
    ("meta", "grade"): "string",
    ("meta", "revision"): "int64",
    ("meta", "weight"): "float64",
}
SCALARS = ("string", "int64", "float64", "bool", "timestamp")
KINDS = (*SCALARS, "array", "array<string>", "array<int64>", "object", "map", "json")
TEXTS = st.sampled_from(
    [
        "", "a", "A b", "ä", "\U0001f600", "12", "-9223372036854775808", "9223372036854775808", "1.5",
        ".5e3", "1e999", "true", "2026-11-23T02:00:00Z", "2026-11-23T02:00:60.1239+08:00",
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-23T02:00:00.1234567890Z",
        "2026-13-23T02:00:00Z", '"\\\n', " x ", "pay",
    ]
)  # fmt: skip
INTEGERS = st.sampled_from(
    [0, 1, -1, 2, 7, -7, 3, 100, 2**53 + 1, 2**63 - 1, -(2**63), 253_402_300_799_999, 10**15]
)
FLOATS = st.sampled_from(
    [0.0, -0.0, 1.0, 0.5, -0.5, 2.5, 1e16, 1e-5, 1e300, -1e300, 9.3e18, 5e-324, 100.0, 123.456]
)
BEYOND = st.sampled_from([2**63, -(2**63) - 1, 2**64, 10**30, 10**400])

# --- events: JSON text, so that keys can come twice and numbers be spelled as they are


def _object(pairs: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{json.dumps(key)}:{value}" for key, value in pairs) + "}"


SCALAR_TEXT = st.one_of(
    st.just("null"),
    st.sampled_from(["true", "false", "1.0", "1e3", "-2.50", "1E-2", "1e18", "0"]),
    st.one_of(TEXTS, INTEGERS, FLOATS).map(json.dumps),
    TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False)),
    BEYOND.map(str),
)
KEYS = st.sampled_from(["x", "y", "ключ"])
VALUE_TEXT = st.recursive(
    SCALAR_TEXT,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[ " + ",".join(items) + "]"),
        st.lists(st.tuples(KEYS, inner), max_size=3).map(_object),
    ),
    max_leaves=5,
)
DEEP_TEXT = st.just('{"x":' * 40 + "1" + "}" * 40)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    namespaces: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for root, name in draw(st.lists(st.sampled_from(PROPERTIES), max_size=8)):
        namespaces[root].append((name, draw(st.one_of(VALUE_TEXT, DEEP_TEXT))))
    if draw(st.booleans()):
        namespaces["what"].append(("unread", draw(VALUE_TEXT)))
    pairs = [("id", '"made up"'), ("meta", '{"app":"evil"}')]
    pairs += [(root, _object(members)) for root, members in namespaces.items()]
    if draw(st.booleans()):
        pairs.append(("where", "null"))
    return _object(pairs).encode()


UPLOADS = st.lists(
    st.tuples(
        st.sampled_from(["shop", "other"]),
        st.sampled_from(["prod", "prod", "dev"]),
        bodies(),
        st.lists(st.tuples(st.sampled_from(NAMES), bodies()), max_size=6),
    ),
    min_size=1,
    max_size=3,
)

# --- rules: typed expressions from the table of functions; types are texts such as array<string>

LITERALS = st.sampled_from(
    ["^a", "([0-9]+)", "ä|b", "(?i)A", "0", "xy", "UTC", "Asia/Singapore", "hour", "day", "%Y-%m-%d", "$.x[0].y"]
)  # fmt: skip


def _literal(kind: str) -> st.SearchStrategy[ir.Literal]:
    values: dict[str, st.SearchStrategy[Any]] = {
        "string": TEXTS,
        "int64": INTEGERS,
        "float64": FLOATS,
        "bool": st.booleans(),
        "timestamp": INTEGERS,
    }
    made = values[kind].map(lambda value: ir.Literal(value, type_of(kind)))
    return st.one_of(made, made, made, st.just(ir.Literal(None, Type("null"))))


PARTS = st.lists(st.one_of(KEYS, st.integers(0, 2)), max_size=2)


@st.composite
def paths(draw: st.DrawFn, kind: str, items: tuple[str, ...]) -> ir.Expression:
    if items and draw(st.booleans()):
        name = draw(st.sampled_from(items))
        return ir.Item(name, tuple(draw(PARTS)), type_of(kind))
    stamped = [key for key, type_ in STAMPED.items() if type_ == kind]
    if stamped and draw(st.integers(0, 3)) == 0:
        root, name = draw(st.sampled_from(stamped))
        return ir.Path(root, (name,), Type(kind), nullable=False)  # type: ignore[arg-type]
    root, name = draw(st.sampled_from(PROPERTIES))
    return ir.Path(root, (name, *draw(PARTS)), type_of(kind))  # type: ignore[arg-type]


def _makers() -> dict[str, list[tuple[str, Signature, str]]]:
    """Return by result the functions, their overloads and what T is in them ("": anything)."""
    found: dict[str, list[tuple[str, Signature, str]]] = defaultdict(list)
    for name, function in FUNCTIONS.items():
        for signature in function.signatures:
            variable = any("T" in text for text in signature.args)
            for kind in KINDS:
                if kind == signature.result:
                    found[kind].append((name, signature, "" if variable else "-"))
                elif signature.result == "T":
                    found[kind].append((name, signature, kind))
                elif signature.result == "array<T>" and kind.startswith("array<"):
                    found[kind].append((name, signature, kind[6:-1]))
    return found


MAKERS = _makers()


@st.composite
def each(draw: st.DrawFn, kind: str, depth: int, items: tuple[str, ...]) -> ir.Expression:
    name = draw(st.sampled_from(["x", "item"]))
    array = draw(expressions("array", depth - 1, items))
    inner = (*items, name)
    if kind == "bool":
        body = draw(expressions("bool", depth - 1, inner))
        return ir.Each(draw(st.sampled_from(["any", "all"])), array, name, body, ir.BOOL)
    if draw(st.booleans()):
        body = draw(expressions("bool", depth - 1, inner))
        return ir.Each("filter", array, name, body, type_of(kind))
    item = kind[6:-1] if kind.startswith("array<") else draw(st.sampled_from(KINDS))
    body = draw(expressions(item, depth - 1, inner))
    return ir.Each("map", array, name, body, type_of(kind))


@st.composite
def expressions(
    draw: st.DrawFn, kind: str, depth: int = 3, items: tuple[str, ...] = ()
) -> ir.Expression:
    if depth <= 0 or (kind != "bool" and draw(st.integers(0, 2)) == 0) or not MAKERS[kind]:
        if kind in SCALARS and draw(st.integers(0, 3)) == 0:
            return draw(_literal(kind))
        return draw(paths(kind, items))
    if (kind == "bool" or kind.startswith("array")) and draw(st.integers(0, 3)) == 0:
        return draw(each(kind, depth, items))
    name, signature, variable = draw(st.sampled_from(MAKERS[kind]))
    if not variable:
        variable = draw(st.sampled_from(SCALARS))
    wanted: list[str] = []
    for text in signature.args:
        if text == "…":
            wanted += [wanted[-1]] * draw(st.integers(0, 2))
        elif text == "any":
            wanted.append(draw(st.sampled_from(KINDS)))
        else:
            wanted.append(text.replace("T", variable))
    args: list[ir.Expression] = []
    for number, text in enumerate(wanted):
        if text == "literal string":
            args.append(ir.Literal(draw(LITERALS), ir.STRING))
        elif text == "literal int64":
            args.append(ir.Literal(draw(st.integers(0, 3)), ir.INT64))
        elif name == "in" and number:
            found = draw(_literal(text))
            if found.value is None:
                return draw(paths(kind, items))
            args.append(found)
        else:
            odd = "<array" in text or "U" in text
            args.append(draw(expressions("array" if odd else text, depth - 1, items)))
    if name not in ("coalesce", "if_", "try_", "is_null", "and", "or"):
        # Overloads are told apart by the types of arguments: the checker casts NULL to one of them.
        args = [
            ir.Literal(None, type_of(text.removeprefix("literal ")))
            if isinstance(arg, ir.Literal) and arg.value is None and "T" not in text
            else arg
            for arg, text in zip(args, wanted, strict=True)
        ]
    call = ir.Call(name, tuple(args), type_of(kind))
    if FUNCTIONS[name].make is not None:
        try:
            library.bind(call)
        except library.BindError:
            return draw(paths(kind, items))
    return call


ANY = st.sampled_from(KINDS)
TARGETS = st.lists(
    st.sampled_from([*PROPERTIES, ("how", "new"), ("when", "at")]),
    min_size=1,
    max_size=3,
    unique=True,
)


@st.composite
def actions(draw: st.DrawFn) -> tuple[ir.Action, ...]:
    steps: list[ir.Action] = []
    items: tuple[str, ...] = ()
    kinds = draw(
        st.lists(
            st.sampled_from(["drop", "sample", "set", "set", "unset", "explode", "route"]),
            max_size=4,
        )
    )
    for kind in kinds:
        match kind:
            case "drop":
                steps.append(ir.Drop(draw(expressions("bool", 2, items))))
            case "sample":
                rate = draw(st.sampled_from([1.0, 0.5, 0.3, 1e-9]))
                steps.append(ir.Sample(rate, draw(expressions("string", 1, items))))
            case "set":
                values = [
                    ir.Assignment(
                        root,  # type: ignore[arg-type]
                        name,
                        draw(expressions(draw(ANY), 1, items)),
                        draw(st.booleans()),
                    )
                    for root, name in draw(TARGETS)
                ]
                steps.append(ir.Set(tuple(values)))
            case "unset":
                steps.append(ir.Unset(tuple(f"{root}.{name}" for root, name in draw(TARGETS))))
            case "explode" if not items:
                steps.append(ir.Explode(draw(expressions("array", 2)), "item"))
                items = ("item",)
            case "route" if not any(isinstance(step, ir.Route) for step in steps):
                by = draw(expressions("string", 1, items))
                steps.append(ir.Route(by, (("a", "two"), ("pay", "two"), ("", "one"))))
    if draw(st.integers(0, 2)) == 0:
        steps.append(ir.Keep())
    else:
        names = draw(
            st.lists(st.sampled_from(["a", "b", "día", 'q"', "_d"]), min_size=1, unique=True)
        )
        columns = [ir.Column(name, draw(expressions(draw(ANY), 2, items))) for name in names]
        steps.append(ir.Select(tuple(columns)))
    if draw(st.integers(0, 5)) == 0:
        steps.append(ir.Script("s"))
    return tuple(steps)


@st.composite
def rulesets(draw: st.DrawFn) -> list[ir.Rule]:
    shared = [draw(expressions("bool", 2)) for _ in range(2)]
    rules = []
    for number in range(draw(st.integers(1, 5))):
        wheres: st.SearchStrategy[Any] = st.one_of(
            st.none(), expressions("bool", 3), st.sampled_from(shared)
        )
        where = draw(wheres)
        if where is not None and draw(st.booleans()):
            where = ir.Call("and", (draw(st.sampled_from(shared)), where), Type("bool"))
        rules.append(
            ir.Rule(
                name=f"rule {number}",
                target=draw(st.sampled_from(["one", "two"])),
                actions=draw(actions()),
                apps=draw(st.sampled_from([(), ("shop",), ("shop", "other")])),
                envs=draw(st.sampled_from([("prod",), ("prod", "dev")])),
                events=draw(st.sampled_from([None, ("pay",), ("pay", "öffnen"), NAMES])),
                where=where,
            )
        )
    return rules


# --- comparison

Rows = dict[Any, list[Any]]
Failures = dict[Any, list[str]]


def typed(value: Any) -> Any:
    """Return a value that differs where JSON differs: TRUE is not 1, but 1.0 is 1."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return value


def expected(rules: list[ir.Rule], frame: Frame) -> tuple[Rows, Failures]:
    """Return rows by (rule, target, script, id), each with its weight, and failures' codes."""
    rows: Rows = defaultdict(list)
    failures: Failures = defaultdict(list)
    for event in frame:
        for rule in rules:
            applied = apply(rule, event)
            for output in applied.outputs:
                key = (rule.name, output.target, applied.script, event["id"])
                rows[key].append((typed(output.value), output.weight))
            for failure in applied.failures:
                failures[rule.name, event["id"]].append(failure.code)
    return rows, failures


def actual(outputs: Outputs) -> tuple[Rows, Failures]:
    rows: Rows = defaultdict(list)
    failures: Failures = defaultdict(list)
    for dataset, found in outputs.rows.items():
        for data, rule, event_id, weight in zip(
            found.data, found.rule, found.id, found.weight, strict=True
        ):
            assert b"\n" not in data
            rows[rule, dataset, "", event_id].append((typed(json.loads(data)), weight))
    for script, waiting in outputs.scripts.items():
        for data, rule, target, event_id, weight in zip(
            waiting.data, waiting.rule, waiting.target, waiting.id, waiting.weight, strict=True
        ):
            rows[rule, target, script, event_id].append((typed(json.loads(data)), weight))
    for dirty in outputs.dirty:
        failures[dirty.rule, dirty.id].append(dirty.reason)
    return rows, failures


@settings(
    max_examples=250 * SCALE,
    suppress_health_check=list(HealthCheck),
)
@given(rules=rulesets(), uploads=UPLOADS)
def test_the_engine_puts_out_what_the_reference_does(make_frame, make_ruleset, rules, uploads):
    """Same rows with the same weights for the same (rule, event), same failures in the same order."""
    frame = make_frame(uploads=uploads)
    outputs = Engine(make_ruleset(rules)).process([(frame, None)])
    assert actual(outputs) == expected(rules, frame)
