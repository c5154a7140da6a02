"""What ranking, filters and facets read of every document: arrays in memory, by document number.

The database finds documents; counting and ordering tens of thousands of them within milliseconds is
done here. A ``Columns`` never changes: readers that hold one are not disturbed by the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from trackplane.control.search.tables import search_documents, search_gone

FACETS: Final = ("kind", "app", "owner", "tag", "grade", "state", "platform")
_MANY: Final = ("tag", "platform")  # several values a document
_READ: Final = (
    "id", "app", "kind", "owner", "grade", "state", "deprecated", "tags", "platforms",
    "length", "trust", "seen", "last_seen", "events",
)  # fmt: skip

_STANDING: Final = ("kind", "grade", "trust", "state", "deprecated")
_KIND: Final = {"event": 1.0, "metric": 1.0, "group": 0.9, "type": 0.8, "property": 0.75}
_GRADE: Final = {"P0": 1.1, "P1": 1.05, "P3": 0.95}
_TRUST: Final = {"high": 1.1, "low": 0.85}
_STATE: Final = {"draft": 0.9, "in_review": 0.9, "deprecated": 0.4, "offline": 0.4}
_DEPRECATED: Final = 0.4

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]


class Names:
    """Texts as small numbers, given once and kept."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.texts: list[str] = []

    def code(self, text: str) -> int:
        """Return a text's number; a new text gets the next one."""
        found = self.codes.get(text)
        if found is None:
            found = self.codes[text] = len(self.texts)
            self.texts.append(text)
        return found

    def codes_of(self, texts: Sequence[str]) -> list[int]:
        """Return the numbers of texts."""
        for text in dict.fromkeys(texts):
            self.code(text)
        return [self.codes[text] for text in texts]


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """Arrays over all document numbers below ``size``; of those that are gone ``live`` is false.

    ``pairs`` are the documents and values of what a document has several of.
    """

    size: int
    live: Mask
    quality: npt.NDArray[np.float32]
    brevity: npt.NDArray[np.float32]
    seen: npt.NDArray[np.int64]
    last_seen: npt.NDArray[np.int64]
    codes: dict[str, Codes]
    pairs: dict[str, tuple[Codes, Codes]]
    names: dict[str, Names]

    @property
    def count(self) -> int:
        """Return how many documents there are."""
        return int(np.count_nonzero(self.live))

    def having(self, facet: str, values: Iterable[str]) -> Mask:
        """Return which documents have one of these values."""
        known = self.names[facet].codes
        wanted = [known[value] for value in values if value in known]
        if facet not in _MANY:
            allowed = np.zeros(len(known) + 1, dtype=bool)
            allowed[wanted] = True
            return allowed[self.codes[facet]]
        mask = np.zeros(self.size, dtype=bool)
        documents, codes = self.pairs[facet]
        mask[documents[np.isin(codes, wanted)]] = True
        return mask

    def count_values(
        self, facet: str, mask: Mask, found: npt.NDArray[np.intp], *, most: int
    ) -> list[tuple[str, int]]:
        """Return the most frequent values of the masked documents, ``found`` by number."""
        texts = self.names[facet].texts
        if facet in _MANY:
            documents, codes = self.pairs[facet]
            counts = np.bincount(codes[mask[documents]], minlength=len(texts))
        else:
            counts = np.bincount(self.codes[facet][found], minlength=len(texts))
        named = np.flatnonzero(counts)
        if len(named) > most:
            least = np.partition(counts[named], len(named) - most)[len(named) - most]
            named = named[counts[named] >= least]
        values = [(texts[code], int(counts[code])) for code in named if texts[code]]
        return sorted(values, key=lambda each: (-each[1], each[0]))[:most]

    def count_of(self, facet: str, value: str, mask: Mask) -> int:
        """Return how many of the masked documents have a value."""
        return int(np.count_nonzero(mask & self.having(facet, [value])))


def load(connection: sa.Connection) -> Columns:
    """Return the columns of everything that is in the index."""
    names = {facet: Names() for facet in FACETS}
    return _with(_empty(names), _rows(connection, None), gone=())


def advanced(connection: sa.Connection, held: Columns, version: int) -> Columns:
    """Return columns brought up from an earlier version of the same build."""
    gone: list[int] = [
        row.id
        for row in connection.execute(
            sa.select(search_gone.c.id).where(search_gone.c.changed > version)
        )
    ]
    return _with(held, _rows(connection, version), gone=gone)


