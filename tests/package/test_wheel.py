"""The wheel alone, installed into an empty environment, runs the whole platform."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLEAN = {
    k: v
    for k, v in os.environ.items()
    if not k.startswith(("TRACKPLANE_", "PYTHON", "VIRTUAL_ENV", "PIP_"))
} | {"PATH": "/usr/bin:/bin"}


def run(*command: str | Path, cwd: Path, timeout: int = 170, **environ: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=CLEAN | environ,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.mark.integration
@pytest.mark.timeout(400)
def test_the_wheel_runs_the_demo_without_the_checkout(tmp_path: Path) -> None:
    """Console and example are inside, and every event is accounted for."""
    run(
        sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist",
        cwd=ROOT, TRACKPLANE_REQUIRE_CONSOLE="1", PATH=os.environ["PATH"],
    )  # fmt: skip
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    home = tmp_path / "elsewhere"
    home.mkdir()
    run(sys.executable, "-m", "venv", "--without-pip", "env", cwd=home)
    # The locked dependencies are reused by path, so that the test needs no registry; only our own
    # distribution, which the checkout has as an editable one, comes from the wheel.
    packages = next((home / "env" / "lib").glob("python3*/site-packages"))
    for entry in Path(sys.prefix).glob("lib/python3*/site-packages/*"):
        if not entry.name.startswith(("trackplane", "_trackplane", "__editable__", "_editable")):
            (packages / entry.name).symlink_to(entry)
    run(sys.executable, "-m", "zipfile", "-e", wheel, packages, cwd=home)
    python = home / "env" / "bin" / "python"
    where = run(python, "-c", "import trackplane; print(trackplane.__file__)", cwd=home)
    assert where.startswith(str(home))
    line = run(python, "-m", "trackplane.cli", "demo", "--short", "--json", cwd=home)
    outcome = json.loads(line.splitlines()[-1])
    assert outcome["ok"], outcome
    assert outcome["lost"] == outcome["doubled"] == 0
    assert outcome["stored"] > 1_000
    assert (packages / "trackplane" / "control" / "static" / "index.html").is_file()
