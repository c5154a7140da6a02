"""Arrays, objects and maps, and JSON.

Items are JSON as it came: a function that looks at them reads each as the array's item type, and one
that is not of it makes ERROR ``rule_type``. What is only moved is not looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from trackplane.rules import values
from trackplane.rules.ir import JSON, Call, Type
from trackplane.rules.library.core import COMPARABLE, ORDERED
from trackplane.rules.library.environment import BindError, Environment
from trackplane.rules.library.failure import CAST, OVERFLOW, TYPE
from trackplane.rules.library.numbers import finite, whole
from trackplane.rules.library.table import (
    Function,
    Group,
    Implementation,
    Maker,
    Signature,
    literal,
    overload,
    plain,
)

MAX_ITEMS: Final = 10_000  # of an array that append and flatten may make
_PATH_STEP: Final = re.compile(
    r"""\.([A-Za-z_$][A-Za-z0-9_$-]*)|\[([0-9]{1,9})\]|\[("(?:[^"\\]|\\.)*"|'[^'\\]*')\]"""
)
_PARSER: Final = msgspec.json.Decoder()
_ENCODER: Final = msgspec.json.Encoder()


def _anything(value: Any) -> Any:
    return value


def reader_of(type_: Type | None) -> Callable[[Any], Any]:
    """Return what reads a JSON value, not null, as a type: the value or ``TYPE``."""
    kind = (type_ or JSON).kind
    reader = values.READERS.get(kind)
    if reader is not None:
        read = reader

        def scalar(value: Any) -> Any:
            found = read(value)
            return TYPE if found is None else found

        return scalar
    wanted = {"array": list, "object": dict, "map": dict}.get(kind)
    if wanted is None:
        return _anything
    return lambda value: value if value.__class__ is wanted else TYPE


def _item_type(call: Call, argument: int = 0) -> Type | None:
    return call.args[argument].type.item


def _read_all(type_: Type | None) -> Callable[[list[Any]], Any]:
    """Return what reads all items of an array: a list with None for null, or the failure."""
    read = reader_of(type_)

    def read_all(items: list[Any]) -> Any:
        found = [None if item is None else read(item) for item in items]
        return TYPE if any(item is TYPE for item in found) else found

    return read_all


def _over_items(function: Callable[..., Any]) -> Maker:
    """Return the maker of a function of an array's items, read."""

    def make(call: Call, _: Environment) -> Implementation:
        read_all = _read_all(_item_type(call))

        def over(items: list[Any], *rest: Any) -> Any:
            found = read_all(items)
            return found if found is TYPE else function(found, *rest)

        return over

    return make


# --- get and contains


def _get(call: Call, _: Environment) -> Implementation:
    container = call.args[0].type
    read = reader_of(container.item)

    def at(items: Any, index: int) -> Any:
        if items.__class__ is not list or not 0 <= index < len(items):
            return None
        found = items[index]
        return None if found is None else read(found)

    def by(entries: Any, key: str) -> Any:
        if entries.__class__ is not dict:
            return None
        found = entries.get(key)
        return None if found is None else read(found)

    return at if call.args[1].type.kind == "int64" else by


def _contains(call: Call, _: Environment) -> Implementation:
    if call.args[0].type.kind == "string":
        return lambda text, part: part in text
    read_all = _read_all(_item_type(call))

    def contains(items: list[Any], wanted: Any) -> Any:
        found = read_all(items)
        return found if found is TYPE else wanted in found

    return contains


def _index_of(items: list[Any], wanted: Any) -> int:
    return items.index(wanted) if wanted in items else -1


# --- arrays as a whole


def _slice(items: list[Any], start: int, count: int | None = None) -> list[Any]:
    start = max(start, 0)
    return items[start:] if count is None else items[start : start + max(count, 0)]


def _distinct(items: list[Any]) -> list[Any]:
    return list(dict.fromkeys(items))


def _sort(items: list[Any]) -> list[Any]:
    present = sorted(item for item in items if item is not None)
    return [*present, *[None] * (len(items) - len(present))]


def _flatten(items: list[Any]) -> Any:
    found: list[Any] = []
    for item in items:
        if item.__class__ is list:
            found += item
        elif item is not None:
            return TYPE
        if len(found) > MAX_ITEMS:
            return OVERFLOW
    return found


def _append(items: list[Any], item: Any) -> Any:
    return [*items, item] if len(items) < MAX_ITEMS else OVERFLOW


def _sum(items: list[Any]) -> Any:
    present = [item for item in items if item is not None]
    total = sum(present)
    return whole(total) if total.__class__ is int else finite(total)


