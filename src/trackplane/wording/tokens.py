"""Texts into tokens: ``payBtn_已点击2次`` -> ``pay btn 已 点击 2 次``."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from trackplane.wording.chinese import HAN, segment

# Words whose capitals or digits are part of them; everything else is cut where case or kind changes.
_WHOLE: Final = (
    r"iOS|iPadOS|macOS|tvOS|watchOS|iPhone|iPad|iPod|OAuth|WiFi|Wi-Fi|WeChat|YouTube|PayPal|TikTok|LinkedIn|"
    r"GitHub|GitLab|JavaScript|TypeScript|DeFi|eSIM|IoT|SaaS|PaaS|GraphQL|MySQL|PostgreSQL|e-mail|E-mail"
)
_MIXED: Final = r"(?<![A-Za-z0-9])(?:[hH]5|[mM][pP][34]|[23][dD]|[345][gG]|[bBcCoO]2[bBcCoO]|[mM][dD]5|[iI][pP]v[46]|[uU][tT][fF]8|[oO]2[oO])(?![a-z0-9])"
_TOKEN: Final = re.compile(
    rf"(?:{_MIXED})|(?<![A-Za-z])(?:{_WHOLE})(?![a-z])"
    r"|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+"
    r"|\d+"
    rf"|[{HAN}]+"
    rf"|[^\W\d_A-Za-z{HAN}]+"
)
_HAN_RUN: Final = re.compile(rf"[{HAN}]+\Z")


def fold(text: str) -> str:
    """Return a text in one width and case: full-width letters become plain ones."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def tokens(text: str, *, overlapping: bool = False) -> list[str]:
    """Return a text's tokens in order, folded.

    Snake, kebab and camel case and changes between letters and digits cut; Chinese is segmented.
    ``overlapping`` adds the shorter words inside long Chinese ones (商品详情页 also 商品, 详情),
    which an index wants and a comparison does not.
    """
    return list(_overlapping(text)) if overlapping else list(_tokens(text))


@lru_cache(maxsize=65_536)
def _tokens(text: str) -> tuple[str, ...]:
    return tuple(_cut(text, overlapping=False))


@lru_cache(maxsize=8_192)
def _overlapping(text: str) -> tuple[str, ...]:
    return tuple(_cut(text, overlapping=True))


def _cut(text: str, *, overlapping: bool) -> list[str]:
    found: list[str] = []
    for run in _TOKEN.findall(unicodedata.normalize("NFKC", text)):
        if _HAN_RUN.match(run):
            found += segment(run, overlapping=overlapping)
        else:
            found.append(fold(run).replace("-", ""))
    return found
