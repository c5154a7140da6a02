"""The console's builder: a rule as nested groups of conditions and a list of actions, as JSON.

``spec/rules/builder.schema.json`` is generated from these structs. Every text is an expression in
Python; a path is one too (``what.items[0]["a b"]``). What no condition can say is an ``expression``,
so no rule is too much for the builder, and none loses anything by it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from typing import Literal as OneOf

import msgspec

from trackplane.rules import ir
from trackplane.rules.ir import Call, Expression, Item, Literal, Path
from trackplane.rules.printing import text_of
from trackplane.rules.values import format_timestamp
from trackplane.rules.written import Part, parts_of

Scalar = str | int | float | bool
Operator = OneOf[
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "in",
    "not in",
    "contains",
    "starts_with",
    "ends_with",
    "matches",
    "is null",
    "is not null",
]
_SIGNS: Final[dict[str, Operator]] = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "contains": "contains",
    "starts_with": "starts_with",
    "ends_with": "ends_with",
    "matches": "matches",
}


class Condition(
    msgspec.Struct, frozen=True, tag_field="kind", tag="condition", forbid_unknown_fields=True
):
    """A path compared with a constant; with a list of them for ``in``, with none for ``is null``.

    ``type`` says what JSON cannot: that 100 is a float64, that a text is a time.
    """

    path: str
    operator: Operator
    value: Scalar | tuple[Scalar, ...] | None = None
    type: OneOf["float64", "timestamp"] | None = None


class Text(
    msgspec.Struct, frozen=True, tag_field="kind", tag="expression", forbid_unknown_fields=True
):
    """A condition written as an expression."""

    text: str


class AllOf(msgspec.Struct, frozen=True, tag_field="kind", tag="all", forbid_unknown_fields=True):
    """All of these are TRUE."""

    of: tuple[Group, ...]


class AnyOf(msgspec.Struct, frozen=True, tag_field="kind", tag="any", forbid_unknown_fields=True):
    """One of these is TRUE."""

    of: tuple[Group, ...]


class Not(msgspec.Struct, frozen=True, tag_field="kind", tag="not", forbid_unknown_fields=True):
    """This is FALSE."""

    of: Group


Group = Condition | Text | AllOf | AnyOf | Not


class DropWhen(
    msgspec.Struct, frozen=True, tag_field="action", tag="drop", forbid_unknown_fields=True
):
    """``drop``."""

    when: Group


class SampleBy(
    msgspec.Struct,
    frozen=True,
    tag_field="action",
    tag="sample",
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """``sample``; without a key by the event's id."""

    rate: float
    key: str | None = None


class ExplodeOver(
    msgspec.Struct, frozen=True, tag_field="action", tag="explode", forbid_unknown_fields=True
):
    """``explode``; ``item`` is what later expressions call the item."""

    over: str
    item: str = "item"


class RouteBy(
    msgspec.Struct, frozen=True, tag_field="action", tag="route", forbid_unknown_fields=True
):
    """``route``: ``to`` gives the dataset for each value."""

    by: str
    to: dict[str, str]


class UnsetPaths(
    msgspec.Struct, frozen=True, tag_field="action", tag="unset", forbid_unknown_fields=True
):
    """``unset``."""

    paths: tuple[str, ...]


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column or property, and how it is computed; of ``rename`` the new name, of ``mask`` the method."""

    name: str
    value: str


class Change(
    msgspec.Struct, frozen=True, tag_field="action", tag="change", forbid_unknown_fields=True
):
    """``set``, ``rename``, ``mask``, ``pseudonymise`` or ``tag``."""

    how: OneOf["set", "rename", "mask", "pseudonymise", "tag"]
    values: tuple[Named, ...]


class SelectColumns(
    msgspec.Struct, frozen=True, tag_field="action", tag="select", forbid_unknown_fields=True
):
    """``select``."""

    columns: tuple[Named, ...]


class KeepAll(
    msgspec.Struct, frozen=True, tag_field="action", tag="keep", forbid_unknown_fields=True
):
    """``keep``."""


class RunScript(
    msgspec.Struct, frozen=True, tag_field="action", tag="script", forbid_unknown_fields=True
):
    """``script``."""

    name: str


BuilderAction = (
    DropWhen
    | SampleBy
    | ExplodeOver
    | RouteBy
    | UnsetPaths
    | Change
    | SelectColumns
    | KeepAll
    | RunScript
)


class BuilderRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a rule does, under the key ``builder`` of a rule file: filter and actions."""

    actions: tuple[BuilderAction, ...]
    where: Group | None = None


