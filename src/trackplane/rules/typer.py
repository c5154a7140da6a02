"""Types an expression: a syntax tree to IR, with every finding."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from trackplane.errors import Finding
from trackplane.rules import inline, reference
from trackplane.rules.definitions import Definitions
from trackplane.rules.functions import FUNCTIONS, FailureClass, Function, Signature, match
from trackplane.rules.inline import Functions
from trackplane.rules.ir import (
    BOOL,
    FLOAT64,
    INT64,
    NULL,
    STRING,
    Call,
    Each,
    Expression,
    Item,
    Literal,
    Type,
)
from trackplane.rules.library import BindError, Environment
from trackplane.rules.python import ROOTS
from trackplane.rules.scope import Scope, Shapes, Unknown, items_of, shapes_of
from trackplane.rules.source import Excerpt
from trackplane.rules.syntax import Access, Apply, Broken, Constant, ForEach, Node
from trackplane.rules.values import INT64_MAX

EACH_COST: Final = 20  # an array of some ten items
_NEVER_NULL: Final = ("is_null",)
_FOLDED: Final = ("int", "float", "string", "timestamp")


class Typer:
    """Types the expressions of one rule; ``findings``, ``reads`` and ``functions`` add up.

    ``known`` is what the nodes have: keys, tables, a geo database (None: take any for granted).
    """

    def __init__(
        self,
        scope: Scope,
        definitions: Definitions | None = None,
        *,
        functions: Functions | None = None,
    ) -> None:
        self.scope = scope
        self.definitions = definitions or Definitions()
        self.user = functions or Functions(self.definitions)
        self.environment = Environment.of(definitions)
        self.uses: set[str] = set()
        self.findings: list[Finding] = []
        self.reads: set[str] = set()
        self.functions: set[str] = set()
        self.cost = 0
        self.items: dict[str, Shapes] = {}  # of the items that may be read now, by name
        self.shapes: dict[Expression, Shapes] = {}

    def shapes_of(self, expression: Expression) -> Shapes:
        """Return what is known of a typed expression's value."""
        return self.shapes.get(expression) or shapes_of(expression.type)

    @contextmanager
    def item(self, name: str, array: Expression) -> Iterator[None]:
        """Let expressions read the items of a typed array under a name, for a while."""
        self.items[name] = items_of(self.shapes_of(array))
        yield
        del self.items[name]

    def type(self, excerpt: Excerpt, node: Node, *, guarded: bool = False) -> Expression | None:
        """Return the typed expression, or None where something was found.

        ``guarded`` lets operations that can fail stand anywhere.
        """
        return _Walk(self, excerpt, self.scope).visit(node, guarded=guarded)


