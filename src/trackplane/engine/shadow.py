"""A shadow run: a candidate and the rule in force over the same events, their outputs compared.

Pure: frames in, counts out; what the rules put out is thrown away. Events are chosen by the hash of
their id, so every node and every run chooses the same ones; samples are those of the smallest
hashes, so samples of several nodes merge into what one node would have kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import msgspec
import numpy as np
import xxhash

from trackplane.engine.engine import Engine, Outputs
from trackplane.engine.intake import Mask
from trackplane.engine.ruleset import Ruleset
from trackplane.errors import InputError
from trackplane.frame import Frame
from trackplane.rules import ir
from trackplane.rules.library.environment import NOTHING, Environment

SAMPLES: Final = 50
_PARTS: Final = 1 << 20  # a rate is kept to this resolution
_CHUNK: Final = 128  # events between two looks at the clock
_LONGEST: Final = 20_000  # bytes of a row in a sample

Kind = Literal["changed", "only_old", "only_new", "failed_old", "failed_new"]
Place = tuple[str, str, str, str, int]  # app, env, event, id, at
Rows = dict[Place, list[tuple[str, bytes]]]  # the rows of each event, with their datasets


class ShadowError(InputError):
    """The candidate, or the rule it is held against, cannot be run here."""

    code = "shadow"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """An event that differs. ``old`` and ``new`` are rows as JSON texts, empty where there is none.

    ``order`` is the hash by which samples are chosen.
    """

    order: int
    kind: Kind
    app: str
    env: str
    event: str
    id: str
    number: int
    fields: tuple[str, ...] = ()
    old: str = ""
    new: str = ""
    error: str = ""


class ShadowCounts(msgspec.Struct, kw_only=True):
    """What was compared. ``fields`` counts the rows that differ in each field."""

    events: int = 0
    skipped: int = 0
    equal: int = 0
    changed: int = 0
    only_old: int = 0
    only_new: int = 0
    failed_old: int = 0
    failed_new: int = 0
    ns_old: int = 0
    ns_new: int = 0
    fields: dict[str, int] = {}
    samples: list[Sample] = []

    def add(self, other: ShadowCounts) -> None:
        """Add another's counts; of both samples the smallest hashes stay."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for field, count in other.fields.items():
            self.fields[field] = self.fields.get(field, 0) + count
        if other.samples:
            both = {(s.order, s.kind, s.number): s for s in (*self.samples, *other.samples)}
            self.samples = [both[key] for key in sorted(both)[:SAMPLES]]


_SUMS: Final = tuple(
    name for name in ShadowCounts.__struct_fields__ if name not in ("fields", "samples")
)


