"""Content-addressed objects: what two plan revisions share is stored once.

A tree is a root object that lists the hashes of pages; a page lists (event, hash) of the events
whose name falls in it; each event is an object. A change of one event out of 200,000 stores the
event, one page and the root. Bodies are zlib-compressed; hashes are of what is inside.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from typing import Final

import msgspec
import sqlalchemy as sa

from trackplane.control import tables
from trackplane.errors import CorruptionError

PAGES: Final = 256
_BATCH: Final = 500


def body(connection: sa.Connection, hash: str) -> bytes:
    """Return an object's bytes.

    Raises:
        CorruptionError: it is missing or damaged.
    """
    table = tables.objects
    row = connection.execute(sa.select(table.c.body).where(table.c.hash == hash)).first()
    data = zlib.decompress(row.body) if row is not None else b""
    if row is None or _hash(data) != hash:
        raise CorruptionError(f"the object {hash} of the plan store is missing or damaged")
    return data


def text(connection: sa.Connection, hash: str) -> str:
    """Return an object that is text."""
    return body(connection, hash).decode()


def put_text(connection: sa.Connection, text: str) -> str:
    """Store a text; return its hash."""
    data = text.encode(errors="replace")
    hash = _hash(data)
    _put(connection, {hash: data})
    return hash


def put_bytes(connection: sa.Connection, data: bytes) -> str:
    """Store bytes that are no text; return their hash."""
    hash = _hash(data)
    _put(connection, {hash: data})
    return hash


def put_files(connection: sa.Connection, files: Mapping[str, str]) -> str:
    """Store texts by path; return the hash that ``files`` takes."""
    found = {
        path: (_hash(data := text.encode(errors="replace")), data) for path, text in files.items()
    }
    index = msgspec.json.encode([(path, hash) for path, (hash, _) in found.items()])
    _put(connection, dict(found.values()) | {_hash(index): index})
    return _hash(index)


def files(connection: sa.Connection, hash: str) -> dict[str, str]:
    """Return the texts that ``put_files`` stored, by path, in their order."""
    index = msgspec.json.decode(body(connection, hash), type=list[tuple[str, str]])
    return {path: text(connection, each) for path, each in index}


def change_files(
    connection: sa.Connection, hash: str | None, changed: Mapping[str, str | None]
) -> str:
    """Store some texts over those of ``hash`` (None takes one away); return the new hash."""
    held: dict[str, str] = {}
    if hash is not None:
        held = dict(msgspec.json.decode(body(connection, hash), type=list[tuple[str, str]]))
    stored: dict[str, bytes] = {}
    for path, text in changed.items():
        if text is None:
            held.pop(path, None)
        else:
            data = text.encode(errors="replace")
            held[path] = _hash(data)
            stored[held[path]] = data
    index = msgspec.json.encode(list(held.items()))
    _put(connection, stored | {_hash(index): index})
    return _hash(index)


def change_tree(
    connection: sa.Connection, tree: str | None, changed: Mapping[str, bytes | None]
) -> tuple[str, dict[str, str]]:
    """Store some events over those of a tree (None takes one away); return the new tree's hash.

    The hash of each event that was stored comes with it. Only pages that hold one are written again.
    """
    if tree is None:
        return put_tree(
            connection, {event: data for event, data in changed.items() if data is not None}
        )
    root = dict(msgspec.json.decode(body(connection, tree), type=list[tuple[int, str]]))
    touched: dict[int, list[str]] = {}
    for event in changed:
        touched.setdefault(_page(event), []).append(event)
    stored: dict[str, bytes] = {}
    hashes: dict[str, str] = {}
    for number, events in touched.items():
        page: dict[str, str] = {}
        if number in root:
            page = dict(
                msgspec.json.decode(body(connection, root[number]), type=list[tuple[str, str]])
            )
        for event in events:
            data = changed[event]
            if data is None:
                page.pop(event, None)
            else:
                hashes[event] = page[event] = _hash(data)
                stored[page[event]] = data
        if page:
            written = msgspec.json.encode(sorted(page.items()))
            root[number] = _hash(written)
            stored[root[number]] = written
        else:
            root.pop(number, None)
    written = msgspec.json.encode(sorted(root.items()))
    stored[_hash(written)] = written
    _put(connection, stored)
    return _hash(written), hashes


def put_tree(connection: sa.Connection, events: Mapping[str, bytes]) -> tuple[str, dict[str, str]]:
    """Store a revision's events; return the tree's hash and each event's."""
    found = {event: _hash(data) for event, data in events.items()}
    pages: dict[int, list[tuple[str, str]]] = {}
    for event in sorted(found):
        pages.setdefault(_page(event), []).append((event, found[event]))
    stored = {found[event]: data for event, data in events.items()}
    root: list[tuple[int, str]] = []
    for number in sorted(pages):
        data = msgspec.json.encode(pages[number])
        root.append((number, _hash(data)))
        stored[_hash(data)] = data
    data = msgspec.json.encode(root)
    stored[_hash(data)] = data
    _put(connection, stored)
    return _hash(data), found


def events_of(connection: sa.Connection, tree: str) -> dict[str, str]:
    """Return the events of a tree with the hash of each."""
    root = msgspec.json.decode(body(connection, tree), type=list[tuple[int, str]])
    return {
        event: hash
        for _, page in root
        for event, hash in msgspec.json.decode(body(connection, page), type=list[tuple[str, str]])
    }


def _put(connection: sa.Connection, objects: Mapping[str, bytes]) -> None:
    table = tables.objects
    hashes = list(objects)
    for start in range(0, len(hashes), _BATCH):
        batch = hashes[start : start + _BATCH]
        held: set[str] = set(
            connection.execute(sa.select(table.c.hash).where(table.c.hash.in_(batch))).scalars()
        )
        fresh = [
            {"hash": hash, "body": zlib.compress(objects[hash], 1)}
            for hash in batch
            if hash not in held
        ]
        if fresh:
            connection.execute(sa.insert(table), fresh)


def _page(event: str) -> int:
    return hashlib.blake2b(event.encode(), digest_size=1).digest()[0] % PAGES


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
