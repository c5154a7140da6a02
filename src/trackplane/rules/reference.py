"""The reference evaluator: plain and slow, written from semantics.md; what back ends are held to.

NULL is ``None``, an ERROR is a ``RuleFailure`` that is returned, not raised: so that the tables
decide, and never the order of evaluation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import msgspec
import re2

from trackplane.event import JsonObject
from trackplane.rules import values
from trackplane.rules.ir import (
    Call,
    Drop,
    Expression,
    Keep,
    Path,
    Rule,
    Select,
    Set,
    Type,
)
from trackplane.rules.ir import Literal as Constant

FailureCode = Literal["rule_type", "rule_overflow", "rule_zero_divisor", "rule_cast"]


class RuleFailure(msgspec.Struct, frozen=True):
    """An ERROR, or a rule's failure on an event: its code, and why (never the value itself)."""

    code: FailureCode
    message: str = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RuleFailure) and other.code == self.code

    def __hash__(self) -> int:
        return hash(self.code)


Output = JsonObject


def evaluate(expression: Expression, event: JsonObject) -> Any:
    """Return an expression's value over a merged event: a value, None (NULL) or a RuleFailure."""
    if isinstance(expression, Constant):
        return expression.value
    if isinstance(expression, Path):
        return _read(expression, event)
    special = _SPECIAL.get(expression.function)
    if special is not None:
        return special(expression, event)
    arguments = [evaluate(argument, event) for argument in expression.args]
    for argument in arguments:
        if isinstance(argument, RuleFailure):
            return argument
    if any(argument is None for argument in arguments):
        return None
    return _STRICT[expression.function](arguments, [argument.type for argument in expression.args])


def apply(rule: Rule, event: JsonObject) -> Output | RuleFailure | None:
    """Return what a rule puts out for a merged event: None for nothing, a RuleFailure if it fails.

    ``event`` has ``id``, ``event``, ``when.server``, ``when.at`` and ``meta``, as
    ``trackplane.frame.Frame.merged`` gives it.
    """
    meta = event["meta"]
    if (
        (rule.apps and meta["app"] not in rule.apps)
        or meta["env"] not in rule.envs
        or (rule.events is not None and event["event"] not in rule.events)
    ):
        return None
    chosen = True if rule.where is None else evaluate(rule.where, event)
    if chosen is not True:
        return chosen if isinstance(chosen, RuleFailure) else None
    output = _without_meta(event)
    for action in rule.actions:
        match action:
            case Drop(when=condition):
                dropped = evaluate(condition, event)
                if dropped is True:
                    return None
                if isinstance(dropped, RuleFailure):
                    return dropped
            case Select(columns=columns):
                return _select([(c.name, evaluate(c.value, event)) for c in columns])
            case Keep():
                return output
            case Set(values=assignments):
                for assignment in assignments:
                    value = evaluate(assignment.value, event)
                    if isinstance(value, RuleFailure):
                        return value
                    old = output.get(assignment.root)
                    output[assignment.root] = {**(old or {}), assignment.name: value}
            case _:
                name = type(action).__name__.lower()
                raise NotImplementedError(f"action {name} is not in this release")
    return None


def _select(columns: Sequence[tuple[str, Any]]) -> Output | RuleFailure:
    for _, value in columns:
        if isinstance(value, RuleFailure):
            return value
    return dict(columns)


def _without_meta(event: JsonObject) -> Output:
    return {name: value for name, value in event.items() if name != "meta"}


def _read(path: Path, event: JsonObject) -> Any:
    current: Any = event.get(path.root) if path.root else event
    for part in path.parts:
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
    return None if current is None else _typed(current, path.type)


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


# --- functions that are not strict


def _and(call: Call, event: JsonObject) -> Any:
    return _junction(call, event, decisive=False)


def _or(call: Call, event: JsonObject) -> Any:
    return _junction(call, event, decisive=True)


def _junction(call: Call, event: JsonObject, *, decisive: bool) -> Any:
    arguments = [evaluate(argument, event) for argument in call.args]
    if any(argument is decisive for argument in arguments):
        return decisive
    for argument in arguments:
        if isinstance(argument, RuleFailure):
            return argument
    return None if any(argument is None for argument in arguments) else not decisive


def _is_null(call: Call, event: JsonObject) -> Any:
    value = evaluate(call.args[0], event)
    return value if isinstance(value, RuleFailure) else value is None


def _coalesce(call: Call, event: JsonObject) -> Any:
    for argument in call.args:
        value = evaluate(argument, event)
        if value is not None:
            return value
    return None


def _try(call: Call, event: JsonObject) -> Any:
    value = evaluate(call.args[0], event)
    if isinstance(value, RuleFailure):
        return evaluate(call.args[1], event) if len(call.args) > 1 else None
    return value


def _if(call: Call, event: JsonObject) -> Any:
    condition = evaluate(call.args[0], event)
    if isinstance(condition, RuleFailure):
        return condition
    return evaluate(call.args[1 if condition is True else 2], event)


_SPECIAL: Final[dict[str, Callable[[Call, JsonObject], Any]]] = {
    "and": _and,
    "or": _or,
    "is_null": _is_null,
    "coalesce": _coalesce,
    "try_": _try,
    "if_": _if,
}

# --- strict functions: values in, value or RuleFailure out

_Strict = Callable[[list[Any], list[Type]], Any]


