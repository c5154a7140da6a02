"""``LIKE`` patterns as functions of the language."""

from __future__ import annotations

from typing import Final

_ANY: Final = object()  # %
_ONE: Final = object()  # _
_SPECIAL: Final = frozenset("\\.+*?()|[]{}^$")


def like(pattern: str, escape: str = "") -> tuple[str, str] | None:
    """Return the function of (text, constant) that a LIKE pattern is; None: a wrong escape.

    >>> like("/cart%"), like("%pay%"), like("a_c")
    (('starts_with', '/cart'), ('contains', 'pay'), ('matches', '(?s)^a.c$'))
    """
    if len(escape) > 1:
        return None
    parts: list[object] = []
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            quoted = next(characters, "")
            if quoted not in ("%", "_", escape):
                return None
            parts.append(quoted)
        else:
            parts.append({"%": _ANY, "_": _ONE}.get(character, character))
    texts = [part if isinstance(part, str) else "" for part in parts]
    plain = [isinstance(part, str) for part in parts]
    text = "".join(texts)
    if all(plain):
        return "eq", text
    if _ONE not in parts:
        if all(plain[:-1]):
            return "starts_with", text
        if all(plain[1:]):
            return "ends_with", text
        if len(parts) > 2 and all(plain[1:-1]):
            return "contains", text
    made = {_ANY: ".*", _ONE: "."}
    return "matches", "(?s)^" + "".join(
        made[part] if not isinstance(part, str) else _quoted(part) for part in parts
    ) + "$"


def _quoted(character: str) -> str:
    return f"\\{character}" if character in _SPECIAL else character
