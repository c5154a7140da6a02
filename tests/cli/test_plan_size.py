"""A plan's file and its size."""

from __future__ import annotations

from pathlib import Path

import pytest

from trackplane.cli.plan_folder import read_file
from trackplane.errors import ConfigurationError
from trackplane.plan import PlanError


def test_a_file_of_a_gigabyte_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its size; the environment may say another limit."""
    path = tmp_path / "plan.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(PlanError) as caught:
        read_file(path)
    assert caught.value.findings[0].code == "too_large"
    small = tmp_path / "small.yaml"
    small.write_bytes(b"#" * (1 << 20) + b"\n")
    assert len(read_file(small)) == (1 << 20) + 1
    monkeypatch.setenv("TRACKPLANE_PLAN_MAX_MB", "1")
    with pytest.raises(PlanError, match="too large"):
        read_file(small)
    monkeypatch.setenv("TRACKPLANE_PLAN_MAX_MB", "much")
    with pytest.raises(ConfigurationError, match="not a number"):
        read_file(small)
