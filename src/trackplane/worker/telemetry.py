"""A worker's figures for Prometheus: consumers, all rules together, and the busiest rules by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from trackplane.errors import ConfigurationError
from trackplane.worker.figures import COUNTS, Totals

MOST_RULES: Final = 100  # by name; a label a rule would be too much for a million of them
_OUTCOMES: Final = COUNTS[:3]
_NS: Final = COUNTS.index("ns")

Figures = Callable[[], tuple[Sequence[Mapping[str, Any]], Sequence[tuple[str, Totals]]]]


class WorkerMetrics:
    """Reads the worker's figures when it is scraped."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """Return what there is now."""
        consumers, engines = self._figures()
        for name in ("events", "bytes", "flushes", "failures", "conflicts", "trimmed"):
            family = CounterMetricFamily(
                f"trackplane_worker_{name}", f"{name} of a consumer", labels=["group"]
            )
            for consumer in consumers:
                family.add_metric([consumer["group"]], consumer[name])
            yield family
        number = GaugeMetricFamily("trackplane_worker_ruleset", "Number in force", labels=["group"])
        everywhere = GaugeMetricFamily(
            "trackplane_worker_rules_everywhere",
            "Rules that are tried on every event",
            labels=["group"],
        )
        for consumer in consumers:
            stage = consumer["stage"]
            if "ruleset" in stage:
                number.add_metric([consumer["group"]], stage["ruleset"])
                everywhere.add_metric([consumer["group"]], stage["everywhere"])
        yield number
        yield everywhere
        yield from _rules(_summed(engines))

    def describe(self) -> Iterable[Metric]:
        """Return nothing: what there is, is known when it is read."""
        return []


def _summed(engines: Iterable[tuple[str, Totals]]) -> Totals:
    sums: Totals = {}
    for _, totals in engines:
        for rule, counts in totals.items():
            if rule:
                known = sums.get(rule)
                sums[rule] = (
                    [a + b for a, b in zip(known, counts, strict=True)] if known else counts
                )
    return sums


def _rules(sums: Totals) -> Iterable[Metric]:
    together = CounterMetricFamily(
        "trackplane_rules_events", "Events of all rules", labels=["outcome"]
    )
    for place, outcome in enumerate(_OUTCOMES):
        together.add_metric([outcome], sum(counts[place] for counts in sums.values()))
    yield together
    spent = sum(counts[_NS] for counts in sums.values()) / 1e9
    yield CounterMetricFamily("trackplane_rules_seconds", "Time of all rules", value=spent)
    events = CounterMetricFamily(
        "trackplane_rule_events", "Events of the busiest rules", labels=["rule", "outcome"]
    )
    seconds = CounterMetricFamily(
        "trackplane_rule_seconds", "Time of the busiest rules", labels=["rule"]
    )
    busiest = sorted(sums.items(), key=lambda item: (-item[1][_NS], -item[1][0], item[0]))
    for rule, counts in busiest[:MOST_RULES]:
        for place, outcome in enumerate(_OUTCOMES):
            events.add_metric([rule, outcome], counts[place])
        seconds.add_metric([rule], counts[_NS] / 1e9)
    yield events
    yield seconds


def port_of(name: str, first: int) -> int:
    """Return the port of a worker: ``worker-1`` has the first one, ``worker-2`` the next.

    >>> port_of("worker-3", 9_100)
    9102
    """
    found = re.search(r"(\d+)\Z", name)
    return first + (int(found[1]) - 1 if found and int(found[1]) else 0)


def serve(metrics: WorkerMetrics, host: str, port: int) -> Callable[[], None]:
    """Answer ``/metrics`` in a thread; return what ends it.

    Raises:
        ConfigurationError: the port is in use.
    """
    try:
        server, thread = start_http_server(port, addr=host, registry=metrics.registry)
    except OSError as error:
        raise ConfigurationError(
            f"the worker cannot listen on {host}:{port}: {error.strerror}",
            hint="set worker.metrics_port to free ports, one for each worker, or to 0",
        ) from error

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
