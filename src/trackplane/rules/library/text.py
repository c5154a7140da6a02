"""Strings. Positions count code points from 0."""

from __future__ import annotations

import re
from typing import Any, Final

from trackplane.rules.ir import Call
from trackplane.rules.library.environment import BindError, Environment
from trackplane.rules.library.failure import OVERFLOW, TYPE
from trackplane.rules.library.table import (
    FailureClass,
    Function,
    Implementation,
    Maker,
    literal,
    overload,
    plain,
)

MAX_MADE: Final = 100_000  # code points that repeat, pad and replace may make
SPACE: Final = " \t\n\v\f\r"
_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_UPPER: Final = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def lower(text: str) -> str:
    """Return a text with its ASCII letters in lower case."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


def _upper(text: str) -> str:
    return text.upper() if text.isascii() else text.translate(_UPPER)


def _substr(text: str, start: int, count: int | None = None) -> str:
    start = max(start, 0)
    return text[start:] if count is None else text[start : start + max(count, 0)]


def _left(text: str, count: int) -> str:
    return text[: max(count, 0)]


def _right(text: str, count: int) -> str:
    return text[max(len(text) - max(count, 0), 0) :]


def _split(text: str, separator: str) -> list[str]:
    return text.split(separator) if separator else [text]


def _split_part(text: str, separator: str, index: int) -> str | None:
    parts = _split(text, separator)
    return parts[index] if 0 <= index < len(parts) else None


def _replace(text: str, old: str, new: str) -> Any:
    if not old:
        return text
    if len(new) > len(old) and len(text) + text.count(old) * (len(new) - len(old)) > MAX_MADE:
        return text if old not in text else OVERFLOW
    return text.replace(old, new)


def _repeat(text: str, count: int) -> Any:
    return text * max(count, 0) if len(text) * count <= MAX_MADE else OVERFLOW


def _filling(length: int, fill: str) -> str:
    return (fill * (length // len(fill) + 1))[: max(length, 0)]


def _pad(*, left: bool) -> Maker:
    def make(call: Call, _: Environment) -> Implementation:
        if literal(call, 2) == "":
            raise BindError(2, "the text to fill with is empty")

        def pad(text: str, length: int, fill: str = " ") -> Any:
            if length > MAX_MADE:
                return OVERFLOW
            if length <= len(text):
                return text[: max(length, 0)]
            filling = _filling(length - len(text), fill)
            return filling + text if left else text + filling

        return pad

    return make


def _join(items: list[Any], separator: str) -> Any:
    texts = [item for item in items if item is not None]
    if any(item.__class__ is not str for item in texts):
        return TYPE
    return separator.join(texts)


def _text(
    name: str,
    doc: str,
    signature: str | tuple[str, ...],
    made: Implementation,
    *examples: tuple[str, Any],
    failure: FailureClass = "never",
    null: bool = False,
    cost: int = 2,
) -> Function:
    written = (signature,) if isinstance(signature, str) else signature
    return Function(
        name=name,
        group="Text",
        doc=doc,
        signatures=tuple(overload(one, failure, null=null) for one in written),
        make=plain(made),
        cost=cost,
        examples=examples,
    )


_PAD: Final = (
    overload("string, int64 -> string", "edge"),
    overload("string, int64, literal string -> string", "edge"),
)

FUNCTIONS: Final = (
    _text(
        "lower",
        "ASCII letters to lower case.",
        "string -> string",
        lower,
        ('lower("ABCÄ")', "abcÄ"),
    ),
    _text(
        "upper",
        "ASCII letters to upper case.",
        "string -> string",
        _upper,
        ('upper("abcß")', "ABCß"),
    ),
    _text(
        "trim",
        "Without ASCII white space at both ends.",
        "string -> string",
        lambda text: text.strip(SPACE),
        ('trim("  a b\\n")', "a b"),
    ),
    _text(
        "ltrim",
        "Without ASCII white space at its start.",
        "string -> string",
        lambda text: text.lstrip(SPACE),
        ('ltrim("  a ")', "a "),
    ),
    _text(
        "rtrim",
        "Without ASCII white space at its end.",
        "string -> string",
        lambda text: text.rstrip(SPACE),
        ('rtrim("  a ")', "  a"),
    ),
    _text(
        "starts_with",
        "The first begins with the second.",
        "string, string -> bool",
        lambda text, part: text.startswith(part),
        ('starts_with("/shop/1", "/shop/")', True),
    ),
    _text(
        "ends_with",
        "The first ends with the second.",
        "string, string -> bool",
        lambda text, part: text.endswith(part),
        ('ends_with("a.png", ".jpg")', False),
    ),
    _text(
        "substr",
        "`count` code points (none given: all) from `start`, counted from 0.",
        ("string, int64 -> string", "string, int64, int64 -> string"),
        _substr,
        ('substr("abcdef", 2, 3)', "cde"),
        ('substr("abcdef", 4)', "ef"),
    ),
    _text(
        "left",
        "The first code points.",
        "string, int64 -> string",
        _left,
        ('left("日本語", 2)', "日本"),
    ),
    _text(
        "right",
        "The last code points.",
        "string, int64 -> string",
        _right,
        ('right("abc", 2)', "bc"),
    ),
    _text(
        "position",
        "Where the second begins in the first, from 0; -1 if it is not in it.",
        "string, string -> int64",
        lambda text, part: text.find(part),
        ('position("abc", "c")', 2),
        ('position("abc", "x")', -1),
    ),
    _text(
        "split",
        "The parts between separators.",
        "string, string -> array<string>",
        _split,
        ('split("a,,b", ",")', ["a", "", "b"]),
        cost=5,
    ),
    _text(
        "split_part",
        "The part of this number, from 0, between separators; NULL if there are fewer.",
        "string, string, int64 -> string",
        _split_part,
        ('split_part("shoes/red/42", "/", 1)', "red"),
        ('split_part("shoes", "/", 1)', None),
        null=True,
        cost=4,
    ),
    _text(
        "join",
        "The strings of an array with a separator between; NULL items are left out.",
        "array<string>, string -> string",
        _join,
        ('join(split("a b", " "), "-")', "a-b"),
        failure="edge",
        cost=5,
    ),
    _text(
        "replace",
        "Every occurrence of the second replaced by the third.",
        "string, string, string -> string",
        _replace,
        ('replace("a-b-c", "-", "+")', "a+b+c"),
        failure="edge",
        cost=3,
    ),
    _text(
        "concat",
        "Strings, one after the other.",
        "string, string, … -> string",
        lambda *parts: "".join(parts),
        ('concat("a", "b", "c")', "abc"),
    ),
    _text(
        "repeat",
        "A text so many times; at most 100,000 code points.",
        "string, int64 -> string",
        _repeat,
        ('repeat("ab", 3)', "ababab"),
        failure="edge",
    ),
    Function(
        name="lpad",
        group="Text",
        doc="Filled at its start (with spaces, or the third) to a length; cut if it is longer.",
        signatures=_PAD,
        make=_pad(left=True),
        cost=3,
        examples=(('lpad("7", 3, "0")', "007"),),
    ),
    Function(
        name="rpad",
        group="Text",
        doc="Filled at its end (with spaces, or the third) to a length; cut if it is longer.",
        signatures=_PAD,
        make=_pad(left=False),
        cost=3,
        examples=(('rpad("ab", 5, "xy")', "abxyx"), ('rpad("abc", 2)', "ab")),
    ),
    _text(
        "is_uuid",
        "A UUID as 8-4-4-4-12 hexadecimal digits.",
        "string -> bool",
        lambda text: _UUID.fullmatch(text) is not None,
        ('is_uuid("0199d2c0-7c6e-7000-8000-0123456789ab")', True),
        ('is_uuid("42")', False),
        cost=8,
    ),
)
