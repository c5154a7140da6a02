"""The expressions of a rule's text, printed again in place: all else stays as it is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import yaml

from trackplane.rules import python
from trackplane.rules.printing import python_text
from trackplane.rules.scalars import block, scalar
from trackplane.rules.source import Excerpt
from trackplane.rules.sql.parse import ANY
from trackplane.rules.sql.query import reprinted_query
from trackplane.rules.yaml import Document

_ONE: Final = ("where", "drop")  # keys whose value is an expression
_NAMED: Final = ("select", "set", "tag")  # keys whose values are expressions
_INSIDE: Final = {"sample": "key", "explode": "over", "route": "by"}
_WIDTH: Final = 96


def reprinted(text: str) -> str:
    """Return a rule's text with its expressions as they should look.

    A query with comments in it, and an expression that does not parse, stay as they are.
    """
    document = Document(text, "rule.yaml")
    roots = document.compose()
    found = [piece for root in roots for piece in _expressions(root, flow=False)]
    items = [node.value for root in roots for node in _named(root, "as")]
    for node, front_end, flow in reversed(found):
        new = _query(node, text) if front_end == "sql" else _python(node, items, flow=flow)
        if new is not None:
            start, end = int(node.start_mark.index), int(node.end_mark.index)
            tail = text[start:end]
            after = tail[len(tail.rstrip()) :] if node.style in ("|", ">") else ""
            text = text[:start] + new + (after or "") + text[end:]
    return text


def _expressions(node: yaml.Node, *, flow: bool) -> Iterator[tuple[yaml.ScalarNode, str, bool]]:
    """Return the scalars that are expressions, in order, and whether they stand in brackets."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _expressions(item, flow=flow or bool(node.flow_style))
        return
    if not isinstance(node, yaml.MappingNode):
        return
    inside = flow or bool(node.flow_style)
    for key, value in node.value:
        name = key.value
        if name in ("do", "rules"):
            yield from _expressions(value, flow=inside)
        elif isinstance(value, yaml.ScalarNode):
            if name in _ONE or (name == "sql" and not inside):
                yield value, "sql" if name == "sql" else "python", inside
        elif isinstance(value, yaml.MappingNode):
            deeper = inside or bool(value.flow_style)
            wanted = None if name in _NAMED else _INSIDE.get(name, "")
            for below, expression in value.value:
                if wanted in (None, below.value) and isinstance(expression, yaml.ScalarNode):
                    yield expression, "python", deeper


def _named(node: yaml.Node, name: str) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _named(item, name)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == name and isinstance(value, yaml.ScalarNode):
                yield value
            yield from _named(value, name)


def _python(node: yaml.ScalarNode, items: list[str], *, flow: bool) -> str | None:
    tree, findings = python.parse(Excerpt.of(str(node.value)), items, ANY)
    return None if findings else scalar(python_text(tree), flow=flow)


def _query(node: yaml.ScalarNode, text: str) -> str | None:
    written = text[node.start_mark.index : node.end_mark.index]
    if "--" in written or "/*" in written:
        return None
    lines = reprinted_query(str(node.value))
    indent = _indent(node, text)
    return block(lines, indent) or scalar("\n".join(lines))


def _indent(node: yaml.ScalarNode, text: str) -> int:
    start = text.rfind("\n", 0, int(node.start_mark.index)) + 1
    line = text[start:]
    return len(line) - len(line.lstrip(" -"))
