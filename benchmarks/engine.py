"""Events per CPU-second of the engine: parse, match, project five fields, NDJSON bytes.

Events of about 923 bytes, nested, in frames of 500, eight a batch; 10 and 1,000 rules, each of four conditions on
one event's name; all events with candidate rules, and 5 % of them. Beside it, over the same events:

- ``naive``: ``orjson.loads`` and one compiled lambda a rule, each tried on each event;
- ``naive by event``: the same, but only the lambdas of the event's name;
- ``bare decode``: msgspec decoding the fields the rules read, of all events, and nothing else.

Each runs in a process of its own; all must put out equal rows. ``trackplane`` starts from the queue's
message (checksum and directory included), the naive ones from events that somebody cut for them.
Prints one JSON row a case. About 35 s.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import msgspec
import orjson

from trackplane.engine.engine import Engine
from trackplane.engine.ruleset import Ruleset
from trackplane.event import identity
from trackplane.frame import Frame, FrameBuilder
from trackplane.rules import ir

SECONDS = float(os.environ.get("BENCHMARK_SECONDS", "1.0"))
FRAME_EVENTS = 500
FRAMES = 8
SERVER = 1_795_376_614_990
COUNTRIES = ["SG", "MY", "ID", "TH", "VN", "PH", "JP", "US"]
# Five rules an event name, as in an installation of 200,000 events and a million rules; "dense": 20.
CASES = [
    "10 rules, all",
    "10 rules, 5 %",
    "1000 rules, all",
    "1000 rules, 5 %",
    "1000 rules, dense",
]
SUBJECTS = ["trackplane", "naive", "naive by event", "bare decode"]


def event(rng: random.Random, name: str, number: int) -> bytes:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    hexed = "".join(rng.choices("0123456789abcdef", k=12))
    value = {
        "id": f"0192f1c2-7a10-7d5e-9c11-{hexed}",
        "event": name,
        "who": {
            "user_id": f"u{rng.randrange(10**8)}",
            "anonymous_id": "".join(rng.choices(letters, k=22)),
            "device_id": "".join(rng.choices(letters, k=22)),
            "session_id": f"s{rng.randrange(10**9)}",
        },
        "when": {"client": SERVER - number * 7, "sent": SERVER - 20, "offset_min": 480},
        "where": {
            "page": f"/shop/category/{rng.randrange(200)}/cart",
            "module": "pay_bar",
            "referrer": "https://www.example.com/search?q=shoes",
            "country": rng.choice(COUNTRIES),
        },
        "how": {
            "platform": rng.choice(["ios", "android", "web"]),
            "os_version": "18.1",
            "app_version": f"9.{rng.randrange(20)}.0",
            "network": "wifi",
            "sdk": "ios/1.4.0",
            "seq": number,
        },
        "what": {
            "total": {"value": round(rng.uniform(0, 500), 2), "currency": "SGD"},
            "items": [
                {"sku": f"a{rng.randrange(10**5)}", "name": "Running shoes", "price": 64.75, "quantity": 1}
                for _ in range(3)
            ],
            "coupon": "SPRING26",
            "experiment": {"checkout": "B", "search": "control"},
        },
    }  # fmt: skip
    return msgspec.json.encode(value)


def ruled(case: str) -> int:
    """Return how many event names have rules."""
    return {"10": 2, "1000": 50 if "dense" in case else 200}[case.split(maxsplit=1)[0]]


def names(case: str) -> Iterator[str]:
    rng = random.Random(3)
    while True:
        chosen = "5 %" not in case or rng.random() < 0.05
        yield f"event_{rng.randrange(ruled(case))}" if chosen else f"other_{rng.randrange(100)}"


def frames(case: str) -> tuple[list[bytes], list[list[bytes]]]:
    """Return the queue's messages, and the same events cut."""
    rng, source = random.Random(7), names(case)
    messages, cut = [], []
    for _ in range(FRAMES):
        builder = FrameBuilder("P2")
        upload = builder.add_upload("shop", "prod", 1, SERVER, b"{}")
        events = []
        for number in range(FRAME_EVENTS):
            name = next(source)
            data = event(rng, name, number)
            events.append(data)
            event_id = data[7:43].decode()
            builder.add(
                upload, event=name, id=event_id, identity=identity("shop", event_id, name, number),
                at=SERVER, data=data, clean=True,
            )  # fmt: skip
        messages.append(builder.build())
        cut.append(events)
    return messages, cut


def conditions(number: int) -> tuple[str, float, str, tuple[str, str]]:
    """Return a rule's constants: event, least value, platform, countries."""
    rng = random.Random(number)
    return (
        "",
        float(rng.choice([100, 150, 200, 250, 300, 350, 400, 450])),
        rng.choice(["ios", "android", "web"]),
        tuple(rng.sample(COUNTRIES, 2)),  # type: ignore[return-value]
    )


# --- subjects: each returns a function that gives the rows of all frames


def path(text: str, kind: str) -> ir.Path:
    root, *parts = text.split(".")
    if not parts:
        return ir.Path("", (root,), ir.Type(kind), nullable=False)  # type: ignore[arg-type]
    return ir.Path(root, tuple(parts), ir.Type(kind))  # type: ignore[arg-type]


