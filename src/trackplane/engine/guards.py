"""Guards of a bucket: plain conditions over properties read once, tried as a tree.

Rules that share an equality stand under one test or one look into a table, equal conditions are
tested once, and ranges over one property nest, so that an event which matches little is done soon.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import msgspec

from trackplane.engine.conditions import Guard, plain_condition
from trackplane.engine.source import Source
from trackplane.rules.ir import Expression, Path, Rule

_DEEPEST: Final = 30  # blocks; Python takes 100
_CHAIN: Final = 4  # equalities that are tried one after the other
_RISING: Final = ("gt", "ge")
_RANGES: Final = ("gt", "ge", "lt", "le")


class Member(msgspec.Struct, frozen=True):
    """A rule and the parts of its filter, each with the guard it is, if it is plain."""

    rule: Rule
    parts: tuple[Expression, ...]
    plain: tuple[Guard | None, ...]


class Guarded(msgspec.Struct, frozen=True):
    """A rule, guards still to be tested, and what else of its filter must be TRUE."""

    rule: Rule
    guards: tuple[Guard, ...]
    rest: tuple[Expression, ...]


class Guards:
    """Reads what guards test and emits their tests.

    ``sure`` reads a path and returns its variable, or None if it may be an ERROR.
    """

    def __init__(self, source: Source, sure: Callable[[Path], str | None]) -> None:
        self._source = source
        self._sure = sure
        self._atoms: dict[Path, str] = {}

    def member(self, rule: Rule, parts: Sequence[Expression]) -> Member:
        """Return a rule whose filter's parts all have to be TRUE."""
        return Member(rule, tuple(parts), tuple(plain_condition(part) for part in parts))

    def read(self, members: Sequence[Member]) -> None:
        """Read what guards of several rules test, before any rule is tried."""
        counted = Counter(
            path for member in members for path in {g.path for g in member.plain if g}
        )
        least = 1 if len(members) <= 2 else 2
        for path, count in counted.items():
            atom = self._sure(path) if count >= least else None
            if atom is not None:
                self._atoms[path] = atom

    def of(self, member: Member) -> tuple[Guard, ...]:
        """Return a rule's guards."""
        return tuple(guard for guard in member.plain if guard and guard.path in self._atoms)

    def rest(self, member: Member) -> tuple[Expression, ...]:
        """Return the parts of a rule's filter that are no guards."""
        return tuple(
            part
            for part, guard in zip(member.parts, member.plain, strict=True)
            if guard is None or guard.path not in self._atoms
        )

    def only_if(self, guards: Sequence[Guard]) -> AbstractContextManager[None]:
        """Return the block for where none of the guards is FALSE."""
        if not guards:
            return nullcontext()
        tests = [self._test(guard, or_null=True) for guard in _cheapest_first(guards)]
        self._source.line(f"if {' and '.join(tests)}:")
        return self._source.block()

    def tree(
        self,
        members: Sequence[Guarded],
        then: Callable[[Guarded], None],
        present: frozenset[Path] = frozenset(),
        depth: int = 0,
    ) -> None:
        """Emit rules: ``then`` is called in a block where all guards of one hold.

        ``present`` are the paths known not to be NULL here.
        """
        members = list(members)
        while len(members) > 1 and depth < _DEEPEST:
            left = (
                self._by_equality(members, then, present, depth)
                or self._by_guard(members, then, present, depth)
                or self._by_range(members, then, present, depth)
            )
            if left is None:
                break
            members = left[0]
        for member in members:
            if member.guards:
                guards = _cheapest_first(member.guards)
                tests = [self._test(guard, present=present) for guard in guards]
                self._source.line(f"if {' and '.join(tests)}:")
                with self._source.block():
                    then(member)
            else:
                then(member)

    def _by_equality(
        self,
        members: Sequence[Guarded],
        then: Callable[[Guarded], None],
        present: frozenset[Path],
        depth: int,
    ) -> tuple[list[Guarded]] | None:
        """Emit the rules that test one property for equality; return the others."""
        counted = Counter(p for m in members for p in {g.path for g in m.guards if g.how == "eq"})
        path, count = counted.most_common(1)[0] if counted else (None, 0)
        if path is None or count < 2:
            return None
        cases: dict[Any, list[Guarded]] = {}
        others: list[Guarded] = []
        for member in members:
            chosen = next((g for g in member.guards if g.how == "eq" and g.path == path), None)
            if chosen is None:
                others.append(member)
            else:
                cases.setdefault(chosen.constants[0], []).append(_without(member, chosen))
        inside = present | {path}
        # Like rules become like code.
        cases = dict(sorted(cases.items(), key=lambda case: -len(case[1])))

        def emit(case: int) -> None:
            self.tree(list(cases.values())[case], then, inside, depth + 8)

        self._switch(self._atoms[path], list(cases), emit)
        return (others,)

    def _switch(self, atom: str, constants: Sequence[Any], emit: Callable[[int], None]) -> None:
        source = self._source
        if len(constants) <= _CHAIN:
            for number, constant in enumerate(constants):
                word = "elif" if number else "if"
                source.line(f"{word} {atom} == {source.literal(constant)}:")
                with source.block():
                    emit(number)
            return
        table = source.literal({constant: n for n, constant in enumerate(constants)})
        found = source.assign(f"{table}.get({atom})")
        source.line(f"if {found} is not None:")
        with source.block():
            self._halves(found, 0, len(constants), emit)

    def _halves(self, found: str, start: int, end: int, emit: Callable[[int], None]) -> None:
        if end - start == 1:
            emit(start)
            return
        middle = (start + end) // 2
        self._source.line(f"if {found} < {middle:d}:")
        with self._source.block():
            self._halves(found, start, middle, emit)
        self._source.line("else:")
        with self._source.block():
            self._halves(found, middle, end, emit)

    def _by_guard(
        self,
        members: Sequence[Guarded],
        then: Callable[[Guarded], None],
        present: frozenset[Path],
        depth: int,
    ) -> tuple[list[Guarded]] | None:
        """Emit the rules that share a condition; return the others."""
        counted = Counter(guard for m in members for guard in dict.fromkeys(m.guards))
        guard, count = counted.most_common(1)[0] if counted else (None, 0)
        if guard is None or count < 2:
            return None
        self._source.line(f"if {self._test(guard, present=present)}:")
        with self._source.block():
            inside = present if guard.how == "null" else present | {guard.path}
            some = [_without(m, guard) for m in members if guard in m.guards]
            self.tree(some, then, inside, depth + 1)
        return ([m for m in members if guard not in m.guards],)

    def _by_range(
        self,
        members: Sequence[Guarded],
        then: Callable[[Guarded], None],
        present: frozenset[Path],
        depth: int,
    ) -> tuple[list[Guarded]] | None:
        """Emit the rules with a range of one property, the widest around the others."""
        counted = Counter(
            (g.path, g.how in _RISING) for m in members for g in m.guards if g.how in _RANGES
        )
        key, count = counted.most_common(1)[0] if counted else (None, 0)
        if key is None or count < 2:
            return None
        path, rising = key
        chosen: list[tuple[Guard, Guarded]] = []
        others: list[Guarded] = []
        for member in members:
            guard = next((g for g in member.guards if (g.path, g.how in _RISING) == key), None)
            if guard is None or guard.how not in _RANGES:
                others.append(member)
            else:
                chosen.append((guard, member))
        if len(chosen) < 2:
            return None
        chosen.sort(key=lambda pair: pair[0].constants[0], reverse=not rising)
        widest = [pair for pair in chosen if pair[0].constants == chosen[0][0].constants]
        guard = next((g for g, _ in widest if g.how in ("ge", "le")), widest[0][0])
        self._source.line(f"if {self._test(guard, present=present)}:")
        with self._source.block():
            some = [_without(m, g) if g == guard else m for g, m in chosen]
            self.tree(some, then, present | {path}, depth + 1)
        return (others,)

    def _test(
        self, guard: Guard, *, or_null: bool = False, present: frozenset[Path] = frozenset()
    ) -> str:
        atom = self._atoms[guard.path]
        return guard.test(
            atom, self._source.literal, or_null=or_null, present=guard.path in present
        )


def _without(member: Guarded, guard: Guard) -> Guarded:
    return Guarded(member.rule, tuple(g for g in member.guards if g != guard), member.rest)


def _cheapest_first(guards: Sequence[Guard]) -> list[Guard]:
    """Return equalities first: they cost least and exclude most."""
    return sorted(guards, key=lambda guard: guard.how not in ("eq", "in"))
