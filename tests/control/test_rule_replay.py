"""``rule replay``: versions under a ruleset number, over a real lake, by the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trackplane.cli import main
from trackplane.control.local import LocalData
from trackplane.event import LANE_TOPICS, identity
from trackplane.frame import FrameBuilder
from trackplane.lake.manifest import Manifest
from trackplane.lake.writer import RawStore
from trackplane.queue import TopicSpec
from trackplane.queue.memory import MemoryQueue

from .test_publishing import DATASET, PLAN, RULE

pytestmark = pytest.mark.integration
NOW = 1_795_400_000_000


@pytest.fixture
def lake(tmp_path: Path) -> LocalData:
    """Return a data plane that has stored three payments."""
    queue = MemoryQueue(clock=lambda: NOW)
    queue.ensure_topics([TopicSpec(name=name) for name in LANE_TOPICS])
    folder = tmp_path / "lake"
    manifest = Manifest(folder / "manifest.db", lambda: NOW)
    store = RawStore(manifest, folder, lambda: NOW)
    builder = FrameBuilder("P2")
    upload = builder.add_upload("shop", "prod", 1, NOW, b"{}")
    for number, total in enumerate((50.0, 150.0, 250.0)):
        builder.add(
            upload,
            event="order_pay",
            id=f"id{number}",
            identity=identity("shop", f"id{number}", "order_pay", None),
            at=NOW,
            data=json.dumps({"what": {"total": total}}).encode(),
            clean=True,
        )
    store.assign([("events.p2", 0)])
    store.add("events.p2", 0, 0, builder.build())
    store.flush()
    return LocalData(queue, manifest)


def test_a_rule_runs_over_stored_events_as_it_was(
    start: Callable[..., Any],
    lake: LocalData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Under its first number the old text, now the new one; before both there is no rule."""
    control = start(data=lake)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRACKPLANE_URL", control.addresses.http)
    monkeypatch.setenv("TRACKPLANE_TOKEN", control.token)

    def run(*arguments: str, expect: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["trackplane", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert ended.value.code == expect, (arguments, said)
        return said.out + said.err

    def replay(*more: str) -> Any:
        return json.loads(
            run("rule", "replay", "big_spender", "--from", "2026-11-01", "--json", *more)
        )

    Path("plan.yaml").write_text(PLAN)
    Path("datasets.yaml").write_text(DATASET)
    Path("rule.yaml").write_text(RULE)
    run("plan", "apply", "plan.yaml")
    run("rule", "publish", "rule.yaml", "--datasets", "datasets.yaml")
    first = replay()
    assert (first["version"], first["way"], first["why"]) == (1, "duckdb", "")
    everything = sum(first["outputs"].values())
    assert [row["row"]["total"] for row in first["rows"]] == [150.0, 250.0]

    Path("rule.yaml").write_text(RULE.replace("where:", "sample: 1.0\nwhere:"))
    run("rule", "publish", "rule.yaml")
    second = replay()
    assert (second["version"], second["way"]) == (2, "engine")
    assert "sample" in second["why"]
    assert second["outputs"] == first["outputs"]
    assert replay("--ruleset", str(first["number"])) == first
    assert replay("--limit", "0")["rows"] == []

    text = run("rule", "replay", "big_spender", "--from", "2026-11-01")
    assert "by the engine: DuckDB refuses sample" in text
    assert f"{everything} rows to" in text
    assert "under ruleset 1" in run(
        "rule", "replay", "big_spender", "--from", "2026-11-01", "--ruleset", "1", expect=1
    )
    assert "no events of that time" in run(
        "rule", "replay", "big_spender", "--from", "2026-11-01", "--to", "2026-11-02", expect=1
    )
    assert "is no time" in run("rule", "replay", "big_spender", "--from", "soon", expect=2)
