"""Writing the index, in the transaction of what changes it.

Invariants: 1 a document, its words and its postings change together; 2 numbers of documents and
words are never given twice within a build; 3 every changed row bears the version of its change, and
versions rise in the order of commit, since writers go one at a time.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, TypeVar

import msgspec
import sqlalchemy as sa

from trackplane.control.portable import upsert
from trackplane.control.search.documents import (
    FORMAT,
    Document,
    documents_of,
    event_document,
    paths_of,
    property_document,
    property_variant,
    words_in,
)
from trackplane.control.search.postings import packed, postings_of, unpacked
from trackplane.control.search.tables import (
    search_documents,
    search_gone,
    search_state,
    search_words,
)
from trackplane.plan.model import EventSpec, Plan, Property

_BATCH: Final = 2_000  # documents at once
_NAMED: Final = 500  # values in one condition
_PHRASES: Final = 200_000  # texts whose words are kept in memory
_WORDS: Final = 200_000  # words whose numbers are kept in memory
Key = tuple[str, str, str, str]  # app, kind, name, variant
T = TypeVar("T")


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """How a thing is used and trusted, which ranks it.

    ``seen`` counts the events of the last 30 days, ``daily`` those of each of the last 14, the oldest
    first; ``last_seen`` is in ms. ``state`` is of the life cycle, empty where it has none.
    """

    seen: int = 0
    last_seen: int | None = None
    daily: tuple[int, ...] = ()
    trust: str = ""
    state: str = ""


class IndexWriter:
    """Puts documents into the index and takes them out, in one transaction; ``finish`` ends it.

    A row is best written once in a transaction: until its end PostgreSQL keeps each version, and
    reads them all to find the last one. So one writer serves all plans of a build.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._postings = postings_of(connection)
        row = connection.execute(sa.select(search_state)).one()
        self.version = int(row.version) + 1
        self._next_document = int(row.next_document)
        self._next_word = int(row.next_word)
        self._words: dict[tuple[int, str], int] = {}
        self._phrases: dict[tuple[int, str], tuple[int, ...]] = {}
        self._counts: Counter[int] = Counter()
        self._fresh: dict[int, tuple[int, str]] = {}  # words not stored yet

    def put(self, documents: Iterable[Document]) -> None:
        """Store documents; those that are there with the same content stay as they are."""
        for batch in _batches(documents, _BATCH):
            self._put([*{_key(document): document for document in batch}.values()])

    def remove(self, keys: Collection[Key]) -> None:
        """Take documents out; those that are not there do not matter."""
        held = self._held(keys)
        self._unpost(held.values())
        gone = [row.id for row in held.values()]
        for some in _batches(gone, _NAMED):
            self._connection.execute(
                sa.delete(search_documents).where(search_documents.c.id.in_(some))
            )
        if gone:
            self._connection.execute(
                sa.insert(search_gone), [{"changed": self.version, "id": id} for id in gone]
            )

    def count_events(self, deltas: Mapping[Key, int], make: Mapping[Key, Document]) -> None:
        """Add to how many events have a property; one that none has goes, a new one is made."""
        held = self._held(deltas.keys())
        gone = [key for key, row in held.items() if row.events + deltas[key] <= 0]
        more = [
            {"of": row.id, "events": row.events + deltas[key], "changed": self.version}
            for key, row in held.items()
            if row.events + deltas[key] > 0
        ]
        if more:
            self._connection.execute(
                sa.update(search_documents).where(search_documents.c.id == sa.bindparam("of")), more
            )
        self.remove(gone)
        self.put(make[key] for key, delta in deltas.items() if key not in held and delta > 0)

    def finish(self) -> None:
        """Store what was counted, and the version."""
        stored = search_words.c
        counts = [
            {"of": id, "more": more, "changed": self.version}
            for id, more in self._counts.items()  # none more: one document for another
        ]
        if counts:
            self._connection.execute(
                sa.update(search_words)
                .where(stored.id == sa.bindparam("of"))
                .values(
                    documents=stored.documents + sa.bindparam("more"),
                    changed=sa.bindparam("changed"),
                ),
                counts,
            )
        self._connection.execute(
            sa.update(search_state).values(
                version=self.version,
                next_document=self._next_document,
                next_word=self._next_word,
            )
        )

    # --- parts

    def _put(self, documents: Sequence[Document]) -> None:
        held = self._held([_key(document) for document in documents])
        rows: list[dict[str, Any]] = []
        again: list[dict[str, Any]] = []
        unposted: list[sa.Row[Any]] = []
        posted: dict[int, Sequence[int]] = {}
        numbered = self._numbered(documents)
        for document, words in zip(documents, numbered, strict=True):
            row = held.get(_key(document))
            hash = document.hash
            if row is not None and row.hash == hash and row.events == document.events:
                continue
            values = _values(document, hash) | {"changed": self.version, "words": packed(words)}
            if row is None:
                id = self._next_document
                self._next_document += 1
                rows.append(_UNUSED | values | {"id": id})
            else:
                id = row.id
                unposted.append(row)
                again.append(values | {"of": id})
            posted[id] = words
            self._counts.update(words)
        self._unpost(unposted)
        if rows:
            self._connection.execute(sa.insert(search_documents), rows)
        if again:
            self._connection.execute(
                sa.update(search_documents).where(search_documents.c.id == sa.bindparam("of")),
                again,
            )
        self._postings.add(self._connection, posted)
        self._store_words()

    def _numbered(self, documents: Sequence[Document]) -> list[list[int]]:
        """Return the numbers of each document's words, in order; unknown words get one."""
        numbers = self._phrases
        texts = [tuple(document.phrases()) for document in documents]
        fresh = {
            phrase: [(phrase[0], word) for word in words_in(*phrase)]
            for phrase in dict.fromkeys(chain.from_iterable(texts))
            if phrase not in numbers
        }
        known = self._words
        self._look_up({each for words in fresh.values() for each in words if each not in known})
        for phrase, words in fresh.items():
            numbers[phrase] = tuple([known[each] for each in words])
        found = [
            sorted(set(chain.from_iterable([numbers[phrase] for phrase in phrases])))
            for phrases in texts
        ]
        if len(numbers) > _PHRASES:
            numbers.clear()
        return found

    def _look_up(self, wanted: Collection[tuple[int, str]]) -> None:
        stored = search_words.c
        for some in _batches(sorted({word for _, word in wanted}), _NAMED):
            rows = self._connection.execute(
                sa.select(stored.id, stored.field, stored.word).where(stored.word.in_(some))
            )
            for row in rows:
                self._words[row.field, row.word] = row.id
        for each in sorted(wanted):
            if each not in self._words:
                self._words[each] = self._next_word
                self._fresh[self._next_word] = each
                self._next_word += 1

    def _store_words(self) -> None:
        if self._fresh:
            self._connection.execute(
                sa.insert(search_words),
                [
                    {
                        "id": id,
                        "word": word,
                        "field": field,
                        "documents": self._counts.pop(id, 0),
                        "changed": self.version,
                    }
                    for id, (field, word) in self._fresh.items()
                ],
            )
            self._fresh = {}
        if len(self._words) > _WORDS:
            self._words.clear()

    def _unpost(self, rows: Iterable[sa.Row[Any]]) -> None:
        posted = {row.id: unpacked(row.words) for row in rows}
        self._postings.remove(self._connection, posted)
        for words in posted.values():
            self._counts.subtract(words)

    def _held(self, keys: Collection[Key]) -> dict[Key, sa.Row[Any]]:
        table = search_documents.c
        names: dict[tuple[str, str], set[str]] = {}
        for app, kind, name, _ in keys:
            names.setdefault((app, kind), set()).add(name)
        wanted = set(keys)
        found: dict[Key, sa.Row[Any]] = {}
        for (app, kind), each in names.items():
            for some in _batches(sorted(each), _NAMED):
                rows = self._connection.execute(
                    sa.select(
                        table.id, table.name, table.variant, table.hash, table.events, table.words
                    ).where(table.app == app, table.kind == kind, table.name.in_(some))
                )
                for row in rows:
                    if (app, kind, row.name, row.variant) in wanted:
                        found[app, kind, row.name, row.variant] = row
        return found


