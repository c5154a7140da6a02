"""RE2 patterns: literals, compiled once, within bounded memory."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

import re2

from trackplane.rules.ir import Call
from trackplane.rules.library.environment import BindError, Environment
from trackplane.rules.library.failure import OVERFLOW
from trackplane.rules.library.table import Function, Implementation, Maker, literal, overload
from trackplane.rules.library.text import MAX_MADE

MAX_MEMORY: Final = 1 << 20  # bytes of a compiled pattern
_REFERENCE: Final = re.compile(r"\\([0-9]|\\|.|$)", re.DOTALL)


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> Any:
    """Return a compiled pattern.

    Raises:
        ValueError: it is no RE2 pattern, or too large.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(text) from error


def _pattern(call: Call) -> Any:
    try:
        return compiled(literal(call, 1))
    except ValueError as error:
        hint = "RE2 has no backreferences and no lookaround; it bounds repetition and memory"
        message = f"not an RE2 pattern: {error}"
        raise BindError(1, message, reason="rule_pattern", hint=hint) from error


def _matches(call: Call, _: Environment) -> Implementation:
    _pattern(call)
    match = _finder(literal(call, 1)).Match
    return lambda text, _: match(text) is not None


@lru_cache(maxsize=4096)
def _finder(pattern: str) -> Any:
    """Return a set of one pattern: it answers whether something matches without saying what.

    Its budget is well above a pattern's own bound, so that its automaton always has room.
    """
    options = re2.Options()
    options.log_errors = False
    found = re2.Set.SearchSet(options)
    found.Add(pattern)
    found.Compile()
    return found


def _extract(call: Call, _: Environment) -> Implementation:
    pattern = _pattern(call)
    search = pattern.search
    group = literal(call, 2)
    if group is None:
        group = min(pattern.groups, 1)
    if not 0 <= group <= pattern.groups:
        raise BindError(2, f"the pattern has {pattern.groups} groups, not {group}")

    def extract(text: str, *_: Any) -> Any:
        found = search(text)
        return None if found is None else found.group(group)

    return extract


def _extract_all(call: Call, _: Environment) -> Implementation:
    pattern = _pattern(call)
    group = min(pattern.groups, 1)
    return lambda text, _: [found.group(group) for found in pattern.finditer(text)]


def _replace(call: Call, _: Environment) -> Implementation:
    pattern = _pattern(call)
    pieces: list[str | int] = []
    written, end = literal(call, 2), 0
    for found in _REFERENCE.finditer(written):
        pieces.append(written[end : found.start()])
        what = found.group(1)
        if what.isdigit() and int(what) <= pattern.groups:
            pieces.append(int(what))
        elif what == "\\":
            pieces.append("\\")
        else:
            message = f"{found.group()} is no group of the pattern"
            hint = r"write \0 to \9 for what a group matched, \\ for a backslash"
            raise BindError(2, message, hint=hint)
        end = found.end()
    pieces.append(written[end:])

    def replaced(text: str, *_: Any) -> Any:
        made: list[str] = []
        end = size = 0
        for found in pattern.finditer(text):
            made.append(text[end : found.start()])
            made += [
                piece if isinstance(piece, str) else found.group(piece) or "" for piece in pieces
            ]
            end = found.end()
            size += len(written)
            if size > MAX_MADE:
                return OVERFLOW
        result = "".join((*made, text[end:]))
        return result if len(result) <= max(MAX_MADE, len(text)) else OVERFLOW

    return replaced


def _count(call: Call, _: Environment) -> Implementation:
    pattern = _pattern(call)
    return lambda text, _: sum(1 for _ in pattern.finditer(text))


def _function(
    name: str, doc: str, make: Maker, signatures: Any, *examples: tuple[str, Any], cost: int = 25
) -> Function:
    return Function(
        name=name,
        group="Patterns",
        doc=doc,
        signatures=signatures,
        make=make,
        cost=cost,
        examples=examples,
    )


FUNCTIONS: Final = (
    _function(
        "matches",
        "The RE2 pattern matches somewhere.",
        _matches,
        (overload("string, literal string -> bool"),),
        ('matches("abc-123", "[0-9]+$")', True),
        cost=20,
    ),
    _function(
        "extract",
        "What the pattern's group (none given: the first, or all) matched; NULL if nothing.",
        _extract,
        (
            overload("string, literal string -> string", null=True),
            overload("string, literal string, literal int64 -> string", null=True),
        ),
        ('extract("order-123", "-([0-9]+)")', "123"),
        ('extract("order", "[0-9]+")', None),
    ),
    _function(
        "extract_all",
        "What the pattern (its first group, if it has one) matched, each time.",
        _extract_all,
        (overload("string, literal string -> array<string>"),),
        ('extract_all("a1 b22", "[0-9]+")', ["1", "22"]),
        cost=35,
    ),
    _function(
        "replace_matches",
        r"Every match replaced by the third, in which `\1` is what group 1 matched.",
        _replace,
        (overload("string, literal string, literal string -> string", "edge"),),
        (r'replace_matches("2026-11-23", "-", "/")', "2026/11/23"),
        (r'replace_matches("a=1", r"([a-z])=([0-9])", r"\2=\1")', "1=a"),
        cost=35,
    ),
    _function(
        "count_matches",
        "How often the pattern matches, without overlap.",
        _count,
        (overload("string, literal string -> int64"),),
        ('count_matches("banana", "an")', 2),
        cost=30,
    ),
)
