"""The shipped glossary: concepts with their English, Chinese and abbreviated words.

``glossary.txt`` beside this file says how it is written. A *concept* is named by its first English
word; words of one concept count as the same word wherever names are compared or searched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from typing import Final

from trackplane.wording.chinese import has_chinese, pinyin, syllables
from trackplane.wording.inflection import normal
from trackplane.wording.tokens import fold, tokens

_SPACES: Final = re.compile(r"[\s_-]+")
Phrase = tuple[str, ...]  # an English word or several, without endings


class Glossary:
    """Concepts and their words, with what is opposite and what is merely close.

    ``concepts`` maps a concept to its words as written, by kind: ``en``, ``zh``, ``short``.

    Raises:
        ValueError: a line is none of the forms that ``glossary.txt`` describes.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self.concepts: dict[str, dict[str, tuple[str, ...]]] = {}
        self._opposite: set[frozenset[str]] = set()
        self._near: dict[frozenset[str], float] = {}
        self.fillers: frozenset[str] = frozenset()
        self.deeds: set[str] = set()  # concepts that say what is done, not to what
        self._in_deeds = False
        self.turning: frozenset[str] = frozenset()
        self.expansions: dict[str, tuple[str, ...]] = {}  # concept -> what it says together
        for number, raw in enumerate(lines, 1):
            line = raw.strip()
            if line and not line.startswith("#"):
                self._read(line, number)

    def _read(self, line: str, number: int) -> None:
        kind, _, rest = line.partition(" ")
        if kind == "<>":
            first, second = rest.split()
            self._opposite.add(frozenset((first, second)))
        elif kind == "~":
            first, second, how = rest.split()
            self._near[frozenset((first, second))] = float(how)
        elif kind == "=":
            concept, *parts = rest.split()
            self.expansions[concept] = tuple(parts)
        elif kind == "*":
            self._in_deeds = rest == "deeds"
        elif kind == "!":
            self.turning |= frozenset(rest.split())
        elif kind == "-":
            self.fillers |= frozenset(rest.split())
        else:
            columns = [
                tuple(word.strip() for word in part.split(",") if word.strip())
                for part in line.split("|")
            ]
            if not 2 <= len(columns) <= 3 or not columns[0]:
                raise ValueError(f"line {number} of the glossary cannot be read: {line}")
            english, chinese, short = (*columns, ())[:3]
            name = _SPACES.sub("_", english[0])
            if name in self.concepts:
                raise ValueError(f"line {number} of the glossary repeats {name}")
            if self._in_deeds:
                self.deeds.add(name)
            self.concepts[name] = {"en": english, "zh": chinese, "short": short}

    @cached_property
    def words(self) -> frozenset[str]:
        """Every single English word and abbreviation, as written."""
        return (
            frozenset(
                part
                for kinds in self.concepts.values()
                for text in (*kinds["en"], *kinds["short"])
                for part in _SPACES.split(text.casefold())
            )
            | self.fillers
        )

    @cached_property
    def phrases(self) -> dict[Phrase, str]:
        """English words and abbreviations, without endings, with their concept."""
        found: dict[Phrase, str] = {}
        for concept, kinds in self.concepts.items():
            for text in (*kinds["en"], *kinds["short"]):
                written = tuple(_SPACES.split(text.casefold()))
                found.setdefault(written, concept)
                found.setdefault(tuple(self.base(part) for part in written), concept)
        return found

    @cached_property
    def longest(self) -> int:
        """The most words of a phrase."""
        return max((len(phrase) for phrase in self.phrases), default=1)

    @cached_property
    def chinese(self) -> dict[str, str]:
        """Chinese words with their concept."""
        found: dict[str, str] = {}
        for concept, kinds in self.concepts.items():
            for text in kinds["zh"]:
                found.setdefault(fold(text), concept)
        return found

    @cached_property
    def by_pinyin(self) -> dict[str, str]:
        """Chinese words in pinyin with the word; of several that sound alike the first."""
        found: dict[str, str] = {}
        for text in self.chinese:
            found.setdefault(pinyin(text), text)
        return found

    @cached_property
    def sounds(self) -> frozenset[str]:
        """Every syllable that occurs in the glossary's Chinese words."""
        return frozenset(part for text in self.chinese for part in syllables(text))

    def base(self, word: str) -> str:
        """Return a folded English word without its ending, as the glossary writes it."""
        return _base(self, word)

    def concept_of(self, word: str) -> str | None:
        """Return the concept of a folded word, English or Chinese, or None."""
        if has_chinese(word):
            return self.chinese.get(word)
        return self.phrases.get((word,)) or self.phrases.get((self.base(word),))

    def opposite(self, first: str, second: str) -> bool:
        """Say whether two concepts exclude each other, such as login and logout."""
        return frozenset((first, second)) in self._opposite

    def nearness(self, first: str, second: str) -> float:
        """Return how close two different concepts are, 0 to 1."""
        return self._near.get(frozenset((first, second)), 0.0)

    def near(self, concept: str) -> Iterator[tuple[str, float]]:
        """Yield the concepts that are close to one, with how close."""
        for pair, how in self._near.items():
            if concept in pair:
                (other,) = pair - {concept}
                yield other, how


@lru_cache(maxsize=65_536)
def _base(held: Glossary, word: str) -> str:
    return normal(word, held.words)


@cache
def glossary() -> Glossary:
    """Return the shipped glossary."""
    text = files("trackplane.wording").joinpath("glossary.txt").read_text(encoding="utf-8")
    return Glossary(text.splitlines())


def translate(token: str) -> set[str]:
    """Return the words that mean the same as a word: in both languages, and abbreviations.

    ``translate("button")`` has ``按钮`` and ``btn``; the word itself is left out. Phrases are
    written with spaces. An unknown word gives the empty set.
    """
    held = glossary()
    word = fold(token).strip()
    concept = held.concept_of(word)
    if concept is None:
        concept = held.phrases.get(tuple(held.base(part) for part in tokens(word)))
    if concept is None:
        return set()
    return {text for kind in held.concepts[concept].values() for text in kind} - {word}
