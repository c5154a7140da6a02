"""``trackplane doctor`` on a machine that is fit, and on one that is not."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration
CLEAN = {k: v for k, v in os.environ.items() if not k.startswith("TRACKPLANE_")}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def doctor(folder: Path, **environ: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Return the exit code and the checks by name."""
    ports = {
        f"TRACKPLANE_{name}": str(free_port())
        for name in ("COLLECTOR_PORT", "CONTROL_PORT", "CONTROL_GRPC_PORT")
    }
    done = subprocess.run(
        [sys.executable, "-m", "trackplane.cli", "doctor", "--json"],
        cwd=folder,
        env=CLEAN | ports | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    checks: dict[str, list[dict[str, Any]]] = {}
    for check in json.loads(done.stdout).get("checks", []):
        checks.setdefault(check["name"], []).append(check)
    return done.returncode, checks


def failed(checks: dict[str, list[dict[str, Any]]]) -> list[str]:
    return [n for n, some in checks.items() if any(c.get("state") == "failed" for c in some)]


def test_a_fit_machine_passes_and_nothing_is_left_behind(tmp_path: Path) -> None:
    code, checks = doctor(tmp_path)
    assert (code, failed(checks)) == (0, [])
    assert set(checks) == {
        "versions", "data", "disk", "clock", "limits", "ports", "secrets", "geo", "isolation"
    }  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_is_named_with_a_hint(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o755)
    (secrets / "key").write_text("x")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "VERSION").write_text("99\n")
    (tmp_path / "geo.mmdb").write_text("no database")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, checks = doctor(
            tmp_path,
            TRACKPLANE_COLLECTOR_PORT=str(taken.getsockname()[1]),
            TRACKPLANE_SECRETS_FOLDER=str(secrets),
            TRACKPLANE_GEO_DATABASE=str(tmp_path / "geo.mmdb"),
        )
    assert code == 1
    assert failed(checks) == ["versions", "ports", "secrets", "geo"]
    assert any("chmod 700" in check.get("hint", "") for check in checks["secrets"])
    assert any("chmod 600" in check.get("hint", "") for check in checks["secrets"])


def test_wrong_settings_are_a_fault_of_the_environment(tmp_path: Path) -> None:
    code, _ = doctor(tmp_path, TRACKPLANE_COLLECTOR_PRT="1")
    assert code == 2
