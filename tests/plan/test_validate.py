"""Validators: every violation of an event, and JSON Schema of exactly the same strictness."""

from __future__ import annotations

import os
import re
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackplane.event import merge
from trackplane.plan import EventSpec, Property, compile_validator, to_json_schema
from trackplane.plan.fast import UNFIT, ask, form_of
from trackplane.plan.model import Applies, Deprecation, Variant
from trackplane.plan.properties import merge_patch
from trackplane.plan.validate import _predicate
from trackplane.plan.versions import compile_range, range_patterns

SCALE = int(os.environ.get("TRACKPLANE_TEST_SCALE", "1"))


def ecma_pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Any:
    """Read a pattern as ECMA-262 does: `$` is the end, not a newline before it; \\d is ASCII."""
    if isinstance(value, str) and not re.search(pattern.replace("$", r"\Z"), value, re.ASCII):
        yield jsonschema.ValidationError(f"{value!r} does not match {pattern!r}")


JsonSchema = jsonschema.validators.extend(
    jsonschema.Draft202012Validator, {"pattern": ecma_pattern}
)

# pattern -> texts that match or nearly do
PATTERNS = {
    "[A-Z]{3}-[0-9]{4}": ["ABC-1234", "ABC-123", "xABC-1234", "ABC-1234\n", "ABC-١٢٣٤"],
    "a|bc": ["a", "bc", "abc", "ac", ""],
    r"\d+\.\d*": ["1.", "12.5", "1", "1x5", "١.٥"],
    ".{2}": ["ab", "a", "\u2028b", "\n\n", "😀😀"],
    "[^.]*": ["", "abc", "a.b", "\u2028", "\n"],
}
VERSIONS = ["9.2", "9.1.9", "9.2.0", "9.10", "09.2", "9", "9.2.1", "10", "0", "x", "9.2-beta", ""]


@st.composite
def bounds(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> tuple[Any, Any]:
    low, high = draw(st.none() | values), draw(st.none() | values)
    if low is not None and high is not None and low > high:
        low, high = high, low
    return low, high


@st.composite
def shapes(draw: st.DrawFn, depth: int = 2) -> Property:
    kinds = ["string", "integer", "number", "boolean", "timestamp", "json"]
    if depth:
        kinds += ["array", "object", "map"]
    types = tuple(draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=2, unique=True)))
    fields: dict[str, Any] = {
        "required": draw(st.booleans()),
        "nullable": draw(st.booleans()),
        "pii": draw(st.sampled_from([None, None, "email"])),
    }
    if draw(st.integers(0, 9)) == 0:
        fields["deprecated"] = Deprecation(replaced_by="what.other")
    if {"integer", "number"} & set(types):
        fields["min"], fields["max"] = draw(bounds(st.integers(-3, 3) | st.just(2.5)))
    if {"string", "array", "object", "map"} & set(types):
        fields["min_length"], fields["max_length"] = draw(bounds(st.integers(0, 4)))
    if "string" in types:
        fields["pattern"] = draw(st.none() | st.sampled_from(sorted(PATTERNS)))
    if draw(st.integers(0, 4)) == 0 and set(types) <= {"string", "integer", "number", "boolean"}:
        fields["enum"] = tuple(
            draw(st.lists(st.sampled_from(["a", "bc", 1, 1.0, 0, 2.5, True]), min_size=1))
        )
    if "array" in types:
        fields["items"] = draw(st.none() | shapes(depth=depth - 1))
    if "map" in types:
        fields["values"] = draw(st.none() | shapes(depth=depth - 1))
    if "object" in types:
        inner = st.dictionaries(st.sampled_from("xyz"), shapes(depth=depth - 1), max_size=3)
        fields["properties"] = draw(st.none() | inner)
        fields["additional"] = draw(st.booleans())
    return Property(type=types, **fields)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, 1.0, 2.5, 1 << 63, (1 << 63) - 1, -(1 << 63) - 1, 2.0**63, 10**30])
    | st.sampled_from(["", "a", "bc", "2026-01-31T10:00:00Z", "2026-13-01T10:00:00Z", "1.5"])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyzq"), inner),
    max_leaves=4,
)


