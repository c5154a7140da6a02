"""Real traffic under the plan in force and under a proposed one: what would newly fail, what newly pass.

Each event of a sample goes through admission itself, under both plans as if they were enforced now. An event
that is not planned fails before only where the app's allow-list keeps it out, so planning what arrives
unplanned is no failure; where the allow-list is on at all, an event that loses its plan fails.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from trackplane import dirty
from trackplane.admission.admit import Admitter, Mode, Outcome, Policy, Validator, end_of
from trackplane.admission.record import Record
from trackplane.admission.round import Round
from trackplane.control.insight import insight_wire
from trackplane.control.insight.masking import PERSONAL, holds_personal, masked_properties
from trackplane.control.operations import Call
from trackplane.discovery import AppSettings
from trackplane.engine.validation import compile_validation
from trackplane.errors import CorruptionError, Finding
from trackplane.event import LANE_TOPICS, NAMESPACES, Grade, JsonObject
from trackplane.frame import Frame
from trackplane.lake.census import sender
from trackplane.lake.commit import RAW
from trackplane.lake.sample import EventSample, Sampled, Stratum, dirty_event
from trackplane.plan.model import EventSpec
from trackplane.plan.validate import Validator as PlanValidator
from trackplane.plan.violations import CODES, Violation

LIVE: Final = 5_000  # events of the stream's end at most
_LIVE_BYTES: Final = 4 * 1024 * 1024  # read at once
_LIVE_S: Final = 1.0
_CHUNK: Final = 500
_SAMPLES: Final = 10
_ALIKE: Final = 3
_COUNTS: Final = 200
_SEGMENTS: Final = 500
_INDEX: Final = re.compile(r"/\d+(?=/|\Z)")
_ALWAYS_FAIL: Final = ("unplanned_event", "expired_event")


class PlanSide(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two plans: its events, and what becomes of others."""

    specs: Mapping[str, EventSpec]
    allow_list: Mode


class _Planned(msgspec.Struct, frozen=True):
    grade: Grade
    ends: int
    validate: Validator  # of admission
    find: PlanValidator  # the same, as the plan gives it


class _Events(Mapping[str, _Planned]):
    """The planned events of some names, each compiled when one of it comes: most never do.

    Raises:
        RuleError: on reading an event whose check is wrong.
    """

    def __init__(self, specs: Mapping[str, EventSpec], names: Iterable[str]) -> None:
        self._specs = {
            name: spec
            for name in names
            if (spec := specs.get(name)) is not None and not spec.removed
        }
        self._compiled: dict[str, _Planned] = {}

    def __getitem__(self, name: str) -> _Planned:
        found = self._compiled.get(name)
        if found is None:
            spec = self._specs[name]
            find = compile_validation(spec)
            found = _Planned(spec.grade, end_of(spec.expires), find, find)
            self._compiled[name] = found
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)


class Judge:
    """Says what becomes of events under a plan, by admission's own code."""

    def __init__(self, app: str, side: PlanSide, names: Iterable[str], now: int) -> None:
        """Judge events of these names; others are not planned."""
        planned = _Events(side.specs, names)
        policy = Policy(
            app=app,
            env="",
            revision=0,
            validation="enforce",
            allow_list=side.allow_list,
            blocked=frozenset(),
        )
        self._now = now
        self._planned = planned
        self._admitter = Admitter(policy, planned, partitions=1, new_id=lambda: "")

    def outcomes(self, events: Sequence[JsonObject]) -> list[Outcome]:
        """Return what becomes of each event."""
        record = Record(
            header={},
            header_bytes=b"{}",
            data=[b"{}"] * len(events),
            values=list(events),
            duplicates=set(),
        )
        return self._admitter.admit(record, self._now, Round())

    def findings(
        self, event: JsonObject, outcome: Outcome, specs: Sequence[EventSpec]
    ) -> list[Finding]:
        """Return the violations of an event with broken constraints, and values none of the plans hides."""
        planned = self._planned.get(event["event"])
        told = {(found.code, found.pointer) for found in outcome.violations}
        found = [
            Finding(
                code=violation.code,
                message=violation.message,
                pointer=violation.pointer,
                severity=violation.severity,
                hint=_hint(violation, specs),
            )
            for violation in (planned.find(event) if planned is not None else ())
            if (violation.code, violation.pointer) in told
        ]
        known = {(finding.code, finding.pointer) for finding in found}
        return found + [
            Finding(code=each.code, message=each.message, pointer=each.pointer)
            for each in outcome.violations
            if (each.code, each.pointer) not in known
        ]


