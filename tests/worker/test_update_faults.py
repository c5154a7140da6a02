"""A worker killed in any moment of an update wakes up under the old ruleset or the new one, whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCALE = int(os.environ.get("TRACKPLANE_TEST_SCALE", "1"))
pytestmark = pytest.mark.faults

# Runs one update, as a node does, and kills itself at the call of a function of ours with the number
# it is given; prints how many calls the update had if it was never killed.
CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
from trackplane.discovery import Resource, Snapshot
from trackplane.discovery.cache import LastGood
from trackplane.engine.engine import Engine
from trackplane.rules import ir
from trackplane.worker.configuration import WorkerConfiguration

path, kill_at = Path(sys.argv[1]), int(sys.argv[2])
calls = 0

def state(number):
    columns = (ir.Column("n", ir.Literal(number, ir.INT64)),)
    dataset = ir.encode(ir.Dataset(name="out", kind="table"))
    found = [Resource(kind="dataset", name="out", body=dataset)]
    for n in range(40):
        rule = ir.Rule(name=f"r{n}", target="out", actions=(ir.Select(columns),), events=("pay",))
        found.append(Resource(kind="rule", name=rule.name, body=ir.encode(rule)))
    return Snapshot.of(number, found, published=number)

def watch(frame, event, argument):
    global calls
    if event == "call" and "/trackplane/" in frame.f_code.co_filename:
        calls += 1
        if calls == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

before, after = state(1), state(2)
cache = LastGood(path)
cache.save(before, before.delta_from(None))
engine = Engine()
configuration = WorkerConfiguration(engine)
asyncio.run(configuration.apply(before, before.delta_from(None)))
delta = after.delta_from(before)
import threading
threading.setprofile(watch)
sys.setprofile(watch)
taken = before.apply(delta)
asyncio.run(configuration.apply(taken, delta))
cache.save(taken, delta)
sys.setprofile(None)
print(calls)
"""

# Wakes up: prints the number, and the values that the rules put out.
WAKE = """
import asyncio, json, sys
from pathlib import Path
from trackplane.discovery.cache import LastGood
from trackplane.engine.engine import Engine
from trackplane.event import identity
from trackplane.frame import Frame, FrameBuilder
from trackplane.worker.configuration import WorkerConfiguration

snapshot = LastGood(Path(sys.argv[1])).load()
engine = Engine()
asyncio.run(WorkerConfiguration(engine).apply(snapshot, snapshot.delta_from(None)))
builder = FrameBuilder("P1")
upload = builder.add_upload("shop", "prod", 1, 5, b"{}")
builder.add(upload, event="pay", id="a", identity=identity("shop", "a", "pay", None), at=5,
            data=b"{}", clean=True)
rows = engine.process([(Frame.decode(builder.build()), None)]).rows["out"]
print(json.dumps([snapshot.number, snapshot.hash, sorted(map(bytes.decode, rows.data))]))
"""


def run(code: str, *args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def woken(path: Path) -> str:
    found = run(WAKE, path)
    assert found.returncode == 0, found.stderr
    return found.stdout.splitlines()[-1]  # the log comes before it


def test_a_kill_in_any_phase_leaves_the_old_or_the_new_ruleset(tmp_path: Path) -> None:
    """Killed at calls spread over the whole update: building, swapping, writing to disk."""
    whole = run(CHILD, tmp_path / "whole", 0)
    assert whole.returncode == 0, whole.stderr
    calls = int(whole.stdout)
    new = woken(tmp_path / "whole")
    killed = run(CHILD, tmp_path / "first", 1)
    assert killed.returncode == -signal.SIGKILL
    old = woken(tmp_path / "first")
    assert old != new
    tries = 6 * SCALE
    states = []
    for number in [1 + calls * n // tries for n in range(tries)] + [calls]:
        path = tmp_path / f"at-{number}"
        assert run(CHILD, path, number).returncode == -signal.SIGKILL
        states.append(woken(path))
    assert set(states) <= {old, new}


def test_a_change_cut_at_any_byte_on_disk_is_no_change(tmp_path: Path) -> None:
    """What the disk took of the new state before the kill is the old state, or all of it the new."""
    path = tmp_path / "whole"
    assert run(CHILD, path, 0).returncode == 0
    new = woken(path)
    assert run(CHILD, tmp_path / "first", 1).returncode == -signal.SIGKILL
    old = woken(tmp_path / "first")
    size, data = (tmp_path / "first").stat().st_size, path.read_bytes()
    assert len(data) > size
    for end in [size + (len(data) - size) * n // (3 * SCALE) for n in range(3 * SCALE)]:
        cut = tmp_path / f"cut-{end}"
        cut.write_bytes(data[:end])
        assert woken(cut) == old
    assert woken(path) == new