class Shadow:
    """One trial. ``clock`` gives ns. Call ``process`` from one thread."""

    def __init__(
        self,
        trial: ir.Shadow,
        datasets: Mapping[str, ir.Dataset],
        *,
        clock: Callable[[], int],
        environment: Environment = NOTHING,
    ) -> None:
        """Compile both rules.

        Raises:
            ShadowError: one of them cannot be run.
        """
        self.trial = trial
        self._clock = clock
        self._threshold = max(1, round(trial.rate * _PARTS))
        self._new = _engine(trial.candidate, datasets, environment)
        self._old = _engine(trial.base, datasets, environment) if trial.base else None

    def process(
        self, items: Iterable[tuple[Frame, Mask | None]], *, budget_ns: int
    ) -> ShadowCounts:
        """Compare what both put out for the chosen events of these frames.

        Once ``budget_ns`` is spent the rest is counted as skipped.
        """
        counts = ShadowCounts(fields={}, samples=[])
        end = self._clock() + budget_ns
        for frame, keep in items:
            for chosen in self._chunks(frame, keep):
                if self._clock() >= end:
                    counts.skipped += int(chosen.sum())
                else:
                    counts.add(self._compare(frame, chosen))
        return counts

    def _chunks(self, frame: Frame, keep: Mask | None) -> Iterator[Mask]:
        if not len(frame):
            return
        chosen = (frame.identities[:, 0] % np.uint64(_PARTS)) < np.uint64(self._threshold)
        if keep is not None:
            chosen &= keep
        indexes = np.flatnonzero(chosen)
        for start in range(0, len(indexes), _CHUNK):
            mask = np.zeros(len(frame), np.bool_)
            mask[indexes[start : start + _CHUNK]] = True
            yield mask

    def _compare(self, frame: Frame, chosen: Mask) -> ShadowCounts:
        counts = ShadowCounts(events=int(chosen.sum()), fields={}, samples=[])
        old: Rows = {}
        old_failed: dict[Place, str] = {}
        if self._old is not None:
            start = self._clock()
            outputs = self._old.process([(frame, chosen)])
            counts.ns_old = self._clock() - start
            old, old_failed = _rows(outputs), _failures(outputs)
        start = self._clock()
        outputs = self._new.process([(frame, chosen)])
        counts.ns_new = self._clock() - start
        new, new_failed = _rows(outputs), _failures(outputs)
        counts.failed_old, counts.failed_new = len(old_failed), len(new_failed)
        samples: list[Sample] = []
        for place in old_failed.keys() ^ new_failed.keys():
            kind: Kind = "failed_old" if place in old_failed else "failed_new"
            error = old_failed.get(place) or new_failed.get(place, "")
            samples.append(_sample(kind, place, 0, error=error))
        for place in old.keys() | new.keys():
            self._compare_event(place, old.get(place, []), new.get(place, []), counts, samples)
        counts.samples = sorted(samples, key=lambda s: (s.order, s.kind, s.number))[:SAMPLES]
        return counts

    def _compare_event(
        self,
        place: Place,
        old: list[tuple[str, bytes]],
        new: list[tuple[str, bytes]],
        counts: ShadowCounts,
        samples: list[Sample],
    ) -> None:
        for number in range(max(len(old), len(new))):
            if number >= len(new):
                counts.only_old += 1
                samples.append(_sample("only_old", place, number, old=old[number][1]))
            elif number >= len(old):
                counts.only_new += 1
                samples.append(_sample("only_new", place, number, new=new[number][1]))
            elif fields := differences(old[number], new[number]):
                counts.changed += 1
                for field in fields:
                    counts.fields[field] = counts.fields.get(field, 0) + 1
                before, after = old[number][1], new[number][1]
                samples.append(
                    _sample("changed", place, number, old=before, new=after, fields=fields)
                )
            else:
                counts.equal += 1


def differences(old: tuple[str, bytes], new: tuple[str, bytes]) -> tuple[str, ...]:
    """Return the fields in which two rows differ; ``$to`` where they go to different datasets."""
    moved = ("$to",) if old[0] != new[0] else ()
    if old[1] == new[1]:
        return moved
    before: dict[str, Any] = msgspec.json.decode(old[1])
    after: dict[str, Any] = msgspec.json.decode(new[1])
    names = sorted(before.keys() | after.keys())
    missing = object()
    return moved + tuple(
        name for name in names if not _same(before.get(name, missing), after.get(name, missing))
    )


def _same(one: object, other: object) -> bool:
    """Compare JSON values with their types: 1, 1.0 and true are three things."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other


def _engine(rule: ir.Rule, datasets: Mapping[str, ir.Dataset], environment: Environment) -> Engine:
    ruleset, rejected = Ruleset.empty().apply(
        1, changed={rule.name: ir.encode(rule)}, datasets=datasets, environment=environment
    )
    for name, message in rejected.items():
        raise ShadowError(f"{name}: {message}")
    return Engine(ruleset)


def _rows(outputs: Outputs) -> Rows:
    found: Rows = {}
    for target, rows in outputs.rows.items():
        places = zip(rows.app, rows.env, rows.event, rows.id, rows.at, strict=True)
        for place, data in zip(places, rows.data, strict=True):
            found.setdefault(place, []).append((target, data))
    return found


def _failures(outputs: Outputs) -> dict[Place, str]:
    found: dict[Place, str] = {}
    for event in outputs.dirty:
        place = (event.app, event.env, event.event, event.id, 0)
        found.setdefault(place, f"{event.reason}: {event.message}")
    return found


def _sample(
    kind: Kind,
    place: Place,
    number: int,
    *,
    old: bytes = b"",
    new: bytes = b"",
    fields: tuple[str, ...] = (),
    error: str = "",
) -> Sample:
    app, env, event, id, _ = place
    return Sample(
        order=xxhash.xxh3_64_intdigest(f"{app}\0{event}\0{id}".encode(errors="surrogatepass"))
        >> 11,
        kind=kind,
        app=app,
        env=env,
        event=event,
        id=id,
        number=number,
        fields=fields,
        old=_text(old),
        new=_text(new),
        error=error[:1_000],
    )


def _text(row: bytes) -> str:
    return row.decode() if len(row) <= _LONGEST else ""
