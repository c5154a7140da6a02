"""Change requests: from a draft to a revision, and who may do what on the way."""

from __future__ import annotations

from typing import Any

import pytest

from .review import Review

pytestmark = pytest.mark.integration


@pytest.fixture
def review(control: Any) -> Review:
    """Return a control plane with people and a plan."""
    return Review(control)


