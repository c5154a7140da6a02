"""Generated doubts: is surely nothing wrong with this event, or where may something be?

Most events are as planned. For them one straight-line Python function is generated from the
properties, several times as fast as a tree of closures. It may doubt an event that is fine (null,
1.0 for an integer): the closures of ``validate.py`` then decide. It never passes what is not.
The generated text holds no word of the plan: names and bounds come in through its globals.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from types import CodeType, FunctionType
from typing import Any, Final
from weakref import WeakValueDictionary

from trackplane.event import JsonObject
from trackplane.plan.model import Properties, Property
from trackplane.plan.patterns import compile_pattern

Doubt = Callable[[JsonObject], int]

_codes: Final[WeakValueDictionary[bytes, CodeType]] = WeakValueDictionary()

_LOW: Final = -(1 << 63)
_HIGH: Final = (1 << 63) - 1
_DEPTH: Final = 8  # Python refuses about 20 nested blocks; deeper parts are checked by closures


def compile_doubt(
    properties: Properties, otherwise: Callable[[Property], Callable[[Any], bool]]
) -> Doubt:
    """Return the number, from 1, of the first namespace in doubt as a function of the event; 0: none.

    ``otherwise`` makes a predicate of a property that it has no text for.
    """
    return _Writer(otherwise).compile(properties)


def _code_of(text: str) -> CodeType:
    """Return the code of a function's text: one for all events of the same form, made once."""
    digest = blake2b(text.encode(), digest_size=16).digest()
    code = _codes.get(digest)
    if code is None:
        module = compile(text, "<plan>", "exec")
        code = next(part for part in module.co_consts if isinstance(part, CodeType))
        _codes[digest] = code
    return code


class _Writer:
    def __init__(self, otherwise: Callable[[Property], Callable[[Any], bool]]) -> None:
        self._otherwise = otherwise
        self._globals: dict[str, Any] = {"__builtins__": {}, "type": type, "len": len}
        self._globals |= {"str": str, "int": int, "float": float, "dict": dict, "list": list}
        self._lines = ["def first_doubt(event):"]
        self._namespace = 0

    def compile(self, properties: Properties) -> Doubt:
        for namespace, members in properties.items():
            self._namespace += 1
            name = self._constant(namespace)
            self._write(1, f"if {name} in event:")
            self._write(2, f"v0 = event[{name}]")
            self._doubt(2, "type(v0) is not dict")
            self._members(2, "v0", members, 1)
            if any(shape.required for shape in members.values()):
                self._write(1, "else:")
                self._write(2, f"return {self._namespace}")
        self._write(1, "return 0")
        return FunctionType(_code_of("\n".join(self._lines)), self._globals)

    def _write(self, indent: int, line: str) -> None:
        self._lines.append("    " * indent + line)

    def _doubt(self, indent: int, condition: str) -> None:
        self._write(indent, f"if {condition}:")
        self._write(indent + 1, f"return {self._namespace}")

    def _constant(self, value: Any) -> str:
        name = f"c{len(self._globals)}"
        self._globals[name] = value
        return name

    def _members(self, indent: int, holder: str, members: dict[str, Property], depth: int) -> None:
        """Check an object's properties; count those that are there, so that no other is."""
        value, count = f"v{depth}", f"n{depth}"
        self._write(indent, f"{count} = 0")
        for name, shape in members.items():
            key = self._constant(name)
            if shape.required:
                self._doubt(indent, f"{key} not in {holder}")
                inner = indent
            else:
                self._write(indent, f"if {key} in {holder}:")
                inner = indent + 1
            self._write(inner, f"{value} = {holder}[{key}]")
            self._write(inner, f"{count} += 1")
            self._value(inner, value, shape, depth)
        self._doubt(indent, f"{count} != len({holder})")

    def _value(self, indent: int, value: str, shape: Property, depth: int) -> None:
        """Write the check of a value; null is doubted, whatever is planned."""
        kind = shape.type[0]
        plain = len(shape.type) == 1 and shape.deprecated is None and depth < _DEPTH
        if plain and (shape.enum is None or kind == "string"):
            match kind:
                case "string":
                    return self._string(indent, value, shape)
                case "integer" | "number" | "timestamp":
                    return self._number(indent, value, shape)
                case "boolean":
                    return self._doubt(indent, f"{value} is not True and {value} is not False")
                case "array":
                    return self._array(indent, value, shape, depth)
                case "object" | "map":
                    return self._object(indent, value, shape, depth)
                case "json":
                    return self._doubt(indent, f"{value} is None")
        return self._doubt(indent, f"not {self._constant(self._otherwise(shape))}({value})")

    def _string(self, indent: int, value: str, shape: Property) -> None:
        self._doubt(indent, f"type({value}) is not str")
        self._length(indent, value, shape)
        if shape.enum is not None:
            planned = frozenset(v for v in shape.enum if type(v) is str)
            self._doubt(indent, f"{value} not in {self._constant(planned)}")
        if shape.pattern is not None:
            matches = self._constant(compile_pattern(shape.pattern))
            self._doubt(indent, f"not {matches}({value})")

    def _number(self, indent: int, value: str, shape: Property) -> None:
        low, high = shape.min, shape.max
        if shape.type[0] == "number":
            self._doubt(indent, f"type({value}) is not float and type({value}) is not int")
        else:
            if shape.type[0] == "timestamp":
                low = high = None
                self._write(indent, f"if type({value}) is str:")
                check = self._constant(self._otherwise(shape))
                self._doubt(indent + 1, f"not {check}({value})")
                self._write(indent, "else:")
                indent += 1
            self._doubt(indent, f"type({value}) is not int")
            low = _LOW if low is None else max(low, _LOW)
            high = _HIGH if high is None else min(high, _HIGH)
        self._bounds(indent, value, low, high)

    def _length(self, indent: int, value: str, shape: Property) -> None:
        self._bounds(indent, f"len({value})", shape.min_length, shape.max_length)

    def _bounds(self, indent: int, value: str, low: float | None, high: float | None) -> None:
        if low is not None and high is not None:
            self._doubt(indent, f"not {self._constant(low)} <= {value} <= {self._constant(high)}")
        elif low is not None:
            self._doubt(indent, f"{value} < {self._constant(low)}")
        elif high is not None:
            self._doubt(indent, f"{value} > {self._constant(high)}")

    def _array(self, indent: int, value: str, shape: Property, depth: int) -> None:
        self._doubt(indent, f"type({value}) is not list")
        self._length(indent, value, shape)
        self._each(indent, value, shape.items, depth)

    def _each(self, indent: int, iterable: str, shape: Property | None, depth: int) -> None:
        if shape is not None:
            inner = f"v{depth + 1}"
            self._write(indent, f"for {inner} in {iterable}:")
            self._doubt(indent + 1, f"{inner} is None")
            self._value(indent + 1, inner, shape, depth + 1)

    def _object(self, indent: int, value: str, shape: Property, depth: int) -> None:
        self._doubt(indent, f"type({value}) is not dict")
        self._length(indent, value, shape)
        if shape.type[0] == "map":
            self._each(indent, f"{value}.values()", shape.values, depth)
        elif shape.properties is not None or not shape.additional:
            self._members(indent, value, shape.properties or {}, depth + 1)
