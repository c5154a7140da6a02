"""Consumers of sinks: a receiver that is down stops only its own rules, and nothing is lost."""

import asyncio
import time
from collections.abc import Callable

import msgspec
import pytest

from trackplane.discovery import Resource, Snapshot
from trackplane.engine.engine import Engine
from trackplane.event import identity
from trackplane.frame import FrameBuilder
from trackplane.lake.manifest import Manifest
from trackplane.lake.settings import RawStoreSettings
from trackplane.queue import TopicSpec
from trackplane.queue.disk import DiskQueue
from trackplane.rules import ir
from trackplane.rules.library.environment import NOTHING
from trackplane.scripts.pool import ScriptPool
from trackplane.secret_files import SecretFolder
from trackplane.sinks import RowsRefusedError, Sink, SinkError, SinkPlugin
from trackplane.sinks.file import FilePlugin
from trackplane.worker.scripts import Scripts
from trackplane.worker.settings import WorkerSettings
from trackplane.worker.sinks import SinkConsumers, Surroundings

LANES = [("events.p2", 0), ("events.p2", 1)]
NOW = 1_795_376_614_990


class Receiver(SinkPlugin):
    """Takes rows while it is up; refuses those it is told to."""

    name = "receiver"
    options = msgspec.defstruct("Options", [])

    def __init__(self):
        self.up = True
        self.refuses = b"\0"
        self.rows: list[bytes] = []
        self.opened = 0

    def open(self, context, options):
        self.opened += 1
        receiver = self

        class Mine(Sink):
            def write(self, delivery):
                if not receiver.up:
                    raise SinkError("nobody answers")
                bad = {n: "no" for n, row in enumerate(delivery.rows) if receiver.refuses in row}
                receiver.rows += [row for n, row in enumerate(delivery.rows) if n not in bad]
                if bad:
                    raise RowsRefusedError(bad)

        return Mine()


class Platform:
    """A queue, a lake and the consumers of sinks; ``publish`` changes what they run under."""

    def __init__(self, folder):
        clock = lambda: time.time_ns() // 1_000_000  # noqa: E731
        self.queue = DiskQueue(folder / "queue", clock=clock)
        self.queue.ensure_topics([TopicSpec(name="events.p2", partitions=2)])
        self.manifest = Manifest(folder / "lake" / "manifest.db", clock)
        self.receiver = Receiver()
        self.files = folder / "sinks"
        self.around = Surroundings(
            queue=self.queue,
            manifest=self.manifest,
            lanes=LANES,
            plugins={"receiver": self.receiver, "file": FilePlugin()},
            folder=self.files,
            secret=SecretFolder(folder / "secrets").read,
            member="worker-1",
            worker=WorkerSettings(flush_ms=10, poll_ms=5),
            lake=RawStoreSettings(),
            clock=clock,
            engine=Engine,
            environment=NOTHING,
            scripts=Scripts(ScriptPool(clock=clock)),
        )
        self.sinks = SinkConsumers(self.around)
        self.snapshot = None
        self.sent = 0

    def publish(self, *datasets, rules=None):
        rules = rules if rules is not None else [(d.name, d.name) for d in datasets]
        resources = [Resource(kind="dataset", name=d.name, body=ir.encode(d)) for d in datasets]
        for name, target in rules:
            rule = ir.Rule(
                name=f"to_{name}", target=target, events=("buy",),
                actions=(ir.Select((ir.Column("n", ir.Path("what", ("n",), ir.INT64)),)),),
            )  # fmt: skip
            resources.append(Resource(kind="rule", name=rule.name, body=ir.encode(rule)))
        number = (self.snapshot.number if self.snapshot else 0) + 1
        after = Snapshot.of(number, resources)
        delta = after.delta_from(self.snapshot)
        self.snapshot = after
        return asyncio.run(self.sinks.apply(after, delta))

    def send(self, count, *, event="buy"):
        for _ in range(count):
            number = self.sent
            builder = FrameBuilder("P2")
            upload = builder.add_upload("shop", "prod", 1, NOW, b"{}")
            builder.add(
                upload, event=event, id=f"e{number}", at=NOW, clean=True,
                identity=identity("shop", f"e{number}", event, 5),
                data=msgspec.json.encode({"id": f"e{number}", "event": event, "what": {"n": number}}),
            )  # fmt: skip
            self.queue.append({LANES[number % 2]: [builder.build()]})
            self.sent += 1

    def states(self):
        return {s.dataset: s for s in self.sinks.statistics()}

    def close(self):
        asyncio.run(self.sinks.close())
        self.queue.close()
        self.manifest.close()


