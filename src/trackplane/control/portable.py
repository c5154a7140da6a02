"""SQL that SQLite and PostgreSQL write differently, said once for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    update: Sequence[str] = (),
) -> None:
    """Insert rows; of those whose key is there, ``update`` columns are set, else they stay as they are."""
    if not rows:
        return
    # Both dialects' inserts have the same methods, but no common type.
    make: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(table)
    if update:
        statement = statement.on_conflict_do_update(
            index_elements=[column.name for column in table.primary_key],
            set_={name: statement.excluded[name] for name in update},
        )
    else:
        statement = statement.on_conflict_do_nothing()
    connection.execute(statement, [dict(row) for row in rows])


class _Each(FunctionElement[str]):
    """The elements of a JSON array as rows of text."""

    name = "each"
    inherit_cache = True


@compiles(_Each)
def _each_sqlite(element: _Each, compiler: Any, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_Each, "postgresql")
def _each_postgresql(element: _Each, compiler: Any, **options: Any) -> str:
    array = f"CAST({compiler.process(element.clauses, **options)} AS json)"
    # SQLite gives no elements of what is no array; PostgreSQL would fail.
    whole = f"CASE WHEN json_typeof({array}) = 'array' THEN {array} ELSE '[]' END"
    return f"json_array_elements_text({whole})"


def elements(array: sa.ColumnElement[Any]) -> sa.TableValuedAlias:
    """Return the elements of a JSON array of texts as a table with one column, ``value``."""
    return _Each(array).table_valued(sa.column("value", sa.Text), joins_implicitly=True)


class _Length(FunctionElement[int]):
    """How many elements a JSON array has."""

    name = "length"
    type = sa.Integer()
    inherit_cache = True


@compiles(_Length)
def _length_sqlite(element: _Length, compiler: Any, **options: Any) -> str:
    return f"json_array_length({compiler.process(element.clauses, **options)})"


@compiles(_Length, "postgresql")
def _length_postgresql(element: _Length, compiler: Any, **options: Any) -> str:
    return f"json_array_length(CAST({compiler.process(element.clauses, **options)} AS json))"


def json_length(array: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """Return how many elements a JSON array has."""
    return _Length(array)


class _Member(FunctionElement[str]):
    """One member of a JSON object, as JSON text."""

    name = "member"
    type = sa.Text()
    inherit_cache = True


@compiles(_Member)
def _member_sqlite(element: _Member, compiler: Any, **options: Any) -> str:
    document, name = (compiler.process(clause, **options) for clause in element.clauses)
    return f"json_extract({document}, '$.' || {name})"


@compiles(_Member, "postgresql")
def _member_postgresql(element: _Member, compiler: Any, **options: Any) -> str:
    document, name = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(CAST({document} AS json) -> CAST({name} AS text))"


def json_member(document: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[str]:
    """Return an array or object within a JSON object; NULL where it is not there."""
    return _Member(document, sa.literal(name))
