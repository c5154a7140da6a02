"""Syntax trees and IR as Python text: parsing the text gives the same again."""

from __future__ import annotations

import json
import keyword
import unicodedata
from typing import Final

from trackplane.rules.functions import FUNCTIONS
from trackplane.rules.ir import Expression
from trackplane.rules.syntax import Access, Apply, Broken, Constant, ForEach, Node
from trackplane.rules.untyped import syntax_of

_CHOICE, _OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _UNARY, _ATOM = range(9)
_STRENGTHS: Final = {
    "+": _SUM,
    "-": _SUM,
    "*": _PRODUCT,
    "/": _PRODUCT,
    "%": _PRODUCT,
}


def text_of(expression: Expression) -> str:
    """Return an expression as Python text, for errors and people.

    Parsing and checking the text gives the same expression again.
    """
    return python_text(syntax_of(expression))


def python_text(node: Node) -> str:
    """Return a syntax tree as Python text on one line."""
    return _text(node, 0)


def _text(node: Node, outer: int) -> str:
    match node:
        case Constant(value=value):
            return _constant_text(value)
        case Access():
            return node.root + _steps(node.parts)
        case ForEach():
            return _each_text(node)
        case Apply():
            text, own = _apply_text(node)
            return f"({text})" if own < outer else text
        case Broken():
            return "None"


def _constant_text(value: str | float | None) -> str:
    if not isinstance(value, str):
        return repr(value)
    if value.isprintable():
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=True) if value.isascii() else repr(value)


def _steps(parts: tuple[str | int, ...]) -> str:
    text = ""
    for part in parts:
        plain = (
            isinstance(part, str)
            and part.isidentifier()
            and not keyword.iskeyword(part)
            and unicodedata.is_normalized("NFKC", part)
        )
        key = part if isinstance(part, int) else _constant_text(part)
        text += f".{part}" if plain else f"[{key}]"
    return text


def _each_text(each: ForEach) -> str:
    body, array, condition = _text(each.body, _CHOICE), each.array, ""
    if each.function != "filter":
        filtered = isinstance(array, ForEach) and array.function == "filter"
        if filtered and isinstance(array, ForEach) and array.name == each.name:
            condition = f" if {_text(array.body, _OR)}"
            array = array.array
    else:
        body, condition = each.name, f" if {_text(each.body, _OR)}"
    loop = f"{body} for {each.name} in {_text(array, _OR)}{condition}"
    return f"{each.function}({loop})" if each.function in ("any", "all") else f"[{loop}]"


def _apply_text(node: Apply) -> tuple[str, int]:
    """Return a call's text and how strongly its outermost operator binds."""
    args = node.args
    match node.function:
        case "and" | "or" as word:
            own = _AND if word == "and" else _OR
            return f" {word} ".join(_text(argument, own + 1) for argument in args), own
        case "not":
            return _not_text(args[0])
        case "in":
            return f"{_text(args[0], _SUM)} in ({_list(args[1:])})", _COMPARISON
        case "is_null" if len(args) == 1:
            return f"{_text(args[0], _SUM)} is None", _COMPARISON
        case "neg":
            text = _text(args[0], _ATOM)
            return (f"-({text})" if text.startswith("-") else f"-{text}"), _UNARY
        case "if_" if len(args) == 3:
            condition, then = _text(args[0], _OR), _text(args[1], _OR)
            return f"{then} if {condition} else {_text(args[2], _CHOICE)}", _CHOICE
    known = FUNCTIONS.get(node.function)
    sign = known.sign if known is not None else None
    if sign is None or len(args) != 2:
        return f"{node.function}({', '.join(_text(each, _CHOICE) for each in args)})", _ATOM
    own = _STRENGTHS.get(sign, _COMPARISON)
    left = own + (own == _COMPARISON)  # comparisons would chain
    return f"{_text(args[0], left)} {sign} {_text(args[1], own + 1)}", own


def _list(nodes: tuple[Node, ...]) -> str:
    """Return the items of a Python tuple."""
    return ", ".join(_text(node, _CHOICE) for node in nodes) + ("," if len(nodes) == 1 else "")


def _not_text(inner: Node) -> tuple[str, int]:
    if isinstance(inner, Apply) and inner.function == "in":
        text = f"{_text(inner.args[0], _SUM)} not in ({_list(inner.args[1:])})"
        return text, _COMPARISON
    if isinstance(inner, Apply) and inner.function == "is_null" and len(inner.args) == 1:
        return f"{_text(inner.args[0], _SUM)} is not None", _COMPARISON
    return f"not {_text(inner, _NOT)}", _NOT
