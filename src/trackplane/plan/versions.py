"""App versions and their ranges: ``<9.2``, ``>=2.0, <3``.

Versions compare numerically by dotted part; missing parts are 0. What is not dotted numbers is in
no range. A range compiles to a predicate and, for JSON Schema, to an equivalent regular expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

_VERSION: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,9}")
_TERM: Final = re.compile(r"\s*(<=|>=|<|>|==|=|)\s*([0-9]{1,9}(?:\.[0-9]{1,9}){0,9})\s*")
_NEVER: Final = "[^\\u0000-\\uffff]"

Term = tuple[str, tuple[int, ...]]


def parse_range(text: str) -> list[Term]:
    """Return the terms of a range, all of which must hold.

    Raises:
        ValueError: the text is not a range.
    """
    terms = []
    for part in text.split(","):
        match = _TERM.fullmatch(part)
        if match is None:
            raise ValueError(f"{part.strip()!r} is not a version comparison such as '<9.2'")
        terms.append((match[1].replace("==", "=") or "=", _parts(match[2])))
    return terms


def _parts(text: str) -> tuple[int, ...]:
    parts = [int(part) for part in text.split(".")]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def compile_range(text: str) -> Callable[[Any], bool]:
    """Return a predicate of version texts."""
    terms = parse_range(text)

    def matches(version: Any) -> bool:
        if type(version) is not str or _VERSION.fullmatch(version) is None:
            return False
        parts = _parts(version)
        return all(_compare(parts, operator, bound) for operator, bound in terms)

    return matches


def _compare(parts: tuple[int, ...], operator: str, bound: tuple[int, ...]) -> bool:
    match operator:
        case "<":
            return parts < bound
        case "<=":
            return parts <= bound
        case ">":
            return parts > bound
        case ">=":
            return parts >= bound
        case _:
            return parts == bound


def range_patterns(text: str) -> list[str]:
    """Return regular expressions (ECMA-262, anchored) that match together where the range holds."""
    shape = r"^[0-9]{1,9}(\.[0-9]{1,9}){0,9}$"
    return [shape, *(f"^(?:{_term_pattern(*term)})$" for term in parse_range(text))]


def _term_pattern(operator: str, bound: tuple[int, ...]) -> str:
    less, equal = _less(bound), _equal(bound)
    more = _more(bound)
    return {
        "<": less,
        "<=": f"{less}|{equal}",
        ">": more,
        ">=": f"{more}|{equal}",
        "=": equal,
    }[operator]


_REST: Final = r"(?:\.[0-9]+)*"
_ZEROS: Final = r"(?:\.0+)*"


def _equal(bound: tuple[int, ...]) -> str:
    if not bound:
        return rf"0+{_ZEROS}"
    return r"\.".join(f"0*{part}" if part else "0+" for part in bound) + _ZEROS


def _prefix(bound: tuple[int, ...], index: int) -> str:
    return "".join((f"0*{part}" if part else "0+") + r"\." for part in bound[:index])


def _less(bound: tuple[int, ...]) -> str:
    """Return a pattern of versions below: equal up to some part, then smaller or ended."""
    options = []
    for index, part in enumerate(bound):
        if part:
            options.append(f"{_prefix(bound, index)}0*(?:{_number_below(part)}){_REST}")
        if index:  # ended, or only zeros from here on, while the bound has more
            head = r"\.".join(f"0*{p}" if p else "0+" for p in bound[:index])
            options.append(f"{head}{_ZEROS}")
    return "|".join(options) or _NEVER


def _more(bound: tuple[int, ...]) -> str:
    options = [
        f"{_prefix(bound, index)}0*(?:{_number_above(part)}){_REST}"
        for index, part in enumerate(bound)
    ]
    # Equal in all parts of the bound, then anything above zero.
    head = r"\.".join(f"0*{part}" if part else "0+" for part in bound)
    lead = rf"{head}{_ZEROS}\." if bound else r"(?:0+\.)*"
    options.append(f"{lead}0*[1-9][0-9]*{_REST}")
    return "|".join(options)


def _number_below(limit: int) -> str:
    """Return a pattern of numbers below ``limit`` > 0, without leading zeros (0 itself is '0')."""
    digits = str(limit)
    options = ["0"] + [f"[1-9][0-9]{{{n - 1}}}" for n in range(1, len(digits))]
    for index, digit in enumerate(digits):
        low = 1 if index == 0 else 0
        if int(digit) > low:
            tail = f"[0-9]{{{len(digits) - index - 1}}}"
            options.append(f"{digits[:index]}[{low}-{int(digit) - 1}]{tail}")
    return "|".join(options)


def _number_above(limit: int) -> str:
    digits = str(limit)
    options = [f"[1-9][0-9]{{{len(digits)},}}"]
    for index, digit in enumerate(digits):
        if int(digit) < 9:
            low = max(int(digit) + 1, 1)
            tail = f"[0-9]{{{len(digits) - index - 1}}}"
            options.append(f"{digits[:index]}[{low}-9]{tail}")
    return "|".join(options)
