"""A plan's tree as canonical lines: order of keys, quotes, one line or several by width."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

import yaml_rs

from trackplane.event import NAMESPACES
from trackplane.plan.events import CHECK_KEYS, EVENT_KEYS
from trackplane.plan.format_tree import Collection, Entry, Node, Scalar, holds_comment
from trackplane.plan.libraries import LIBRARY_KEYS
from trackplane.plan.metric_reader import METRIC_KEYS
from trackplane.plan.reading import TOP_KEYS
from trackplane.plan.shapes import PROPERTY_KEYS

WIDTH: Final = 100
Role = str
# What a key of a role leads to; "*" any key.
_INSIDE: Final[Mapping[Role, Mapping[str, Role]]] = {
    "top": {
        "types": "named_properties", "groups": "group_map", "events": "event_map",
        "metrics": "metric_map",
    },
    "group_map": {"*": "group"},
    "event_map": {"*": "event"},
    "metric_map": {"*": "metric"},
    "group": {"*": "members"},
    "event": {**dict.fromkeys(NAMESPACES, "members"), "variants": "variants", "checks": "checks"},
    "members": {"*": "property"},
    "named_properties": {"*": "property"},
    "property": {"items": "property", "values": "property", "properties": "inner_properties"},
    "inner_properties": {"*": "property"},
    "variants": {"": "variant"},
    "variant": dict.fromkeys(NAMESPACES, "inner_properties"),
    "checks": {"": "check"},
}  # fmt: skip
ORDER: Final[Mapping[Role, Sequence[str]]] = {
    "top": tuple(dict.fromkeys((*TOP_KEYS[:2], *LIBRARY_KEYS[:-2], *TOP_KEYS[2:]))),
    "group": NAMESPACES,
    "event": EVENT_KEYS,
    "metric": METRIC_KEYS,
    "property": PROPERTY_KEYS,
    "variant": ("applies", *NAMESPACES),
    "check": CHECK_KEYS,
}
# Always several lines: people look for their parts, and a change of one is a line of a diff.
_TALL: Final = frozenset(
    {
        "top",
        "group_map",
        "event_map",
        "metric_map",
        "named_properties",
        "group",
        "event",
        "members",
        "variants",
        "checks",
    }
)
_UNSAFE: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]"
)
_FLOW_MARKS: Final = re.compile(r"[,\[\]{}]")
_BREAK: Final = re.compile(r"(?<=[^\s]) (?=[^\s])")


def role_of_part(section: str) -> Role:
    """Return the role of the mapping that a section's entries stand in."""
    return _INSIDE["top"][section]


def ordered(entries: Sequence[Entry], role: Role) -> list[Entry]:
    """Return the entries of a mapping in the order of its role; unknown keys come last."""
    order = ORDER.get(role)
    if order is None:
        return list(entries)
    place = {key: number for number, key in enumerate(order)}
    return sorted(entries, key=lambda e: place.get(e.key.value if e.key else "", len(order)))


def emit_entries(
    entries: Sequence[Entry], role: Role, indent: int, *, first_blank: bool
) -> list[str]:
    """Return the lines of a mapping's entries."""
    lines: list[str] = []
    for number, entry in enumerate(entries):
        if entry.blank and (number or first_blank):
            lines.append("")
        lines += emit_entry(entry, role, indent)
    return lines


def emit_entry(entry: Entry, role: Role, indent: int) -> list[str]:
    """Return the lines of a key with its value, its comments included."""
    margin = " " * indent
    key = entry.key
    name = key.value if key is not None else ""
    inner = _INSIDE.get(role, {})
    value_role = inner.get(name if key is not None else "", inner.get("*", "plain"))
    head = f"{_scalar(key, flow=False)}:" if key is not None else "-"
    lines = [margin + comment for comment in entry.above]
    beside = f"  {entry.beside}" if entry.beside else ""
    value = _shortened(entry.value, value_role)
    if key is None and isinstance(value, Collection):
        lines += [margin + comment for comment in _lifted(value, value_role)]
    if value is None or (isinstance(value, Scalar) and value.plain and not value.written):
        return [*lines, f"{margin}{head}{beside}"]
    one_line = None if _is_tall(value, value_role) else _flow(value, value_role)
    if one_line is not None and (
        isinstance(value, Scalar) or len(margin) + len(head) + 1 + len(one_line) <= WIDTH
    ):
        return [*lines, *_scalar_lines(value, one_line, f"{margin}{head}", indent, beside)]
    if not isinstance(value, Collection) or not value.entries:
        empty = "{}" if isinstance(value, Collection) and value.mapping else "[]"
        tail = value.tail if isinstance(value, Collection) else []
        return [*lines, *(margin + text for text in tail), f"{margin}{head} {empty}{beside}"]
    if key is None and beside:  # nothing stands beside a bare dash
        lines.append(margin + beside.lstrip())
        beside = ""
    if key is None and value.mapping:  # - key: value
        block = emit_entries(
            ordered(value.entries, value_role), value_role, indent + 2, first_blank=False
        )
        block += [" " * (indent + 2) + comment for comment in value.tail]
        return [*lines, f"{margin}- {block[0].lstrip()}", *block[1:]]
    return [*lines, f"{margin}{head}{beside}", *emit_block(value, value_role, indent + 2)]


