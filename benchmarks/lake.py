"""Events per CPU-second from frames to committed Parquet, beside pyarrow writing prepared columns.

880-byte-class events, 20 a header, 500 a frame, each with its own time, page and sequence number; the
raw store decodes, deduplicates, builds columns, writes, syncs and commits. The bound writes the same
Arrow table with the same settings. A third row is the obvious way: a dict per event, merged, then
columns from lists. Row counts are asserted equal. Prints one JSON row a case. About 20 s.
"""

from __future__ import annotations

import gc
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from trackplane.event import identity
from trackplane.frame import Frame, FrameBuilder
from trackplane.lake.columns import EVENT_SCHEMA
from trackplane.lake.manifest import Manifest
from trackplane.lake.parquet import write
from trackplane.lake.writer import RawStore

EVENTS = int(os.environ.get("BENCHMARK_EVENTS", "200000"))
A_FRAME = 500
A_HEADER = 20
A_FLUSH = 50_000
NOW = 1_795_376_614_990
PARTITION = ("events.p2", 0)


def header(chance: random.Random) -> bytes:
    return msgspec.json.encode(
        {
            "who": {
                "user_id": f"u{chance.randrange(9999)}",
                "anonymous_id": f"{chance.getrandbits(128):032x}",
                "device_id": f"{chance.getrandbits(64):016x}",
                "session_id": f"{chance.getrandbits(64):016x}",
                "install_id": f"{chance.getrandbits(128):032x}",
            },
            "when": {"sent": NOW, "offset_min": 480},
            "where": {"country": "SG", "referrer": "https://example.com/"},
            "how": {
                "platform": "ios",
                "os_version": "18.1",
                "app_version": "9.2.0",
                "network": "wifi",
                "sdk": "ios/1.4.0",
                "config": 311,
            },
        }
    )


def event(chance: random.Random, number: int) -> dict[str, Any]:
    return {
        "id": f"0192f1c2-{number:08x}-7000-8000-{chance.getrandbits(48):012x}",
        "event": f"event_{number % 50}",
        "when": {"client": NOW - number % 5000},
        "where": {"page": f"/product/{number % 300}"},
        "how": {"seq": number},
        "what": {
            "total": {"value": number / 7, "currency": "SGD"},
            "items": [
                {
                    "sku": f"sku{chance.randrange(1000)}",
                    "attrs": {"color": "red", "size": "XL", "score": chance.random()},
                }
                for _ in range(7)
            ],
            "note": "x" * 100,
        },
    }


def frames() -> list[bytes]:
    chance = random.Random(1)
    made: list[bytes] = []
    for start in range(0, EVENTS, A_FRAME):
        builder = FrameBuilder("P2")
        for number in range(start, start + A_FRAME):
            if number % A_HEADER == 0:
                upload = builder.add_upload("shop", "prod", 3, NOW + number % 1000, header(chance))
            one = event(chance, number)
            builder.add(
                upload,
                event=one["event"],
                id=one["id"],
                identity=identity("shop", one["id"], one["event"], one["when"]["client"]),
                at=one["when"]["client"],
                data=msgspec.json.encode(one),
                clean=True,
            )
        made.append(builder.build())
    return made


def lake(messages: list[bytes], folder: Path) -> tuple[int, Manifest]:
    manifest = Manifest(folder / "manifest.db", lambda: NOW)
    store = RawStore(manifest, folder, lambda: NOW)
    store.assign([PARTITION])
    done = 0
    for offset, message in enumerate(messages):
        done += store.add(*PARTITION, offset, message)
        if done % A_FLUSH == 0:
            store.flush()
    store.flush()
    return sum(file.rows for file in manifest.files("events")), manifest


def prepared(tables: list[pa.Table], folder: Path) -> int:
    for n, table in enumerate(tables):
        path = folder / f"{n}.parquet"
        write(path, table.schema, [table])
        with path.open("rb") as file:
            os.fsync(file.fileno())
    return sum(table.num_rows for table in tables)


def obvious(messages: list[bytes], folder: Path) -> int:
    columns = [
        n for n in EVENT_SCHEMA.names if n.partition("_")[0] in ("who", "when", "where", "how")
    ]
    rows: list[dict[str, Any]] = []
    done = 0

    def save() -> None:
        path = folder / f"{done}.parquet"
        pq.write_table(pa.Table.from_pylist(rows), path, compression="zstd", compression_level=1)
        rows.clear()

    for message in messages:
        for merged in Frame.decode(message):
            row = {"id": merged["id"], "event": merged["event"], **merged["meta"]}
            for column in columns:
                namespace, _, name = column.partition("_")
                row[column] = merged[namespace].get(name)
            row["what"] = json.dumps(merged["what"])
            rows.append(row)
            done += 1
        if done % A_FLUSH == 0:
            save()
    if rows:
        save()
    return done


def measure(work: Callable[[], int]) -> tuple[int, float, float]:
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    count = work()
    return count, time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    messages = frames()
    size = sum(int(Frame.decode(message).length.sum()) for message in messages) / EVENTS
    print(f"{EVENTS} events of {size:.0f} bytes", file=sys.stderr)
    results: dict[str, tuple[int, float, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for part in ("warm", "lake", "bound", "obvious"):
            (root / part).mkdir()
        _, warm = lake(messages[: A_FLUSH // A_FRAME], root / "warm")
        warm.close()
        manifests: list[Manifest] = []

        def run() -> int:
            count, manifest = lake(messages, root / "lake")
            manifests.append(manifest)
            return count

        results["trackplane raw store"] = measure(run)
        (manifest,) = manifests
        files = manifest.files("events")
        tables = [
            pq.ParquetFile(root / "lake" / file.path).read().cast(EVENT_SCHEMA) for file in files
        ]
        manifest.close()
        results["pyarrow, prepared columns"] = measure(
            lambda tables=tables: prepared(tables, root / "bound")
        )
        del tables
        few = messages[: len(messages) // 5]
        results["a dict per event"] = measure(lambda: obvious(few, root / "obvious"))
    assert results["trackplane raw store"][0] == results["pyarrow, prepared columns"][0] == EVENTS
    assert results["a dict per event"][0] == len(few) * A_FRAME
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    count, cpu, _ = results["pyarrow, prepared columns"]
    bound = count / cpu
    for subject, (events, cpu_s, wall_s) in results.items():
        row = {
            "benchmark": "lake",
            "case": f"{size:.0f}-byte events, {A_HEADER} a header",
            "subject": subject,
            "events": events,
            "cpu_s": round(cpu_s, 3),
            "wall_s": round(wall_s, 3),
            "peak_mb": round(peak),
            "ratio": round(events / cpu_s / bound, 3),
            "ratio_to": "pyarrow, prepared columns",
        }
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