def _hint(violation: Violation, specs: Sequence[EventSpec]) -> str | None:
    """Return the broken constraint and what was sent, unless one of the plans calls that personal."""
    if not violation.rule:
        return None
    namespace, _, rest = violation.pointer.lstrip("/").partition("/")
    name = rest.partition("/")[0].replace("~1", "/").replace("~0", "~")
    shapes = [
        shape
        for spec in specs
        for space, properties in spec.properties.items()
        for each, shape in properties.items()
        if not namespace or (space, each) == (namespace, name)
    ]
    hidden = any(map(holds_personal, shapes)) or f"{namespace}.{name}" in PERSONAL
    return violation.rule if hidden else f"{violation.rule}; sent: {violation.input}"


def sides(
    before: Mapping[str, EventSpec], after: Mapping[str, EventSpec], allow_list: Mode
) -> tuple[PlanSide, PlanSide]:
    """Return both plans with what is unplanned under each: see the module's text."""
    strict: Mode = "enforce" if allow_list == "enforce" else "off"
    told: Mode = "off" if allow_list == "off" else "enforce"
    return PlanSide(specs=before, allow_list=strict), PlanSide(specs=after, allow_list=told)


def fails(outcome: Outcome) -> bool:
    """Say whether an event would be kept out."""
    return outcome.disposition == "dirty"


def grave(outcome: Outcome) -> set[tuple[str, str]]:
    """Return code and place of what keeps an event out, places in arrays as one (``/what/items/*``)."""
    return {
        (each.code, _INDEX.sub("/*", each.pointer))
        for each in outcome.violations
        if each.code in _ALWAYS_FAIL
        or each.code not in CODES
        or CODES[each.code].severity == "error"
    }


def replay(
    call: Call,
    settings: AppSettings,
    before: Mapping[str, EventSpec],
    after: Mapping[str, EventSpec],
    names: Sequence[str],
    *,
    hours: int,
    most: int,
    budget_s: float,
) -> insight_wire.Replayed:
    """Validate a sample of recent events of these names under both plans.

    Raises:
        RuleError: a check of the proposed plan is wrong.
        StorageError: the lake cannot be read.
    """
    started = time.monotonic()
    now = call.platform.clock()
    old, new = sides(before, after, settings.allow_list)
    judges = (Judge(settings.app, old, names, now), Judge(settings.app, new, names, now))
    since = now - hours * 3_600_000
    deadline = started + budget_s
    committed, live, live_cut = live_events(call, settings.app, frozenset(names), deadline)
    found = call.platform.data.sample(
        app=settings.app,
        events=names,
        since_ms=since,
        until_ms=now + 1,
        most=most,
        timeout_s=max(0.5, (deadline - time.monotonic()) * 0.7),
        committed=committed,
    )
    tally = _Tally(judges, [before, after])
    tally.stored(found, deadline)
    tally.live(live, deadline)
    return tally.result(
        since=found.since,
        until=now,
        mode=settings.validation,
        took_ms=int((time.monotonic() - started) * 1000),
        cut=found.cut or live_cut,
    )


def live_events(
    call: Call, app: str, names: frozenset[str], deadline: float
) -> tuple[dict[tuple[str, int], int], list[Sampled], bool]:
    """Return where the lake stands, the events behind that, and whether there were more."""
    data = call.platform.data
    stands = {
        (row.topic, row.partition): (row.committed, row.end)
        for row in data.lag()
        if row.group == RAW and (row.topic in LANE_TOPICS or row.topic == dirty.TOPIC)
    }
    ends_at = min(deadline, time.monotonic() + _LIVE_S)
    found: list[Sampled] = []
    cut = False
    for partition, (offset, end) in stands.items():
        at = offset
        while at < end and not cut:
            if len(found) >= LIVE or time.monotonic() > ends_at:
                cut = True
                break
            batch = data.read(partition, at, _LIVE_BYTES)
            if batch.next <= at:
                break
            for message in batch.messages:
                found += _of_message(partition[0], bytes(message.data), app, names)
            at = batch.next
    return {key: offset for key, (offset, _) in stands.items()}, found[:LIVE], cut


def _of_message(topic: str, data: bytes, app: str, names: frozenset[str]) -> Iterator[Sampled]:
    try:
        if topic == dirty.TOPIC:
            yield from _of_dirty(data, app, names)
            return
        frame = Frame.decode(data)
    except CorruptionError:
        return
    for index in range(len(frame)):
        upload = frame.uploads[int(frame.upload[index])]
        if upload.app != app or frame.names[int(frame.name[index])] not in names:
            continue
        merged = frame.merged(index)
        meta = merged.pop("meta")
        server = merged["when"].pop("server")
        merged["when"].pop("at")
        how: Any = merged.get("how") or {}
        yield Sampled(
            stratum=Stratum(
                False, merged["event"], _text(how, "platform"), _text(how, "app_version")
            ),
            id=merged["id"],
            env=upload.env,
            server=server,
            weight=meta["weight"],
            merged=merged,
        )


