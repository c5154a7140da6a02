"""What rules did: deltas that lose nothing and come once, and the same for Prometheus."""

from __future__ import annotations

import socket
import urllib.request
from typing import Any

from prometheus_client import generate_latest

from trackplane.worker.figures import RuleDeltas, split
from trackplane.worker.telemetry import WorkerMetrics, port_of, serve


def test_single_rules_are_split_from_an_engines_figures() -> None:
    """In the order of the counts; the rest stays."""
    figures = {
        "ruleset": 3,
        "events": 10,
        "matched": {"a": 4, "b": 1},
        "output": {"a": 3},
        "failed": {"a": 1},
        "spent_ns": {"b": 7},
        "written": {"a": 30},
    }
    rest, totals = split(figures)
    assert rest == {"ruleset": 3, "events": 10}
    assert totals == {"a": [4, 3, 1, 0, 0, 30], "b": [1, 0, 0, 7, 0, 0]}


def test_deltas_add_up_to_the_totals_whatever_is_left_out_at_a_time() -> None:
    """The most active come first, the others later; an engine that began anew is taken from zero."""
    deltas = RuleDeltas(most=1)
    totals = {"a": [5, 5, 0, 0, 0, 0], "b": [9, 9, 0, 0, 0, 0]}
    assert deltas.take([("rules", totals)]) == {"b": totals["b"]}
    assert deltas.take([("rules", totals)]) == {"a": totals["a"]}
    assert deltas.take([("rules", totals)]) == {}
    again = {"b": [2, 2, 0, 0, 0, 0]}
    assert deltas.take([("rules", again)]) == {"b": [2, 2, 0, 0, 0, 0]}
    both = deltas.take(
        [("rules", {"b": [3, 3, 0, 0, 0, 0]}), ("sink.x", {"b": [4, 4, 0, 0, 0, 0]})]
    )
    assert both == {"b": [5, 5, 0, 0, 0, 0]}


def figures() -> Any:
    """Return figures of a consumer with two rules."""
    consumer = dict.fromkeys(("events", "bytes", "flushes", "failures", "conflicts", "trimmed"), 2)
    stage = {"ruleset": 7, "everywhere": 1}
    totals = {"": [9, 0, 0, 0, 0, 0], "a": [4, 3, 1, 2_000_000_000, 0, 0], "b": [1, 1, 0, 0, 0, 0]}
    return [consumer | {"group": "rules", "stage": stage}], [("rules", totals)]


def test_prometheus_reads_totals_and_the_busiest_rules() -> None:
    """By outcome; the pseudo rule of all events is not among them."""
    text = generate_latest(WorkerMetrics(figures).registry).decode()
    assert 'trackplane_rules_events_total{outcome="matched"} 5.0' in text
    assert 'trackplane_rule_events_total{outcome="failed",rule="a"} 1.0' in text
    assert 'trackplane_rule_seconds_total{rule="a"} 2.0' in text
    assert 'trackplane_worker_ruleset{group="rules"} 7.0' in text
    assert 'rule=""' not in text


def test_each_worker_has_a_port_of_its_own() -> None:
    """By the number at the end of its name; it answers there."""
    assert [port_of(name, 9_100) for name in ("worker-1", "worker-2", "w")] == [9_100, 9_101, 9_100]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free_port = int(probe.getsockname()[1])
    stop = serve(WorkerMetrics(figures), "127.0.0.1", free_port)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/metrics") as answer:
            assert b"trackplane_rules_seconds_total" in answer.read()
    finally:
        stop()
