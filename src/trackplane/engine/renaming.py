"""Rewrites of expressions: names of items, and paths to properties that were set before."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from trackplane.rules.ir import Call, Each, Expression, Item, Path


def renamed(expression: Expression, old: str, new: str) -> Expression:
    """Return an expression whose items called ``old`` are called ``new``."""
    match expression:
        case Item(name=name) if name == old:
            return msgspec.structs.replace(expression, name=new)
        case Each(name=name, array=array, body=body):
            array = renamed(array, old, new)
            if name != old:  # an inner one of the same name hides it
                body = renamed(body, old, new)
            return msgspec.structs.replace(expression, array=array, body=body)
        case Call(args=args):
            changed = tuple(renamed(argument, old, new) for argument in args)
            return (
                expression if changed == args else msgspec.structs.replace(expression, args=changed)
            )
    return expression


def with_paths(expression: Expression, replace: Callable[[Path], Expression | None]) -> Expression:
    """Return an expression with some of its paths replaced by what ``replace`` gives."""
    match expression:
        case Path():
            found = replace(expression)
            return expression if found is None else found
        case Each(array=array, body=body):
            return msgspec.structs.replace(
                expression, array=with_paths(array, replace), body=with_paths(body, replace)
            )
        case Call(args=args):
            return msgspec.structs.replace(
                expression, args=tuple(with_paths(argument, replace) for argument in args)
            )
    return expression
