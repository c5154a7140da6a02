"""A rule as one SELECT, where SQL can say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from trackplane.rules import ir
from trackplane.rules.source import Excerpt
from trackplane.rules.sql.parse import ANY, parse, parse_expression
from trackplane.rules.sql.print import name_text, path_text, sql_text
from trackplane.rules.syntax import Access, Apply, Constant, ForEach, Node
from trackplane.rules.untyped import syntax_of
from trackplane.rules.written import FormatError, Part, parts_of

_WIDTH: Final = 96
_REASONS: Final = {
    "drop": "its errors and NULLs are not those of a condition joined to WHERE",
    "rename": "REPLACE would put a NULL where the old property is missing",
    "mask": "REPLACE would put a NULL where the property is missing",
    "pseudonymise": "REPLACE would put a NULL where the property is missing",
}


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a SELECT; ``columns`` None is ``*``."""

    source: str
    conditions: tuple[Node, ...] = ()
    item: str = ""
    over: Node | None = None
    replace: Mapping[str, Node] = {}
    exclude: tuple[str, ...] = ()
    columns: Mapping[str, Node] | None = None


def query_lines(rule: ir.Rule) -> list[str]:
    """Return the lines of the SELECT that a rule is.

    Raises:
        FormatError: an action of the rule, or their order, has no place in a SELECT.
    """
    nodes: dict[str, Node] = {}

    def text(expression: ir.Expression) -> str:
        node = syntax_of(expression)
        nodes[sql_text(node)] = node
        return sql_text(node)

    where = syntax_of(rule.where) if rule.where is not None else None
    return lines_of(_statement(rule.source, where, parts_of(rule.actions, text), nodes))


def reprinted_query(text: str) -> list[str]:
    """Return the lines of a query that parses, as they should look."""
    query, _ = parse(Excerpt.of(text), None)
    if query is None:
        return text.split("\n")
    items = [action.item.text for action in query.actions if action.item is not None]
    nodes: dict[str, Node] = {}

    def node_of(excerpt: Excerpt) -> str:
        node = _bare(parse_expression(excerpt, items, ANY)[0])
        nodes[sql_text(node)] = node
        return sql_text(node)

    parts = [
        Part(
            kind=action.kind,
            value=node_of(action.value) if action.value is not None else None,
            values={name: node_of(each) for name, each in action.values.items()},
            paths=tuple(action.names) if action.kind == "unset" else (),
            item=action.item.text if action.item is not None else "",
        )
        for action in query.actions
    ]
    if {"set", "unset"} & {part.kind for part in parts}:
        parts = [part for part in parts if part.kind != "keep"]
    where = nodes[node_of(query.where)] if query.where is not None else None
    return lines_of(_statement(query.source.text, where, parts, nodes))


def _bare(node: Node) -> Node:
    """Return a tree without places, so that equal ones are equal."""
    match node:
        case Apply(function=function, args=args):
            return Apply(function, tuple(map(_bare, args)), 0, 0)
        case ForEach(array=array, body=body):
            return ForEach(node.function, _bare(array), node.name, _bare(body), 0, 0)
        case Access(root=root, parts=parts):
            return Access(root, parts, (0,) * len(parts), 0, 0)
        case Constant(value=value):
            return Constant(value, 0, 0)
    return node


def _statement(
    source: str, where: Node | None, parts: Sequence[Part], nodes: Mapping[str, Node]
) -> Statement:
    left = list(parts)
    conditions = _conjuncts(where)
    item, over = "", None
    if left and left[0].kind == "explode":
        explode = left.pop(0)
        item, over = explode.item, nodes[explode.value or ""]
        if left and left[0].kind == "drop":
            of_item = _of_item(nodes[left[0].value or ""], item)
            if of_item is not None:
                left.pop(0)
                conditions += of_item
    kinds = [part.kind for part in left]
    if kinds not in (["select"], ["keep"], ["set"], ["unset"], ["set", "unset"]):
        raise _refusal(kinds)
    values = {part.kind: {name: nodes[text] for name, text in part.values.items()} for part in left}
    return Statement(
        source=source,
        conditions=tuple(conditions),
        item=item,
        over=over,
        replace=values.get("set", {}),
        exclude=tuple(path for part in left for path in part.paths),
        columns=values.get("select"),
    )


def lines_of(statement: Statement) -> list[str]:
    """Return a SELECT as lines."""
    source = name_text(statement.source)
    if statement.over is not None:
        source += f", UNNEST({sql_text(statement.over)}) AS {name_text(statement.item)}"
    lines = [*_select(statement), f"FROM {source}"]
    alone = len(statement.conditions) == 1
    shown = [_operand(condition, alone=alone) for condition in statement.conditions]
    line = "WHERE " + " AND ".join(shown)
    if shown and len(line) > _WIDTH:
        lines += [f"WHERE {shown[0]}", *(f"  AND {each}" for each in shown[1:])]
    elif shown:
        lines.append(line)
    return lines


def _conjuncts(where: Node | None) -> list[Node]:
    if isinstance(where, Apply) and where.function == "and":
        return list(where.args)
    return [] if where is None else [where]


def _operand(condition: Node, *, alone: bool) -> str:
    text = sql_text(condition)
    loose = isinstance(condition, Apply) and condition.function in ("or", "and")
    return f"({text})" if loose and not alone else text


def _of_item(when: Node, item: str) -> list[Node] | None:
    """Return what WHERE says of the item for ``drop: if_(…, False, True)``; None: another drop."""
    if not isinstance(when, Apply) or when.function != "if_":
        return None
    chosen, out, kept = when.args
    turned = (out, kept) == (Constant(False, 0, 0), Constant(True, 0, 0))
    if not turned or not mentions(chosen, item):
        return None
    parts = _conjuncts(chosen)
    return parts if all(mentions(part, item) for part in parts) else [chosen]


def mentions(node: Node, name: str) -> bool:
    """Say whether an expression reads a name."""
    match node:
        case Access(root=root):
            return root == name
        case Apply(args=args):
            return any(mentions(argument, name) for argument in args)
        case ForEach(array=array, body=body):
            return mentions(array, name) or mentions(body, name)
    return False


def _select(statement: Statement) -> list[str]:
    if statement.columns is not None:
        columns = [_column(name, node) for name, node in statement.columns.items()]
        line = "SELECT " + ", ".join(columns)
        if len(line) <= _WIDTH:
            return [line]
        return ["SELECT", *(f"  {each}," for each in columns[:-1]), f"  {columns[-1]}"]
    line = "SELECT *"
    if statement.exclude:
        line += f" EXCLUDE ({', '.join(map(_property, statement.exclude))})"
    if statement.replace:
        shown = (f"{sql_text(n)} AS {_property(path)}" for path, n in statement.replace.items())
        line += f" REPLACE ({', '.join(shown)})"
    return [line]


def _refusal(kinds: Sequence[str]) -> FormatError:
    for kind in kinds:
        if kind not in ("keep", "select", "set", "unset"):
            reason = _REASONS.get(kind, "a SELECT has no place for it")
            return FormatError(f"SQL cannot say the action {kind!r}: {reason}")
    order = ", ".join(kinds)
    return FormatError(f"SQL cannot say the actions {order} in this order")


def _column(name: str, node: Node) -> str:
    last: object = None
    if isinstance(node, Access):
        last = node.parts[-1] if node.parts else node.root
    text = sql_text(node)
    return text if last == name else f"{text} AS {name_text(name)}"


def _property(path: str) -> str:
    root, _, name = path.partition(".")
    return path_text(root, (name,))