@st.composite
def values(draw: st.DrawFn, shape: Property) -> Any:
    """Draw a value that fits, is on a bound, or breaks something."""
    if draw(st.integers(0, 7)) == 0:
        return draw(ANYTHING)
    if shape.nullable and draw(st.integers(0, 7)) == 0:
        return None
    if shape.enum and draw(st.booleans()):
        return draw(st.sampled_from(shape.enum))
    near = [b + d for b in (shape.min, shape.max) if b is not None for d in (-1, 0, 1, 0.5)]
    sizes = [
        max(0, b + d)
        for b in (shape.min_length, shape.max_length)
        if b is not None
        for d in (-1, 0, 1)
    ]
    size = draw(st.sampled_from(sizes or [0, 1, 2]))
    match draw(st.sampled_from(shape.type)):
        case "string":
            if shape.pattern and draw(st.booleans()):
                return draw(st.sampled_from(PATTERNS[shape.pattern]))
            return draw(st.sampled_from("a1😀")) * size
        case "integer":
            return draw(st.sampled_from([int(n) for n in near] or [0, 7, (1 << 63) - 1]))
        case "number":
            return draw(st.sampled_from(near or [0.5, 7]))
        case "boolean":
            return draw(st.booleans())
        case "timestamp":
            return draw(
                st.sampled_from(
                    [1795376614842, "2026-01-31T10:00:00.5+08:00", "2026-01-31T10:00:00"]
                )
            )
        case "array":
            inner = values(shape.items) if shape.items else ANYTHING
            return draw(st.lists(inner, min_size=size, max_size=size))
        case "map":
            each = values(shape.values) if shape.values else ANYTHING
            return {f"k{n}": draw(each) for n in range(size)}
        case "object":
            given = {
                name: draw(values(inner))
                for name, inner in (shape.properties or {}).items()
                if draw(st.integers(0, 5))
            }
            return given | ({"other": 1} if draw(st.integers(0, 5)) == 0 else {})
        case _:
            return draw(ANYTHING)


@st.composite
def variants(draw: st.DrawFn, planned: dict[str, Property]) -> Variant:
    fields: dict[str, Any] = {}
    if draw(st.booleans()):
        fields["platform"] = ("ios", "web")
    if draw(st.booleans()):
        fields["app_version"] = draw(
            st.sampled_from(["<9.2", ">=9.2, <10", "=9.2", ">9", "<=9.1.9"])
        )
    if draw(st.booleans()) and planned:
        path = f"what.{draw(st.sampled_from(sorted(planned)))}"
        fields["equals"] = {
            path: tuple(draw(st.lists(st.sampled_from(["a", 1, True]), min_size=1)))
        }
    if draw(st.integers(0, 3)) == 0:
        fields["app"] = (draw(st.sampled_from(["shop", "other"])),)
    changes: dict[str, object] = {}
    for name in planned:
        if draw(st.booleans()):
            changes[name] = draw(
                st.sampled_from([{"required": True}, {"required": False, "nullable": True}])
                | st.builds(msgspec.to_builtins, shapes(depth=1))
            )
    return Variant(applies=Applies(**fields), patch={"what": changes})


@st.composite
def cases(draw: st.DrawFn) -> tuple[EventSpec, dict[str, Any], dict[str, Any]]:
    """Draw a specification, a header and an event."""
    what = draw(st.dictionaries(st.sampled_from("abcd"), shapes(), max_size=4))
    who = draw(st.dictionaries(st.sampled_from(["tier", "age"]), shapes(depth=0), max_size=1))
    spec = EventSpec(
        app="shop",
        event="pay",
        properties={"what": what, "who": who},
        variants=tuple(draw(st.lists(variants(what), max_size=2))),
    )
    sides: tuple[dict[str, Any], dict[str, Any]] = ({}, {"id": "1", "event": "pay"})
    given = {
        ("what", name): draw(values(shape))
        for name, shape in what.items()
        if draw(st.integers(0, 5))
    }
    given |= {("who", name): draw(values(shape)) for name, shape in who.items()}
    given["how", "platform"] = draw(st.sampled_from(["ios", "android", None, 3]))
    given["how", "app_version"] = draw(st.sampled_from(VERSIONS))
    if draw(st.integers(0, 5)) == 0:
        given["what", "unplanned"] = 1
    for (namespace, name), value in given.items():
        draw(st.sampled_from(sides)).setdefault(namespace, {})[name] = value
        if draw(st.integers(0, 9)) == 0:  # both sides give it: the event's value wins
            sides[0].setdefault(namespace, {})[name] = draw(ANYTHING)
    return spec, *sides


