"""From an expression to Python statements: NULL is None, an ERROR a ``Failure``.

Each node knows whether it can be either, so that ordinary comparisons become plain Python ones.
What was computed in a block is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import re2

from trackplane.engine import values
from trackplane.engine.calls import callee
from trackplane.engine.conditions import COMPARE, constant_of
from trackplane.engine.demand import SURE, Demand, Mode, Property, fits_struct, property_of
from trackplane.engine.renaming import renamed
from trackplane.engine.source import NULL, GenerateError, Source, Value
from trackplane.rules.ir import Call, Each, Expression, Item, Literal, Path
from trackplane.rules.library.environment import Environment

# The directory's column of each value that the platform stamps.
_STAMPS: Final = {
    ("", "id"): "ids",
    ("", "event"): "names",
    ("when", "server"): "received",
    ("when", "at"): "at",
    ("meta", "app"): "apps",
    ("meta", "env"): "envs",
    ("meta", "grade"): "grades",
    ("meta", "revision"): "revisions",
    ("meta", "weight"): "weights",
}
_CLASSES: Final = {
    "string": "str",
    "float64": "float",
    "bool": "bool",
    "array": "list",
    "object": "dict",
    "map": "dict",
}


class Expressions:
    """Emits expressions over events of one mode."""

    def __init__(
        self, source: Source, demand: Demand, mode: Mode, environment: Environment
    ) -> None:
        self._source = source
        self._demand = demand
        self._mode = mode
        self._environment = environment
        self._items: dict[str, Value] = {}  # what names of items stand for here
        self._renamed = 0

    def emit(self, node: Expression) -> Value:
        """Add the statements that compute an expression, where it is not computed yet.

        Raises:
            GenerateError: it has something that this engine does not know.
        """
        if isinstance(node, Literal):
            return self._literal(node)
        known = self._source.known(node)
        if known is not None:
            return known
        match node:
            case Path():
                value = self._path(node)
            case Item():
                value = self._item(node)
            case Each():
                value = self._each(node)
            case Call():
                value = self._call(node)
        return self._source.learn(node, value)

    def call(self, name: str, value: Value) -> None:
        """Let a name of ``Item`` nodes stand for a value."""
        self._items[name] = value

    def is_called(self, name: str) -> bool:
        """Say whether a name of ``Item`` nodes stands for something."""
        return name in self._items

    def hang_up(self, name: str) -> None:
        """Let a name stand for nothing again."""
        del self._items[name]

    # --- leaves -----------------------------------------------------------------------------------

    def _literal(self, node: Literal) -> Value:
        value = node.value
        if value is None or value is True or value is False:
            return Value(repr(value), value is None, False)
        if node.type.kind == "float64":
            value = float(value)
        return Value(self._source.literal(value), False, False)

    def _path(self, node: Path) -> Value:
        first = (str(node.root), str(node.parts[0]))
        if len(node.parts) == 1 and first in _STAMPS:
            column = _STAMPS[first]
            self._source.first(column, f"d.{column}")
            return Value(self._source.assign(f"{column}[p]"), False, False)
        wanted = property_of(node)
        if wanted is None:
            raise GenerateError(f"no value {'.'.join(map(str, (node.root, *node.parts)))}")
        if not fits_struct(wanted[1]):
            raise GenerateError(
                f"this engine cannot read the property {wanted[1]!r}",
                hint="quotation marks, backslashes and control characters do not fit its decoder",
            )
        atom, shape = self._property(wanted), self._demand.shape(wanted)
        parts = node.parts[1:]
        if self._mode == "loose":
            if shape.leaf == "raw" and not shape.members:
                return self._copied(atom, node.type.kind)
            return self._steps(Value(atom, True, False), parts, node.type.kind)
        done = 0
        while shape.members:
            name = parts[done]
            found = shape.member(str(name))
            assert found is not None
            number, shape = found
            atom = self._member(wanted, parts[: done + 1], atom, number)
            done += 1
        if shape.leaf == "raw":
            return self._copied(atom, node.type.kind)
        rest = parts[done:]
        if rest or shape.leaf == "any":
            return self._steps(Value(atom, True, False), rest, node.type.kind)
        if shape.leaf == "timestamp":
            return self._checked(Value(atom, True, False), "timestamp")
        return Value(atom, True, node.type.kind not in SURE and node.type.kind != "map")

    def _property(self, wanted: Property) -> str:
        """Return the variable of a merged property as it came (one for each scope)."""
        source = self._source
        known = source.known(wanted)
        if known is not None:
            return known.atom
        index, field = self._demand.properties.index(wanted), self._demand.field(wanted)
        root = source.known((wanted[0],))
        if root is None:
            root = source.learn((wanted[0],), Value(source.assign(f"e.{wanted[0]}"), True, False))
        if self._mode == "loose":
            atom = source.assign(f"{root.atom}.{field} if {root.atom} is not None else UNSET")
        else:
            atom = source.assign(f"{root.atom}.{field}")
        if self._mode != "bare":
            source.line(f"if {atom} is UNSET: {atom} = h[{index}]")
        source.learn(wanted, Value(atom, True, False))
        return atom

    def _member(
        self, wanted: Property, parts: Sequence[str | int], holder: str, number: int
    ) -> str:
        key = (wanted, tuple(parts))
        known = self._source.known(key)
        if known is None:
            atom = self._source.assign(f"{holder}.f{number} if {holder} is not None else None")
            known = self._source.learn(key, Value(atom, True, False))
        return known.atom

    def _copied(self, atom: str, kind: str) -> Value:
        """Add the check of a part that is copied unread; its usual form is a look at its start."""
        check = self._source.constant(values.RAW[kind])
        first = {"array": "[", "object": "{", "map": "{"}.get(kind)
        if first is None:
            return Value(self._source.assign(f"{check}({atom})"), True, False)
        usual = f"{atom} is not None and M({atom})[0] == {ord(first):d}"
        return Value(self._source.assign(f"{atom} if {usual} else {check}({atom})"), True, True)

    def _item(self, node: Item) -> Value:
        bound = self._items.get(node.name)
        if bound is None:
            raise GenerateError(f"no item {node.name!r} here")
        return self._steps(bound, node.parts, node.type.kind)

    def _steps(self, start: Value, parts: Sequence[str | int], kind: str) -> Value:
        """Add the steps by name and index into a decoded value, and the check of the last."""
        source = self._source
        if not parts:
            return self._checked(start, kind)
        atom = source.assign(start.atom)
        for part in parts:
            if isinstance(part, str):
                name = source.constant(part)
                source.line(f"if {atom}.__class__ is dict: {atom} = {atom}.get({name})")
                test = f"{atom} is not None and {atom}.__class__ is not F"
                source.line(f"elif {test}: {atom} = TYPE")
            else:
                source.line(f"{atom} = {source.constant(values.by_index)}({atom}, {part:d})")
        return self._checked(Value(atom, True, True), kind)

    def _checked(self, value: Value, kind: str) -> Value:
        """Add the check of a read value's type; its usual form is one comparison of classes."""
        if kind == "json":
            return value
        source = self._source
        atom = source.assign(value.atom)
        if kind in _CLASSES:
            source.line(f"if {atom}.__class__ is not {_CLASSES[kind]} and {atom} is not None:")
        else:
            source.line(f"if {atom}.__class__ is not int or not LOW <= {atom} < HIGH:")
        with source.block():
            source.line(f"{atom} = {source.constant(values.AS[kind])}({atom})")
        return Value(atom, True, True)

    # --- items of arrays --------------------------------------------------------------------------

    def _each(self, node: Each) -> Value:
        array = self.emit(node.array)
        name, body = node.name, node.body
        if name in self._items:
            self._renamed += 1
            name = f"{name}/{self._renamed}"  # no name of a user has a slash
            body = renamed(body, node.name, name)
        source = self._source
        result, item = source.fresh(), source.fresh()
        start = {"any": "False", "all": "True"}.get(node.function, "[]")
        word = "if"
        if array.error:
            source.line(f"if {array.atom}.__class__ is F: {result} = {array.atom}")
            word = "elif"
        if array.null:
            source.line(f"{word} {array.atom} is None: {result} = None")
            word = "elif"
        source.line("if True:" if word == "if" else "else:")
        with source.block():
            source.line(f"{result} = {start}")
            source.line(f"for {item} in {array.atom}:")
            with source.block():
                self.call(name, Value(item, True, False))
                found = self.emit(body)
                self.hang_up(name)
                self._gather(node.function, result, item, found)
        if node.function in ("any", "all"):
            return Value(result, array.null or found.null, array.error or found.error)
        return Value(result, array.null, array.error or found.error)

    def _gather(self, function: str, result: str, item: str, found: Value) -> None:
        """Add what one item does to the result: as ``or``, as ``and``, or one more item."""
        line, atom = self._source.line, found.atom
        if function in ("any", "all"):
            decides = str(function == "any")
            line(f"if {atom} is {decides}:")
            line(f" {result} = {decides}")
            line(" break")
            if found.error:
                line(f"if {atom}.__class__ is F:")
                line(f" if {result}.__class__ is not F: {result} = {atom}")
            if found.null:
                neutral = "False" if function == "any" else "True"
                word = "elif" if found.error else "if"
                line(f"{word} {atom} is None and {result} is {neutral}: {result} = None")
            return
        if found.error:
            line(f"if {atom}.__class__ is F:")
            line(f" {result} = {atom}")
            line(" break")
        if function == "filter":
            line(f"if {atom} is True: {result}.append({item})")
        else:
            line(f"{result}.append({atom})")

    # --- calls ------------------------------------------------------------------------------------

    def _call(self, node: Call) -> Value:
        special = self._special().get(node.function)
        if special is not None:
            return special(node)
        if node.function == "matches" and isinstance(node.args[1], Literal):
            return self._matches(node)
        args = [self.emit(argument) for argument in node.args]
        atoms = [value.atom for value in args]
        if node.function in COMPARE:
            sign = COMPARE[node.function]
            return self._strict(args, f"{atoms[0]} {sign} {atoms[1]}")
        found = callee(node, atoms, self._source.constant, self._environment)
        if found.takes_null:
            args = [Value(value.atom, False, value.error) for value in args]
        return self._strict(args, found.formula, null=found.null, error=found.error)

    def _special(self) -> dict[str, Callable[[Call], Value]]:
        return {
            "and": self._logic,
            "or": self._logic,
            "is_null": self._is_null,
            "coalesce": self._coalesce,
            "try_": self._try,
            "if_": self._if,
            "in": self._in,
        }

    def _strict_of(self, node: Call, formula: str) -> Value:
        value = self.emit(node.args[0])
        return self._strict([value], formula.format(value.atom))

    def _strict(
        self, args: Sequence[Value], formula: str, *, null: bool = False, error: bool = False
    ) -> Value:
        """Add a function that an ERROR or NULL argument decides."""
        source = self._source
        atom = source.fresh()
        word = "if"
        for value in args:
            if value.error:
                source.line(f"{word} {value.atom}.__class__ is F: {atom} = {value.atom}")
                word = "elif"
        nulls = [f"{value.atom} is None" for value in args if value.null]
        if nulls:
            source.line(f"{word} {' or '.join(nulls)}: {atom} = None")
            word = "elif"
        source.line(f"{atom} = {formula}" if word == "if" else f"else: {atom} = {formula}")
        return Value(atom, null or bool(nulls), error or any(value.error for value in args))

    def _in(self, node: Call) -> Value:
        members = frozenset(map(constant_of, node.args[1:])) - {None}
        return self._strict_of(node, f"{{}} in {self._source.literal(members)}")

    def _matches(self, node: Call) -> Value:
        pattern = node.args[1]
        if not isinstance(pattern, Literal) or not isinstance(pattern.value, str):
            raise GenerateError("matches() takes a literal pattern")
        search = self._source.constant(re2.compile(pattern.value).search)
        return self._strict_of(node, f"{search}({{}}) is not None")

    def _is_null(self, node: Call) -> Value:
        value = self.emit(node.args[0])
        if not value.null and not value.error:
            return Value("False", False, False)
        if not value.error:
            return Value(self._source.assign(f"{value.atom} is None"), False, False)
        test = f"{value.atom} if {value.atom}.__class__ is F else {value.atom} is None"
        return Value(self._source.assign(test), False, True)

    def _logic(self, node: Call) -> Value:
        """Add ``and``/``or``: what decides ends it; else an ERROR, else NULL, else the other."""
        decides = str(node.function == "or")
        source = self._source
        first = self.emit(node.args[0])
        result = source.assign(first.atom)
        null, error = first.null, first.error
        neutral = "False" if decides == "True" else "True"
        for argument in node.args[1:]:
            source.line(f"if {result} is not {decides}:")
            with source.block():
                value = self.emit(argument)
                test = f"{value.atom} is {decides} or {result} is {neutral}"
                if null and value.error:
                    test += f" or ({result} is None and {value.atom}.__class__ is F)"
                source.line(f"if {test}: {result} = {value.atom}")
            null, error = null or value.null, error or value.error
        return Value(result, null, error)

    def _coalesce(self, node: Call) -> Value:
        source = self._source
        first = self.emit(node.args[0])
        result = source.assign(first.atom)
        null, error = first.null, first.error
        for argument in node.args[1:]:
            if not null:
                break
            source.line(f"if {result} is None:")
            with source.block():
                value = self.emit(argument)
                source.line(f"{result} = {value.atom}")
            null, error = value.null, error or value.error
        return Value(result, null, error)

    def _try(self, node: Call) -> Value:
        source = self._source
        value = self.emit(node.args[0])
        if not value.error:
            return value
        result = source.assign(value.atom)
        source.line(f"if {result}.__class__ is F:")
        with source.block():
            instead = self.emit(node.args[1]) if len(node.args) > 1 else NULL
            source.line(f"{result} = {instead.atom}")
        return Value(result, value.null or instead.null, instead.error)

    def _if(self, node: Call) -> Value:
        source = self._source
        condition = self.emit(node.args[0])
        result = source.fresh()
        source.line(f"if {condition.atom} is True:")
        with source.block():
            then = self.emit(node.args[1])
            source.line(f"{result} = {then.atom}")
        if condition.error:
            source.line(f"elif {condition.atom}.__class__ is F: {result} = {condition.atom}")
        source.line("else:")
        with source.block():
            other = self.emit(node.args[2])
            source.line(f"{result} = {other.atom}")
        error = then.error or other.error or condition.error
        return Value(result, then.null or other.null, error)
