"""A collector that really listens, in a thread of the test's process."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self

import msgspec
import uuid_utils
import uvloop

from trackplane import dirty, ledger
from trackplane.collector import Collector, CollectorSettings, CollectorState, serve
from trackplane.dirty import DirtyEvent
from trackplane.discovery import AppSettings, Resource, Snapshot, WriteKey
from trackplane.event import LANE_TOPICS, JsonObject
from trackplane.frame import Frame
from trackplane.plan.model import EventSpec
from trackplane.queue import Queue, TopicSpec


def new_id() -> str:
    """Return a UUIDv7."""
    return str(uuid_utils.uuid7())


def topics(partitions: int) -> list[TopicSpec]:
    """Return the topics that a collector writes to."""
    lanes = [TopicSpec(name=name, partitions=partitions) for name in LANE_TOPICS]
    return [*lanes, TopicSpec(name=dirty.TOPIC), TopicSpec(name=ledger.TOPIC)]


def app_resource(app: str, **settings: Any) -> Resource:
    """Return the resource of an app's settings."""
    body = msgspec.json.encode(AppSettings(app=app, **settings))
    return Resource(kind="app", name=app, body=body)


def key_resource(key: str, app: str, env: str = "prod") -> Resource:
    """Return the resource of a write key."""
    name = hashlib.sha256(key.encode()).hexdigest()
    return Resource(kind="key", name=name, body=msgspec.json.encode(WriteKey(app=app, env=env)))


def event_resource(spec: EventSpec) -> Resource:
    """Return the resource of a planned event."""
    name = f"{spec.app}/{spec.event}"
    return Resource(kind="event", name=name, body=msgspec.json.encode(spec))


class RunningCollector:
    """A context manager: the collector listens on a free port of the loopback address.

    Without ``resources`` it has no configuration, and is not ready.
    """

    def __init__(
        self,
        queue: Queue,
        *,
        clock: Callable[[], int],
        resources: Iterable[Resource] | None = None,
        settings: CollectorSettings | None = None,
    ) -> None:
        self.settings = settings or CollectorSettings(port=0)
        queue.ensure_topics(topics(self.settings.partitions))
        self.state = CollectorState(partitions=self.settings.partitions, new_id=new_id)
        self.collector = Collector(self.settings, queue, self.state, clock=clock)
        self.port = 0
        self._snapshot: Snapshot | None = None
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="collector", daemon=True)
        if resources is not None:
            self.configure(resources)

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}"

    def configure(self, resources: Iterable[Resource]) -> dict[Any, str]:
        """Put a new configuration in force; return what was rejected."""
        number = self._snapshot.number + 1 if self._snapshot else 1
        after = Snapshot.of(number, resources)
        delta = after.delta_from(self._snapshot)
        self._snapshot = after
        return self.state.take(after, delta)

    def stop(self) -> None:
        """Drain and stop."""
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None and self._thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        self._thread.join(timeout=30)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait(timeout=30)
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            uvloop.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self._failure = error
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()

        def started(port: int) -> None:
            self.port = port
            self._started.set()

        await serve(self.collector, self.settings, stop=self._stop, started=started, signals=False)


class Stored:
    """Everything that a queue holds, decoded: for asserting what a collector made of its uploads."""

    def __init__(self, queue: Queue) -> None:
        self.events: list[JsonObject] = []
        self.frames: list[Frame] = []
        self.dirty: list[DirtyEvent] = []
        self.ledger: Counter[tuple[str, str]] = Counter()  # (kind, reason) -> events
        for topic in queue.topics().values():
            for partition in range(topic.partitions):
                for data in _messages(queue, topic.name, partition):
                    self._take(topic.name, data)

    @property
    def ids(self) -> list[str]:
        """Return the ids of the events in frames, sorted."""
        return sorted(event["id"] for event in self.events)

    def kinds(self) -> dict[str, int]:
        """Return the ledger's counts by kind."""
        kinds: Counter[str] = Counter()
        for (kind, _), count in self.ledger.items():
            kinds[kind] += count
        return dict(kinds)

    def _take(self, topic: str, data: bytes) -> None:
        if topic == dirty.TOPIC:
            self.dirty += dirty.decode(data)
        elif topic == ledger.TOPIC:
            for entry in ledger.decode(data):
                self.ledger[entry.kind, entry.reason] += entry.count
        else:
            frame = Frame.decode(data)
            self.frames.append(frame)
            self.events += list(frame)


def _messages(queue: Queue, topic: str, partition: int) -> Iterator[bytes]:
    offset = 0
    while True:
        batch = queue.read(topic, partition, offset)
        messages: Sequence[Any] = batch.messages
        if not messages:
            return
        for message in messages:
            yield bytes(message.data)
        offset = batch.next