def index_plan(
    connection: sa.Connection,
    plan: Plan,
    *,
    before: Mapping[str, EventSpec],
    changed: Iterable[str],
    removed: Iterable[str] = (),
) -> None:
    """Bring the index up to a plan that was just put in force, in its transaction.

    ``before`` holds the changed and removed events as they were; new ones are not in it.
    """
    writer = IndexWriter(connection)
    others = _follow(writer, plan, before=before, changed=list(changed), removed=list(removed))
    writer.remove(_others(connection, plan.app) - others)
    writer.finish()


def build(connection: sa.Connection, plans: Iterable[Plan]) -> None:
    """Make the index anew, of one plan of each app, in the caller's transaction.

    Plans are taken one after the other; of those before, only counts of words are in memory.
    """
    clear(connection)
    writer = IndexWriter(connection)
    for plan in plans:
        _follow(writer, plan, before={}, changed=list(plan.events), removed=())
    writer.finish()
    postings_of(connection).settle(connection)


def _follow(
    writer: IndexWriter,
    plan: Plan,
    *,
    before: Mapping[str, EventSpec],
    changed: Sequence[str],
    removed: Sequence[str],
) -> set[Key]:
    """Put what a plan has now, and take out its removed events and properties.

    Return its metrics, groups and types: those that went are left to the caller.
    """
    writer.remove([(plan.app, "event", event, "") for event in removed])
    writer.put(event_document(plan.events[event]) for event in changed)
    shapes = _Shapes()
    deltas: Counter[Key] = Counter()
    for event in (*changed, *removed):
        if event in before:
            deltas.subtract(shapes.of(before[event]))
    for event in changed:
        deltas.update(shapes.of(plan.events[event]))
    moved = {key: delta for key, delta in deltas.items() if delta}
    made = {
        key: property_document(plan.app, key[2], shapes.found[key], events=delta)
        for key, delta in moved.items()
    }
    writer.count_events(moved, made)
    others = {_key(document): document for document in documents_of(plan)}
    writer.put(others.values())
    return set(others)


