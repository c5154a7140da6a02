"""How alike two names are, and why, in words.

Each term of one name is matched with at most one of the other; the score is the share of both
names' weight that found a match (a soft Dice coefficient), so it is symmetric and 1 for equal
names. A number that differs or a pair of opposites (login and logout) keeps names apart however
alike they are otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, Literal

import msgspec
from rapidfuzz.distance import OSA

from trackplane.wording.glossary import Glossary, glossary
from trackplane.wording.terms import Name, Term, analyse

Why = Literal[
    "same", "same_words", "inflection", "abbreviation", "translation", "pinyin", "initials",
    "synonym", "near", "typo", "order", "opposite", "turned", "number",
]  # fmt: skip
_TEXTS: Final[dict[Why, tuple[str, str]]] = {
    "same": ("{a} is the same name", "{a} 名称相同"),
    "same_words": ("both say {a}", "都有 {a}"),
    "inflection": ("{a} and {b} are forms of one word", "{a} 与 {b} 是同一个词的不同形式"),
    "abbreviation": ("{a} is short for {b}", "{a} 是 {b} 的缩写"),
    "translation": ("{a} means {b}", "{a} 即 {b}"),
    "pinyin": ("{a} is {b} in pinyin", "{a} 是 {b} 的拼音"),
    "initials": ("{a} are the initials of {b}", "{a} 是 {b} 的拼音首字母"),
    "synonym": ("{a} and {b} mean the same", "{a} 与 {b} 同义"),
    "near": ("{a} and {b} are close in meaning", "{a} 与 {b} 意思相近"),
    "typo": ("{a} and {b} differ by a letter", "{a} 与 {b} 只差一个字母"),
    "order": ("the same words in another order", "词相同，顺序不同"),
    "opposite": ("but {a} and {b} are opposites", "但 {a} 与 {b} 相反"),
    "turned": ("but only one says {a}", "但只有一方含有 {a}"),
    "number": ("but the numbers differ: {a} and {b}", "但数字不同：{a} 与 {b}"),
}
_TYPO: Final = 0.85
_LEAST_TYPO: Final = 4  # letters; shorter words that differ by one are other words
_APART: Final = 0.4  # the most that opposites or other numbers leave
_LEAST_SOUND: Final = 4
Weigh = Callable[[str], float]


class Reason(msgspec.Struct, frozen=True, gc=False):
    """Why two names are alike or apart; ``a`` and ``b`` are words of the one and the other."""

    code: Why
    a: str
    b: str = ""

    def text(self, language: str = "en") -> str:
        """Return it in words, English or Chinese (``zh``)."""
        return _TEXTS[self.code][language == "zh"].format(a=self.a, b=self.b)


class Likeness(msgspec.Struct, frozen=True, gc=False):
    """How alike two names are, 0 to 1, and why."""

    score: float
    reasons: tuple[Reason, ...] = ()


def similarity(a: str, b: str) -> float:
    """Return how alike two names are, 0 to 1; symmetric."""
    return likeness(a, b).score


def likeness(a: str | Name, b: str | Name, weigh: Weigh | None = None) -> Likeness:
    """Return how alike two names are and why. ``weigh`` gives a term's weight by its key."""
    first = analyse(a) if isinstance(a, str) else a
    second = analyse(b) if isinstance(b, str) else b
    return compare(first, second, weigh)


def compare(a: Name, b: Name, weigh: Weigh | None = None) -> Likeness:
    """Return how alike two names are that have been taken apart."""
    held = glossary()
    weight = weigh or usual_weight
    if a.written == b.written:
        return Likeness(1.0, (Reason("same", a.written),))
    if a.sound and a.sound == b.sound and a.numbers == b.numbers:
        return Likeness(1.0 if a.keys == b.keys else 0.97, _sounding(a, b))
    pairs = _pairs(a.terms, b.terms)
    total = sum(weight(term.key) for term in a.terms) + sum(weight(term.key) for term in b.terms)
    matched = sum(how * (weight(a.terms[i].key) + weight(b.terms[j].key)) for how, i, j, _ in pairs)
    score = matched / total if total else 0.0
    reasons = list(dict.fromkeys(why for *_, why in sorted(pairs, key=lambda pair: pair[1])))
    by_initials = _by_initials(a, b)
    if by_initials is not None and score < 0.8:
        score, reasons = 0.8, [by_initials]
    against = _against(a, b, {i for _, i, _, _ in pairs}, {j for _, _, j, _ in pairs}, held)
    if against is not None:
        score = min(score, _APART)
        reasons.append(against)
    elif sorted(a.keys) == sorted(b.keys) and a.keys != b.keys:
        reasons.append(Reason("order", ""))
    if a.numbers != b.numbers and against is None:
        score = min(score, 0.9)
    return Likeness(round(min(score, 1.0), 4), tuple(reasons))


def usual_weight(key: str) -> float:
    """Return a term's weight where no catalogue says how rare it is."""
    return 0.6 if key in _COMMON else 1.0


