"""From the IR to Python: one function for a bucket of rules, run over a batch of decoded events.

No text of a user reaches the source: names, literals and patterns go in through the namespace, and
the source is made of numbered variables only. NULL is None and an ERROR a ``Failure``; each node
knows whether it can be either, so that ordinary comparisons become plain Python comparisons.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec
import re2

from trackplane.engine import values
from trackplane.engine.demand import EMPTY, Demand, field_of, fits_struct, property_of
from trackplane.errors import TrackplaneError
from trackplane.rules.ir import (
    Call,
    Drop,
    Expression,
    Keep,
    Literal,
    Path,
    Rule,
    Select,
    Set,
    walk,
)

Runner = Callable[[Iterable[tuple[Any, tuple[Any, ...], Any, int]]], None]


class GenerateError(TrackplaneError):
    """A rule's IR has something that this engine cannot run."""

    code = "engine_rule"


class Value(msgspec.Struct, frozen=True):
    """What a node became: a Python atom, and whether it can be NULL or an ERROR at run time."""

    atom: str
    null: bool
    error: bool


_COMPARE: Final = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_STAMPS: Final = {
    ("", "id"): "f.ids[i]",
    ("", "event"): "f.event_names[i]",
    ("when", "server"): "f.received[i]",
    ("when", "at"): "f.at[i]",
    ("meta", "app"): "f.apps[i]",
    ("meta", "env"): "f.envs[i]",
    ("meta", "grade"): "f.grade",
    ("meta", "revision"): "f.revisions[i]",
    ("meta", "weight"): "f.weight(i)",
}
_NEVER_FAILS: Final = frozenset(
    {
        "round", "floor", "ceil", "min_", "max_", "lower", "upper", "trim", "length", "contains",
        "starts_with", "ends_with", "substr", "concat",
    }
)  # fmt: skip


def row_maker(action: Select) -> Callable[..., Any]:
    """Return what makes an output row of its columns' values: a struct encodes fastest."""
    names = {f"c{n}": column.name for n, column in enumerate(action.columns)}
    if all(map(fits_struct, names.values())):
        fields = [(field, Any) for field in names]
        return msgspec.defstruct("Row", fields, rename=names, gc=False, frozen=True)
    columns = tuple(names.values())
    return lambda *cells: dict(zip(columns, cells, strict=True))


def generate(rules: Sequence[Rule], demand: Demand) -> tuple[str, dict[str, Any]]:
    """Return the source of a bucket's function ``run``, and the namespace it is to run in.

    The namespace lacks what ``Found`` puts into it.

    Raises:
        GenerateError: a rule has an action or function this engine does not know.
    """
    return _Generator(rules, demand).generate()


class Found:
    """What a bucket found in a batch, each with the rule's number, the frame and the event's index.

    ``selected``: (rule, row, frame, index); ``kept``: (rule, assignments, frame, index);
    ``failed``: (rule, code, frame, index).
    """

    def __init__(self) -> None:
        self.selected: list[tuple[int, Any, Any, int]] = []
        self.kept: list[tuple[int, Any, Any, int]] = []
        self.failed: list[tuple[int, str, Any, int]] = []

    def clear(self) -> None:
        """Forget all."""
        self.selected.clear()
        self.kept.clear()
        self.failed.clear()


def compile_rules(rules: Sequence[Rule], demand: Demand, found: Found) -> Runner:
    """Return the function of some rules; it adds to ``found``."""
    source, names = generate(rules, demand)
    names |= {
        "select": found.selected.append,
        "keep": found.kept.append,
        "fail": found.failed.append,
    }
    exec(compile(source, "<rules>", "exec"), names)  # noqa: S102 made of numbered variables only
    runner: Runner = names["run"]
    return runner