@settings(max_examples=250 * SCALE)
@given(cases())
def test_json_schema_accepts_exactly_the_events_without_errors(case):
    """The exam: an independent JSON Schema library agrees with the validator about every event."""
    spec, header, event = case
    spec = msgspec.json.decode(msgspec.json.encode(spec), type=EventSpec)
    merged = merge(header, event)
    schema = to_json_schema(spec)
    JsonSchema.check_schema(schema)
    validate = compile_validator(spec, after=1)
    found = validate(merged)
    assert validate(merged) == found  # the second time by the form
    errors = [violation for violation in found if violation.severity == "error"]
    assert JsonSchema(schema).is_valid(merged) == (not errors), errors


@settings(max_examples=200 * SCALE)
@given(shapes().flatmap(lambda shape: st.tuples(st.just(shape), values(shape))))
def test_a_form_never_takes_what_has_a_violation(case):
    """It may refuse a fine event, never take a bad one."""
    shape, value = case
    assert not takes({"p": shape}, {"p": value}) or _predicate(shape)(value)


def takes(members: dict[str, Property], value: Any) -> bool:
    form = form_of({"what": members}, _predicate)
    try:
        msgspec.convert({"what": value}, form, dec_hook=ask)
    except UNFIT:
        return False
    return True


@settings(max_examples=100 * SCALE)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=4)
        | st.sampled_from(["f0", "f1", 'a"b', "a\\b", "\x00", "class", "__init__"]),
        st.booleans(),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["x", "\ud800", 1]),
)
def test_a_form_knows_properties_of_any_name(required, value):
    """Names that no field of a struct may have leave the event to the closures."""
    members = {
        name: Property(type=("string",), required=needed) for name, needed in required.items()
    }
    event = dict.fromkeys(members, value)
    sendable = not re.search('["\\\\\x00-\x1f]', "".join(members))
    assert takes(members, event) or value == 1 or not sendable
    assert not takes(members, event) or value != 1
    assert not takes(members, {**event, "another": "x"})
    for name, needed in required.items():
        assert not needed or not takes(members, {k: v for k, v in event.items() if k != name})


@pytest.mark.parametrize(
    ("shape", "taken", "refused"),
    [
        ({"type": ["integer"], "enum": [1, 2, 1 << 63]}, [1, 2], [3, True, 1 << 63, None]),
        ({"type": ["string"], "enum": ["", "a\u0000", "事件"]}, ["", "a\u0000", "事件"], ["a", "\ud800"]),
        ({"type": ["string"], "enum": [1]}, [], ["1", 1]),
        ({"type": ["string"], "max_length": 10**30}, ["", "a"], [1]),
        ({"type": ["string"], "max_length": 2, "pattern": "a*"}, ["", "aa"], ["aaa", "b", [], None]),
        ({"type": ["string"], "pattern": "a*", "nullable": True}, ["a", None], ["b"]),
        ({"type": ["integer"], "min": 2.5, "max": 1e300}, [3], [2]),
        ({"type": ["integer"], "min": 1e300}, [], [1, 1 << 63]),
        ({"type": ["number"], "max": 1 << 53}, [1.5, 1 << 53], [(1 << 53) + 1]),
        ({"type": ["number"]}, [1, 1.5, 1 << 64], [True, "1"]),
        ({"type": ["timestamp"], "nullable": True}, [1, "2026-01-31T00:00:00Z", None], ["2026-01-31T00:00:00Z\n"]),
        ({"type": ["array"], "items": {"type": ["string"], "pattern": "a"}}, [[], ["a"]], [["b"], [None]]),
        ({"type": ["array"], "items": {"type": ["json"]}}, [[None, {"a": 1}]], [{}]),
        ({"type": ["map"], "values": {"type": ["array"]}, "min_length": 1}, [{"a": []}], [{}, {"a": {}}]),
        ({"type": ["object"], "properties": {"a": {"type": ["json"], "required": True}}, "nullable": True}, [{"a": None}, None], [{}, {"a": 1, "b": 1}]),
        ({"type": ["object"], "properties": {}, "max_length": 0}, [{}], [{"a": 1}]),
        ({"type": ["object"], "properties": {f"p{n}": {"type": ["string"]} for n in range(300)}}, [{"p299": ""}], [{"p300": ""}]),
        ({"type": ["string"], "deprecated": {}}, [], ["x"]),
        ({"type": ["string"], "deprecated": {}, "required": True}, [], ["x"]),
    ],
)  # fmt: skip
def test_a_form_takes_what_is_planned_and_refuses_what_is_not(shape, taken, refused):
    """Else the fast way would be wrong, or nobody would go it."""
    members = {"p": msgspec.convert(shape, Property)}
    for value in taken:
        assert takes(members, {"p": value}), value
    for value in refused:
        assert not takes(members, {"p": value}), value


