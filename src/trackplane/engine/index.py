"""The index below an event's name: rules found by the values of a property instead of tried.

A ``Node`` is a set of rules. Those for which the index has no use stand in ``names`` and are tried on
every event that comes to it; each other one stands in the ``Branch`` of the property that, by what
is known of the events, lets the fewest through, or, with an ``or``, in several. A branch maps values
to the rules to try; too many of them are a node again. Nodes are immutable: ``edited`` shares with
the one before what did not change.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from trackplane.engine.access import AccessPath, Cover, Predicate, can_fail, covers, guess, paths_of
from trackplane.persistent import PersistentMap
from trackplane.rules.ir import Expression

SPLIT: Final = (
    1_000  # generated code tells up to so many rules apart faster than sorting events does
)
_MANY: Final = 1 << 62
_MOST_BOUNDS: Final = 1_023
_USELESS: Final = 0.8  # a cover that lets more through than this is none
_MOST_VALUES: Final = 2_000
_FEW: Final = 32
_PROBED: Final = 200  # rules looked at to see whether another plan is better
_WORTH: Final = 2.0  # times better
_EVIDENCE: Final = 500  # events seen before what was seen counts

# Known of an event before it is looked at: branches of these are resolved once for all its kind.
EVENT: Final = AccessPath("", ("event",), "string")
APP: Final = AccessPath("meta", ("app",), "string")
ENV: Final = AccessPath("meta", ("env",), "string")
KNOWN: Final = (EVENT, APP, ENV)

NULL: Final = ("null",)  # postings' keys that are no values: tuples
BESIDES: Final = ("besides",)

Names = tuple[str, ...]
Wheres = Callable[[str], Expression | None]  # a rule's filter by its name


class Observed:
    """What values events had: counted in samples, by the engine's thread, read by another."""

    def __init__(self) -> None:
        self.events = 0
        self.values: dict[AccessPath, Counter[Any]] = {}

    def add(self, columns: Mapping[AccessPath, Sequence[Any]], count: int) -> None:
        """Count the values of some events."""
        self.events += count
        for path, values in columns.items():
            counter = self.values.setdefault(path, Counter())
            counter.update(values)
            if len(counter) > _MOST_VALUES:  # what is rare need not be known
                for value, _ in counter.most_common()[_MOST_VALUES // 2 :]:
                    del counter[value]


class Plan(msgspec.Struct, frozen=True):
    """What a node's choice of properties rests on: how many constants rules name, what events had."""

    constants: Mapping[AccessPath, int]
    observed: Mapping[AccessPath, Mapping[Any, int]] = {}
    events: int = 0

    @classmethod
    def of(cls, alternatives: Iterable[Sequence[Cover]], observed: Observed) -> Plan:
        """Return the plan for rules with these covers."""
        constants: dict[AccessPath, set[Any]] = defaultdict(set)
        for some in alternatives:
            for cover in some:
                for predicate in cover:
                    constants[predicate.path].update(predicate.values)
        counts = {path: len(values) for path, values in constants.items()}
        if observed.events < _EVIDENCE:
            return cls(counts)
        seen = {path: dict(values.copy()) for path, values in list(observed.values.items())}
        return cls(counts, seen, observed.events)

    def share(self, cover: Cover) -> float:
        """Return the share of events that a cover is thought to let through."""
        return min(1.0, sum(map(self._share, cover)))

    def _share(self, predicate: Predicate) -> float:
        seen = self.observed.get(predicate.path)
        if seen is not None and self.events:
            least = 0.5 / self.events
            match predicate.how:
                case "in":
                    return sum(max(seen.get(v, 0) / self.events, least) for v in predicate.values)
                case "besides":
                    return 1.0 - seen.get(None, 0) / self.events
                case "null":
                    return max(seen.get(None, 0) / self.events, least)
                case "prefix":
                    begins = tuple(map(str, predicate.values))
                    hits = sum(
                        n for v, n in seen.items() if isinstance(v, str) and v.startswith(begins)
                    )
                    return max(hits / self.events, least)
            hits = sum(
                n for value, n in seen.items() if value is not None and _within(value, predicate)
            )
            return max(hits / self.events, least)
        if predicate.how == "in":
            return len(predicate.values) / max(self.constants.get(predicate.path, 1), 3)
        return guess((predicate,))


def _within(value: Any, predicate: Predicate) -> bool:
    low: Any = predicate.low
    high: Any = predicate.high
    if low is not None and value < low:
        return False
    return high is None or (value < high if predicate.below else value <= high)


class Member(msgspec.Struct, frozen=True):
    """A rule in the branches: its cover's number and properties, all that its filter reads."""

    choice: int
    looked_up: tuple[AccessPath, ...]
    reads: tuple[AccessPath, ...]


class Branch:
    """The rules of a node by the values of one property.

    ``postings`` has a value's rules under the value, a prefix's under ("prefix", text), a range's
    under ("range", level, number): the line of ``bounds`` is cut into cells, and a range is in the
    few cells, halves, quarters … of the line that make it up. ``shared`` are rules that stand
    elsewhere too, so that an event may find them twice.
    """

    __slots__ = (
        "_cells", "bounds", "levels", "path", "planned", "postings", "prefixes", "ranges", "shared",
    )  # fmt: skip

    def __init__(self, path: AccessPath, bounds: Sequence[Any] = ()) -> None:
        self.path = path
        self.bounds = tuple(bounds)
        self.levels = len(self.bounds).bit_length() + 1 if bounds else 0
        self.postings: PersistentMap[Hashable, Names | Node] = PersistentMap()
        self.shared: PersistentMap[Hashable, Names] = PersistentMap()
        self.prefixes: Mapping[int, int] = {}  # lengths, and how many rules have them
        self.ranges = 0  # and how many there were when the bounds were chosen
        self.planned = 0
        self._cells: dict[int, tuple[Hashable, ...]] = {}

    def keys(self, predicate: Predicate) -> Iterator[Hashable]:
        """Return where a predicate stands; ("not", value): where it does not."""
        match predicate.how:
            case "in":
                yield from predicate.values
            case "prefix":
                yield from (("prefix", value) for value in predicate.values)
            case "null":
                yield NULL
            case "besides":
                yield BESIDES
                yield from (("not", value) for value in predicate.values)
            case "range":
                low: Any = predicate.low
                high: Any = predicate.high
                first = 0 if low is None else bisect_right(self.bounds, low)
                last = len(self.bounds)
                if high is not None:
                    last = (bisect_left if predicate.below else bisect_right)(self.bounds, high)
                if low is not None:
                    first = min(first, bisect_right(self.bounds, low))
                yield from _pieces(first, last)

    def found(self, value: Any) -> tuple[list[Names | Node], list[Names]]:
        """Return what to try on events with a value (None: NULL), and what is shared of it."""
        keys = list(self._keys_of(value))
        found: list[Names | Node] = []
        shared: list[Names] = []
        for key in keys:
            posting = self.postings.get(key)
            if posting is not None:
                found.append(self._without(posting, self.postings, key, value))
            names = self.shared.get(key)
            if names is not None:
                kept = self._without(names, self.shared, key, value)
                assert isinstance(kept, tuple)
                shared.append(kept)
        return found, shared

    def _without(
        self,
        posting: Names | Node,
        postings: PersistentMap[Hashable, Any],
        key: Hashable,
        value: Any,
    ) -> Names | Node:
        if key != BESIDES:
            return posting
        gone = postings.get(("not", value))
        if gone is None:
            return posting
        excluded = set(gone)
        return tuple(name for name in posting if name not in excluded)

    def _keys_of(self, value: Any) -> Iterator[Hashable]:
        if value is None:
            yield NULL
            return
        yield value
        yield BESIDES
        if self.prefixes:
            yield from (("prefix", value[:size]) for size in self.prefixes if size <= len(value))
        if self.ranges:
            yield from self.cell(bisect_right(self.bounds, value))

    def cell(self, number: int) -> tuple[Hashable, ...]:
        """Return the keys of a cell of the line that rules stand under."""
        keys = self._cells.get(number)
        if keys is None:
            every = [("range", level, number >> level) for level in range(self.levels + 1)]
            keys = tuple(key for key in every if key in self.postings or key in self.shared)
            self._cells[number] = keys
        return keys


def _pieces(first: int, last: int) -> Iterator[Hashable]:
    """Yield the fewest halves, quarters … that make up the cells from first to last."""
    level = 0
    last += 1
    while first < last:
        if first & 1:
            yield ("range", level, first)
            first += 1
        if last & 1:
            last -= 1
            yield ("range", level, last)
        first, last, level = first >> 1, last >> 1, level + 1


class Node:
    """A set of rules. ``reads``: the properties that its branches' rules read, and how many do."""

    __slots__ = (
        "_missed", "_planned", "branches", "members", "names", "observed", "plan", "reads", "split",
        "used",
    )  # fmt: skip

    def __init__(self, used: frozenset[AccessPath] = frozenset(), split: int = SPLIT) -> None:
        self.split = split
        self.names: Names = ()
        self.branches: Mapping[AccessPath, Branch] = {}
        self.members: PersistentMap[str, Member] = PersistentMap()
        self.reads: Mapping[AccessPath, int] = {}
        self.used = used
        self.observed = Observed()
        self.plan = Plan({})
        self._planned = 0  # rules in ``names`` when the plan was made
        self._missed: dict[Any, Names] = {}

    @property
    def is_root(self) -> bool:
        """Say whether no event name or value led here: trying rules one by one is the last resort."""
        return self.used <= {APP}

    def __len__(self) -> int:
        return len(self.names) + len(self.members)

    def __iter__(self) -> Iterator[str]:
        yield from self.names
        yield from self.members

    @classmethod
    def build(
        cls,
        names: Iterable[str],
        wheres: Wheres,
        *,
        used: frozenset[AccessPath] = frozenset(),
        observed: Observed | None = None,
        split: int = SPLIT,
    ) -> Node:
        """Return the node of some rules, planned for them and for what was observed."""
        node = cls(used, split)
        node.observed = observed or node.observed
        found = [(name, wheres(name)) for name in names]
        node.plan = Plan.of((node.alternatives(where) for _, where in found), node.observed)
        return node._changed(found, (), wheres, wheres)

    def alternatives(self, where: Expression | None) -> list[Cover]:
        """Return the covers of a filter; of those that could be of no use here nothing is left."""
        some = covers(where)
        return [() if any(p.path in self.used for p in cover) else cover for cover in some]

    def choose(self, where: Expression | None) -> tuple[int, Cover, float]:
        """Return the best cover's number, the cover, and the share of events it lets through.

        Number -1: none is of use.
        """
        best: tuple[int, Cover, float] = (-1, (), 1.0)
        for number, cover in enumerate(self.alternatives(where)):
            if cover:
                share = self.plan.share(cover)
                if all(predicate.path in KNOWN for predicate in cover):
                    share = min(share, 0.99)  # costs nothing at all
                elif share > _USELESS and not self.is_root:
                    continue
                if share < best[2] or best[0] < 0:
                    best = (number, cover, share)
        return best

    def built_again(self, wheres: Wheres) -> Node:
        """Return this node planned for the rules it has now and for what was observed."""
        return Node.build(self, wheres, used=self.used, observed=self.observed, split=self.split)

    def is_outdated(self, wheres: Wheres) -> bool:
        """Say whether what was observed makes another plan let far fewer events through.

        Looks at some of the rules.
        """
        seen = self.observed
        if seen.events < max(_EVIDENCE, 2 * self.plan.events):
            return False
        some = [(name, wheres(name)) for name in islice(self.members, _PROBED)]
        probe = Node(self.used, self.split)
        probe.plan = Plan.of((self.alternatives(where) for _, where in some), seen)
        now = best = 0.0
        for name, where in some:
            now += probe.plan.share(self.alternatives(where)[self.members[name].choice])
            best += probe.choose(where)[2]
        return now > _WORTH * best

    def edited(
        self, added: Sequence[str], removed: Sequence[str], before: Wheres, after: Wheres
    ) -> Node:
        """Return the node with some rules more and some fewer; a changed one is both.

        ``before`` gives the filters that rules had, ``after`` those that they have now.
        """
        node = self._changed(
            [(name, after(name)) for name in added],
            [(name, before(name)) for name in removed],
            before,
            after,
        )
        crowded = len(node.names) > max(self.split, 2 * self._planned) and not self.is_root
        blurred = any(b.ranges > max(_FEW, 4 * b.planned) for b in node.branches.values())
        if crowded or blurred:
            return node.built_again(after)
        return node

    def _changed(
        self,
        added: Sequence[tuple[str, Expression | None]],
        removed: Sequence[tuple[str, Expression | None]],
        before: Wheres,
        after: Wheres,
    ) -> Node:
        node = Node(self.used, self.split)
        node.observed, node.plan = self.observed, self.plan
        members = self.members.edit()
        reads = Counter(self.reads)
        changes: dict[AccessPath, _Changes] = defaultdict(_Changes)
        gone: set[str] = set()
        direct: list[str] = []
        known: dict[Member, Member] = {}
        for name, where in removed:
            member = members.pop(name)
            if member is None:
                gone.add(name)
                continue
            reads.subtract(member.reads)
            cover = self.alternatives(where)[member.choice]
            for predicate in cover:
                changes[predicate.path].take(name, predicate, where, cover, added=False)
        for name, where in added:
            choice, cover, _ = self.choose(where)
            if choice < 0:
                direct.append(name)
                continue
            looked_up = tuple(dict.fromkeys(predicate.path for predicate in cover))
            member = Member(choice, looked_up, tuple(dict.fromkeys((*looked_up, *paths_of(where)))))
            member = known.setdefault(member, member)
            members[name] = member
            reads.update(member.reads)
            for predicate in cover:
                changes[predicate.path].take(name, predicate, where, cover, added=True)
        names = self.names
        if gone:
            names = tuple(name for name in names if name not in gone)
        node.names = (*names, *direct) if direct else names
        node._planned = self._planned or len(node.names)
        node.members = members.finish()
        node.reads = {path: count for path, count in reads.items() if count > 0}
        branches = dict(self.branches)
        for path, change in changes.items():
            below = self.used | {path}
            branch = change.applied(
                branches.get(path) or Branch(path, change.bounds()),
                below,
                self.split,
                before,
                after,
            )
            if len(branch.postings) + len(branch.shared):
                branches[path] = branch
            else:
                branches.pop(path, None)
        node.branches = branches
        return node

    def missed(self, errors: frozenset[AccessPath], unknown: frozenset[AccessPath]) -> Names:
        """Return the rules that may fail on an event though no value finds them.

        ``errors`` are the properties that are an ERROR there, ``unknown`` these and those that are
        NULL: what reads one of the first and is looked up by one of the second.
        """
        key = errors, unknown.intersection(self.branches)
        found = self._missed.get(key)
        if found is None:
            found = tuple(
                name
                for name, member in self.members.items()
                if not errors.isdisjoint(member.reads) and not unknown.isdisjoint(member.looked_up)
            )
            if len(self._missed) > 1_000:
                self._missed.clear()
            self._missed[key] = found
        return found


class _Changes:
    """What changes in one branch, collected: a posting is made anew once, however many changes."""

    def __init__(self) -> None:
        self.items: list[tuple[str, Predicate, bool, bool, bool]] = []

    def take(
        self, name: str, predicate: Predicate, where: Any, cover: Cover, *, added: bool
    ) -> None:
        null = predicate.how != "null" and can_fail(where)
        shared = len(cover) > 1 or (len(predicate.values) > 1 and predicate.how == "prefix")
        self.items.append((name, predicate, added, shared, null))

    def applied(
        self,
        base: Branch,
        used: frozenset[AccessPath],
        split: int,
        before: Wheres,
        after: Wheres,
    ) -> Branch:
        """Return the branch after the changes."""
        branch = Branch(base.path, base.bounds)
        branch.ranges = base.ranges
        prefixes = Counter(base.prefixes)
        adds: dict[bool, dict[Hashable, list[str]]] = {False: {}, True: {}}
        drops: dict[bool, dict[Hashable, set[str]]] = {False: {}, True: {}}
        for name, predicate, added, shared, null in self.items:
            if predicate.how == "prefix":
                sizes = {len(str(value)) for value in predicate.values}
                (prefixes.update if added else prefixes.subtract)(sizes)
            if predicate.how == "range":
                branch.ranges += 1 if added else -1
            for key in (*base.keys(predicate), *((NULL,) if null else ())):
                if added:
                    adds[shared].setdefault(key, []).append(name)
                else:
                    drops[shared].setdefault(key, set()).add(name)
        branch.planned = base.planned or branch.ranges
        branch.prefixes = {size: count for size, count in prefixes.items() if count > 0}
        postings = base.postings.edit()
        for key in adds[False].keys() | drops[False].keys():
            old = postings.get(key)
            posting = _posting(
                old, adds[False].get(key, []), drops[False].get(key, set()), used, before, after,
                split=_MANY if key == BESIDES or (isinstance(key, tuple) and key[0] == "not") else split,
            )  # fmt: skip
            if len(posting):
                postings[key] = posting
            else:
                postings.pop(key)
        branch.postings = postings.finish()
        shares = base.shared.edit()
        for key in adds[True].keys() | drops[True].keys():
            dropped = drops[True].get(key, set())
            kept = tuple(name for name in shares.get(key) or () if name not in dropped)
            names = (*kept, *dict.fromkeys(adds[True].get(key, ())))
            if names:
                shares[key] = names
            else:
                shares.pop(key)
        branch.shared = shares.finish()
        return branch

    def bounds(self) -> list[Any]:
        """Return where the ranges begin and end, or some of that."""
        found: set[Any] = set()
        for _, predicate, _, _, _ in self.items:
            if predicate.how == "range":
                found.update(b for b in (predicate.low, predicate.high) if b is not None)
        ordered = sorted(found)
        step = len(ordered) // _MOST_BOUNDS + 1
        return list(islice(ordered, 0, None, step))


def _posting(
    old: Names | Node | None,
    added: Sequence[str],
    dropped: set[str],
    used: frozenset[AccessPath],
    before: Wheres,
    after: Wheres,
    *,
    split: int,
) -> Names | Node:
    if isinstance(old, Node):
        return old.edited(added, sorted(dropped), before, after)
    kept = old or ()
    if dropped:
        kept = tuple(name for name in kept if name not in dropped)
    names = (*kept, *dict.fromkeys(added))
    if len(names) > split:
        return Node.build(names, after, used=used, split=split)
    return names
