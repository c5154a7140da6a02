"""Language tags of localised texts: ``en``, ``zh-Hant``, ``pt-BR`` (the shape of BCP 47)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

_TAG: Final = re.compile(r"[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?")


@lru_cache(maxsize=1_024, typed=True)
def language_fault(tag: Any) -> tuple[str, str | None] | None:
    """Return what is wrong with a language tag and a hint, or None.

    >>> language_fault("zh_cn")
    ("'zh_cn' is not a language tag", "did you mean 'zh-CN'?")
    """
    if not isinstance(tag, str):
        return f"{tag!r} is not a language tag", "put it into quotation marks"
    if _TAG.fullmatch(tag):
        return None
    usual = canonical(tag)
    hint = f"did you mean '{usual}'?" if _TAG.fullmatch(usual) else "such as en, zh or pt-BR"
    return f"{tag!r} is not a language tag", hint


def canonical(tag: str) -> str:
    """Return a tag in its usual form: lower case language, Title case script, upper case region."""
    first, *rest = re.split(r"[-_]", tag)
    parts = [first.lower()]
    parts += [part.title() if len(part) == 4 else part.upper() for part in rest]
    return "-".join(parts)
