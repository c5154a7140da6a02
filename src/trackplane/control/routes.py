"""Every operation of the HTTP API."""

from __future__ import annotations

from typing import Final

from trackplane.control import (
    apps,
    canary,
    change_comments,
    change_files,
    change_review,
    changes,
    checks,
    data_operations,
    datasets,
    dirty,
    drafts,
    functions,
    guard,
    history,
    language,
    live,
    lookup_tables,
    notices,
    people,
    plans,
    profiles,
    rule_replay,
    rules,
    rulesets,
    scripts,
    shadow,
    statistics,
)
from trackplane.control.operations import Operation
from trackplane.control.search import operations as search

PREFIX: Final = "/api/v1"

OPERATIONS: Final[tuple[Operation, ...]] = (
    *people.operations,
    *profiles.operations,
    *apps.operations,
    *plans.operations,
    *search.operations,
    *datasets.operations,
    *rules.operations,
    *checks.operations,
    *drafts.operations,
    *history.operations,
    *rule_replay.operations,
    *functions.operations,
    *lookup_tables.operations,
    *scripts.operations,
    *language.operations,
    *statistics.operations,
    *shadow.operations,
    *canary.operations,
    *guard.operations,
    *rulesets.operations,
    *data_operations.operations,
    *dirty.operations,
    *live.operations,
    *changes.operations,
    *change_files.operations,
    *change_review.operations,
    *change_comments.operations,
    *notices.operations,
)
