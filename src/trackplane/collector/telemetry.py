"""What the collector counts, for ``/metrics`` and for status reports."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

_WINDOW_MS: Final = 10_000
_SLOT_MS: Final = 1_000


class CollectorStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What a collector has done since it started; rates are of the last 10 s, latencies of 1,000 rounds."""

    number: int
    ready: bool
    reason: str
    uptime_ms: int
    uploads: int
    refused_uploads: int
    received: int
    received_per_s: float
    dispositions: dict[str, int]
    waiting_bytes: int
    rounds: int
    append_failures: int
    append_p50_ms: float
    append_p99_ms: float


class Telemetry:
    """Counts in plain integers; Prometheus reads them when it scrapes."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._started = clock()
        self.dispositions: Counter[str] = Counter()
        self.uploads: Counter[tuple[str, int]] = Counter()  # (route, HTTP status)
        self.waiting_bytes = 0
        self.rounds = 0
        self.append_failures = 0
        self._recent: deque[tuple[int, int]] = deque()  # (slot, events)
        self._latencies: deque[float] = deque(maxlen=1_000)
        self.registry = CollectorRegistry()
        self._histogram = Histogram(
            "trackplane_collector_append_seconds",
            "Time the queue took to make a round durable",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=self.registry,
        )
        self.registry.register(self)

    def events(self, received: int, outcomes: Iterable[tuple[str, int]]) -> None:
        """Count an upload's events by disposition, received at ``received`` ms."""
        total = 0
        for disposition, count in outcomes:
            self.dispositions[disposition] += count
            total += count
        slot = received // _SLOT_MS
        if self._recent and self._recent[-1][0] == slot:
            total += self._recent.pop()[1]
        self._recent.append((slot, total))
        while len(self._recent) > _WINDOW_MS // _SLOT_MS + 1:
            self._recent.popleft()

    def appended(self, seconds: float, *, failed: bool) -> None:
        """Count a round."""
        self.rounds += 1
        self.append_failures += failed
        self._latencies.append(seconds * 1000)
        self._histogram.observe(seconds)

    def statistics(self, *, number: int, reason: str) -> CollectorStatistics:
        """Return the figures now; ``reason`` is empty when ready."""
        now = self._clock()
        oldest = (now - _WINDOW_MS) // _SLOT_MS
        recent = sum(count for slot, count in self._recent if slot > oldest)
        seconds = min(_WINDOW_MS, max(_SLOT_MS, now - self._started)) / 1000
        ordered = sorted(self._latencies)
        return CollectorStatistics(
            number=number,
            ready=not reason,
            reason=reason,
            uptime_ms=now - self._started,
            uploads=sum(self.uploads.values()),
            refused_uploads=sum(n for (_, status), n in self.uploads.items() if status >= 400),
            received=sum(self.dispositions.values()),
            received_per_s=round(recent / seconds, 1),
            dispositions=dict(self.dispositions),
            waiting_bytes=self.waiting_bytes,
            rounds=self.rounds,
            append_failures=self.append_failures,
            append_p50_ms=_quantile(ordered, 0.5),
            append_p99_ms=_quantile(ordered, 0.99),
        )

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics of a scrape (prometheus_client's collector interface)."""
        events = CounterMetricFamily(
            "trackplane_collector_events", "Events by disposition", labels=["disposition"]
        )
        for disposition, count in self.dispositions.items():
            events.add_metric([disposition], count)
        uploads = CounterMetricFamily(
            "trackplane_collector_uploads",
            "Requests by route and status",
            labels=["route", "status"],
        )
        for (route, status), count in self.uploads.items():
            uploads.add_metric([route, str(status)], count)
        yield events
        yield uploads
        yield GaugeMetricFamily(
            "trackplane_collector_waiting_bytes",
            "Bodies being read or waiting for the queue",
            value=self.waiting_bytes,
        )
        yield CounterMetricFamily(
            "trackplane_collector_append_failures",
            "Rounds the queue refused",
            value=self.append_failures,
        )


def _quantile(ordered: list[float], share: float) -> float:
    return round(ordered[int(share * (len(ordered) - 1))], 3) if ordered else 0.0
