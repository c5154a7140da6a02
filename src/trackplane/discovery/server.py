"""The control plane's end of discovery: one stream per node, one unanswered state at a time.

Runs in one event loop. ``Hub`` holds the current state and enough history to answer a node that was
away for a while with a delta; ``DiscoveryServer`` speaks the protocol of ``spec/discovery.md``.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final, Protocol

import grpc
import msgspec
import structlog

from trackplane.discovery import Delta, Kind, Resource, Snapshot
from trackplane.discovery import discovery_pb2 as pb
from trackplane.discovery import discovery_pb2_grpc as pb_grpc
from trackplane.discovery.parts import split
from trackplane.errors import ConfigurationError

_log = structlog.get_logger(__name__)

HELLO_TIMEOUT_S: Final = 10
MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_time_ms", 15_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
)


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A connected node: one stream. ``started`` is the node's own clock in ms."""

    name: str
    kind: str
    number: int
    started: int
    session: int


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A node's answer: the state in force there, and what of it could not be taken."""

    number: int
    rejected: Mapping[tuple[str, str], str]
    took_ms: int


class NodeListener(Protocol):
    """Told what nodes do. Called in the loop: return at once."""

    def connected(self, node: Node) -> None:
        """A node said hello."""

    def answered(self, node: Node, answer: Answered) -> None:
        """A node took a state."""

    def reported(self, node: Node, statistics: bytes) -> None:
        """A node told its figures."""

    def disconnected(self, node: Node) -> None:
        """A node's stream ended."""


class Hub:
    """The current state and the last changes. Used from one event loop only."""

    def __init__(self, snapshot: Snapshot, *, history: int = 1_000) -> None:
        self._snapshot = snapshot
        self._deltas: deque[Delta] = deque(maxlen=history)
        self._first_hash = snapshot.hash
        self._changed = asyncio.Event()

    @property
    def snapshot(self) -> Snapshot:
        """Return the current state."""
        return self._snapshot

    def publish(self, delta: Delta) -> Snapshot:
        """Move on to the next number and wake every stream; return the new state.

        Raises:
            ResyncError: the delta does not lead on from the current state.
        """
        before = self._snapshot
        self._snapshot = before.apply(delta)
        if len(self._deltas) == self._deltas.maxlen:
            self._first_hash = self._deltas[0].hash
        self._deltas.append(
            Delta(
                start=before.number,
                end=delta.end,
                changed=delta.changed,
                removed=delta.removed,
                hash=self._snapshot.hash,
                published=delta.published,
            )
        )
        self._changed.set()
        self._changed = asyncio.Event()
        return self._snapshot

    async def wait_beyond(self, number: int) -> None:
        """Wait until the current number is another than ``number``."""
        while self._snapshot.number == number:
            await self._changed.wait()

    def since(self, number: int, hash: str) -> Delta:
        """Return what leads a node from its state to the current one; full if history is too short."""
        current = self._snapshot
        if (number, hash) == (current.number, current.hash):
            return Delta(start=number, end=number, hash=hash, published=current.published)
        missed: list[Delta] = []
        for delta in reversed(self._deltas):
            missed.append(delta)
            if delta.start == number:
                break
        else:
            return current.delta_from(None)
        if self._hash_before(len(self._deltas) - len(missed)) != hash:
            return current.delta_from(None)
        changed: dict[tuple[Kind, str], Resource] = {}
        removed: dict[tuple[Kind, str], None] = {}
        for delta in reversed(missed):
            for key in delta.removed:
                changed.pop(key, None)
                removed[key] = None
            for resource in delta.changed:
                removed.pop(resource.key, None)
                changed[resource.key] = resource
        return Delta(
            start=number,
            end=current.number,
            changed=tuple(changed.values()),
            removed=tuple(removed),
            hash=current.hash,
            published=current.published,
        )

    def _hash_before(self, index: int) -> str:
        return self._deltas[index - 1].hash if index else self._first_hash


