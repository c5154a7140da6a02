"""Actions in order as one query: what is set is read as what it was set to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from trackplane.rules import ir
from trackplane.rules.backends.common import NONE, NULL, Compiler, Dialect, Value
from trackplane.rules.backends.query import INEXACT, Query, Refused
from trackplane.rules.ir import Call, Each, Expression, Literal, Path

_EVENT_ID: Final = ("", ("id",))


def compile_rule(rule: ir.Rule, dialect: Dialect, source: str) -> Query:
    """Return a rule as a query over a relation with the columns of the lake's stored events.

    Raises:
        Refused: the database cannot say exactly what the rule does.
    """
    return _Pipeline(rule, dialect).query(source)


class _Pipeline:
    def __init__(self, rule: ir.Rule, dialect: Dialect) -> None:
        self._rule = rule
        self._dialect = dialect
        self._compiler = Compiler(dialect)
        self._set: dict[tuple[str, str], Expression | None] = {}
        self._states: list[tuple[str, str]] = []  # condition, state
        self._target = dialect.literal(rule.target, "string")
        self._weight = dialect.row()["weight"]
        self._columns: list[tuple[str, Value, str]] = []

    def query(self, source: str) -> Query:
        if self._rule.where is not None:
            self._only(self._value(self._rule.where))
        for action in self._rule.actions:
            self._action(action)
        inexact = self._dialect.inexact()
        if inexact:
            self._states.insert(0, (self._compiler.let(inexact), f"'{INEXACT}'"))
        cases = " ".join(f"WHEN {condition} THEN {state}" for condition, state in self._states)
        state = self._compiler.let(f"CASE {cases} END") if cases else NULL
        row = self._dialect.row()
        shown = {**row, "weight": self._weight, "target": self._target, "failure": state}
        for index, (_, value, kind) in enumerate(self._columns):
            out = self._dialect.output(value.value, kind)
            shown[f"o{index}"] = f"CASE WHEN {state} IS NULL THEN {out} END"
        return Query(
            sql=self._compiler.select(
                self._filtered(source), shown, f"COALESCE({state}, '') <> '{NONE}'"
            ),
            columns=tuple((name, kind) for name, _, kind in self._columns),
        )

    def _filtered(self, source: str) -> str:
        rule, row = self._rule, self._dialect.row()
        conditions = [f"{row['env']} IN ({self._list(rule.envs)})"]
        if rule.apps:
            conditions.append(f"{row['app']} IN ({self._list(rule.apps)})")
        if rule.events is not None:
            names = self._list(rule.events) if rule.events else NULL
            conditions.append(f"{row['event']} IN ({names})")
        return f"(SELECT * FROM {source} WHERE {' AND '.join(conditions)})"  # noqa: S608

    def _text(self, text: str) -> str:
        return self._dialect.literal(text, "string")

    def _list(self, names: tuple[str, ...]) -> str:
        return ", ".join(map(self._text, names))

    # --- actions

    def _only(self, chosen: Value) -> None:
        self._fails(chosen)
        self._states.append((f"NOT COALESCE({chosen.value}, FALSE)", f"'{NONE}'"))

    def _fails(self, value: Value) -> None:
        if value.error != NULL:
            self._states.append((f"{value.error} IS NOT NULL", value.error))

    def _action(self, action: ir.Action) -> None:
        match action:
            case ir.Drop(when=when):
                dropped = self._value(when)
                self._fails(dropped)
                self._states.append((f"COALESCE({dropped.value}, FALSE)", f"'{NONE}'"))
            case ir.Sample(rate=rate, key=key):
                self._sample(rate, key)
            case ir.Set(values=values):
                self._sets(values)
            case ir.Unset(paths=paths):
                for path in paths:
                    root, _, name = path.partition(".")
                    self._set[root, name] = None
            case ir.Route(by=by, targets=targets):
                value = self._value(by)
                self._fails(value)
                cases = " ".join(
                    f"WHEN {self._text(name)} THEN {self._text(target)}" for name, target in targets
                )
                own = self._text(self._rule.target)
                self._target = f"CASE {value.value} {cases} ELSE {own} END"
            case ir.Select(columns=columns):
                for column in columns:
                    value = self._value(column.value)
                    self._fails(value)
                    self._columns.append((column.name, value, column.value.type.kind))
            case _:
                name = type(action).__name__.lower()
                raise Refused(name, _REASONS.get(name, "no query is exactly this"))

    def _sample(self, rate: float, key: Expression) -> None:
        value = self._value(key)
        self._fails(value)
        own = self._dialect.row()["id"]
        text = self._compiler.let(f"COALESCE({value.value}, {own})")
        passes = self._dialect.sample(self._compiler, text, rate)
        self._states.append((f"NOT ({passes})", f"'{NONE}'"))
        number = self._dialect.literal(rate, "float64")
        self._weight = self._compiler.let(f"{self._weight} / {number}")

    def _sets(self, values: tuple[ir.Assignment, ...]) -> None:
        made: dict[tuple[str, str], Expression] = {}
        for each in values:
            value = self._now(each.value)
            self._fails(self._compiler.value(value))
            if each.skip_null:
                value = self._kept(each, value)
            made[each.root, each.name] = value
        self._set |= made

    def _kept(self, each: ir.Assignment, value: Expression) -> Expression:
        """Return a value, or the property as it was where that is NULL."""
        type_ = value.type
        if isinstance(value, Literal) and value.value is None:
            raise Refused("set", f"{each.root}.{each.name} to nothing")
        old = self._now(Path(each.root, (each.name,), type_))
        return Call("coalesce", (value, old), type_)

    # --- the event as it is now

    def _value(self, expression: Expression) -> Value:
        return self._compiler.value(self._now(expression))

    def _now(self, expression: Expression) -> Expression:
        """Return an expression over the stored event: what was set stands for what is read."""
        match expression:
            case Path(root=root, parts=parts) if (root, parts[0]) in self._set:
                return self._read(expression)
            case Path(root="meta", parts=("weight",)) if (
                self._weight != self._dialect.row()["weight"]
            ):
                raise Refused("meta.weight", "after a sample")
            case Call():
                args = tuple(self._now(argument) for argument in expression.args)
                return msgspec.structs.replace(expression, args=args)
            case Each():
                raise Refused("items", "values of an array's items have no exact form here")
        return expression

    def _read(self, path: Path) -> Expression:
        value = self._set[path.root, str(path.parts[0])]
        rest = path.parts[1:]
        if value is None:
            return Literal(None, path.type)
        if not rest:
            if value.type.kind != path.type.kind:
                raise Refused(
                    "set", f"{path.root}.{path.parts[0]} read as another type than it has"
                )
            return value
        if isinstance(value, Literal) and value.value is None:
            return Literal(None, path.type)
        if isinstance(value, Path):
            return msgspec.structs.replace(path, root=value.root, parts=(*value.parts, *rest))
        raise Refused("set", f"a part of {path.root}.{path.parts[0]}, which was set before")


_REASONS: Final = {
    "keep": "stored columns do not tell a property that is null from one that is missing",
    "explode": "its items fail one by one",
    "script": "scripts run in their own processes",
}


def compile_expressions(expressions: Sequence[Expression], dialect: Dialect, source: str) -> str:
    """Return a query with a value ``v0``, ``v1``, … and an error ``e0``, … for each expression.

    Where the last column, ``inexact``, is TRUE, they say nothing.

    Raises:
        Refused: the database cannot say one of them exactly.
    """
    compiler = Compiler(dialect)
    shown: dict[str, str] = {}
    for index, expression in enumerate(expressions):
        value, error = compiler.value(expression)
        shown[f"v{index}"] = dialect.output(value, expression.type.kind)
        shown[f"e{index}"] = error
    shown["inexact"] = dialect.inexact() or "FALSE"
    return compiler.select(source, shown, "TRUE")
