"""From the IR to Python: one function for a bucket of rules, run on each decoded event.

No text of a user reaches the source: names, literals and patterns go in through the namespace, and
the source is made of numbered variables only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from trackplane.engine import values
from trackplane.engine.conditions import Guard, conjuncts
from trackplane.engine.demand import Demand, Mode, demand_of
from trackplane.engine.directory import Directory
from trackplane.engine.expressions import Expressions
from trackplane.engine.guards import Guarded, Guards
from trackplane.engine.kept import KeptRules
from trackplane.engine.outputs import Batch
from trackplane.engine.pipeline import Pipeline
from trackplane.engine.source import GenerateError, Source, compiled
from trackplane.rules.ir import BOOL, Call, Expression, Path, Rule
from trackplane.rules.library.environment import NOTHING, Environment

__all__ = ["GenerateError", "Runner", "source_of"]


Run = Callable[..., None]  # of an event, its number and, of the modes that have them, its header


class Runner:
    """Some rules, compiled: a function for each mode of events, made when it is first needed."""

    def __init__(
        self, rules: KeptRules, demand: Demand, environment: Environment = NOTHING
    ) -> None:
        """Compile the rules for the most usual mode.

        Raises:
            GenerateError: a rule has something that this engine cannot run.
        """
        self._kept = rules
        self._demand = demand
        self._environment = environment
        self._functions: dict[Mode, Callable[[Directory, Batch], Run]] = {}
        self._function("bare")

    def bind(self, mode: Mode, batch: Batch) -> Run:
        """Return what runs the rules over an event of one mode; it writes to a batch."""
        function = self._functions.get(mode) or self._function(mode)
        return function(batch.directory, batch)

    def _function(self, mode: Mode) -> Callable[[Directory, Batch], Run]:
        text, constants = _generate(self._kept.decoded(), self._demand, mode, self._environment)
        function = self._functions[mode] = compiled(text, constants, _GLOBALS)
        return function


# What generated code finds besides its constants.
_GLOBALS: Final[dict[str, Any]] = {
    "F": values.Failure,
    "M": memoryview,
    "UNSET": msgspec.UNSET,
    "TYPE": values.TYPE,
    "LOW": -(1 << 63),
    "HIGH": 1 << 63,
}


def source_of(rule: Rule, environment: Environment = NOTHING) -> str:
    """Return the Python generated for a rule alone, with its constants' values as comments.

    Raises:
        GenerateError: it has something that this engine cannot run.
    """
    text, constants = _generate([rule], demand_of([rule]), "bare", environment)
    legend = [
        f"# {name} = {value!r}"
        if isinstance(value, str | int | float | frozenset)
        else f"# {name}: {getattr(value, '__name__', type(value).__name__)}"
        for name, value in constants.items()
    ]
    return "\n".join([*legend, text])


def _generate(
    rules: Sequence[Rule], demand: Demand, mode: Mode, environment: Environment
) -> tuple[str, dict[str, Any]]:
    source = Source()
    _Body(rules, demand, mode, source, environment).emit()
    return source.text("run(e, p)" if mode == "bare" else "run(e, p, h)"), source.constants


class _Body:
    """What is done with an event."""

    def __init__(
        self,
        rules: Sequence[Rule],
        demand: Demand,
        mode: Mode,
        source: Source,
        environment: Environment,
    ) -> None:
        self._rules = rules
        self._source = source
        self._expressions = Expressions(source, demand, mode, environment)
        self._guards = Guards(source, self._sure)
        alike = Counter((rule.actions, rule.target) for rule in rules)
        shared = (key for key, count in alike.items() if count > 1)
        # By what rules do: the variable that holds the names of those that matched.
        self._hits = {key: f"hits{number}" for number, key in enumerate(shared)}

    def _sure(self, path: Path) -> str | None:
        """Return the variable of a path that is never an ERROR in this mode, read here; else None."""
        mark = self._source.mark()
        with self._source.scope():
            value = self._expressions.emit(path)
        self._source.back(mark)
        return None if value.error else self._expressions.emit(path).atom

    def emit(self) -> None:
        members = [self._guards.member(rule, conjuncts(rule)) for rule in self._rules]
        self._guards.read(members)
        # What several rules without a guard compute is computed once.
        counted: Counter[Expression] = Counter()
        for member in members:
            if not self._guards.of(member):
                counted.update(set(member.parts))
        for shared in (node for node, count in counted.items() if count > 1):
            self._expressions.emit(shared)
        for hits in self._hits.values():
            self._source.line(f"{hits} = ()")
        plain = []
        for member in members:
            guards = self._guards.of(member)
            rest = self._guards.rest(member)
            if rest and self._can_fail(rest):
                self._carefully(member.rule, member.parts, guards)
            else:
                plain.append(Guarded(member.rule, guards, rest))
        self._guards.tree(plain, self._matched)
        for key, hits in self._hits.items():
            self._source.line(f"if {hits}:")
            with self._source.block():
                alike = [rule for rule in self._rules if (rule.actions, rule.target) == key]
                Pipeline(alike, self._source, self._expressions, hits).emit()

    def _act(self, rule: Rule) -> None:
        """Emit what a rule does, or that it is to be done once for all rules that do the same."""
        hits = self._hits.get((rule.actions, rule.target))
        if hits is None:
            Pipeline([rule], self._source, self._expressions).emit()
        else:
            self._source.line(f"{hits} += ({self._source.constant(rule.name)},)")

    def _can_fail(self, parts: Sequence[Expression]) -> bool:
        mark = self._source.mark()
        with self._source.scope():
            error = any(self._expressions.emit(part).error for part in parts)
        self._source.back(mark)
        return error

    def _matched(self, member: Guarded) -> None:
        """Emit what a rule does once its guards hold: the rest of its filter cannot fail."""
        with self._source.scope():
            if not member.rest:
                self._act(member.rule)
                return
            value = self._expressions.emit(member.rest[0])
            self._source.line(f"if {value.atom} is True:")
            with self._source.block():
                self._matched(Guarded(member.rule, (), member.rest[1:]))

    def _carefully(self, rule: Rule, parts: Sequence[Expression], guards: Sequence[Guard]) -> None:
        """Emit a rule of which guards say only that its filter may be TRUE or an ERROR."""
        source = self._source
        with source.scope(), self._guards.only_if(guards):
            node = parts[0] if len(parts) == 1 else Call("and", tuple(parts), BOOL)
            where = self._expressions.emit(node)
            source.line(f"if {where.atom} is True:")
            with source.block():
                self._act(rule)
            if where.error:
                source.line(f"elif {where.atom}.__class__ is F:")
                with source.block():
                    Pipeline([rule], source, self._expressions).fail(where.atom)