def _sum_of(call: Call, environment: Environment) -> Implementation:
    if _item_type(call) == Type("float64"):
        return _over_items(lambda items: _sum([0.0, *items]))(call, environment)
    return _over_items(_sum)(call, environment)


def _extreme(function: Callable[..., Any]) -> Maker:
    def extreme(items: list[Any]) -> Any:
        present = [item for item in items if item is not None]
        return function(present) if present else None

    return _over_items(extreme)


def _reverse(value: Any) -> Any:
    return value[::-1]


# --- JSON


def parse_json(text: str) -> Any:
    """Return the JSON value a text spells (null: None), or the failure."""
    try:
        found = _PARSER.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError):
        return CAST
    return found


def _to_json(value: Any) -> Any:
    try:
        return _ENCODER.encode(value).decode()
    except (msgspec.MsgspecError, OverflowError, RecursionError):
        # Copied JSON may hold numbers beyond 64 bits, which the encoder does not take.
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _json_path(call: Call, _: Environment) -> Implementation:
    written = literal(call, 1)
    steps: list[str | int] = []
    place = 1
    while written.startswith("$") and place < len(written):
        found = _PATH_STEP.match(written, place)
        if found is None:
            break
        name, index, quoted = found.groups()
        if name is not None:
            steps.append(name)
        elif index is not None:
            steps.append(int(index))
        else:
            steps.append(_unquoted(quoted))
        place = found.end()
    if not written.startswith("$") or place < len(written):
        hint = 'a path is like $.items[0].sku or $["my key"]; wildcards: use a comprehension'
        raise BindError(1, f"not a JSON path: {written!r}", hint=hint)

    def walk(value: Any, _: Any) -> Any:
        for step in steps:
            if step.__class__ is int:
                if value.__class__ is not list or step >= len(value):
                    return None
                value = value[step]
            elif value.__class__ is dict:
                value = value.get(step)
            else:
                return None
        return value

    return walk


def _unquoted(text: str) -> str:
    if text.startswith("'"):
        return text[1:-1]
    try:
        found: str = json.loads(text)
    except ValueError as error:
        raise BindError(1, f"{text} is no JSON string") from error
    return found


# --- labels


def _tag(labels: Any, label: str, when: Any) -> Any:
    if when is not True or label is None:
        return labels
    if labels is None:
        return [label]
    return labels if label in labels else _append(labels, label)


def _function(
    name: str,
    doc: str,
    signatures: str | Sequence[str | Signature],
    make: Maker,
    *examples: tuple[str, Any],
    cost: int = 3,
    group: Group = "Arrays and objects",
    null: bool = False,
) -> Function:
    written = (signatures,) if isinstance(signatures, str) else signatures
    return Function(
        name=name,
        group=group,
        doc=doc,
        signatures=tuple(
            overload(one, null=null) if isinstance(one, str) else one for one in written
        ),
        make=make,
        cost=cost,
        examples=examples,
    )


_EACH: Final = tuple(f"array<{kind}>" for kind in COMPARABLE)
_EACH_ORDERED: Final = tuple(f"array<{kind}>" for kind in ORDERED)

