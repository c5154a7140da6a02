"""Plans of 200,000 events of 20 properties: reading, checking, comparing, validating by them.

Each case runs in a process of its own, so that its memory is its own. ``BENCHMARK_EVENTS`` makes the
plan smaller. Prints one JSON row a subject. About 4 minutes at full size.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import fastjsonschema
import jsonschema_rs
import msgspec
import yaml_rs

from trackplane.admission.admit import Policy
from trackplane.collector import CollectorState
from trackplane.discovery import Snapshot
from trackplane.engine.validation import compile_validation
from trackplane.plan import Workspace, lint, to_json_schema
from trackplane.plan.changes import Difference
from trackplane.plan.diff import difference
from trackplane.plan.model import EventSpec
from trackplane.rules.plan_check import check_expressions
from trackplane.testing.collector import app_resource, event_resource, key_resource

EVENTS = int(os.environ.get("BENCHMARK_EVENTS", "200000"))
FILE = 200  # events of a file
_decode = msgspec.json.Decoder().decode
VERBS = ("view", "click", "open", "close", "pay", "share", "play", "search", "add", "remove")
PROPERTIES = """\
      amount: {type: number, min: 0}
      price: {type: money, required: true}
      currency: {type: string, enum: [SGD, USD, CNY]}
      coupon: {type: string, pattern: "[A-Z0-9]{6,12}"}
      items: {type: array, max_length: 50, items: {type: object, properties: {sku: {type: string, required: true}, qty: integer}}}
      position: {type: integer, min: 0, max: 1000}
      source: {type: string, max_length: 40, required: true}
      is_new: boolean
      at: timestamp
      email: {type: string, pii: email, purpose: [service]}
      labels: {type: map, values: string}
"""
HEAD = """\
format: 1
app: shop
types:
  money: {type: object, properties: {value: {type: number, min: 0, required: true}, currency: {type: string, enum: [SGD, USD, CNY]}}}
groups:
  page: {where: {page: {type: string, required: true}, module: string}, what: {experiment: string, variant: string, rank: integer, request: string, tab: string, cold: boolean}}