def one(shape: Property, value: Any) -> list[tuple[str, str]]:
    spec = EventSpec(app="shop", event="e", properties={"what": {"p": shape}})
    event = {"event": "e", "what": {"p": value}}
    validate = compile_validator(spec, after=1)
    found = validate(event)
    assert validate(event) == found
    assert JsonSchema(to_json_schema(spec)).is_valid(event) == (not found), value
    return [(violation.code, violation.pointer) for violation in found]


@pytest.mark.parametrize(
    ("shape", "fine", "broken"),
    [
        ({"type": ["integer"]}, [0, 1.0, (1 << 63) - 1, -(1 << 63)], {"int64": [1 << 63], "type": [True, 1.5, "1"]}),
        ({"type": ["number"], "min": 1, "max": 2}, [1, 2, 1.5], {"min": [0.99], "max": [2.01], "type": [True]}),
        ({"type": ["boolean"]}, [True, False], {"type": [0, 1, "true"]}),
        ({"type": ["timestamp"]}, [0, "2026-01-31T00:00:00Z"], {"type": ["2026-01-31", 1.5], "int64": [1 << 63]}),
        ({"type": ["string"], "min_length": 2, "max_length": 3}, ["😀😀", "abc"], {"min_length": ["a"], "max_length": ["abcd"], "null": [None]}),
        ({"type": ["string"], "pattern": "a+"}, ["aa"], {"pattern": ["aab", "", "a\n"]}),
        ({"type": ["integer"], "enum": [1, 2]}, [1, 2.0], {"enum": [3], "type": [True]}),
        ({"type": ["array"], "min_length": 1, "max_length": 2}, [[1], [1, "x"]], {"min_length": [[]], "max_length": [[1, 2, 3]]}),
        ({"type": ["map"], "max_length": 1}, [{}, {"a": None}], {"max_length": [{"a": 1, "b": 2}]}),
        ({"type": ["json"]}, [None, [], {"a": {"b": None}}], {}),
        ({"type": ["string"], "nullable": True}, [None, ""], {"type": [{}]}),
        ({"type": ["integer", "string"], "min": 3}, [3, "x"], {"min": [2], "type": [2.5]}),
        ({"type": ["object"], "properties": {}, "additional": False}, [{}], {"type": [[]]}),
    ],
)  # fmt: skip
def test_each_constraint_passes_fails_and_holds_on_its_boundary(shape, fine, broken):
    """A table of every type and constraint."""
    shape = msgspec.convert(shape, Property)
    for value in fine:
        assert one(shape, value) == []
    for code, examples in broken.items():
        for value in examples:
            assert one(shape, value) == [(code, "/what/p")], value


