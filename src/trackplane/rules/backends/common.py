"""What SQL back ends share: values with errors, three-valued logic, actions in order.

Every value is two columns: the value (NULL for NULL and for an ERROR) and the error's code (NULL for
none). They are computed level by level, each level a SELECT around the one before, so that a value
used twice is computed once and nothing depends on the order of evaluation. Every function is total:
nothing a database computes for a row that does not need it may fail.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final, NamedTuple

from trackplane.rules.backends.query import Refused
from trackplane.rules.ir import Call, Each, Expression, Item, Literal, Path

_COLUMN: Final = re.compile(r"\b_c(\d+)_\b")
NULL: Final = "NULL"
NONE: Final = "-"  # the state of an event that a rule puts nothing out for


class Value(NamedTuple):
    """A value's column or constant, and its error's (``NULL``: never one)."""

    value: str
    error: str = NULL


class Op(NamedTuple):
    """What a strict function computes of arguments that are not NULL, and when it fails."""

    value: str
    fails: tuple[tuple[str, str], ...] = ()  # condition, code


Compiled = Callable[["Compiler", Call, Sequence[str]], Op]


class Dialect(ABC):
    """One database's SQL: literals, stored events, JSON, functions."""

    functions: ClassVar[Mapping[str, Compiled]]
    suffix: ClassVar[str] = ""  # what ends a query

    @abstractmethod
    def literal(self, value: str | float | None, kind: str) -> str:
        """Return a constant of a type; NULL of that type too."""

    @abstractmethod
    def stamped(self, root: str, name: str) -> str | None:
        """Return the column of what the platform stamps, or None."""

    @abstractmethod
    def property(self, compiler: Compiler, root: str, name: str) -> str:
        """Return a property as JSON, NULL where it is missing or null."""

    @abstractmethod
    def step(self, compiler: Compiler, json: str, part: str | int) -> Op:
        """Return a part of a JSON value, NULL where it is missing or null."""

    @abstractmethod
    def read(self, compiler: Compiler, json: str, kind: str) -> Op:
        """Return a JSON value read as a type."""

    @abstractmethod
    def output(self, value: str, kind: str) -> str:
        """Return a value as a result column."""

    @abstractmethod
    def row(self) -> Mapping[str, str]:
        """Return the columns ``id event app env server at weight`` of a stored event."""

    def inexact(self) -> str:
        """Say of which events the database does not read what rules read so far as it is ("": none)."""
        return ""

    def sample(self, compiler: Compiler, key: str, rate: float) -> str:
        """Return whether a sample lets a key pass."""
        del compiler, key, rate
        raise Refused("sample", "this database has no xxh64")