class DiscoveryServer(pb_grpc.DiscoveryServicer):
    """Serves a hub over gRPC. ``raise_number`` must publish a number above the one it is given."""

    def __init__(
        self,
        hub: Hub,
        listener: NodeListener,
        *,
        token: str,
        raise_number: Callable[[int], Awaitable[None]],
    ) -> None:
        self._hub = hub
        self._listener = listener
        self._authorization = f"Bearer {token}"
        self._raise_number = raise_number
        self._sessions = 0
        self._stopping = asyncio.Event()
        self._server: grpc.aio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port (of interest when ``port`` is 0).

        Raises:
            ConfigurationError: the port is taken, or the host is not this machine's.
        """
        server = grpc.aio.server(options=_OPTIONS)
        pb_grpc.add_DiscoveryServicer_to_server(self, server)
        try:
            bound = server.add_insecure_port(f"{host}:{port}")
        except RuntimeError as error:
            raise ConfigurationError(
                f"discovery cannot listen on {host}:{port}: is the port in use?",
                hint="set control.grpc_port to a free port",
            ) from error
        await server.start()
        self._server = server
        return bound

    async def stop(self, grace_s: float = 1.0) -> None:
        """End every stream and stop listening."""
        self._stopping.set()
        if self._server is not None:
            await self._server.stop(grace_s)

    async def Follow(  # noqa: N802 - the protocol's name; an aio servicer is an async generator
        self,
        request_iterator: AsyncIterator[pb.NodeMessage],
        context: grpc.aio.ServicerContext[pb.NodeMessage, pb.Part],
    ) -> AsyncIterator[pb.Part]:
        """Serve one node until it goes."""
        await self._authenticate(context)
        messages = aiter(request_iterator)
        try:
            first = await asyncio.wait_for(anext(messages), HELLO_TIMEOUT_S)
        except (TimeoutError, StopAsyncIteration):
            return
        if first.WhichOneof("body") != "hello" or not first.hello.node:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "say hello first, with a name")
        hello = first.hello
        self._sessions += 1
        node = Node(
            name=hello.node,
            kind=hello.kind,
            number=hello.number,
            started=hello.started,
            session=self._sessions,
        )
        self._listener.connected(node)
        answers: asyncio.Queue[pb.Answer | None] = asyncio.Queue()
        reader = asyncio.create_task(self._read(node, messages, answers))
        try:
            async for part in self._states(node, hello, reader, answers):
                yield part
        finally:
            reader.cancel()
            self._listener.disconnected(node)

    async def _authenticate(
        self, context: grpc.aio.ServicerContext[pb.NodeMessage, pb.Part]
    ) -> None:
        given = dict(context.invocation_metadata() or ()).get("authorization", "")
        text = given.decode(errors="replace") if isinstance(given, bytes) else given
        if not hmac.compare_digest(text.encode(), self._authorization.encode()):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the node token is wrong")

    async def _read(
        self,
        node: Node,
        messages: AsyncIterator[pb.NodeMessage],
        answers: asyncio.Queue[pb.Answer | None],
    ) -> None:
        try:
            async for message in messages:
                if message.HasField("answer"):
                    answers.put_nowait(message.answer)
                elif message.HasField("report"):
                    self._listener.reported(node, message.report.statistics)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - a broken stream, whatever grpc calls it
            _log.info("node_stream_broken", node=node.name, reason=str(error))

    async def _states(
        self,
        node: Node,
        hello: pb.Hello,
        reader: asyncio.Task[None],
        answers: asyncio.Queue[pb.Answer | None],
    ) -> AsyncIterator[pb.Part]:
        number, hash = hello.number, hello.hash
        current = self._hub.snapshot
        if number > current.number or (number == current.number and hash != current.hash):
            # The node ran under a state this control plane never had (it was restored or replaced):
            # numbers only rise, so ours must pass the node's.
            await self._raise_number(number)
        count = 0
        ending = asyncio.create_task(self._end(reader, answers))
        while True:
            waiting = asyncio.create_task(self._hub.wait_beyond(0 if not count else number))
            await asyncio.wait({waiting, ending}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if ending.done():
                return
            count += 1
            delta = self._hub.since(number, hash)
            for part in split(delta):
                yield _message(part, str(count))
            answer = await answers.get()
            while answer is not None and answer.nonce != str(count):
                answer = await answers.get()
            if answer is None:
                return
            if answer.resync:
                _log.warning("node_resync", node=node.name, number=delta.end)
                number, hash = 0, ""
                continue
            number, hash = delta.end, delta.hash
            self._listener.answered(
                node,
                Answered(
                    number=number,
                    rejected={(r.kind, r.name): r.message for r in answer.rejected},
                    took_ms=answer.took_ms,
                ),
            )

    async def _end(
        self, reader: asyncio.Task[None], answers: asyncio.Queue[pb.Answer | None]
    ) -> None:
        """Wait until the node goes or this server stops."""
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({reader, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        answers.put_nowait(None)


def _message(part: Delta, nonce: str) -> pb.Part:
    return pb.Part(
        nonce=nonce,
        start=part.start,
        end=part.end,
        changed=[pb.Resource(kind=r.kind, name=r.name, body=r.body) for r in part.changed],
        removed=[pb.Key(kind=kind, name=name) for kind, name in part.removed],
        hash=part.hash,
        published=part.published,
    )
