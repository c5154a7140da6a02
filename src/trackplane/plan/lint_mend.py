"""Mending a plan's texts: one value replaced or one key added at a time; all else stays as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import yaml
import yaml_rs

from trackplane.plan.lint_checks import Mend
from trackplane.plan.workspace import Workspace

_PLAIN: Final = re.compile(r"[A-Za-z_\u0080-\uffff][\w \u0080-\uffff.-]*(?<! )")


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


def mended(workspace: Workspace, mends: Sequence[Mend]) -> dict[str, str]:
    """Return the files that the changes touch, with their new texts.

    A change whose place the text does not have (a value that a group or library gives) is left.
    """
    by_part: dict[tuple[str, str], list[Mend]] = {}
    for mend in dict.fromkeys(mends):
        by_part.setdefault((str(mend.path[0]), str(mend.path[1])), []).append(mend)
    edits: dict[str, list[_Edit]] = {}
    for (section, name), own in by_part.items():
        part = workspace.piece(section, name)
        if part is None:
            continue
        file, start, text, root_path = part
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        made = [_edit(text, root, mend, root_path) for mend in own]
        for edit in made:
            if edit is not None:
                moved = edit._replace(start=edit.start + start, end=edit.end + start)
                edits.setdefault(file, []).append(moved)
    return {file: _applied(workspace.files[file], own) for file, own in edits.items()}


def _applied(text: str, edits: list[_Edit]) -> str:
    parts = []
    last = 0
    for edit in sorted(set(edits)):
        if edit.start < last:
            continue  # another change has touched this already: the next round does it
        parts += [text[last : edit.start], edit.text]
        last = edit.end
    return "".join([*parts, text[last:]])


def _edit(text: str, root: Any, mend: Mend, skip: int) -> _Edit | None:
    node = root
    for part in mend.path[skip:]:
        node = _step(node, part)
        if node is None:
            return None
    if mend.key is None:
        if not isinstance(node, yaml.ScalarNode) or node.style in {"|", ">"}:
            return None
        return _Edit(node.start_mark.index, node.end_mark.index, quoted(mend.text))
    if isinstance(node, yaml.ScalarNode):  # a type's name alone
        written = text[node.start_mark.index : node.end_mark.index]
        return _Edit(
            node.start_mark.index, node.end_mark.index,
            f"{{type: {written}, {mend.key}: {mend.text}}}",
        )  # fmt: skip
    if not isinstance(node, yaml.MappingNode) or not node.value:
        return None
    if any(key.value == mend.key for key, _ in node.value):
        return None
    last = node.value[-1][1]
    end = last.end_mark.index
    if node.flow_style:
        return _Edit(end, end, f", {mend.key}: {mend.text}")
    first = node.value[0][0].start_mark
    return _Edit(first.index, first.index, f"{mend.key}: {mend.text}\n{' ' * first.column}")


def _step(node: Any, part: str | int) -> Any:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return value
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part]
    return None


def quoted(text: str) -> str:
    """Return a text as a YAML scalar that is read as this text."""
    if _PLAIN.fullmatch(text):
        try:
            if yaml_rs.loads(f"x: {text}", parse_datetime=False) == {"x": text}:
                return text
        except ValueError:
            pass
    escaped = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    )
    return f'"{escaped}"'
