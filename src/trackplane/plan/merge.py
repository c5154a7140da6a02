"""Two people's changes of one plan, made one: by parts, and inside a part by property and key.

The result has the layout of *theirs* (what is in force), with what *yours* changed of the base worked
into it, so comments and the order of either side stay. What both changed otherwise is a conflict, given
with all three texts; the result has theirs there until somebody decides.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any, Final

import msgspec
import yaml_rs
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from trackplane.plan.edit import part_names, part_of, with_part
from trackplane.plan.merge_lines import merge_lines
from trackplane.plan.parts import SECTIONS, blocks, body, indent_of, indented, lines_of, opened
from trackplane.plan.text import PlanError

Path = tuple[str, ...]
_MISSING: Final = object()
_WIDTH: Final = 78


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """What both sides changed otherwise; a text of None is taken away, or was not there.

    ``path`` is the key inside the part (``what.total.max``), empty for the part as a whole; with an
    empty ``name`` it is a key of the file itself (``use``), and ``section`` is that key.
    """

    section: str
    name: str
    path: str
    base: str | None
    yours: str | None
    theirs: str | None

    @property
    def what(self) -> str:
        """Return what it is about, as people say it."""
        place = f"{self.section} {self.name}".strip()
        return f"{place}: {self.path}" if self.path else place


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a merge; with conflicts they hold theirs at those places."""

    files: dict[str, str]
    conflicts: tuple[Conflict, ...] = ()


def merge_files(
    base: Mapping[str, str], yours: Mapping[str, str], theirs: Mapping[str, str]
) -> Merged:
    """Return the files with what ``yours`` and ``theirs`` changed of ``base``.

    Files that one side changed are taken as they are; the others are merged part by part. A part that
    one side moved to another file follows there with the other's changes.

    Raises:
        PlanError: a file that both changed is not YAML.
    """
    files: dict[str, str] = {}
    conflicts: list[Conflict] = []
    touched: list[str] = []
    for path in dict.fromkeys((*theirs, *yours, *base)):
        origin, mine, other = base.get(path), yours.get(path), theirs.get(path)
        if mine != origin or other != origin:
            touched.append(path)
        if other == origin:
            kept = mine
        elif mine in (origin, other):
            kept = other
        else:
            kept = _file(origin, mine, other, conflicts)
        if kept is not None:
            files[path] = kept
    sides = [
        {path: side[path] for path in touched if path in side} for side in (base, yours, theirs)
    ]
    _follow(files, conflicts, sides[0], sides[1], sides[2])
    return Merged(files=files, conflicts=tuple(conflicts))


def _file(
    base: str | None, yours: str | None, theirs: str | None, conflicts: list[Conflict]
) -> str | None:
    texts = [None if text is None else _blocked(text) for text in (base, yours, theirs)]
    return _Texts(conflicts).merge(texts[0], texts[1], texts[2], ())


def _blocked(text: str) -> str:
    """Return a file's text in blocks down to its parts."""
    cut = blocks(text)
    if cut is not None:
        flow = [
            each
            for each in cut
            if each.key in SECTIONS
            and body(text[each.start : each.end]) is None
            and "{" in text[each.start : each.stop]
        ]
        if not flow:
            return text
    return opened(text) if text.strip() else text


