"""Syntax trees as SQL text: parsing the text gives the same tree."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from trackplane.rules.sql.names import CASTS, COUNTED_FROM_ONE, QUANTIFIER_NAMES, is_reserved
from trackplane.rules.syntax import Access, Apply, Broken, Constant, ForEach, Node

_OR, _AND, _NOT, _COMPARISON, _CONCAT, _SUM, _PRODUCT, _UNARY, _ATOM = range(1, 10)
_SIGNS: Final = {
    "eq": ("=", _COMPARISON),
    "ne": ("<>", _COMPARISON),
    "lt": ("<", _COMPARISON),
    "le": ("<=", _COMPARISON),
    "gt": (">", _COMPARISON),
    "ge": (">=", _COMPARISON),
    "add": ("+", _SUM),
    "sub": ("-", _SUM),
    "mul": ("*", _PRODUCT),
    "div": ("/", _PRODUCT),
    "mod": ("%", _PRODUCT),
}
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def sql_text(node: Node) -> str:
    """Return an expression as SQL text on one line."""
    return _text(node, 0)


def name_text(name: str) -> str:
    """Return a name as SQL writes it, in quotes where it needs them.

    >>> name_text("total"), name_text("where"), name_text('a"b')
    ('total', '"where"', '"a""b"')
    """
    if _PLAIN.fullmatch(name) and not is_reserved(name):
        return name
    return '"' + name.replace('"', '""') + '"'


def path_text(root: str, parts: Iterable[str | int]) -> str:
    """Return a path as SQL writes it."""
    text = name_text(root)
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{name_text(part)}" if part else "['']"
    return text


def _text(node: Node, outer: int) -> str:
    match node:
        case Constant():
            return constant_text(node.value)
        case Access():
            return path_text(node.root, node.parts)
        case ForEach():
            array, body = _text(node.array, 0), _text(node.body, 0)
            name = QUANTIFIER_NAMES[node.function]
            return f"{name}({array}, {name_text(node.name)} -> {body})"
        case Apply():
            text, own = _apply_text(node)
            return f"({text})" if own < outer else text
        case Broken():
            return "NULL"


def constant_text(value: str | float | None) -> str:  # a bool too
    """Return a literal as SQL text."""
    if value is None or isinstance(value, bool):
        return {None: "NULL", True: "TRUE", False: "FALSE"}[value]
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def _apply_text(node: Apply) -> tuple[str, int]:
    """Return a call's text and how strongly its outermost operator binds."""
    args = node.args
    match node.function:
        case "and" | "or" as word:
            own = _AND if word == "and" else _OR
            return f" {word.upper()} ".join(_text(argument, own + 1) for argument in args), own
        case "not":
            return _not_text(args[0])
        case "in":
            return f"{_text(args[0], _CONCAT)} IN ({_list(args[1:])})", _COMPARISON
        case "is_null" if len(args) == 1:
            return f"{_text(args[0], _CONCAT)} IS NULL", _COMPARISON
        case "neg":
            text = _text(args[0], _UNARY)
            return (f"-({text})" if text.startswith("-") else f"-{text}"), _UNARY
        case "concat" if len(args) > 1:
            return " || ".join(_text(argument, _SUM) for argument in args), _CONCAT
        case "if_" if len(args) == 3:
            return _case_text(node), _ATOM
        case "try_" if len(args) == 1 and isinstance(args[0], Apply) and args[0].function in CASTS:
            return f"TRY_{_cast_text(args[0])}", _ATOM
        case "substr" | "split_part" if len(args) > COUNTED_FROM_ONE[node.function]:
            shown = [_text(argument, 0) for argument in args]
            counted = COUNTED_FROM_ONE[node.function]
            shown[counted] = _from_one(args[counted])
            return f"{node.function}({', '.join(shown)})", _ATOM
        case function if function in CASTS and len(args) == 1:
            return _moment_text(node) or _cast_text(node), _ATOM
        case function if function in _SIGNS and len(args) == 2:
            sign, own = _SIGNS[function]
            left = own + (own == _COMPARISON)  # comparisons do not chain
            return f"{_text(args[0], left)} {sign} {_text(args[1], own + 1)}", own
    return f"{node.function}({_list(args)})", _ATOM


def _list(nodes: Iterable[Node]) -> str:
    return ", ".join(_text(node, 0) for node in nodes)


def _not_text(inner: Node) -> tuple[str, int]:
    if isinstance(inner, Apply) and inner.function == "in":
        return (
            f"{_text(inner.args[0], _CONCAT)} NOT IN ({_list(inner.args[1:])})",
            _COMPARISON,
        )
    if isinstance(inner, Apply) and inner.function == "is_null" and len(inner.args) == 1:
        return f"{_text(inner.args[0], _CONCAT)} IS NOT NULL", _COMPARISON
    return f"NOT {_text(inner, _NOT)}", _NOT


def _case_text(node: Node) -> str:
    text = "CASE"
    while isinstance(node, Apply) and node.function == "if_" and len(node.args) == 3:
        condition, value, node = node.args
        text += f" WHEN {_text(condition, 0)} THEN {_text(value, 0)}"
    if not (isinstance(node, Constant) and node.value is None):
        text += f" ELSE {_text(node, 0)}"
    return f"{text} END"


def _cast_text(node: Apply) -> str:
    return f"CAST({_text(node.args[0], 0)} AS {CASTS[node.function]})"


def _moment_text(node: Apply) -> str | None:
    value = node.args[0].value if isinstance(node.args[0], Constant) else None
    if node.function == "timestamp" and isinstance(value, str):
        return f"TIMESTAMP {constant_text(value)}"
    return None


def _from_one(start: Node) -> str:
    """Return an argument that the language counts from 0 as SQL does, from 1."""
    if isinstance(start, Constant) and type(start.value) is int and 0 <= start.value < 2**62:
        return str(start.value + 1)
    if isinstance(start, Apply) and start.function == "sub":
        first, second = start.args
        if isinstance(second, Constant) and type(second.value) is int and second.value == 1:
            plain = isinstance(first, Constant)
            added = isinstance(first, Apply) and first.function == "add"
            if not plain and not added:
                return _text(first, 0)
    return f"{_text(start, _SUM)} + 1"
