"""The demo from start to verdict.

First phase: three kinds of clients send at a steady rate while rules and the plan change under them.
Second phase: the collector and the workers are killed again and again while the clients retry.
Then everything drains, and ``check`` compares what was sent with what the lake's files hold.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import msgspec

from trackplane.codegen import generate_python
from trackplane.demo import check, design, trials
from trackplane.demo.changes import RULE_CHANGES
from trackplane.demo.example import example_text
from trackplane.demo.platform import Platform
from trackplane.demo.sender import Result, Task
from trackplane.demo.sessions import generated, recorded
from trackplane.demo.traffic import shop_plan
from trackplane.errors import TrackplaneError

Say = Callable[[str], None]
_KILLS: Final = 5


class DemoError(TrackplaneError):
    """The demo could not be carried out; the accounting was not reached."""

    code = "demo"


class DemoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. ``recording``: path of the recorded sessions, else sessions are generated.

    ``rounds`` are replays in the first phase, ``kill_rounds`` in the second; ``rate`` and
    ``kill_rate`` are their events/s over all clients.
    """

    folder: Path
    recording: str = ""
    sessions: int = 200
    rounds: int = 4
    kill_rounds: int = 1
    kills: int = _KILLS
    rate: float = 6_000.0
    kill_rate: float = 1_000.0
    raw_only: bool = False


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The demo's last line. Counts are events; ``p99`` figures are in ms."""

    sent: int
    stored: int
    dirty: int
    dropped: int
    deduplicated: int
    refused: int
    lost: int
    doubled: int
    effective_p99_ms: float | None
    fresh_p99_ms: float | None
    kills: int
    events_per_s: float
    ok: bool


def run(settings: DemoSettings, platform: Platform, say: Say) -> Outcome:
    """Carry the demo out on a platform that has started.

    Raises:
        DemoError: a sender failed or the platform did not drain.
    """
    key = _set_up(platform, say)
    platform.wait_ready()
    tracker = settings.folder / "shop_tracker.py"
    tracker.write_text(generate_python(shop_plan(), revision=1), encoding="utf-8")

    say(f"phase 1: {settings.rounds} rounds of the sessions, rules and plan changing meanwhile")
    senders = _start(settings, platform, key, tracker, first=0, last=settings.rounds)
    effective = _change_while(platform, senders, say)
    results = _finish(senders)
    seconds = max(r.ended for r in results) - min(r.started for r in results)
    sent = sum(result.sent for result in results)
    say(f"  {sent:,} events sent and answered in {seconds:.1f} s: {sent / seconds:,.0f} events/s")
    rate = sent / seconds

    kills = 0
    quiet_until = time.time_ns() // 1_000_000
    if settings.kill_rounds:
        slower = msgspec.structs.replace(settings, rate=settings.kill_rate)
        say(f"phase 2: kill -9 of collector and workers, {settings.kills} times, clients retrying")
        last = settings.rounds + settings.kill_rounds
        senders = _start(slower, platform, key, tracker, first=settings.rounds, last=last)
        kills = _kill_while(settings, platform, senders, say)
        results += _finish(senders)
    _report_senders(results, say)
    _drain(platform, say)
    if not trials.replay(platform, say):
        raise DemoError("what the canary failed on was not replayed")
    verdict = check.verify(
        data=platform.data,
        ledgers=sorted(settings.folder.glob("sent-*.jsonl")),
        purchases=_purchases(settings) * (settings.rounds + settings.kill_rounds),
        quiet_until=quiet_until,
        say=say,
    )
    given_up = sum(result.given_up for result in results)
    unexpected = sum(len(result.unexpected) for result in results)
    return Outcome(
        sent=verdict.sent,
        stored=verdict.stored,
        dirty=verdict.dirty,
        dropped=verdict.dropped,
        deduplicated=verdict.deduplicated,
        refused=verdict.refused,
        lost=verdict.lost,
        doubled=verdict.doubled,
        effective_p99_ms=max(effective) if effective else None,
        fresh_p99_ms=verdict.fresh_p99_ms,
        kills=kills,
        events_per_s=round(rate, 1),
        ok=verdict.ok and not given_up and not unexpected,
    )


def _purchases(settings: DemoSettings) -> int:
    """Return how many purchases one round of the sessions holds."""
    path = settings.recording
    sessions = recorded(Path(path)) if path else generated(settings.sessions)
    return sum(name == "purchase" for session in sessions for name, _ in session.events)


def _set_up(platform: Platform, say: Say) -> str:
    """Create the app, its plan, datasets and rules; return a write key."""
    platform.call("POST", "/apps", json={"app": "shop", "validation": "enforce"})
    platform.call(
        "PUT",
        "/apps/shop/plan",
        etag=platform.etag("/apps/shop/plan"),
        json={"files": {"plan.yaml": example_text("plan.yaml")}, "message": "the example"},
    )
    for source in check.documents(example_text("datasets.yaml")):
        platform.call("POST", "/datasets", json={"source": source})
    for source in check.documents(example_text("rules.yaml")):
        platform.call("POST", "/rules", json={"source": source})
    answer = platform.call("POST", "/apps/shop/keys", json={"env": "prod"})
    plan = shop_plan()
    say(f"set up: app shop, {len(plan.events)} planned events, validation enforced")
    return str(answer["key"])


