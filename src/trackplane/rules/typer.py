"""Types an expression: a syntax tree to IR, with every finding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import re2

from trackplane.errors import Finding
from trackplane.rules import reference
from trackplane.rules.functions import FUNCTIONS, Failure, Function, Signature
from trackplane.rules.ir import BOOL, FLOAT64, INT64, NULL, STRING, Call, Expression, Literal, Type
from trackplane.rules.scope import Scope, Unknown
from trackplane.rules.source import Excerpt
from trackplane.rules.syntax import Access, Apply, Broken, Constant, Node
from trackplane.rules.values import INT64_MAX

_NEVER_NULL: Final = ("is_null",)
_FOLDED: Final = ("int", "float", "string", "timestamp")
_SILENT: Final = re2.Options()
_SILENT.log_errors = False


class Typer:
    """Types the expressions of one rule; ``findings``, ``reads`` and ``functions`` add up."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.findings: list[Finding] = []
        self.reads: set[str] = set()
        self.functions: set[str] = set()
        self.cost = 0

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
        found = self._scope.resolve(node.root, node.parts)
        if isinstance(found, Unknown):
            end = node.ends[found.part] if node.ends else node.end
            message = f"{node.text}: {found.message}" if found.part else found.message
            self._find(found.code, message, node.start, end, found.hint)
            return None
        self._typer.reads.add(found.reads)
        return found.path

    def _apply(self, node: Apply, *, guarded: bool) -> Expression | None:
        function = FUNCTIONS[node.function]
        visited = [
            self.visit(argument, guarded=guarded or (node.function == "try_" and index == 0))
            for index, argument in enumerate(node.args)
        ]
        args = [argument for argument in visited if argument is not None]
        if len(args) < len(visited):
            return None
        signature = _match(function, [argument.type for argument in args])
        if signature is None:
            self._mismatch(node, function, args)
            return None
        if not self._special(node, args):
            return None
        folded = self._fold(node, function, signature, args)
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
        if node.function == "matches":
            pattern, written = args[1], node.args[1]
            if not isinstance(pattern, Literal):
                message = "the pattern must be a literal"
                self._find("rule_pattern", message, written.start, written.end)
                return False
            try:
                re2.compile(pattern.value, _SILENT)
            except re2.error as error:
                reason = error.args[0] if error.args else ""
                reason = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
                message = f"not an RE2 pattern: {reason}"
                self._find("rule_pattern", message, written.start, written.end)
                return False
        return True

    def _fold(
        self, node: Apply, function: Function, signature: Signature, args: list[Expression]
    ) -> Expression | None:
        """Return the call; or, of a cast of a literal, its value."""
        result = _result(function, signature, args)
        call = Call(node.function, tuple(args), result, _nullable(node.function, args))
        if node.function not in _FOLDED or not isinstance(args[0], Literal):
            return call
        value = reference.evaluate(call, {})
        if isinstance(value, reference.RuleFailure):
            self._find(value.code, f"this always fails: {value.message}", node.start, node.end)
            return None
        return Literal(value, result)

    def _mismatch(self, node: Apply, function: Function, args: Sequence[Expression]) -> None:
        kinds = [argument.type for argument in args]
        given = " and ".join(str(kind) for kind in kinds) or "nothing"
        shown = _shown(function)
        if function.sign is None:
            takes = " or ".join(_written(signature) for signature in function.signatures)
            message = f"{shown} does not take ({', '.join(map(str, kinds))}); it takes {takes}"
        else:
            message = f"{shown} does not take {given}"
        self._find("rule_type", message, node.start, node.end, self._hint(node, args))

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


def _match(function: Function, kinds: Sequence[Type]) -> Signature | None:
    """Return the signature that takes these types, or None."""
    for signature in function.signatures:
        wanted = list(signature.args)
        if wanted[-1] == "…":
            wanted[-1:] = [wanted[-2]] * (len(kinds) - len(wanted) + 1)
        if len(wanted) != len(kinds):
            continue
        generic = [kind for kind, want in zip(kinds, wanted, strict=True) if want == "T"]
        if len({kind.kind for kind in generic if kind != NULL}) > 1:
            continue
        if all(want in ("any", "T", kind.kind) for kind, want in zip(kinds, wanted, strict=True)):
            return signature
    return None


def _result(function: Function, signature: Signature, args: Sequence[Expression]) -> Type:
    if signature.result != "T":
        return Type(signature.result)  # type: ignore[arg-type]
    first = 1 if function.name == "if_" else 0
    kinds = {argument.type for argument in args[first:]} - {NULL}
    if not kinds:
        return NULL
    return kinds.pop() if len(kinds) == 1 else Type(kinds.pop().kind)


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


def _failure(function: str, signature: Signature, args: Sequence[Expression]) -> Failure:
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
