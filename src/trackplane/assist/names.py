"""An index of names by what they say, for hundreds of thousands of them.

Invariants: a name's number never changes; a number that was removed is not found again; each
term's numbers stand in ascending order.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from trackplane.wording import analyse, glossary

_SOUND: Final = "~"  # marks how a Chinese name sounds
_INITIALS: Final = "^"
_MARKS: Final = frozenset((_SOUND, _INITIALS))
_TYPO: Final = 0.7
_LEAST_TYPO: Final = 4
_LEAST_INITIALS: Final = 3
_NEAR: Final = 0.5


class Names:
    """Names by number, found by likeness."""

    def __init__(self) -> None:
        self._terms: dict[str, int] = {}
        self._postings: list[array[int]] = []
        self._unknown: dict[str, dict[str, int]] = {}  # first letter -> unknown word -> term
        self._rarities: dict[str, float] = {}  # of terms asked for since the last change
        self._alive = array("i")  # by term: the names that have it and were not removed
        self._names = 0  # that were not removed
        self.count = 0

    def add(self, texts: Iterable[str]) -> int:
        """Add a name with its other texts and return its number."""
        number = self.count
        self.count += 1
        self._names += 1
        self._rarities.clear()
        for key in {key for text in texts for key in _keys_kept(text)}:
            term = self._terms.get(key)
            if term is None:
                term = self._terms[key] = len(self._postings)
                self._postings.append(array("i"))
                self._alive.append(0)
                if key.isascii() and key.isalpha() and key not in glossary().concepts:
                    self._unknown.setdefault(key[0], {})[key] = term
            self._postings[term].append(number)
            self._alive[term] += 1
        return number

    def remove(self, texts: Iterable[str]) -> None:
        """Count a name no longer, given as it was added; whoever asks leaves its number out."""
        self._names -= 1
        self._rarities.clear()
        for key in {key for text in texts for key in _keys_kept(text)}:
            self._alive[self._terms[key]] -= 1

    def rarity(self, key: str) -> float:
        """Return how much a term tells names apart, about 0.4 to 1.6."""
        found = self._rarities.get(key)
        if found is None:
            term = self._terms.get(key)
            found = 1.0
            if term is not None and self._alive[term]:
                share = self._alive[term] / self._names
                found = min(1.6, max(0.4, 0.4 + 0.2 * math.log(1 / share)))
            self._rarities[key] = found
        return found

    def scores(self, texts: Iterable[str], *, deeds: float = 1.0) -> NDArray[np.float32]:
        """Return a rough score of every name: the share of what a text says that it says too.

        Terms weigh by rarity; of several texts the best counts. 1 is about the same name.
        ``deeds`` is the weight of words that say what is done (click), beside what it is done to.
        """
        done = glossary().deeds
        found = np.zeros(self.count, np.float32)
        for text in texts:
            once = np.zeros(self.count, np.float32)
            total = 0.0
            for key, how in self._wanted(text).items():
                term = self._terms.get(key)
                weight = how * self.rarity(key) * (deeds if key in done else 1.0)
                if term is not None and weight > 0:
                    once[np.frombuffer(self._postings[term].tobytes(), np.int32)] += weight
                total += 0.0 if key[0] in _MARKS or how < 1 else weight
            if total:
                np.maximum(found, once / np.float32(total), out=found)
        return found

    def _wanted(self, text: str) -> Mapping[str, float]:
        """Return the terms to look a text up by, with how far each is what it says."""
        name = analyse(text)
        held = glossary()
        wanted: dict[str, float] = {}
        for term in name.terms:
            wanted[term.key] = 1.0
            if term.known:
                for other, how in held.near(term.key):
                    wanted[other] = max(wanted.get(other, 0.0), how * _NEAR)
            elif term.key.isascii() and len(term.key) >= _LEAST_TYPO:
                for other in self._typos(term.key):
                    wanted.setdefault(other, _TYPO)
        if name.sound:
            wanted[_SOUND + name.sound] = 2.0
            wanted[_INITIALS + name.sound] = 2.0
        if len(name.initials) >= _LEAST_INITIALS:
            wanted[name.initials] = 2.0
        return wanted

    def _typos(self, word: str) -> Iterable[str]:
        known = self._unknown.get(word[0], {})
        most = 1 if len(word) < 9 else 2
        for other, _, _ in process.extract(
            word, known.keys(), scorer=OSA.distance, score_cutoff=most, limit=5
        ):
            yield other
        held = glossary()
        for other, _, _ in process.extract(
            word, _glossary_words(), scorer=OSA.distance, score_cutoff=most, limit=5
        ):
            concept = held.concept_of(other)
            if other[0] == word[0] and concept is not None:
                yield concept


@cache
def _glossary_words() -> tuple[str, ...]:
    return tuple(word for word in glossary().words if len(word) >= _LEAST_TYPO)


def _keys_kept(text: str) -> Iterable[str]:
    name = analyse(text)
    yield from name.keys
    if name.initials:
        yield _SOUND + name.sound
        if len(name.initials) >= _LEAST_INITIALS:
            yield _INITIALS + name.initials
    elif any(not term.known for term in name.terms):
        yield _SOUND + name.sound
