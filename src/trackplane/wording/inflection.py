"""English words without their endings: ``clicked``, ``clicks``, ``clicking`` -> ``click``.

Made for the words of event names, not for prose: a word that the glossary knows is left as it is or
taken back to the form that the glossary knows; what remains goes by rules of spelling, so that all
forms of an unknown word meet in one, if not always in the dictionary's.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from functools import lru_cache
from typing import Final

_FORMS: Final = """
pay: paid | buy: bought | sell: sold | send: sent | see: saw seen | show: shown | choose:
chose chosen | begin: began begun | leave: left | go: went gone | write: wrote written |
make: made | get: got gotten | lose: lost | win: won | build: built | find: found | hold:
held | keep: kept | meet: met | spend: spent | take: took taken | give: gave given |
withdraw: withdrew withdrawn | draw: drew drawn | break: broke broken | hide: hid hidden |
bring: brought | catch: caught | come: came | do: did done | eat: ate eaten | fall: fell
fallen | feel: felt | fight: fought | forget: forgot forgotten | freeze: froze frozen |
grow: grew grown | hear: heard | know: knew known | learn: learnt | lend: lent | mean: meant
| ride: rode ridden | rise: rose risen | run: ran | say: said | shoot: shot | sing: sang
sung | sleep: slept | speak: spoke spoken | stick: stuck | swipe: swiped | tell: told |
think: thought | throw: threw thrown | understand: understood | wake: woke woken | wear:
wore worn | be: is are was were been | have: has had | person: people persons | child:
children | index: indices indexes | datum: data | medium: media | criterion: criteria |
shake: shook shaken | undo: undid undone | overdraw: overdrew overdrawn | rewrite: rewrote
rewritten | resend: resent | repay: repaid | prepay: prepaid | rebuild: rebuilt |
unsubscribe: unsubscribed | die: died dying | lie: lied lying | tie: tied tying
"""
_IRREGULAR: Final = {
    form: base.strip()
    for base, forms in (entry.split(":") for entry in _FORMS.replace("\n", " ").split("|"))
    for form in forms.split()
}
# Words that only look inflected.
_UNINFLECTED: Final = """
access across address alias always analysis anything as atlas aws axis basis bed bias bonus
boss bring bus business campus canvas ceiling class cross css dns dress during embed evening
everything exceed express famous feed focus gas gps his https hundred indeed ios its js king
lens less loss minus miss morning need news nothing os pass perhaps plus press previous
proceed process progress red ring seed series sing sms something species speed spring status
string succeed success thing this us various virus wing wireless yes
"""
_WHOLE: Final = frozenset(_UNINFLECTED.split())
_VOWELS: Final = frozenset("aeiouy")
_SHORTEST: Final = 3


@lru_cache(maxsize=65_536)
def _by_rule(word: str) -> str:
    for base in _bases(word):
        return base
    return word


def normal(word: str, known: Container[str] = frozenset()) -> str:
    """Return a folded English word without plural or tense; other words come back as they are.

    ``known`` are words to prefer: ``rating`` stays if it is one of them.
    """
    if word in known or len(word) <= _SHORTEST or not word.isascii():
        return _IRREGULAR.get(word, word) if word not in known else word
    base = _IRREGULAR.get(word)
    if base is not None:
        return base
    if word in _WHOLE:
        return word
    for base in _bases(word):
        if base in known:
            return base
    return _by_rule(word)


def _bases(word: str) -> Iterator[str]:
    """Yield what a word may be a form of, the likeliest by spelling first."""
    if word in _WHOLE:
        return
    if word.endswith("ies") and len(word) > 4:
        yield word[:-3] + "y"
        yield word[:-1]
    elif word.endswith(("sses", "shes", "ches", "xes", "zzes")):
        yield word[:-2]
        yield word[:-1]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        yield word[:-1]
        if word.endswith("es"):
            yield word[:-2]
    elif word.endswith("ied") and len(word) > 4:
        yield word[:-3] + "y"
        yield word[:-1]
    elif word.endswith("ed") and _has_vowel(word[:-2]) and not word.endswith("eed"):
        yield from _stems(word[:-2])
    elif word.endswith("ing") and _has_vowel(word[:-3]) and len(word) > 5:
        yield from _stems(word[:-3])


def _stems(stem: str) -> Iterator[str]:
    """Yield what stands before -ed or -ing: with e, undoubled or plain, the likeliest first."""
    doubled = len(stem) > 2 and stem[-1] == stem[-2] and stem[-1] not in _VOWELS
    silent = stem[-1] in "cgsuvz" or stem.endswith(
        ("at", "ut", "it", "iz", "ar", "ir", "bl", "pl", "cl", "gl", "tl")
    )
    if doubled:
        yield stem if stem[-1] in "lsz" or len(stem) == 3 else stem[:-1]
        yield stem[:-1] if stem[-1] in "lsz" else stem
        return
    if silent and not stem.endswith(
        ("ss", "ng", "eat", "oat", "out", "sit", "mit", "ait", "dit", "pear")
    ):
        yield stem + "e"
        yield stem
    else:
        yield stem
        yield stem + "e"


def _has_vowel(text: str) -> bool:
    return len(text) > 1 and any(letter in _VOWELS for letter in text)
