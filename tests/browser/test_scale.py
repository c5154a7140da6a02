"""The console with thousands of events and a thousand apps."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from trackplane.demo.platform import Platform

_SCRIPT: Final = Path(__file__).parents[2] / "console" / "e2e" / "scale.mjs"
_EVENTS: Final = 2_000
_APPS: Final = 1_010  # more than one page of the API


@pytest.mark.browser
@pytest.mark.timeout(180)
def test_long_lists_stay_small_on_the_page(tmp_path: Path) -> None:
    """Everything of a long list is reached, with few rows on the page at a time."""
    with Platform(tmp_path, workers=1) as platform:
        for number in range(_APPS):
            platform.call("POST", "/apps", json={"app": f"app_{number:04}"})
        platform.call("POST", "/apps", json={"app": "huge"})
        events = "".join(
            f"  thing_{n:04}_opened: {{title: Thing {n}, owner: team:things}}\n"
            for n in range(_EVENTS)
        )
        files = {"plan.yaml": f"format: 1\napp: huge\nevents:\n{events}"}
        platform.call("PUT", "/apps/huge/plan", etag="*", json={"files": files})
        node = shutil.which("node")
        assert node, "Node.js is not on the PATH; the console's browser test is driven by it"
        scene = {"events": _EVENTS, "last": f"app_{_APPS - 1:04}"}
        answer = subprocess.run(
            [node, str(_SCRIPT)],
            env=os.environ
            | {"TRACKPLANE_CONSOLE_URL": platform.url, "TRACKPLANE_TOKEN": platform.token}
            | {"TRACKPLANE_SCENE": json.dumps(scene)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        print(answer.stdout)
        assert answer.returncode == 0, f"{answer.stdout[-6000:]}\n{answer.stderr[-6000:]}"
