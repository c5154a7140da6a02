"""A plan's texts: read fast, and once more, slowly, to say where something is wrong.

The fast reader (YAML 1.2) limits nesting and the replay of aliases. The one that knows positions
does not, and would exhaust the C stack on a deep text, so its depth is measured first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
import yaml
import yaml_rs

from trackplane.errors import Finding, InputError
from trackplane.plan.shapes import Path, Report

_MAX_DEPTH: Final = 200
_PLACE: Final = re.compile(r"at line (\d+), column (\d+)")
_DUPLICATE: Final = "duplicate mapping key"
_SECTIONS: Final = ("types", "groups", "events", "metrics")


class PlanError(InputError):
    """The plan's text is wrong; ``findings`` has everything."""

    code = "plan"


class Sources:
    """The files of one plan as one tree, and where each part of it stands.

    Raises:
        PlanError: a text is not YAML, or not a mapping.
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files
        self._home: dict[tuple[str, str], str] = {}  # (section, name) -> file
        self.tree: dict[Any, Any] = {}
        self.report = Report()
        findings: list[Finding] = []
        for file, text in files.items():
            parsed = _parse(text, file)
            if isinstance(parsed, Finding):
                findings.append(parsed)
            else:
                self._add(file, parsed)
        if findings:
            raise PlanError(f"{findings[0].file} is not a plan", findings=findings)

    def _add(self, file: str, tree: Mapping[Any, Any]) -> None:
        for key, value in tree.items():
            held = self.tree.get(key)
            if key in _SECTIONS and isinstance(held, dict) and isinstance(value, dict):
                for name in value:
                    if name in held:
                        other = self._home.get((key, str(name)), "another file")
                        text = f"{key} {name!r} is written in {other} and in {file}"
                        self.report.add("duplicate", text, (key, str(name)))
                self.tree[key] = held | {
                    name: part for name, part in value.items() if name not in held
                }
            elif key in self.tree and held != value:
                text = f"`{key}` is {held!r} in one file and {value!r} in {file}"
                self.report.add("duplicate", text, (str(key),))
            else:
                self.tree[key] = value
            if isinstance(value, dict):
                for name in value:
                    self._home.setdefault((str(key), str(name)), file)
            self._home.setdefault((str(key), ""), file)

    def place(self, section: str, name: str) -> Any:
        """Return where a part stands: file, first and last line; None where it is not."""
        file = self._home.get((section, name))
        root = _compose(self._files[file]) if file is not None else None
        for key, value in root.value if root is not None else ():
            if key.value == section and isinstance(value, yaml.MappingNode):
                for inner, part in value.value:
                    if inner.value == name:
                        end = part.end_mark
                        last = end.line + 1 if end.column else end.line
                        return file, inner.start_mark.line + 1, max(last, inner.start_mark.line + 1)
        return None

    def findings(self) -> list[Finding]:
        """Return what was reported, with file, line and column, in the order of the text."""
        first = next(iter(self._files))
        roots: dict[str, Any] = {}
        placed = []
        for path, finding in self.report.entries:
            names = [str(part) for part in path[:2]] + ["", ""]
            file = self._home.get((names[0], names[1])) or self._home.get((names[0], "")) or first
            if file not in roots:
                roots[file] = _compose(self._files[file])
            line, column = _place(roots[file], path)
            placed.append(msgspec.structs.replace(finding, file=file, line=line, column=column))
        order = {file: number for number, file in enumerate(self._files)}
        return sorted(placed, key=lambda f: (order[f.file or first], f.line or 0, f.column or 0))


def is_library(text: str) -> bool:
    """Say whether a text is a library's: it says ``library:`` at the top."""
    return re.search(r"^library[ \t]*:", text, re.MULTILINE) is not None


def _parse(text: str, file: str) -> dict[Any, Any] | Finding:
    try:
        tree: object = yaml_rs.loads(text)
    except (ValueError, RecursionError, OverflowError) as error:
        return _syntax_finding(text, file, str(error))
    if not isinstance(tree, dict):
        return Finding(
            code="shape", message="a plan is a mapping", file=file, line=1, column=1,
            hint="start with `format: 1`, `app: …`, `events: …`",
        )  # fmt: skip
    return tree


def _syntax_finding(text: str, file: str, message: str) -> Finding:
    lines = message.strip().splitlines() or ["cannot be read"]
    line = column = None
    place = _PLACE.search(lines[0])
    if place is not None:
        line, column = int(place[1]), int(place[2])
        if _deeper(text):
            lines = [f"nested deeper than {_MAX_DEPTH}"]
    elif _DUPLICATE in message:
        line, column = _duplicate(_compose(text))
    return Finding(code="yaml", message=lines[-1], file=file, line=line, column=column)


def _deeper(text: str) -> bool:
    """Say whether a text nests deeper than can be composed."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > _MAX_DEPTH:
                    return True
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except (yaml.YAMLError, ValueError):
        pass
    return False


def _compose(text: str) -> Any:
    if _deeper(text):
        return None
    try:
        return yaml.compose(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None


def _nodes(root: Any) -> Iterator[Any]:
    """Yield each node once, however many aliases lead to it."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, yaml.MappingNode):
            waiting += [part for pair in reversed(node.value) for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += reversed(node.value)


def _duplicate(root: Any) -> tuple[int | None, int | None]:
    for node in _nodes(root):
        if isinstance(node, yaml.MappingNode):
            keys: set[Any] = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in keys:
                        return key.start_mark.line + 1, key.start_mark.column + 1
                    keys.add(key.value)
    return None, None


def _place(root: Any, path: Path) -> tuple[int | None, int | None]:
    """Return line and column of a path's node, or of its nearest parent that the text has."""
    mark = _mark(root, path)
    return (mark.line + 1, mark.column + 1) if mark is not None else (None, None)


def _mark(node: Any, path: Path) -> Any:
    mark = node.start_mark if node is not None else None
    for part in path:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    node, mark = value, key.start_mark
                    break
            else:
                return mark
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            if part >= len(node.value):
                return mark
            node = node.value[part]
            mark = node.start_mark
        else:
            return mark
    return mark
