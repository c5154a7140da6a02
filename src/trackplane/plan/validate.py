"""Validators: an event's specification compiled to a function of the merged event.

Two steps. A form (``fast.py``) says of most events at once that nothing is wrong with them. What
it refuses goes through closures, one for each property, which find every violation. Which variants
apply is decided per event; each combination is compiled when first seen.
The equal meaning as JSON Schema is in ``jsonschema.py``; a property test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from trackplane.event import BUILT_IN, NAMESPACES, JsonObject
from trackplane.plan.fast import UNFIT, Form, ask, form_of
from trackplane.plan.model import EventSpec, Properties, Property, TypeName
from trackplane.plan.patterns import compile_pattern
from trackplane.plan.properties import timestamp_pattern, variant_properties
from trackplane.plan.variants import compile_applies
from trackplane.plan.violations import Violation, shown

Validator = Callable[[JsonObject], Sequence[Violation]]
_Check = Callable[[Any, str, list[Violation]], None]

_INT64: Final = 1 << 63
_is_timestamp: Final = compile_pattern(timestamp_pattern())
# A form takes as long to make as it saves on some forty events.
_WORTH_IT: Final = 40
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Property).decode
_NOTHING: Final[tuple[Violation, ...]] = ()
# The platform's own: a client's value is replaced, so it is neither checked nor unplanned.
_STAMPED: Final = frozenset({"when.server", "when.at"})


def _built_in(namespace: str) -> dict[str, Property]:
    names: dict[str, Property] = {}
    for path, kind in BUILT_IN.items():
        space, _, name = path.partition(".")
        if space == namespace and path not in _STAMPED:
            names[name] = Property(type=(msgspec.convert(kind, TypeName),), nullable=True)
    return names


_BUILT_INS: Final = {namespace: _built_in(namespace) for namespace in NAMESPACES}


def compile_validator(spec: EventSpec, *, after: int = _WORTH_IT) -> Validator:
    """Return a function from a merged event to all of its violations, warnings included.

    The form that speeds it up is made when ``after`` events have come.
    """
    applies = [compile_applies(variant.applies, spec.app) for variant in spec.variants]
    compiled: dict[int, Validator] = {0: _compile_properties(spec, 0, after)}
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
            validator = compiled[mask] = _compile_properties(spec, mask, after)
        return validator(event)

    return validate


def _compile_properties(spec: EventSpec, mask: int, after: int) -> Validator:
    planned = variant_properties(spec, mask)
    properties: Properties = {
        namespace: {**_BUILT_INS[namespace], **planned.get(namespace, {})}
        for namespace in NAMESPACES
    }
    examine, convert = _compile_examination(properties), msgspec.convert
    seen = 0
    form: Form | None = None

    def validate(event: JsonObject) -> Sequence[Violation]:
        nonlocal seen, form
        if form is None:
            seen += 1
            if seen >= after:
                form = form_of(properties, _predicate)
            return examine(event)
        try:
            convert(event, form, dec_hook=ask)
        except UNFIT:
            return examine(event)
        return _NOTHING

    deprecated = _deprecation(spec)
    return validate if deprecated is None else lambda event: [*validate(event), deprecated]


def _predicate(shape: Property) -> Callable[[Any], bool]:
    """Return whether a value of a property breaks nothing, by the closures of this module."""
    check = _compile_property(shape)

    def fine(value: Any) -> bool:
        found: list[Violation] = []
        check(value, "", found)
        return not found

    return fine


def _compile_examination(properties: Properties) -> Validator:
    """Return a function from an event to all of its violations, without the help of a form."""
    plan = [
        (
            namespace,
            {
                name: _check_of(_encode(_bare(shape)), f"/{namespace}/{escape(name)}")
                for name, shape in members.items()
            },
            [
                (name, f"/{namespace}/{escape(name)}")
                for name, shape in members.items()
                if shape.required
            ],
        )
        for namespace, members in properties.items()
    ]
    empty: JsonObject = {}

    def examine(event: JsonObject) -> Sequence[Violation]:
        found: list[Violation] = []
        for namespace, members, required in plan:
            values = event.get(namespace, empty)
            if type(values) is not dict:
                found.append(_not_an_object(namespace, values))
                continue
            for name, value in values.items():
                member = members.get(name)
                if member is not None:
                    member[0](value, member[1], found)
                elif f"{namespace}.{name}" not in _STAMPED:
                    found.append(_unplanned(name, f"/{namespace}"))
            for name, pointer in required:
                if name not in values:
                    found.append(_missing(name, pointer))
        return found or _NOTHING

    return examine


def _bare(shape: Property) -> Property:
    """Return a property without what it is called."""
    if shape.title is None and shape.description is None:
        return shape
    return msgspec.structs.replace(shape, title=None, description=None)


@lru_cache(maxsize=50_000)
def _check_of(encoded: bytes, pointer: str) -> tuple[_Check, str]:
    """Return a property's check and its pointer: one for all that are planned alike."""
    return _check_of_shape(encoded), pointer


