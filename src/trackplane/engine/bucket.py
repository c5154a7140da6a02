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
from trackplane.engine.demand import Demand, demand_of
from trackplane.engine.generate import Runner
from trackplane.errors import TrackplaneError
from trackplane.rules.ir import BOOL, Call, Rule
from trackplane.rules.library.environment import NOTHING, Environment

_log = structlog.get_logger(__name__)

BUCKET_RULES: Final = 100  # facts: compiling 100 rules takes 2.8 ms, 1,000 take 21 ms
MOST_RULES: Final = 40_000  # in each of two generations; about 13 KB each

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


class Bucket:
    """Some rules, compiled: they share one decode of the event.

    ``reads`` are properties to decode with what the rules read, for looking other rules up.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        reads: Sequence[AccessPath] = (),
        environment: Environment = NOTHING,
    ) -> None:
        """Compile the rules.

        Raises:
            GenerateError: one has something that this engine cannot run.
        """
        self.rules = tuple(rules)
        self.reads = tuple(reads)
        self.environment = environment
        self.demand: Demand = demand_of([*rules, *_reader(reads)])
        self.runners = [
            Runner(rules[start : start + BUCKET_RULES], self.demand, environment)
            for start in range(0, len(rules), BUCKET_RULES)
        ]


def _reader(reads: Sequence[AccessPath]) -> list[Rule]:
    """Return a rule, never run, that reads some properties."""
    if not reads:
        return []
    where = Call("and", tuple(path.path() for path in reads), BOOL)
    return [Rule(name="", target="", actions=(), where=where)]


Key = tuple[tuple[bytes, ...], tuple[AccessPath, ...]]  # bodies of rules, what else is read


class Compiled:
    """Buckets by what they are of. When a generation is full the one before it is let go.

    Filled and read by the engine's thread and by the one that takes changes over.
    """

    def __init__(self, most_rules: int = MOST_RULES) -> None:
        self._most = most_rules
        self._young: dict[Key, Bucket] = {}
        self._old: dict[Key, Bucket] = {}
        self._rules = 0
        self.generation = 0  # rises when something was let go

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: Key, make: Callable[[], Bucket]) -> Bucket:
        """Return a bucket, made if it is not here."""
        found = self._young.get(key)
        if found is None:
            found = self._old.pop(key, None) or make()
            self._rules += len(key[0]) + 1
            self._young[key] = found
            if self._rules > self._most:
                self._old, self._young, self._rules = self._young, {}, 0
                self.generation += 1
        return found

    def discard(self, key: Key) -> None:
        """Let go of a bucket that a change has made useless."""
        if self._young.pop(key, None) is not None:
            self._rules -= len(key[0]) + 1
        self._old.pop(key, None)
