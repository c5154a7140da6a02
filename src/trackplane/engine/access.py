"""Access predicates: what of a rule's filter an index can look up, and what it must not miss.

A *cover* of a filter is a set of predicates, each over one property, such that an event on which
none of them holds cannot make the filter TRUE, and, where none of their properties is NULL or an
ERROR there, makes it FALSE. FALSE decides an ``and`` whatever else is in it, so such an event is
neither selected nor a failure. For NULL see ``can_fail`` and ``paths_of``: where a property of the
cover is NULL, another part of the filter may still be an ERROR.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

import msgspec

from trackplane.rules import ir

How = Literal["in", "besides", "prefix", "range", "null"]
Value = str | int | float | bool

_KINDS: Final = frozenset({"string", "int64", "float64", "bool", "timestamp"})
_SWAPPED: Final = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}
_CONTRARY: Final = {"lt": "ge", "le": "gt", "gt": "le", "ge": "lt", "eq": "ne", "ne": "eq"}
_NEVER_FAILS: Final = frozenset(
    {
        "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "in", "is_null", "coalesce", "if_",
        "contains", "starts_with", "ends_with", "lower", "upper", "trim", "length", "matches",
        "substr", "concat", "min_", "max_",
    }
)  # fmt: skip


class AccessPath(msgspec.Struct, frozen=True, order=True):
    """A property that events are looked up by, and the kind of its values."""

    root: str
    parts: tuple[str | int, ...]
    kind: str

    def __str__(self) -> str:
        return ".".join(map(str, (self.root, *self.parts) if self.root else self.parts))

    def path(self) -> ir.Path:
        """Return it as the language has it."""
        return msgspec.convert(
            {
                "node": "path", "root": self.root, "parts": self.parts,
                "type": {"kind": self.kind}, "nullable": self.root not in ("", "meta"),
            },
            ir.Path,
        )  # fmt: skip


class Predicate(msgspec.Struct, frozen=True):
    """A condition on one property; it never holds of NULL, unless it is ``null``.

    ``in`` one of ``values``; ``besides`` any but ``values``; ``prefix`` begins with one of
    ``values``; ``range`` from ``low`` to ``high`` (None: open), ``high`` itself excluded if
    ``below``; ``null``.
    """

    path: AccessPath
    how: How
    values: tuple[Value, ...] = ()
    low: Value | None = None
    high: Value | None = None
    below: bool = False

    def __str__(self) -> str:
        shown = ", ".join(map(repr, self.values[:3])) + (", …" if len(self.values) > 3 else "")
        match self.how:
            case "in":
                return (
                    f"{self.path} in ({shown})"
                    if len(self.values) != 1
                    else f"{self.path} == {shown}"
                )
            case "besides":
                return f"{self.path} not in ({shown})" if shown else f"{self.path} is not None"
            case "prefix":
                return f"starts_with({self.path}, {shown})"
            case "null":
                return f"{self.path} is None"
        low = "" if self.low is None else f"{self.low!r} <= "
        high = "" if self.high is None else f" {'<' if self.below else '<='} {self.high!r}"
        return f"{low}{self.path}{high}"


Cover = tuple[Predicate, ...]


def covers(where: ir.Expression | None) -> list[Cover]:
    """Return each way to look the filter up: a cover for each part of its ``and`` that has one.

    Ranges of one property are met with each other, as are its lists of values.
    """
    found: list[Cover] = []
    by_path: dict[tuple[AccessPath, How], int] = {}
    for part in _parts(where, "and") if where is not None else ():
        cover = _cover(part, negated=False)
        if cover is None:
            continue
        if len(cover) == 1 and cover[0].how in ("in", "range"):
            key = (cover[0].path, cover[0].how)
            if key in by_path:
                index = by_path[key]
                met = _met(found[index][0], cover[0])
                if _possible(met):  # else: never TRUE, but an ERROR where the property is one
                    found[index] = (met,)
                continue
            by_path[key] = len(found)
        found.append(cover)
    return found


def paths_of(where: ir.Expression | None) -> tuple[AccessPath, ...]:
    """Return the properties whose ERROR may make the filter an ERROR, sorted.

    Other types than those that can be looked up are among them.
    """
    if where is None:
        return ()
    found = {
        AccessPath(node.root, node.parts, node.type.kind)
        for node in ir.walk(where)
        if isinstance(node, ir.Path) and node.root not in ("", "meta") and not _stamped(node)
    }
    return tuple(sorted(found, key=lambda path: (path.root, str(path.parts), path.kind)))


def can_fail(node: ir.Expression | None) -> bool:
    """Say whether an expression may be an ERROR though none of its properties is."""
    match node:
        case ir.Call(function="try_", args=args):
            return any(map(can_fail, args[1:]))
        case ir.Call(function=function, args=args):
            return function not in _NEVER_FAILS or any(map(can_fail, args))
        case ir.Each():
            return True
    return False


def _parts(node: ir.Expression, function: str) -> Iterator[ir.Expression]:
    if isinstance(node, ir.Call) and node.function == function:
        for argument in node.args:
            yield from _parts(argument, function)
    else:
        yield node


def _cover(node: ir.Expression, *, negated: bool) -> Cover | None:
    if isinstance(node, ir.Call) and node.function == "not":
        return _cover(node.args[0], negated=not negated)
    if isinstance(node, ir.Call) and node.function in ("and", "or"):
        inner = [_cover(argument, negated=negated) for argument in node.args]
        if (node.function == "and") != negated:  # FALSE anywhere is FALSE: the best will do
            known = [cover for cover in inner if cover is not None]
            return min(known, key=guess, default=None)
        if None in inner:
            return None
        return _united(predicate for cover in inner for predicate in cover or ())
    predicate = _predicate(node, negated=negated)
    return None if predicate is None else (predicate,)


def _predicate(node: ir.Expression, *, negated: bool) -> Predicate | None:
    if isinstance(node, ir.Path):
        path = _access_path(node)
        return Predicate(path, "in", (not negated,)) if path and path.kind == "bool" else None
    if not isinstance(node, ir.Call) or not node.args:
        return None
    function, first = node.function, node.args[0]
    if function in _SWAPPED and isinstance(first, ir.Literal):
        function, first, other = _SWAPPED[function], node.args[1], first
        args: tuple[ir.Expression, ...] = (first, other)
    else:
        args = node.args
    path = _access_path(first)
    if function == "is_null" and isinstance(first, ir.Path):
        path = path or AccessPath(first.root, first.parts, first.type.kind)
        if path.kind not in _KINDS:
            return None
        return Predicate(path, "besides" if negated else "null")
    if path is None:
        return None
    values = [_constant(argument, path.kind) for argument in args[1:]]
    if None in values:
        return None
    constants: tuple[Any, ...] = tuple(dict.fromkeys(values))
    if function == "starts_with" and path.kind == "string":
        return Predicate(path, "besides") if negated else Predicate(path, "prefix", constants)
    if function == "in":
        return Predicate(path, "besides" if negated else "in", constants)
    if function not in _SWAPPED or len(constants) != 1:
        return None
    bound = constants[0]
    match _CONTRARY[function] if negated else function:
        case "eq":
            return Predicate(path, "in", constants)
        case "ne":
            return Predicate(path, "besides", constants)
        case "lt":
            return Predicate(path, "range", high=bound, below=True)
        case "le":
            return Predicate(path, "range", high=bound)
    return Predicate(path, "range", low=bound)


def _access_path(node: ir.Expression) -> AccessPath | None:
    if not isinstance(node, ir.Path) or node.type.kind not in _KINDS:
        return None
    return AccessPath(node.root, node.parts, node.type.kind)


def _stamped(path: ir.Path) -> bool:
    return path.root == "when" and path.parts in (("server",), ("at",))


def _constant(node: ir.Expression, kind: str) -> Value | None:
    if not isinstance(node, ir.Literal) or node.value is None or node.type.kind != kind:
        return None
    return float(node.value) if kind == "float64" else node.value


def _united(predicates: Iterable[Predicate]) -> Cover:
    """Return predicates of which one must hold; lists of values of one property become one."""
    lists: dict[AccessPath, tuple[Value, ...]] = {}
    besides: dict[AccessPath, tuple[Value, ...]] = {}
    others: list[Predicate] = []
    for predicate in predicates:
        path, values = predicate.path, predicate.values
        if predicate.how == "in":
            lists[path] = lists.get(path, ()) + values
        elif predicate.how == "besides":  # any but a, or any but b: any but what is in both
            besides[path] = tuple(v for v in besides.get(path, values) if v in values)
        else:
            others.append(predicate)
    united = [Predicate(path, "in", tuple(dict.fromkeys(values))) for path, values in lists.items()]
    united += [Predicate(path, "besides", values) for path, values in besides.items()]
    return (*united, *dict.fromkeys(others))


def _met(a: Predicate, b: Predicate) -> Predicate:
    """Return what both say of one property."""
    if a.how == "in":
        return Predicate(a.path, "in", tuple(value for value in a.values if value in b.values))
    lows: list[Any] = [bound for bound in (a.low, b.low) if bound is not None]
    highs: list[Any] = [(p.high, not p.below) for p in (a, b) if p.high is not None]
    high, included = min(highs, default=(None, True))
    return Predicate(a.path, "range", low=max(lows, default=None), high=high, below=not included)


def _possible(predicate: Predicate) -> bool:
    if predicate.how == "in":
        return bool(predicate.values)
    low: Any = predicate.low
    high: Any = predicate.high
    if low is None or high is None:
        return True
    return bool(low < high or (low == high and not predicate.below))


def guess(cover: Cover) -> float:
    """Return the share of events that a cover lets through, knowing nothing of the events."""
    return min(1.0, sum(map(_guess_one, cover)))


def _guess_one(predicate: Predicate) -> float:
    match predicate.how:
        case "in":
            return min(
                1.0, len(predicate.values) * (0.5 if predicate.path.kind == "bool" else 0.05)
            )
        case "prefix":
            return min(1.0, len(predicate.values) * 0.1)
        case "range":
            return 0.4 if predicate.low is None or predicate.high is None else 0.15
        case "null":
            return 0.5
    return 0.95
