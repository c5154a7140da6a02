"""Says what a rule is to the engine: typed expressions, reads, writes, failures, cost and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from trackplane.rules.functions import FUNCTIONS
from trackplane.rules.ir import (
    Action,
    Call,
    Drop,
    Each,
    Explode,
    Expression,
    Item,
    Keep,
    Literal,
    Path,
    Route,
    Rule,
    Sample,
    Script,
    Select,
    Set,
    Unset,
    targets,
    walk,
)
from trackplane.rules.printing import text_of
from trackplane.rules.typer import EACH_COST

_UNIT_NS: Final = 30  # of generated Python, for one unit of cost


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """One expression: where it stands, its text, its type and whether it can be NULL."""

    place: str
    text: str
    type: str
    nullable: bool


class FailurePoint(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can fail on an event, and with which code; ``caught`` by a ``try_`` around it."""

    place: str
    text: str
    codes: tuple[str, ...]
    caught: bool = False


class CostTerm(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the cost: ``units`` of about 30 ns, and why."""

    text: str
    units: int
    why: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a rule without its engine.

    ``ir`` is the IR's tree as indented text; ``cost`` the sum of ``terms`` for an event on which
    everything is evaluated.
    """

    rule: str
    events: tuple[str, ...] | None
    targets: tuple[str, ...]
    expressions: tuple[Typed, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    uses: tuple[str, ...]
    failures: tuple[FailurePoint, ...]
    terms: tuple[CostTerm, ...]
    cost: int
    ir: str

    def text(self) -> str:
        """Return all of it for people."""
        events = "all events" if self.events is None else ", ".join(self.events)
        lines = [f"rule {self.rule}: {events} -> {', '.join(self.targets)}", "", self.ir, ""]
        lines += ["types"]
        lines += [
            f"  {e.place}: {e.type}{' or NULL' if e.nullable else ''}  {e.text}"
            for e in self.expressions
        ]
        for name, found in (("reads", self.reads), ("writes", self.writes), ("uses", self.uses)):
            lines += ["", f"{name}: {', '.join(found) or 'nothing'}"]
        lines += ["", "can fail"]
        lines += [
            f"  {f.place}: {f.text} ({', '.join(f.codes)}{'; caught' if f.caught else ''})"
            for f in self.failures
        ] or ["  nothing"]
        lines += ["", f"cost: {self.cost}, about {self.cost * _UNIT_NS} ns an event that matches"]
        lines += [f"  {term.units:>5}  {term.text}: {term.why}" for term in self.terms]
        return "\n".join(lines) + "\n"


def explain(rule: Rule) -> Explanation:
    """Return what is known of a rule without its engine."""
    placed = list(_placed(rule))
    terms = [term for place, top in placed for term in _terms(place, top)]
    return Explanation(
        rule=rule.name,
        events=rule.events,
        targets=targets(rule),
        expressions=tuple(
            Typed(place=place, text=text_of(top), type=str(top.type), nullable=top.nullable)
            for place, top in placed
        ),
        reads=rule.reads,
        writes=rule.writes,
        uses=rule.uses,
        failures=tuple(point for place, top in placed for point in _failures(place, top)),
        terms=tuple(terms),
        cost=sum(term.units for term in terms),
        ir="\n".join(_tree(rule)),
    )


def _placed(rule: Rule) -> Iterator[tuple[str, Expression]]:
    if rule.where is not None:
        yield "where", rule.where
    for number, action in enumerate(rule.actions, start=1):
        for name, value in _parts(action):
            yield f"{number} {name}", value


def _parts(action: Action) -> Iterator[tuple[str, Expression]]:
    match action:
        case Drop(when=when):
            yield "drop", when
        case Sample(key=key):
            yield "sample", key
        case Explode(over=over):
            yield "explode", over
        case Route(by=by):
            yield "route", by
        case Set(values=values):
            for value in values:
                yield f"set {value.root}.{value.name}", value.value
        case Select(columns=columns):
            for column in columns:
                yield f"select {column.name}", column.value


def _failures(place: str, top: Expression, *, caught: bool = False) -> Iterator[FailurePoint]:
    match top:
        case Path() | Item() if _checked(top):
            yield FailurePoint(place=place, text=text_of(top), codes=("rule_type",), caught=caught)
        case Call():
            codes = _codes(top)
            if codes:
                yield FailurePoint(place=place, text=text_of(top), codes=codes, caught=caught)
            for index, argument in enumerate(top.args):
                inside = caught or (top.function == "try_" and index == 0)
                yield from _failures(place, argument, caught=inside)
        case Each():
            yield from _failures(place, top.array, caught=caught)
            yield from _failures(place, top.body, caught=caught)


def _checked(path: Path | Item) -> bool:
    """Say whether reading can fail: what the platform stamps cannot, json takes any value."""
    return path.nullable and (path.type.kind != "json" or len(path.parts) > 1)


def _codes(call: Call) -> tuple[str, ...]:
    kinds = [argument.type.kind for argument in call.args]
    for signature in FUNCTIONS[call.function].signatures:
        if len(signature.args) == len(kinds) and list(signature.args) == kinds:
            if signature.failure == "never":
                return ()
            break
    else:
        failures = {signature.failure for signature in FUNCTIONS[call.function].signatures}
        if failures == {"never"}:
            return ()
    if call.function in ("div", "mod"):
        return ("rule_zero_divisor", "rule_overflow")
    casts = ("string" in kinds or "json" in kinds) and call.function not in ("add", "string")
    return ("rule_cast",) if casts else ("rule_overflow",)


def _terms(place: str, top: Expression) -> Iterator[CostTerm]:
    for node in walk(top):
        if isinstance(node, Call):
            function = FUNCTIONS[node.function]
            count = len(node.args) - 1 if node.function in ("and", "or") else 1
            why = f"{function.name} in {place}"
            if function.cost:
                yield CostTerm(text=_short(node), units=function.cost * count, why=why)
        elif isinstance(node, Each):
            why = f"{node.function} over an array of some ten items in {place}"
            yield CostTerm(text=_short(node), units=EACH_COST, why=why)


def _short(node: Expression) -> str:
    text = text_of(node)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _tree(rule: Rule) -> Iterator[str]:
    if rule.where is not None:
        yield "where"
        yield from _node(rule.where, 1)
    for number, action in enumerate(rule.actions, start=1):
        yield f"{number} {_head(action)}"
        for name, value in _parts(action):
            yield f"  {name}"
            yield from _node(value, 2)


def _head(action: Action) -> str:
    match action:
        case Sample(rate=rate):
            return f"sample {rate}"
        case Unset(paths=paths):
            return f"unset {', '.join(paths)}"
        case Explode(name=name):
            return f"explode as {name}"
        case Route(targets=to):
            return f"route {', '.join(f'{value!r} -> {dataset}' for value, dataset in to)}"
        case Script(name=name):
            return f"script {name}"
        case Keep():
            return "keep"
    return type(action).__name__.lower()


def _node(node: Expression, depth: int) -> Iterator[str]:
    space, null = "  " * depth, "?" if node.nullable else ""
    match node:
        case Literal() | Path() | Item():
            yield f"{space}{type(node).__name__.lower()} {text_of(node)}: {node.type}{null}"
        case Call():
            yield f"{space}{node.function}: {node.type}{null}"
            if len(node.args) > 20 and all(isinstance(a, Literal) for a in node.args[1:]):
                yield from _node(node.args[0], depth + 1)
                yield f"{space}  {len(node.args) - 1} literals"
                return
            for argument in node.args:
                yield from _node(argument, depth + 1)
        case Each():
            yield f"{space}{node.function} for {node.name} in: {node.type}{null}"
            yield from _node(node.array, depth + 1)
            yield from _node(node.body, depth + 1)
