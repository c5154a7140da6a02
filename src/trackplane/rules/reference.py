"""The reference evaluator: plain and slow, written from semantics.md; what back ends are held to.

NULL is ``None``, an ERROR is a ``RuleFailure`` that is returned, not raised: so that the tables
decide, and never the order of evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from trackplane.event import JsonObject
from trackplane.rules import library, values
from trackplane.rules.ir import (
    Call,
    Each,
    Expression,
    Item,
    Path,
    Type,
)
from trackplane.rules.ir import Literal as Constant
from trackplane.rules.library import NOTHING, Environment, Failure

NO_ITEMS: Final[Mapping[str, Any]] = MappingProxyType({})
RuleFailure = Failure


Items = Mapping[str, Any]  # the items that may be read now, by name


def evaluate(
    expression: Expression,
    event: JsonObject,
    environment: Environment = NOTHING,
    items: Items = NO_ITEMS,
) -> Any:
    """Return an expression's value over a merged event: a value, None (NULL) or a RuleFailure.

    ``items`` has what ``Item`` nodes read: of an ``Explode`` before, as JSON.

    Raises:
        BindError: the environment lacks what the expression needs.
    """
    return _Evaluator(event, environment).value(expression, items)


class _Evaluator:
    def __init__(self, event: JsonObject, environment: Environment) -> None:
        self._event = event
        self._environment = environment

    def value(self, node: Expression, items: Items) -> Any:
        match node:
            case Constant():
                return node.value
            case Path():
                start: Any = self._event.get(node.root) if node.root else self._event
                return _read(start, node.parts, node.type)
            case Item():
                return _read(items[node.name], node.parts, node.type)
            case Each():
                return self._each(node, items)
            case Call():
                special = getattr(self, f"_{node.function.rstrip('_')}_", None)
                return special(node, items) if special is not None else self._strict(node, items)

    def _strict(self, call: Call, items: Items) -> Any:
        arguments = [self.value(argument, items) for argument in call.args]
        for argument in arguments:
            if isinstance(argument, RuleFailure):
                return argument
        if any(argument is None for argument in arguments) and not library.takes_null(call):
            return None
        return library.bind(call, self._environment)(*arguments)

    def _each(self, each: Each, items: Items) -> Any:
        array = self.value(each.array, items)
        if array is None or isinstance(array, RuleFailure):
            return array
        bodies = [self.value(each.body, {**items, each.name: item}) for item in array]
        if each.function == "any":
            return _decided(bodies, decisive=True)
        if each.function == "all":
            return _decided(bodies, decisive=False)
        for body in bodies:
            if isinstance(body, RuleFailure):
                return body
        if each.function == "map":
            return bodies
        return [item for item, body in zip(array, bodies, strict=True) if body is True]

    # The functions that are not strict.

    def _and_(self, call: Call, items: Items) -> Any:
        return _decided([self.value(part, items) for part in call.args], decisive=False)

    def _or_(self, call: Call, items: Items) -> Any:
        return _decided([self.value(part, items) for part in call.args], decisive=True)

    def _is_null_(self, call: Call, items: Items) -> Any:
        value = self.value(call.args[0], items)
        return value if isinstance(value, RuleFailure) else value is None

    def _coalesce_(self, call: Call, items: Items) -> Any:
        for argument in call.args:
            value = self.value(argument, items)
            if value is not None:
                return value
        return None

    def _try_(self, call: Call, items: Items) -> Any:
        value = self.value(call.args[0], items)
        if isinstance(value, RuleFailure):
            return self.value(call.args[1], items) if len(call.args) > 1 else None
        return value

    def _if_(self, call: Call, items: Items) -> Any:
        condition = self.value(call.args[0], items)
        if isinstance(condition, RuleFailure):
            return condition
        return self.value(call.args[1 if condition is True else 2], items)


def _decided(values: Sequence[Any], *, decisive: bool) -> Any:
    """Return what ``or`` (decisive TRUE) or ``and`` (decisive FALSE) makes of these."""
    if any(value is decisive for value in values):
        return decisive
    for value in values:
        if isinstance(value, RuleFailure):
            return value
    return None if any(value is None for value in values) else not decisive


def _read(start: Any, parts: Sequence[str | int], wanted: Type) -> Any:
    current = start
    for part in parts:
        if current is None:
            return None
        if isinstance(part, int):
            if not isinstance(current, list):
                return RuleFailure("rule_type", f"no array before [{part}]")
            current = current[part] if part < len(current) else None
        else:
            if not isinstance(current, dict):
                return RuleFailure("rule_type", f"no object before {part!r}")
            current = current.get(part)
    return None if current is None else _typed(current, wanted)


def _typed(value: Any, wanted: Type) -> Any:
    kind = wanted.kind
    reader = values.READERS.get(kind)
    found: Any = value
    if reader is not None:
        found = reader(value)
    elif kind in ("object", "map"):
        found = value if isinstance(value, dict) else None
    elif kind == "array":
        found = value if isinstance(value, list) else None
    if found is None:
        return RuleFailure("rule_type", f"{type(value).__name__} is not {wanted}")
    return found
