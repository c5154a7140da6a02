"""The syntax tree that front ends make and the checker types: names and calls with their places.

``start`` and ``end`` are character offsets into the excerpt.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Constant(msgspec.Struct, frozen=True):
    """A literal."""

    value: str | int | float | bool | None
    start: int
    end: int


class Access(msgspec.Struct, frozen=True):
    """A path: the root's name, then keys and indices with the end of each."""

    root: str
    parts: tuple[str | int, ...]
    ends: tuple[int, ...]
    start: int
    end: int

    @property
    def text(self) -> str:
        """Return the path as its author would write it."""
        text = self.root
        for part in self.parts:
            plain = isinstance(part, str) and part.isidentifier()
            text += f".{part}" if plain else f"[{part!r}]"
        return text


class Apply(msgspec.Struct, frozen=True):
    """A function or operator and its arguments; ``name_end`` ends the function's name, if written."""

    function: str
    args: tuple[Node, ...]
    start: int
    end: int
    name_end: int | None = None


class ForEach(msgspec.Struct, frozen=True):
    """``body`` over the items of ``array``, called ``name`` in it: ``any(x > 1 for x in what.a)``."""

    function: Literal["any", "all", "filter", "map"]
    array: Node
    name: str
    body: Node
    start: int
    end: int


class Broken(msgspec.Struct, frozen=True):
    """Something that has been reported already; nothing more is said about what contains it."""

    start: int
    end: int


Node = Constant | Access | Apply | ForEach | Broken
