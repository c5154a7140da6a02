"""``trackplane plan log | blame | renew``: who changed what, when and why; and letting it live on."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import typer

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import JsonOption, emit_json, say, table
from trackplane.cli.plan_folder import AppOption, app_of

_Here = typer.Option(Path(), "--folder", help="The plan's folder.", show_default="this folder")


def register(app: typer.Typer) -> None:
    """Add the verbs to ``trackplane plan``."""
    app.command("log")(log)
    app.command("blame")(blame)
    app.command("renew")(renew)


def log(
    app: str | None = AppOption,
    event: str | None = typer.Option(None, "--event", help="Only what changed of this event."),
    property_: str | None = typer.Option(
        None, "--property", help="Only what changed of this property, such as what.total."
    ),
    limit: int = typer.Option(20, "--limit", min=1, max=1000, help="At most so many revisions."),
    folder: Path = _Here,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Show who changed what of a plan, when, and what it meant.

    Example:
        trackplane plan log --app shop --event purchase
    """
    name = app_of(folder, app)
    items = list(
        islice(
            Api(url).items(
                f"/apps/{name}/plan/log", event=event, property=property_, limit=min(limit, 100)
            ),
            limit,
        )
    )
    if as_json:
        emit_json({"app": name, "items": items})
        return
    for item in items:
        said = f": {item['message']}" if item["message"] else ""
        say(
            f"{item['revision']}  {_day(item['at'])}  {item['author']}  [{item['compatibility']}]{said}"
        )
        for part in item["parts"]:
            if event or property_:
                for change in part.get("changes", ()):
                    say(f"    {change['compatibility']}: {change['message']}")
            else:
                say(f"    {part['kind']} {part['section']} {part['name']}")
        if item["changed"] > len(item["parts"]):
            say(f"    and {item['changed'] - len(item['parts'])} more")
    if not items:
        say(f"{name}: no revisions yet")


def blame(
    event: str = typer.Argument(..., help="The event."),
    app: str | None = AppOption,
    folder: Path = _Here,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Show who changed each property and key of an event last. It tells the revision, and why.

    Example:
        trackplane plan blame purchase --app shop
    """
    name = app_of(folder, app)
    answer = Api(url).get(f"/apps/{name}/plan/blame", event=event)
    if as_json:
        emit_json(answer)
        return
    table(
        ["what", "revision", "when", "who", "why"],
        [
            [
                line["path"] or line["field"],
                line["revision"],
                _day(line["at"]),
                line["author"],
                line["message"] or line["what"],
            ]
            for line in answer["lines"]
        ],
    )


def renew(
    event: str = typer.Argument(..., help="The event."),
    until: str = typer.Option(..., "--until", help="The last day it is to live, as 2027-06-30."),
    message: str = typer.Option("", "--message", "-m", help="Why, for the history."),
    app: str | None = AppOption,
    folder: Path = _Here,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Let an event expire later. Its expiry becomes another day, as a new revision.

    Example:
        trackplane plan renew purchase --until 2030-06-30 --app shop
    """
    name = app_of(folder, app)
    body = {"event": event, "until": until, "message": message}
    answer, _ = Api(url).call("POST", f"/apps/{name}/plan/renew", json=body)
    if as_json:
        emit_json(answer)
    else:
        say(f"{name}: {event} lives until {until}, revision {answer['revision']}")
        say("trackplane plan pull brings it into your files")


def _day(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M")