def builder_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``BuilderRule``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Trackplane builder rule",
        **msgspec.json.schema(BuilderRule),
    }


def to_builder(rule: ir.Rule) -> BuilderRule:
    """Return a rule as the builder shows it.

    Raises:
        FormatError: an action cannot be written.
    """
    conditions: dict[str, Group] = {}

    def text(expression: Expression) -> str:
        shown = text_of(expression)
        if expression.type == ir.BOOL:
            conditions[shown] = group_of(expression)
        return shown

    parts = parts_of(rule.actions, text)
    where = group_of(rule.where) if rule.where is not None else None
    return BuilderRule(tuple(_action(part, conditions) for part in parts), where)


def _action(part: Part, conditions: dict[str, Group]) -> BuilderAction:
    value = part.value or ""
    values = tuple(Named(name, text) for name, text in part.values.items())
    match part.kind:
        case "drop":
            return DropWhen(conditions.get(value, Text(value)))
        case "sample":
            return SampleBy(part.rate, part.value)
        case "explode":
            return ExplodeOver(value, part.item)
        case "route":
            return RouteBy(value, part.values)
        case "unset":
            return UnsetPaths(part.paths)
        case "select":
            return SelectColumns(values)
        case "keep":
            return KeepAll()
        case "script":
            return RunScript(value)
    return Change(part.kind, values)  # type: ignore[arg-type]


def group_of(expression: Expression) -> Group:
    """Return a condition as groups, down to what no condition can say."""
    if isinstance(expression, Call):
        found = _CALLS.get(expression.function, _condition)(expression)
        if found is not None:
            return found
    return Text(text_of(expression))


def _all(call: Call) -> Group:
    return AllOf(tuple(map(group_of, call.args)))


def _any(call: Call) -> Group:
    return AnyOf(tuple(map(group_of, call.args)))


def _not(call: Call) -> Group:
    inner = group_of(call.args[0])
    opposite: dict[str, Operator] = {"in": "not in", "is null": "is not null"}
    if isinstance(inner, Condition) and inner.operator in opposite:
        return msgspec.structs.replace(inner, operator=opposite[inner.operator])
    return Not(inner)


def _is_null(call: Call) -> Group | None:
    path = _path(call.args[0])
    return None if path is None else Condition(path, "is null")


def _in(call: Call) -> Group | None:
    path, items = _path(call.args[0]), [_constant(item) for item in call.args[1:]]
    if path is None or any(item is None for item in items):
        return None
    values = tuple(item[0] for item in items if item is not None)
    types = {item[1] for item in items if item is not None}
    return Condition(path, "in", values, types.pop()) if len(types) == 1 else None


def _condition(call: Call) -> Group | None:
    operator = _SIGNS.get(call.function)
    if operator is None or len(call.args) != 2:
        return None
    path, constant = _path(call.args[0]), _constant(call.args[1])
    if path is None or constant is None:
        return None
    return Condition(path, operator, *constant)


_CALLS: Final[dict[str, Callable[[Call], Group | None]]] = {
    "and": _all,
    "or": _any,
    "not": _not,
    "is_null": _is_null,
    "in": _in,
}


def _path(expression: Expression) -> str | None:
    return text_of(expression) if isinstance(expression, Path | Item) else None


def _constant(
    expression: Expression,
) -> tuple[Scalar, OneOf["float64", "timestamp"] | None] | None:
    if not isinstance(expression, Literal) or expression.value is None:
        return None
    value, kind = expression.value, expression.type.kind
    if kind == "timestamp":
        text = format_timestamp(value) if isinstance(value, int) else None
        return None if text is None else (text, "timestamp")
    return value, "float64" if kind == "float64" else None
