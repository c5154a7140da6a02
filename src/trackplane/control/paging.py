"""Cursor paging: a page ends with the key that the next one begins after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from trackplane.control.wire import Paging
from trackplane.errors import InputError

T = TypeVar("T")


class CursorError(InputError):
    """A list cannot go on from there."""

    code = "cursor"


def page(
    connection: sa.Connection,
    select: sa.Select[Any],
    key: sa.ColumnElement[Any],
    query: Paging,
    make: Callable[[sa.Row[Any]], T],
    *,
    newest_first: bool = False,
) -> tuple[list[T], str | None]:
    """Return a page in the order of ``key`` (unique within the selection) and the next cursor.

    Raises:
        CursorError: the cursor is not one that was given out.
    """
    if query.cursor:
        after: str | int = query.cursor
        if isinstance(key.type, sa.Integer):
            if not (query.cursor.isascii() and query.cursor.isdigit() and len(query.cursor) < 19):
                raise CursorError("the cursor is not one that was given out")
            after = int(query.cursor)
        select = select.where(key < after if newest_first else key > after)
    ordered = select.order_by(key.desc() if newest_first else key).limit(query.limit + 1)
    rows = connection.execute(ordered).all()
    kept = rows[: query.limit]
    cursor = str(getattr(kept[-1], key.key or "")) if len(rows) > len(kept) else None
    return [make(row) for row in kept], cursor