class _Walk:
    def __init__(self, typer: Typer, excerpt: Excerpt, scope: Scope) -> None:
        self._typer = typer
        self._excerpt = excerpt
        self._scope = scope

    def _find(self, code: str, message: str, start: int, end: int, hint: str | None = None) -> None:
        self._typer.findings.append(self._excerpt.finding(code, message, start, end, hint=hint))

    def visit(self, node: Node, *, guarded: bool) -> Expression | None:
        match node:
            case Broken():
                return None
            case Constant():
                return self._constant(node)
            case Access():
                return self._access(node)
            case Apply():
                return self._apply(node, guarded=guarded)
            case ForEach():
                return self._each(node, guarded=guarded)

    def _constant(self, node: Constant) -> Expression | None:
        value = node.value
        if value is None:
            return Literal(None, NULL)
        if isinstance(value, bool):
            return Literal(value, BOOL)
        if isinstance(value, int):
            if value > INT64_MAX:
                self._find("rule_overflow", "a number beyond int64", node.start, node.end)
                return None
            return Literal(value, INT64)
        return Literal(value, FLOAT64 if isinstance(value, float) else STRING)

    def _access(self, node: Access) -> Expression | None:
        if node.root in self._typer.items:
            return self._item(node)
        if node.root not in ROOTS:  # SQL names columns as the lake does
            named = self._scope.column(node.root)
            if isinstance(named, Unknown):
                self._unknown(node, named)
                return None
            root, *parts = named
            ends = (node.end,) * len(parts)
            node = Access(root, tuple(parts), ends, node.start, node.end)
        found = self._scope.resolve(node.root, node.parts)
        if isinstance(found, Unknown):
            self._unknown(node, found)
            return None
        self._typer.reads.add(found.reads)
        self._typer.shapes[found.path] = found.shapes
        return found.path

    def _item(self, node: Access) -> Expression | None:
        found = self._scope.resolve_below(self._typer.items[node.root], node.parts)
        if isinstance(found, Unknown):
            self._unknown(node, found)
            return None
        item = Item(node.root, node.parts, found[0])
        self._typer.shapes[item] = found[1]
        return item

    def _unknown(self, node: Access, found: Unknown) -> None:
        end = node.ends[found.part] if found.part < len(node.ends) else node.end
        message = f"{node.text}: {found.message}" if found.part else found.message
        self._find(found.code, message, node.start, end, found.hint)

    def _each(self, node: ForEach, *, guarded: bool) -> Expression | None:
        array = self.visit(node.array, guarded=guarded)
        if array is None:
            return None
        if array.type.kind != "array":
            message = f"{self._text(node.array)} is {array.type}, not an array"
            self._find("rule_type", message, node.array.start, node.array.end)
            return None
        with self._typer.item(node.name, array):
            body = self.visit(node.body, guarded=guarded)
        if body is None:
            return None
        self._typer.cost += EACH_COST
        if node.function == "map":
            type_ = Type("array", body.type)
            return Each(node.function, array, node.name, body, type_, array.nullable)
        if body.type != BOOL:
            message = f"{self._text(node.body)} is {body.type}; a test of items is bool"
            self._find("rule_type", message, node.body.start, node.body.end)
            return None
        if node.function == "filter":
            each = Each("filter", array, node.name, body, array.type, array.nullable)
            self._typer.shapes[each] = self._typer.shapes_of(array)
            return each
        nullable = array.nullable or body.nullable
        return Each(node.function, array, node.name, body, BOOL, nullable)

    def _user(self, node: Apply, *, guarded: bool) -> Expression | None:
        """Type the call of a user function: its body, with these arguments."""
        name = node.function
        args = [self.visit(argument, guarded=guarded) for argument in node.args]
        function = self._typer.user.typed(name)
        end = node.end if node.name_end is None else node.name_end
        if isinstance(function, tuple):
            self._find("rule_function", f"the function {name!r} is wrong", node.start, end)
            self._typer.findings += function
            return None
        given = [argument for argument in args if argument is not None]
        if len(given) < len(args):
            return None
        types = [type_ for _, type_ in function.parameters]
        fitting = len(types) == len(given) and all(
            argument.type in (type_, NULL)
            or (argument.type.kind == type_.kind and None in (argument.type.item, type_.item))
            for argument, type_ in zip(given, types, strict=True)
        )
        if not fitting:
            kinds = ", ".join(str(argument.type) for argument in given)
            takes = ", ".join(f"{name}: {type_}" for name, type_ in function.parameters)
            message = f"{name}() does not take ({kinds}); it takes ({takes})"
            self._find("rule_type", message, node.start, node.end)
            return None
        if function.can_fail and not guarded:
            hint = f"write try_({self._text(node)}, …) with what to take instead"
            message = f"{name}() can fail on ordinary events"
            self._find("rule_unguarded", message, node.start, node.end, hint)
        self._typer.functions |= function.functions
        self._typer.uses |= function.uses
        self._typer.cost += function.cost
        try:
            return inline.call(function, tuple(given))
        except inline.InlineError as error:
            self._find("rule_limit", str(error), node.start, node.end)
            return None

    def _apply(self, node: Apply, *, guarded: bool) -> Expression | None:
        if node.function in self._typer.user:
            return self._user(node, guarded=guarded)
        function = FUNCTIONS[node.function]
        visited = [
            self.visit(argument, guarded=guarded or (node.function == "try_" and index == 0))
            for index, argument in enumerate(node.args)
        ]
        args = [argument for argument in visited if argument is not None]
        if len(args) < len(visited):
            return None
        found = match(function, args)
        if found is None:
            self._mismatch(node, function, args)
            return None
        signature, result = found
        if not self._special(node, args):
            return None
        call = self._bound(node, function, args, result)
        if call is None:
            return None
        folded = self._fold(node, signature, call)
        if not isinstance(folded, Call):
            return folded
        failure = _failure(node.function, signature, args)
        if failure == "input" and not guarded:
            what = _shown(function)
            hint = f"write try_({self._text(node)}, …) with what to take instead"
            self._find(
                "rule_unguarded", f"{what} can fail on ordinary events", node.start, node.end, hint
            )
        self._typer.functions.add(node.function)
        self._typer.cost += function.cost
        return folded

    def _text(self, node: Node) -> str:
        return " ".join(self._excerpt.text[node.start : node.end].split())

    def _special(self, node: Apply, args: Sequence[Expression]) -> bool:
        """Check what signatures cannot say."""
        if node.function == "in":
            for argument, written in zip(args[1:], node.args[1:], strict=True):
                if not isinstance(argument, Literal) or argument.value is None:
                    hint = "write x == a or x == b"
                    message = "`in` takes literals other than None"
                    self._find("rule_syntax", message, written.start, written.end, hint)
                    return False
        return True

    def _bound(
        self, node: Apply, function: Function, args: Sequence[Expression], result: Type
    ) -> Call | None:
        """Return the call with its result's type; check what literals say by preparing it."""
        environment = self._typer.environment
        try:
            if function.typed is not None:
                result = function.typed(args, environment)
            call = Call(function.name, tuple(args), result)
            if function.make is not None:
                function.make(call, environment)
        except BindError as error:
            written = node.args[min(error.argument, len(node.args) - 1)]
            self._find(error.reason, error.message, written.start, written.end, error.hint)
            return None
        return call

    def _fold(self, node: Apply, signature: Signature, call: Call) -> Expression | None:
        """Return the call; or, of a cast of a literal, its value."""
        nullable = _nullable(node.function, call.args) or signature.null
        call = Call(call.function, call.args, call.type, nullable)
        if node.function not in _FOLDED or not isinstance(call.args[0], Literal):
            return call
        value = reference.evaluate(call, {})
        if isinstance(value, reference.RuleFailure):
            self._find(value.code, f"this always fails: {value.message}", node.start, node.end)
            return None
        return Literal(value, call.type)

    def _mismatch(self, node: Apply, function: Function, args: Sequence[Expression]) -> None:
        kinds = [argument.type for argument in args]
        given = " and ".join(str(kind) for kind in kinds) or "nothing"
        shown = _shown(function)
        if function.sign is None:
            takes = " or ".join(_written(signature) for signature in function.signatures)
            message = f"{shown} does not take ({', '.join(map(str, kinds))}); it takes {takes}"
        else:
            message = f"{shown} does not take {given}"
        hint = self._hint(node, args)
        if match(function, args, literals=False) is not None:
            hint = "what the signature calls literal must be a constant"
        self._find("rule_type", message, node.start, node.end, hint)

    def _hint(self, node: Apply, args: Sequence[Expression]) -> str | None:
        kinds = [argument.type.kind for argument in args]
        texts = [self._text(argument) for argument in node.args]
        if "null" in kinds and node.function in ("eq", "ne"):
            other = texts[1 if kinds[0] == "null" else 0]
            return f"write {other} is {'not ' if node.function == 'ne' else ''}None"
        if {"int64", "float64"} <= set(kinds):
            place = kinds.index("int64")
            argument = args[place]
            if isinstance(argument, Literal):
                return f"there are no implicit casts; write {float(argument.value or 0)!r}"
            return f"there are no implicit casts; write float({texts[place]})"
        if "timestamp" in kinds and len(set(kinds)) > 1:
            return 'write timestamp("2026-01-01T00:00:00Z"), or int(…) for milliseconds'
        if "json" in kinds:
            text = texts[kinds.index("json")]
            return f"read it as a type first: try_(string({text})), int, float or bool"
        if node.function in ("and", "or", "not"):
            return "these take bools; compare first"
        if node.function == "add" and "string" in kinds:
            return "write string(…) around what is no string"
        return None


def _nullable(function: str, args: Sequence[Expression]) -> bool:
    if function in _NEVER_NULL:
        return False
    if function == "coalesce":
        return all(argument.nullable for argument in args)
    if function == "if_":
        return any(argument.nullable for argument in args[1:])
    if function == "try_" and len(args) == 1:
        return True
    return any(argument.nullable for argument in args)


def _failure(function: str, signature: Signature, args: Sequence[Expression]) -> FailureClass:
    if function in ("div", "mod"):
        divisor = args[1]
        if isinstance(divisor, Literal) and isinstance(divisor.value, int | float):
            value = float(divisor.value)
            return "edge" if value != 0 and math.isfinite(value) else "input"
    return signature.failure


def _shown(function: Function) -> str:
    return f"`{function.sign}`" if function.sign is not None else f"{function.name}()"


def _written(signature: Signature) -> str:
    return f"({', '.join(signature.args)})"