"""  # fmt: skip


def name_of(number: int) -> str:
    return f"{VERBS[number % 10]}_thing_{number // 10}"


def event_text(number: int, title: str = "Thing") -> str:
    name = name_of(number)
    return (
        f"  {name}:\n    title: {{en: {title} {number}, zh: 事件{number}}}\n"
        f"    description: What people do with thing {number // 10}.\n"
        f"    owner: team:t{number % 97}\n    grade: P{number % 4}\n    platforms: [ios, android]\n"
        f"    groups: [page]\n    what:\n{PROPERTIES}"
        f"      length: {{type: integer, min: 0, max: {number}, description: Of thing {number}}}\n"
    )


def file_text(first: int, last: int, title: str = "Thing") -> str:
    return "events:\n" + "".join(event_text(n, title) for n in range(first, min(last, EVENTS)))


def files() -> dict[str, str]:
    found = {"plan.yaml": HEAD}
    for first in range(0, EVENTS, FILE):
        found[f"events/{first // FILE:04d}.yaml"] = file_text(first, first + FILE)
    return found


def peak_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def now_mb() -> float:
    pages = int(open("/proc/self/statm").read().split()[1])  # noqa: PTH123, SIM115
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024, 1)


def row(case: str, subject: str, **figures: Any) -> None:
    print(
        json.dumps({"benchmark": "plan", "case": case, "subject": subject, **figures}), flush=True
    )


class Clock:
    """Times a block, CPU and wall."""

    def __enter__(self) -> Self:
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu = round(time.process_time() - self._cpu, 6)
        self.wall = round(time.perf_counter() - self._wall, 6)


# --- cold and after a change


def cold() -> None:
    texts = files()
    size = sum(map(len, texts.values())) / 1e6
    case = f"{EVENTS:,} events, {len(texts):,} files, {size:.0f} MB"
    with Clock() as bound:
        kept = [len(yaml_rs.loads(text)) for text in texts.values()]
    assert len(kept) == len(texts)
    row(case, "yaml-rs alone, nothing kept", events=EVENTS, cpu_s=bound.cpu, wall_s=bound.wall)
    with Clock() as load:
        workspace = Workspace.load(texts)
    with Clock() as linted:
        lint(workspace)
    with Clock() as compiled:
        check_expressions(workspace.plan, texts)
        bodies = {n: msgspec.json.encode(spec) for n, spec in workspace.plan.events.items()}
    assert len(bodies) == EVENTS
    total = round(load.cpu + linted.cpu + compiled.cpu, 2)
    for part, clock in (("load", load), ("lint", linted), ("compile", compiled)):
        row(case, f"trackplane {part}", events=EVENTS, cpu_s=clock.cpu, wall_s=clock.wall)
    ratio = round(bound.cpu / total, 3)
    row(case, "trackplane, all three", events=EVENTS, cpu_s=total, wall_s=round(load.wall + linted.wall + compiled.wall, 2), peak_mb=peak_mb(), ratio=ratio, ratio_to="yaml-rs alone, nothing kept")  # fmt: skip
    after_a_change(case, workspace, "events/0000.yaml", lambda t: file_text(0, FILE, t))


def one_file() -> None:
    text = HEAD + file_text(0, EVENTS)
    case = f"{EVENTS:,} events, one file, {len(text) / 1e6:.0f} MB"
    with Clock() as load:
        workspace = Workspace.load({"plan.yaml": text})
    row(case, "trackplane load", events=EVENTS, cpu_s=load.cpu, wall_s=load.wall, peak_mb=peak_mb())
    del text
    last = EVENTS - 1
    changed = workspace.files["plan.yaml"]

    def change(title: str) -> str:
        return changed.replace(event_text(last), event_text(last, title))

    after_a_change(case, workspace, "plan.yaml", change)


def after_a_change(case: str, workspace: Workspace, file: str, text: Callable[[str], str]) -> None:
    times = []
    for number in range(12):
        changed = text(f"Other{number}")
        start = time.perf_counter()
        after = workspace.change({file: changed})
        lint(after, events=after.changed)
        check_expressions(after.plan, after.files, workspace.plan)
        bodies = [msgspec.json.encode(after.plan.events[name]) for name in after.changed]
        times.append((time.perf_counter() - start) * 1000)
        assert 1 <= len(bodies) <= FILE
        workspace = after
    times.sort()
    row(f"{case}: after one change", "trackplane", value=round(times[len(times) // 2], 1), p99=round(times[-1], 1), unit="ms", count=len(times))  # fmt: skip


def events_in(found: Difference) -> int:
    return sum(part.section == "events" for part in found.parts)


def compared() -> None:
    texts = files()
    before = Workspace.load(texts)
    changed = {f"events/{n:04d}.yaml": texts[f"events/{n:04d}.yaml"].replace("max: 1000", "max: 900") for n in range(0, max(1, EVENTS // FILE), 100)}  # fmt: skip
    after = before.change(changed)
    other = Workspace.load(dict(after.files))  # shares nothing with ``before``
    case = f"difference of two revisions of {EVENTS:,} events, {len(after.changed):,} changed"
    with Clock() as bound:
        unequal = sum(before.plan.events[n] != spec for n, spec in other.plan.events.items())
    row(case, "comparing each event alone", events=EVENTS, cpu_s=bound.cpu, wall_s=bound.wall)
    with Clock() as clock:
        found = difference(before.plan, other.plan)
    assert unequal == len(after.changed) == events_in(found)
    row(case, "trackplane", events=EVENTS, cpu_s=clock.cpu, wall_s=clock.wall, ratio=round(bound.cpu / clock.cpu, 3), ratio_to="comparing each event alone")  # fmt: skip
    with Clock() as clock:
        found = difference(before.plan, after.plan)
    assert events_in(found) == unequal
    row(f"{case}, one made from the other", "trackplane", events=EVENTS, cpu_s=clock.cpu, wall_s=clock.wall)  # fmt: skip


# --- validation


def merged(number: int, chance: random.Random) -> dict[str, Any]:
    """Return an event of a planned name: one in ten is wrong."""
    event: dict[str, Any] = {
        "id": f"i{chance.random()}",
        "event": name_of(number),
        "who": {"user_id": f"u{chance.randrange(1000)}"},
        "when": {"client": 1_795_376_614_842, "sent": 1_795_376_614_990},
        "where": {"page": "/cart", "module": "pay_bar"},
        "how": {"platform": "ios", "app_version": "9.2.0", "network": "wifi"},
        "what": {
            "amount": 3.5,
            "price": {"value": 129.5, "currency": "SGD"},
            "currency": "SGD",
            "coupon": "SAVE2026",
            "items": [{"sku": "a1", "qty": 2}, {"sku": "b2", "qty": 1}],
            "position": chance.randrange(1000),
            "source": "banner",
            "is_new": True,
            "at": 1_795_376_614_842,
            "labels": {"a": "x"},
            "experiment": "e1",
            "rank": 3,
            "tab": "home",
        },
    }
    if chance.random() < 0.1:
        wrong = chance.choice(["price", "source", "coupon", "position", "items"])
        event["what"][wrong] = {"coupon": "low", "position": -1, "items": [{"qty": 1}]}.get(wrong)
    return event


def specs(count: int) -> Iterator[EventSpec]:
    """Yield planned events: alike in most of their properties, as those of a group are."""
    text = HEAD + "events:\n" + event_text(0)
    spec = Workspace.load({"plan.yaml": text}).plan.events[name_of(0)]
    tree = msgspec.to_builtins(spec)
    for number in range(count):
        tree["event"] = name_of(number)
        tree["properties"]["what"]["length"]["max"] = number
        tree["properties"]["what"]["source"]["max_length"] = 40 + number % 50
        tree["properties"]["what"]["amount"]["description"] = f"What thing {number} costs."
        yield msgspec.convert(tree, EventSpec)


def validated() -> None:
    """200 planned events, every one compiled by everybody."""
    chance = random.Random(3)
    planned = list(specs(200))
    encoded = [msgspec.json.encode(merged(chance.randrange(200), chance)) for _ in range(20_000)]
    case = "validation, 200 planned events"
    ours = {spec.event: compile_validation(spec) for spec in planned}
    rust = {s.event: jsonschema_rs.validator_for(to_json_schema(s)) for s in planned}
    python = {s.event: fastjsonschema.compile(to_json_schema(s)) for s in planned}

    def mine(name: str, event: dict[str, Any]) -> bool:
        found = ours[name](event)
        return not found or all(violation.severity != "error" for violation in found)

    def first(name: str, event: dict[str, Any]) -> bool:
        try:
            python[name](event)
        except fastjsonschema.JsonSchemaException:
            return False
        return True

    subjects: list[tuple[str, Callable[[str, dict[str, Any]], bool]]] = [
        ("trackplane, all violations", mine),
        ("jsonschema-rs, valid or not", lambda n, e: rust[n].is_valid(e)),
        ("jsonschema-rs, all errors", lambda n, e: not list(rust[n].iter_errors(e))),
        ("fastjsonschema, the first error", first),
    ]
    verdicts, rates = [], {}
    for _ in range(3):  # the first rounds warm up
        verdicts = []
        for subject, valid in subjects:
            found, cpu, wall = [], 0.0, 0.0
            for start in range(0, len(encoded), 50):  # as of an upload: decoded a moment ago
                batch = [_decode(data) for data in encoded[start : start + 50]]
                with Clock() as clock:
                    found += [valid(event["event"], event) for event in batch]
                cpu, wall = cpu + clock.cpu, wall + clock.wall
            verdicts.append(found)
            clock.cpu, clock.wall = round(cpu, 4), round(wall, 4)
            rates[subject] = (clock, len(encoded) / cpu)
    assert all(verdict == verdicts[0] for verdict in verdicts)
    assert 0.05 < verdicts[0].count(False) / len(encoded) < 0.15
    rate_of_ours = rates["trackplane, all violations"][1]
    for subject, (clock, rate) in rates.items():
        row(case, subject, events=len(encoded), cpu_s=clock.cpu, wall_s=clock.wall, ratio=round(rate_of_ours / rate, 3), ratio_to=subject)  # fmt: skip


def at_size() -> None:
    """The collector's own state: 200 planned events against 200,000, same traffic, and skewed."""
    chance = random.Random(4)
    same = [msgspec.json.encode(merged(chance.randrange(200), chance)) for _ in range(20_000)]
    weights = [1 / (rank + 1) for rank in range(EVENTS)]
    names = chance.choices(range(EVENTS), weights, k=60_000)
    skewed = [msgspec.json.encode(merged(number, chance)) for number in names]
    first = 0.0
    for count in (200, EVENTS):
        state = CollectorState(partitions=4, new_id=lambda: "x")
        resources = [
            app_resource("shop"),
            key_resource("k", "shop"),
            *map(event_resource, specs(count)),
        ]
        snapshot = Snapshot.of(1, resources)
        with Clock() as taken:
            assert state.take(snapshot, snapshot.delta_from(None)) == {}
        del resources, snapshot
        admitter = state.admitter("k")
        assert admitter is not None
        assert isinstance(admitter.policy, Policy)
        planned = admitter._planned
        case = f"validation in the collector's state, {count:,} planned events"
        row(
            f"{case}: taking the state",
            "trackplane",
            value=taken.cpu,
            unit="CPU s",
            peak_mb=peak_mb(),
        )
        for events, traffic in (
            (same, "events of 200 names"),
            (skewed, "events of all names, skewed"),
        ):
            if count == 200 and events is skewed:
                continue
            for _ in range(3):
                cpu, wall = 0.0, 0.0
                for start in range(0, len(events), 50):  # as of an upload: decoded a moment ago
                    batch = [_decode(data) for data in events[start : start + 50]]
                    with Clock() as clock:
                        for event in batch:
                            planned[event["event"]].validate(event)
                    cpu, wall = cpu + clock.cpu, wall + clock.wall
            rate = len(events) / cpu
            first = first or rate
            row(f"{case}, {traffic}", "trackplane", events=len(events), cpu_s=round(cpu, 3), wall_s=round(wall, 3), peak_mb=now_mb(), ratio=round(rate / first, 3), ratio_to="200 planned events")  # fmt: skip


CASES = {f.__name__: f for f in (cold, one_file, compared, validated, at_size)}


def main() -> None:
    """Run every case, or the one named, each in its own process."""
    if len(sys.argv) > 1:
        CASES[sys.argv[1]]()
        return
    for name in CASES:
        subprocess.run([sys.executable, "-m", "benchmarks.plan", name], check=True)


if __name__ == "__main__":
    main()
