"""From the IR to Python: one function for a bucket of rules, run over a batch of decoded events.

No text of a user reaches the source: names, literals and patterns go in through the namespace, and
the source is made of numbered variables only. NULL is None and an ERROR a ``Failure``; each node
knows whether it can be either, so that ordinary comparisons become plain Python comparisons.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final

import msgspec
import re2

from trackplane.engine import values
from trackplane.engine.columns import FrameColumns
from trackplane.engine.conditions import COMPARE, Guard, conjuncts, constant_of, plain_condition
from trackplane.engine.demand import EMPTY, Demand, field_of, fits_struct, property_of
from trackplane.errors import TrackplaneError
from trackplane.rules.ir import (
    BOOL,
    Call,
    Drop,
    Expression,
    Keep,
    Literal,
    Path,
    Rule,
    Select,
    Set,
)

# Columns of equal length: decoded events, their headers' values, their frames, their indexes in these.
Decoded = tuple[list[Any], list[Any], list[FrameColumns], list[int]]


class GenerateError(TrackplaneError):
    """A rule's IR has something that this engine cannot run."""

    code = "engine_rule"


class Value(msgspec.Struct, frozen=True):
    """What a node became: a Python atom, and whether it can be NULL or an ERROR at run time."""

    atom: str
    null: bool
    error: bool


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


class Batch:
    """What generated code finds: by dataset, rows and whole events; failures; what to run again.

    ``selected`` holds (rule, row, frame, index), ``kept`` (rule, assignments, frame, index),
    ``failed`` (rule, code, frame, index).
    """

    def __init__(self) -> None:
        self.selected: defaultdict[str, list[tuple[str, Any, FrameColumns, int]]]
        self.kept: defaultdict[str, list[tuple[str, Any, FrameColumns, int]]]
        self.selected, self.kept = defaultdict(list), defaultdict(list)
        self.failed: list[tuple[str, str, FrameColumns, int]] = []


class Runner:
    """Some rules, compiled: a quick function, and an exact one for events it cannot judge.

    The quick one reads the properties that plain conditions need before it tries any rule, and
    hands on an event in which one of them has a wrong type. The exact one is compiled when first
    needed.
    """

    def __init__(self, rules: Sequence[Rule], demand: Demand) -> None:
        self._rules = rules
        self._demand = demand
        self._quick = _compiled(*_Generator(rules, demand, quick=True).generate())

    def __call__(self, events: Decoded, batch: Batch) -> None:
        """Run the rules over decoded events."""
        rest: list[tuple[Any, Any, FrameColumns, int]] = []
        self._quick(zip(*events, strict=True), batch, rest.append)
        if rest:
            self._exact(rest, batch, None)

    @cached_property
    def _exact(self) -> Callable[..., None]:
        return _compiled(*_Generator(self._rules, self._demand, quick=False).generate())


def _compiled(source: str, names: dict[str, Any]) -> Callable[..., None]:
    exec(compile(source, "<rules>", "exec"), names)  # noqa: S102 made of numbered variables only
    run: Callable[..., None] = names["run"]
    return run


class _Guarded(msgspec.Struct, frozen=True):
    """A rule and guards that select exactly what its filter does."""

    rule: Rule
    guards: tuple[Guard, ...]


