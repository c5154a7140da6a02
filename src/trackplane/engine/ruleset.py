"""The ruleset: an immutable, numbered set of rules, indexed, compiled on first use.

Rules lie as packed IR bytes. A rule stands under each of its events' names (and under its apps,
where it names a few): most names have a handful. Where there are many, and for rules that name no
event, a ``Node`` finds them by values. Readers hold one reference; ``apply`` returns a new ruleset,
which shares with the one before all that the change does not touch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Final

import msgspec
import structlog

from trackplane.engine.access import AccessPath
from trackplane.engine.bucket import (
    BUCKET_RULES,
    MOST_RULES,
    RULE_ERRORS,
    Bucket,
    Chunk,
    Compiled,
    Entry,
    Key,
    compiled_alone,
    slices,
)
from trackplane.engine.generate import GenerateError
from trackplane.engine.index import APP, ENV, EVENT, KNOWN, SPLIT, Names, Node
from trackplane.packed import is_packed, pack, unpack
from trackplane.persistent import PersistentMap
from trackplane.rules.ir import Dataset, Expression, Rule, Select, decode_rule, targets
from trackplane.rules.library.environment import NOTHING, Environment

__all__ = ["BUCKET_RULES", "Bucket", "Place", "Ruleset"]

_log = structlog.get_logger(__name__)

_EAGER: Final = 500  # a delta of at most so many rules is compiled at once, so that a NACK names it
_WARM: Final = 200  # places compiled with a delta, before the engine meets them
_MOST_PLACES: Final = 100_000
_MOST_APPS: Final = 4  # a rule of more apps stands under no app

Root = tuple[str | None, str | None]  # event and app that rules stand under; None: any
Posting = Names | Node
_NO_DATASETS: Final[Mapping[str, Dataset]] = MappingProxyType({})


class _Where(msgspec.Struct, frozen=True, gc=False):
    where: Expression | None = None


class _Routes(msgspec.Struct, frozen=True, gc=False):
    targets: tuple[tuple[str, str], ...] = ()


class _Targets(msgspec.Struct, frozen=True, gc=False):
    target: str
    actions: tuple[_Routes, ...] = ()


_decode_targets: Final = msgspec.json.Decoder(_Targets).decode
_decode_entry: Final = msgspec.json.Decoder(Entry).decode
_decode_where: Final = msgspec.json.Decoder(_Where).decode


class Place:
    """What is tried on events of one name, app and environment.

    ``bucket``'s rules are tried on all of them; it decodes also what ``nodes`` look up by (each with
    the event name it stands under, None for rules of any event). Rules of
    ``direct`` are among them, so that no node tries them once more.
    """

    __slots__ = ("app", "bucket", "direct", "env", "key", "nodes")

    def __init__(
        self,
        bucket: Bucket,
        key: Key,
        nodes: tuple[tuple[Node, str | None], ...],
        direct: frozenset[str],
        app: str,
        env: str,
    ) -> None:
        self.bucket = bucket
        self.key = key
        self.nodes = nodes
        self.direct = direct
        self.app = app
        self.env = env


class Ruleset:
    """All rules under one number. ``broken``: rules found not to compile when they were first met."""

    def __init__(
        self,
        number: int,
        bodies: PersistentMap[str, bytes],
        roots: PersistentMap[Root, Posting],
        datasets: Mapping[str, Dataset],
        environment: Environment,
        compiled: Compiled,
        broken: dict[str, str],
        places: dict[str, dict[tuple[str, str], Place | None]],
        leaves: dict[str | None, dict[tuple[Names, str, str], Bucket | None]],
        wide: Mapping[str | None, Node],
        split: int,
    ) -> None:
        self.number = number
        self.datasets = datasets
        self.environment = environment
        self.broken = broken
        self._bodies = bodies
        self._roots = roots
        self._compiled = compiled
        self._places = places
        self._split = split
        self._wide = wide  # nodes of no event name, by app
        self._generation = compiled.generation
        self._leaves: dict[str | None, dict[tuple[Names, str, str], Bucket | None]] = leaves

    @classmethod
    def empty(cls, *, split: int = SPLIT, most_compiled: int = MOST_RULES) -> Ruleset:
        """Return the ruleset of number 0.

        Of more than ``split`` rules of an event those to try are looked up by value.
        ``most_compiled`` bounds the rules held compiled, in each of two generations.
        """
        compiled = Compiled(most_compiled)
        return cls(
            0, PersistentMap(), PersistentMap(), {}, NOTHING, compiled, {}, {}, {}, {}, split
        )

    def __len__(self) -> int:
        return len(self._bodies)

    def __iter__(self) -> Iterator[str]:
        return iter(self._bodies)

    @property
    def compiled(self) -> int:
        """Return how many buckets are held compiled."""
        return len(self._compiled)

    @property
    def most_apps(self) -> int:
        """Return up to how many apps a rule stands under each of them."""
        return _MOST_APPS

    @property
    def in_use(self) -> frozenset[tuple[str, str, str]]:
        """Return the places (event, app, env) that were asked for."""
        places = list(self._places.items())
        return frozenset((event, app, env) for event, here in places for app, env in list(here))

    @property
    def everywhere(self) -> tuple[str, ...]:
        """Return the rules that no event name and no value narrows: they are tried on every event."""
        return tuple(sorted(name for node in self._wide.values() for name in node.names))

    def rule(self, name: str) -> Rule | None:
        """Return a rule, or None.

        Raises:
            msgspec.MsgspecError: it is broken.
        """
        body = self._bodies.get(name)
        return None if body is None else decode_rule(unpack(body))

    def node(self, event: str | None, app: str | None) -> Posting | None:
        """Return what stands under an event and app (None: any), for explanations."""
        return self._roots.get((event, app))

    def apply(
        self,
        number: int,
        *,
        changed: Mapping[str, bytes] = MappingProxyType({}),
        removed: Iterable[str] = (),
        datasets: Mapping[str, Dataset] | None = None,
        environment: Environment | None = None,
    ) -> tuple[Ruleset, dict[str, str]]:
        """Return the next ruleset, and the rules that cannot be run with the reason.

        ``changed`` has bodies, packed or not. ``datasets`` and ``environment`` replace what there
        was where they are given; rules of a dataset that changed are looked at again. A rejected
        rule is absent. Up to 500 changed rules are compiled here; of more only the shape is checked,
        and what then does not compile when it is met is in ``broken``.
        """
        known = self.datasets if datasets is None else datasets
        removed = [name for name in dict.fromkeys(removed) if name not in changed]
        rejected: dict[str, str] = {}
        for name, body in self._of_changed(known, changed, removed):
            try:
                check_targets(decode_rule(unpack(body)), known)
            except RULE_ERRORS as error:
                rejected[name] = str(error)
                removed.append(name)
        eager = len(changed) <= _EAGER
        bodies, moves = self._bodies.edit(), _Moves()
        for name in removed:
            old = bodies.pop(name)
            if old is not None:
                moves.remove(name, _decode_entry(unpack(old)))
        env = self.environment if environment is None else environment
        for name, body in changed.items():
            plain = unpack(body)
            old = bodies.get(name)
            if old is not None:
                bodies.pop(name)
                moves.remove(name, _decode_entry(unpack(old)))
            try:
                rule = decode_rule(plain)
                check_targets(rule, known)
                if eager:
                    compiled_alone(rule, env)
            except RULE_ERRORS as error:
                rejected[name] = str(error)
                continue
            bodies[name] = body if is_packed(body) else pack(body)
            moves.add(name, rule)
        after_bodies = bodies.finish()
        roots = self._roots.edit()
        wide = dict(self._wide) if any(event is None for event, _ in moves.roots()) else self._wide
        for root in moves.roots():
            posting = self._moved(root, roots.get(root), moves, after_bodies)
            if len(posting):
                roots[root] = posting
            else:
                roots.pop(root)
            if root[0] is None and isinstance(posting, Node):
                assert isinstance(wide, dict)
                wide.pop(root[1], None)
                if len(posting):
                    wide[root[1]] = posting
        broken = self.broken
        if broken:
            broken = {
                name: why
                for name, why in broken.items()
                if name in after_bodies and name not in changed
            }
        touched = {event for event, _ in moves.roots()}
        places: dict[str, dict[tuple[str, str], Place | None]] = {}
        if None not in touched and self._generation == self._compiled.generation:
            places = self._places.copy()
        leaves = self._leaves.copy() if self._generation == self._compiled.generation else {}
        for event in touched:
            leaves.pop(event, None)
        before = {event: self._places.get(event) for event in touched if event is not None}
        for event in before:
            places.pop(event, None)
        after = Ruleset(
            number, after_bodies, roots.finish(), known, env, self._compiled, broken, places,
            leaves, wide, self._split,
        )  # fmt: skip
        after._warm({e: here for e, here in before.items() if here} if places else self._places)
        return after, rejected

    def _of_changed(
        self,
        known: Mapping[str, Dataset],
        changed: Mapping[str, bytes],
        removed: Sequence[str],
    ) -> Iterator[tuple[str, bytes]]:
        """Yield the other rules that write to a dataset which is no longer what it was."""
        if known is self.datasets:
            return
        other = {name for name, was in self.datasets.items() if known.get(name) != was}
        if not other:
            return
        gone = set(removed)
        for name, body in self._bodies.items():
            if name in changed or name in gone:
                continue
            found = _decode_targets(unpack(body))
            routed = (to for action in found.actions for _, to in action.targets)
            if found.target in other or not other.isdisjoint(routed):
                yield name, body

    def _moved(
        self, root: Root, old: Posting | None, moves: _Moves, bodies: PersistentMap[str, bytes]
    ) -> Posting:
        added, removed = moves.added.get(root, []), moves.removed.get(root, [])

        def after(name: str) -> Expression | None:
            return _decode_where(unpack(bodies[name])).where

        def before(name: str) -> Expression | None:
            return _decode_where(unpack(self._bodies[name])).where

        used = frozenset(
            path for path, known in ((EVENT, root[0]), (APP, root[1])) if known is not None
        )
        if isinstance(old, Node):
            return old.edited(added, removed, before, after)
        # A rule that only changed keeps its place: what is compiled around it can stay.
        gone = set(removed).difference(added)
        kept = tuple(name for name in old or () if name not in gone) if gone else old or ()
        held = set(kept)
        names = (*kept, *(name for name in added if name not in held))
        if names and (root[0] is None or len(names) > self._split):
            return Node.build(names, after, used=used, split=self._split)
        return names

    def replanned(self) -> Ruleset | None:
        """Return this ruleset with its nodes planned by what they observed; None: all are well.

        Takes as long as indexing the rules of those nodes did: call it off the hot path, and not
        beside ``apply``.
        """
        roots, wide = self._roots.edit(), dict(self._wide)
        count = 0

        def wheres(name: str) -> Expression | None:
            return _decode_where(unpack(self._bodies[name])).where

        for root, posting in list(self._roots.items()):
            if isinstance(posting, Node) and posting.is_outdated(wheres):
                node = posting.built_again(wheres)
                roots[root] = node
                if root[0] is None:
                    wide[root[1]] = node
                count += 1
        if not count:
            return None
        after = Ruleset(
            self.number, self._bodies, roots.finish(), self.datasets, self.environment,
            self._compiled, self.broken, {}, {}, wide, self._split,
        )  # fmt: skip
        after._warm(self._places)
        return after

    def _warm(self, places: Mapping[str, Mapping[tuple[str, str], Place | None]]) -> None:
        """Compile what is in use off the engine's thread; let go of what no longer is."""
        used = [
            (event, app, env, place)
            for event, here in islice(places.items(), _WARM)
            for (app, env), place in list(here.items())
        ]
        for event, app, env, before in islice(used, _WARM):
            place = self.place(event, app, env)
            if before is not None and (place is None or place.key != before.key):
                self._compiled.discard(before.key)
                self._compiled.discard_chunks(before.key, None if place is None else place.key)

    # --- what the engine asks ---------------------------------------------------------------------

    @property
    def generation(self) -> int:
        """Return a number that rises when compiled rules were let go: hold none from before."""
        return self._compiled.generation

    def place(self, event: str, app: str, env: str) -> Place | None:
        """Return what is tried on the events of a place, or None where there is nothing."""
        here = self._places.get(event)
        if here is not None:
            try:
                return here[app, env]
            except KeyError:
                pass
        if self._generation != self._compiled.generation or len(self._places) >= _MOST_PLACES:
            # Names of events are the client's to invent; and what was let go is let go here too.
            self._places.clear()
            self._leaves.clear()
            self._generation = self._compiled.generation
        found = self._resolve(event, app, env)
        self._places.setdefault(event, {})[app, env] = found
        return found

    def bucket(self, event: str, app: str, env: str) -> Bucket | None:
        """Return what is tried on all events of a place, or None where there is nothing."""
        place = self.place(event, app, env)
        return None if place is None else place.bucket

    def leaf(self, names: Names, event: str | None, app: str, env: str) -> Bucket | None:
        """Return rules that were looked up under an event (None: any), compiled.

        None: none of them is of the app and environment.
        """
        key = names, app, env
        here = self._leaves.get(event)
        if here is None or len(here) >= _MOST_PLACES:
            here = self._leaves[event] = {}
        try:
            return here[key]
        except KeyError:
            pass
        found = here[key] = self._compile(names, (), app, env)[0]
        return found

    def _resolve(self, event: str, app: str, env: str) -> Place | None:
        known = {EVENT: event, APP: app, ENV: env}
        names: list[str] = []
        nodes: list[tuple[Node, str | None]] = []
        waiting: list[tuple[Posting, str | None]] = [
            (posting, root[0])
            for root in ((event, app), (event, None), (None, app), (None, None))
            if (posting := self._roots.get(root)) is not None
        ]
        while waiting:
            posting, under = waiting.pop()
            if isinstance(posting, tuple):
                names += posting
                continue
            names += posting.names
            for path in KNOWN:
                if path in posting.branches:
                    found, shared = posting.branches[path].found(known[path])
                    waiting += [(more, under) for more in (*found, *shared)]
            if any(path not in known for path in posting.branches):
                nodes.append((posting, under))
        reads = {path for node, _ in nodes for path in node.reads if path.root not in ("", "meta")}
        names = list(dict.fromkeys(names))
        order = tuple(sorted(reads, key=_order))
        bucket, key = self._compile(names, order, app, env, always=bool(nodes))
        if bucket is None:
            return None
        return Place(bucket, key, tuple(nodes), frozenset(names), app, env)

    def _compile(
        self,
        names: Sequence[str],
        reads: tuple[AccessPath, ...],
        app: str,
        env: str,
        *,
        always: bool = False,
    ) -> tuple[Bucket | None, Key]:
        chosen = []
        for name in names:
            body = self._bodies[name]
            entry = self._compiled.entries.get(body)
            if entry is None:
                entry = self._compiled.entries[body] = _decode_entry(unpack(body))
            here = (not entry.apps or app in entry.apps) and env in entry.envs
            if here and name not in self.broken:
                chosen.append((name, body))
        key = tuple(body for _, body in chosen), reads
        if not chosen and not always:
            return None, key
        try:
            return self._compiled.get(key, lambda: self._made(key)), key
        except RULE_ERRORS:
            for name, body in chosen:
                try:
                    compiled_alone(decode_rule(unpack(body)), self.environment)
                except RULE_ERRORS as error:
                    _log.error("rule_broken", rule=name, error=str(error))
                    self.broken[name] = str(error)
        if all(name not in self.broken for name, _ in chosen):
            raise GenerateError("rules compile alone and not together")
        return self._compile([name for name, _ in chosen], reads, app, env, always=always)

    def _made(self, key: Key) -> Bucket:
        def made(bodies: tuple[bytes, ...]) -> Chunk:
            return Chunk([decode_rule(unpack(body)) for body in bodies])

        chunks = [self._compiled.chunk(b, lambda b=b: made(b)) for b in slices(key[0])]  # type: ignore[misc]
        rules = [rule for chunk in chunks for rule in chunk.kept.decoded()]
        return Bucket(chunks, key[1], _narrowed(self.environment, rules))

    def verify(self, names: Iterable[str]) -> dict[str, str]:
        """Compile rules and forget them again; return those that do not compile, now ``broken``."""
        found: dict[str, str] = {}
        for name in names:
            body = self._bodies.get(name)
            if body is None:
                continue
            try:
                compiled_alone(decode_rule(unpack(body)), self.environment)
            except RULE_ERRORS as error:
                found[name] = self.broken[name] = str(error)
        return found


