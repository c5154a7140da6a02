"""``trackplane event``: planned events as the platform knows them: use, validity, trust, real values."""

from __future__ import annotations

from typing import Any

import typer

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import JsonOption, emit_json, say, table
from trackplane.cli.picture import day, percent, sparkline

app = typer.Typer(help="Events: who sends them, how well, and who uses them.", no_args_is_help=True)
_AppArgument = typer.Argument(..., help="The app.", show_default=False)
_EventArgument = typer.Argument(..., help="The event.", show_default=False)


@app.command("list")
def list_events(
    app: str = _AppArgument,
    query: str = typer.Option("", "--query", help="Words to look for."),
    unplanned: bool = typer.Option(
        False, "--unplanned", help="Those that arrive and are not planned."
    ),
    limit: int = typer.Option(100, "--limit", help="Rows at most."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """List an app's events.

    Example:
        trackplane event list shop
    """
    api = Api(url)
    if unplanned:
        rows = api.get(f"/apps/{app}/unplanned", limit=limit, query=query or None)["items"]
    else:
        rows = api.get(f"/apps/{app}/events", limit=limit, query=query or None)["items"]
    if as_json:
        emit_json(rows)
    elif unplanned:
        table(
            ["event", "seen", "dirty", "last seen", "platforms", "like"],
            [
                [r["event"], r["seen"], r["dirty"], day(r["last_at"]), ", ".join(r["platforms"]),
                 r["near"]]
                for r in rows
            ],
            title="" if rows else "nothing arrives that is not planned",
        )  # fmt: skip
    else:
        table(
            ["event", "grade", "owner", "properties", "title"],
            [[r["event"], r["grade"], r["owner"], r["properties"], r["title"]] for r in rows],
            title="" if rows else f"no events: trackplane plan apply, or {app} has none like that",
        )


@app.command()
def show(
    app: str = _AppArgument,
    event: str = _EventArgument,
    values: bool = typer.Option(False, "--values", help="Also what its properties really hold."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Show how an event is sent and used, and how far it can be trusted.

    Example:
        trackplane event show shop purchase
    """
    api = Api(url)
    found = api.get(f"/apps/{app}/events/{event}/insight")
    held = api.get(f"/apps/{app}/events/{event}/values") if values else None
    if as_json:
        emit_json(found | ({"values": held} if held is not None else {}))
        return
    trust = found["trust"]
    say(f"{app}/{event}  trust {trust['level']} ({trust['score']} of 100)")
    for each in trust["criteria"]:
        mark = {True: "+", False: "-", None: "?"}[each["met"]]
        say(f"  {mark} {each['code']}: {each['why']}")
    daily = found["daily"][-30:]
    say(f"30 days  {sparkline([d['seen'] for d in daily])}  {sum(d['seen'] for d in daily):,}")
    say(f"last seen {day(found['last_at'])}, valid {percent(found['valid_share'])}")
    for note in found["notes"]:
        say(f"note: {note}")
    if found["by_version"]:
        say("")
        table(
            ["platform", "version", "env", "seen", "with violations", "dirty", "last seen"],
            [
                [r["platform"] or "-", r["version"] or "-", r["env"], r["seen"], r["violations"],
                 r["dirty"], day(r["last_at"])]
                for r in found["by_version"][:20]
            ],
        )  # fmt: skip
    if found["violations"]:
        say("")
        table(
            ["violation", "where", "events", "of them dirty", "last"],
            [
                [v["code"], v["pointer"], v["count"], v["dirty"], day(v["last_at"])]
                for v in found["violations"][:10]
            ],
        )
    users = [each for kind in found["consumers"].values() for each in kind]
    if users:
        say("")
        table(
            ["used by", "name", "owner"], [[u["kind"], u["name"], u["owner"]] for u in users[:30]]
        )
    if held is not None:
        _values(held)


def _values(held: Any) -> None:
    say("")
    say(f"values of {held['sampled']:,} of {held['of']:,} events")
    table(
        ["property", "sent", "null", "distinct", "most frequent"],
        [
            [p["path"], p["count"], p["nulls"], p["distinct"],
             "personal: not shown" if p["masked"] else "nobody sends it" if not p["sent"]
             else ", ".join(f"{t['value'][:30]} {t['share']:.0%}" for t in p["top"][:3])]
            for p in held["properties"]
        ],
    )  # fmt: skip
