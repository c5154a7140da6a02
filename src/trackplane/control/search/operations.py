"""Searching over HTTP."""

from __future__ import annotations

import time
import zlib
from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trackplane.control.operations import Call, Operations
from trackplane.control.search import wire
from trackplane.control.search.documents import Body
from trackplane.control.search.highlights import highlights
from trackplane.control.search.reader import Wanted
from trackplane.control.search.rebuilding import rebuild
from trackplane.control.search.tables import search_documents, search_words
from trackplane.plan.model import Text

operations: Final = Operations("search")
_BODY: Final = msgspec.json.Decoder(Body)
_FILTERS: Final = ("kind", "app", "owner", "tag", "grade", "state", "platform")


@operations.add("GET", "/search")
def search(call: Call, query: wire.SearchQuery) -> wire.Hits:
    """Find events, metrics, groups, types and properties by words."""
    started = time.perf_counter()
    wanted = Wanted(
        text=query.q,
        apps=None if call.actor.everywhere else call.actor.apps,
        filters={name: _values(getattr(query, name)) for name in _FILTERS},
        sort=query.sort,
        cursor=query.cursor,
        limit=query.limit,
    )
    with call.platform.database.read() as connection:
        ranked, matches = call.platform.search.search(connection, wanted)
        items = hits(connection, ranked.ids, words=matches.words, language=query.language)
    return wire.Hits(
        items=items,
        total=ranked.total,
        facets={
            facet: [wire.FacetValue(value=value, count=count) for value, count in counts]
            for facet, counts in ranked.facets.items()
        },
        next=ranked.next,
        took_ms=round((time.perf_counter() - started) * 1e3, 1),
    )


@operations.add("POST", "/search/rebuild", action="app.edit")
def rebuild_search(call: Call) -> wire.SearchRebuilt:
    """Make the search index anew from the plans in force."""
    call.actor.require_apps([])
    started = time.perf_counter()
    with call.platform.publisher.change(call.actor, "search rebuilt") as change:
        documents = rebuild(change.connection)
        words: int = change.connection.execute(
            sa.select(sa.func.count()).select_from(search_words)
        ).scalar_one()
        change.audit("search.rebuild", "search", detail={"documents": documents})
    took = round((time.perf_counter() - started) * 1e3, 1)
    return wire.SearchRebuilt(documents=documents, words=words, took_ms=took)


def hits(
    connection: sa.Connection, ids: Sequence[int], *, words: Collection[str], language: str
) -> list[wire.Hit]:
    """Return documents by number, in that order, as they are shown."""
    table = search_documents
    rows = {row.id: row for row in connection.execute(sa.select(table).where(table.c.id.in_(ids)))}
    return [_hit(rows[id], words, language) for id in ids if id in rows]


def _hit(row: sa.Row[Any], words: Collection[str], language: str) -> wire.Hit:
    body = _BODY.decode(zlib.decompress(row.body))
    tags = msgspec.json.decode(row.tags, type=list[str])
    return wire.Hit(
        id=row.id,
        kind=row.kind,
        app=row.app,
        name=row.name,
        title=_in(body.title, language),
        description=_in(body.description, language),
        owner=row.owner,
        grade=row.grade,
        tags=tags,
        platforms=msgspec.json.decode(row.platforms, type=list[str]),
        state=row.state,
        deprecated=row.deprecated,
        trust=row.trust,
        properties=row.properties,
        events=row.events,
        seen=row.seen,
        last_seen=row.last_seen or None,
        daily=msgspec.json.decode(row.daily, type=list[int]),
        highlights=[
            wire.Highlight(field=field, text=text, ranges=ranges)
            for field, text, ranges in highlights(row.name, row.owner, tags, body, words)
        ],
    )


def _in(text: Text | None, language: str) -> str:
    """Return a text in a language, else in the first there is."""
    if isinstance(text, dict):
        return text.get(language) or next(iter(text.values()), "")
    return text or ""


def _values(text: str) -> list[str]:
    return [value for value in text.split(",") if value]