class _Texts:
    """Merges texts of mappings, collecting conflicts."""

    def __init__(self, conflicts: list[Conflict]) -> None:
        self._conflicts = conflicts

    def merge(
        self, base: str | None, yours: str | None, theirs: str | None, path: Path
    ) -> str | None:
        """Return one text of three, all at one place; None where it is taken away."""
        if _same(yours, theirs) or _same(yours, base):
            return theirs
        if _same(theirs, base):
            return yours if theirs is None or yours is None else _like(theirs, yours)
        if yours is None or theirs is None:
            return self._conflict(base, yours, theirs, path)
        found = self._parted(base, yours, theirs, path)
        if found is not None:
            return found
        return self._whole(base, yours, theirs, path)

    def _parted(self, base: str | None, yours: str, theirs: str, path: Path) -> str | None:
        """Merge by keys, where both texts are mappings in blocks; None where they are not."""
        if not path:
            return self._keys(base, yours, theirs, path)
        origin, mine, other = (
            None if text is None else body(text) for text in (base, yours, theirs)
        )
        if mine is None or other is None or (base is not None and origin is None):
            return None
        first, under = origin or (None, None)
        rest = self._keys(under, _like(other[1], mine[1]), other[1], path)
        return None if rest is None else self._head(first, mine[0], other[0], path) + rest

    def _head(self, base: str | None, yours: str, theirs: str, path: Path) -> str:
        """Merge the comments above a key and its line."""
        yours = _like(theirs, yours)
        if _same(yours, theirs) or _same(yours, base):
            return theirs
        if _same(theirs, base):
            return yours
        joined = merge_lines(_like(theirs, base or ""), theirs, yours)
        if joined is None:
            self._conflict(base, yours, theirs, (*path, "#"))
        return joined or theirs

    def _keys(self, base: str | None, yours: str, theirs: str, path: Path) -> str | None:
        cut = [blocks(text) if text else [] for text in (base or "", yours, theirs)]
        if any(each is None for each in cut):
            return None
        texts = [
            {each.key: text[each.start : each.end] for each in found or ()}
            for found, text in zip(cut, (base or "", yours, theirs), strict=True)
        ]
        origin, mine, other = texts
        starts = [
            text[: found[0].start] if found else ""
            for found, text in zip(cut, (base or "", yours, theirs), strict=True)
        ]
        start = self._head(starts[0], starts[1], starts[2], path) if cut[2] else ""
        merged: dict[str, str] = {}
        for key in _order(list(other), list(mine)):
            text = self.merge(origin.get(key), mine.get(key), other.get(key), (*path, key))
            if text is not None:
                merged[key] = text if text.endswith("\n") else text + "\n"
        last = bool(merged) and not theirs.endswith("\n") and list(merged)[-1:] == list(other)[-1:]
        joined = start + "".join(merged.values())
        return joined.removesuffix("\n") if last else joined

    def _whole(self, base: str | None, yours: str, theirs: str, path: Path) -> str:
        """Merge what is not written in blocks: by what it says."""
        if not path:  # a file that cannot be cut at its keys (`? events`, `%YAML`): people decide
            return self._conflict(base, yours, theirs, path) or theirs
        said = [_value(text) for text in (base, yours, theirs)]
        origin, mine, other = said
        if mine == origin:
            return theirs
        if other == origin:
            return _like(theirs, yours)
        if mine == other:
            return theirs
        if path[-1:] != ("use",) and not (isinstance(mine, dict) and isinstance(other, dict)):
            return self._conflict(base, yours, theirs, path) or theirs
        before = len(self._conflicts)
        value = _merge_values(origin, mine, other, path, self._conflicts)
        if len(self._conflicts) > before or value == other:
            return theirs
        return _written(theirs, value)

    def _conflict(
        self, base: str | None, yours: str | None, theirs: str | None, path: Path
    ) -> str | None:
        self._conflicts.append(_conflict_at(path, _alone(base), _alone(yours), _alone(theirs)))
        return theirs


def _conflict_at(path: Path, base: str | None, yours: str | None, theirs: str | None) -> Conflict:
    section = path[0] if path else ""
    inside = section in SECTIONS
    return Conflict(
        section=section,
        name=path[1] if inside and len(path) > 1 else "",
        path=".".join(path[2:] if inside else path[1:]),
        base=base,
        yours=yours,
        theirs=theirs,
    )


def _alone(text: str | None) -> str | None:
    return None if text is None else indented(text, 0).rstrip() + "\n"