def forget_app(connection: sa.Connection, app: str) -> None:
    """Take everything of an app out of the index."""
    table = search_documents.c
    rows = connection.execute(
        sa.select(table.kind, table.name, table.variant).where(table.app == app)
    ).all()
    writer = IndexWriter(connection)
    writer.remove([(app, row.kind, row.name, row.variant) for row in rows])
    writer.finish()


def set_use(connection: sa.Connection, uses: Mapping[tuple[str, str, str], Use]) -> int:
    """Store how things are used, by (app, kind, name); return how many differed. Others stay."""
    table = search_documents.c
    names: dict[tuple[str, str], list[str]] = {}
    for app, kind, name in uses:
        names.setdefault((app, kind), []).append(name)
    version = connection.execute(sa.select(search_state.c.version)).scalar_one() + 1
    different: list[dict[str, Any]] = []
    for (app, kind), each in names.items():
        for some in _batches(each, _NAMED):
            rows = connection.execute(
                sa.select(
                    table.id,
                    table.name,
                    table.seen,
                    table.last_seen,
                    table.daily,
                    table.trust,
                    table.state,
                ).where(table.app == app, table.kind == kind, table.name.in_(some))
            )
            for row in rows:
                values = _use_values(uses[app, kind, row.name])
                if any(getattr(row, name) != value for name, value in values.items()):
                    different.append(values | {"of": row.id, "changed": version})
    if different:
        connection.execute(
            sa.update(search_documents).where(search_documents.c.id == sa.bindparam("of")),
            different,
        )
        connection.execute(sa.update(search_state).values(version=version))
    return len(different)


def clear(connection: sa.Connection) -> None:
    """Empty the index, as a new build."""
    for table in (search_documents, search_words, search_gone):
        connection.execute(sa.delete(table))
    postings_of(connection).clear(connection)
    build = connection.execute(sa.select(search_state.c.build)).scalar() or 0
    connection.execute(sa.delete(search_state))
    start = {"id": 1, "format": FORMAT, "build": build + 1, "version": 0}
    upsert(connection, search_state, [start | {"next_document": 1, "next_word": 1}])


class _Shapes:
    """Definitions of properties, told apart once for each object: groups share theirs."""

    def __init__(self) -> None:
        self.found: dict[Key, Property] = {}
        self._variants: dict[int, tuple[Property, str]] = {}

    def of(self, spec: EventSpec) -> set[Key]:
        """Return an event's properties as keys of documents."""
        keys: set[Key] = set()
        for path, shape in paths_of(spec.properties):
            known = self._variants.get(id(shape))
            if known is None:  # the shape is kept, so that its id stays its own
                known = self._variants[id(shape)] = (shape, property_variant(shape))
            key = (spec.app, "property", path, known[1])
            self.found.setdefault(key, shape)
            keys.add(key)
        return keys


def _others(connection: sa.Connection, app: str) -> set[Key]:
    table = search_documents.c
    rows = connection.execute(
        sa.select(table.kind, table.name, table.variant).where(
            table.app == app, table.kind.in_(("metric", "group", "type"))
        )
    )
    return {(app, row.kind, row.name, row.variant) for row in rows}


def _key(document: Document) -> Key:
    return document.app, document.kind, document.name, document.variant


def _values(document: Document, hash: str) -> dict[str, Any]:
    return {
        "app": document.app,
        "kind": document.kind,
        "name": document.name,
        "variant": document.variant,
        "owner": document.owner,
        "grade": document.grade,
        "deprecated": document.deprecated,
        "tags": msgspec.json.encode(document.tags).decode(),
        "platforms": msgspec.json.encode(document.platforms).decode(),
        "length": document.length,
        "properties": document.properties,
        "events": document.events,
        "body": zlib.compress(msgspec.json.encode(document.body), 1),
        "hash": hash,
    }


def _use_values(use: Use) -> dict[str, Any]:
    return {
        "seen": use.seen,
        "last_seen": use.last_seen or 0,
        "daily": msgspec.json.encode(use.daily).decode(),
        "trust": use.trust,
        "state": use.state,
    }


_UNUSED: Final = _use_values(Use())


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    batch: list[T] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
