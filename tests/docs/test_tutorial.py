"""The tutorial, run block by block as a newcomer would, on a platform of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from trackplane.demo.platform import free_ports
from trackplane.testing.platform import until

pytestmark = pytest.mark.integration

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "=== end of block"
_TEN_MINUTES_S = 600


class Step(NamedTuple):
    """A block of commands, and what has to be in what it prints."""

    commands: str
    expected: tuple[str, ...]


def steps() -> list[Step]:
    """Return the page's steps."""
    found: list[Step] = []
    for kind, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "sh":
            found.append(Step(text, ()))
        else:
            found[-1] = found[-1]._replace(expected=tuple(text.splitlines()))
    return found


def _ended(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.timeout(_TEN_MINUTES_S)
def test_a_newcomer_designs_reviews_merges_and_sees_an_event_enforced(tmp_path: Path) -> None:
    """Each block ends well and prints what the page says."""
    console, grpc, collector = free_ports(3)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TRACKPLANE_")} | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "TRACKPLANE_CONTROL_PORT": str(console),
        "TRACKPLANE_CONTROL_GRPC_PORT": str(grpc),
        "TRACKPLANE_COLLECTOR_PORT": str(collector),
        "TRACKPLANE_SUPERVISOR_WORKERS": "1",
        "COLUMNS": "200",
    }
    blocks = steps()
    assert len(blocks) > 10
    script = "set -euo pipefail\n" + f"\necho '{_MARK}'\n".join(step.commands for step in blocks)
    script = script.replace(":8000", f":{console}").replace(":8080", f":{collector}")
    process = subprocess.Popen(
        ["bash", "-c", script + f"\necho '{_MARK}'\n"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=_TEN_MINUTES_S)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        until(lambda: _ended(process.pid), "the platform's end", seconds=60)
    printed = output.split(_MARK + "\n")
    for number, step in enumerate(blocks):
        assert number < len(printed) - 1, f"this block failed:\n{step.commands}\n{printed[-1]}"
        for line in step.expected:
            assert line in printed[number], (
                f"{line!r} is not printed by\n{step.commands}\n{printed[number]}"
            )
    assert process.returncode == 0
