"""Formats of texts and numbers: what most values of a property look like.

A format has a pattern only where it is closed (a date, a UUID), so that the plan does not refuse
what merely was not seen yet.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Final

import msgspec

from trackplane.plan.properties import timestamp_pattern

_YEAR_MS: Final = 31_556_952_000
EARLIEST_MS: Final = 25 * _YEAR_MS  # 1995
LATEST_MS: Final = 131 * _YEAR_MS  # 2101


class Format(msgspec.Struct, frozen=True):
    """A format: how it is called, and the pattern a plan writes for it, if it is closed."""

    name: str
    text: dict[str, str]
    pattern: str | None = None


def _shape(
    name: str, english: str, chinese: str, pattern: str, *, closed: bool = True
) -> tuple[Format, Callable[[str], bool]]:
    compiled = re.compile(pattern)
    held = Format(name, {"en": english, "zh": chinese}, pattern if closed else None)
    return held, lambda text: compiled.fullmatch(text) is not None


_FORMATS: Final = (
    _shape("timestamp", "a time with offset (RFC 3339)", "带时区的时间（RFC 3339）", timestamp_pattern(), closed=False),
    _shape("uuid", "a UUID", "UUID", "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"),
    _shape("date", "a date", "日期", "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"),
    _shape("local_time", "a time without offset", "不带时区的时间", r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?", closed=False),
    _shape("email", "an e-mail address", "邮箱地址", r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}", closed=False),
    _shape("url", "a URL", "网址", r"(https?|ftp|wss?)://\S+", closed=False),
    _shape("version", "a version", "版本号", r"v?[0-9]+(\.[0-9]+){2,3}([-+.][0-9A-Za-z.-]+)?", closed=False),
    _shape("currency", "a currency's code", "货币代码", "[A-Z]{3}"),
    _shape("country", "a country's code", "国家代码", "[A-Z]{2}"),
    _shape("language", "a language tag", "语言标签", "[a-z]{2}[-_][A-Z]{2}", closed=False),
    _shape("hash", "a hash in hexadecimal", "十六进制哈希", "[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}", closed=False),
    _shape("number", "a number written as a text", "以文本书写的数字", r"-?[0-9]+(\.[0-9]+)?", closed=False),
    _shape("json", "JSON in a text", "文本中的 JSON", r"\{\s*(\".*)?\}|\[\s*[\"{\[0-9].*\]", closed=False),
    _shape("base64", "a text in base64", "base64 文本", r"(?=.*[A-Z])(?=.*[a-z])(?=.*[0-9+/])[A-Za-z0-9+/]{22,}={0,2}", closed=False),
)  # fmt: skip
# Formats that short words meet by chance, so the property's name must say so.
BY_NAME: Final[dict[str, frozenset[str]]] = {
    "currency": frozenset({"currency"}),
    "country": frozenset({"country", "province"}),
}


def format_of(texts: Counter[str], keys: frozenset[str], allowed: float = 0.0) -> Format | None:
    """Return the first format that all texts have but a share ``allowed``, or None.

    ``keys`` are what the property's name says (``wording.analyse``).
    """
    total = sum(texts.values())
    if not total:
        return None
    for held, matches in _FORMATS:
        wanted = BY_NAME.get(held.name)
        if wanted is not None and not wanted & keys:
            continue
        without = 0
        for text, count in texts.items():
            if not matches(text):
                without += count
                if without > allowed * total:
                    break
        else:
            return held
    return None


def matches(held: Format, text: str) -> bool:
    """Say whether a text has a format."""
    return next(test for one, test in _FORMATS if one.name == held.name)(text)