def _of_dirty(data: bytes, app: str, names: frozenset[str]) -> Iterator[Sampled]:
    for event in dirty.decode(data):
        if event.app != app or event.event not in names or event.stage != "plan":
            continue
        merged = dirty_event(event.event, event.id, event.header, event.data)
        if merged is not None:
            yield Sampled(
                stratum=Stratum(True, event.event, *sender(event.header, event.data)),
                id=event.id,
                env=event.env,
                server=event.received,
                weight=1.0,
                merged=merged,
            )


def _text(how: Any, name: str) -> str:
    value = how.get(name) if isinstance(how, dict) else None
    return value if isinstance(value, str) else ""


class _Changed(msgspec.Struct, frozen=True):
    """An event that fares differently: of which stratum (None: live, it stands for itself)."""

    segment: tuple[str, str, str]
    stratum: Stratum | None
    worse: bool
    codes: frozenset[tuple[str, str]]
    weight: float


class _Tally:
    """Adds up what becomes of events under both plans."""

    def __init__(
        self, judges: tuple[Judge, Judge], plans: Sequence[Mapping[str, EventSpec]]
    ) -> None:
        self._judges = judges
        self._plans = plans
        self._population: Counter[tuple[str, str, str]] = Counter()
        self._sampled: Counter[tuple[str, str, str]] = Counter()
        self._stands_for: dict[Stratum, float] = {}
        self._scale: dict[tuple[bool, str], float] = {}
        self._changed: list[_Changed] = []
        self._samples: list[insight_wire.Sample] = []
        self._kinds: Counter[tuple[str, frozenset[tuple[str, str]]]] = Counter()
        self._live = self._dirty = self._still = 0
        self._cut = False

    def stored(self, sample: EventSample, deadline: float) -> None:
        """Judge what came from the lake; each event stands for its stratum's share."""
        for stratum, population in sample.populations.items():
            self._population[stratum[1:]] += population
        judged = Counter(
            event.stratum for event in self._judge(_mixed(sample.events), deadline, live=False)
        )
        self._stands_for = {
            stratum: sample.populations[stratum] / count for stratum, count in judged.items()
        }
        self._scale = _scale(sample.populations, judged)

    def live(self, events: Sequence[Sampled], deadline: float) -> None:
        """Judge what is not in the lake yet; each event stands for itself."""
        for event in self._judge(events, deadline, live=True):
            self._population[event.stratum[1:]] += 1
            self._live += 1

    def _judge(
        self, events: Sequence[Sampled], deadline: float, *, live: bool
    ) -> Iterator[Sampled]:
        """Judge events until time is up; yield those that were."""
        for start in range(0, len(events), _CHUNK):
            if time.monotonic() > deadline:
                self._cut = True
                return
            chunk = events[start : start + _CHUNK]
            merged = [event.merged for event in chunk]
            before, after = (judge.outcomes(merged) for judge in self._judges)
            for event, old, new in zip(chunk, before, after, strict=True):
                self._add(event, old, new, live=live)
                yield event

    def _add(self, event: Sampled, old: Outcome, new: Outcome, *, live: bool) -> None:
        segment = event.stratum[1:]
        self._sampled[segment] += 1
        self._dirty += event.stratum.dirty
        self._still += fails(old) and fails(new)
        if fails(old) == fails(new):
            return
        worse = fails(new)
        codes = frozenset(grave(new) if worse else grave(old))
        stratum = None if live else event.stratum
        self._changed.append(_Changed(segment, stratum, worse, codes, event.weight))
        if worse:
            self._keep(event, old, new, codes)

    def _keep(
        self, event: Sampled, old: Outcome, new: Outcome, codes: frozenset[tuple[str, str]]
    ) -> None:
        """Keep a few samples, of each way to fail some."""
        kind = (event.stratum.event, codes)
        if len(self._samples) >= _SAMPLES or self._kinds[kind] >= _ALIKE:
            return
        self._kinds[kind] += 1
        specs = [
            spec for plan in self._plans if (spec := plan.get(event.stratum.event)) is not None
        ]
        shown: dict[str, Any] = {
            namespace: masked_properties(namespace, values, specs)
            for namespace in NAMESPACES
            if isinstance(values := event.merged.get(namespace), dict)
        }
        self._samples.append(
            insight_wire.Sample(
                id=event.id,
                event=event.stratum.event,
                platform=event.stratum.platform,
                version=event.stratum.version,
                at=event.server,
                violations=self._judges[1].findings(event.merged, new, specs),
                before=self._judges[0].findings(event.merged, old, specs),
                what=shown,
            )
        )

    def result(
        self, *, since: int, until: int, mode: str, took_ms: int, cut: bool
    ) -> insight_wire.Replayed:
        """Return the sums, the worst first."""
        segments = self._segments()
        population = sum(self._population.values())
        sampled = sum(self._sampled.values())
        return insight_wire.Replayed(
            since=since,
            until=until,
            population=population,
            sampled=sampled,
            share=sampled / population if population else float(not (cut or self._cut)),
            live=self._live,
            dirty=self._dirty,
            took_ms=took_ms,
            cut=cut or self._cut,
            mode=mode,
            newly_fail=sum(each.worse for each in self._changed),
            newly_pass=sum(not each.worse for each in self._changed),
            still_fail=self._still,
            estimated_fail=round(sum(self._weigh(each) for each in self._changed if each.worse)),
            estimated_pass=round(
                sum(self._weigh(each) for each in self._changed if not each.worse)
            ),
            segments=segments[:_SEGMENTS],
            failing=self._counts(worse=True),
            passing=self._counts(worse=False),
            samples=self._samples,
        )

    def _weigh(self, each: _Changed) -> float:
        """Return how many events of the whole window one of the sample stands for."""
        if each.stratum is None:
            return each.weight
        return self._weigh_own(each) * self._scale[each.stratum[:2]]

    def _weigh_own(self, each: _Changed) -> float:
        """Return how many events of its own name, platform and version one stands for."""
        return each.weight * (1.0 if each.stratum is None else self._stands_for[each.stratum])

    def _segments(self) -> list[insight_wire.SegmentImpact]:
        counts: dict[bool, Counter[tuple[str, str, str]]] = {True: Counter(), False: Counter()}
        estimated: dict[bool, dict[tuple[str, str, str], float]] = {True: {}, False: {}}
        for each in self._changed:
            counts[each.worse][each.segment] += 1
            sums = estimated[each.worse]
            sums[each.segment] = sums.get(each.segment, 0.0) + self._weigh_own(each)
        segments = [
            insight_wire.SegmentImpact(
                event=segment[0],
                platform=segment[1],
                version=segment[2],
                population=population,
                sampled=self._sampled[segment],
                newly_fail=counts[True][segment],
                newly_pass=counts[False][segment],
                estimated_fail=round(estimated[True].get(segment, 0.0)),
                estimated_pass=round(estimated[False].get(segment, 0.0)),
            )
            for segment, population in self._population.items()
        ]
        segments.sort(
            key=lambda s: (-s.estimated_fail, -s.estimated_pass, s.event, s.platform, s.version)
        )
        return segments

    def _counts(self, *, worse: bool) -> list[insight_wire.FailureCount]:
        counts: Counter[tuple[str, str]] = Counter()
        estimated: dict[tuple[str, str], float] = {}
        for each in self._changed:
            if each.worse == worse:
                for code in each.codes:
                    counts[code] += 1
                    estimated[code] = estimated.get(code, 0.0) + self._weigh(each)
        return [
            insight_wire.FailureCount(
                code=code, pointer=pointer, count=count, estimated=round(estimated[code, pointer])
            )
            for (code, pointer), count in sorted(
                counts.items(), key=lambda item: (-item[1], item[0])
            )[:_COUNTS]
        ]