def _same(one: str | None, other: str | None) -> bool:
    """Say whether two texts are the same but for indent and what trails."""
    if one is None or other is None:
        return one is other
    return one == other or indented(one, 0).rstrip() == indented(other, 0).rstrip()


def _like(model: str, text: str) -> str:
    """Return a text at the indent of another."""
    return indented(text, indent_of(model))


def _order(first: list[str], second: list[str]) -> Iterator[str]:
    """Give the keys of both, each of the second's own after the one it follows there."""
    own: dict[str | None, list[str]] = {}
    last: str | None = None
    known = set(first)
    for key in second:
        if key in known:
            last = key
        else:
            own.setdefault(last, []).append(key)
    yield from own.get(None, ())
    for key in first:
        yield key
        yield from own.get(key, ())


# --- values


def _value(text: str | None) -> Any:
    """Return what a block says, or a mark of its own for one that is not there."""
    if text is None:
        return _MISSING
    try:
        tree: object = yaml_rs.loads(text)
    except (ValueError, RecursionError, OverflowError) as error:
        raise PlanError(f"cannot be merged: {str(error).strip().splitlines()[-1]}") from error
    return next(iter(tree.values())) if isinstance(tree, dict) and tree else tree


def _merge_values(base: Any, yours: Any, theirs: Any, path: Path, conflicts: list[Conflict]) -> Any:
    if yours in (theirs, base):
        return theirs
    if theirs == base:
        return yours
    if path == ("use",) and all(isinstance(each, list) for each in (base, yours, theirs)):
        return _merge_uses(base, yours, theirs, path, conflicts)
    if isinstance(yours, dict) and isinstance(theirs, dict):
        held = base if isinstance(base, dict) else {}
        merged = {}
        for key in _order([*map(str, theirs)], [*map(str, yours)]):
            value = _merge_values(
                held.get(key, _MISSING), yours.get(key, _MISSING), theirs.get(key, _MISSING),
                (*path, key), conflicts,
            )  # fmt: skip
            if value is not _MISSING:
                merged[key] = value
        return merged
    conflicts.append(_conflict_at(path, _said(path, base), _said(path, yours), _said(path, theirs)))
    return theirs


def _merge_uses(
    base: list[Any], yours: list[Any], theirs: list[Any], path: Path, conflicts: list[Conflict]
) -> list[Any]:
    """Merge lists of pinned libraries: each library is a key, its version the value."""
    pinned = [dict(str(use).partition("@")[::2] for use in each) for each in (base, yours, theirs)]
    merged = _merge_values(pinned[0], pinned[1], pinned[2], (*path, ""), conflicts)
    return [f"{name}@{version}" for name, version in merged.items()]


def _said(path: Path, value: object) -> str | None:
    if value is _MISSING:
        return None
    return f"{path[-1]}: {msgspec.json.encode(value, enc_hook=str).decode()}\n"


def _written(text: str, value: Any) -> str:
    """Return a block's text with another value, its comments and style kept where they can be."""
    yaml = YAML()
    yaml.width = 4096
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    tree = yaml.load(indented(text, 0))
    _lay(tree, next(iter(tree)), value)
    out = io.StringIO()
    yaml.dump(tree, out)
    trail = text[len(text.rstrip()) :]
    return indented(out.getvalue(), indent_of(text)).rstrip() + (trail or "\n")


def _lay(parent: CommentedMap, key: str, value: Any) -> None:
    """Give a key another value, of which what is the same keeps its comments."""
    node = parent[key]
    if isinstance(node, CommentedMap) and isinstance(value, dict) and value:
        for gone in [each for each in node if each not in value]:
            del node[gone]
        for name, inner in value.items():
            if name not in node:
                node[name] = inner
            elif node[name] != inner:
                _lay(node, name, inner)
    elif isinstance(node, list) and isinstance(value, list):
        node[:] = value
    else:
        # A comment between a key and its block has no place beside a value in one line.
        parent.ca.items.pop(key, None)
        parent[key] = value


