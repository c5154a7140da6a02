"""Names of a plan: what may be one, and which ones people or machines would mix up.

A name becomes a column, an argument, a method and a line on a screen. So it is made of letters,
digits, marks and ASCII signs; what a reader cannot see or what would turn the reading direction is
refused, and so are emoji: generated code writes ``_`` for whatever is no letter, which makes one
name of 🎉 and 🔥.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

MAX_NAME_BYTES: Final = 200

# Letters of other scripts that look like ASCII ones (the common part of Unicode's confusables).
_LOOKS: Final = str.maketrans(
    "аеіјоѕрсухԁһԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧοαν\u0131",  # noqa: RUF001 that is the point
    "aeijospcyxdhqwABEZHIKMNOPTYXoavi",
)
# Categories of characters that no name has, with the word for them.
_REFUSED: Final = {
    "Cc": "a control character",
    "Cf": "an invisible character",
    "Cs": "half of a surrogate pair",
    "Co": "a private character",
    "Cn": "an unassigned character",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
    "So": "an emoji or symbol",
    "Sk": "an emoji or symbol",
    "Me": "an emoji or symbol",
}
_PLAIN: Final = re.compile(r"[\w$.][\w$. /:-]*(?<! )", re.ASCII)
_VARIATION: Final = re.compile("[\ufe00-\ufe0f]")
_RIGHT: Final = frozenset({"R", "AL"})
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_GAP: Final = re.compile(r"[\W_]+")


def skeleton(name: str) -> str:
    """Return a form of a name that is equal for names a person cannot tell apart."""
    if name.isascii():
        return name.casefold()
    return unicodedata.normalize("NFKC", name).translate(_LOOKS).casefold()


@lru_cache(maxsize=65_536)
def code_name(name: str) -> str:
    """Return a name as generated code and SQL see it, whatever case convention they follow.

    >>> {code_name(name) for name in ("orderPay", "order_pay", "Order Pay", "ORDER-PAY")}
    {'order_pay'}
    """
    mark = "$" if name.startswith("$") else ""
    if not name.isascii():
        name = unicodedata.normalize("NFKC", name).translate(_LOOKS)
    return mark + _GAP.sub("_", _HUMP.sub("_", name)).strip("_").casefold()


def fault_of(name: Any, *, dotted: bool = True) -> tuple[str, str | None] | None:
    """Return what is wrong with a name and a hint, or None. ``dotted``: it may have a dot."""
    if not isinstance(name, str):
        return f"the name {name!r} is not a text", "put it into quotation marks"
    if not name or len(name.encode(errors="replace")) > MAX_NAME_BYTES:
        return f"a name has 1 to {MAX_NAME_BYTES} bytes", None
    if not dotted and "." in name:
        return f"the name {name!r} has a dot", "dots separate the parts of a path: use _"
    return None if _PLAIN.fullmatch(name) else _unusual(name)


def _unusual(name: str) -> tuple[str, str | None] | None:
    for character in name:
        word = _REFUSED.get(unicodedata.category(character))
        if word == "an emoji or symbol" and character.isascii():  # ^ and `
            continue
        if word is None and _VARIATION.match(character):
            word = "an emoji or symbol"
        if word is not None:
            code = f"U+{ord(character):04X}"
            hint = (
                "code and SQL cannot tell such names apart: use a word" if "emo" in word else None
            )
            return f"the name {name!a} has {word} ({code})", hint or "type the name again"
        if character != " " and character.isspace():
            return f"the name {name!a} has a space that is not U+0020", "type the name again"
    if name != name.strip():
        return f"the name {name!r} begins or ends with a space", None
    if unicodedata.normalize("NFC", name) != name:
        return f"the name {name!r} is not in Unicode's NFC", "type it again"
    if _GAP.sub("", name) == "" and not name.isascii():
        return f"the name {name!r} has no letter or digit", None
    return _direction_fault(name)


def _direction_fault(name: str) -> tuple[str, str | None] | None:
    """Refuse names whose order on a screen is not their order: the bidi rule of RFC 5893."""
    classes = [unicodedata.bidirectional(character) for character in name]
    if not _RIGHT & set(classes):
        return None
    while classes[-1] == "NSM":
        classes.pop()
    ordered = classes[0] in _RIGHT and classes[-1] in {*_RIGHT, "EN", "AN"}
    if ordered and "L" not in classes:
        return None
    return (
        f"the name {name!r} mixes writing directions",
        "write it in one script, beginning and ending with its letters",
    )


def look_alikes(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each name that looks like an earlier one, with that one."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(skeleton(name), name)
        if other != name:
            yield name, other


def collisions(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each name that code or SQL would write like an earlier one, with that one."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(code_name(name), name)
        if other != name and skeleton(other) != skeleton(name):
            yield name, other
