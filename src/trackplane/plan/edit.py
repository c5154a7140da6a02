"""One part of a plan read, replaced, added or taken away in its files; every other byte stays.

A part's text is its key with what stands under it, at no indent, the comments right above it included::

    # asked for by finance
    order_pay:
      owner: team:pay
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import NamedTuple

import yaml_rs
from ruamel.yaml import YAML

from trackplane.errors import Finding, did_you_mean
from trackplane.plan.parts import (
    SECTIONS,
    Block,
    blocks,
    body,
    indent_of,
    indented,
    lines_of,
    opened,
)
from trackplane.plan.text import PlanError


class PartPlace(NamedTuple):
    """Where a part stands: its file, its first and last line from 1, its text at no indent."""

    file: str
    first: int
    last: int
    text: str


def part_of(files: Mapping[str, str], section: str, name: str) -> PartPlace | None:
    """Return where a part stands, or None where no file has it."""
    for path, text in files.items():
        if name not in text and not _odd(name):
            continue
        opened_text, _, found = _section(text, section)
        block = next((each for each in found if each.key == name), None)
        if block is not None:
            lines = opened_text.count("\n", 0, block.start)
            inside = opened_text[block.start : block.stop]
            last = lines + inside.count("\n", 0, len(inside) - 1) + 1
            return PartPlace(path, lines + 1, last, _ended(indented(inside, 0)))
    return None


def part_names(text: str, section: str) -> list[str]:
    """Return the names of a section's parts in one file, in their order."""
    return [block.key for block in _section(text, section)[2]]


def with_part(
    files: Mapping[str, str],
    section: str,
    name: str,
    text: str | None,
    *,
    file: str | None = None,
    after: str | None = None,
) -> dict[str, str]:
    """Return the file that changes when a part is replaced, added or (None) taken away.

    A new part goes after the one named by ``after``, else to the end of its section, in ``file`` or
    where the section is.

    Raises:
        PlanError: there is no such section; the part's text is not YAML or of another name; there is
            nothing to take away.
    """
    if section not in SECTIONS:
        raise PlanError(f"there is no section {section!r}", hint=did_you_mean(section, SECTIONS))
    if text is not None:
        _check(text, name)
    place = part_of(files, section, name)
    if place is not None:
        return {place.file: _replaced(files[place.file], section, name, text)}
    if text is None:
        raise PlanError(f"{section} have no {name!r}")
    path = file or _home(files, section, after)
    return {path: _added(files.get(path, ""), section, text, after)}


def with_value(
    files: Mapping[str, str], section: str, name: str, key: str, value: str
) -> dict[str, str]:
    """Return the file that changes when one key of a part gets another value, written as YAML.

    Raises:
        PlanError: there is no such part.
    """
    place = part_of(files, section, name)
    if place is None:
        raise PlanError(f"{section} have no {name!r}")
    return with_part({place.file: files[place.file]}, section, name, _keyed(place.text, key, value))


def with_use(files: Mapping[str, str], library: str, version: int) -> dict[str, str]:
    """Return the files that change when a plan uses another version of a library."""
    pin = re.compile(rf"(?<![\w-]){re.escape(library)}@[0-9]+(?![\w])")
    changed = {}
    for path, text in files.items():
        for block in blocks(text) or ():
            if block.key == "use":
                used = pin.sub(f"{library}@{version}", text[block.start : block.stop])
                if used != text[block.start : block.stop]:
                    changed[path] = text[: block.start] + used + text[block.stop :]
    return changed


def uses_of(files: Mapping[str, str]) -> list[str]:
    """Return the libraries that a plan's files name under ``use``; nothing is checked."""
    found: dict[str, None] = {}
    for text in files.values():
        if "use" not in text:
            continue
        cut = blocks(text)
        parts = [text] if cut is None else [text[b.start : b.end] for b in cut if b.key == "use"]
        for part in parts:
            try:
                tree: object = yaml_rs.loads(part)
            except (ValueError, RecursionError, OverflowError):
                continue
            used = tree.get("use") if isinstance(tree, dict) else None
            found |= dict.fromkeys(map(str, used if isinstance(used, list) else ()))
    return list(found)


def _keyed(text: str, key: str, value: str) -> str:
    """Return a part's text with one of its keys of another value."""
    parted = body(text)
    if parted is None:
        return _flow_keyed(text, key, value)
    head, rest = parted
    width = indent_of(rest)
    line = f"{' ' * width}{key}: {value}\n"
    for block in blocks(rest) or ():
        if block.key == key:
            lead = [
                row for row in lines_of(rest[block.start : block.stop]) if row.lstrip()[:1] == "#"
            ]
            kept = rest[: block.start] + "".join(lead)
            return head + kept + line + rest[block.stop :]
    return head + _ended(rest) + line


