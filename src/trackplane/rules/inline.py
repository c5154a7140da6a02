"""User-defined functions: typed once, then put in place of their calls.

A call becomes the function's body with the arguments in place of the parameters. An argument that
the body reads twice is the same node twice, which back ends compute once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from trackplane.errors import Finding
from trackplane.rules import python
from trackplane.rules.definitions import Definitions
from trackplane.rules.functions import FUNCTIONS
from trackplane.rules.ir import (
    NULL,
    Call,
    Each,
    Expression,
    Item,
    Literal,
    Path,
    Type,
    TypeKind,
    UserFunction,
)
from trackplane.rules.scope import Resolved, Scope, Unknown, shapes_of
from trackplane.rules.source import Excerpt

MAX_PARAMETERS: Final = 20
MAX_NODES: Final = 10_000  # of an expression with its functions' bodies
_TYPE: Final = re.compile(r"(array|map)<(.+)>")
_KINDS: Final[dict[str, TypeKind]] = {
    "string": "string",
    "int64": "int64",
    "float64": "float64",
    "bool": "bool",
    "timestamp": "timestamp",
    "json": "json",
    "array": "array",
    "map": "map",
    "object": "object",
}


class TypedFunction(msgspec.Struct, frozen=True, kw_only=True):
    """A function ready to be put in place: its body reads parameters as items of their names.

    ``can_fail`` says that something in the body fails by input and is not caught there.
    ``functions`` and ``uses`` are the names it brings with it, the user functions it calls included.
    """

    name: str
    parameters: tuple[tuple[str, Type], ...]
    result: Type
    body: Expression
    can_fail: bool
    cost: int
    functions: frozenset[str]
    uses: frozenset[str]


class InlineError(ValueError):
    """A call cannot be replaced by the body: ``str()`` says why."""


def type_of(text: str) -> Type | None:
    """Return the type a text such as ``array<string>`` names, or None.

    >>> str(type_of("map<int64>"))
    'map<int64>'
    """
    text = text.strip()
    if text in _KINDS:
        return Type(_KINDS[text])
    found = _TYPE.fullmatch(text)
    if found is None or text.count("<") > 4:
        return None
    item = type_of(found[2])
    return None if item is None else Type(_KINDS[found[1]], item)


class Functions:
    """The user functions of some definitions, each typed when first called."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._typed: dict[str, TypedFunction | tuple[Finding, ...]] = {}
        self._open: list[str] = []

    def __contains__(self, name: str) -> bool:
        return name not in FUNCTIONS and name in self._definitions.functions

    def typed(self, name: str) -> TypedFunction | tuple[Finding, ...]:
        """Return a function, or what is wrong with it: its places are in its own file."""
        if name not in self._typed:
            function = self._definitions.functions[name]
            body = Excerpt.of(function.body, f"function {name}")
            self._typed[name] = self.check(function, body)
        return self._typed[name]

    def check(self, function: UserFunction, body: Excerpt) -> TypedFunction | tuple[Finding, ...]:
        """Type a function whose body stands at a place."""
        from trackplane.rules.typer import Typer  # noqa: PLC0415 - a typer types calls by this

        if function.name in self._open:
            chain = " -> ".join([*self._open[self._open.index(function.name) :], function.name])
            hint = "a function may call others, not itself"
            return (
                body.finding("rule_cycle", f"the functions call one another: {chain}", hint=hint),
            )
        parameters = tuple((name, type_of(text)) for name, text in function.parameters.items())
        result = type_of(function.result)
        node, findings = python.parse(body, function.parameters, self._definitions.functions)
        scope = _Parameters(list(function.parameters))
        typer = Typer(scope, self._definitions, functions=self)
        for name, type_ in parameters:
            typer.items[name] = shapes_of(type_ or NULL)
        self._open.append(function.name)
        try:
            value = typer.type(body, node)
        finally:
            self._open.pop()
        unguarded = [f for f in typer.findings if f.code == "rule_unguarded"]
        findings += [f for f in typer.findings if f.code != "rule_unguarded"]
        if value is not None and value.type not in (result, NULL):
            message = f"the body is {value.type}, the function returns {function.result}"
            findings.append(body.finding("rule_type", message))
        if findings or value is None or result is None:
            return tuple(findings)
        return TypedFunction(
            name=function.name,
            parameters=tuple((name, type_) for name, type_ in parameters if type_ is not None),
            result=result,
            body=value,
            can_fail=bool(unguarded),
            cost=typer.cost,
            functions=frozenset(typer.functions),
            uses=frozenset((*typer.uses, f"function:{function.name}@{function.version}")),
        )


