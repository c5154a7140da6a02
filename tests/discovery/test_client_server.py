"""Discovery over real loopback gRPC: nodes follow, reject, resync, and live without the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from trackplane.discovery import Delta, Kind, Resource, Snapshot
from trackplane.discovery.client import DiscoverySettings, GrpcSource
from trackplane.discovery.discovery_pb2_grpc import DiscoveryStub
from trackplane.discovery.server import Answered, DiscoveryServer, Hub, Node
from trackplane.errors import ConfigurationError

TOKEN = "node-secret"


def rule(name: str, body: bytes = b"{}") -> Resource:
    return Resource(kind="rule", name=name, body=body)


class Recorder:
    """A node listener that keeps what it was told."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.answers: list[tuple[str, Answered]] = []
        self.reports: list[bytes] = []

    def connected(self, node: Node) -> None:
        self.nodes[node.name] = node

    def answered(self, node: Node, answer: Answered) -> None:
        self.answers.append((node.name, answer))

    def reported(self, node: Node, statistics: bytes) -> None:
        self.reports.append(statistics)

    def disconnected(self, node: Node) -> None:
        self.nodes.pop(node.name, None)


class ControlPlane:
    """A hub and its server on a loopback port that survives restarts."""

    def __init__(self, resources: tuple[Resource, ...] = (rule("a"),), number: int = 1) -> None:
        self.hub = Hub(Snapshot.of(number, resources, published=1))
        self.recorder = Recorder()
        self.port = 0

    async def start(self) -> None:
        self.server = DiscoveryServer(
            self.hub, self.recorder, token=TOKEN, raise_number=self.raise_number
        )
        self.port = await self.server.start("127.0.0.1", self.port)

    async def raise_number(self, number: int) -> None:
        self.publish(end=number + 1)

    def publish(
        self, *changed: Resource, removed: tuple[tuple[Kind, str], ...] = (), end: int = 0
    ) -> None:
        start = self.hub.snapshot.number
        self.hub.publish(
            Delta(start=start, end=end or start + 1, changed=changed, removed=removed, published=2)
        )


class Consumer:
    """A consumer that keeps what it is given and rejects the rules it is told to."""

    def __init__(self, bad: str = "") -> None:
        self.snapshot = Snapshot()
        self.deltas: list[Delta] = []
        self.bad = bad

    async def apply(self, snapshot: Snapshot, delta: Delta) -> Mapping[tuple[Kind, str], str]:
        assert delta.start == self.snapshot.number
        assert self.snapshot.apply(delta).hash == snapshot.hash
        self.snapshot = snapshot
        self.deltas.append(delta)
        return {r.key: "will not compile" for r in delta.changed if r.name == self.bad}

    def names(self) -> set[str]:
        return {name for _, name in self.snapshot.resources}


async def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.005)


@asynccontextmanager
async def node(
    folder: Path, port: int, consumer: Consumer, name: str = "worker-1"
) -> AsyncIterator[GrpcSource]:
    token_file = folder / "node.token"
    token_file.write_text(TOKEN + "\n")
    source = GrpcSource(
        DiscoverySettings(address=f"127.0.0.1:{port}", first_delay_ms=10, longest_delay_ms=50),
        node=name,
        kind="worker",
        token_file=token_file,
        cache=folder / f"{name}.lastgood",
    )
    running = asyncio.create_task(source.run(consumer))
    try:
        yield source
    finally:
        running.cancel()
        (ended,) = await asyncio.gather(running, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError), ended


def run(scenario: Callable[[ControlPlane], Awaitable[None]], control: ControlPlane) -> None:
    async def whole() -> None:
        await control.start()
        try:
            await scenario(control)
        finally:
            await control.server.stop(0)

    asyncio.run(whole())


@pytest.mark.integration
def test_a_node_gets_the_state_then_only_what_changed(tmp_path: Path) -> None:
    """The first delta is whole, the next ones hold the one resource that changed."""

    async def scenario(control: ControlPlane) -> None:
        consumer = Consumer()
        async with node(tmp_path, control.port, consumer) as source:
            await until(lambda: source.number == 1)
            control.publish(rule("b"))
            await until(lambda: source.number == 2)
            control.publish(removed=(("rule", "a"),))
            await until(lambda: source.number == 3)
            assert source.connected
            assert source.age_ms == 0
            source.report(b'{"events":1}')
            await until(lambda: control.recorder.reports)
        assert consumer.names() == {"b"}
        assert [[r.name for r in d.changed] for d in consumer.deltas] == [["a"], ["b"], []]
        await until(lambda: len(control.recorder.answers) == 3)
        assert [a.number for _, a in control.recorder.answers] == [1, 2, 3]
        assert control.recorder.reports == [b'{"events":1}']

    run(scenario, ControlPlane())


@pytest.mark.integration
def test_a_rejected_rule_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    """A NACK carries kind, name and reason, and ends when the rule is replaced."""

    async def scenario(control: ControlPlane) -> None:
        consumer = Consumer(bad="broken")
        async with node(tmp_path, control.port, consumer) as source:
            await until(lambda: source.number == 1)
            control.publish(rule("broken"), rule("good"))
            await until(lambda: len(control.recorder.answers) == 2)
            assert control.recorder.answers[-1][1].rejected == {
                ("rule", "broken"): "will not compile"
            }
            assert "good" in consumer.names()
            control.publish(removed=(("rule", "broken"),))
            await until(lambda: len(control.recorder.answers) == 3)
            assert control.recorder.answers[-1][1].rejected == {}

    run(scenario, ControlPlane())


