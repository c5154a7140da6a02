"""Configuration from a folder: read, followed, and good neighbours of a file that is wrong."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from trackplane.discovery import AppSettings, Delta, Snapshot
from trackplane.discovery.folder import FolderSource
from trackplane.discovery.source import ResourceKey

PLAN = """
format: 1
app: shop
events:
  order_pay: {grade: P0, what: {total: {type: number, required: true}}}
"""
RULES = """
rule: big
apps: [shop]
where: event == "order_pay" and what.total > 100.0
select: {id: id}
to: purchases
"""
APPS = f"""
shop:
  validation: enforce
  keys:
    prod: [dev-key, "sha256:{"a" * 64}"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with an app, a plan, a dataset and a rule."""
    for name, text in {
        "apps.yaml": APPS,
        "datasets.yaml": "datasets:\n  - {dataset: purchases, columns: {id: string}}\n",
        "plan/shop.yaml": PLAN,
        "rules/big.yaml": RULES,
    }.items():
        path = tmp_path / "config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "config"


def source_of(folder: Path) -> FolderSource:
    return FolderSource(folder, cache=folder.parent / "lastgood", poll_ms=5, clock=lambda: 7)


def settings_of(snapshot: Snapshot) -> AppSettings:
    resource = snapshot.get("app", "shop")
    assert resource is not None
    return msgspec.json.decode(resource.body, type=AppSettings)


def test_a_folder_is_compiled_to_resources(folder: Path) -> None:
    """Keys travel as digests, plan events and rules checked and self-contained."""
    source = source_of(folder)
    snapshot = source.read()
    assert source.findings == ()
    assert {r.key for r in snapshot.resources.values()} == {
        ("app", "shop"),
        ("key", hashlib.sha256(b"dev-key").hexdigest()),
        ("key", "a" * 64),
        ("event", "shop/order_pay"),
        ("dataset", "purchases"),
        ("rule", "big"),
    }
    assert settings_of(snapshot).validation == "enforce"
    assert settings_of(snapshot).revision == 1
    assert snapshot.number == 1
    assert source.read() is snapshot


def test_a_change_of_a_file_is_a_delta_of_its_own(folder: Path) -> None:
    """A new event raises the revision; the rest stays as it is."""
    source = source_of(folder)
    before = source.read()
    (folder / "plan/shop.yaml").write_text(PLAN + "  page_view: {}\n")
    after = source.read()
    assert {r.key for r in after.delta_from(before).changed} == {
        ("event", "shop/page_view"),
        ("app", "shop"),
    }
    assert settings_of(after).revision == 2
    (folder / "rules/big.yaml").unlink()
    assert source.read().get("rule", "big") is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rules/big.yaml", "rule: big\nwhere: event =="),
        ("rules/big.yaml", RULES.replace("what.total", "what.totl")),
        ("plan/shop.yaml", PLAN + "  broken: {what: {x: {type: nmber}}}\n"),
        ("apps.yaml", "shop: {validation: perhaps}"),
        ("datasets.yaml", "datasets: [{dataset: purchases, columns: {id: strng}}]"),
    ],
)
def test_a_wrong_file_keeps_what_it_last_gave_and_its_neighbours_go_on(
    folder: Path, name: str, text: str
) -> None:
    """The findings say where; a new rule beside it is taken."""
    source = source_of(folder)
    before = source.read()
    (folder / name).write_text(text)
    (folder / "rules/other.yaml").write_text(RULES.replace("big", "other"))
    after = source.read()
    assert source.findings
    assert all(finding.file == name for finding in source.findings)
    assert {r.key for r in after.delta_from(before).changed} == {("rule", "other")}
    assert not after.delta_from(before).removed
    for restored, content in {"rules/big.yaml": RULES, "plan/shop.yaml": PLAN}.items():
        if restored == name:
            (folder / name).write_text(content)
            source.read()
            assert source.findings == ()


def test_a_plan_change_that_breaks_a_rule_is_a_finding_of_the_rule(folder: Path) -> None:
    """The rule stays as it was: it reads what is no longer planned as NULL."""
    source = source_of(folder)
    source.read()
    (folder / "plan/shop.yaml").write_text(PLAN.replace("total:", "sum:"))
    after = source.read()
    assert [finding.file for finding in source.findings] == ["rules/big.yaml"]
    assert after.get("rule", "big") is not None


def test_numbers_go_on_after_a_restart(folder: Path) -> None:
    """An unchanged folder keeps its number, a changed one gets the next."""

    class Consumer:
        def __init__(self) -> None:
            self.seen: list[tuple[int, int]] = []
            self.came = asyncio.Event()

        async def apply(self, snapshot: Snapshot, delta: Delta) -> Mapping[ResourceKey, str]:
            assert snapshot.number == delta.end
            self.seen.append((delta.start, delta.end))
            self.came.set()
            return {}

    async def run(changes: int) -> list[tuple[int, int]]:
        consumer = Consumer()
        running = asyncio.create_task(source_of(folder).run(consumer))
        for number in range(changes + 1):
            async with asyncio.timeout(10):
                await consumer.came.wait()
            consumer.came.clear()
            if number < changes:
                path = folder / "rules/big.yaml"
                path.write_text(path.read_text().replace("100.0", "1100.0"))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return consumer.seen

    assert asyncio.run(run(1)) == [(0, 1), (1, 2)]
    assert asyncio.run(run(0)) == [(0, 2)]
    assert asyncio.run(run(1)) == [(0, 2), (2, 3)]
