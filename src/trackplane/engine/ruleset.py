"""The ruleset: an immutable, numbered set of rules, indexed, compiled on first use.

Rules lie as IR bytes. An index on the event's name finds candidates; what was compiled for an event
is shared by the next ruleset unless the delta touches it, so a change recompiles its own buckets
only. Readers hold one reference; ``apply`` returns a new ruleset and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Final

import msgspec
import re2
import structlog

from trackplane.engine.demand import Demand, demand_of
from trackplane.engine.generate import GenerateError, Runner
from trackplane.errors import TrackplaneError
from trackplane.rules.ir import Dataset, Rule, Select, decode_rule

_log = structlog.get_logger(__name__)

BUCKET_RULES: Final = 100  # facts: compiling 100 rules takes 2.8 ms, 1,000 take 21 ms
_EAGER: Final = 500  # a delta of at most so many rules is compiled at once, so that a NACK names it

_WARM: Final = 200  # buckets compiled with a delta, before the engine meets them
_MOST_PLACES: Final = 100_000

# What a rule that cannot be run raises when it is decoded or compiled.
_RULE_ERRORS: Final = (
    TrackplaneError,
    msgspec.MsgspecError,
    SyntaxError,
    RecursionError,
    ValueError,
    TypeError,
    re2.error,
)

Place = tuple[str, str, str]  # event, app, env


class _Entry(msgspec.Struct, frozen=True, gc=False):
    """What the index needs of a rule; the rest of its IR stays bytes."""

    name: str
    target: str
    apps: tuple[str, ...] = ()
    envs: tuple[str, ...] = ("prod",)
    events: tuple[str, ...] | None = None


_decode_entry: Final = msgspec.json.Decoder(_Entry).decode


class Bucket:
    """The rules of one place, compiled: they share one decode of the event."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self.demand: Demand = demand_of(rules)
        self.runners = [
            Runner(rules[start : start + BUCKET_RULES], self.demand)
            for start in range(0, len(rules), BUCKET_RULES)
        ]


class Ruleset:
    """All rules under one number."""

    def __init__(
        self,
        number: int,
        bodies: Mapping[str, bytes],
        datasets: Mapping[str, Dataset],
        entries: Mapping[str, _Entry],
        by_event: Mapping[str, tuple[str, ...]],
        everywhere: tuple[str, ...],
        buckets: dict[Place, Bucket | None],
        compiled: dict[tuple[str, ...], Bucket | None],
    ) -> None:
        self.number = number
        self.datasets = datasets
        self._bodies = bodies
        self._entries = entries
        self._by_event = by_event
        self._everywhere = everywhere
        self._buckets = buckets
        self._compiled = compiled

    @classmethod
    def empty(cls) -> Ruleset:
        """Return the ruleset of number 0."""
        return cls(0, {}, {}, {}, {}, (), {}, {})

    def __len__(self) -> int:
        return len(self._bodies)

    @property
    def everywhere(self) -> tuple[str, ...]:
        """Return the rules that no event name narrows: they are tried on every event."""
        return self._everywhere

    def apply(
        self,
        number: int,
        *,
        changed: Mapping[str, bytes] = MappingProxyType({}),
        removed: Iterable[str] = (),
        datasets: Mapping[str, Dataset] | None = None,
    ) -> tuple[Ruleset, dict[str, str]]:
        """Return the next ruleset, and the rules that cannot be compiled with the reason.

        ``datasets`` replaces all datasets where it is given. A rejected rule is absent.
        """
        known = self.datasets if datasets is None else datasets
        removed = tuple(removed)
        bodies, entries = dict(self._bodies), dict(self._entries)
        by_event = dict(self._by_event)
        everywhere = self._everywhere
        touched: set[str] = set()
        all_touched = False
        rejected: dict[str, str] = {}
        for name in (*removed, *changed):
            entry = entries.pop(name, None)
            bodies.pop(name, None)
            if entry is None:
                continue
            if entry.events is None:
                everywhere = tuple(other for other in everywhere if other != name)
                all_touched = True
            for event in entry.events or ():
                by_event[event] = tuple(other for other in by_event[event] if other != name)
                touched.add(event)
        added: dict[str, list[str]] = {}
        for name, body in changed.items():
            try:
                entry = _decode_entry(body)
                if entry.target not in known:
                    raise GenerateError(f"there is no dataset {entry.target!r}")
                if len(changed) <= _EAGER:
                    _tried(body, known)
            except _RULE_ERRORS as error:
                rejected[name] = str(error)
                continue
            bodies[name], entries[name] = body, entry
            if entry.events is None:
                everywhere = tuple(sorted((*everywhere, name)))
                all_touched = True
            for event in dict.fromkeys(entry.events or ()):
                added.setdefault(event, []).append(name)
        for event, names in added.items():
            by_event[event] = tuple(sorted((*by_event.get(event, ()), *names)))
            touched.add(event)
        # A bucket is shared with the ruleset before only if none of its rules changed.
        gone = {*removed, *changed}
        # Copies, each in one step: the engine's thread goes on adding to these while we look.
        known_buckets, places = self._compiled.copy(), self._buckets.copy()
        compiled = {
            names: bucket for names, bucket in known_buckets.items() if gone.isdisjoint(names)
        }
        buckets = (
            {}
            if all_touched
            else {place: b for place, b in places.items() if place[0] not in touched}
        )
        after = Ruleset(number, bodies, known, entries, by_event, everywhere, buckets, compiled)
        # What is in use now is compiled here, off the engine's thread.
        in_use = (place for place in places if all_touched or place[0] in touched)
        for place in islice(in_use, _WARM):
            after.bucket(*place)
        return after, rejected

    def candidates(self, event: str, app: str, env: str) -> tuple[str, ...]:
        """Return the names of the rules to try on an event of an app and environment."""
        names = self._by_event.get(event, ()) + self._everywhere
        return tuple(name for name in names if _applies(self._entries[name], app, env))

    def bucket(self, event: str, app: str, env: str) -> Bucket | None:
        """Return the compiled candidates of a place, or None where there are none."""
        place = (event, app, env)
        try:
            return self._buckets[place]
        except KeyError:
            pass
        if len(self._buckets) >= _MOST_PLACES:  # names of events are the client's to invent
            self._buckets.clear()
        names = self.candidates(event, app, env)
        if names not in self._compiled:
            self._compiled[names] = self._compile(names) if names else None
        found = self._buckets[place] = self._compiled[names]
        return found

    def _compile(self, names: Sequence[str]) -> Bucket | None:
        try:
            return Bucket([decode_rule(self._bodies[name]) for name in names])
        except _RULE_ERRORS:
            sound = []
            for name in names:
                try:
                    sound.append(_tried(self._bodies[name], self.datasets))
                except _RULE_ERRORS as error:
                    _log.error("rule_not_compiled", rule=name, error=str(error))
            return Bucket(sound) if sound else None


def _applies(entry: _Entry, app: str, env: str) -> bool:
    return (not entry.apps or app in entry.apps) and env in entry.envs


def _tried(body: bytes, datasets: Mapping[str, Dataset]) -> Rule:
    """Return a rule that compiles and fits its dataset; raises one of ``_RULE_ERRORS``."""
    rule = decode_rule(body)
    _check_columns(rule, datasets[rule.target])
    Bucket([rule])
    return rule


def _check_columns(rule: Rule, dataset: Dataset) -> None:
    """Refuse rows that a dataset, perhaps changed since the rule was checked, does not take.

    Raises:
        GenerateError: a column is missing or of another type.
    """
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
