"""Every operation of the HTTP API."""

from __future__ import annotations

from typing import Final

from trackplane.control import (
    apps,
    canary,
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
    people,
    rule_replay,
    rules,
    rulesets,
    scripts,
    shadow,
    statistics,
)
from trackplane.control.design import (
    assist,
    libraries,
    plan_history,
    plan_lint,
    plan_preview,
    plan_renewal,
    plan_shapes,
    plans,
)
from trackplane.control.insight import (
    clients,
    impact,
    insight_values,
    metrics,
    saved_queries,
    screenshots,
    unplanned,
)
from trackplane.control.insight import event_page as insight
from trackplane.control.operations import Operation
from trackplane.control.review import (
    change_comments,
    change_files,
    change_impact,
    change_merge,
    change_review,
    changes,
    my_events,
    notices,
    outbox,
    profiles,
    requirements,
)
from trackplane.control.search import operations as search

PREFIX: Final = "/api/v1"

OPERATIONS: Final[tuple[Operation, ...]] = (
    *people.operations,
    *profiles.operations,
    *apps.operations,
    *assist.operations,
    *plans.operations,
    *plan_preview.operations,
    *plan_shapes.operations,
    *plan_history.operations,
    *plan_renewal.operations,
    *plan_lint.operations,
    *libraries.operations,
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
    *change_merge.operations,
    *change_impact.operations,
    *change_comments.operations,
    *requirements.operations,
    *notices.operations,
    *outbox.operations,
    *my_events.operations,
    *impact.operations,
    *saved_queries.operations,
    *clients.operations,
    *unplanned.operations,
    *insight.operations,
    *insight_values.operations,
    *metrics.operations,
    *screenshots.operations,
)

# Operations on a thing that belongs to an app though the path does not name it: to a token that does
# not reach the app it does not exist.
OF_AN_APP: Final = frozenset(
    operation.name
    for operation in OPERATIONS
    if operation.path.startswith(
        (
            "/rules/{rule}",
            "/changes/{id}",
            "/requirements/{id}",
            "/saved-queries/{id}",
            "/clients/{id}",
        )
    )
) | {
    "create_change",
    "create_requirement",
    "follow_live",
    "get_ledger",
    "list_dirty",
    "list_dirty_groups",
    "preview_rule",
    "register_client",
    "run_query",
    "save_query",
    "start_replay",
    "try_fix",
}
# Operations on what is of all apps at once: for tokens of all apps.
OF_ALL_APPS: Final = frozenset(
    {
        "list_tokens",
        "delete_token",
        "put_person",
        "delete_person",
        "put_team",
        "delete_team",
        "list_outbox",
        "put_lint",
        "publish_library",
        "rebuild_search",
        "roll_back_ruleset",
    }
) | frozenset(
    operation.name
    for operation in OPERATIONS
    if operation.action == "definition.edit" and "dataset" not in operation.name
)
