"""``trackplane dirty``: what failed, mended on trial, replayed once, undone."""

from __future__ import annotations

import json
import time
from typing import Any, Final

import typer

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import FINDINGS, JsonOption, emit_json, say, table
from trackplane.cli.rule_publish import when
from trackplane.errors import InputError

app = typer.Typer(help="Dirty events: what failed, why, and again.", no_args_is_help=True)

_POLL_S: Final = 0.2
AppOption = typer.Option(None, "--app", help="Only this app's.")
WantedOption = typer.Option(..., "--app", help="The app whose dirty events.")
StageOption = typer.Option("", "--stage", help="Only of this stage: hygiene, plan or rule.")
ReasonOption = typer.Option("", "--reason", help="Only of this reason.")
RuleOption = typer.Option("", "--rule", help="Only those that this rule failed on.")
EventOption = typer.Option("", "--event", help="Only events of this name.")
VersionOption = typer.Option("", "--app-version", help="Only of this version of the app.")
IdOption = typer.Option([], "--id", help="Only these ids.")
LimitOption = typer.Option(1_000, "--limit", help="Events at most, the newest first.")
EditOption = typer.Option(
    [],
    "--edit",
    help="A change, in order: `set what.x=1`, `unset what.x`, `rename what.x what.y`,"
    " `cast what.x int64`, `text OLD NEW`.",
)


