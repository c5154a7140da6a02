"""Lookups in published tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trackplane.errors import did_you_mean
from trackplane.rules.ir import Call, Expression, Literal, LookupTable, Type
from trackplane.rules.library.environment import BindError, Environment
from trackplane.rules.library.table import Function, Implementation, overload


def _table(args: Sequence[Expression], environment: Environment) -> tuple[LookupTable, int]:
    """Return the table that a call names, and the number of the column.

    Raises:
        BindError: there is no such table or column, or its keys are of another type.
    """
    name, key, column = args
    if not (isinstance(name, Literal) and isinstance(column, Literal)):
        raise BindError(0, "the table and the column must be literals")
    table = environment.table(str(name.value), 0)
    if key.type.kind != table.key:
        raise BindError(1, f"the keys of {table.name!r} are {table.key}", reason="rule_type")
    if column.value not in table.columns:
        message = f"the table {table.name!r} has no column {column.value!r}"
        hint = did_you_mean(str(column.value), table.columns)
        raise BindError(2, message, reason="rule_table", hint=hint)
    return table, list(table.columns).index(str(column.value))


def _type(args: Sequence[Expression], environment: Environment) -> Type:
    table, index = _table(args, environment)
    return Type(list(table.columns.values())[index])


def _lookup(call: Call, environment: Environment) -> Implementation:
    table, index = _table(call.args, environment)
    rows = table.rows
    kind = list(table.columns.values())[index]
    if call.type.kind != kind:
        message = f"the column is {kind} now, the rule was checked with {call.type}"
        raise BindError(2, message, reason="rule_type")

    def by_text(_table: str, key: str, _column: str) -> object:
        row = rows.get(key)
        return None if row is None else row[index]

    def by_number(_table: str, key: int, _column: str) -> object:
        row = rows.get(str(key))
        return None if row is None else row[index]

    def by_text_float(_table: str, key: object, _column: str) -> object:
        row = rows.get(str(key))
        cell = None if row is None else row[index]
        return None if cell is None else float(cell)

    if kind == "float64":
        return by_text_float
    return by_text if table.key == "string" else by_number


FUNCTIONS: Final = (
    Function(
        name="lookup",
        group="Lookups",
        doc="The cell of a published table: of the row with a key, in a column; NULL if there is none.",
        signatures=(
            overload("literal string, string, literal string -> string", null=True),
            overload("literal string, int64, literal string -> string", null=True),
        ),
        make=_lookup,
        typed=_type,
        cost=5,
        examples=(
            ('lookup("countries", "DE", "region")', "Europe"),
            ('lookup("shops", 1, "area")', 120.5),
            ('lookup("countries", "XX", "region")', None),
        ),
    ),
)
