"""The supervisor with real processes: they are ``trackplane --version`` and a broken verb."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from trackplane.errors import ConfigurationError
from trackplane.runtime.embedded import (
    ProcessSpec,
    Supervisor,
    SupervisorSettings,
    follow_parent,
)

SETTINGS = SupervisorSettings(first_delay_ms=10, longest_delay_ms=40, drain_ms=2_000)


@pytest.mark.integration
def test_a_process_that_ends_is_started_again_until_stopped(tmp_path: Path) -> None:
    """The table of processes says how often; stopping leaves nothing behind."""

    async def scenario() -> None:
        supervisor = Supervisor(
            [ProcessSpec(name="short", arguments=("no-such-verb",))],
            folder=tmp_path,
            settings=SETTINGS,
        )
        running = asyncio.create_task(supervisor.run())
        table = tmp_path / "processes.json"
        async with asyncio.timeout(60):
            while not table.exists() or json.loads(table.read_text())["short"]["restarts"] < 2:  # noqa: ASYNC110 another process writes it
                await asyncio.sleep(0.02)
            supervisor.stop()
            await running
        assert not table.exists()

    asyncio.run(scenario())


def test_a_child_whose_supervisor_has_gone_does_not_start() -> None:
    """The parent it was told of is not its parent any more."""
    with pytest.raises(ConfigurationError, match="supervisor has gone"):
        follow_parent(os.getpid())
