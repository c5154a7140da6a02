"""IR back to a syntax tree, without places: what every front end prints from."""

from __future__ import annotations

from trackplane.rules.ir import Call, Each, Expression, Item, Literal, Path
from trackplane.rules.syntax import Access, Apply, Constant, ForEach, Node
from trackplane.rules.values import format_timestamp


def syntax_of(expression: Expression) -> Node:
    """Return the tree that an expression would be typed from.

    What user functions stood for is there, not their calls; the casts of literals are literals.
    """
    match expression:
        case Literal(value=value, type=type_):
            constant = Constant(value, 0, 0)
            if type_.kind != "timestamp" or not isinstance(value, int):
                return constant
            text = format_timestamp(value)
            shown = constant if text is None else Constant(text, 0, 0)
            return Apply("timestamp", (shown,), 0, 0)
        case Path(root=root, parts=parts):
            if not root:
                return Access(str(parts[0]), (), (), 0, 0)
            return Access(root, parts, (0,) * len(parts), 0, 0)
        case Item(name=name, parts=parts):
            return Access(name, parts, (0,) * len(parts), 0, 0)
        case Each():
            array, body = syntax_of(expression.array), syntax_of(expression.body)
            return ForEach(expression.function, array, expression.name, body, 0, 0)
        case Call():
            args = tuple(syntax_of(argument) for argument in expression.args)
            return Apply(expression.function, args, 0, 0)
