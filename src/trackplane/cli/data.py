"""Verbs about data: ``status``, ``tap``."""

from __future__ import annotations

import itertools
import json
from typing import Any

import typer

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import JsonOption, emit_json, say, table


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(status)
    app.command()(tap)


def status(url: str = UrlOption, as_json: bool = JsonOption) -> None:
    """Show rates, lag, versions and ledgers.

    Example: trackplane status
    """
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
    if answer["sinks"]:
        table(
            ["sink", "connector", "state", "delivered", "waiting", "refused", "last error"],
            [
                [s["dataset"], s["connector"], s["state"], s["delivered"], s["waiting"],
                 s["refused"], s["error"]]
                for s in answer["sinks"]
            ],
        )  # fmt: skip
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
    """Print events as they arrive, one JSON object a line.

    Example: trackplane tap --app shop --count 1
    """
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
