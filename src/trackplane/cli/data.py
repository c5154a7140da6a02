"""Verbs about data: ``status``, ``tap``, ``query``, ``dirty list|replay``."""

from __future__ import annotations

import itertools
import json
from typing import Any

import typer

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import FINDINGS, JsonOption, emit_json, say, table

dirty = typer.Typer(help="Dirty events: what failed, why, and again.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(status)
    app.command()(tap)
    app.command()(query)


def status(url: str = UrlOption, as_json: bool = JsonOption) -> None:
    """Show rates, lag, versions and ledgers."""
    answer = Api(url).get("/status")
    if as_json:
        emit_json(answer)
        return
    table(
        ["node", "kind", "ruleset", "connected", "up s"],
        [
            [n["node"], n["kind"], n["number"], n["connected"], n.get("uptime_s")]
            for n in answer["nodes"]
        ],
    )
    say("")
    rates = answer["rates"]
    say("  ".join(f"{name.replace('_', ' ')} {value or 0:,.0f}" for name, value in rates.items()))
    say("")
    behind = [row for row in answer["lag"] if row["lag"]]
    if behind:
        table(
            ["group", "topic", "partition", "committed", "end", "lag"],
            [
                [r["group"], r["topic"], r["partition"], r["committed"], r["end"], r["lag"]]
                for r in behind
            ],
        )
    else:
        say("no lag")
    say("")
    table(
        ["app", "env", "kind", "events"],
        [[r["app"], r["env"], r["kind"], r["count"]] for r in answer["ledger"]],
        title="ledger" if answer["ledger"] else "ledger: nothing has arrived yet",
    )


def tap(
    url: str = UrlOption,
    app: str = typer.Option(None, "--app", help="Only this app's events."),
    event: str = typer.Option(None, "--event", help="Only events of this name."),
    violations: bool = typer.Option(False, "--violations", help="Only events with violations."),
    count: int = typer.Option(0, "--count", "-n", help="Stop after so many (0: go on)."),
    as_json: bool = JsonOption,
) -> None:
    """Print events as they arrive, one JSON object a line."""
    api = Api(url)
    if app is not None:
        api.get(f"/apps/{app}")  # an app that is not there would be waited for in vain
    stream = api.stream("/live", app=app, event=event, violations=violations or None)
    events = (body for kind, body in stream if kind in {"message", "dirty"} and body)
    for body in itertools.islice(events, count or None):
        if as_json:
            print(body, flush=True)
        else:
            say(_one_line(json.loads(body)))


def _one_line(event: dict[str, Any]) -> str:
    meta = event.get("meta") or {}
    flaws = ",".join(flaw["code"] for flaw in meta.get("violations") or ())
    what = json.dumps(event.get("what") or {}, ensure_ascii=False)
    who = event.get("who") or {}
    person = who.get("user_id") or who.get("anonymous_id") or who.get("install_id") or "-"
    mark = f"  ! {flaws}" if flaws else ""
    return f"{meta.get('app', '-')}  {event.get('event', '-')}  {person}  {what[:160]}{mark}"


def query(
    sql: str = typer.Argument(..., help="One SELECT over the views your token may see."),
    app: str = typer.Option(None, "--app", help="The app whose views stand without a prefix."),
    limit: int = typer.Option(1_000, "--limit", help="Rows at most."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Ask the lake by SQL."""
    answer, _ = Api(url, timeout_s=660).call(
        "POST", "/query", json={"sql": sql, "app": app, "limit": limit}
    )
    if as_json:
        emit_json(answer)
        return
    table([column["name"] for column in answer["columns"]], list(answer["rows"]))
    if answer.get("truncated"):
        say(f"… more than {limit:,} rows; raise --limit")


@dirty.command("list")
def list_dirty(
    url: str = UrlOption,
    app: str = typer.Option(None, "--app", help="Only this app's."),
    reason: str = typer.Option(None, "--reason", help="Only of this reason."),
    limit: int = typer.Option(50, "--limit", help="Rows at most."),
    as_json: bool = JsonOption,
) -> None:
    """List dirty events, newest first, with their reasons."""
    answer = Api(url).get("/dirty", app=app, reason=reason, limit=limit)
    rows = answer["items"] if isinstance(answer, dict) else answer
    if as_json:
        emit_json(rows)
        return
    table(
        ["app", "event", "stage", "reason", "id", "message"],
        [[r.get(k) for k in ("app", "event", "stage", "reason", "id", "message")] for r in rows],
        title="" if rows else "no dirty events",
    )


@dirty.command()
def replay(
    url: str = UrlOption,
    app: str = typer.Option(..., "--app", help="The app whose dirty events to send again."),
    reason: str = typer.Option(None, "--reason", help="Only those of this reason."),
    ids: list[str] = typer.Option([], "--id", help="Only these ids."),
    as_json: bool = JsonOption,
) -> None:
    """Send dirty events through admission again, under the plan of now."""
    body = {"app": app, "reason": reason, "ids": ids or None}
    answer, _ = Api(url, timeout_s=660).call(
        "POST", "/dirty/replay", json={k: v for k, v in body.items() if v is not None}
    )
    if as_json:
        emit_json(answer)
    else:
        became = "  ".join(f"{name} {n}" for name, n in answer["dispositions"].items())
        say(f"{answer['sent']} of {answer['selected']} sent again: {became or 'nothing'}")
    if answer["dispositions"].get("dirty"):
        raise typer.Exit(FINDINGS)
