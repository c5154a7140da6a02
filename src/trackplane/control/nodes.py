"""Who runs what: the nodes that follow this control plane, and how long a change took to reach them.

Told by the discovery server in its loop, read by operations in threads.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
import structlog

from trackplane.control.wire import EffectiveTimes, Nack, NodeState, NodeStatus
from trackplane.discovery.server import Answered, Node

_log = structlog.get_logger(__name__)

_KEPT_NUMBERS: Final = 1_000
_FORGET_MS: Final = 3_600_000  # a node gone this long is no longer listed


class _Seen:
    """What is known of one node."""

    def __init__(self, node: Node, now: int) -> None:
        self.node = node
        self.connected = True
        self.number = 0
        self.last_at = now
        self.acknowledged_at: int | None = None
        self.nacks: list[Nack] = []
        self.statistics: dict[str, Any] = {}
        self.broken: set[str] = set()  # rules it told of after it had taken their state


class _Publication:
    """A number on its way."""

    def __init__(self, published_at: int, *, awaited: bool) -> None:
        self.published_at = published_at
        self.awaited = awaited  # somebody was there to take it when it was published
        self.acknowledged: dict[str, int] = {}
        self.nacks: dict[str, list[Nack]] = {}
        self.effective_ms: int | None = None


def _broken(figures: Mapping[str, Any]) -> dict[str, str]:
    """Return the rules that a worker found out later cannot run, with the reason."""
    found: dict[str, str] = {}
    for consumer in figures.get("consumers") or ():
        found |= (consumer.get("stage") or {}).get("broken") or {}
    return found


class NodeRegistry:
    """The nodes, by name. ``on_rejected`` is called in the loop with what a node could not take."""

    def __init__(
        self,
        *,
        clock: Callable[[], int],
        on_rejected: Callable[[int, Mapping[tuple[str, str], str]], None] = lambda *_: None,
        on_answered: Callable[[Node, Answered, int], None] = lambda *_: None,
    ) -> None:
        self._clock = clock
        self.on_rejected = on_rejected
        self.on_answered = on_answered
        # Told in the loop what a node's rules did since its last report.
        self.on_rules: Callable[[str, object], None] = lambda *_: None
        self._lock = threading.Lock()
        self._nodes: dict[str, _Seen] = {}
        self._numbers: OrderedDict[int, _Publication] = OrderedDict()

    # --- told by the publisher and the discovery server

    def published(self, number: int, at: int) -> None:
        """A number was published."""
        with self._lock:
            awaited = any(seen.connected for seen in self._nodes.values())
            self._numbers[number] = _Publication(at, awaited=awaited)
            while len(self._numbers) > _KEPT_NUMBERS:
                self._numbers.popitem(last=False)

    def connected(self, node: Node) -> None:
        """A node said hello."""
        with self._lock:
            self._nodes[node.name] = _Seen(node, self._clock())
        _log.info("node_connected", node=node.name, kind=node.kind, number=node.number)

    def answered(self, node: Node, answer: Answered) -> None:
        """A node took a state."""
        now = self._clock()
        nacks = [
            Nack(resource=f"{kind}/{name}", message=message)
            for (kind, name), message in answer.rejected.items()
        ]
        with self._lock:
            seen = self._nodes.get(node.name)
            if seen is None or seen.node.session != node.session:
                return
            before = seen.number
            seen.number, seen.acknowledged_at, seen.nacks = answer.number, now, nacks
            seen.last_at = now
            for number, publication in self._numbers.items():
                # A node that was handed several numbers at once took them all at this moment.
                if before < number <= answer.number:
                    publication.acknowledged[node.name] = now
                    publication.nacks[node.name] = nacks
            self._settle(now)
        self.on_answered(node, answer, now)
        if answer.rejected:
            _log.error("node_rejected", node=node.name, resources=[n.resource for n in nacks])
            self.on_rejected(answer.number, answer.rejected)

    def reported(self, node: Node, statistics: bytes) -> None:
        """A node told its figures."""
        try:
            figures = msgspec.json.decode(statistics, type=dict[str, Any])
        except msgspec.DecodeError:
            _log.warning("node_report_unreadable", node=node.name)
            return
        rules = figures.pop("rules", None)
        if rules is not None:
            self.on_rules(node.name, rules)
        with self._lock:
            seen = self._nodes.get(node.name)
            if seen is None or seen.node.session != node.session:
                return
            seen.statistics = figures
            seen.last_at = self._clock()
            told = _broken(figures)
            broken = {("rule", rule): told[rule] for rule in told.keys() - seen.broken}
            seen.broken = set(told)
            number = seen.number
        if broken:
            _log.error("node_found_broken", node=node.name, rules=sorted(seen.broken))
            self.on_rejected(number, broken)

    def disconnected(self, node: Node) -> None:
        """A node's stream ended; a later stream of that name is not touched."""
        now = self._clock()
        with self._lock:
            seen = self._nodes.get(node.name)
            if seen is not None and seen.node.session == node.session:
                seen.connected, seen.last_at = False, now
                self._settle(now)
        _log.info("node_disconnected", node=node.name)

    def _settle(self, now: int) -> None:
        here = [seen.number for seen in self._nodes.values() if seen.connected]
        if not here:
            return
        lowest = min(here)
        for number, publication in self._numbers.items():
            if publication.effective_ms is None and number <= lowest:
                times = publication.acknowledged.values()
                publication.effective_ms = max(times, default=now) - publication.published_at

    # --- read by operations

    def states(self, number: int | None = None) -> list[NodeState]:
        """Return the nodes and what they run under; of one number, when they took it."""
        with self._lock:
            return [self._state(seen, number) for seen in self._listed()]

    def _state(self, seen: _Seen, number: int | None) -> NodeState:
        wanted = seen.number if number is None else number
        publication = self._numbers.get(wanted)
        at = publication.acknowledged.get(seen.node.name) if publication else None
        nacks = seen.nacks
        if number is not None and publication is not None:
            nacks = publication.nacks.get(seen.node.name, [])
        if at is None and number is None:
            at = seen.acknowledged_at
        return NodeState(
            node=seen.node.name,
            kind=seen.node.kind,
            number=seen.number,
            connected=seen.connected,
            acknowledged_at=at,
            effective_ms=at - publication.published_at if publication and at else None,
            nacks=nacks,
        )

    def _listed(self) -> Iterable[_Seen]:
        now = self._clock()
        return [
            seen
            for _, seen in sorted(self._nodes.items())
            if seen.connected or now - seen.last_at < _FORGET_MS
        ]

    def statuses(self) -> list[NodeStatus]:
        """Return the nodes with their own figures."""
        now = self._clock()
        with self._lock:
            return [
                NodeStatus(
                    node=seen.node.name,
                    kind=seen.node.kind,
                    number=seen.number,
                    connected=seen.connected,
                    uptime_s=max(0, now - seen.node.started) // 1000 if seen.connected else 0,
                    stats=seen.statistics,
                )
                for seen in self._listed()
            ]

    def effective_ms(self, number: int) -> int | None:
        """Return how long a number took until every connected node had it; None until then."""
        with self._lock:
            publication = self._numbers.get(number)
            return publication.effective_ms if publication else None

    def everywhere(self, number: int, kind: str) -> bool:
        """Say whether every connected node of a kind runs under ``number`` or a later one."""
        with self._lock:
            numbers = [
                seen.number
                for seen in self._nodes.values()
                if seen.connected and seen.node.kind == kind
            ]
        return bool(numbers) and min(numbers) >= number

    def effective_times(self) -> EffectiveTimes:
        """Return quantiles over the numbers somebody was waiting for."""
        with self._lock:
            times = sorted(
                p.effective_ms
                for p in self._numbers.values()
                if p.awaited and p.effective_ms is not None
            )
        if not times:
            return EffectiveTimes(p50=None, p99=None)
        last = len(times) - 1
        return EffectiveTimes(p50=times[round(last * 0.5)], p99=times[round(last * 0.99)])