@app.command("list")
def list_dirty(
    app: str = AppOption,
    stage: str = StageOption,
    reason: str = ReasonOption,
    rule: str = RuleOption,
    event: str = EventOption,
    app_version: str = VersionOption,
    resolved: bool = typer.Option(False, "--resolved", help="Those that a replay mended instead."),
    limit: int = typer.Option(50, "--limit", help="Rows at most."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """List dirty events, newest first, with their reasons.

    Example: trackplane dirty list --app shop --stage rule
    """
    answer = Api(url).get(
        "/dirty",
        app=app,
        stage=stage or None,
        reason=reason or None,
        rule=rule or None,
        event=event or None,
        app_version=app_version or None,
        resolved=resolved or None,
        limit=limit,
    )
    rows = answer["items"]
    if as_json:
        emit_json(rows)
        return
    names = ("app", "event", "stage", "rule", "reason", "id", "attempts", "message")
    table(
        list(names),
        [[row[name] for name in names] for row in rows],
        title="" if rows else "no dirty events",
    )


@app.command()
def groups(
    app: str = AppOption,
    by: str = typer.Option("app,stage,reason,rule,event", "--by", help="Fields to group by."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Count dirty events that failed alike.

    Example: trackplane dirty groups --by reason,rule,app_version
    """
    answer = Api(url).get("/dirty/groups", app=app, by=by)
    if as_json:
        emit_json(answer)
        return
    names = [name.strip() for name in by.split(",")]
    table(
        [*names, "count", "first (UTC)", "last (UTC)"],
        [
            [*(g[name] for name in names), g["count"], when(g["first_at"]), when(g["last_at"])]
            for g in answer["items"]
        ],
    )
    say(f"{answer['unresolved']:,} to be mended, {answer['resolved']:,} mended")


@app.command()
def show(
    id: str = typer.Argument(..., help="The event's id."),
    app: str = WantedOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Show a dirty event with its own bytes.

    Example: trackplane dirty show 0190-7c --app shop
    """
    body = {"selection": {"app": app, "ids": [id]}, "edits": []}
    answer, _ = Api(url).call("POST", "/dirty/fixes", json=body)
    if not answer["items"]:
        raise InputError(f"there is no dirty event {id!r} of {app}")
    if as_json:
        emit_json(answer["items"])
        return
    for item in answer["items"]:
        _show_fixed(item)


@app.command()
def fix(
    app: str = WantedOption,
    edits: list[str] = EditOption,
    stage: str = StageOption,
    reason: str = ReasonOption,
    rule: str = RuleOption,
    event: str = EventOption,
    app_version: str = VersionOption,
    ids: list[str] = IdOption,
    limit: int = LimitOption,
    show: int = typer.Option(5, "--show", help="Events to show before and after."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Try a change on dirty events. It shows before and after, and what would become of them. Writes nothing.

    Exit code 1: some would be dirty again.

    Example: trackplane dirty fix --app shop --reason type --edit "cast what.total float64"
    """
    selection = _selection(app, stage, reason, rule, event, app_version, ids, limit)
    body = {"selection": selection, "edits": [parse_edit(text) for text in edits], "show": show}
    answer, _ = Api(url, timeout_s=660).call("POST", "/dirty/fixes", json=body)
    if as_json:
        emit_json(answer)
    else:
        for item in answer["items"]:
            _show_fixed(item)
        say(
            f"{answer['selected']:,} tried: {answer['good']:,} would be taken,"
            f" {answer['still_dirty']:,} dirty again"
        )
    if answer["still_dirty"]:
        raise typer.Exit(FINDINGS)


@app.command()
def replay(
    app: str = WantedOption,
    edits: list[str] = EditOption,
    stage: str = StageOption,
    reason: str = ReasonOption,
    rule: str = RuleOption,
    event: str = EventOption,
    app_version: str = VersionOption,
    ids: list[str] = IdOption,
    limit: int = LimitOption,
    note: str = typer.Option("", "--note", "-m", help="Why, for the history."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Send dirty events again, each once. They are mended by --edit or by what changed since.

    Waits until it is done. Exit code 1: some are dirty again.

    Example: trackplane dirty replay --app shop --rule big_spender --edit "unset what.note"
    """
    api = Api(url, timeout_s=660)
    selection = _selection(app, stage, reason, rule, event, app_version, ids, limit)
    body = {"selection": selection, "edits": [parse_edit(t) for t in edits], "reason": note}
    found, _ = api.call("POST", "/dirty/replays", json=body)
    while found["status"] == "running":
        time.sleep(_POLL_S)
        found = api.get(f"/dirty/replays/{found['id']}")
    _tell(found, as_json=as_json)


@app.command()
def replays(
    app: str = AppOption,
    limit: int = typer.Option(20, "--limit", help="Rows at most."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """List replays, newest first.

    Example: trackplane dirty replays --app shop
    """
    rows = Api(url).get("/dirty/replays", app=app, limit=limit)["items"]
    if as_json:
        emit_json(rows)
        return
    names = ("id", "app", "status", "selected", "resolved", "failed", "skipped", "started_by")
    table(
        [*names, "started (UTC)"],
        [[*(row[name] for name in names), when(row["started_at"])] for row in rows],
        title="" if rows else "no replays yet",
    )


@app.command()
def cancel(
    id: str = typer.Argument(..., help="The replay's id."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Stop a replay; what was not sent yet stays in the list.

    Example: trackplane dirty cancel REPLAY
    """
    found, _ = Api(url).call("POST", f"/dirty/replays/{id}/cancel")
    emit_json(found) if as_json else say(f"replay {id}: will stop")


@app.command()
def undo(
    id: str = typer.Argument(..., help="The replay's id."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Return a replay's events to the list. The rows that rules put out for them are taken out.

    What the collector took stays stored: sending it again changes nothing.

    Example: trackplane dirty undo REPLAY
    """
    found, _ = Api(url, timeout_s=660).call("POST", f"/dirty/replays/{id}/undo")
    if as_json:
        emit_json(found)
    else:
        say(f"replay {id} undone: {found['undone_rows']:,} rows were taken out of tables")


def _tell(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit_json(found)
    else:
        became = "  ".join(f"{name} {n}" for name, n in found["dispositions"].items())
        say(f"replay {found['id']}: {found['status']}")
        say(f"{found['sent']} of {found['selected']} sent again: {became or 'nothing'}")
        if found["skipped"]:
            say(f"{found['skipped']} skipped: {found['message']}")
        elif found["message"]:
            say(found["message"])
    if found["failed"] or found["skipped"] or found["status"] == "failed":
        raise typer.Exit(FINDINGS)


def _selection(
    app: str,
    stage: str,
    reason: str,
    rule: str,
    event: str,
    app_version: str,
    ids: list[str],
    limit: int,
) -> dict[str, Any]:
    return {
        "app": app,
        "stage": stage,
        "reason": reason,
        "rule": rule,
        "event": event,
        "app_version": app_version,
        "ids": ids,
        "limit": limit,
    }


def parse_edit(text: str) -> dict[str, Any]:
    """Return an edit as the API takes it.

    Raises:
        InputError: it is none.
    """
    op, _, rest = text.strip().partition(" ")
    rest = rest.strip()
    if op == "set":
        path, found, value = rest.partition("=")
        if found:
            return {"op": op, "path": path.strip(), "value": _value(value.strip())}
    words = rest.split()
    if op == "unset" and len(words) == 1:
        return {"op": op, "path": words[0]}
    if op in ("rename", "cast", "text") and len(words) == 2:
        return {"op": op, "path": words[0], "to": words[1]}
    raise InputError(
        f"{text!r} is no edit",
        hint="set PATH=JSON, unset PATH, rename PATH PATH, cast PATH TYPE, text OLD NEW",
    )


def _value(text: str) -> Any:
    """Return JSON; what is not JSON is a string."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _show_fixed(item: dict[str, Any]) -> None:
    place = f"{item['stage']} {item['rule']}".strip()
    say(f"{item['event']} {item['id']} ({place}): {item['disposition']}")
    if item["header_before"] != item["header_after"]:
        say(f"  header - {item['header_before']}")
        say(f"  header + {item['header_after']}")
    if item["before"] == item["after"]:
        say(f"    {item['before']}")
    else:
        say(f"  - {item['before']}")
        say(f"  + {item['after']}")
    for violation in item["violations"]:
        say(f"  {violation['code']} {violation['pointer']}: {violation['message']}")
    for row in item["outputs"]:
        say(f"  row: {row}")
