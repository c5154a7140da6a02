"""Whatever a script tries, nothing outside its process is touched and the stream goes on."""

from __future__ import annotations

import json
import os
import platform
import select
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.scripts.attempts import DEADLY, PYTHON, SYSTEM_CALLS, script

from trackplane.rules.ir import ScriptText
from trackplane.scripts.pool import Result, ScriptFailure, ScriptPool
from trackplane.scripts.settings import ScriptSettings

GOOD = [json.dumps({"n": n}).encode() for n in range(5)]


def clock() -> int:
    return time.monotonic_ns() // 1_000_000


class Outside:
    """What an attempt would touch: a file anybody may write, a TCP port, a socket in no folder."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.folder.chmod(0o777)
        self.file = self.folder / "canary"
        self.file.write_text("canary-secret")
        self.file.chmod(0o666)
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(f"\0trackplane-canary-{os.getpid()}")
        self.unix.listen()

    def close(self) -> None:
        self.tcp.close()
        self.unix.close()
        shutil.rmtree(self.folder)

    def event(self) -> bytes:
        event = {"attack": True, "canary": str(self.file), "parent": os.getpid(), "n": 0}
        return json.dumps(event | {"port": self.tcp.getsockname()[1]}).encode()

    def assert_untouched(self) -> None:
        assert list(self.folder.iterdir()) == [self.file]
        assert self.file.read_text() == "canary-secret"
        assert self.file.stat().st_mode & 0o777 == 0o666
        assert select.select([self.tcp, self.unix], [], [], 0)[0] == []


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    os.environ["CANARY"] = "canary-in-the-environment"
    found = Outside()
    yield found
    found.close()
    del os.environ["CANARY"]


@pytest.fixture(scope="module", params=["every layer", "the least"])
def pool(request: pytest.FixtureRequest) -> Iterator[ScriptPool]:
    """Return a pool with all layers, and one with those alone without which nothing runs."""
    settings = ScriptSettings(allow_weaker_isolation=True, search_ms=0, load_ms=5_000)
    without = ["user", "uid"] if request.param == "the least" else []
    found = ScriptPool(settings, clock=clock, without=without)
    assert found.refusal() is None
    yield found
    found.close()


def attempt(pool: ScriptPool, body: str, outside: Outside, *, sabotage: bool = False) -> Result:
    """Run an attempt as the first event of a batch, then a good batch of the same script."""
    limits = {"wall_ms": 400, "cpu_ms": 200, "memory_mb": 64}
    pool.configure({"s": ScriptText(name="s", text=script(body), **limits)})
    (result,) = pool.run("s", [outside.event()])
    after = pool.run("s", GOOD)
    if sabotage and any(isinstance(rows, ScriptFailure) for rows in after):
        after = pool.run("s", GOOD)  # it broke its own process, which is gone now
    assert [[bytes(row) for row in rows] for rows in after] == [  # type: ignore[union-attr]
        [b'{"ok":%d}' % n] for n in range(5)
    ]
    outside.assert_untouched()
    return result


def assert_not_reached(result: Result) -> None:
    if isinstance(result, ScriptFailure):
        assert len(result.message) < 200
        assert result.message.isprintable()
    else:
        assert result == []
    assert "canary-" not in str(result)


def test_an_attempt_that_reached_something_would_be_seen(
    pool: ScriptPool, outside: Outside
) -> None:
    with pytest.raises(AssertionError):
        assert_not_reached(attempt(pool, "return 'canary-secret'", outside))


@pytest.mark.parametrize("name", PYTHON)
def test_what_python_offers_reaches_nothing(name: str, pool: ScriptPool, outside: Outside) -> None:
    assert_not_reached(attempt(pool, PYTHON[name], outside))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are of x86-64")
def test_no_system_call_reaches_anything(pool: ScriptPool, outside: Outside) -> None:
    """All of them in one process: each is refused, and the process goes on."""
    calls = [f"({name!r}, ({arguments},))" for name, arguments in SYSTEM_CALLS.items()]
    body = f"""
path = ctypes().create_string_buffer(event['canary'].encode(), 4096)
reached = []
for name, arguments in [{", ".join(calls)}]:
    try:
        call(*arguments)
    except OSError as error:
        if error.errno == 1:
            continue
        reached.append((name, error.errno))
    else:
        reached.append((name, 'done'))
return reached"""
    result = attempt(pool, body, outside)
    assert result == []


@pytest.mark.parametrize("name", DEADLY)
def test_what_ends_the_process_ends_nothing_else(
    name: str, pool: ScriptPool, outside: Outside
) -> None:
    assert_not_reached(attempt(pool, DEADLY[name], outside, sabotage=True))


def test_nothing_is_left_behind(pool: ScriptPool, outside: Outside) -> None:
    """Descriptors and processes are as many after many kills as after few."""
    attempt(pool, DEADLY["abort"], outside)
    me = psutil.Process()
    descriptors, children = me.num_fds(), len(me.children(recursive=True))
    for _ in range(10):
        attempt(pool, DEADLY["abort"], outside)
    deadline = time.monotonic() + 5
    while len(me.children(recursive=True)) > children and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(me.children(recursive=True)) <= children
    assert me.num_fds() <= descriptors


def test_runners_have_nothing_of_the_engine(outside: Outside) -> None:
    """Neither environment, nor descriptors, nor user, nor capabilities, nor network."""
    others = set(psutil.Process().children(recursive=True))
    pool = ScriptPool(clock=clock)
    pool.configure({"s": ScriptText(name="s", text=script("return False"))})
    assert not isinstance(pool.run("s", GOOD)[0], ScriptFailure)
    fresh = set(psutil.Process().children(recursive=True)) - others
    (runner,) = (process for process in fresh if not process.children())
    status = Path(f"/proc/{runner.pid}/status").read_text()
    assert "Seccomp:\t2" in status
    assert "NoNewPrivs:\t1" in status
    assert "CapEff:\t0000000000000000" in status
    assert "CapPrm:\t0000000000000000" in status
    if os.getuid() == 0:
        assert runner.uids() == (65534, 65534, 65534)
        assert sorted(p.name for p in Path(f"/proc/{runner.pid}/fd").iterdir()) == ["0", "1"]
        assert Path(f"/proc/{runner.pid}/environ").read_bytes() == b""
        for name in ("user", "pid", "net", "ipc", "mnt", "uts"):
            own = Path(f"/proc/{runner.pid}/ns/{name}").readlink()
            assert own != Path(f"/proc/self/ns/{name}").readlink()
        assert list(Path("/proc", str(runner.pid), "root/.").iterdir()) == []
    pool.close()