FUNCTIONS: Final = (
    _function(
        "length",
        "Code points of a string, items of an array, names of an object; also `len`.",
        ("string -> int64", "array -> int64", "object -> int64", "map -> int64"),
        plain(len),
        ('length("日本")', 2),
        ('len(split("a b", " "))', 2),
        cost=1,
    ),
    _function(
        "contains",
        "The second is in the first, a string or an array; also `x in y`.",
        (
            "string, string -> bool",
            *(overload(f"array<{kind}>, {kind} -> bool", "edge") for kind in COMPARABLE),
        ),
        _contains,
        ('contains("abcd", "bc")', True),
        ('"red" in split("red green", " ")', True),
        cost=2,
    ),
    _function(
        "get",
        "The item of this number (from 0) or the value of this name; NULL if there is none.",
        (
            overload("array<T>, int64 -> T", "edge", null=True),
            overload("map<T>, string -> T", "edge", null=True),
            "object, string -> json",
            "json, string -> json",
            "json, int64 -> json",
        ),
        _get,
        ('get(split("a b", " "), 1)', "b"),
        ('get(split("a b", " "), 2)', None),
        ('int(get(parse_json("{\\"a\\": 1}"), "a"))', 1),
        null=True,
    ),
    _function(
        "index_of",
        "Where the second stands first in an array, from 0; -1 if it is not there.",
        tuple(overload(f"array<{kind}>, {kind} -> int64", "edge") for kind in COMPARABLE),
        _over_items(_index_of),
        ('index_of(split("a b", " "), "b")', 1),
    ),
    _function(
        "keys",
        "The names in an object, in their order.",
        ("object -> array<string>", "map -> array<string>"),
        plain(list),
        ('keys(url_params("https://a.example/?x=1&y=2"))', ["x", "y"]),
    ),
    _function(
        "values",
        "The values of an object, in their order.",
        ("object -> array<json>", "map<T> -> array<T>"),
        plain(lambda entries: list(entries.values())),
        ('values(url_params("https://a.example/?x=1&y=2"))', ["1", "2"]),
    ),
    _function(
        "flatten",
        "The items of the arrays in an array; NULL items are left out; at most 10,000.",
        (overload("array<array<T>> -> array<T>", "edge"),),
        plain(_flatten),
        ('flatten([split(x, "-") for x in split("a-b c", " ")])', ["a", "b", "c"]),
        cost=8,
    ),
    _function(
        "distinct",
        "An array without repetitions, in the order of first appearance.",
        tuple(overload(f"{each} -> {each}", "edge") for each in _EACH),
        _over_items(_distinct),
        ('distinct(split("b a b", " "))', ["b", "a"]),
        cost=8,
    ),
    _function(
        "sort",
        "An array in rising order, NULL items last.",
        tuple(overload(f"{each} -> {each}", "edge") for each in _EACH_ORDERED),
        _over_items(_sort),
        ('sort(split("b c a", " "))', ["a", "b", "c"]),
        cost=10,
    ),
    _function(
        "reverse",
        "A string or an array from its end to its start.",
        ("string -> string", "array<T> -> array<T>"),
        plain(_reverse),
        ('reverse("abc")', "cba"),
        ('reverse(split("a b", " "))', ["b", "a"]),
    ),
    _function(
        "slice",
        "`count` items (none given: all) of an array from `start`, counted from 0.",
        ("array<T>, int64 -> array<T>", "array<T>, int64, int64 -> array<T>"),
        plain(_slice),
        ('slice(split("a b c d", " "), 1, 2)', ["b", "c"]),
    ),
    _function(
        "append",
        "An array with one more item; at most 10,000.",
        (overload("array<T>, T -> array<T>", "edge"),),
        plain(_append),
        ('append(split("a b", " "), "c")', ["a", "b", "c"]),
    ),
    _function(
        "sum",
        "The sum of an array's numbers; NULL items are left out; of none 0.",
        (
            overload("array<int64> -> int64", "edge"),
            overload("array<float64> -> float64", "edge"),
        ),
        _sum_of,
        ('sum([length(x) for x in split("a bb", " ")])', 3),
        cost=6,
    ),
    _function(
        "lowest",
        "The least item of an array; NULL items are left out; of none NULL.",
        tuple(overload(f"array<{kind}> -> {kind}", "edge", null=True) for kind in ORDERED),
        _extreme(min),
        ('lowest(split("b a", " "))', "a"),
        cost=6,
        null=True,
    ),
    _function(
        "highest",
        "The greatest item of an array; NULL items are left out; of none NULL.",
        tuple(overload(f"array<{kind}> -> {kind}", "edge", null=True) for kind in ORDERED),
        _extreme(max),
        ('highest(split("b a", " "))', "b"),
        cost=6,
        null=True,
    ),
    Function(
        name="tag",
        group="Arrays and objects",
        doc="An array of labels with one more where the third is TRUE; NULL counts as no labels.",
        signatures=(
            overload("array<string>, string, bool -> array<string>", "edge", null=True),
            overload("array<json>, string, bool -> array<json>", "edge", null=True),
        ),
        make=plain(_tag),
        takes_null=True,
        cost=4,
        examples=(('tag(split("a b", " "), "c", 2 > 1)', ["a", "b", "c"]),),
    ),
    _function(
        "parse_json",
        "The JSON value that a text spells.",
        (overload("string -> json", "input", null=True),),
        plain(parse_json),
        ('int(parse_json("42"))', 42),
        ('try_(parse_json("{"))', None),
        group="JSON",
        cost=15,
    ),
    _function(
        "to_json",
        "A value as JSON text, without white space, names in their order.",
        "any -> string",
        plain(_to_json),
        ('to_json(split("a b", " "))', '["a","b"]'),
        group="JSON",
        cost=10,
    ),
    _function(
        "json_path",
        "What stands at a path such as `$.a[0].b`; NULL if there is nothing.",
        (
            "json, literal string -> json",
            "object, literal string -> json",
            "map, literal string -> json",
            "array, literal string -> json",
        ),
        _json_path,
        ('int(json_path(parse_json("{\\"a\\": [{\\"b\\": 7}]}"), "$.a[0].b"))', 7),
        group="JSON",
        null=True,
    ),
)
