"""An event under design: its name and as much of its text as can be read while somebody types."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import yaml_rs

from trackplane.event import NAMESPACES

_MOST_TRIES: Final = 12


class Design(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an event that is being written.

    ``properties`` are as written, by path (``what.total``); ``tree`` is the whole mapping.
    """

    name: str
    titles: tuple[str, ...] = ()
    description: str = ""
    groups: tuple[str, ...] = ()
    properties: dict[str, Any] = {}
    tree: dict[str, Any] = {}
    readable: bool = True


def read_design(name: str, text: str = "") -> Design:
    """Read an event's part of a plan, leniently; what cannot be read is left out.

    ``text`` may stand under the event's name or be its content alone. Where the last lines are
    half written they are left out, and ``readable`` says so.
    """
    tree, readable = _tree(textwrap.dedent(text))
    for wrapper in ("events", name):
        inner = tree.get(wrapper)
        if isinstance(inner, dict) and (len(tree) == 1 or wrapper == "events"):
            tree = inner
    return Design(
        name=name,
        titles=_texts(tree.get("title")),
        description=" ".join((*_texts(tree.get("description")), *_texts(tree.get("trigger")))),
        groups=tuple(part for part in _list(tree.get("groups")) if isinstance(part, str)),
        properties={
            f"{namespace}.{key}": shape
            for namespace in NAMESPACES
            if isinstance(held := tree.get(namespace), dict)
            for key, shape in held.items()
            if isinstance(key, str)
        },
        tree=tree,
        readable=readable,
    )


def _tree(text: str) -> tuple[dict[str, Any], bool]:
    lines = text.splitlines()
    for dropped in range(min(_MOST_TRIES, len(lines) + 1)):
        try:
            found: object = yaml_rs.loads(
                "\n".join(lines[: len(lines) - dropped]), parse_datetime=False
            )
        except (ValueError, RecursionError, OverflowError):
            continue
        if isinstance(found, dict):
            return {str(key): value for key, value in found.items()}, dropped == 0
        if found is None:
            return {}, dropped == 0
    return {}, False


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Mapping):
        return tuple(part for part in value.values() if isinstance(part, str))
    return ()


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
