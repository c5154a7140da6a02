"""The API answers as its document says, to whatever is thrown at it (schemathesis)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trackplane.control.local import LocalData
from trackplane.control.openapi import COMMITTED
from trackplane.lake.manifest import Manifest
from trackplane.queue.memory import MemoryQueue

from .test_publishing import DATASET, PLAN, RULE
from .test_rule_life import FUNCTION, SCRIPT, TABLE

CONFIG = """
[parameters]
"path.app" = "shop"
"path.event" = "order_pay"
"path.dataset" = "purchases"
"path.rule" = "big_spender"
"path.revision" = 1
"path.version" = 1
"path.name" = "net"
"path.id" = 1
"path.n" = 1
"path.person" = "ann"
"path.team" = "pay"

[checks.positive_data_acceptance]
expected-statuses = [200, 201, 401, 403, 404, 409, 412, 422, 428]
[checks.missing_required_header]
expected-statuses = [400, 401, 403, 428]
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 412, 415, 422, 428]
"""


@pytest.mark.integration
def test_schemathesis_finds_nothing(start: Callable[..., Any], tmp_path: Path) -> None:
    """All its checks over all operations but the endless stream; one worker (two crash CPython)."""
    manifest = Manifest(tmp_path / "lake" / "manifest.db", clock=lambda: 0)
    control = start(data=LocalData(MemoryQueue(clock=lambda: 0), manifest))
    control.client.post("/apps", json={"app": "shop"})
    control.client.put(
        "/apps/shop/plan", json={"files": {"plan.yaml": PLAN}}, headers={"If-Match": "*"}
    )
    control.client.post("/datasets", json={"source": DATASET})
    assert control.client.post("/rules", json={"source": RULE}).status_code == 201
    for path, source in (("/functions", FUNCTION), ("/tables", TABLE), ("/scripts", SCRIPT)):
        named = source.replace(": countries", ": net").replace(": enrich", ": net")
        assert control.client.post(path, json={"source": named}).status_code == 201
    library = "format: 1\nlibrary: net\nversion: 1\ntypes: {card: string}\n"
    assert control.client.put("/libraries/net/1", json={"source": library}).is_success
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    scale = int(os.environ.get("TRACKPLANE_TEST_SCALE", "1"))
    seed = ["--seed", "1"] if scale == 1 else []  # the fuzz runs look at other data each time
    run = subprocess.run(
        [
            str(Path(sys.executable).parent / "schemathesis"),
            "--config-file", str(tmp_path / "schemathesis.toml"),
            "run", str(COMMITTED),
            "--url", control.addresses.http,
            "--header", f"Authorization: Bearer {control.token}",
            "--exclude-path", "/api/v1/live",
            "--exclude-checks", "unsupported_method",
            "--phases", "examples,coverage,fuzzing",
            "--max-examples", str(4 * scale),
            "--workers", "1",
            "--generation-database", "none",
            "--suppress-health-check", "all",
            *seed,
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=170 * scale,
        cwd=tmp_path,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
