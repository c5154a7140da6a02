"""The data plane on a folder of files, without any control plane."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from trackplane.demo.example import example_text
from trackplane.demo.platform import free_ports

pytestmark = pytest.mark.integration


def test_a_collector_runs_under_a_folder_of_files_and_follows_its_changes(tmp_path: Path) -> None:
    """Keys and plan come from files; a change of one is in force without a restart."""
    folder = tmp_path / "files"
    (folder / "plan").mkdir(parents=True)
    (folder / "plan" / "shop.yaml").write_text(example_text("plan.yaml"))
    apps = "shop: {{validation: {mode}, allow_list: {mode}, keys: {{prod: [tpw_test]}}}}\n"
    (folder / "apps.yaml").write_text(apps.format(mode="warn"))
    (port,) = free_ports(1)
    config = tmp_path / "trackplane.yaml"
    settings = {
        "data": str(tmp_path / "data"),
        "collector": {"port": port},
        "discovery": {"folder": str(folder)},
    }
    config.write_text(json.dumps(settings))
    clean = {k: v for k, v in os.environ.items() if not k.startswith("TRACKPLANE_")}
    with subprocess.Popen(
        [sys.executable, "-m", "trackplane.cli", "collector", "--config", str(config)], env=clean
    ) as process:
        try:
            dispositions = [_send(port), None]
            (folder / "apps.yaml").write_text(apps.format(mode="enforce"))
            deadline = time.monotonic() + 20
            while dispositions[1] != "dirty" and time.monotonic() < deadline:
                dispositions[1] = _send(port)
        finally:
            process.terminate()
    assert dispositions == ["warned", "dirty"]


def _send(port: int) -> str:
    """Send an event that no plan knows; return its disposition once there is one."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            answer = httpx.post(
                f"http://127.0.0.1:{port}/v1/records",
                headers={"Authorization": "Bearer tpw_test"},
                json={"header": {}, "events": [{"id": "1", "event": "never_planned"}]},
                trust_env=False,
            )
        except httpx.TransportError:
            continue
        if answer.status_code == 200:
            return str(answer.json()["events"][0]["disposition"])
    raise AssertionError("the collector did not take the event")
