"""Compiled rules: buckets, and the bounded store they are kept in.

What is compiled is found by its rules' bytes, so rulesets share it safely, and a changed rule can
never meet what was compiled before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import re2
import structlog

from trackplane.engine.access import AccessPath
from trackplane.engine.demand import Demand, demand_for, reads_of
from trackplane.engine.generate import Runner
from trackplane.engine.kept import KeptRules
from trackplane.errors import TrackplaneError
from trackplane.rules.ir import Rule
from trackplane.rules.library.environment import NOTHING, Environment

_log = structlog.get_logger(__name__)

BUCKET_RULES: Final = 25  # compiled at once, in about 5 ms: that is what a change costs
MOST_RULES: Final = 60_000  # in each of two generations; about 9 KB each

# What a rule that cannot be run raises when it is decoded or compiled.
RULE_ERRORS: Final = (
    TrackplaneError,
    msgspec.MsgspecError,
    SyntaxError,
    RecursionError,
    ValueError,
    TypeError,
    re2.error,
)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """What placing a rule needs of it."""

    apps: tuple[str, ...] = ()
    envs: tuple[str, ...] = ("prod",)
    events: tuple[str, ...] | None = None


class Chunk:
    """A few rules: what is compiled at once."""

    __slots__ = ("kept", "reads", "runners")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.kept = KeptRules(rules)
        self.reads = reads_of(rules)
        self.runners: dict[int, tuple[Demand, Runner]] = {}  # by the demand's identity

    def runner(self, demand: Demand, environment: Environment) -> Runner:
        """Return the rules compiled for a demand."""
        found = self.runners.get(id(demand))
        if found is None:
            found = self.runners[id(demand)] = demand, Runner(self.kept, demand, environment)
        return found[1]


class Bucket:
    """Some rules, compiled: they share one decode of the event.

    ``reads`` are properties to decode with what the rules read, for looking other rules up.
    """

    def __init__(
        self,
        chunks: Sequence[Chunk],
        reads: Sequence[AccessPath] = (),
        environment: Environment = NOTHING,
    ) -> None:
        """Compile the rules.

        Raises:
            GenerateError: one has something that this engine cannot run.
        """
        self.names = tuple(name for chunk in chunks for name in chunk.kept.names)
        self._kept = tuple(chunk.kept for chunk in chunks)
        self.reads = tuple(reads)
        self.environment = environment
        looked_up = frozenset((path.path(), False) for path in reads)
        self.demand = demand_for(looked_up.union(*(chunk.reads for chunk in chunks)))
        self.runners = [chunk.runner(self.demand, environment) for chunk in chunks]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Return the rules, decoded anew."""
        return tuple(rule for kept in self._kept for rule in kept.decoded())


def compiled_alone(rule: Rule, environment: Environment) -> Bucket:
    """Return a rule compiled alone.

    Raises:
        GenerateError: it has something that this engine cannot run.
    """
    return Bucket([Chunk([rule])], (), environment)


Key = tuple[tuple[bytes, ...], tuple[AccessPath, ...]]  # bodies of rules, what else is read


class Compiled:
    """Buckets by what they are of. When a generation is full the one before it is let go.

    Filled and read by the engine's thread and by the one that takes changes over.
    """

    def __init__(self, most_rules: int = MOST_RULES) -> None:
        self._most = most_rules
        self._young: dict[Key, Bucket] = {}
        self._old: dict[Key, Bucket] = {}
        self._chunks: dict[tuple[bytes, ...], Chunk] = {}
        self._old_chunks: dict[tuple[bytes, ...], Chunk] = {}
        self.entries: dict[bytes, Entry] = {}  # of rules that were met, by their bodies
        self._rules = 0
        self.generation = 0  # rises when something was let go

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: Key, make: Callable[[], Bucket]) -> Bucket:
        """Return a bucket, made if it is not here."""
        found = self._young.get(key)
        if found is None:
            held = self._old.pop(key, None)
            found = make() if held is None else held
            self._rules += len(key[0]) + 1
            self._young[key] = found
            if self._rules > self._most:
                # What was only moved on is still here: nobody needs to ask for it again.
                self.generation += bool(self._old)
                self._old, self._young, self._rules = self._young, {}, 0
                self._old_chunks, self._chunks = self._chunks, {}
                self.entries.clear()
        return found

    def discard(self, key: Key) -> None:
        """Let go of a bucket that a change has made useless."""
        if self._young.pop(key, None) is not None:
            self._rules -= len(key[0]) + 1
        self._old.pop(key, None)

    def chunk(self, bodies: tuple[bytes, ...], make: Callable[[], Chunk]) -> Chunk:
        """Return a chunk, made if it is not here."""
        found = self._chunks.get(bodies)
        if found is None:
            held = self._old_chunks.pop(bodies, None)
            found = self._chunks[bodies] = make() if held is None else held
        return found

    def discard_chunks(self, key: Key, kept: Key | None) -> None:
        """Let go of the chunks of a bucket that are not another's."""
        keep = set() if kept is None else set(slices(kept[0]))
        for bodies in slices(key[0]):
            if bodies not in keep:
                self._chunks.pop(bodies, None)
                self._old_chunks.pop(bodies, None)


def slices(bodies: tuple[bytes, ...]) -> list[tuple[bytes, ...]]:
    """Return the bodies of each chunk."""
    return [bodies[at : at + BUCKET_RULES] for at in range(0, len(bodies), BUCKET_RULES)]