# --- parts that moved to another file


def _follow(
    files: dict[str, str],
    conflicts: list[Conflict],
    base: Mapping[str, str],
    yours: Mapping[str, str],
    theirs: Mapping[str, str],
) -> None:
    """Let changes follow a part that the other side moved, and drop what stands twice."""
    if len({*base, *yours, *theirs}) < 2:
        return
    homes = [_homes(side) for side in (base, yours, theirs)]
    for (section, name), path in homes[1].items():
        other = homes[2].get((section, name))
        if other is None or other == path:
            continue
        texts = [_text(side, section, name) for side in (base, yours, theirs)]
        mine = [each for each in conflicts if (each.section, each.name) == (section, name)]
        conflicts[:] = [each for each in conflicts if each not in mine]
        cut = len(conflicts)
        merged = _Texts(conflicts).merge(texts[0], texts[1], texts[2], (section, name))
        origin = homes[0].get((section, name))
        home = path if other == origin else other
        away = other if home == path else path
        if merged is not None and len(conflicts) == cut:
            files |= with_part({home: files.get(home, "")}, section, name, merged)
        if away in files and name in part_names(files[away], section) and home in files:
            files |= with_part({away: files[away]}, section, name, None)
    _forget(files, conflicts, (base, yours, theirs), homes)


def _forget(
    files: dict[str, str],
    conflicts: list[Conflict],
    sides: tuple[Mapping[str, str], Mapping[str, str], Mapping[str, str]],
    homes: list[dict[tuple[str, str], str]],
) -> None:
    """Take away the parts that one side moved to another file and the other took away."""
    for (section, name), path in homes[0].items():
        there = [home.get((section, name)) for home in homes[1:]]
        moved = there[0] or there[1]
        if moved is None or moved == path or None not in there:
            continue
        texts = [_text(side, section, name) for side in sides]
        if not _same(texts[0], texts[1] or texts[2]):
            found = [None if text is None else _alone(text) for text in texts]
            conflicts.append(_conflict_at((section, name), found[0], found[1], found[2]))
            if there[0] is None:
                continue  # theirs has it
        if name in part_names(files.get(moved, ""), section):
            files |= with_part({moved: files[moved]}, section, name, None)
        if not files.get(moved, "").strip():
            files.pop(moved, None)


def _homes(files: Mapping[str, str]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for path, text in files.items():
        for section in SECTIONS:
            if section in text:
                for name in part_names(text, section):
                    found.setdefault((section, name), path)
    return found


def _text(files: Mapping[str, str], section: str, name: str) -> str | None:
    place = part_of(files, section, name)
    return place.text if place is not None else None


# --- for people


def side_by_side(
    conflict: Conflict, *, width: int = _WIDTH, names: tuple[str, str] = ("yours", "theirs")
) -> str:
    """Return a conflict's two sides beside one another, lines that differ marked by ``|``."""
    half = (width - 3) // 2
    left, right = (_lines(text) for text in (conflict.yours, conflict.theirs))
    rows = [f"{conflict.what}", f"{names[0]:<{half}}   {names[1]}", "-" * half + "   " + "-" * half]
    for tag, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        for number in range(max(b - a, d - c)):
            one = left[a + number] if a + number < b else ""
            two = right[c + number] if c + number < d else ""
            mark = " " if tag == "equal" else "|"
            rows.append(f"{_cut(one, half):<{half}} {mark} {_cut(two, half)}".rstrip())
    if conflict.base is not None:
        rows += ["both were:", *(f"  {line}" for line in _lines(conflict.base))]
    return "\n".join(rows) + "\n"


def _lines(text: str | None) -> list[str]:
    if text is None:
        return ["(not there)"]
    return [line.rstrip("\r\n") for line in lines_of(text)]


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"


__all__ = ["Conflict", "Merged", "merge_files", "side_by_side"]