@lru_cache(maxsize=20_000)
def _check_of_shape(encoded: bytes) -> _Check:
    return _compile_property(_decode(encoded))


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


def _not_an_object(namespace: str, value: Any) -> Violation:
    return Violation(
        code="type",
        pointer=f"/{namespace}",
        message="is not object",
        input=shown(value, masked=False),
        rule="type: object",
    )


def _unplanned(name: str, pointer: str) -> Violation:
    return Violation(
        code="unplanned_property",
        pointer=f"{pointer}/{escape(name)}",
        message=f"{name!r} is not planned",
    )


def _missing(name: str, pointer: str) -> Violation:
    return Violation(
        code="missing", pointer=pointer, message=f"{name} is required", rule="required: true"
    )


def escape(name: str) -> str:
    """Return a name as a part of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


class _Reporter:
    """Makes the violations of one property: masked where it, or a part of it, may be personal."""

    def __init__(self, shape: Property, *, masked: bool) -> None:
        self.shape = shape
        self.masked = masked
        self._hidden = masked or _holds_pii(shape)
        self._wanted = " or ".join(shape.type)

    def add(
        self, found: list[Violation], code: str, value: Any, pointer: str, text: str, rule: str
    ) -> None:
        """Add one violation."""
        given = shown(value, masked=self._hidden)
        found.append(Violation(code=code, pointer=pointer, message=text, input=given, rule=rule))

    def wrong_type(self, found: list[Violation], value: Any, pointer: str) -> None:
        """Say that the value is of no type that is planned."""
        self.add(found, "type", value, pointer, f"is not {self._wanted}", f"type: {self._wanted}")

    def bound(self, found: list[Violation], code: str, value: Any, pointer: str) -> None:
        """Say that the value breaks the constraint of this code."""
        limit = getattr(self.shape, code)
        words = {
            "min": "is below",
            "max": "is above",
            "min_length": "is shorter than",
            "max_length": "is longer than",
            "pattern": "does not match",
        }
        self.add(found, code, value, pointer, f"{words[code]} {limit}", f"{code}: {limit}")

    @property
    def sized(self) -> bool:
        """Say whether a length is planned."""
        return self.shape.min_length is not None or self.shape.max_length is not None

    def size(self, found: list[Violation], size: int, value: Any, pointer: str) -> None:
        """Check a length in code points, items or entries."""
        low, high = self.shape.min_length, self.shape.max_length
        if low is not None and size < low:
            self.bound(found, "min_length", value, pointer)
        if high is not None and size > high:
            self.bound(found, "max_length", value, pointer)


def _holds_pii(shape: Property) -> bool:
    inner = [shape.items, shape.values, *(shape.properties or {}).values()]
    return shape.pii is not None or any(part is not None and _holds_pii(part) for part in inner)


def _compile_property(shape: Property, *, masked: bool = False) -> _Check:
    masked = masked or shape.pii is not None
    reporter = _Reporter(shape, masked=masked)
    checks = [_compile_type(kind, shape, reporter) for kind in shape.type]
    typed = checks[0] if len(checks) == 1 else _union(checks)
    enum = _Enum(shape.enum) if shape.enum is not None else None
    nullable = shape.nullable or ("json" in shape.type and enum is None)
    deprecated = shape.deprecated

    def check(value: Any, pointer: str, found: list[Violation]) -> None:
        if value is None:
            if not nullable:
                reporter.add(
                    found, "null", value, pointer, "null is not planned", "nullable: false"
                )
        elif not typed(value, pointer, found):
            reporter.wrong_type(found, value, pointer)
        elif enum is not None and not enum.has(value):
            rule = f"enum: {shown(list(shape.enum or ()), masked=False)}"
            reporter.add(found, "enum", value, pointer, "not one of the planned values", rule)
        if deprecated is not None:
            instead = f": send {deprecated.replaced_by}" if deprecated.replaced_by else ""
            reporter.add(found, "deprecated", value, pointer, f"deprecated{instead}", "deprecated")

    return check


class _Enum:
    """Membership as JSON has it: 1 equals 1.0, true equals neither."""

    def __init__(self, values: Sequence[Any]) -> None:
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


# A type's check returns whether the value is of that type at all; what else is wrong it adds.
_TypeCheck = Callable[[Any, str, list[Violation]], bool]


def _union(checks: Sequence[_TypeCheck]) -> _TypeCheck:
    """Accept what one alternative accepts; else tell what the first of a fitting type found."""

    def check(value: Any, pointer: str, found: list[Violation]) -> bool:
        nearest: list[Violation] | None = None
        for alternative in checks:
            own: list[Violation] = []
            if not alternative(value, pointer, own):
                continue
            if all(violation.severity != "error" for violation in own):
                found += own
                return True
            nearest = own if nearest is None else nearest
        found += nearest or ()
        return nearest is not None

    return check


def _compile_type(kind: TypeName, shape: Property, reporter: _Reporter) -> _TypeCheck:
    match kind:
        case "string":
            return _string(shape, reporter)
        case "integer" | "number":
            return _number(shape, reporter, whole=kind == "integer")
        case "boolean":
            return lambda value, _pointer, _found: type(value) is bool
        case "timestamp":
            return _timestamp(reporter)
        case "array":
            return _array(shape, reporter)
        case "object":
            return _object(shape, reporter)
        case "map":
            return _map(shape, reporter)
        case "json":
            return lambda _value, _pointer, _found: True


def _string(shape: Property, reporter: _Reporter) -> _TypeCheck:
    sized = reporter.sized
    matches = compile_pattern(shape.pattern) if shape.pattern is not None else None

    def check(value: Any, pointer: str, found: list[Violation]) -> bool:
        if type(value) is not str:
            return False
        if sized:
            reporter.size(found, len(value), value, pointer)
        if matches is not None and not matches(value):
            reporter.bound(found, "pattern", value, pointer)
        return True

    return check


def _number(shape: Property, reporter: _Reporter, *, whole: bool) -> _TypeCheck:
    low, high = shape.min, shape.max

    def check(value: Any, pointer: str, found: list[Violation]) -> bool:
        kind = type(value)
        if kind is not int and (kind is not float or (whole and not value.is_integer())):
            return False
        if whole and not -_INT64 <= value < _INT64:
            _outside_int64(reporter, found, value, pointer)
        if low is not None and value < low:
            reporter.bound(found, "min", value, pointer)
        if high is not None and value > high:
            reporter.bound(found, "max", value, pointer)
        return True

    return check


def _outside_int64(reporter: _Reporter, found: list[Violation], value: Any, pointer: str) -> None:
    reporter.add(found, "int64", value, pointer, "is outside 64 bits", "type: integer")


def _timestamp(reporter: _Reporter) -> _TypeCheck:
    def check(value: Any, pointer: str, found: list[Violation]) -> bool:
        kind = type(value)
        if kind is str:
            return _is_timestamp(value)
        if kind is not int and (kind is not float or not value.is_integer()):
            return False
        if not -_INT64 <= value < _INT64:
            _outside_int64(reporter, found, value, pointer)
        return True

    return check


def _array(shape: Property, reporter: _Reporter) -> _TypeCheck:
    sized = reporter.sized
    item = _compile_property(shape.items, masked=reporter.masked) if shape.items else None

    def check(value: Any, pointer: str, found: list[Violation]) -> bool:
        if type(value) is not list:
            return False
        if item is not None:
            for index, element in enumerate(value):
                item(element, f"{pointer}/{index}", found)
        if sized:
            reporter.size(found, len(value), value, pointer)
        return True

    return check


def _map(shape: Property, reporter: _Reporter) -> _TypeCheck:
    sized = reporter.sized
    each = _compile_property(shape.values, masked=reporter.masked) if shape.values else None

    def check(value: Any, pointer: str, found: list[Violation]) -> bool:
        if type(value) is not dict:
            return False
        if each is not None:
            for name, element in value.items():
                each(element, f"{pointer}/{escape(name)}", found)
        if sized:
            reporter.size(found, len(value), value, pointer)
        return True

    return check


def _object(shape: Property, reporter: _Reporter) -> _TypeCheck:
    properties = shape.properties or {}
    sized = reporter.sized
    members = [
        (name, f"/{escape(name)}", _compile_property(inner, masked=reporter.masked), inner.required)
        for name, inner in properties.items()
    ]
    known = frozenset(properties)
    planned = shape.properties is not None

    def check(value: Any, pointer: str, found: list[Violation]) -> bool:
        if type(value) is not dict:
            return False
        for name, part, inner, required in members:
            if name in value:
                inner(value[name], pointer + part, found)
            elif required:
                found.append(_missing(name, pointer + part))
        if not shape.additional:
            found += [
                Violation(
                    code="additional",
                    pointer=f"{pointer}/{escape(name)}",
                    message=f"{name!r} is not planned and the object is closed",
                    rule="additional: false",
                )
                for name in value
                if name not in known
            ]
        elif planned and not value.keys() <= known:
            found += [_unplanned(name, pointer) for name in value if name not in known]
        if sized:
            reporter.size(found, len(value), value, pointer)
        return True

    return check
