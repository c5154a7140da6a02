"""Validators: an event's specification compiled to a function of the merged event.

Each property becomes a small closure chosen at compile time, so the hot path has no branches on the
plan. Which variants apply is decided per event; each combination is compiled when first seen.
The equal meaning as JSON Schema is in ``jsonschema.py``; a property test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import re2

from trackplane.event import BUILT_IN, NAMESPACES, JsonObject
from trackplane.plan.model import EventSpec, Property, TypeName
from trackplane.plan.properties import timestamp_pattern, variant_properties
from trackplane.plan.variants import compile_applies
from trackplane.plan.violations import Violation, shown

Validator = Callable[[JsonObject], Sequence[Violation]]
_Check = Callable[[Any, str, list[Violation]], None]

_INT64: Final = 1 << 63
_TIMESTAMP: Final = re2.compile(timestamp_pattern())
_NOTHING: Final[tuple[Violation, ...]] = ()
_PLATFORM_NAMES: Final[Mapping[str, frozenset[str]]] = {
    namespace: frozenset(
        path.partition(".")[2] for path in BUILT_IN if path.startswith(f"{namespace}.")
    )
    for namespace in NAMESPACES
}


def compile_validator(spec: EventSpec) -> Validator:
    """Return a function from a merged event to all of its violations, warnings included."""
    applies = [compile_applies(variant.applies, spec.app) for variant in spec.variants]
    compiled: dict[int, Validator] = {0: _compile_properties(spec, 0)}
    if not applies:
        return compiled[0]
    bits = [(1 << index, matches) for index, matches in enumerate(applies)]

    def validate(event: JsonObject) -> Sequence[Violation]:
        mask = 0
        for bit, matches in bits:
            if matches(event):
                mask |= bit
        validator = compiled.get(mask)
        if validator is None:
            validator = compiled[mask] = _compile_properties(spec, mask)
        return validator(event)

    return validate


def _compile_properties(spec: EventSpec, mask: int) -> Validator:
    properties = variant_properties(spec, mask)
    with_built_ins = {
        namespace: {**_built_in(namespace), **properties.get(namespace, {})}
        for namespace in NAMESPACES
    }
    plan = [
        (
            namespace,
            {
                name: (_compile_property(shape), f"/{namespace}/{_escape(name)}")
                for name, shape in members.items()
            },
            [
                (name, f"/{namespace}/{_escape(name)}")
                for name, shape in members.items()
                if shape.required
            ],
        )
        for namespace, members in with_built_ins.items()
    ]
    deprecated = _deprecation(spec)
    empty: JsonObject = {}

    def validate(event: JsonObject) -> Sequence[Violation]:
        found: list[Violation] = []
        for namespace, members, required in plan:
            values = event.get(namespace)
            if values:
                for name, value in values.items():
                    member = members.get(name)
                    if member is not None:
                        member[0](value, member[1], found)
                    elif name not in _PLATFORM_NAMES[namespace]:
                        found.append(_unplanned(name, f"/{namespace}"))
            else:
                values = empty
            for name, pointer in required:
                if name not in values:
                    found.append(_missing(name, pointer))
        if deprecated is not None:
            found.append(deprecated)
        return found or _NOTHING

    return validate


def _built_in(namespace: str) -> dict[str, Property]:
    names: dict[str, Property] = {}
    for path, kind in BUILT_IN.items():
        space, _, name = path.partition(".")
        if space == namespace and path not in {"when.server", "when.at"}:
            names[name] = Property(type=(msgspec.convert(kind, TypeName),), nullable=True)
    return names


def _deprecation(spec: EventSpec) -> Violation | None:
    if spec.deprecated is None:
        return None
    instead = spec.deprecated.replaced_by
    return Violation(
        code="deprecated",
        pointer="/event",
        message=f"{spec.event} is deprecated" + (f": send {instead}" if instead else ""),
        rule="deprecated",
    )


def _unplanned(name: str, pointer: str) -> Violation:
    return Violation(
        code="unplanned_property",
        pointer=f"{pointer}/{_escape(name)}",
        message=f"{name!r} is not planned",
    )


def _missing(name: str, pointer: str) -> Violation:
    return Violation(
        code="missing", pointer=pointer, message=f"{name} is required", rule="required: true"
    )


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _compile_property(shape: Property) -> _Check:
    by_type = {kind: _compile_type(kind, shape) for kind in shape.type}
    masked = shape.pii is not None
    enum = _Enum(shape) if shape.enum is not None else None
    deprecated = shape.deprecated
    wanted = " or ".join(shape.type)
    only = next(iter(by_type.values())) if len(by_type) == 1 else None

    def fault(code: str, value: Any, pointer: str, message: str, rule: str) -> Violation:
        return Violation(
            code=code,
            pointer=pointer,
            message=message,
            input=shown(value, masked=masked),
            rule=rule,
        )

    def check_one(value: Any, pointer: str, found: list[Violation]) -> None:
        """Check a property of one type without enum: most of them, and the fastest."""
        if value is None:
            if not nullable:
                found.append(
                    fault("null", value, pointer, "null is not planned", "nullable: false")
                )
            return
        problem = single(value, pointer, found)
        if problem is not None:
            found.append(_fault_of(problem, value, pointer, shape, wanted, fault))

    if only is not None and enum is None and deprecated is None:
        single = only
        nullable = shape.nullable or "json" in by_type
        return check_one

    def check(value: Any, pointer: str, found: list[Violation]) -> None:
        if value is None:
            if not shape.nullable and "json" not in by_type:
                found.append(
                    fault("null", value, pointer, "null is not planned", "nullable: false")
                )
            return
        if only is not None:
            problem = only(value, pointer, found)
        else:
            problem = "type"
            for kind_check in by_type.values():
                outcome = kind_check(value, pointer, found)
                if outcome != "type":
                    problem = outcome
                    break
        if problem is not None:
            found.append(_fault_of(problem, value, pointer, shape, wanted, fault))
        elif enum is not None and not enum.has(value):
            rule = f"enum: {shown(list(shape.enum or ()), masked=False)}"
            found.append(fault("enum", value, pointer, "not one of the planned values", rule))
        if deprecated is not None:
            instead = f": send {deprecated.replaced_by}" if deprecated.replaced_by else ""
            found.append(fault("deprecated", value, pointer, f"deprecated{instead}", "deprecated"))

    return check


_FaultMaker = Callable[[str, Any, str, str, str], Violation]


def _fault_of(
    code: str, value: Any, pointer: str, shape: Property, wanted: str, fault: _FaultMaker
) -> Violation:
    if code == "type":
        return fault(code, value, pointer, f"is not {wanted}", f"type: {wanted}")
    if code == "int64":
        return fault(code, value, pointer, "is outside 64 bits", f"type: {wanted}")
    bound = getattr(shape, code)
    words = {
        "min": f"is below {bound}",
        "max": f"is above {bound}",
        "min_length": f"is shorter than {bound}",
        "max_length": f"is longer than {bound}",
        "pattern": f"does not match {bound}",
    }
    return fault(code, value, pointer, words[code], f"{code}: {bound}")


class _Enum:
    """Membership as JSON has it: 1 equals 1.0, true equals neither."""

    def __init__(self, shape: Property) -> None:
        values = shape.enum or ()
        self._strings = frozenset(v for v in values if type(v) is str)
        self._numbers = frozenset(v for v in values if type(v) in (int, float))
        self._booleans = frozenset(v for v in values if type(v) is bool)

    def has(self, value: Any) -> bool:
        kind = type(value)
        if kind is str:
            return value in self._strings
        if kind is bool:
            return value in self._booleans
        return kind in (int, float) and value in self._numbers


# A type's check returns the code of the constraint that was broken, or None; violations inside of
# objects, arrays and maps it adds itself.
_TypeCheck = Callable[[Any, str, list[Violation]], str | None]


def _compile_type(kind: TypeName, shape: Property) -> _TypeCheck:
    match kind:
        case "string":
            return _string(shape)
        case "integer" | "number":
            return _number(shape, whole=kind == "integer")
        case "boolean":
            return lambda value, _p, _f: None if type(value) is bool else "type"
        case "timestamp":
            return _timestamp
        case "array":
            return _array(shape)
        case "object":
            return _object(shape)
        case "map":
            return _map(shape)
        case "json":
            return lambda _value, _p, _f: None


def _string(shape: Property) -> _TypeCheck:
    low, high = shape.min_length, shape.max_length
    if low is None and high is None and shape.pattern is None:
        return lambda value, _p, _f: None if type(value) is str else "type"
    matches = re2.compile(shape.pattern).fullmatch if shape.pattern is not None else None

    def check(value: Any, _pointer: str, _found: list[Violation]) -> str | None:
        if type(value) is not str:
            return "type"
        if low is not None and len(value) < low:
            return "min_length"
        if high is not None and len(value) > high:
            return "max_length"
        if matches is not None and matches(value) is None:
            return "pattern"
        return None

    return check


def _number(shape: Property, *, whole: bool) -> _TypeCheck:
    low, high = shape.min, shape.max

    def check(value: Any, _pointer: str, _found: list[Violation]) -> str | None:
        kind = type(value)
        if kind is int:
            if whole and not -_INT64 <= value < _INT64:
                return "int64"
        elif kind is not float or (whole and not value.is_integer()):
            return "type"
        elif whole and not -_INT64 <= value < _INT64:
            return "int64"
        if low is not None and value < low:
            return "min"
        if high is not None and value > high:
            return "max"
        return None

    return check


def _timestamp(value: Any, _pointer: str, _found: list[Violation]) -> str | None:
    if type(value) is int:
        return None if -_INT64 <= value < _INT64 else "int64"
    if type(value) is float and value.is_integer():
        return None if -_INT64 <= value < _INT64 else "int64"
    if type(value) is str and _TIMESTAMP.fullmatch(value) is not None:
        return None
    return "type"


def _sized(shape: Property, size: int) -> str | None:
    if shape.min_length is not None and size < shape.min_length:
        return "min_length"
    if shape.max_length is not None and size > shape.max_length:
        return "max_length"
    return None


def _array(shape: Property) -> _TypeCheck:
    item = _compile_property(shape.items) if shape.items is not None else None

    def check(value: Any, pointer: str, found: list[Violation]) -> str | None:
        if type(value) is not list:
            return "type"
        if item is not None:
            for index, element in enumerate(value):
                item(element, f"{pointer}/{index}", found)
        return _sized(shape, len(value))

    return check


def _map(shape: Property) -> _TypeCheck:
    each = _compile_property(shape.values) if shape.values is not None else None

    def check(value: Any, pointer: str, found: list[Violation]) -> str | None:
        if type(value) is not dict:
            return "type"
        if each is not None:
            for name, element in value.items():
                each(element, f"{pointer}/{_escape(name)}", found)
        return _sized(shape, len(value))

    return check


def _object(shape: Property) -> _TypeCheck:
    properties = shape.properties or {}
    members = [
        (name, _compile_property(inner), inner.required) for name, inner in properties.items()
    ]
    known = frozenset(properties)
    planned = shape.properties is not None

    def check(value: Any, pointer: str, found: list[Violation]) -> str | None:
        if type(value) is not dict:
            return "type"
        for name, inner, required in members:
            if name in value:
                inner(value[name], f"{pointer}/{_escape(name)}", found)
            elif required:
                found.append(_missing(name, f"{pointer}/{_escape(name)}"))
        if not shape.additional:
            found += [
                Violation(
                    code="additional",
                    pointer=f"{pointer}/{_escape(name)}",
                    message=f"{name!r} is not planned and the object is closed",
                    rule="additional: false",
                )
                for name in value
                if name not in known
            ]
        elif planned and not value.keys() <= known:
            found += [_unplanned(name, pointer) for name in value if name not in known]
        return _sized(shape, len(value))

    return check
