r"""What texts of the API look like: patterns with their meaning in words, for documents and errors.

A pattern means the same to Python and to ECMA-262: white space stands in ranges, and the end is
``(?![\s\S])``, for ECMA-262 has no ``\Z`` and Python's ``$`` lets a line break through.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from msgspec import Meta

_END: Final = r"(?![\s\S])"
_MEANINGS: dict[str, str] = {}
_MISMATCH: Final = re.compile(r"Expected `str` matching regex (.+?)(?= - at `|$)")

# White space and control characters.
BLANK: Final = r"\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"


def matching(
    pattern: str,
    meaning: str,
    *,
    max_length: int,
    min_length: int | None = None,
    optional: bool = False,
) -> Meta:
    """Return what a whole text must match, said in words too; an ``optional`` one may be empty."""
    whole = f"^({pattern})?{_END}" if optional else f"^{pattern}{_END}"
    _MEANINGS[repr(whole)] = meaning
    return Meta(pattern=whole, description=meaning, max_length=max_length, min_length=min_length)


def in_words(error: str) -> str:
    """Return what was wrong with a text, with a pattern's meaning in place of the pattern."""
    found = _MISMATCH.match(error)
    if found is None or found[1] not in _MEANINGS:
        return error
    return f"expected {_MEANINGS[found[1]]}{error[found.end() :]}"


Name = Annotated[
    str,
    matching(
        r"[A-Za-z0-9_$][A-Za-z0-9_.$-]{0,99}",
        "a name: ASCII letters, digits and _ . $ -, not beginning with . or -",
        max_length=100,
    ),
]

# What some file system refuses, what cannot be seen, and what turns the reading direction.
_UNFIT: Final = r'/\\<>:"|?*\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff'
_PART: Final = rf"[^.{_UNFIT}][^{_UNFIT}]*"
FilePath = Annotated[
    str,
    matching(
        rf"{_PART}(/{_PART})*(\.yaml|\.yml)",
        r"the relative path of a .yaml or .yml file, no part of it beginning with a dot, without "
        r'\ < > : " | ? * and characters that cannot be seen',
        max_length=200,
    ),
]

_DAY: Final = ("[0-9]{4}-[0-9]{2}-[0-9]{2}", "a day such as 2027-01-31")
Day = Annotated[str, matching(*_DAY, max_length=10)]
OptionalDay = Annotated[str, matching(*_DAY, max_length=10, optional=True)]
