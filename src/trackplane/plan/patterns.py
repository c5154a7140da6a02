"""Patterns: what RE2 and ECMA-262 read alike, matched over whole values at the speed of a look-up.

A pattern is run by RE2, so no plan can make an event slow to check. Values repeat (stock numbers,
cohorts, coupon codes), so each pattern remembers some short ones that matched.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import re2

Matcher = Callable[[str], bool]

_REMEMBERED: Final = 1_024
_SHORT: Final = 64

# One part of a pattern at a time: an escape, a class, a group's opening, or one character.
_TOKEN: Final = re.compile(r"\\.|\[\^?(?:\\.|[^\]\\])*\]|\(\?.|.", re.DOTALL)
_ESCAPES: Final = frozenset("dDwWnrtfv\\.*+?()[]{}|^$/")
_IN_CLASS: Final = re.compile(r"\\(.)", re.DOTALL)


def foreign_part(pattern: str) -> str | None:
    r"""Return the first part that RE2 and ECMA-262 read differently, or None.

    >>> print(foreign_part(r"a\sb"), foreign_part("[A-Z]+"))
    \s None
    """
    for match in _TOKEN.finditer(pattern):
        part = match[0]
        if part[0] == "\\" and part[1:] not in _ESCAPES:
            return part
        if part[0] == "[" and len(part) > 1:
            inside = part[1:-1].removeprefix("^")
            if not inside or "[" in _IN_CLASS.sub("", inside):
                return part
            for escape in _IN_CLASS.finditer(inside):
                if escape[1] not in _ESCAPES | {"-"}:
                    return escape[0]
        if part[:2] == "(?" and part != "(?:":
            return part
    if re.search(r"\{,", pattern):
        return "{,"
    return None


def to_ecma(pattern: str) -> str:
    """Return a pattern for JSON Schema, which ECMA-262 reads as RE2 reads the given one.

    RE2's ``.`` excludes the newline only; ECMA-262's excludes three characters more.
    """
    parts = ("[^\\n]" if match[0] == "." else match[0] for match in _TOKEN.finditer(pattern))
    return f"^(?:{''.join(parts)})$"


@lru_cache(maxsize=4_096)
def compile_pattern(pattern: str) -> Matcher:
    """Return a predicate of texts that the pattern matches as a whole.

    Raises:
        ValueError: it is not a regular expression.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except UnicodeEncodeError as error:
        raise ValueError("it has half of a surrogate pair") from error
    except re2.error as error:
        reason = error.args[0] if error.args else "it cannot be read"
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(text) from error
    whole = re2.Set.FullMatchSet(options)  # twice as fast as a compiled pattern's fullmatch
    whole.Add(pattern)
    whole.Compile()
    find = whole.Match
    seen: set[str] = set()

    def matches(text: str) -> bool:
        if text in seen:
            return True
        try:
            if not find(text):
                return False
        except UnicodeEncodeError:  # half of a surrogate pair
            return False
        if len(text) <= _SHORT:
            if len(seen) >= _REMEMBERED:
                seen.clear()
            seen.add(text)
        return True

    return matches
