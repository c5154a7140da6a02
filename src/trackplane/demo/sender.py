"""One sending client as a process of its own: ``python -m trackplane.demo.sender`` + a task on stdin.

Kinds: ``segment`` (Segment's own library, unmodified), ``tracker`` (our SDK under a tracker that
``trackplane codegen python`` generated), ``raw`` (bare HTTP, the only one that can send faults).
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import logging
import random
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from trackplane.demo import faults
from trackplane.demo.ledger import Sent, SentLedger, payload_digest
from trackplane.demo.sessions import generated, recorded
from trackplane.demo.traffic import Planned, replay

_RAW_BATCH: Final = 100


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What one sender does.

    It replays rounds ``first_round`` … ``last_round`` (exclusive) of the sessions whose index modulo
    ``shares`` is in ``share``, at ``rate`` events/s at most; ``fault_rate`` is the share of events
    that a raw sender spoils. ``recording`` is the recorded file, or empty for ``sessions`` generated.
    """

    kind: Literal["segment", "tracker", "raw"]
    url: str
    write_key: str
    ledger: str
    recording: str = ""
    sessions: int = 200
    first_round: int = 0
    last_round: int = 1
    shares: int = 1
    share: tuple[int, ...] = (0,)
    rate: float = 1_000.0
    fault_rate: float = 0.0
    tracker: str = ""
    seed: int = 0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a sender did: events handed in, those its client gave up, refused requests by name.

    ``started`` and ``ended`` are Unix seconds of its first event and its last answer.
    """

    kind: str
    sent: int
    given_up: int
    retries: int
    requests: dict[str, int]
    unexpected: list[str]
    started: float = 0.0
    ended: float = 0.0


def main() -> None:
    """Run the task on standard input; print the result as JSON."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    logging.disable(logging.CRITICAL)  # Segment's library reports each retry
    started = time.time()
    with SentLedger(Path(task.ledger)) as ledger:
        result = _SENDERS[task.kind](task, ledger)
    result = msgspec.structs.replace(result, started=started, ended=time.time())
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")


def _planned(task: Task) -> Iterator[Planned]:
    """Yield the task's events, no faster than its rate."""
    sessions = recorded(Path(task.recording)) if task.recording else generated(task.sessions)
    mine = [s for i, s in enumerate(sessions) if i % task.shares in task.share]
    started, count = time.monotonic(), 0
    for number in range(task.first_round, task.last_round):
        for event in replay(mine, round_=number, today=datetime.now(UTC).date()):
            ahead = count / task.rate - (time.monotonic() - started)
            if ahead > 0.02:
                time.sleep(ahead)
            count += 1
            yield event


def _segment(task: Task, ledger: SentLedger) -> Result:
    from segment.analytics import Client  # noqa: PLC0415 an extra, only this sender needs it

    failed: list[Any] = []
    client = Client(
        task.write_key,
        host=task.url,
        gzip=True,
        max_queue_size=5_000,
        upload_interval=0.2,
        upload_size=100,
        max_retries=50,
        thread=2,
        on_error=lambda _error, batch: failed.extend(batch),
    )
    sent = 0
    for event in _planned(task):
        ledger.write(Sent(event.id, event.name, payload_digest(event.what)))
        while client.queue.qsize() > 4_000:
            time.sleep(0.01)
        client.track(
            event.user,
            event.name,
            event.what,
            context={
                "page": {"path": event.page},
                "device": {"type": event.platform},
                "app": {"version": "9.2.0"},
            },
            timestamp=datetime.fromtimestamp(event.at_ms / 1000, UTC),
            message_id=event.id,
        )
        sent += 1
    client.shutdown()
    return Result(
        kind="segment", sent=sent, given_up=len(failed), retries=0, requests={}, unexpected=[]
    )


def _tracker(task: Task, ledger: SentLedger) -> Result:
    import trackplane_sdk  # noqa: PLC0415 a distribution of its own

    module = _load(Path(task.tracker))
    settings = trackplane_sdk.ClientSettings(close_s=120, longest_delay_s=2.0, max_queue=5_000)
    refused: list[str] = []

    def settled(id_: str, disposition: str) -> None:
        if disposition not in {"accepted", "warned"} and len(refused) < 10:
            refused.append(f"{id_}: {disposition}")

    client = trackplane_sdk.Client(task.write_key, task.url, settings=settings, on_settled=settled)
    pending: list[str] = []

    class WithId:
        """Gives the id that the ledger holds to the event that the tracker builds."""

        def send(self, event: str, properties: Any) -> object:
            return client.send(event, properties, id=pending.pop())

    tracker = module.ShopTracker(WithId())
    sent = 0
    for event in _planned(task):
        while client.statistics().waiting > 4_000:
            time.sleep(0.01)
        ledger.write(Sent(event.id, event.name, payload_digest(event.what)))
        pending.append(event.id)
        getattr(tracker, event.name)(
            **{f"what_{name}": value for name, value in event.what.items()},
            common={
                "who": {"user_id": event.user, "session_id": event.session},
                "when": {"client": event.at_ms},
                "where": {"page": event.page},
                "how": {"platform": event.platform},
            },
        )
        sent += 1
    client.flush(120)
    client.close()
    figures = client.statistics()
    return Result(
        kind="tracker",
        sent=sent,
        given_up=sum(figures.dropped.values()),
        retries=figures.retries,
        requests={},
        unexpected=refused,
    )