class Compiler:
    """Compiles the expressions of one rule into levels of columns."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._levels: list[dict[str, str]] = []  # text -> column
        self._level: dict[str, int] = {}
        self._names: dict[str, str] = {}
        # By identity: 0.0 equals -0.0, and is not the same.
        self._known: dict[int, tuple[Expression, Value]] = {}

    def let(self, text: str) -> str:
        """Return a column that holds what a text computes."""
        known = self._names.get(text)
        if known is not None:
            return known
        below = [self._level.get(f"_c{number}_", 0) for number in _COLUMN.findall(text)]
        level = max(below, default=0) + 1
        while len(self._levels) < level:
            self._levels.append({})
        name = f"_c{len(self._names)}_"
        self._levels[level - 1][text] = name
        self._level[name] = level
        self._names[text] = name
        return name

    def select(self, source: str, columns: Mapping[str, str], where: str) -> str:
        """Return the whole SELECT: all levels around a source, then the columns."""
        sql = source
        for level in self._levels:
            made = ", ".join(f"{text} AS {name}" for text, name in level.items())
            sql = f"(SELECT *, {made} FROM {sql})"  # noqa: S608 - all parts are ours
        shown = ", ".join(f"{text} AS {name}" for name, text in columns.items())
        return f"SELECT {shown} FROM {sql} WHERE {where}{self.dialect.suffix}"  # noqa: S608

    # --- expressions

    def value(self, expression: Expression) -> Value:
        """Return an expression's columns.

        Raises:
            Refused: the database cannot say it exactly.
        """
        known = self._known.get(id(expression))
        if known is None:
            known = self._known[id(expression)] = expression, self._value(expression)
        return known[1]

    def _value(self, expression: Expression) -> Value:
        match expression:
            case Literal(value=value, type=type_):
                return Value(self.dialect.literal(value, type_.kind))
            case Path():
                return self._path(expression)
            case Item() | Each():
                raise Refused("items", "values of an array's items have no exact form here")
            case Call():
                special = _SPECIAL.get(expression.function)
                if special is not None:
                    return special(self, expression)
                return self._strict(expression)

    def _path(self, path: Path) -> Value:
        name = str(path.parts[0])
        stamped = self.dialect.stamped(path.root, name)
        if stamped is not None and len(path.parts) == 1:
            return Value(stamped)
        if stamped is not None:
            raise Refused(path.root, "parts of what the platform stamps")
        current = Value(self.dialect.property(self, path.root, name))
        for part in path.parts[1:]:
            current = self._op([current], self.dialect.step(self, current.value, part))
        return self._op([current], self.dialect.read(self, current.value, path.type.kind))

    def _op(self, arguments: Sequence[Value], op: Op) -> Value:
        """Return a strict function's value and error."""
        given = " AND ".join(f"{each.value} IS NOT NULL" for each in arguments)
        failed = ""
        if op.fails:
            cases = " ".join(f"WHEN {condition} THEN '{code}'" for condition, code in op.fails)
            failed = self.let(f"CASE WHEN {given} THEN CASE {cases} END END")
        error = self._first([*(each.error for each in arguments), failed or NULL])
        fine = f"{given} AND {failed} IS NULL" if failed else given
        return Value(self.let(f"CASE WHEN {fine} THEN {op.value} END"), error)

    def _first(self, errors: Sequence[str]) -> str:
        some = list(dict.fromkeys(error for error in errors if error != NULL))
        if not some:
            return NULL
        return some[0] if len(some) == 1 else self.let(f"COALESCE({', '.join(some)})")

    def _strict(self, call: Call) -> Value:
        function = self.dialect.functions.get(call.function)
        if function is None:
            raise Refused(call.function, "no function of this database is exactly this one")
        arguments = [self.value(argument) for argument in call.args]
        return self._op(arguments, function(self, call, [each.value for each in arguments]))

    # --- functions that are not strict

    def junction(self, call: Call) -> Value:
        """Return ``and`` and ``or``: what decides hides errors."""
        word = call.function
        decisive, other = ("FALSE", "TRUE") if word == "and" else ("TRUE", "FALSE")
        parts = [self.value(part) for part in call.args]
        decided = self.let(
            " OR ".join(f"COALESCE({part.value}, {other}) = {decisive}" for part in parts)
        )
        error = self._first([part.error for part in parts])
        joined = f" {word.upper()} ".join(f"({part.value})" for part in parts)
        if error == NULL:
            return Value(self.let(f"CASE WHEN {decided} THEN {decisive} ELSE {joined} END"))
        hidden = self.let(f"CASE WHEN NOT {decided} THEN {error} END")
        value = f"CASE WHEN {decided} THEN {decisive} WHEN {error} IS NULL THEN {joined} END"
        return Value(self.let(value), hidden)

    def is_null(self, call: Call) -> Value:
        """Return ``is_null``."""
        value, error = self.value(call.args[0])
        if error == NULL:
            return Value(self.let(f"({value} IS NULL)"))
        return Value(self.let(f"CASE WHEN {error} IS NULL THEN {value} IS NULL END"), error)

    def coalesce(self, call: Call) -> Value:
        """Return ``coalesce``: the first value or error."""
        parts = [self.value(part) for part in call.args]
        if all(part.error == NULL for part in parts):
            return Value(self.let(f"COALESCE({', '.join(part.value for part in parts)})"))
        values, errors = "CASE", "CASE"
        for value, error in parts[:-1]:
            taken = f"{value} IS NOT NULL OR {error} IS NOT NULL"
            values += f" WHEN {taken} THEN {value}"
            errors += f" WHEN {taken} THEN {error}"
        last = parts[-1]
        return Value(
            self.let(f"{values} ELSE {last.value} END"), self.let(f"{errors} ELSE {last.error} END")
        )

    def try_(self, call: Call) -> Value:
        """Return ``try_``: the second where the first is an error."""
        value, error = self.value(call.args[0])
        if error == NULL:
            return Value(value)
        other = self.value(call.args[1]) if len(call.args) > 1 else Value(NULL)
        taken = self.let(f"CASE WHEN {error} IS NULL THEN {value} ELSE {other.value} END")
        if other.error == NULL:
            return Value(taken)
        return Value(taken, self.let(f"CASE WHEN {error} IS NOT NULL THEN {other.error} END"))

    def if_(self, call: Call) -> Value:
        """Return ``if_``: the branch not taken does not matter."""
        condition, yes, no = (self.value(part) for part in call.args)
        chosen = f"WHEN {condition.value} THEN"
        failed = f"WHEN {condition.error} IS NOT NULL THEN" if condition.error != NULL else ""
        first = f"{failed} NULL" if failed else ""
        value = self.let(f"CASE {first} {chosen} {yes.value} ELSE {no.value} END")
        if {condition.error, yes.error, no.error} == {NULL}:
            return Value(value)
        first = f"{failed} {condition.error}" if failed else ""
        return Value(value, self.let(f"CASE {first} {chosen} {yes.error} ELSE {no.error} END"))


_SPECIAL: Final[dict[str, Callable[[Compiler, Call], Value]]] = {
    "and": Compiler.junction,
    "or": Compiler.junction,
    "is_null": Compiler.is_null,
    "coalesce": Compiler.coalesce,
    "try_": Compiler.try_,
    "if_": Compiler.if_,
}


def text_literal(text: str) -> str:
    """Return a text in single quotes, those in it doubled."""
    return "'" + text.replace("'", "''") + "'"
