"""What nodes tell of themselves."""

import msgspec

from trackplane.control.nodes import NodeRegistry
from trackplane.discovery.server import Node


def test_a_rule_that_a_worker_finds_broken_later_is_rejected_once_for_each_time():
    """A state of very many rules is verified after it was acknowledged."""
    rejected = []
    nodes = NodeRegistry(
        clock=lambda: 0, on_rejected=lambda number, found: rejected.append(dict(found))
    )
    node = Node(name="worker-1", kind="worker", number=7, session=1, started=0)
    nodes.connected(node)
    for broken in ({}, {"bad": "why"}, {"bad": "why"}, {}, {"bad": "again"}):
        stages = [{"stage": {}}, {"stage": {"broken": broken}}]
        nodes.reported(node, msgspec.json.encode({"consumers": stages}))
    assert rejected == [{("rule", "bad"): "why"}, {("rule", "bad"): "again"}]
