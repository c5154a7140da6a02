"""Every operation of the HTTP API."""

from __future__ import annotations

from typing import Final

from trackplane.control import apps, data_operations, live, people, plans, rules, rulesets
from trackplane.control.operations import Operation

PREFIX: Final = "/api/v1"

OPERATIONS: Final[tuple[Operation, ...]] = (
    *people.operations,
    *apps.operations,
    *plans.operations,
    *rules.operations,
    *rulesets.operations,
    *data_operations.operations,
    *live.operations,
)
