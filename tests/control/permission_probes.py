"""A request for each operation of the API, on what is of one app: made from the table of operations.

``of`` gives the request; what it needs beside the defaults is in ``BODIES``. Requests that could change
something carry a state that is long past, so that whoever may is told 412, and nothing changes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from trackplane.control.operations import Operation

PLAN = """\
format: 1
app: {app}
events:
  pay: {owner: team:pay, grade: P3, title: Paid, what: {total: {type: number}}}
metrics:
  gmv: {of: pay, measure: count()}
"""
RULE = """\
rule: {app}_rule
from: events
apps: [{app}]
where: event == "pay"
select: {id: id}
to: kept
owner: team:pay
"""
DATASET = "dataset: kept\nkind: table\ncolumns: {id: string}\n"
FUNCTION = "function: net\nparameters: {gross: float64}\nreturns: float64\nbody: gross / 1.08\n"
TABLE = "table: countries\nkey: string\ncolumns: {region: string}\nrows: {SG: [apac]}\n"
SCRIPT = "script: enrich\ntext: |\n  def transform(event):\n      return event\n"
LIBRARY = "format: 1\nlibrary: shared\nversion: 1\ntypes: {sku: {type: string}}\n"
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
BODIES: dict[str, dict[str, Any]] = {
    "create_token": {"name": "made", "role": "viewer", "apps": ["{app}"], "person": "me"},
    "create_app": {"app": "{app}"},
    "assist_event": {"name": "pay2"},
    "event_completeness": {"name": "pay"},
    "preview_part": {"section": "events", "name": "pay", "text": None},
    "renew_event": {"event": "pay", "until": "2099-01-01"},
    "put_lint": {"source": "lint: {}\n"},
    "check_library": {"source": LIBRARY},
    "publish_library": {"source": LIBRARY},
    "replay_rule": {"from": 1, "to": 2},
    "preview_rule": {"source": RULE, "events": [{"event": "pay"}], "app": "{app}"},
    "run_query": {"sql": "select 1 as one", "app": "{app}"},
    "try_fix": {"selection": {"app": "{app}"}},
    "start_replay": {"selection": {"app": "{app}"}},
    "create_change": {"app": "{app}", "title": "probe"},
    "put_change_parts": {"parts": [{"section": "events", "name": "x", "text": None}]},
    "approve_changes": {"changes": ["{change}"]},
    "create_requirement": {"title": "probe", "apps": ["{app}"]},
    "save_query": {"name": "probe", "sql": "select 1 as one", "app": "{app}"},
    "change_saved_query": {"name": "kept", "sql": "select 1 as one", "app": "{app}"},
    "register_client": {
        "format": 1, "app": "{app}", "name": "web", "platform": "web", "language": "typescript",
        "release": "1.0", "revision": 1, "events": {"pay": ["what.total"]},
    },
    "add_screenshot": {"content": PIXEL},
}  # fmt: skip
FIELDS: dict[str, Any] = {
    "source": RULE,
    "files": {"plan.yaml": PLAN},
    "version": 1,
    "number": 999_999,
    "percent": 10,
    "reason": "because",
    "text": "a word",
    "n": 1,
}
SOURCES = {
    "dataset": DATASET,
    "function": FUNCTION,
    "lookup_table": TABLE,
    "script": SCRIPT,
}
QUERIES: dict[str, dict[str, Any]] = {
    "get_ledger": {"app": "{app}"},
    "follow_live": {"app": "{app}"},
    "list_dirty": {"app": "{app}"},
    "list_dirty_groups": {"app": "{app}"},
    "get_change_part": {"name": "pay"},
    "blame": {"event": "pay"},
    "blame_event": {"event": "pay"},
    "get_part": {"section": "events", "name": "pay"},
    "get_plan_part": {"section": "events", "name": "pay"},
    "blame_plan": {"event": "pay"},
}
NAMES = {
    "event": "pay",
    "metric": "gmv",
    "revision": "1",
    "version": "1",
    "dataset": "kept",
    "person": "somebody",
    "team": "pay",
    "template": "commerce",
    "number": "1",
    "n": "1",
}


def of(operation: Operation, app: str, ids: dict[str, str]) -> dict[str, Any]:
    """Return a request of an operation on an app, as keywords for httpx."""
    path = operation.path
    words = {**NAMES, **ids, "app": app, "rule": f"{app}_rule"}
    words["name"] = _name(operation)
    words["id"] = next(
        (ids[kind] for kind in ids if path.startswith(_FAMILY.get(kind, "-"))), "nothing"
    )
    url = path.format_map(words)
    request: dict[str, Any] = {"method": operation.method, "url": url}
    if operation.name in QUERIES:
        request["params"] = _filled(QUERIES[operation.name], words)
    if operation.precondition:
        request["headers"] = {"If-Match": '"0.0"'}
    if operation.body is not None:
        request["json"] = _filled(_body(operation), words)
    return request


_FAMILY = {
    "change": "/changes",
    "requirement": "/requirements",
    "query": "/saved-queries",
    "client": "/clients",
    "replay": "/dirty/replays",
    "key": "/apps/{app}/keys",
    "token": "/tokens",
}


def _name(operation: Operation) -> str:
    first = operation.path.split("/")[1]
    return {"functions": "net", "tables": "countries", "scripts": "enrich"}.get(first, "shared")


def _body(operation: Operation) -> dict[str, Any]:
    if operation.name in BODIES:
        return BODIES[operation.name]
    body = {
        field.encode_name: FIELDS[field.encode_name]
        for field in msgspec.structs.fields(operation.body)
        if field.required
    }
    for kind, source in SOURCES.items():
        if "source" in body and operation.name.endswith(kind):
            body["source"] = source
    return body


def _filled(value: Any, words: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(each, words) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, words) for each in value]
    if value == "{change}":
        return int(words["change"])
    return value.replace("{app}", words["app"]) if isinstance(value, str) else value
