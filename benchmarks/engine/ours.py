"""Trackplane and plain Python as subjects: ``python -m benchmarks.engine.ours CASE SUBJECT MODE ROWS``.

``trackplane`` starts from the queue's message (checksum and directory included), the others from
events that somebody cut for them:

- ``naive``: ``orjson.loads`` and one compiled lambda a rule, each tried on each event;
- ``bare decode``: msgspec decoding the fields the rules read, of all events, and nothing else;
- ``script``: each event through a script in its isolated process, 500 a batch.

MODE is ``match``, ``bytes``, or ``update``. Prints one JSON object.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import orjson

from benchmarks.engine.work import (
    CASES,
    FRAME_EVENTS,
    SERVER,
    Case,
    Condition,
    Rule,
    events,
    made,
    our_rule,
    rules,
)  # fmt: skip
from trackplane.engine.engine import Engine
from trackplane.engine.ruleset import Ruleset
from trackplane.event import identity
from trackplane.frame import Frame, FrameBuilder
from trackplane.rules import ir
from trackplane.scripts.pool import ScriptPool
from trackplane.scripts.settings import ScriptSettings

SECONDS = float(os.environ.get("BENCHMARK_SECONDS", "1.0"))
UPDATES = 100
Run = Callable[[], tuple[int, list[bytes]]]  # matches and rows of all events


def messages(some: list[tuple[str, str, bytes]]) -> list[bytes]:
    """Return the queue's messages for these events: an upload an app in each."""
    found = []
    for start in range(0, len(some), FRAME_EVENTS):
        builder = FrameBuilder("P2")
        uploads: dict[str, int] = {}
        for number, (name, app, data) in enumerate(some[start : start + FRAME_EVENTS]):
            if app not in uploads:
                uploads[app] = builder.add_upload(app, "prod", 1, SERVER, b"{}")
            event_id = data[7:43].decode()
            builder.add(
                uploads[app], event=name, id=event_id, identity=identity(app, event_id, name, number),
                at=SERVER, data=data, clean=True,
            )  # fmt: skip
        found.append(builder.build())
    return found


def loaded(case: Case, *, match_only: bool) -> Engine:
    bodies = {r.name: ir.encode(our_rule(r, match_only=match_only)) for r in rules(case)}
    out = {"out": ir.Dataset(name="out", kind="table")}
    ruleset, rejected = Ruleset.empty().apply(1, changed=bodies, datasets=out)
    assert not rejected, next(iter(rejected.items()))
    return Engine(ruleset)


def trackplane(case: Case, mode: str) -> Run:
    engine = loaded(case, match_only=mode == "match")
    frames = messages(events(case))

    def run() -> tuple[int, list[bytes]]:
        outputs = engine.process([(Frame.decode(message), None) for message in frames])
        rows = outputs.rows["out"].data if outputs.rows else []
        assert not outputs.dirty
        b"\n".join(rows)
        return sum(outputs.matched.values()), rows

    return run


def naive(case: Case, mode: str) -> Run:
    found = [naive_rule(rule) for rule in rules(case)]
    cut = [data for _, _, data in events(case)]

    def run() -> tuple[int, list[bytes]]:
        rows = []
        for data in cut:
            value = orjson.loads(data)
            for matches in found:
                if matches(value):
                    rows.append(orjson.dumps(projected(value)))
        return len(rows), rows

    assert mode == "bytes"
    return run


def naive_rule(rule: Rule) -> Callable[[Any], bool]:
    ops = {"gt": "{0} > {1!r}", "eq": "{0} == {1!r}", "in": "{0} in {1!r}"}

    def text(condition: Condition) -> str:
        place = "e" + "".join(f"[{part!r}]" for part in condition.path.split("."))
        return ops[condition.op].format(place, condition.value)

    terms = [f"e['event'] == {rule.event!r}", f"e['how']['app'] == {rule.app!r}"]
    found: Callable[[Any], bool] = eval(
        f"lambda e: {' and '.join([*terms, *map(text, rule.conditions)])}"
    )
    return found


def projected(value: Any) -> dict[str, Any]:
    return {
        "id": value["id"],
        "user": value["who"]["user_id"],
        "value": value["what"]["total"]["value"],
        "page": value["where"]["page"],
        "items": value["what"]["items"],
    }


class _Who(msgspec.Struct, gc=False):
    user_id: Any = None


class _Where(msgspec.Struct, gc=False):
    page: Any = None
    country: Any = None