@pytest.fixture
def platform(tmp_path):
    platform = Platform(tmp_path)
    yield platform
    platform.close()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in 20 s"
        time.sleep(0.005)


def ready(platform):
    """Wait until every sink has begun in every partition: what is sent from now on is delivered."""
    until(lambda: {c["partitions"] for c in platform.sinks.consumers()} == {2})


def numbers(rows):
    return sorted(msgspec.json.decode(row)["n"] for row in rows)


RECEIVER = ir.Dataset(name="out", kind="sink", connector="receiver", columns={"n": "int64"})
FILE = ir.Dataset(name="files", kind="sink", connector="file", columns={"n": "int64"})


def file_rows(platform):
    return [
        line
        for path in (platform.files / "files").glob("*.ndjson")
        for line in path.read_bytes().splitlines()
    ]


def test_rows_are_delivered_with_their_standard_columns(platform):
    assert platform.publish(RECEIVER) == {}
    ready(platform)
    platform.send(3)
    until(lambda: len(platform.receiver.rows) == 3)
    row = msgspec.json.decode(min(platform.receiver.rows))
    assert row == {
        "n": 0, "_id": "e0", "_event": "buy", "_rule": "to_out", "_app": "shop", "_env": "prod",
        "_at": NOW, "_server": NOW,
        "_weight": 1.0,
    }  # fmt: skip


def test_a_receiver_that_is_down_stops_only_its_own_rules(platform):
    platform.publish(RECEIVER, FILE)
    ready(platform)
    platform.receiver.up = False
    platform.send(10)
    until(lambda: numbers(file_rows(platform)) == list(range(10)))
    until(lambda: platform.states()["out"].state != "ok")
    assert "nobody answers" in platform.states()["out"].error
    assert platform.receiver.rows == []
    waiting = platform.states()["out"].waiting
    platform.send(10)
    until(lambda: numbers(file_rows(platform)) == list(range(20)))
    assert platform.states()["out"].waiting == waiting  # the rest waits in the queue
    platform.receiver.up = True
    until(lambda: len(platform.receiver.rows) >= 20)
    assert numbers(platform.receiver.rows) == list(range(20))
    until(lambda: platform.states()["out"].state == "ok")


def test_rows_that_are_refused_for_good_are_kept_with_the_reason(platform):
    platform.publish(RECEIVER)
    ready(platform)
    platform.receiver.refuses = b'"n":3,'
    platform.send(6)
    until(lambda: platform.states()["out"].refused == 1)
    until(lambda: numbers(platform.receiver.rows) == [0, 1, 2, 4, 5])
    (kept,) = (platform.files / "out" / "refused").glob("*.ndjson")
    line = msgspec.json.decode(kept.read_bytes())
    assert line["reason"] == "no"
    assert line["row"]["n"] == 3


def test_a_restart_goes_on_where_it_was_and_doubles_nothing(platform):
    platform.publish(RECEIVER)
    ready(platform)
    platform.send(5)
    until(lambda: len(platform.receiver.rows) == 5)
    asyncio.run(platform.sinks.close())
    platform.send(5)
    platform.sinks = SinkConsumers(platform.around)
    platform.snapshot = None
    platform.publish(RECEIVER)
    until(lambda: len(platform.receiver.rows) >= 10)
    assert numbers(platform.receiver.rows) == list(range(10))


def test_a_dataset_that_goes_stops_and_one_that_changes_starts_anew(platform):
    platform.publish(RECEIVER, FILE)
    ready(platform)
    assert platform.receiver.opened == 1
    platform.publish(FILE)
    assert list(platform.states()) == ["files"]
    platform.publish(FILE, msgspec.structs.replace(RECEIVER, description="again"))
    ready(platform)
    assert platform.receiver.opened == 2
    platform.send(2)
    until(lambda: numbers(platform.receiver.rows) == [0, 1])


def test_a_sink_that_cannot_be_opened_is_rejected_by_name_and_hurts_nobody(platform):
    wrong = msgspec.structs.replace(RECEIVER, name="wrong", connector="recever")
    rejected = platform.publish(wrong, FILE)
    assert "did you mean 'receiver'" in rejected["dataset", "wrong"]
    assert set(platform.states()) == {"files"}
    ready(platform)
    platform.send(1)
    until(lambda: numbers(file_rows(platform)) == [0])


def test_rules_that_write_elsewhere_do_not_run_here(platform):
    table = ir.Dataset(name="t", kind="table", columns={"n": "int64"})
    platform.publish(RECEIVER, table, rules=[("out", "out"), ("t", "t")])
    assert [consumer["stage"]["rules"] for consumer in platform.sinks.consumers()] == [1]
