"""The canonical form of a plan's text: order of keys, quotes, flow or block. Comments stay.

The text is cut into its parts (``cut.py``) and each is formatted alone. What a formatter should not
touch (anchors, tags, keys that are collections) stays as it is written, part by part. Each part is
read again and compared, so that the result means what the text meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml_rs

from trackplane.plan.cut import KEY, SKIP, WHOLE, Piece, cut
from trackplane.plan.format_emit import ORDER, emit_block, emit_entry, role_of_part
from trackplane.plan.format_tree import (
    Collection,
    Document,
    Entry,
    UnformattableError,
    read_tree,
)
from trackplane.plan.source import SourceFile

_END: Final = re.compile(r"(?:(?<=\n)[ \t]*(?:#[^\n]*)?\n)*[ \t]*\Z")
_BLANK: Final = re.compile(r"\n[ \t]*\n")


@dataclass
class _Part:
    """Lines that stand together: a top-level key, or an entry of a section."""

    key: str
    lines: list[str]
    above: list[str] = field(default_factory=list)
    blank: bool = False
    parts: list[_Part] = field(default_factory=list)


def fmt(text: str, *, file: str = "plan.yaml") -> str:
    """Return a plan or library in its canonical form; it means the same.

    Raises:
        PlanError: the text is not YAML.
    """
    SourceFile.read(file, text)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    pieces = cut(text)
    if pieces[0].kind == WHOLE:
        return _whole(text)
    head, parts, tail = _parts(text, pieces)
    order = {key: number for number, key in enumerate(ORDER["top"])}
    parts.sort(key=lambda part: order.get(part.key, len(order)))
    lines = [*head]
    for number, part in enumerate(parts):
        if part.blank and (number or head):
            lines.append("")
        lines += [*part.above, *part.lines]
        for position, inner in enumerate(part.parts):
            if inner.blank and position:
                lines.append("")
            lines += [f"  {comment}" for comment in inner.above] + inner.lines
    return "\n".join([*lines, *tail]) + "\n"


def _parts(text: str, pieces: list[Piece]) -> tuple[list[str], list[_Part], list[str]]:
    """Return the comments at the head, the formatted parts, and the comments at the end."""
    head: list[str] = []
    parts: list[_Part] = []
    carried: list[str] = []  # comments that stand before the next part
    blank = False
    for number, piece in enumerate(pieces):
        own = text[piece.start : piece.end]
        if piece.kind == SKIP and number == 0 and piece.start == 0 and not _has_key(own):
            own = "\n".join(line.rstrip() for line in own.split("\n"))
            blank = _BLANK.search("\n" + own) is not None
            before, _, after = own.rpartition("\n\n") if blank else (own, "", "")
            head, carried = _comments(before), _comments(after)
            continue
        part, left = _formatted(own, piece)
        part.above, part.blank = carried, blank
        carried = left
        end = _END.search(own)
        blank = end is not None and _BLANK.search("\n" + end[0]) is not None
        if piece.kind in (SKIP, KEY):
            parts.append(part)
        else:
            parts[-1].parts.append(part)
    return head, parts, carried


def _comments(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()[:1] == "#"]


def _has_key(text: str) -> bool:
    return any(
        line[:1] not in ("#", " ", "\t", "") and line[:3] != "---" for line in text.splitlines()
    )


def _formatted(text: str, piece: Piece) -> tuple[_Part, list[str]]:
    """Return a piece formatted, and the comments after it that belong to what follows."""
    inner = piece.kind not in (SKIP, KEY)
    try:
        document = read_tree(text)
        entry, left = _only(document)
    except UnformattableError:
        return _verbatim(text, inner=inner)
    key = entry.key.value if entry.key is not None else ""
    role = role_of_part(piece.kind) if inner else "top"
    lines = emit_entry(entry, role, 2 if inner else 0)
    if piece.kind != SKIP and not _same(text, "\n".join(lines)):
        return _verbatim(text, inner=inner)
    return _Part(key, lines), left


def _only(document: Document) -> tuple[Entry, list[str]]:
    root = document.root
    if not isinstance(root, Collection) or len(root.entries) != 1:
        raise UnformattableError("not one key")
    return root.entries[0], [*root.tail, *document.tail]


def _verbatim(text: str, *, inner: bool) -> tuple[_Part, list[str]]:
    """Return a piece as it is written, moved to where it stands now."""
    end = _END.search(text)
    body = text[: end.start()] if end is not None else text
    rest = text[len(body) :].splitlines()
    lines = body.rstrip("\n").split("\n")
    indent = len(lines[0]) - len(lines[0].lstrip(" "))
    shift = (2 if inner else 0) - indent
    moved = [_shifted(line, shift) for line in lines]
    left = [line.strip() for line in rest if line.strip()]
    return _Part(lines[0].strip().partition(":")[0], moved), left


def _shifted(line: str, by: int) -> str:
    if by >= 0:
        return " " * by + line if line.strip() else line
    return line[min(-by, len(line) - len(line.lstrip(" "))) :]


def _whole(text: str) -> str:
    """Return a text formatted that could not be cut, or as it is where that cannot be."""
    try:
        document = read_tree(text)
    except UnformattableError:
        return text
    if not isinstance(document.root, Collection) or not document.root.mapping:
        return text
    lines = [*emit_block(document.root, "top", 0), *document.tail]
    made = "\n".join(lines) + "\n"
    return made if _same(text, made) else text


def _same(before: str, after: str) -> bool:
    try:
        return bool(
            _plainer(yaml_rs.loads(before, parse_datetime=False))
            == _plainer(yaml_rs.loads(after, parse_datetime=False))
        )
    except ValueError:
        return False


def _plainer(tree: Any) -> Any:
    """Return a tree with types and values told apart, and properties that are only a type short."""
    if isinstance(tree, dict):
        if tree.keys() == {"type"} and isinstance(tree["type"], str):
            return "str", tree["type"]
        return [(_plainer(key), _plainer(value)) for key, value in sorted(tree.items(), key=repr)]
    if isinstance(tree, list):
        return ["list", *map(_plainer, tree)]
    return type(tree).__name__, repr(tree) if isinstance(tree, float) else tree


__all__ = ["fmt"]
