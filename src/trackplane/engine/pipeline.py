"""From a rule's actions to Python statements: a pipeline in which each action sees the ones before.

What ``set`` and ``unset`` do to the event is known when the code is made: later paths to such a
property become ``Item`` nodes that stand for the variable of its new value, and a ``keep`` at the end
becomes the stored event and a patch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from trackplane.engine import values
from trackplane.engine.demand import fits_struct
from trackplane.engine.expressions import Expressions
from trackplane.engine.outputs import CANARY
from trackplane.engine.renaming import with_paths
from trackplane.engine.rows import GONE, KEEP
from trackplane.engine.source import GenerateError, Source, Value
from trackplane.rules import ir
from trackplane.rules.apply import threshold
from trackplane.rules.ir import Action, Call, Expression, Item, Path, Rule

Property = tuple[str, str]


class Change(NamedTuple):
    """What became of a property: ``name`` is the ``Item`` of its new value, "" where it is gone.

    Where ``otherwise`` holds, a NULL leaves what was there before (``before``, None: as it came).
    """

    name: str
    otherwise: bool = False
    before: Change | None = None


class Pipeline:
    """Emits the actions of a rule, in a scope of its own.

    Several ``rules`` with the same actions and target are run together: ``hits`` is the variable that
    holds the names of those that matched.
    """

    def __init__(
        self, rules: Sequence[Rule], source: Source, expressions: Expressions, hits: str = ""
    ) -> None:
        rule = rules[0]
        self._rules = rules
        self._rule = rule
        self._source = source
        self._expressions = expressions
        self._hits = hits
        self._name = "n" if hits else source.constant(rule.name)
        self._changes: dict[Property, Change] = {}
        self._patch: list[tuple[str, str, str]] = []  # of a kept event, in order
        self._exploded = ""
        self._by = ""
        self._routes: tuple[tuple[str, str], ...] = ()
        # It puts out one row for each event that it matches, or fails on it.
        self._is_simple = all(
            isinstance(a, ir.Set | ir.Unset | ir.Route | ir.Select | ir.Keep) for a in rule.actions
        )
        self._script = next((a.name for a in rule.actions if isinstance(a, ir.Script)), "")

    def emit(self) -> None:
        """Add the statements of all actions.

        Raises:
            GenerateError: an action or function is not known, or nothing is put out.
        """
        if not self._is_simple:
            self._match()
        if any(rule.name.endswith(CANARY) for rule in self._rules):
            self._source.first("batch.canary", "True")
        self._actions(self._rule.actions)
        if self._exploded:
            self._expressions.hang_up(self._exploded)

    def _match(self) -> None:
        """Note that the filter was TRUE; a simple rule's row says so by itself."""
        matched = self._source.first("matched", "batch.add_matched")
        self._for_each(f"{matched}({self._name})")

    def _for_each(self, *statements: str) -> None:
        """Add statements for each rule that matched."""
        source = self._source
        if not self._hits:
            for statement in statements:
                source.line(statement)
            return
        source.line(f"for n in {self._hits}:")
        with source.block():
            for statement in statements:
                source.line(statement)

    def _actions(self, actions: Sequence[Action]) -> None:
        if not actions:
            raise GenerateError(f"rule {self._rule.name!r} puts nothing out")
        action, rest = actions[0], actions[1:]
        match action:
            case ir.Drop(when=when):
                found = self._value(when)
                with self._unless_failed([found], f"{found.atom} is not True"):
                    self._actions(rest)
            case ir.Sample():
                self._sample(action, rest)
            case ir.Set():
                self._set(action, rest)
            case ir.Unset(paths=paths):
                gone = self._source.constant(GONE)
                for path in paths:
                    root, _, name = path.partition(".")
                    self._changes[root, name] = Change("")
                    self._patch.append((root, name, gone))
                self._actions(rest)
            case ir.Explode():
                self._explode(action, rest)
            case ir.Route():
                self._route(action, rest)
            case ir.Keep():
                self._keep()
            case ir.Select():
                self._select(action)
            case _:
                kind = type(action).__name__.lower()
                raise GenerateError(f"rule {self._rule.name!r}: this engine has no action {kind!r}")

    # --- values of the event as the actions before left it ----------------------------------------

    def _value(self, expression: Expression) -> Value:
        if self._changes:
            expression = with_paths(expression, self._replaced)
        return self._expressions.emit(expression)

    def _replaced(self, path: Path) -> Expression | None:
        return self._as_changed(path, self._changes.get((path.root, str(path.parts[0]))))

    def _as_changed(self, path: Path, change: Change | None) -> Expression | None:
        if change is None:
            return None
        if not change.name:
            return ir.Literal(None, path.type)
        new = Item(change.name, path.parts[1:], path.type)
        if not change.otherwise:
            return new
        before = self._as_changed(path, change.before) or path
        test = Call("is_null", (Item(change.name, (), ir.JSON),), ir.BOOL, nullable=False)
        return Call("if_", (test, before, new), path.type)

    # --- actions ----------------------------------------------------------------------------------

    def _sample(self, action: ir.Sample, rest: Sequence[Action]) -> None:
        key = self._value(action.key)
        ids = self._source.first("ids", "d.ids")
        sampled = self._source.constant(values.sampled)
        rate = self._source.constant(action.rate)
        rates = tuple(a.rate for a in self._rule.actions if isinstance(a, ir.Sample))
        for rule in self._rules:
            name = self._source.constant(rule.name)
            self._source.first(f"batch.rates[{name}]", self._source.constant(rates))
        weight = self._value(Path("meta", ("weight",), ir.FLOAT64, nullable=False))
        bound = self._source.constant(threshold(action.rate))
        with self._unless_failed([key], f"{sampled}({key.atom}, {ids}[p], {bound})"):
            new = self._new(self._source.assign(f"{weight.atom} / {rate}"))
            self._changes = {**self._changes, ("meta", "weight"): new}
            self._actions(rest)

    def _new(self, atom: str) -> Change:
        name = f"${atom}"  # no name of a user begins with it
        self._expressions.call(name, Value(atom, True, False))
        return Change(name)

    def _set(self, action: ir.Set, rest: Sequence[Action]) -> None:
        found = [self._value(assignment.value) for assignment in action.values]
        with self._unless_failed(found):
            changes = dict(self._changes)
            for assignment, value in zip(action.values, found, strict=True):
                key = (assignment.root, assignment.name)
                atom = self._source.assign(value.atom)
                new, patch = self._new(atom), atom
                if assignment.skip_null and value.null:
                    new = new._replace(otherwise=True, before=self._changes.get(key))
                    patch = f"{self._source.constant(KEEP)} if {atom} is None else {atom}"
                changes[key] = new
                self._patch.append((*key, patch))
            self._changes = changes
            self._actions(rest)

    def _explode(self, action: ir.Explode, rest: Sequence[Action]) -> None:
        source = self._source
        array = self._value(action.over)
        with self._unless_failed([array], f"{array.atom} is not None"):
            item = source.fresh()
            source.line(f"for {item} in {array.atom}:")
            with source.block():
                self._exploded = action.name
                self._expressions.call(action.name, Value(item, True, False))
                self._actions(rest)

    def _route(self, action: ir.Route, rest: Sequence[Action]) -> None:
        by = self._value(action.by)
        with self._unless_failed([by]):
            self._by = by.atom
            self._routes = action.targets
            self._actions(rest)

    def _keep(self) -> None:
        patch = [
            f"({root!r}, {self._source.constant(name)}, {value})"
            for root, name, value in self._patch
        ]
        made = self._source.assign(f"({', '.join(patch)},)") if patch else "()"
        target = self._target()
        atom = self._bound(target, "whole")
        self._for_each(f"{atom}(({self._name}, p, {made}))")

    def _select(self, action: ir.Select) -> None:
        found = [self._value(column.value) for column in action.columns]
        make = self._source.constant(row_maker(action))
        with self._unless_failed(found):
            row = f"{make}({', '.join(value.atom for value in found)})"
            if self._hits:
                row = self._source.assign(row)
            target = self._target()
            self._for_each(
                f"{self._bound(target, 'rows')}({row})",
                f"{self._bound(target, 'numbers')}(p)",
                f"{self._bound(target, 'rules')}({self._name})",
            )

    # --- where things go --------------------------------------------------------------------------

    def _target(self) -> str:
        """Return the variable that holds where the output goes."""
        source = self._source
        script = source.constant(self._script)

        def to(target: str) -> str:
            constant = source.constant(target)
            return source.first(
                f"to_{constant}_{script}_{self._is_simple:d}",
                f"batch.to({constant}, {script}, {self._is_simple})",
            )

        own = to(self._rule.target)
        if not self._by:
            return own
        routes = ", ".join(f"{source.constant(by)}: {to(name)}" for by, name in self._routes)
        table = source.first(f"routes_{source.constant(self._rule.name)}", f"{{{routes}}}")
        return source.assign(f"{table}.get({self._by}, {own})")

    def _bound(self, target: str, column: str) -> str:
        if target.startswith("to_"):
            return self._source.first(f"{column}_{target}", f"{target}.add_{column}")
        return f"{target}.add_{column}"

    def fail(self, atom: str, *, after_match: bool = False) -> None:
        """Add the failure of the rule on this event with an ERROR's code."""
        if after_match and self._is_simple:
            self._match()
        failed = self._source.first("failed", "batch.add_failed")
        self._for_each(f"{failed}(({self._name}, {atom}.code, p))")

    def _unless_failed(
        self, found: Sequence[Value], test: str = ""
    ) -> AbstractContextManager[None]:
        """Add the failure where a value is an ERROR; return the block for where none is."""
        source = self._source
        word = "if"
        for value in found:
            if value.error:
                source.line(f"{word} {value.atom}.__class__ is F:")
                with source.block():
                    self.fail(value.atom, after_match=True)
                word = "elif"
        if test:
            source.line(f"{word} {test}:")
        else:
            source.line("if True:" if word == "if" else "else:")
        return source.block()


def row_maker(action: ir.Select) -> Callable[..., Any]:
    """Return what makes an output row of its columns' values: a struct encodes fastest."""
    return _maker(tuple(column.name for column in action.columns))


@lru_cache(maxsize=1_024)
def _maker(columns: tuple[str, ...]) -> Callable[..., Any]:
    names = {f"c{n}": column for n, column in enumerate(columns)}
    if all(map(fits_struct, columns)):
        fields = [(field, Any) for field in names]
        return msgspec.defstruct("Row", fields, rename=names, gc=False, frozen=True)
    return lambda *cells: dict(zip(columns, cells, strict=True))
