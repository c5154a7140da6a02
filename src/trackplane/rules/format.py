"""``rule fmt``: a rule's text as it should look, or the rule in another front end.

In its own front end a rule's text keeps its comments, order and tests: only the expressions are
printed again. In another front end the rule is printed from its IR: what user functions stand for is
there in place of their calls; description and tests come along.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import msgspec
import yaml

from trackplane.rules import ir
from trackplane.rules.builder import to_builder
from trackplane.rules.printing import text_of
from trackplane.rules.reprint import reprinted
from trackplane.rules.scalars import block, scalar
from trackplane.rules.sql.query import query_lines
from trackplane.rules.written import FormatError, Part, in_order, parts_of
from trackplane.rules.yaml import Document

__all__ = ["FormatError", "format_rule", "format_text"]

_CARRIED: Final = ("description", "tests")


def format_text(text: str) -> str:
    """Return a file of rules with its expressions as they should look, all else as it is.

    Raises:
        RuleError: the text is not YAML.
    """
    return reprinted(text)


def format_rule(rule: ir.Rule, *, front_end: ir.FrontEnd | None = None) -> str:
    """Return a rule's file in a front end (None: its own).

    Raises:
        FormatError: the front end cannot say what the rule does.
    """
    wanted = front_end or rule.front_end
    if wanted == rule.front_end and rule.text:
        return reprinted(rule.text)
    return "\n".join(_file(rule, wanted)) + "\n"


def _file(rule: ir.Rule, front_end: ir.FrontEnd) -> Iterator[str]:
    yield f"rule: {scalar(rule.name)}"
    if rule.source != "events" and front_end != "sql":
        yield f"from: {scalar(rule.source)}"
    if rule.apps:
        yield f"apps: {_list(rule.apps)}"
    if rule.envs != ("prod",):
        yield f"env: {_list(rule.envs)}"
    if front_end == "sql":
        lines = query_lines(rule)
        yield f"sql: {block(lines, 0) or scalar(chr(10).join(lines))}"
    elif front_end == "builder":
        yield "builder:"
        made = json.dumps(msgspec.to_builtins(to_builder(rule)), ensure_ascii=False, indent=2)
        yield from (f"  {line}" for line in _yaml_safe(made).split("\n"))
    else:
        yield from _python(rule)
    yield f"to: {scalar(rule.target)}"
    if rule.on_error != "refuse":
        yield f"on_error: {rule.on_error}"
    if rule.owner:
        yield f"owner: {scalar(rule.owner)}"
    yield from _carried(rule.text)


def _yaml_safe(text: str) -> str:
    """Return JSON with what YAML would not read as written."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in text)


def _list(names: tuple[str, ...]) -> str:
    return f"[{', '.join(scalar(name, flow=True) for name in names)}]"


def _python(rule: ir.Rule) -> Iterator[str]:
    if rule.where is not None:
        yield f"where: {scalar(text_of(rule.where))}"
    parts = parts_of(rule.actions, text_of)
    if in_order(parts):
        for part in parts:
            yield from _action(part, 0)
        return
    yield "do:"
    for part in parts:
        first, *rest = _action(part, 4)
        yield f"  - {first.lstrip()}"
        yield from rest


def _action(part: Part, indent: int) -> Iterator[str]:
    """Return the lines of one action, indented."""
    space = " " * indent
    match part.kind:
        case "keep":
            yield f"{space}keep: true"
        case "drop" | "script":
            yield f"{space}{part.kind}: {scalar(part.value or '')}"
        case "sample" if part.value is None:
            yield f"{space}sample: {part.rate!r}"
        case "sample":
            yield f"{space}sample: {{rate: {part.rate!r}, key: {scalar(part.value or '', flow=True)}}}"
        case "explode":
            over = scalar(part.value or "", flow=True)
            yield f"{space}explode: {{over: {over}, as: {part.item}}}"
        case "unset":
            yield f"{space}unset: {_list(part.paths)}"
        case "route":
            yield f"{space}route:"
            yield f"{space}  by: {scalar(part.value or '')}"
            yield f"{space}  to:"
            yield from (f"{space}    {scalar(k)}: {scalar(v)}" for k, v in part.values.items())
        case _:
            yield f"{space}{part.kind}:"
            yield from (f"{space}  {scalar(k)}: {scalar(v)}" for k, v in part.values.items())


def _carried(text: str) -> Iterator[str]:
    """Return the lines of a rule's text that are neither its header nor what it does."""
    if not text:
        return
    roots = Document(text, "rule.yaml").compose()
    if len(roots) != 1 or not isinstance(roots[0], yaml.MappingNode) or roots[0].flow_style:
        return
    lines = text.rstrip("\n").split("\n")
    starts = [(str(key.value), int(key.start_mark.line)) for key, _ in roots[0].value]
    ends = [line for _, line in starts[1:]] + [len(lines)]
    for (name, start), end in zip(starts, ends, strict=True):
        if name in _CARRIED:
            yield from lines[start:end]
