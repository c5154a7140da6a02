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
from trackplane.rules import ir
from trackplane.rules.apply import apply
from trackplane.rules.functions import FUNCTIONS, Signature
from trackplane.rules.ir import Type

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
KINDS = ("string", "int64", "float64", "bool", "timestamp", "array", "object", "map", "json")
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

# --- rules: typed expressions from the table of functions


def _literal(kind: str) -> st.SearchStrategy[ir.Literal]:
    values: dict[str, st.SearchStrategy[Any]] = {
        "string": TEXTS,
        "int64": INTEGERS,
        "float64": FLOATS,
        "bool": st.booleans(),
        "timestamp": INTEGERS,
    }
    made = values[kind].map(lambda value: ir.Literal(value, Type(kind)))  # type: ignore[arg-type]
    return st.one_of(made, made, made, st.just(ir.Literal(None, Type("null"))))


@st.composite
def paths(draw: st.DrawFn, kind: str) -> ir.Path:
    stamped = [key for key, type_ in STAMPED.items() if type_ == kind]
    if stamped and draw(st.integers(0, 3)) == 0:
        root, name = draw(st.sampled_from(stamped))
        return ir.Path(root, (name,), Type(kind), nullable=False)  # type: ignore[arg-type]
    root, name = draw(st.sampled_from(PROPERTIES))
    rest = draw(st.lists(st.one_of(KEYS, st.integers(0, 2)), max_size=2))
    return ir.Path(root, (name, *rest), Type(kind))  # type: ignore[arg-type]


_MAKERS: dict[str, list[tuple[str, Signature]]] = defaultdict(list)
for _name, _function in FUNCTIONS.items():
    for _signature in _function.signatures:
        for _kind in KINDS if _signature.result == "T" else (_signature.result,):
            _MAKERS[_kind].append((_name, _signature))


@st.composite
def expressions(draw: st.DrawFn, kind: str, depth: int = 3) -> ir.Expression:
    scalar = kind in ("string", "int64", "float64", "bool", "timestamp")
    if depth == 0 or (kind != "bool" and draw(st.integers(0, 2)) == 0) or not _MAKERS[kind]:
        if scalar and draw(st.integers(0, 3)) == 0:
            return draw(_literal(kind))
        return draw(paths(kind))
    name, signature = draw(st.sampled_from(_MAKERS[kind]))
    kinds: list[str] = []
    for wanted in signature.args:
        if wanted == "…":
            kinds += [kinds[-1]] * draw(st.integers(0, 2))
        elif wanted == "T":
            kinds.append(kind)
        else:
            kinds.append(draw(st.sampled_from(KINDS)) if wanted == "any" else wanted)
    if name == "matches":
        pattern = draw(st.sampled_from(["^a", "[0-9]+$", "ä|b", ".", "(?i)A"]))
        args = [draw(expressions("string", depth - 1)), ir.Literal(pattern, Type("string"))]
    elif name == "in":
        items = draw(st.lists(_literal(kinds[0]), min_size=1, max_size=3))
        items = [item for item in items if item.value is not None] or [
            ir.Literal(True, Type("bool")) if kinds[0] == "bool" else draw(_literal("string"))
        ]
        if any(item.value is None or item.type.kind != kinds[0] for item in items):
            return draw(paths(kind))
        args = [draw(expressions(kinds[0], depth - 1)), *items]
    else:
        args = [draw(expressions(each, depth - 1)) for each in kinds]
    if name not in ("coalesce", "if_", "try_", "is_null", "and", "or", "not"):
        # Overloads are told apart by the types of arguments: the checker casts NULL to one of them.
        args = [
            ir.Literal(None, Type(each))
            if isinstance(arg, ir.Literal) and arg.value is None
            else arg  # type: ignore[arg-type]
            for arg, each in zip(args, [*kinds, *[kinds[-1]] * len(args)], strict=False)
        ]
    return ir.Call(name, tuple(args), Type(kind))  # type: ignore[arg-type]


@st.composite
def actions(draw: st.DrawFn) -> tuple[ir.Action, ...]:
    drop: list[ir.Action] = []
    if draw(st.integers(0, 3)) == 0:
        drop.append(ir.Drop(draw(expressions("bool", 2))))
    kind = draw(st.sampled_from(["keep", "select", "select", "select", "set"]))
    if kind == "keep":
        return (*drop, ir.Keep())
    if kind == "select":
        names = draw(
            st.lists(st.sampled_from(["a", "b", "día", 'q"', "_d"]), min_size=1, unique=True)
        )
        return (
            *drop,
            ir.Select(
                tuple(
                    ir.Column(
                        name, draw(st.sampled_from(KINDS).flatmap(lambda k: expressions(k, 2)))
                    )
                    for name in names
                )
            ),
        )
    targets = draw(
        st.lists(st.sampled_from([*PROPERTIES, ("how", "new")]), min_size=1, unique=True)
    )
    return (
        *drop,
        ir.Set(
            tuple(
                ir.Assignment(
                    root,  # type: ignore[arg-type]
                    name,
                    draw(st.sampled_from(KINDS).flatmap(lambda k: expressions(k, 1))),
                )
                for root, name in targets
            )
        ),
        ir.Keep(),
    )


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


def typed(value: Any) -> Any:
    """Return a value that differs where JSON differs: TRUE is not 1, but 1.0 is 1."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return value


def expected(rules: list[ir.Rule], frame: Frame) -> tuple[dict[Any, Any], dict[Any, str]]:
    rows, failures = {}, {}
    for event in frame:
        for rule in rules:
            found = apply(rule, event)
            for failure in found.failures:
                failures[(rule.name, event["id"])] = failure.code
            for output in found.outputs:
                rows[(rule.name, output.target, event["id"])] = typed(output.value)
    return rows, failures


def actual(outputs: Outputs) -> tuple[dict[Any, Any], dict[Any, str]]:
    rows: dict[Any, Any] = {}
    for dataset, found in outputs.rows.items():
        for data, rule, event_id in zip(found.data, found.rule, found.id, strict=True):
            assert b"\n" not in data
            assert (rule, dataset, event_id) not in rows
            rows[(rule, dataset, event_id)] = typed(json.loads(data))
    failures = {(dirty.rule, dirty.id): dirty.reason for dirty in outputs.dirty}
    assert len(failures) == len(outputs.dirty)
    return rows, failures


@settings(
    max_examples=250 * SCALE,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(rules=rulesets(), uploads=UPLOADS)
def test_the_engine_puts_out_what_the_reference_does(make_frame, make_ruleset, rules, uploads):
    """Same rows for the same (rule, event), same failures with the same codes."""
    frame = make_frame(uploads=uploads)
    outputs = Engine(make_ruleset(rules)).process([(frame, None)])
    assert actual(outputs) == expected(rules, frame)
