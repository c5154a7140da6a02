"""A worker's configuration: what cannot be run is rejected by name, and the rest runs."""

from __future__ import annotations

import asyncio

import msgspec

from trackplane.demo.check import documents
from trackplane.demo.example import example_text
from trackplane.discovery import Resource, Snapshot
from trackplane.discovery.compile import Plans, compile_datasets, compile_plan, compile_rule
from trackplane.discovery.source import Rejections
from trackplane.engine.engine import Engine
from trackplane.event import identity
from trackplane.frame import Frame, FrameBuilder
from trackplane.rules import ir
from trackplane.rules.definitions import Definitions
from trackplane.worker.configuration import WorkerConfiguration

SERVER = 1_795_376_614_990


def resources() -> dict[str, Resource]:
    """Return the example shop's datasets and rules as they travel, by name."""
    plan = compile_plan(None, {"plan.yaml": example_text("plan.yaml")})
    events = [
        Resource(kind="event", name=f"{plan.app}/{n}", body=b) for n, b in plan.bodies.items()
    ]
    plans = Plans(Snapshot.of(1, events))
    found, datasets = {}, {}
    for dataset in compile_datasets(example_text("datasets.yaml"), file="datasets.yaml"):
        datasets[dataset.name] = ir.decode_dataset(dataset.body)
        found[dataset.name] = Resource(kind="dataset", name=dataset.name, body=dataset.body)
    for source in documents(example_text("rules.yaml")):
        rule = compile_rule(
            source, file="rules.yaml", definitions=Definitions(plans=plans, datasets=datasets)
        )
        found[rule.name] = Resource(kind="rule", name=rule.name, body=rule.body)
    return found


class Node:
    """A configuration that follows states, as a source would feed it."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.configuration = WorkerConfiguration(self.engine)
        self.snapshot: Snapshot | None = None

    def take(self, number: int, *given: Resource) -> Rejections:
        after = Snapshot.of(number, given)
        delta = after.delta_from(self.snapshot)
        self.snapshot = after
        return asyncio.run(self.configuration.apply(after, delta))

    def rows(self) -> dict[str, int]:
        """Return the rows that one product view makes, by rule."""
        builder = FrameBuilder("P1")
        upload = builder.add_upload("shop", "prod", 1, SERVER, b"{}")
        data = b'{"id":"a","event":"product_view","what":{"sku":"ABC-0001"}}'
        key = identity("shop", "a", "product_view", None)
        builder.add(
            upload,
            event="product_view",
            id="a",
            identity=key,
            at=SERVER,
            data=data,
            clean=True,
            weight=1.0,
        )
        frame = Frame.decode(builder.build())
        return dict(self.engine.process([(frame, None)]).output)


def test_a_rule_that_cannot_be_run_is_rejected_by_name_and_the_others_run() -> None:
    """A body that is no rule, a pattern and a function this release does not know."""
    given = resources()
    node = Node()
    assert node.take(1, *given.values()) == {}
    good = node.rows()
    assert len(good) == 3

    body = given["views"].body
    broken = {
        "views": body.replace(b"^(probe|monitor)/", b"(unclosed"),
        "funnel": given["funnel"].body.replace(b"coalesce", b"no_such_function"),
        "searches": b"{}",
    }
    assert broken["views"] != body
    assert broken["funnel"] != given["funnel"].body
    changed = given | {n: Resource(kind="rule", name=n, body=b) for n, b in broken.items()}
    rejected = node.take(2, *changed.values())
    assert set(rejected) == {("rule", "views"), ("rule", "funnel"), ("rule", "searches")}
    assert all(rejected.values())
    assert set(node.rows()) == {"engagement"}

    assert node.take(3, *given.values()) == {}
    assert node.rows() == good


def test_a_rule_waits_for_its_dataset() -> None:
    """Without it the rule is rejected; when it comes, the rule runs though it did not change."""
    given = resources()
    node = Node()
    without = [r for r in given.values() if r.name != "shop.views"]
    assert set(node.take(1, *without)) == {("rule", "views")}
    assert "views" not in node.rows()
    assert node.take(2, *given.values()) == {}
    assert "views" in node.rows()


def test_a_dataset_that_cannot_be_read_is_rejected_with_its_rules() -> None:
    """Its name and theirs are told; the rest goes on."""
    given = resources()
    node = Node()
    bad = Resource(kind="dataset", name="shop.views", body=msgspec.json.encode({"kind": 7}))
    rejected = node.take(1, *(given | {"shop.views": bad}).values())
    assert set(rejected) == {("dataset", "shop.views"), ("rule", "views")}
    assert "engagement" in node.rows()