def _scale(
    populations: Mapping[Stratum, int], judged: Collection[Stratum]
) -> dict[tuple[bool, str], float]:
    """Return by what the events of a name, stored or dirty, stand for strata of which none was judged.

    Those of other platforms and versions count as the name's own do, other names as all of them do.

    >>> many = {Stratum(False, "a", "ios", "1"): 3, Stratum(False, "a", "ios", "2"): 1}
    >>> _scale(many | {Stratum(False, "b", "ios", "1"): 4}, [Stratum(False, "a", "ios", "1")])
    {(False, 'a'): 2.6666666666666665}
    """
    of_name: Counter[tuple[bool, str]] = Counter()
    of_judged: Counter[tuple[bool, str]] = Counter()
    for stratum, population in populations.items():
        of_name[stratum[:2]] += population
        if stratum in judged:
            of_judged[stratum[:2]] += population
    everything: Counter[bool] = Counter()
    reached: Counter[bool] = Counter()
    for name, population in of_name.items():
        everything[name[0]] += population
        if name in of_judged:
            reached[name[0]] += population
    return {
        name: of_name[name] / population * everything[name[0]] / reached[name[0]]
        for name, population in of_judged.items()
    }


def _mixed(events: Sequence[Sampled]) -> list[Sampled]:
    """Return events so that each stratum's are spread evenly: what time cuts off is of all of them."""
    sizes = Counter(event.stratum for event in events)
    seen: Counter[Stratum] = Counter()
    ranked: list[tuple[float, int]] = []
    for number, event in enumerate(events):
        seen[event.stratum] += 1
        ranked.append(((seen[event.stratum] - 0.5) / sizes[event.stratum], number))
    return [events[number] for _, number in sorted(ranked)]
