"""Texts as YAML scalars: the plainest style that reads back as the same text."""

from __future__ import annotations

import re
from typing import Final

_INDICATORS: Final = frozenset("-?:,[]{}#&*!|>'\"%@`=<~ ")
_UNSAFE: Final = re.compile(r": |:$| #|^---|^\.\.\.|^- ")
_UNSAFE_IN_FLOW: Final = re.compile(r"[,\[\]{}:]")


def scalar(text: str, *, flow: bool = False) -> str:
    r"""Return a text as a scalar on one line; ``flow``: inside ``[…]`` or ``{…}``.

    >>> scalar('event == "pay"'), scalar("'a'"), scalar("what.n > 1, 2", flow=True)
    ('event == "pay"', '"\'a\'"', '"what.n > 1, 2"')
    """
    if is_plain(text, flow=flow):
        return text
    if text.isprintable() and '"' in text and "\\" not in text:
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, text)) + '"'


def is_plain(text: str, *, flow: bool = False) -> bool:
    """Say whether a text needs no quotes."""
    first = text[:1]
    number = first == "-" and text[1:2].isdigit()
    return (
        text.isprintable()
        and bool(text)
        and text == text.strip()
        and (first not in _INDICATORS or number)
        and _UNSAFE.search(text) is None
        and not (flow and _UNSAFE_IN_FLOW.search(text))
    )


def block(lines: list[str], indent: int) -> str | None:
    """Return lines as a literal block below a key at ``indent`` columns; None where they cannot be."""
    if any(not line.isprintable() or not line or line[0] == " " for line in lines[:1]):
        return None
    if not all(line.isprintable() for line in lines):
        return None
    space = " " * (indent + 2)
    return "|\n" + "\n".join(f"{space}{line}".rstrip() for line in lines)


def _escaped(character: str) -> str:
    known = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}.get(character)
    if known is not None:
        return known
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