_COMMON: Final = frozenset(
    [
        "button",
        "page",
        "screen",
        "view",
        "event",
        "module",
        "item",
        "list",
        "info",
        "data",
        "detail",
        "user",
        "app",
        "result",
        "icon",
        "element",
    ]
)


def _sounding(a: Name, b: Name) -> tuple[Reason, ...]:
    if a.initials and not b.initials:
        return (Reason("pinyin", b.written, a.written),)
    if b.initials and not a.initials:
        return (Reason("pinyin", a.written, b.written),)
    return (Reason("same_words", " ".join(term.written for term in a.terms)),)


def _by_initials(a: Name, b: Name) -> Reason | None:
    for chinese, latin in ((a, b), (b, a)):
        if (
            len(chinese.initials) >= _LEAST_SOUND
            and not latin.initials
            and latin.sound == chinese.initials
        ):
            return Reason("initials", latin.written, chinese.written)
    return None


def _pairs(a: Iterable[Term], b: Iterable[Term]) -> list[tuple[float, int, int, Reason]]:
    """Match terms, the best first; a term is used once."""
    second = tuple(b)
    found = []
    for i, one in enumerate(a):
        for j, other in enumerate(second):
            how, why = _match(one, other)
            if how > 0:
                found.append((how, i, j, why))
    found.sort(key=lambda pair: (-pair[0], abs(pair[1] - pair[2]), pair[1] + pair[2], pair[1]))
    used_a: set[int] = set()
    used_b: set[int] = set()
    kept = []
    for how, i, j, why in found:
        if i not in used_a and j not in used_b:
            used_a.add(i)
            used_b.add(j)
            kept.append((how, i, j, why))
    return kept


@lru_cache(maxsize=65_536)
def _match(one: Term, other: Term) -> tuple[float, Reason]:
    """Return how far two terms mean the same, and why."""
    a, b = one.written, other.written
    if one.key == other.key:
        return 1.0, _alike(one, other)
    held = glossary()
    nothing = 0.0, Reason("near", a, b)
    if one.known and other.known:
        how = held.nearness(one.key, other.key)
        return how, Reason("near", a, b)
    if not (one.key.isascii() and other.key.isascii()):
        return nothing
    for first, second in ((one.key, other.key), (a, b)):
        if first.isascii() and second.isascii():
            short, long = sorted((first, second), key=lambda key: (len(key), key))
            if _is_typo(short, long):
                return _TYPO, Reason("typo", a, b)
    short, long = sorted((one.key, other.key), key=lambda key: (len(key), key))
    if _is_short_for(short, long):
        shorter = a if len(a) <= len(b) else b
        return 0.8, Reason("abbreviation", shorter, b if shorter == a else a)
    return nothing


def _alike(one: Term, other: Term) -> Reason:
    a, b = one.written, other.written
    if a == b:
        return Reason("same_words", a)
    for first, second in ((one, other), (other, one)):
        if first.by == "pinyin" and second.by == "chinese":
            return Reason("pinyin", first.written, second.written)
        if first.by == "short" and second.by not in {"short", "chinese", "pinyin"}:
            return Reason("abbreviation", first.written, second.written)
    if "chinese" in {one.by, other.by} or "pinyin" in {one.by, other.by}:
        return Reason("translation", a, b)
    held = glossary()
    if held.base(a) == held.base(b):
        return Reason("inflection", a, b)
    return Reason("synonym", a, b)


def _is_typo(short: str, long: str) -> bool:
    if len(short) < _LEAST_TYPO or len(long) <= _LEAST_TYPO or short[0] != long[0]:
        return False
    most = 2 if len(short) >= 9 else 1
    return OSA.distance(short, long, score_cutoff=most) <= most


def _is_short_for(short: str, long: str) -> bool:
    """Say whether a word looks like another's beginning or consonants: ``prdct``, ``recomm``."""
    if len(short) < 3 or len(long) < len(short) + 2 or short[0] != long[0]:
        return False
    if len(short) >= 4 and long.startswith(short):
        return True
    if any(letter in "aeiou" for letter in short[1:]):
        return False
    rest = iter(long)
    return all(letter in rest for letter in short) and len(long) <= 3 * len(short)


def _against(a: Name, b: Name, used_a: set[int], used_b: set[int], held: Glossary) -> Reason | None:
    """Return what sets two names apart for good, or None."""
    for i, one in enumerate(a.terms):
        for j, other in enumerate(b.terms):
            if i not in used_a and j not in used_b and held.opposite(one.key, other.key):
                return Reason("opposite", one.written, other.written)
    for terms, used in ((a.terms, used_a), (b.terms, used_b)):
        for i, term in enumerate(terms):
            if i not in used and term.key in held.turning:
                return Reason("turned", term.written)
    if a.numbers != b.numbers and a.numbers and b.numbers:
        return Reason("number", " ".join(a.numbers), " ".join(b.numbers))
    return None