class _Moves:
    """Where changed rules stood and will stand."""

    def __init__(self) -> None:
        self.added: dict[Root, list[str]] = {}
        self.removed: dict[Root, list[str]] = {}

    def add(self, name: str, rule: Rule | Entry) -> None:
        for root in _roots_of(rule):
            self.added.setdefault(root, []).append(name)

    def remove(self, name: str, entry: Entry) -> None:
        for root in _roots_of(entry):
            self.removed.setdefault(root, []).append(name)

    def roots(self) -> list[Root]:
        return list(dict.fromkeys((*self.removed, *self.added)))


def _roots_of(rule: Rule | Entry) -> Iterator[Root]:
    apps: Sequence[str | None] = tuple(dict.fromkeys(rule.apps))
    if not 0 < len(apps) <= _MOST_APPS:
        apps = (None,)
    events: Sequence[str | None] = (
        (None,) if rule.events is None else tuple(dict.fromkeys(rule.events))
    )
    return ((event, app) for event in events for app in apps)


def _order(path: AccessPath) -> tuple[str, str, str]:
    return path.root, str(path.parts), path.kind


def _narrowed(environment: Environment, rules: Sequence[Rule]) -> Environment:
    """Return the environment without tables where no rule uses one: old tables must not be held."""
    if not environment.tables or any(u.startswith("table:") for r in rules for u in r.uses):
        return environment
    return msgspec.structs.replace(environment, tables={})


def check_targets(rule: Rule, datasets: Mapping[str, Dataset]) -> None:
    """Refuse rows that a dataset, perhaps changed since the rule was checked, does not take.

    Raises:
        GenerateError: there is no such dataset, or a column is missing or of another type.
    """
    for target in targets(rule):
        dataset = datasets.get(target)
        if dataset is None:
            raise GenerateError(f"there is no dataset {target!r}")
        # What a script makes of an output is known when it is made.
        if not any(action.__class__.__name__ == "Script" for action in rule.actions):
            _check_columns(rule, dataset)


def _check_columns(rule: Rule, dataset: Dataset) -> None:
    select = next((action for action in rule.actions if isinstance(action, Select)), None)
    if select is None:
        if dataset.columns:
            raise GenerateError(f"dataset {dataset.name!r} has columns: whole events do not fit")
        return
    for column in select.columns:
        wanted = dataset.columns.get(column.name)
        kind = column.value.type.kind
        if wanted is None and dataset.columns:
            raise GenerateError(f"dataset {dataset.name!r} has no column {column.name!r}")
        if wanted not in (None, "json", kind) and kind != "null":
            raise GenerateError(f"column {column.name!r} is {wanted}, the rule gives {kind}")
