"""A name or short text as terms: what it says, whatever the language and the spelling.

::

    btn_clicked          -> button click
    buttonclick          -> button click
    点击按钮               -> click button
    anniu_dianji         -> button click      (pinyin)
    pv                   -> page_view         (abbreviation)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, Literal

import msgspec

from trackplane.wording.chinese import has_chinese, initials, pinyin
from trackplane.wording.glossary import Glossary, glossary
from trackplane.wording.tokens import fold, tokens

By = Literal["word", "short", "chinese", "pinyin", "joined"]
_LEAST_JOINED: Final = 6  # letters of a word that may be several without a gap
_LEAST_PART: Final = 2


class Term(msgspec.Struct, frozen=True, gc=False):
    """One thing a name says. ``key`` is the concept, or the word's base form if it is unknown."""

    key: str
    written: str
    by: By = "word"
    known: bool = False


class Name(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A name, taken apart. ``sound`` is how it would be typed in Latin letters without gaps."""

    written: str
    terms: tuple[Term, ...]
    sound: str
    initials: str
    numbers: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its terms, in order."""
        return tuple(term.key for term in self.terms)


@lru_cache(maxsize=65_536)
def analyse(text: str) -> Name:
    """Take a name or a short text apart with the shipped glossary."""
    held = glossary()
    parts = tokens(text)
    words = [part for part in parts if not part.isdigit()]
    terms = tuple(part for term in _terms(words, held) for part in _expanded(term, held))
    meaning = tuple(term for term in terms if term.key not in held.fillers) or terms
    chinese = has_chinese(text)
    return Name(
        written=text,
        terms=meaning,
        sound="".join(pinyin(part) or part for part in parts),
        initials=initials(text) if chinese else "",
        numbers=tuple(part.lstrip("0") or "0" for part in parts if part.isdigit()),
    )


def _expanded(term: Term, held: Glossary) -> Iterator[Term]:
    """Yield a term, or what it says together: ``add_to_cart`` is ``add`` and ``cart``."""
    parts = held.expansions.get(term.key)
    if parts is None:
        yield term
    else:
        for part in parts:
            yield Term(part, term.written, term.by, known=True)


def _terms(words: Sequence[str], held: Glossary) -> Iterator[Term]:
    at = 0
    while at < len(words):
        phrase = _phrase(words, at, held)
        if phrase is not None:
            term, length = phrase
            yield term
            at += length
            continue
        word = words[at]
        if not has_chinese(word):
            spelt = _spelt(words, at, held)
            if spelt is not None:
                term, length = spelt
                yield term
                at += length
                continue
        yield from _split(word, held)
        at += 1


def _phrase(words: Sequence[str], at: int, held: Glossary) -> tuple[Term, int] | None:
    """Return the longest entry of the glossary that begins here, with how many words it takes."""
    for length in range(min(held.longest, len(words) - at), 0, -1):
        run = words[at : at + length]
        written = " ".join(run)
        if all(has_chinese(word) for word in run):
            concept = held.chinese.get("".join(run))
            by: By = "chinese"
        else:
            concept = held.phrases.get(tuple(run)) or held.phrases.get(
                tuple(held.base(word) for word in run)
            )
            by = "word"
            if concept is not None and written in held.concepts[concept]["short"]:
                by = "short"
        if concept is not None:
            return Term(concept, written, by, known=True), length
    return None


def _spelt(words: Sequence[str], at: int, held: Glossary) -> tuple[Term, int] | None:
    """Return a Chinese word written as pinyin from here: ``zhi fu``, ``zhifu``."""
    for length in range(min(4, len(words) - at), 0, -1):
        run = words[at : at + length]
        if length > 1 and not all(word in held.sounds for word in run):
            continue
        text = held.by_pinyin.get("".join(run))
        if text is not None and len(text) > 1:
            return Term(held.chinese[text], " ".join(run), "pinyin", known=True), length
    return None


def _split(word: str, held: Glossary) -> Iterator[Term]:
    """Yield what an unknown word says: its parts if it is several without a gap, else itself."""
    if has_chinese(word):
        parts = _parts(word, held.chinese)
        if parts is None:
            yield Term(word, word, "chinese")
            return
        for part in parts:
            yield Term(held.chinese[part], part, "chinese", known=True)
        return
    if len(word) >= _LEAST_JOINED and word.isascii():
        parts = _parts(word, _joinable(held))
        if parts is not None:
            for part in parts:
                concept = held.concept_of(part)
                yield Term(concept or held.base(part), part, "joined", known=concept is not None)
            return
        parts = _parts(word, held.by_pinyin)
        if parts is not None:
            for part in parts:
                yield Term(held.chinese[held.by_pinyin[part]], part, "pinyin", known=True)
            return
    yield Term(held.base(word), word)


@lru_cache(maxsize=4)
def _joinable(held: Glossary) -> frozenset[str]:
    plain = {
        part
        for kinds in held.concepts.values()
        for text in kinds["en"]
        for part in (fold(text),)
        if " " not in part and len(part) > _LEAST_PART
    }
    endings = {form for word in plain for form in (word + "s", word + "ed", word + "d")}
    return frozenset(plain | {form for form in endings if held.base(form) in plain} | held.fillers)


def _parts(word: str, known: dict[str, str] | frozenset[str]) -> list[str] | None:
    """Return the fewest known parts that make up a word, or None."""
    best: list[list[str] | None] = [[]] + [None] * len(word)
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - 16), end):
            before = best[start]
            if before is not None and word[start:end] in known:
                here = best[end]
                if here is None or len(before) + 1 < len(here):
                    best[end] = [*before, word[start:end]]
    return best[-1] or None
