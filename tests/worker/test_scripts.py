"""Rows that wait for a script become rows or dirty events before anything is committed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from trackplane.discovery import Resource, Snapshot
from trackplane.discovery.source import Rejections
from trackplane.engine.engine import Engine
from trackplane.engine.outputs import Outputs
from trackplane.event import identity
from trackplane.frame import Frame, FrameBuilder
from trackplane.rules import ir
from trackplane.scripts.pool import ScriptPool
from trackplane.scripts.settings import ScriptSettings
from trackplane.worker.configuration import WorkerConfiguration
from trackplane.worker.scripts import Scripts

SERVER = 1_795_376_614_990
DATASETS = {
    "items": ir.Dataset(name="items", kind="table", columns={"n": "int64", "sku": "string"}),
    "others": ir.Dataset(name="others", kind="table", columns={"n": "int64"}),
}


def rule(name: str, target: str, script: str = "s") -> ir.Rule:
    column = ir.Column("n", ir.Path("what", ("n",), ir.INT64))
    actions = (ir.Select((column,)), ir.Script(script))
    return ir.Rule(name=name, target=target, events=("buy",), actions=actions)


def frame(numbers: list[int]) -> Frame:
    builder = FrameBuilder("P1")
    upload = builder.add_upload("shop", "prod", 1, SERVER, b"{}")
    for n in numbers:
        data = b'{"id":"e%d","event":"buy","what":{"n":%d}}' % (n, n)
        key = identity("shop", f"e{n}", "buy", None)
        builder.add(
            upload, event="buy", id=f"e{n}", identity=key, at=SERVER, data=data, clean=True, weight=1.0
        )  # fmt: skip
    return Frame.decode(builder.build())


class Node:
    """An engine and scripts under one configuration."""

    def __init__(self, pool: ScriptPool) -> None:
        self.engine = Engine()
        self.scripts = Scripts(pool)
        self.configuration = WorkerConfiguration(self.engine)
        self.snapshot: Snapshot | None = None

    def take(self, text: str, *rules: ir.Rule) -> Rejections:
        definitions: list[Any] = [*DATASETS.values(), *rules]
        kinds = ["dataset"] * len(DATASETS) + ["rule"] * len(rules)
        resources = [
            Resource(kind=kind, name=d.name, body=ir.encode(d))  # type: ignore[arg-type]
            for kind, d in zip(kinds, definitions, strict=True)
        ]
        script = ir.ScriptText(name="s", text=text)
        resources.append(Resource(kind="script", name="s", body=ir.encode(script)))
        after = Snapshot.of(1 + (self.snapshot.number if self.snapshot else 0), resources)
        delta = after.delta_from(self.snapshot)
        self.snapshot = after
        rejected = asyncio.run(self.scripts.apply(after, delta))
        return rejected | asyncio.run(self.configuration.apply(after, delta))

    def run(self, numbers: list[int]) -> Outputs:
        outputs = self.engine.process([(frame(numbers), None)])
        self.scripts.process(outputs, self.configuration.datasets)
        return outputs


@pytest.fixture(scope="module")
def pool() -> Iterator[ScriptPool]:
    found = ScriptPool(ScriptSettings(allow_weaker_isolation=True), clock=lambda: 0)
    yield found
    found.close()


def rows(outputs: Outputs, name: str) -> list[Any]:
    return [json.loads(data) for data in outputs.rows[name].data]


def dirty(outputs: Outputs) -> list[tuple[str, str, str]]:
    return [(event.rule, event.id, event.reason) for event in outputs.dirty]


def test_a_script_drops_multiplies_and_changes_rows(pool: ScriptPool) -> None:
    node = Node(pool)
    text = (
        "def transform(event):\n    return [{'sku': str(k), **event} for k in range(event['n'])]\n"
    )
    assert node.take(text, rule("r", "items")) == {}
    outputs = node.run([2, 0, 1])
    assert rows(outputs, "items") == [
        {"n": 2, "sku": "0"},
        {"n": 2, "sku": "1"},
        {"n": 1, "sku": "0"},
    ]
    assert outputs.rows["items"].id == ["e2", "e2", "e1"]
    assert outputs.rows["items"].rule == ["r"] * 3
    assert outputs.output == {"r": 3}
    assert outputs.dirty == []


def test_what_a_script_fails_on_is_dirty_with_its_own_bytes_and_the_others_pass(
    pool: ScriptPool,
) -> None:
    node = Node(pool)
    text = (
        "def transform(event):\n    n = event['n']\n    if n == 1:\n        raise KeyError(n)\n"
        "    return [event, {'n': 'x'}, {'x': 1}, 'x', {'sku': 5}][{2: 1, 3: 2, 4: 3, 5: 4}.get(n, 0)]\n"
    )
    node.take(text, rule("r", "items"))
    outputs = node.run([0, 1, 2, 3, 4, 5, 6])
    assert rows(outputs, "items") == [{"n": 0, "sku": None}, {"n": 6, "sku": None}]
    assert dirty(outputs) == [
        ("r", "e1", "rule_script"),
        ("r", "e2", "rule_script_output"),
        ("r", "e3", "rule_script_output"),
        ("r", "e4", "rule_script_output"),
        ("r", "e5", "rule_script_output"),
    ]
    assert [event.message for event in outputs.dirty][:2] == [
        "KeyError, line 4",
        "not a row of the dataset: Expected `int | null`, got `str` - at `$.n`",
    ]
    assert outputs.dirty[0].data == b'{"id":"e1","event":"buy","what":{"n":1}}'
    assert outputs.failed == {"r": 5}


def test_rules_with_different_targets_may_share_a_script(pool: ScriptPool) -> None:
    node = Node(pool)
    node.take("def transform(event):\n    return event\n", rule("a", "items"), rule("b", "others"))
    outputs = node.run([7])
    assert rows(outputs, "items") == [{"n": 7, "sku": None}]
    assert rows(outputs, "others") == [{"n": 7}]


def test_a_new_text_is_in_force_with_the_next_batch(pool: ScriptPool) -> None:
    node = Node(pool)
    node.take("def transform(event):\n    return None\n", rule("r", "others"))
    assert node.run([1]).rows == {}
    node.take("def transform(event):\n    return {'n': event['n'] + 1}\n", rule("r", "others"))
    assert rows(node.run([1]), "others") == [{"n": 2}]


def test_rows_for_a_script_that_is_not_there_are_dirty(pool: ScriptPool) -> None:
    node = Node(pool)
    node.take("def transform(event):\n    return event\n", rule("r", "items", script="other"))
    assert dirty(node.run([1])) == [("r", "e1", "rule_script_absent")]


def test_scripts_are_rejected_by_name_where_isolation_is_weaker() -> None:
    pool = ScriptPool(clock=lambda: 0, without=["user"])
    node = Node(pool)
    rejected = node.take("def transform(event):\n    return event\n", rule("r", "items"))
    assert list(rejected) == [("script", "s")]
    assert "trackplane doctor" in rejected["script", "s"]
    assert dirty(node.run([1])) == [("r", "e1", "rule_script_refused")]
    pool.close()
