"""Prints IR as Python text, for errors and people."""

from __future__ import annotations

import keyword
from typing import Final

from trackplane.rules.functions import FUNCTIONS
from trackplane.rules.ir import Call, Each, Expression, Item, Literal, Path


def text_of(expression: Expression) -> str:
    """Return an expression as Python text, for errors and people.

    Parsing and checking the text gives the same expression again.
    """
    return _text(expression, 0)


_STRENGTH: Final = {"or": 1, "and": 2, "not": 3, "in": 4}
_STRENGTH_SIGN: Final = {"+": 5, "-": 5, "*": 6, "/": 6, "%": 6}


def _text(expression: Expression, outer: int) -> str:
    if isinstance(expression, Literal):
        if expression.type.kind == "timestamp":
            return f"timestamp({expression.value})"
        return repr(expression.value)
    if isinstance(expression, Path):
        if not expression.root:
            return str(expression.parts[0])
        return expression.root + _steps(expression.parts)
    if isinstance(expression, Item):
        return expression.name + _steps(expression.parts)
    if isinstance(expression, Each):
        return _each_text(expression)
    return _call_text(expression, outer)


def _steps(parts: tuple[str | int, ...]) -> str:
    text = ""
    for part in parts:
        plain = isinstance(part, str) and part.isidentifier() and not keyword.iskeyword(part)
        text += f".{part}" if plain else f"[{part!r}]"
    return text


def _filters(array: Each, each: Each) -> bool:
    """Say whether an array is filtered in the comprehension that reads it."""
    return (array.function, array.name) == ("filter", each.name) and each.function != "filter"


def _each_text(each: Each) -> str:
    body, array, condition = _text(each.body, 1), each.array, ""
    if isinstance(array, Each) and _filters(array, each):
        condition = f" if {_text(array.body, 1)}"
        array = array.array
    if each.function == "filter":
        body, condition = each.name, f" if {body}"
    loop = f"{body} for {each.name} in {_text(array, 1)}{condition}"
    return f"{each.function}({loop})" if each.function in ("any", "all") else f"[{loop}]"


def _call_text(call: Call, outer: int) -> str:
    sign = FUNCTIONS[call.function].sign
    if sign is None:
        return f"{call.function}({', '.join(_text(argument, 0) for argument in call.args)})"
    own = 7 if call.function == "neg" else _STRENGTH.get(sign) or _STRENGTH_SIGN.get(sign, 4)
    if call.function == "neg":
        text = f"-{_text(call.args[0], 8)}"
    elif call.function == "not":
        text = f"not {_text(call.args[0], own)}"
    elif call.function == "in":
        items = ", ".join(_text(item, 0) for item in call.args[1:])
        text = f"{_text(call.args[0], own + 1)} in ({items},)"
    elif call.function in ("and", "or"):
        text = f" {sign} ".join(_text(argument, own + 1) for argument in call.args)
    else:
        left = own + (own == _STRENGTH["in"])  # comparisons would chain
        text = f"{_text(call.args[0], left)} {sign} {_text(call.args[1], own + 1)}"
    return f"({text})" if own < outer else text
