"""The words of all documents, in memory, and which of them a word that was typed may stand for.

A typed word stands for itself, for words that it begins, for words that it is a typo of, for
Chinese words that it is the pinyin or the first letters of, and for its translations: each with a
weight, by which a match through it counts less than one of the word itself.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from rapidfuzz import process
from rapidfuzz.distance import OSA

from trackplane.control.search.documents import INITIALS, WHOLE
from trackplane.control.search.tables import search_words
from trackplane.wording import has_chinese, initials, normal, pinyin, tokens, translate

EXACT: Final = 1.0
_NORMAL: Final = 0.95
_PREFIX: Final = 0.8
_PINYIN: Final = 0.8
_INITIALS: Final = 0.6
_TYPO: Final = 0.7
_SOUND: Final = 0.55
_TRANSLATED: Final = 0.6
_SPLIT: Final = 0.8
_PREFIXED: Final = 24  # words that one beginning stands for: the most frequent
_PREFIXED_SHORT: Final = {1: 6, 2: 12}
_TYPOS: Final = 8
_FEW: Final = 12
_SHORTEST_TYPO: Final = 4
_LONGEST_TYPO: Final = 30
_LONGEST_SPLIT: Final = 40


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A word in a field: its number, and in how many documents it stands there."""

    id: int
    field: int
    documents: int


