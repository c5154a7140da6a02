"""The marker that `make faults` selects by."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "faults: grows with TRACKPLANE_TEST_SCALE; `make faults` runs it"
    )
