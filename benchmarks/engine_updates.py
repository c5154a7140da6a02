"""Rulesets of 100,000 and a million rules: load, memory, one-rule updates, throughput under updates.

Rules stand under 200,000 event names (100,000 rules: 500 names, so that places are full), four
conditions each. Each size runs in a process of its own. Updates change one rule of an event that is
in use; they are applied as a worker does it: the snapshot, then the ruleset, then the swap.
Throughput is measured for some seconds quiet and for as long with ten updates a second from another
thread. Prints one JSON row a size.
"""

from __future__ import annotations

import gc
import json
import os
import random
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.engine import FRAME_EVENTS, SERVER, event, rule
from trackplane.discovery import Delta, Resource, Snapshot
from trackplane.engine.engine import Engine
from trackplane.engine.ruleset import Ruleset
from trackplane.event import identity
from trackplane.frame import Frame, FrameBuilder
from trackplane.rules import ir

SECONDS = float(os.environ.get("BENCHMARK_SECONDS", "3.0"))
SIZES = {"100000": 500, "1000000": 200_000}  # rules: event names
UPDATES = 300
HOT = 200  # event names of the traffic


def frames(names: int) -> list[Frame]:
    rng = random.Random(7)
    found = []
    for _ in range(8):
        builder = FrameBuilder("P2")
        upload = builder.add_upload("shop", "prod", 1, SERVER, b"{}")
        for number in range(FRAME_EVENTS):
            name = f"event_{rng.randrange(min(HOT, names))}"
            data = event(rng, name, number)
            event_id = data[7:43].decode()
            builder.add(
                upload, event=name, id=event_id, identity=identity("shop", event_id, name, number),
                at=SERVER, data=data, clean=True,
            )  # fmt: skip
        found.append(Frame.decode(builder.build()))
    return found


def memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def resources(rules: int, names: int) -> Any:
    for number in range(rules):
        body = ir.encode(rule(number, f"event_{number % names}"))
        yield Resource(kind="rule", name=f"rule_{number}", body=body)


def rate(engine: Engine, batches: list[Frame], seconds: float) -> float:
    items = [(frame, None) for frame in batches]
    events = 0
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        engine.process(items)
        events += sum(len(frame) for frame in batches)
    return events / (time.perf_counter() - start)


def measure(rules: int) -> dict[str, Any]:
    names = SIZES[str(rules)]
    dataset = ir.Dataset(name="out", kind="table")
    start = time.process_time()
    snapshot = Snapshot.of(1, resources(rules, names))
    made = time.process_time() - start
    start = time.process_time()
    ruleset, rejected = Ruleset.empty().apply(
        1, changed=snapshot.packed("rule"), datasets={"out": dataset}
    )
    load = time.process_time() - start
    assert not rejected
    gc.collect()
    gc.freeze()
    loaded = memory_mb()
    engine = Engine(ruleset)
    batches = frames(names)
    rate(engine, batches, SECONDS)  # what is hot compiles
    took: list[float] = []
    used: list[float] = []
    state = {"snapshot": snapshot, "ruleset": ruleset, "number": 1}

    def update(index: int) -> None:
        number = index % rules
        changed = rule(number + 7 * rules + index, f"event_{number % names}")
        body = ir.encode(
            ir.Rule(
                **{f: getattr(changed, f) for f in changed.__struct_fields__}
                | {"name": f"rule_{number}"}
            )
        )
        before: Any = state["snapshot"]
        at, cpu = time.perf_counter(), time.thread_time()
        delta = Delta(
            start=before.number,
            end=before.number + 1,
            changed=(Resource(kind="rule", name=f"rule_{number}", body=body),),
        )
        after = before.apply(delta)
        held: Any = state["ruleset"]
        new, refused = held.apply(after.number, changed={f"rule_{number}": body})
        engine.ruleset = new
        took.append(time.perf_counter() - at)
        used.append(time.thread_time() - cpu)
        assert not refused
        state["snapshot"], state["ruleset"] = after, new

    for index in range(UPDATES):
        update(index * 7 % HOT)
    took.sort()
    used.sort()
    quiet_updates, quiet_used = took.copy(), used.copy()
    quiet = rate(engine, batches, SECONDS)
    stopping = threading.Event()

    def updating() -> None:
        index = 0
        while not stopping.wait(0.1):
            update(index * 13 % HOT)
            index += 1

    took.clear()
    thread = threading.Thread(target=updating)
    thread.start()
    busy = rate(engine, batches, SECONDS)
    stopping.set()
    thread.join()
    took.sort()
    again = rate(engine, batches, SECONDS)
    return {
        "case": f"{rules} rules over {names} events",
        "snapshot_cpu_s": round(made, 1),
        "load_cpu_s": round(load, 1),
        "loaded_mb": round(loaded),
        "running_mb": round(memory_mb()),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
        "update_p50_ms": round(quiet_updates[len(quiet_updates) // 2] * 1e3, 2),
        "update_p99_ms": round(quiet_updates[int(len(quiet_updates) * 0.99)] * 1e3, 2),
        "update_cpu_p50_ms": round(quiet_used[len(quiet_used) // 2] * 1e3, 2),
        "update_cpu_p99_ms": round(quiet_used[int(len(quiet_used) * 0.99)] * 1e3, 2),
        "busy_update_p50_ms": round(took[len(took) // 2] * 1e3, 2),
        "quiet_events_s": round((quiet + again) / 2),
        "ratio_under_updates": round(busy / ((quiet + again) / 2), 3),
    }


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(measure(int(sys.argv[1]))))
        return
    for size in SIZES:
        subprocess.run([sys.executable, "-m", "benchmarks.engine_updates", size], check=True)


if __name__ == "__main__":
    main()