def test_all_violations_are_found_with_their_pointers():
    """Not the first one: all, nested ones too, with pointers escaped."""
    item = Property(
        type=("object",),
        properties={
            "sku": Property(type=("string",), required=True),
            "a/b~c": Property(type=("integer",)),
        },
        additional=False,
    )
    spec = EventSpec(
        app="shop",
        event="e",
        properties={
            "what": {
                "items": Property(type=("array",), items=item, max_length=1),
                "text": Property(type=("string",), max_length=3, pattern="a*"),
                "total": Property(type=("number",), required=True),
            },
            "who": {"tier": Property(type=("string",), required=True)},
        },
    )
    found = compile_validator(spec)(
        {
            "what": {"items": [{"a/b~c": "1"}, {"sku": "a", "x": 1}], "text": "abcd", "new": 1},
            "where": [],
        }
    )
    assert sorted((v.code, v.pointer, v.severity) for v in found) == [
        ("additional", "/what/items/1/x", "error"),
        ("max_length", "/what/items", "error"),
        ("max_length", "/what/text", "error"),
        ("missing", "/what/items/0/sku", "error"),
        ("missing", "/what/total", "error"),
        ("missing", "/who/tier", "error"),
        ("pattern", "/what/text", "error"),
        ("type", "/what/items/0/a~1b~0c", "error"),
        ("type", "/where", "error"),
        ("unplanned_property", "/what/new", "warning"),
    ]


def test_personal_values_are_masked_inside_and_outside_of_their_property():
    """Neither a part of a PII object nor an object with a PII part is shown."""
    street = Property(type=("string",), max_length=2)
    spec = EventSpec(
        app="shop",
        event="e",
        properties={
            "what": {
                "address": Property(type=("object",), pii="address", properties={"street": street}),
                "buyer": Property(
                    type=("object",),
                    max_length=0,
                    properties={"email": Property(type=("string",), pii="email")},
                ),
                "code": street,
            }
        },
    )
    found = compile_validator(spec)(
        {"what": {"address": {"street": "secret"}, "buyer": {"email": "secret"}, "code": "open"}}
    )
    assert [v.input for v in found] == ["…", "…", '"open"']


def test_a_deprecated_event_or_property_is_a_warning():
    """Deprecation never makes an event dirty."""
    old = Property(type=("string",), deprecated=Deprecation(replaced_by="what.new"))
    spec = EventSpec(
        app="shop",
        event="e",
        properties={"what": {"old": old}},
        deprecated=Deprecation(replaced_by="f"),
    )
    found = compile_validator(spec)({"what": {"old": "x"}})
    assert [(v.code, v.pointer, v.severity) for v in found] == [
        ("deprecated", "/what/old", "warning"),
        ("deprecated", "/event", "warning"),
    ]


def test_matching_variants_apply_in_list_order():
    """The later of two matching variants wins."""
    spec = EventSpec(
        app="shop",
        event="e",
        properties={"what": {"n": Property(type=("integer",), max=10)}},
        variants=(
            Variant(applies=Applies(app_version="<9.2"), patch={"what": {"n": {"max": 20}}}),
            Variant(applies=Applies(platform=("ios",)), patch={"what": {"n": {"max": 30}}}),
        ),
    )
    validate = compile_validator(spec)
    for how, most in (
        ({}, 10),
        ({"app_version": "9.10"}, 10),
        ({"app_version": "9.1"}, 20),
        ({"platform": "ios"}, 30),
        ({"app_version": "9.1", "platform": "ios"}, 30),
    ):
        assert not validate({"how": how, "what": {"n": most}})
        assert [v.code for v in validate({"how": how, "what": {"n": most + 1}})] == ["max"]


@settings(max_examples=150 * SCALE)
@given(
    st.lists(st.integers(0, 21), min_size=1, max_size=4),
    st.sampled_from(["<", "<=", ">", ">=", "="]),
    st.lists(
        st.sampled_from(["0", "00", "1", "9", "09", "10", "11", "19", "20", "21", "100"]),
        min_size=1,
        max_size=5,
    ),
)
def test_a_range_of_versions_equals_its_regular_expressions(bound, operator, version):
    """Numeric comparison by part, leading and trailing zeros included."""
    text = f"{operator}{'.'.join(map(str, bound))}"
    given_version = ".".join(version)
    expected = compile_range(text)(given_version)
    assert all(re.search(p, given_version) for p in range_patterns(text)) == expected


def test_a_merge_patch_removes_by_null():
    """RFC 7396."""
    assert merge_patch({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": [1]}}) == {
        "a": {"c": 2, "d": [1]}
    }