class _How(msgspec.Struct, gc=False):
    platform: Any = None


class _What(msgspec.Struct, gc=False):
    total: Any = None
    items: msgspec.Raw = msgspec.Raw()


class _Fields(msgspec.Struct, gc=False):
    who: _Who | None = None
    where: _Where | None = None
    how: _How | None = None
    what: _What | None = None


def bare_decode(case: Case, _: str) -> Run:
    decode = msgspec.json.Decoder(list[_Fields]).decode
    cut = [data for _, _, data in events(case)]
    blocks = [
        b"[" + b",".join(cut[start : start + FRAME_EVENTS]) + b"]"
        for start in range(0, len(cut), FRAME_EVENTS)
    ]

    def run() -> tuple[int, list[bytes]]:
        for block in blocks:
            decode(block)
        return 0, []

    return run


SCRIPT = """
def transform(event):
    if event["what"]["total"]["value"] > 250.0 and event["how"]["platform"] == "ios":
        return {"id": event["id"], "value": event["what"]["total"]["value"]}
"""


def script(case: Case, _: str) -> Run:
    pool = ScriptPool(ScriptSettings(allow_weaker_isolation=True), clock=lambda: 0)
    pool.configure({"s": ir.ScriptText(name="s", text=SCRIPT)})
    cut = [data for _, _, data in events(case)]

    def run() -> tuple[int, list[bytes]]:
        found = pool.run("s", cut)
        return sum(len(rows) for rows in found if isinstance(rows, list)), []

    run.cpu = lambda: pool.statistics()["s"].cpu_ms / 1000 + live_cpu(pool)  # type: ignore[attr-defined]
    run.close = pool.close  # type: ignore[attr-defined]
    return run


def live_cpu(pool: Any) -> float:
    return float(sum(slot._runner.cpu_s for slot in pool._slots.values() if slot._runner))


MAKERS: dict[str, Callable[[Case, str], Run]] = {
    "trackplane": trackplane,
    "naive": naive,
    "bare decode": bare_decode,
    "script": script,
}


def memory_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def measure(case: Case, subject: str, mode: str, rows_file: Path) -> dict[str, Any]:
    """Run one subject in this process."""
    run = MAKERS[subject](case, mode)
    matches, rows = run()
    rows_file.write_bytes(b"".join(row + b"\n" for row in rows))
    del rows
    memory = memory_mb()
    gc.freeze()
    run()
    other: Callable[[], float] = getattr(run, "cpu", lambda: 0.0)
    before = other()
    wall, cpu, count = time.perf_counter(), time.process_time(), 0
    while time.process_time() + other() - cpu - before < SECONDS:
        run()
        count += 1
    cpu_s, wall_s = time.process_time() + other() - cpu - before, time.perf_counter() - wall
    getattr(run, "close", lambda: None)()
    return {
        "events": count * len(events(case)), "cpu_s": round(cpu_s, 3), "wall_s": round(wall_s, 3),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "memory_mb": round(memory, 1), "matches": matches,
    }  # fmt: skip


def update(case: Case) -> dict[str, Any]:
    """Change one rule and run an event of its pair, again and again; ms of each."""
    engine = loaded(case, match_only=False)
    some = events(case)
    for message in messages(some):
        engine.process([(Frame.decode(message), None)])
    by_pair = {(name, app): (name, app, data) for name, app, data in some}
    gc.freeze()
    spent = []
    for turn in range(UPDATES):
        number = (turn * 37) % case.pairs
        old, other = made(case, number), made(case, number + case.pairs)
        changed = our_rule(Rule(old.name, old.event, old.app, other.conditions))
        body = ir.encode(changed)
        alone = by_pair.get((old.event, old.app))
        if alone is None:
            continue
        frame = Frame.decode(messages([alone])[0])
        started = time.perf_counter()
        ruleset, rejected = engine.ruleset.apply(turn + 2, changed={old.name: body})
        engine.ruleset = ruleset
        engine.process([(frame, None)])
        spent.append((time.perf_counter() - started) * 1000)
        assert not rejected
    spent.sort()
    return {"p50": spent[len(spent) // 2], "p99": spent[int(len(spent) * 0.99)]}


def main() -> None:
    case, subject, mode, rows = sys.argv[1:]
    if mode == "update":
        print(json.dumps(update(CASES[case])))
    else:
        print(json.dumps(measure(CASES[case], subject, mode, Path(rows))))


if __name__ == "__main__":
    main()