def rule(number: int, name: str) -> ir.Rule:
    _, least, platform, countries = conditions(number)
    text = [ir.Literal(item, ir.STRING) for item in (name, platform, *countries)]
    where = ir.Call(
        "and",
        (
            ir.Call("in", (path("event", "string"), text[0]), ir.BOOL),
            ir.Call("gt", (path("what.total.value", "float64"), ir.Literal(least, ir.FLOAT64)), ir.BOOL),
            ir.Call("eq", (path("how.platform", "string"), text[1]), ir.BOOL),
            ir.Call("in", (path("where.country", "string"), text[2], text[3]), ir.BOOL),
        ),
        ir.BOOL,
    )  # fmt: skip
    columns = [
        ("id", path("id", "string")),
        ("user", path("who.user_id", "string")),
        ("value", path("what.total.value", "float64")),
        ("page", path("where.page", "string")),
        ("items", path("what.items", "array")),
    ]
    return ir.Rule(
        name=f"rule_{number}",
        target="out",
        events=(name,),
        where=where,
        actions=(ir.Select(tuple(ir.Column(n, value) for n, value in columns)),),
    )


def trackplane(case: str) -> Callable[[], list[bytes]]:
    count = int(case.split(maxsplit=1)[0])
    rules = [rule(n, f"event_{n % ruled(case)}") for n in range(count)]
    ruleset, rejected = Ruleset.empty().apply(
        1,
        changed={r.name: ir.encode(r) for r in rules},
        datasets={"out": ir.Dataset(name="out", kind="table")},
    )
    assert not rejected
    engine = Engine(ruleset)
    messages, _ = frames(case)

    def run() -> list[bytes]:
        rows = engine.process([(Frame.decode(message), None) for message in messages]).rows
        return rows["out"].data if rows else []

    return run


def naive_rule(number: int, name: str) -> Callable[[Any], bool]:
    _, least, platform, countries = conditions(number)
    source = (
        f"lambda e: e['event'] == {name!r} and e['what']['total']['value'] > {least!r} "
        f"and e['how']['platform'] == {platform!r} and e['where']['country'] in {countries!r}"
    )
    found: Callable[[Any], bool] = eval(source)
    return found


def projected(value: Any) -> dict[str, Any]:
    return {
        "id": value["id"],
        "user": value["who"]["user_id"],
        "value": value["what"]["total"]["value"],
        "page": value["where"]["page"],
        "items": value["what"]["items"],
    }


def naive(case: str) -> Callable[[], list[bytes]]:
    count = int(case.split(maxsplit=1)[0])
    rules = [naive_rule(n, f"event_{n % ruled(case)}") for n in range(count)]
    _, cut = frames(case)

    def run() -> list[bytes]:
        rows = []
        for data in chain.from_iterable(cut):
            value = orjson.loads(data)
            for matches in rules:
                if matches(value):
                    rows.append(orjson.dumps(projected(value)))
        return rows

    return run


def naive_by_event(case: str) -> Callable[[], list[bytes]]:
    count = int(case.split(maxsplit=1)[0])
    rules: dict[str, list[Callable[[Any], bool]]] = {}
    for n in range(count):
        name = f"event_{n % ruled(case)}"
        rules.setdefault(name, []).append(naive_rule(n, name))
    _, cut = frames(case)

    def run() -> list[bytes]:
        rows = []
        for data in chain.from_iterable(cut):
            value = orjson.loads(data)
            for matches in rules.get(value["event"], ()):
                if matches(value):
                    rows.append(orjson.dumps(projected(value)))
        return rows

    return run


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


def bare_decode(case: str) -> Callable[[], list[bytes]]:
    decode = msgspec.json.Decoder(list[_Fields]).decode
    _, cut = frames(case)
    blocks = [b"[" + b",".join(events) + b"]" for events in cut]

    def run() -> list[bytes]:
        for block in blocks:
            decode(block)
        return []

    return run


MAKERS = {
    "trackplane": trackplane,
    "naive": naive,
    "naive by event": naive_by_event,
    "bare decode": bare_decode,
}


def measure(case: str, subject: str) -> dict[str, Any]:
    """Run one subject in this process."""
    run = MAKERS[subject](case)
    rows = run()
    digest = hashlib.sha256(
        b"\n".join(sorted(orjson.dumps(orjson.loads(row), option=orjson.OPT_SORT_KEYS) for row in rows))
    ).hexdigest()  # fmt: skip
    gc.collect()
    gc.freeze()
    wall, cpu, events = time.perf_counter(), time.process_time(), 0
    while time.process_time() - cpu < SECONDS:
        run()
        events += FRAMES * FRAME_EVENTS
    cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "events": events, "cpu_s": round(cpu_s, 3), "wall_s": round(wall_s, 3),
        "peak_mb": round(peak, 1), "rows": len(rows), "digest": digest,
    }  # fmt: skip


def main() -> None:
    if len(sys.argv) > 2:
        print(json.dumps(measure(sys.argv[1], sys.argv[2])))
        return
    for case in CASES:
        found: dict[str, dict[str, Any]] = {}
        for subject in SUBJECTS:
            command = [sys.executable, "-P", __file__, case, subject]
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found[subject] = json.loads(printed)
        compared = [found[s] for s in SUBJECTS if s != "bare decode"]
        if len({(f["rows"], f["digest"]) for f in compared}) != 1:
            sys.exit(f"{case}: the subjects put out different rows")
        base = found["trackplane"]["events"] / found["trackplane"]["cpu_s"]
        for subject in SUBJECTS:
            row = found[subject]
            rate = row["events"] / row["cpu_s"]
            print(
                json.dumps(
                    {
                        "benchmark": "engine", "case": case, "subject": subject,
                        "events": row["events"], "cpu_s": row["cpu_s"], "wall_s": row["wall_s"],
                        "peak_mb": row["peak_mb"], "ratio": round(base / rate, 2), "ratio_to": subject,
                    }
                ),
                flush=True,
            )  # fmt: skip


if __name__ == "__main__":
    main()