class _Parameters(Scope):
    """What a function's body sees: its parameters, not the event."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(None)
        self._names = names

    def resolve(self, root: str, parts: tuple[str | int, ...]) -> Resolved | Unknown:
        """Refuse every path of the event."""
        path = ".".join(str(part) for part in (root, *parts))
        hint = f"add a parameter, and give it {path} in the call"
        known = ", ".join(self._names) or "none"
        message = f"a function reads its parameters only ({known}), not {path}"
        return Unknown("rule_name", message, 0, hint)


def call(function: TypedFunction, arguments: tuple[Expression, ...]) -> Expression:
    """Return a function's body with arguments in place of its parameters.

    Raises:
        InlineError: the result is too large, or a part of a computed argument is read.
    """
    given: dict[str, Expression] = {}
    for (name, type_), argument in zip(function.parameters, arguments, strict=True):
        null = isinstance(argument, Literal) and argument.value is None
        given[name] = Literal(None, type_) if null else argument
    free = {name for argument in arguments for name in _free(argument)}
    replaced = _Replacer(free).replace(function.body, given)
    if size(replaced) > MAX_NODES:
        message = f"with its functions' bodies this has more than {MAX_NODES} parts"
        raise InlineError(message)
    return replaced


class _Replacer:
    def __init__(self, free: set[str]) -> None:
        self._free = free
        self._held: dict[tuple[int, int], Expression] = {}
        self._kept: list[object] = []  # what `_held` knows by identity must not go away

    def replace(self, node: Expression, given: Mapping[str, Expression]) -> Expression:
        key = (id(node), id(given))
        if key not in self._held:
            self._kept.append(given)
            self._held[key] = self._replaced(node, given)
        return self._held[key]

    def _replaced(self, node: Expression, given: Mapping[str, Expression]) -> Expression:
        match node:
            case Item(name=name) if name in given:
                return _part(given[name], node)
            case Call():
                args = tuple(self.replace(argument, given) for argument in node.args)
                return msgspec.structs.replace(node, args=args)
            case Each():
                array, name = self.replace(node.array, given), node.name
                below = dict(given)
                if name in self._free:  # an argument reads an outer item of this name
                    name = next(n for n in _names(node.name) if n not in self._free)
                    item = Item(name, (), Type("json"))
                    below[node.name] = item
                body = self.replace(node.body, below)
                return msgspec.structs.replace(node, array=array, name=name, body=body)
        return node


def _names(name: str) -> Iterator[str]:
    yield from (f"{name}{number}" for number in range(2, 1_000))


def _part(argument: Expression, item: Item) -> Expression:
    """Return the part of an argument that a body reads."""
    if isinstance(argument, Path | Item):
        if not item.parts and not (isinstance(argument, Item) and argument.type.kind == "json"):
            return argument
        parts = (*argument.parts, *item.parts)
        return msgspec.structs.replace(argument, parts=parts, type=item.type, nullable=True)
    if item.parts:
        message = f"the function reads a part of {item.name!r}: give it a property, not a result"
        raise InlineError(message)
    return argument


def _free(expression: Expression) -> set[str]:
    match expression:
        case Item(name=name):
            return {name}
        case Call(args=args):
            return {name for argument in args for name in _free(argument)}
        case Each(array=array, name=name, body=body):
            return _free(array) | (_free(body) - {name})
    return set()


def size(expression: Expression, known: dict[int, int] | None = None) -> int:
    """Return how many parts an expression has, written out; shared ones are counted each time."""
    known = {} if known is None else known
    found = known.get(id(expression))
    if found is None:
        below: tuple[Expression, ...] = ()
        if isinstance(expression, Call):
            below = expression.args
        elif isinstance(expression, Each):
            below = (expression.array, expression.body)
        found = known[id(expression)] = 1 + sum(size(part, known) for part in below)
    return found