@pytest.mark.integration
def test_a_node_starts_from_its_cache_and_catches_up_when_the_server_is_back(
    tmp_path: Path,
) -> None:
    """With the control plane down a restarted node runs under its last good state."""

    async def scenario(control: ControlPlane) -> None:
        async with node(tmp_path, control.port, Consumer()) as source:
            await until(lambda: source.number == 1)
            control.publish(rule("b"))
            await until(lambda: source.number == 2)
            await control.server.stop(0)
            await until(lambda: not source.connected)
            assert source.number == 2
            assert source.age_ms is not None
            # It comes back with nothing new to say: the node answers, and stays.
            answers = len(control.recorder.answers)
            await control.start()
            await until(lambda: len(control.recorder.answers) == answers + 1)
            control.publish(rule("b", b"again"))
            await until(lambda: source.number == 3)
            await control.server.stop(0)
            await until(lambda: not source.connected)
        control.publish(rule("c"))
        again = Consumer()
        async with node(tmp_path, control.port, again) as source:
            await until(lambda: source.number == 3)
            assert again.names() == {"a", "b"}
            assert not source.connected
            await control.start()
            await until(lambda: source.number == 4 and source.connected)
            assert [r.name for r in again.deltas[-1].changed] == ["c"]

    run(scenario, ControlPlane())


@pytest.mark.integration
def test_a_state_that_does_not_fit_is_sent_again_in_full(tmp_path: Path) -> None:
    """A hash mismatch leads to a resync, and the consumer still sees only the difference."""

    async def scenario(control: ControlPlane) -> None:
        consumer = Consumer()
        async with node(tmp_path, control.port, consumer) as source:
            await until(lambda: source.number == 1)
            # The node silently loses a resource: the next delta cannot add up.
            source._snapshot = Snapshot.of(1, [])  # type: ignore[attr-defined]
            consumer.snapshot = Snapshot.of(1, [])
            control.publish(rule("b"))
            await until(lambda: source.number == 2)
            assert consumer.names() == {"a", "b"}

    run(scenario, ControlPlane())


@pytest.mark.integration
def test_numbers_rise_beyond_those_of_a_node_when_the_control_plane_was_replaced(
    tmp_path: Path,
) -> None:
    """A control plane restored from an older copy passes the numbers its nodes have seen."""

    async def scenario(control: ControlPlane) -> None:
        async with node(tmp_path, control.port, Consumer()) as source:
            await until(lambda: source.number == 7)
        await control.server.stop(0)
        restored = ControlPlane((rule("z"),), number=3)
        await restored.start()
        consumer = Consumer()
        async with node(tmp_path, restored.port, consumer) as source:
            await until(lambda: source.number == 8)
            assert consumer.names() == {"z"}
        await restored.server.stop(0)

    run(scenario, ControlPlane(number=7))


@pytest.mark.integration
def test_a_large_state_travels_in_parts(tmp_path: Path) -> None:
    """5,000 resources arrive whole, and come back whole from the cache."""
    resources = tuple(rule(f"r{i}", b"x" * 900) for i in range(5_000))

    async def scenario(control: ControlPlane) -> None:
        async with node(tmp_path, control.port, Consumer()) as source:
            await until(lambda: source.number == 1)
            control.publish(rule("one more"))
            await until(lambda: source.number == 2)
            await until(lambda: len(control.recorder.answers) == 2)
        await control.server.stop(0)
        again = Consumer()
        async with node(tmp_path, control.port, again) as source:
            await until(lambda: source.number)
            assert len(again.names()) >= 5_000

    run(scenario, ControlPlane(resources))


@pytest.mark.integration
def test_a_wrong_node_token_is_refused() -> None:
    """Nothing is sent to a node without the token, and nobody hears of it."""

    async def scenario(control: ControlPlane) -> None:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{control.port}") as channel:
            for metadata in ((), (("authorization", "Bearer guess"),)):
                call = DiscoveryStub(channel).Follow(metadata=metadata)
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call.read()
                assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
        assert not control.recorder.nodes

    run(scenario, ControlPlane())


@pytest.mark.integration
def test_a_port_in_use_is_a_configuration_error() -> None:
    """The message names the address and the setting."""

    async def scenario(control: ControlPlane) -> None:
        other = DiscoveryServer(
            control.hub, Recorder(), token=TOKEN, raise_number=control.raise_number
        )
        with pytest.raises(ConfigurationError, match="in use"):
            await other.start("127.0.0.1", control.port)

    run(scenario, ControlPlane())


def test_history_answers_a_node_that_was_away_with_what_it_missed() -> None:
    """Missed changes are merged: the last one of each resource counts."""

    async def scenario() -> None:
        control = ControlPlane()
        before = control.hub.snapshot
        control.publish(rule("b", b"1"))
        control.publish(rule("b", b"2"), rule("c"))
        control.publish(removed=(("rule", "c"),))
        control.publish(removed=(("rule", "a"),))
        control.publish(rule("a", b"new"))
        delta = control.hub.since(before.number, before.hash)
        assert delta.start == 1
        assert before.apply(delta).resources == control.hub.snapshot.resources
        assert {r.name for r in delta.changed} == {"a", "b"}
        assert control.hub.since(1, "0" * 64).start == 0
        assert control.hub.since(99, "").start == 0

    asyncio.run(scenario())
