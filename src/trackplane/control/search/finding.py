"""Finding: a text into terms, terms into documents, documents into ranked and counted results.

A document's score is the share of the typed terms it has, each by how rare it is and by how and
where it matches, times the document's quality (use, trust, grade, life cycle: ``columns``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from trackplane.control.search.columns import FACETS, Columns, Mask
from trackplane.control.search.documents import INITIALS, NAME, TITLE, WHOLE, whole
from trackplane.control.search.postings import CachedPostings, Ids
from trackplane.control.search.tables import search_words
from trackplane.control.search.vocabulary import EXACT, Vocabulary
from trackplane.errors import InputError
from trackplane.wording import fold, tokens

Sort = Literal["rank", "name", "last_seen", "volume"]
_TERMS: Final = 16  # of a query, those that count
_LONGEST: Final = 2_000  # code points of a query that are read
_FIELD: Final = (1.0, 0.85, 0.5, 0.4)  # name, title, keyword, text
# Added where the query is a whole name, a whole title, or the first letters of one.
_FIRST_LETTERS: Final = -1
_BONUS: Final = {NAME: 0.5, TITLE: 0.35, _FIRST_LETTERS: 0.3}
_ENOUGH: Final = 0.7  # share of the query's weight that a document has to match
_LEAST: Final = 0.35  # below that, nothing is better than what little matches
_FEW: Final = 3  # results below which typos are considered for known words too
_LOOKED_UP: Final = 400  # words of a query at most


class CursorError(InputError):
    """A page cannot go on from there."""

    code = "cursor"


class Term(msgspec.Struct, frozen=True):
    """A typed word, and the words that it may stand for with their weights."""

    text: str
    words: dict[str, float]


class Matches(msgspec.Struct, frozen=True, kw_only=True):
    """Which documents match, how well (0..1), and by which words."""

    mask: Mask
    score: npt.NDArray[np.float32]
    words: frozenset[str] = frozenset()


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """A page of document numbers in order, how many there are, and counts of facets."""

    ids: list[int]
    total: int
    facets: dict[str, list[tuple[str, int]]]
    next: str | None


def match(
    connection: sa.Connection,
    text: str,
    *,
    columns: Columns,
    vocabulary: Vocabulary,
    postings: CachedPostings,
    keep: bool,
) -> Matches:
    """Return the documents that match a text; all of them if it has no word.

    ``keep``: the connection is of the state that ``postings`` are of, so that they may remember.
    """
    typed = text[:_LONGEST]
    terms = _terms(typed, vocabulary, tolerant=False)
    if terms is None:
        return Matches(mask=columns.live, score=np.ones(columns.size, dtype=np.float32))
    finder = _Finder(
        connection, typed, columns=columns, vocabulary=vocabulary, postings=postings, keep=keep
    )
    found = finder.find(terms)
    if np.count_nonzero(found.mask) < _FEW:
        again = _terms(typed, vocabulary, tolerant=True)
        if again is not None and again != terms:
            found = finder.find(again)
    return found


def rank(
    columns: Columns,
    matches: Matches,
    *,
    visible: Mask | None,
    filters: Mapping[str, Sequence[str]],
    sort: Sort,
    order: npt.NDArray[np.int64] | None,
    cursor: str,
    limit: int,
    facet_values: int,
) -> Ranked:
    """Filter, count and order matches.

    ``visible`` masks what the caller may see (None: all); ``order`` holds the place of each document
    by name, for that sort. Every facet is counted without its own filter.

    Raises:
        CursorError: the cursor is not one that was given out.
    """
    base = matches.mask & columns.live
    if visible is not None:
        base &= visible
    chosen = {facet: columns.having(facet, values) for facet, values in filters.items() if values}
    mask = base.copy()
    for each in chosen.values():
        mask &= each
    found = np.flatnonzero(mask)
    facets: dict[str, list[tuple[str, int]]] = {}
    for facet in FACETS:
        counted, numbers = mask, found
        if facet in chosen:
            counted = base.copy()
            for other, each in chosen.items():
                if other != facet:
                    counted &= each
            numbers = np.flatnonzero(counted)
        values = columns.count_values(facet, counted, numbers, most=facet_values)
        shown = {value for value, _ in values}
        missing = [value for value in filters.get(facet, ()) if value not in shown]
        facets[facet] = values + [
            (value, count)
            for value in dict.fromkeys(missing)
            if (count := columns.count_of(facet, value, counted))
        ]
    total = len(found)
    keys = _keys(columns, matches, sort, order)[found]
    if cursor:
        key, id = _read_cursor(cursor)
        after = (keys < key) | ((keys == key) & (found > id))
        found, keys = found[after], keys[after]
    if len(found) > limit + 1:
        # The best, and all that are equal to the last of them, so that ties fall by number.
        cut = np.partition(keys, len(keys) - limit - 1)[len(keys) - limit - 1]
        kept = keys >= cut
        found, keys = found[kept], keys[kept]
    by_rank = np.lexsort((found, -keys))[: limit + 1]
    ids = found[by_rank[:limit]].tolist()
    more = len(by_rank) > limit
    last = by_rank[limit - 1] if more else 0
    return Ranked(
        ids=ids,
        total=total,
        facets=facets,
        next=f"{keys[last]}.{found[last]}" if more else None,
    )


def _keys(
    columns: Columns, matches: Matches, sort: Sort, order: npt.NDArray[np.int64] | None
) -> npt.NDArray[np.int64]:
    """Return a number for each document by which it stands earlier the higher it is."""
    if sort == "last_seen":
        return columns.last_seen
    if sort == "volume":
        return columns.seen
    if sort == "name" and order is not None:
        return -order
    return np.round(matches.score * columns.quality * 1e7).astype(np.int64)


def _read_cursor(cursor: str) -> tuple[int, int]:
    key, dot, id = cursor.partition(".")
    digits = key.removeprefix("-")
    if not (dot and _is_number(digits) and _is_number(id)):
        raise CursorError("the cursor is not one that was given out")
    return int(key), int(id)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _terms(text: str, vocabulary: Vocabulary, *, tolerant: bool) -> list[Term] | None:
    """Return what was typed as terms; None if nothing was, or only signs that no document has."""
    words = list(dict.fromkeys(tokens(text)))[:_TERMS]
    if not words:
        sign = fold(text).strip()
        return [Term(sign, {sign: EXACT})] if sign else None
    unfinished = bool(text) and not text[-1].isspace()
    terms: list[Term] = []
    for number, word in enumerate(words):
        last = unfinished and number == len(words) - 1
        found = vocabulary.expand(word, unfinished=last, tolerant=tolerant)
        if not vocabulary.has(word):
            parts = vocabulary.split(word)
            if parts and not _says_more(found):
                terms += [
                    Term(part, vocabulary.expand(part, unfinished=False, tolerant=False))
                    for part in parts
                ]
                continue
        terms.append(Term(word, found))
    return terms[:_TERMS]


def _says_more(words: Mapping[str, float]) -> bool:
    """Say whether a word stands for others so well that it need not be cut up."""
    return max(words.values(), default=0) >= 0.75


class _Finder:
    def __init__(
        self,
        connection: sa.Connection,
        text: str,
        *,
        columns: Columns,
        vocabulary: Vocabulary,
        postings: CachedPostings,
        keep: bool,
    ) -> None:
        self._connection = connection
        self._keep = keep
        self._text = text
        self._columns = columns
        self._vocabulary = vocabulary
        self._postings = postings
        self._ids: dict[int, Ids] = {}

    def find(self, terms: Sequence[Term]) -> Matches:
        """Return the documents that have enough of the terms."""
        known = self._vocabulary.words
        entries = {
            word: known.get(word, ()) for term in terms for word in list(term.words)[:_LOOKED_UP]
        }
        whole_words = self._whole()
        numbers = [entry.id for each in entries.values() for entry in each if entry.documents]
        self._fetch([*numbers, *(id for id, _ in whole_words)])
        columns = self._columns
        score = np.zeros(columns.size, dtype=np.float32)
        weight = np.zeros(columns.size, dtype=np.float32)
        everything = 0.0
        total = max(1, columns.count)
        for term in terms:
            best = np.zeros(columns.size, dtype=np.float32)
            for word, how_well in term.words.items():
                for entry in entries.get(word, ()):
                    ids = self._ids.get(entry.id)
                    if ids is None or not len(ids):
                        continue
                    value = np.float32(_FIELD[entry.field] * how_well)
                    values = value * columns.brevity[ids] if entry.field == NAME else value
                    best[ids] = np.maximum(best[ids], values)
            matched = best > 0
            rarity = math.log(1 + total / (1 + np.count_nonzero(matched)))
            everything += rarity
            score += np.float32(rarity) * best
            weight[matched] += rarity
        everything = everything or 1.0
        coverage = weight / np.float32(everything)
        best_coverage = float(coverage.max(initial=0))
        enough = min(_ENOUGH, best_coverage * 0.999)
        score = score / np.float32(everything) * coverage
        mask = (coverage >= max(enough, _LEAST)) & columns.live
        for id, field in whole_words:
            ids = self._ids[id]
            score[ids] += np.float32(_BONUS.get(field, 0))
            mask[ids] = columns.live[ids]
        words = frozenset(word for term in terms for word in (term.text, *term.words))
        return Matches(mask=mask, score=score, words=words)

    def _whole(self) -> list[tuple[int, int]]:
        """Return number and field of the words for whole names and titles that the query is."""
        wanted = [*whole(self._text)]
        typed = "".join(tokens(self._text))
        if len(typed) > 1 and typed.isascii() and typed.isalpha():
            wanted.append(INITIALS + typed)
        if not wanted:
            return []
        table = search_words.c
        rows = self._connection.execute(
            sa.select(table.id, table.field, table.word).where(
                table.word.in_(wanted), table.documents > 0
            )
        )
        return [
            (row.id, row.field if row.word.startswith(WHOLE) else _FIRST_LETTERS) for row in rows
        ]

    def _fetch(self, numbers: Sequence[int]) -> None:
        missing = [number for number in dict.fromkeys(numbers) if number not in self._ids]
        found = self._postings.find(self._connection, missing, keep=self._keep)
        size = self._columns.size
        for number, ids in zip(missing, found, strict=True):
            self._ids[number] = ids[ids < size] if len(ids) and ids.max() >= size else ids