class Vocabulary:
    """The words of one state of the index. Never changed once it is in use."""

    def __init__(self) -> None:
        self.words: dict[str, tuple[Entry, ...]] = {}
        self._sorted: list[str] = []
        self._by_length: dict[int, list[str]] = {}
        self._sounds: dict[str, tuple[str, ...]] = {}
        self._letters: dict[str, tuple[str, ...]] = {}

    @classmethod
    def load(cls, connection: sa.Connection) -> Vocabulary:
        """Return the words of everything that is in the index."""
        return cls()._with(_rows(connection, 0))

    def advanced(self, connection: sa.Connection, version: int) -> Vocabulary:
        """Return the vocabulary brought up from an earlier version of the same build."""
        rows = _rows(connection, version)
        if not rows:
            return self
        copy = Vocabulary()
        copy.words = dict(self.words)
        copy._sorted = self._sorted
        copy._by_length = self._by_length
        copy._sounds = self._sounds
        copy._letters = self._letters
        return copy._with(rows)

    def _with(self, rows: Iterable[Any]) -> Vocabulary:
        fresh: list[str] = []
        grouped: dict[str, list[Entry]] = {}
        for id, word, field, documents in rows:
            grouped.setdefault(word, []).append(Entry(id, field, documents))
        for word, entries in grouped.items():
            held = self.words.get(word)
            if held is None:
                fresh.append(word)
                self.words[word] = tuple(entries)
            else:
                mine = {entry.field for entry in entries}
                kept = (entry for entry in held if entry.field not in mine)
                self.words[word] = (*kept, *entries)
        if fresh:
            self._index(fresh)
        return self

    def _index(self, fresh: list[str]) -> None:
        self._sorted = sorted([*self._sorted, *fresh])
        by_length = {length: list(words) for length, words in self._by_length.items()}
        sounds, letters = dict(self._sounds), dict(self._letters)
        for word in fresh:
            if has_chinese(word):
                sound, first = pinyin(word), initials(word)
                sounds[sound] = (*sounds.get(sound, ()), word)
                if len(first) > 1:
                    letters[first] = (*letters.get(first, ()), word)
            elif word.isascii() and word.isalpha():
                by_length.setdefault(len(word), []).append(word)
        self._by_length, self._sounds, self._letters = by_length, sounds, letters

    def frequency(self, word: str) -> int:
        """Return in how many documents a word stands, counted once for each field."""
        return sum(entry.documents for entry in self.words.get(word, ()))

    def has(self, word: str) -> bool:
        """Say whether a document has a word."""
        return self.frequency(word) > 0

    def expand(self, word: str, *, unfinished: bool, tolerant: bool) -> dict[str, float]:
        """Return the words that a typed one may stand for, with weights.

        ``unfinished``: it may be the beginning of a word. ``tolerant``: typos are considered even
        if there is such a word.
        """
        found: dict[str, float] = {}

        def add(words: Iterable[str], weight: float) -> None:
            for each in words:
                if self.has(each):
                    found[each] = max(weight, found.get(each, 0))

        add([word], EXACT)
        add([normal(word)], _NORMAL)
        if unfinished:
            for each in self._beginning(word):
                add([each], _PREFIX * (0.85 + 0.15 * len(word) / len(each)))
        known = bool(found)
        self._add_chinese(word, add, known=known)
        for text in translate(word):
            parts = tokens(text)
            if len(parts) == 1:
                add(parts, _TRANSLATED)
        if tolerant or not known:
            for each, likeness in self._typos(word):
                add([each], _TYPO * likeness)
        return found

    def split(self, word: str) -> tuple[str, ...]:
        """Return the known words, or pinyin of such, that a word is written of: ``paybutton``.

        The fewest words win; a word that cannot be cut up gives nothing.
        """
        if not word.isascii() or not 4 <= len(word) <= _LONGEST_SPLIT:
            return ()
        best: list[tuple[int, tuple[str, ...]] | None] = [(0, ())] + [None] * len(word)
        for end in range(2, len(word) + 1):
            for start in range(max(0, end - 20), end - 1):
                before = best[start]
                part = word[start:end]
                if before is None or not (part in self._sounds or self._cuttable(part)):
                    continue
                here = best[end]
                if here is None or before[0] + 1 < here[0]:
                    best[end] = (before[0] + 1, (*before[1], part))
        whole = best[len(word)]
        return whole[1] if whole is not None and whole[0] > 1 else ()

    def _cuttable(self, part: str) -> bool:
        return len(part) > 2 and self.has(part)

    def _add_chinese(self, word: str, add: Any, *, known: bool) -> None:
        if word.isascii():
            if len(word) > 1:
                add(self._sounds.get(word, ())[:_FEW], _PINYIN)
                add(self._letters.get(word, ())[:_FEW], _INITIALS)
        elif has_chinese(word) and not known:
            add(self._sounds.get(pinyin(word), ())[:_FEW], _SOUND)  # written with a like sound
            add(self._beginning(word), _PREFIX)

    def _beginning(self, word: str) -> list[str]:
        start = bisect.bisect_left(self._sorted, word)
        end = bisect.bisect_left(self._sorted, word + "\U0010ffff")
        words = self._sorted[start:end]
        most = _PREFIXED_SHORT.get(len(word), _PREFIXED)
        if len(words) > most:
            words = sorted(words, key=self.frequency, reverse=True)[:most]
        return words

    def _typos(self, word: str) -> Iterator[tuple[str, float]]:
        """Yield words one or two edits away, with how alike they are (0..1)."""
        if not (word.isascii() and _SHORTEST_TYPO <= len(word) <= _LONGEST_TYPO):
            return
        edits = 1 if len(word) <= 5 else 2
        near = [
            each
            for length in range(len(word) - edits, len(word) + edits + 1)
            for each in self._by_length.get(length, ())
        ]
        found = process.extract(
            word, near, scorer=OSA.distance, score_cutoff=edits, limit=_TYPOS * 4
        )
        alive = [(each, distance) for each, distance, _ in found if distance and self.has(each)]
        for each, distance in alive[:_TYPOS]:
            yield each, 1 - 0.25 * (distance - 1) - (0.15 if each[0] != word[0] else 0)


def _rows(connection: sa.Connection, version: int) -> Any:
    """Return words that changed; those of whole names are looked up where they are needed."""
    table = search_words.c
    select = sa.select(table.id, table.word, table.field, table.documents).where(
        table.changed > version,
        sa.not_(table.word.startswith(WHOLE)),
        sa.not_(table.word.startswith(INITIALS)),
    )
    return connection.execute(select).all()