class _Generator:
    def __init__(self, rules: Sequence[Rule], demand: Demand, *, quick: bool) -> None:
        self._rules = rules
        self._demand = demand
        self._is_quick = quick
        self._names: dict[str, Any] = {
            "F": values.Failure, "UNSET": msgspec.UNSET, "TYPE": values.TYPE,
            "OVERFLOW": values.OVERFLOW, "LOW": -(1 << 63), "HIGH": 1 << 63,
        }  # fmt: skip
        self._lines: list[str] = []
        self._depth = 0
        self._count = 0
        self._known: list[dict[Expression | tuple[str, str], Value]] = []
        self._guarded: dict[Path, Value] = {}
        self._handing_on = False

    # --- the function -----------------------------------------------------------------------------

    def generate(self) -> tuple[str, dict[str, Any]]:
        """Return the source of ``run(events, frame, batch, again)``, and its namespace.

        Raises:
            GenerateError: a rule has an action or function this engine does not know.
        """
        with self._block():
            self._line("for e, h, f, i in events:")
            with self._block():
                self._body()
                self._line("pass")
        self._lines.insert(0, "def run(events, batch, again):")
        return "\n".join(self._lines) + "\n", self._names

    def _body(self) -> None:
        parts = [conjuncts(rule) for rule in self._rules]
        plain = [[plain_condition(part) for part in some] for some in parts]
        if self._is_quick:
            self._read_guarded(plain)
        # What several rules without a guard compute is computed once.
        counted: Counter[Expression] = Counter()
        for some, guards in zip(parts, plain, strict=True):
            if not any(guard and guard.path in self._guarded for guard in guards):
                counted.update(set(some))
        for shared in (node for node, count in counted.items() if count > 1):
            self._emit(shared)
        whole: list[_Guarded] = []
        for rule, some, guards in zip(self._rules, parts, plain, strict=True):
            here = tuple(guard for guard in guards if guard and guard.path in self._guarded)
            if len(here) == len(some):
                whole.append(_Guarded(rule, here))
            else:
                self._rule(rule, some, here)
        self._whole(whole)

    def _read_guarded(self, plain: Sequence[Sequence[Guard | None]]) -> None:
        """Read what the guards of several rules test; an event with an ERROR there is handed on."""
        counted = Counter(path for some in plain for path in {g.path for g in some if g})
        least = 1 if len(self._rules) <= 2 else 2
        for path, count in counted.items():
            wanted = property_of(path)
            if count < least or wanted in self._demand.raw:
                continue
            self._handing_on = True
            value = self._emit(path)
            self._handing_on = False
            self._guarded[path] = self._known[-1][path] = Value(value.atom, value.null, False)

    def _rule(self, rule: Rule, parts: Sequence[Expression], guards: Sequence[Guard]) -> None:
        """Emit a rule of which guards, if any, say only that its filter may be TRUE or an ERROR."""
        with self._scope(), self._only_if(guards, or_null=True):
            if len(parts) == 1:
                where = self._emit(parts[0])
            else:
                where = self._emit(Call("and", tuple(parts), BOOL))
            self._line(f"if {where.atom} is True:")
            with self._block():
                self._actions(rule)
            if where.error:
                self._line(f"elif {where.atom}.__class__ is F:")
                with self._block():
                    self._fail(rule, where.atom)

    def _whole(self, rules: Sequence[_Guarded]) -> None:
        """Emit rules whose filter is all guards, those that share an equality under one test."""
        counted = Counter(g.path for member in rules for g in member.guards if g.how == "eq")
        path, count = counted.most_common(1)[0] if counted else (None, 0)
        groups: dict[Any, list[_Guarded]] = {}
        for member in rules:
            chosen = next((g for g in member.guards if g.how == "eq" and g.path == path), None)
            if count < 3 or chosen is None:
                self._guarded_rule(member)
            else:
                rest = tuple(guard for guard in member.guards if guard is not chosen)
                groups.setdefault(chosen.constants[0], []).append(_Guarded(member.rule, rest))
        word = "if"
        for value, members in groups.items():
            assert path is not None
            self._line(f"{word} {self._guarded[path].atom} == {self._constant(value)}:")
            with self._block():
                for member in members:
                    self._guarded_rule(member)
            word = "elif"

    def _guarded_rule(self, member: _Guarded) -> None:
        with self._scope(), self._only_if(member.guards, or_null=False):
            self._actions(member.rule)

    @contextmanager
    def _only_if(self, guards: Sequence[Guard], *, or_null: bool) -> Iterator[None]:
        if not guards:
            yield
            return
        # Equalities first: they cost least and exclude most.
        ordered = sorted(guards, key=lambda guard: guard.how not in ("eq", "in"))
        tests = [
            guard.test(self._guarded[guard.path].atom, self._constant, or_null=or_null)
            for guard in ordered
        ]
        self._line(f"if {' and '.join(tests)}:")
        with self._block():
            yield

    def _actions(self, rule: Rule, start: int = 0) -> None:
        for index, action in enumerate(rule.actions[start:], start):
            if isinstance(action, Drop):
                when = self._emit(action.when)
                if when.error:
                    self._line(f"if {when.atom}.__class__ is F:")
                    with self._block():
                        self._fail(rule, when.atom)
                    self._line(f"elif {when.atom} is not True:")
                else:
                    self._line(f"if {when.atom} is not True:")
                with self._block():
                    self._actions(rule, index + 1)
                return
            if isinstance(action, Select):
                found = [self._emit(column.value) for column in action.columns]
                make = self._constant(row_maker(action))
                made = f"{make}({', '.join(value.atom for value in found)})"
                self._unless_failed(rule, found, self._put("selected", rule, made))
                return
            if isinstance(action, Keep):
                self._line(self._put("kept", rule, "()"))
                return
            if isinstance(action, Set):
                found = [self._emit(assignment.value) for assignment in action.values]
                pairs = ", ".join(
                    f"({a.root!r}, {self._constant(a.name)}, {value.atom})"
                    for a, value in zip(action.values, found, strict=True)
                )
                if not isinstance(rule.actions[index + 1], Keep):
                    raise GenerateError(f"rule {rule.name!r}: this engine keeps what is set")
                self._unless_failed(rule, found, self._put("kept", rule, f"({pairs},)"))
                return
            raise GenerateError(
                f"rule {rule.name!r}: this engine has no action {type(action).__name__.lower()!r}"
            )
        raise GenerateError(f"rule {rule.name!r} puts nothing out")

    def _put(self, method: str, rule: Rule, found: str) -> str:
        target, name = self._constant(rule.target), self._constant(rule.name)
        return f"batch.{method}[{target}].append(({name}, {found}, f, i))"

    def _fail(self, rule: Rule, atom: str) -> None:
        self._line(f"batch.failed.append(({self._constant(rule.name)}, {atom}.code, f, i))")

    def _unless_failed(self, rule: Rule, found: Sequence[Value], statement: str) -> None:
        word = "if"
        for value in found:
            if value.error:
                self._line(f"{word} {value.atom}.__class__ is F:")
                with self._block():
                    self._fail(rule, value.atom)
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
                if self._handing_on:
                    self._line(f"elif {atom} is not None:")
                    self._hand_on()
                else:
                    test = f"{atom} is not None and {atom}.__class__ is not F"
                    self._line(f"elif {test}: {atom} = TYPE")
            else:
                step = self._constant(values.by_index)
                self._line(f"{atom} = {step}({atom}, {part:d})")
                if self._handing_on:
                    self._line(f"if {atom}.__class__ is F:")
                    self._hand_on()
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
            if self._handing_on:
                self._line(f"if {atom}.__class__ is F:")
                self._hand_on()
        return atom

    def _hand_on(self) -> None:
        """Leave the event to the exact function: a property that guards read has a wrong type."""
        with self._block():
            self._line("again((e, h, f, i))")
            self._line("continue")

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
                members = frozenset(map(constant_of, node.args[1:])) - {None}
                constant = self._constant(members)
                return self._strict([value], f"{value.atom} in {constant}", error=False)
            case "matches":
                return self._matches(node)
        args = [self._emit(argument) for argument in node.args]
        atoms = [value.atom for value in args]
        if node.function in COMPARE:
            sign = COMPARE[node.function]
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