class _Generator:
    def __init__(self, rules: Sequence[Rule], demand: Demand) -> None:
        self._rules = rules
        self._demand = demand
        self._names: dict[str, Any] = {
            "F": values.Failure, "UNSET": msgspec.UNSET, "TYPE": values.TYPE,
            "OVERFLOW": values.OVERFLOW, "LOW": -(1 << 63), "HIGH": 1 << 63,
        }  # fmt: skip
        self._lines: list[str] = []
        self._depth = 0
        self._count = 0
        self._known: list[dict[Expression | tuple[str, str], Value]] = []

    # --- the function -----------------------------------------------------------------------------

    def generate(self) -> tuple[str, dict[str, Any]]:
        self._line("def run(batch):")
        with self._block():
            self._line("for e, h, f, i in batch:")
            with self._block():
                for shared in self._shared():
                    self._emit(shared)
                for number, rule in enumerate(self._rules):
                    self._rule(number, rule)
                self._line("pass")
        return "\n".join(self._lines) + "\n", self._names

    def _shared(self) -> list[Expression]:
        """Return what more than one rule computes: conditions, and the properties they read."""
        if len(self._rules) < 2:
            return []
        conditions: Counter[Expression] = Counter()
        paths: Counter[Expression] = Counter()
        for rule in self._rules:
            parts = _conjuncts(rule.where) if rule.where is not None else []
            conditions.update(set(parts))
            if parts:  # the first condition is evaluated for each event, whatever comes of it
                paths.update({node for node in walk(parts[0]) if isinstance(node, Path)})
        often = [node for node, count in paths.items() if count > 1]
        return often + [node for node, count in conditions.items() if count > 1]

    def _rule(self, number: int, rule: Rule) -> None:
        with self._scope():
            if rule.where is None:
                self._actions(number, rule)
                return
            where = self._emit(rule.where)
            self._line(f"if {where.atom} is True:")
            with self._block():
                self._actions(number, rule)
            if where.error:
                self._line(f"elif {where.atom}.__class__ is F:")
                with self._block():
                    self._line(f"fail(({number}, {where.atom}.code, f, i))")

    def _actions(self, number: int, rule: Rule, start: int = 0) -> None:
        for index, action in enumerate(rule.actions[start:], start):
            if isinstance(action, Drop):
                when = self._emit(action.when)
                if when.error:
                    self._line(f"if {when.atom}.__class__ is F:")
                    with self._block():
                        self._line(f"fail(({number}, {when.atom}.code, f, i))")
                    self._line(f"elif {when.atom} is not True:")
                else:
                    self._line(f"if {when.atom} is not True:")
                with self._block():
                    self._actions(number, rule, index + 1)
                return
            if isinstance(action, Select):
                found = [self._emit(column.value) for column in action.columns]
                make = self._constant(row_maker(action))
                made = f"{make}({', '.join(value.atom for value in found)})"
                self._unless_failed(number, found, f"select(({number}, {made}, f, i))")
                return
            if isinstance(action, Keep):
                self._line(f"keep(({number}, (), f, i))")
                return
            if isinstance(action, Set):
                found = [self._emit(assignment.value) for assignment in action.values]
                pairs = ", ".join(
                    f"({a.root!r}, {self._constant(a.name)}, {value.atom})"
                    for a, value in zip(action.values, found, strict=True)
                )
                self._unless_failed(number, found, f"keep(({number}, ({pairs},), f, i))")
                return
            raise GenerateError(
                f"rule {rule.name!r}: this engine has no action {type(action).__name__.lower()!r}"
            )
        raise GenerateError(f"rule {rule.name!r} puts nothing out")

    def _unless_failed(self, number: int, found: Sequence[Value], statement: str) -> None:
        word = "if"
        for value in found:
            if value.error:
                self._line(f"{word} {value.atom}.__class__ is F:")
                with self._block():
                    self._line(f"fail(({number}, {value.atom}.code, f, i))")
                word = "elif"
        if word == "if":
            self._line(statement)
        else:
            self._line("else:")
            with self._block():
                self._line(statement)

    # --- expressions ------------------------------------------------------------------------------

    def _emit(self, node: Expression) -> Value:
        if isinstance(node, Literal):
            return self._literal(node)
        for scope in reversed(self._known):
            if node in scope:
                return scope[node]
        value = self._path(node) if isinstance(node, Path) else self._call(node)
        self._known[-1][node] = value
        return value

    def _literal(self, node: Literal) -> Value:
        value = node.value
        if value is None or value is True or value is False:
            return Value(repr(value), value is None, False)
        if node.type.kind == "float64":
            value = float(value)
        return Value(self._constant(value), False, False)

    def _path(self, node: Path) -> Value:
        first = (str(node.root), str(node.parts[0]))
        if len(node.parts) == 1 and first in _STAMPS:
            return Value(self._assign(_STAMPS[first]), False, False)
        wanted = property_of(node)
        if wanted is None:
            raise GenerateError(f"no value {'.'.join(map(str, (node.root, *node.parts)))}")
        if not fits_struct(wanted[1]):
            raise GenerateError(
                f"this engine cannot read the property {wanted[1]!r}",
                hint="quotation marks, backslashes and control characters do not fit its decoder",
            )
        atom = self._property(wanted)
        kind = node.type.kind
        if wanted in self._demand.raw:
            check = self._constant(values.raw_check(kind))
            self._line(f"{atom} = {check}({atom})")
            return Value(atom, True, kind != "json")
        if len(node.parts) > 1:
            atom = self._assign(atom)
        for part in node.parts[1:]:
            if isinstance(part, str):
                name = self._constant(part)
                self._line(f"if {atom}.__class__ is dict: {atom} = {atom}.get({name})")
                self._line(f"elif {atom} is not None and {atom}.__class__ is not F: {atom} = TYPE")
            else:
                step = self._constant(values.by_index)
                self._line(f"{atom} = {step}({atom}, {part:d})")
        atom = self._checked(atom, kind, copy=len(node.parts) == 1)
        return Value(atom, True, kind != "json" or len(node.parts) > 1)

    def _property(self, wanted: tuple[str, str]) -> str:
        """Return the variable of a merged property as it came (one for each scope)."""
        key = wanted
        for scope in reversed(self._known):
            if key in scope:
                return scope[key].atom
        index = self._demand.properties.index(wanted)
        field = field_of(self._demand, wanted)
        atom = self._fresh()
        self._line(f"{atom} = e.{wanted[0]}")
        if wanted in self._demand.raw:
            empty = self._constant(EMPTY)
            self._line(f"{atom} = {atom}.{field} if {atom} is not None else {empty}")
            self._line(f"if {atom} is {empty}: {atom} = h[{index}]")
        else:
            self._line(f"{atom} = {atom}.{field} if {atom} is not None else UNSET")
            self._line(f"if {atom} is UNSET: {atom} = h[{index}]")
            self._known[-1][key] = Value(atom, True, False)
        return atom

    def _checked(self, atom: str, kind: str, *, copy: bool) -> str:
        """Add the check of a read value's type; its usual form is one comparison of classes."""
        if kind == "json":
            return atom
        if copy:
            atom = self._assign(atom)
        usual = {"string": "str", "float64": "float", "bool": "bool", "array": "list"}
        if kind in usual:
            self._line(f"if {atom}.__class__ is not {usual[kind]} and {atom} is not None:")
        elif kind in ("int64", "timestamp"):
            self._line(f"if {atom}.__class__ is not int or not LOW <= {atom} < HIGH:")
        else:
            self._line(f"if {atom}.__class__ is not dict and {atom} is not None:")
        with self._block():
            self._line(f"{atom} = {self._constant(values.AS[kind])}({atom})")
        return atom

    def _call(self, node: Call) -> Value:
        match node.function:
            case "and" | "or":
                return self._logic(node, decides=str(node.function == "or"))
            case "not":
                value = self._emit(node.args[0])
                return self._strict([value], f"not {value.atom}", error=False)
            case "is_null":
                value = self._emit(node.args[0])
                return self._not_failed(value, f"{value.atom} is None")
            case "coalesce":
                return self._coalesce(node)
            case "try_":
                return self._try(node)
            case "if_":
                return self._if(node)
            case "in":
                value = self._emit(node.args[0])
                members = frozenset(_member(a) for a in node.args[1:])
                constant = self._constant(members)
                return self._strict([value], f"{value.atom} in {constant}", error=False)
            case "matches":
                return self._matches(node)
        args = [self._emit(argument) for argument in node.args]
        atoms = [value.atom for value in args]
        if node.function in _COMPARE:
            sign = _COMPARE[node.function]
            return self._strict(args, f"{atoms[0]} {sign} {atoms[1]}", error=False)
        cast = values.CASTS.get((node.function, node.args[0].type.kind)) if node.args else None
        if cast is not None:
            return self._strict(args, f"{self._constant(cast)}({atoms[0]})", error=True)
        function = values.STRICT.get(node.function)
        if function is None:
            raise GenerateError(f"this engine has no function {node.function!r}")
        error = node.function not in _NEVER_FAILS
        return self._strict(args, f"{self._constant(function)}({', '.join(atoms)})", error=error)

    def _strict(self, args: Sequence[Value], formula: str, *, error: bool) -> Value:
        """Emit a function that an ERROR or NULL argument decides."""
        atom = self._fresh()
        word = "if"
        for value in args:
            if value.error:
                self._line(f"{word} {value.atom}.__class__ is F: {atom} = {value.atom}")
                word = "elif"
        nulls = [f"{value.atom} is None" for value in args if value.null]
        if nulls:
            self._line(f"{word} {' or '.join(nulls)}: {atom} = None")
            word = "elif"
        self._line(f"{atom} = {formula}" if word == "if" else f"else: {atom} = {formula}")
        return Value(atom, bool(nulls), error or any(value.error for value in args))

    def _not_failed(self, value: Value, formula: str) -> Value:
        if not value.error:
            return Value(self._assign(formula), False, False)
        atom = self._fresh()
        self._line(f"{atom} = {value.atom} if {value.atom}.__class__ is F else {formula}")
        return Value(atom, False, True)

    def _logic(self, node: Call, *, decides: str) -> Value:
        """Emit ``and``/``or``: what decides ends it; else an ERROR, else NULL, else the other."""
        first = self._emit(node.args[0])
        result = self._assign(first.atom)
        null, error = first.null, first.error
        neutral = "False" if decides == "True" else "True"
        for argument in node.args[1:]:
            self._line(f"if {result} is not {decides}:")
            with self._block():
                value = self._emit(argument)
                test = f"{value.atom} is {decides} or {result} is {neutral}"
                if null and value.error:
                    test += f" or ({result} is None and {value.atom}.__class__ is F)"
                self._line(f"if {test}: {result} = {value.atom}")
            null, error = null or value.null, error or value.error
        return Value(result, null, error)

    def _coalesce(self, node: Call) -> Value:
        first = self._emit(node.args[0])
        result = self._assign(first.atom)
        null, error = first.null, first.error
        for argument in node.args[1:]:
            if not null:
                break
            self._line(f"if {result} is None:")
            with self._block():
                value = self._emit(argument)
                self._line(f"{result} = {value.atom}")
            null, error = value.null, error or value.error
        return Value(result, null, error)

    def _try(self, node: Call) -> Value:
        value = self._emit(node.args[0])
        if not value.error:
            return value
        result = self._assign(value.atom)
        self._line(f"if {result}.__class__ is F:")
        with self._block():
            instead = Value("None", True, False)
            if len(node.args) > 1:
                instead = self._emit(node.args[1])
            self._line(f"{result} = {instead.atom}")
        return Value(result, value.null or instead.null, instead.error)

    def _if(self, node: Call) -> Value:
        condition = self._emit(node.args[0])
        result = self._fresh()
        self._line(f"if {condition.atom} is True:")
        with self._block():
            then = self._emit(node.args[1])
            self._line(f"{result} = {then.atom}")
        if condition.error:
            self._line(f"elif {condition.atom}.__class__ is F: {result} = {condition.atom}")
        self._line("else:")
        with self._block():
            other = self._emit(node.args[2])
            self._line(f"{result} = {other.atom}")
        error = then.error or other.error or condition.error
        return Value(result, then.null or other.null, error)

    def _matches(self, node: Call) -> Value:
        value = self._emit(node.args[0])
        pattern = node.args[1]
        if not isinstance(pattern, Literal) or not isinstance(pattern.value, str):
            raise GenerateError("matches() takes a literal pattern")
        search = self._constant(re2.compile(pattern.value).search)
        return self._strict([value], f"{search}({value.atom}) is not None", error=False)

    # --- text -------------------------------------------------------------------------------------

    def _line(self, text: str) -> None:
        self._lines.append(" " * self._depth + text)

    def _fresh(self) -> str:
        self._count += 1
        return f"v{self._count}"

    def _assign(self, formula: str) -> str:
        atom = self._fresh()
        self._line(f"{atom} = {formula}")
        return atom

    def _constant(self, value: Any) -> str:
        name = f"k{len(self._names)}"
        self._names[name] = value
        return name

    @contextmanager
    def _scope(self) -> Iterator[None]:
        self._known.append({})
        yield
        self._known.pop()

    @contextmanager
    def _block(self) -> Iterator[None]:
        self._depth += 1
        with self._scope():
            yield
        self._depth -= 1


def _conjuncts(node: Expression) -> list[Expression]:
    if isinstance(node, Call) and node.function == "and":
        return [part for argument in node.args for part in _conjuncts(argument)]
    return [node]


def _member(node: Expression) -> Any:
    assert isinstance(node, Literal)
    return (
        float(node.value) if node.type.kind == "float64" and node.value is not None else node.value
    )