def _lifted(value: Collection, role: Role) -> list[str]:
    """Take the comments away that stand before the first thing in an item, and return them."""
    if not value.entries:
        return []
    first = (ordered(value.entries, role) if value.mapping else value.entries)[0]
    above, first.above = first.above, []
    if not value.mapping and isinstance(first.value, Collection):
        above += _lifted(first.value, _INSIDE.get(role, {}).get("", "plain"))
    return above


def emit_block(value: Collection, role: Role, indent: int) -> list[str]:
    """Return the lines of a collection, one entry after the other."""
    entries = ordered(value.entries, role) if value.mapping else value.entries
    lines = emit_entries(entries, role, indent, first_blank=False)
    return lines + [" " * indent + comment for comment in value.tail]


def _is_tall(value: Node, role: Role) -> bool:
    return (
        isinstance(value, Collection)
        and bool(value.entries)
        and (role in _TALL or holds_comment(value))
    )


def _shortened(value: Node | None, role: Role) -> Node | None:
    """Return a property in its short form where it has one: ``{type: string}`` is ``string``."""
    if role != "property" or not isinstance(value, Collection) or not value.mapping:
        return value
    if len(value.entries) != 1 or holds_comment(value):
        return value
    (entry,) = value.entries
    is_type = entry.key is not None and entry.key.value == "type"
    return entry.value if is_type and isinstance(entry.value, Scalar) else value


def _flow(value: Node | None, role: Role) -> str | None:
    """Return a value in one line; None if it cannot be one."""
    if value is None:
        return ""
    if isinstance(value, Scalar):
        return _scalar(value, flow=False)
    if holds_comment(value):
        return None
    return _flow_inner(value, role)


def _flow_inner(value: Node | None, role: Role) -> str:
    value = _shortened(value, role)
    if value is None:
        return "null"
    if isinstance(value, Scalar):
        return _scalar(value, flow=True)
    inner = _INSIDE.get(role, {})
    entries = ordered(value.entries, role) if value.mapping else value.entries
    parts = []
    for entry in entries:
        name = entry.key.value if entry.key is not None else ""
        text = _flow_inner(entry.value, inner.get(name, inner.get("*", "plain")))
        parts.append(f"{_scalar(entry.key, flow=True)}: {text}" if entry.key is not None else text)
    joined = ", ".join(parts)
    return f"{{{joined}}}" if value.mapping else f"[{joined}]"


# -- scalars


def _scalar(scalar: Scalar, *, flow: bool) -> str:
    """Return a scalar in one line. A plain one that is no text keeps its spelling: ``1.10``, ``~``."""
    if scalar.plain:
        if not scalar.written:
            return "null" if flow else ""
        if "\n" not in scalar.written and (not flow or _is_plain(scalar.written, flow=True)):
            return scalar.written
    return scalar_text(scalar.value, flow=flow)


@lru_cache(maxsize=65_536)
def scalar_text(text: str, *, flow: bool) -> str:
    """Return a text as a scalar of one line: plain if it is read as this text, else quoted."""
    if _is_plain(text, flow=flow) and _is_text(text):
        return text
    if "'" not in text and not _UNSAFE.search(text) and "\n" not in text and '"' in text:
        return f"'{text}'"
    escaped = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    )
    escaped = _UNSAFE.sub(lambda m: f"\\u{ord(m[0]):04x}", escaped)
    return f'"{escaped}"'


@lru_cache(maxsize=65_536)
def _is_plain(text: str, *, flow: bool) -> bool:
    if not text or text != text.strip() or "\n" in text or _UNSAFE.search(text):
        return False
    if flow and _FLOW_MARKS.search(text):
        return False
    if text[0] in "-?:,[]{}#&*!|>'\"%@`" and not re.match(r"-[^\s,\[\]{}]", text):
        return False
    return ": " not in text and " #" not in text and not text.endswith(":") and "\t" not in text


def _is_text(text: str) -> bool:
    """Say whether a plain scalar is read as this text, not as a number or truth value."""
    try:
        return bool(yaml_rs.loads(f"x: {text}", parse_datetime=False) == {"x": text})
    except ValueError:
        return False


def _scalar_lines(value: Node, one_line: str, head: str, indent: int, beside: str) -> list[str]:
    """Return a key with its value in one line, or as a block where it is long prose or lines."""
    if isinstance(value, Scalar) and not beside and not head.endswith("-"):
        block = _block_lines(value, one_line, len(head) + 1, WIDTH - indent - 2)
        if block:
            margin = " " * (indent + 2)
            return [f"{head} {block[0]}", *(margin + line if line else "" for line in block[1:])]
    return [f"{head} {one_line}{beside}"]


def _block_lines(value: Scalar, one_line: str, column: int, width: int) -> list[str]:
    """Return the lines of a block scalar, its sign first; none for a text of one line."""
    text = value.value
    body = text.removesuffix("\n")
    lines = body.split("\n")
    if len(lines) == 1 and column + len(one_line) <= WIDTH:
        return []
    if value.plain and not _is_text(text):
        return []
    if _UNSAFE.search(text) or "\t" in text or any(line != line.strip() for line in lines):
        return []
    if not lines[0] or not lines[-1]:
        return []
    sign = "" if text.endswith("\n") else "-"
    if len(lines) > 1:
        return [f"|{sign}", *lines]
    folded = _folded(body, width)
    return [f">{sign}", *folded] if len(folded) > 1 or len(body) <= width else []


def _folded(text: str, width: int) -> list[str]:
    lines: list[str] = []
    line = ""
    for word in _BREAK.split(text):
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]