def _number(value: float) -> Any:
    if isinstance(value, int):
        inside = values.INT64_MIN <= value <= values.INT64_MAX
    else:
        inside = math.isfinite(value)
    return value if inside else RuleFailure("rule_overflow", "the result is out of range")


def _plain(function: Callable[..., Any]) -> _Strict:
    return lambda arguments, _: function(*arguments)


def _arithmetic(function: Callable[..., Any]) -> _Strict:
    return lambda arguments, _: _number(function(*arguments))


def _add(arguments: list[Any], _: list[Type]) -> Any:
    total = arguments[0] + arguments[1]
    return total if isinstance(total, str) else _number(total)


def _divide(arguments: list[Any], _: list[Type]) -> Any:
    dividend, divisor = (float(argument) for argument in arguments)
    if divisor == 0.0:
        return RuleFailure("rule_zero_divisor", "division by zero")
    return _number(dividend / divisor)


def _remainder(arguments: list[Any], _: list[Type]) -> Any:
    dividend, divisor = arguments
    if divisor == 0:
        return RuleFailure("rule_zero_divisor", "remainder by zero")
    if isinstance(dividend, float):
        return math.fmod(dividend, divisor)
    rest = abs(dividend) % abs(divisor)
    return -rest if dividend < 0 else rest


def _cast(value: Any, wanted: str) -> Any:
    return RuleFailure("rule_cast", f"cannot be read as {wanted}") if value is None else value


def _int(arguments: list[Any], types: list[Type]) -> Any:
    value, kind = arguments[0], types[0].kind
    if kind == "string":
        return _cast(values.parse_int64(value), "int64")
    if kind == "json":
        return _cast(values.read_int64(value), "int64")
    return _number(int(value))


def _float(arguments: list[Any], types: list[Type]) -> Any:
    value, kind = arguments[0], types[0].kind
    if kind == "string":
        return _cast(values.parse_float64(value), "float64")
    if kind == "json":
        return _cast(values.read_float64(value), "float64")
    return float(value)


def _string(arguments: list[Any], types: list[Type]) -> Any:
    value, kind = arguments[0], types[0].kind
    if kind == "json":
        return _cast(values.read_string(value), "string")
    if kind == "bool":
        return "true" if value else "false"
    if kind == "timestamp":
        return _year(values.format_timestamp(value))
    return repr(value) if kind == "float64" else str(value)


def _bool(arguments: list[Any], _: list[Type]) -> Any:
    return _cast(values.read_bool(arguments[0]), "bool")


def _timestamp(arguments: list[Any], types: list[Type]) -> Any:
    if types[0].kind == "string":
        return _cast(values.parse_timestamp(arguments[0]), "timestamp")
    return arguments[0]


def _date(arguments: list[Any], _: list[Type]) -> Any:
    text = _year(values.format_timestamp(arguments[0]))
    return text if isinstance(text, RuleFailure) else text[:10]


def _year(text: str | None) -> Any:
    return RuleFailure("rule_overflow", "outside the years 1-9999") if text is None else text


def _whole(function: Callable[[float], float]) -> _Strict:
    # Beyond 2**52 every float64 is whole already; Python's own would make a big int of it.
    return lambda arguments, _: (
        math.copysign(float(function(arguments[0])), arguments[0])
        if abs(arguments[0]) < 2.0**52
        else arguments[0]
    )


def _ascii(first: str, last: str, shift: int) -> _Strict:
    table = {code: code + shift for code in range(ord(first), ord(last) + 1)}
    return lambda arguments, _: arguments[0].translate(table)


def _substr(text: str, start: int, count: int) -> str:
    start, count = max(start, 0), max(count, 0)
    return text[start : start + count]


def _matches(text: str, pattern: str) -> bool:
    return re2.search(pattern, text) is not None


_STRICT: Final[dict[str, _Strict]] = {
    "eq": _plain(lambda a, b: a == b),
    "ne": _plain(lambda a, b: a != b),
    "lt": _plain(lambda a, b: a < b),
    "le": _plain(lambda a, b: a <= b),
    "gt": _plain(lambda a, b: a > b),
    "ge": _plain(lambda a, b: a >= b),
    "in": _plain(lambda a, *items: a in items),
    "not": _plain(lambda a: not a),
    "add": _add,
    "sub": _arithmetic(lambda a, b: a - b),
    "mul": _arithmetic(lambda a, b: a * b),
    "div": _divide,
    "mod": _remainder,
    "neg": _arithmetic(lambda a: -a),
    "abs": _arithmetic(abs),
    "round": _whole(round),
    "floor": _whole(math.floor),
    "ceil": _whole(math.ceil),
    "min_": _plain(min),
    "max_": _plain(max),
    "int": _int,
    "float": _float,
    "string": _string,
    "bool": _bool,
    "timestamp": _timestamp,
    "date": _date,
    "lower": _ascii("A", "Z", 32),
    "upper": _ascii("a", "z", -32),
    "trim": _plain(lambda text: text.strip(" \t\n\v\f\r")),
    "length": _plain(len),
    "contains": _plain(lambda text, part: part in text),
    "starts_with": _plain(lambda text, part: text.startswith(part)),
    "ends_with": _plain(lambda text, part: text.endswith(part)),
    "substr": _plain(_substr),
    "concat": _plain(lambda *texts: "".join(texts)),
    "matches": _plain(_matches),
}