def _start(
    settings: DemoSettings, platform: Platform, key: str, tracker: Path, *, first: int, last: int
) -> list[subprocess.Popen[bytes]]:
    shares: Sequence[tuple[Any, tuple[int, ...], float]]
    if settings.raw_only:
        shares = [("raw", tuple(range(10)), 0.02)]
    else:
        has_segment = find_spec("segment") is not None
        has_sdk = find_spec("trackplane_sdk") is not None
        shares = [
            ("segment" if has_segment else "raw", (0, 1, 2), 0.0),
            ("tracker" if has_sdk else "raw", (3, 4, 5), 0.0),
            ("raw", (6, 7, 8, 9), 0.05),
        ]
    return [
        _sender(
            Task(
                kind=kind,
                url=platform.collector_url,
                write_key=key,
                ledger=str(settings.folder / f"sent-{first}-{number}-{kind}.jsonl"),
                recording=settings.recording,
                sessions=settings.sessions,
                first_round=first,
                last_round=last,
                shares=10,
                share=share,
                rate=settings.rate * len(share) / 10,
                fault_rate=faults,
                tracker=str(tracker),
                seed=first * 100 + number,
            )
        )
        for number, (kind, share, faults) in enumerate(shares)
    ]


def _sender(task: Task) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "trackplane.demo.sender"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(task))
    process.stdin.close()
    process.stdin = None
    return process


def _running(senders: Sequence[subprocess.Popen[bytes]]) -> bool:
    return any(sender.poll() is None for sender in senders)


def _finish(senders: Sequence[subprocess.Popen[bytes]]) -> list[Result]:
    results = []
    for sender in senders:
        output, errors = sender.communicate()
        if sender.returncode:
            raise DemoError(f"a sender failed:\n{errors.decode(errors='replace')[-3000:]}")
        results.append(msgspec.json.decode(output, type=Result))
    return results


def _change_while(
    platform: Platform, senders: Sequence[subprocess.Popen[bytes]], say: Say
) -> list[float]:
    """Publish the rule changes and the plan change; return each one's effective time in ms."""
    effective = []
    pause = 2.0
    trials.begin(platform)
    for name, source in RULE_CHANGES:
        time.sleep(pause)
        path = f"/rules/{name}"
        etag = platform.etag(path)
        answer = platform.call("PUT", path, etag=etag, json={"source": source})
        effective.append(_effective(platform, answer["number"], f"rule {name}", say))
    time.sleep(pause)
    number = design.change_plan(platform, say)
    effective.append(_effective(platform, number, "plan change", say))
    if not trials.show(platform, say):
        raise DemoError("the shadow or the canary did not come to its end")
    if not _running(senders):
        say("  (the senders were done before the last change)")
    return [value for value in effective if value is not None]


def _effective(platform: Platform, number: int, what: str, say: Say) -> float | None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        state = platform.call("GET", f"/rulesets/{number}")
        if state.get("effective_ms") is not None:
            value = float(state["effective_ms"])
            say(f"  {what}: effective on {len(state['nodes'])} nodes after {value:.0f} ms")
            return value
        time.sleep(0.02)
    say(f"  {what}: NOT effective everywhere after 20 s")
    return 20_000.0


def _kill_while(
    settings: DemoSettings,
    platform: Platform,
    senders: Sequence[subprocess.Popen[bytes]],
    say: Say,
) -> int:
    kills = 0
    while kills < settings.kills and _running(senders):
        _until(platform.settled, 30)
        time.sleep(1.5)  # let events flow again, so that each kill meets work under way
        _until(lambda: platform.lag() > 0 or not _running(senders), 10)
        lag = platform.lag()
        if not lag:
            continue
        died = platform.kill("collector", "worker")
        kills += 1
        say(f"  kill -9 {', '.join(died)} with {lag} messages not yet committed")
    if kills < settings.kills:
        say(f"  (the senders were done after {kills} kills)")
    return kills


def _until(met: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not met():
        time.sleep(0.02)


def _report_senders(results: Sequence[Result], say: Say) -> None:
    for result in results:
        say(
            f"  {result.kind}: {result.sent:,} sent, {result.retries} retries,"
            f" {result.given_up} given up"
            + (f", refused requests {result.requests}" if result.requests else "")
        )
        for line in result.unexpected:
            say(f"    unexpected: {line}")


def _drain(platform: Platform, say: Say) -> None:
    """Wait until nothing is left in the queue."""
    deadline = time.monotonic() + 60
    quiet = 0
    while quiet < 3:
        if time.monotonic() > deadline:
            raise DemoError(f"the queue did not drain: {platform.lag()} messages are left")
        try:
            quiet = quiet + 1 if platform.lag() == 0 else 0
        except TrackplaneError:
            quiet = 0
        time.sleep(0.3)
    say("drained: every message of the queue is committed")