def _rows(connection: sa.Connection, version: int | None) -> Sequence[sa.Row[Any]]:
    select = sa.select(*(search_documents.c[name] for name in _READ))
    if version is not None:
        select = select.where(search_documents.c.changed > version)
    return connection.execute(select).all()


def _empty(names: dict[str, Names]) -> Columns:
    none = np.empty(0, dtype=np.int32)
    return Columns(
        size=0,
        live=np.empty(0, dtype=bool),
        quality=np.empty(0, dtype=np.float32),
        brevity=np.empty(0, dtype=np.float32),
        seen=np.empty(0, dtype=np.int64),
        last_seen=np.empty(0, dtype=np.int64),
        codes={facet: none for facet in FACETS if facet not in _MANY},
        pairs=dict.fromkeys(_MANY, (none, none)),
        names=names,
    )


def _with(held: Columns, rows: Sequence[sa.Row[Any]], *, gone: Sequence[int]) -> Columns:
    """Return a copy with some documents put and others taken out."""
    fields = dict(zip(_READ, zip(*rows, strict=True), strict=True)) if rows else {}
    if not rows and not gone:
        return held
    ids = np.array(fields.get("id", ()), dtype=np.int32)
    size = max(held.size, int(ids.max()) + 1 if len(ids) else 0)
    live, quality, brevity = (
        _grown(held.live, size), _grown(held.quality, size), _grown(held.brevity, size),
    )  # fmt: skip
    seen, last_seen = _grown(held.seen, size), _grown(held.last_seen, size)
    codes = {facet: _grown(column, size) for facet, column in held.codes.items()}
    live[[each for each in gone if each < size]] = False
    stale = ~live
    pairs = held.pairs
    if rows:
        live[ids] = True
        quality[ids] = _quality(fields)
        brevity[ids] = 1 / np.sqrt(0.7 + 0.3 * np.array(fields["length"]))
        seen[ids], last_seen[ids] = fields["seen"], fields["last_seen"]
        for facet, column in codes.items():
            column[ids] = held.names[facet].codes_of(fields[facet])
    stale[ids] = True
    pairs = {
        facet: _paired(held, facet, stale, zip(ids.tolist(), fields.get(field, ()), strict=True))
        for facet, field in (("tag", "tags"), ("platform", "platforms"))
    }
    return Columns(
        size=size,
        live=live,
        quality=quality,
        brevity=brevity,
        seen=seen,
        last_seen=last_seen,
        codes=codes,
        pairs=pairs,
        names=held.names,
    )


def _paired(
    held: Columns, facet: str, stale: Mask, fresh: Iterable[tuple[int, str]]
) -> tuple[Codes, Codes]:
    """Return documents and values without those of stale documents, and with fresh ones."""
    documents, values = held.pairs[facet]
    kept = ~stale[documents]
    known: dict[str, list[int]] = {"[]": []}
    more: list[tuple[int, int]] = []
    for id, text in fresh:
        codes = known.get(text)
        if codes is None:
            codes = held.names[facet].codes_of(msgspec.json.decode(text, type=list[str]))
            known[text] = codes
        more += [(id, code) for code in codes]
    added = np.array(more, dtype=np.int32).reshape(-1, 2)
    return (
        np.concatenate([documents[kept], added[:, 0]]),
        np.concatenate([values[kept], added[:, 1]]),
    )


def _grown(column: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    grown = np.zeros(size, dtype=column.dtype)
    grown[: len(column)] = column
    return grown


def _quality(fields: dict[str, tuple[Any, ...]]) -> npt.NDArray[np.float64]:
    """Return by how much text matches are multiplied: use, trust, grade, life cycle."""
    standing: dict[tuple[Any, ...], float] = {}
    factors: list[float] = []
    for key in zip(*(fields[name] for name in _STANDING), strict=True):
        factor = standing.get(key)
        if factor is None:
            kind, grade, trust, state, deprecated = key
            standing[key] = factor = (
                _KIND.get(kind, 1.0)
                * _GRADE.get(grade, 1.0)
                * _TRUST.get(trust, 1.0)
                * min(_STATE.get(state, 1.0), _DEPRECATED if deprecated else 1.0)
            )
        factors.append(factor)
    used = np.maximum(fields["seen"], fields["events"])
    result: npt.NDArray[np.float64] = np.array(factors) * (1 + 0.04 * np.log10(1 + used))
    return result