def _flow_keyed(text: str, key: str, value: str) -> str:
    yaml = YAML()
    yaml.width = 4096
    yaml.preserve_quotes = True
    tree = yaml.load(text)
    name = next(iter(tree))
    if tree[name] is None:
        tree[name] = {}
    tree[name][key] = YAML(typ="safe", pure=True).load(value)
    out = io.StringIO()
    yaml.dump(tree, out)
    return out.getvalue()


def _check(text: str, name: str) -> None:
    try:
        tree: object = yaml_rs.loads(text)
    except (ValueError, RecursionError, OverflowError) as error:
        message = str(error).strip().splitlines()[-1]
        finding = Finding(code="yaml", message=message, hint="a part is `name:` and what it holds")
        raise PlanError(f"the text of {name!r} is not YAML", findings=[finding]) from error
    names = list(tree) if isinstance(tree, dict) else []
    if [str(each) for each in names] != [name]:
        held = ", ".join(map(str, names)) or "no name at all"
        raise PlanError(
            f"the text is of {held}, not of {name!r} alone",
            hint=f"begin it with `{name}:`; to rename a part, take one away and add the other",
        )


def _section(text: str, section: str) -> tuple[str, Block | None, list[Block]]:
    """Return a text with its sections in block style, the section's block, and those inside it."""
    found = blocks(text)
    if found is None and text.strip():
        text = opened(text)
        found = blocks(text)
    block = next((each for each in found or () if each.key == section), None)
    if block is None:
        return text, None, []
    parted = body(text[block.start : block.end])
    if parted is None:
        if not _value(text[block.start : block.stop]):
            return text, block, []
        if (changed := opened(text)) != text:
            return _section(changed, section)
        raise PlanError(f"the section {section} cannot be cut into its parts", hint="run plan fmt")
    head, rest = parted
    base = block.start + len(head)
    return (
        text,
        block,
        [
            Block(each.key, each.start + base, each.stop + base, each.end + base)
            for each in blocks(rest) or ()
        ],
    )


def _value(text: str) -> object:
    tree: object = yaml_rs.loads(text)
    return next(iter(tree.values()), None) if isinstance(tree, dict) else tree


def _replaced(text: str, section: str, name: str, part: str | None) -> str:
    text, _, found = _section(text, section)
    block = next(each for each in found if each.key == name)
    if part is None:
        trail = text[block.stop : block.end]
        end = block.end if not trail.strip() and len(found) > 1 else block.stop
        if len(found) == 1:
            return _emptied(text, section)
        return text[: block.start] + text[end:]
    written = _as_written(part, indent_of(text[block.start : block.stop]), text)
    if not text[: block.stop].endswith("\n"):
        written = written.rstrip("\r\n")
    return text[: block.start] + written + text[block.stop :]


def _emptied(text: str, section: str) -> str:
    """Return a text without the section whose only part goes."""
    found = blocks(text) or []
    block = next(each for each in found if each.key == section)
    return text[: block.start] + text[block.stop :].lstrip("\r\n")


def _added(text: str, section: str, part: str, after: str | None) -> str:
    text, block, found = _section(text, section)
    if block is None:
        start = text if not text or text.endswith("\n") else text + "\n"
        return f"{start}{section}:\n{_as_written(part, 2, text)}"
    if not found:
        head = text[block.start : block.stop]
        comments = "".join(
            line for line in head.splitlines(keepends=True) if line.lstrip().startswith("#")
        )
        inside = f"{comments}{section}:\n{_as_written(part, 2, text)}"
        return text[: block.start] + inside + text[block.stop :]
    previous = next((each for each in found if each.key == after), found[-1])
    width = indent_of(text[previous.start : previous.stop])
    written = _as_written(part, width, text)
    spaced = any(
        not text[each.stop : each.end].strip() and each.end > each.stop for each in found[:-1]
    )
    gap = "\n" if spaced else ""
    before = text[: previous.stop]
    if not before.endswith("\n"):
        return before + "\n" + gap + written.rstrip("\r\n") + text[previous.stop :]
    return before + gap + written + text[previous.stop :]


def _as_written(part: str, width: int, text: str) -> str:
    written = indented(_ended(part.strip("\n") if part.startswith("\n") else part), width)
    if "\r\n" in text:
        written = written.replace("\r\n", "\n").replace("\n", "\r\n")
    return written


def _ended(text: str) -> str:
    return text.rstrip() + "\n"


def _home(files: Mapping[str, str], section: str, after: str | None) -> str:
    if after is not None and (place := part_of(files, section, after)) is not None:
        return place.file
    having = [path for path, text in files.items() if section in text and part_names(text, section)]
    return having[-1] if having else next(iter(files), "plan.yaml")


def _odd(name: str) -> bool:
    """Say whether a name may be written otherwise than it reads."""
    return not name.isascii() or "'" in name or '"' in name or "\\" in name


__all__ = ["PartPlace", "part_names", "part_of", "uses_of", "with_part", "with_use", "with_value"]