def _load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("shop_tracker", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["shop_tracker"] = module
    spec.loader.exec_module(module)
    return module


class _Poster:
    """Posts raw bodies over one connection, again and again until there is a final answer."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._host = task.url.removeprefix("http://")
        self._connection = http.client.HTTPConnection(self._host, timeout=20)
        self.retries = 0

    def post(self, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        """Return the final status and the answer's JSON."""
        deadline = time.monotonic() + 120
        sent = {
            "Authorization": f"Bearer {self._task.write_key}",
            "Content-Type": "application/json",
        } | headers
        while True:
            try:
                self._connection.request("POST", "/v1/records", body, sent)
                answer = self._connection.getresponse()
                content = answer.read()
                if answer.status not in {429, 500, 502, 503, 504}:
                    return answer.status, (json.loads(content) if content else None)
            except (OSError, http.client.HTTPException, ValueError):
                self._connection.close()
            if time.monotonic() > deadline:
                return 0, None
            self.retries += 1
            threading.Event().wait(0.3)


def _raw(task: Task, ledger: SentLedger) -> Result:
    random_ = random.Random(task.seed)
    poster = _Poster(task)
    sent = 0
    given_up = 0
    unexpected: list[str] = []
    requests: dict[str, int] = {}
    for number, batch in enumerate(_batches(_planned(task))):
        events: list[bytes] = []
        for event in batch:
            spoiled = random_.random() < task.fault_rate
            made = _spoil(event, random_, ledger) if spoiled else _healthy(event, ledger)
            events += made
            sent += len(made)
        header = {"when": {"sent": time.time_ns() // 1_000_000}, "how": {"sdk": "raw/1"}}
        body = b'{"header":' + json.dumps(header).encode() + b',"events":[' + b",".join(events)
        status, _answer = poster.post(body + b"]}", {})
        if status != 200:
            given_up += len(events)
            unexpected.append(f"a record of {len(events)} events was answered {status}")
        if task.fault_rate and number % 10 == 0:
            name, expected, headers, content = faults.REQUESTS[number // 10 % len(faults.REQUESTS)]
            status, _answer = poster.post(content, headers)
            requests[name] = requests.get(name, 0) + 1
            if status != expected:
                unexpected.append(f"{name}: answered {status}, expected {expected}")
    return Result(
        kind="raw",
        sent=sent,
        given_up=given_up,
        retries=poster.retries,
        requests=requests,
        unexpected=unexpected[:20],
    )


def _batches(events: Iterable[Planned]) -> Iterator[list[Planned]]:
    batch: list[Planned] = []
    for event in events:
        batch.append(event)
        if len(batch) == _RAW_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _healthy(event: Planned, ledger: SentLedger) -> list[bytes]:
    ledger.write(Sent(event.id, event.name, payload_digest(event.what)))
    body = {
        "id": event.id,
        "event": event.name,
        "who": {"user_id": event.user, "session_id": event.session},
        "when": {"client": event.at_ms},
        "where": {"page": event.page},
        "how": {"platform": event.platform},
        "what": event.what,
    }
    return [json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()]


def _spoil(event: Planned, random_: random.Random, ledger: SentLedger) -> list[bytes]:
    """Return a faulty event in place of a healthy one, and write down what it is."""
    fault = faults.pick(random_)
    made = fault.make(event.id, {"note": "spoiled"})
    digest = payload_digest({"note": "spoiled"}) if fault.outcome == "stored" else ""
    for body in made:
        name = "home"
        if fault.outcome == "stored":
            name = json.loads(body)["event"]
        ledger.write(Sent(event.id, name, digest, fault.name, event.name))
    return made


_SENDERS: Final = {"segment": _segment, "tracker": _tracker, "raw": _raw}

if __name__ == "__main__":
    main()
