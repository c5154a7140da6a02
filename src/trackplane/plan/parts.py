"""A plan's text cut into its parts, every byte in one of them: what edits and merges work on.

A text is a mapping written in block style, so each key begins a line at the mapping's indent. A key's
*block* begins with the comment lines right above it and ends where the next block begins; what trails
(blank lines, comments that stand apart) is the end of the block before. Where a text is not of that
style (``{a: {}}``, a quoted text that runs over lines of less indent), it is no mapping of blocks, and
``blocks`` says so by None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import yaml

from trackplane.plan.text import PlanError

SECTIONS: Final = ("types", "groups", "events", "metrics")
_KEY: Final = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#&*!|>%@`"'{}\[\],?:-][^\n#]*?|[-?:][^\s#][^\n#]*?)[ \t]*:(?=[ \t\r\n]|$)""")  # fmt: skip
_BLANK: Final = re.compile(r"[ \t]*(?:#.*)?\r?\n?\Z")
_MARKS: Final = ("---", "...")


class Block(NamedTuple):
    """A key of a mapping and its lines: offsets of the text; ``stop`` is before what trails."""

    key: str
    start: int
    stop: int
    end: int


def blocks(text: str) -> list[Block] | None:
    """Return the blocks of a mapping's text, from its first key's lead to its end.

    None: it is not a mapping in block style. Only lines at the mapping's own indent are looked at.
    """
    indent = indent_of(text)
    keys: list[tuple[str, int, int]] = []  # name, where its line begins, where its lead does
    floor = 0  # nothing above belongs to a lead
    for match in re.finditer(rf"^ {{0,{indent}}}(?=[^\s#])", text, re.MULTILINE):
        line = text[match.start() : _line_end(text, match.start())]
        found = _KEY.match(line, indent) if match.end() - match.start() == indent else None
        if found is not None:
            at = match.start()
            lead, _ = _above(text, at, floor, indent)
            keys.append((_name(found[1]), at, lead))
            floor = at + len(line)
        elif line.rstrip() in _MARKS and not keys:
            floor = match.start() + len(line)
        elif not keys or line[indent : indent + 1] not in ("-", "]", "}") or line[:indent].strip():
            return None  # neither a list nor a bracket at its key's own indent
    if not keys:
        return None
    ends = [lead for _, _, lead in keys[1:]] + [len(text)]
    return [
        Block(key, lead, _above(text, end, at, indent)[1], end)
        for (key, at, lead), end in zip(keys, ends, strict=True)
    ]


def _above(text: str, at: int, floor: int, indent: int) -> tuple[int, int]:
    """Return where the comments right above a line begin, and where what says something ends.

    Comments deeper than ``indent`` belong to the block above. ``floor`` is where that begins at most.
    """
    lead = quiet = at
    adjacent = True
    while quiet > floor:
        start = text.rfind("\n", 0, quiet - 1) + 1
        bare = text[start:quiet].lstrip(" ")
        if bare.startswith("#") and quiet - start - len(bare) <= indent:
            lead = start if adjacent else lead
        elif not bare.strip():
            adjacent = False
        else:
            break
        if start < floor:
            break
        quiet = start
    return max(lead, floor), max(quiet, floor)


def _line_end(text: str, at: int) -> int:
    return text.find("\n", at) + 1 or len(text)


def body(text: str) -> tuple[str, str] | None:
    """Return the head of a block (its comments and key line) and the lines under it.

    None: its value does not stand under it as a mapping.
    """
    at = 0
    for line in lines_of(text):
        at += len(line)
        bare = line.lstrip(" ")
        if _BLANK.match(bare):
            continue
        match = _KEY.match(bare)
        if match is None or not _BLANK.match(bare[match.end() :]):
            return None
        break
    rest = text[at:]
    if indent_of(rest) <= indent_of(text) or blocks(rest) is None:
        return None
    return text[:at], rest


def indent_of(text: str) -> int:
    """Return the indent of a text's first line that says something; of none, 0."""
    for line in lines_of(text):
        bare = line.lstrip(" ")
        if not _BLANK.match(bare) and bare.rstrip() not in _MARKS:
            return len(line) - len(bare)
    return 0


def indented(text: str, by: int) -> str:
    """Return a text with its first key at an indent of ``by``, the rest moved along."""
    moved = by - indent_of(text)
    if not moved:
        return text
    return "".join(_moved(line, moved) for line in lines_of(text))


def _moved(line: str, by: int) -> str:
    if not line.strip():
        return line
    if by > 0:
        return " " * by + line
    held = len(line) - len(line.lstrip(" "))
    return line[min(-by, held) :]


def lines_of(text: str) -> Iterator[str]:
    """Give the lines of a text with their ends; only a line feed ends one."""
    at = 0
    while at < len(text):
        end = text.find("\n", at) + 1 or len(text)
        yield text[at:end]
        at = end


def opened(text: str) -> str:
    """Return a plan's text with each section in block style, one key a line; values as they are.

    Raises:
        PlanError: it is not YAML.
    """
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise PlanError(f"the text cannot be read: {str(error).splitlines()[0]}") from error
    if not isinstance(root, yaml.MappingNode):
        raise PlanError("a plan is a mapping")
    lines = list(lines_of(text))
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))

    def offset(mark: yaml.Mark) -> int:
        return starts[mark.line] + mark.column if mark.line < len(starts) else len(text)

    def cut(node: yaml.Node) -> str:
        return text[offset(node.start_mark) : offset(node.end_mark)].rstrip()

    if root.flow_style:
        inner = "".join(f"{cut(key)}: {cut(value)}\n" for key, value in root.value)
        end = text[offset(root.end_mark) :]
        return opened(text[: offset(root.start_mark)] + inner + end.lstrip("\r\n"))
    edits = []
    for key, value in root.value:
        if key.value in SECTIONS and isinstance(value, yaml.MappingNode) and value.flow_style:
            inner = "".join(f"\n  {cut(name)}: {_single(cut(part))}" for name, part in value.value)
            edits.append((offset(value.start_mark), offset(value.end_mark), inner or "{}"))
    for first, last, block in reversed(edits):
        begin = len(text[:first].rstrip(" ")) if block != "{}" else first
        text = text[:begin] + block + text[last:]
    return text


def _single(text: str) -> str:
    """Return a flow value with its further lines indented under their key."""
    first, *rest = text.split("\n")
    return "\n".join([first, *("      " + line.strip() if line.strip() else line for line in rest)])


def _name(key: str) -> str:
    if key[:1] in ("'", '"'):
        try:
            return str(yaml.safe_load(key))
        except yaml.YAMLError:
            return key
    return key
