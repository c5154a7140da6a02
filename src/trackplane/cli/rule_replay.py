"""``trackplane rule replay``: a rule, as it was under a ruleset number, over stored events."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import typer

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import JsonOption, emit_json, say, table
from trackplane.errors import ConfigurationError


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(replay)


def replay(
    rule: str = typer.Argument(..., help="The rule.", show_default=False),
    since: str = typer.Option(..., "--from", help="First time of receipt: 2026-11-23 or RFC 3339."),
    until: str = typer.Option("", "--to", help="Up to before this time; now if not given."),
    ruleset: int = typer.Option(0, "--ruleset", help="As it was under this number; 0: now."),
    app: str = typer.Option("", "--app", help="Events of this app only."),
    limit: int = typer.Option(20, "--limit", "-n", min=0, max=10_000, help="Rows to show."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Run a rule over stored events and show what it puts out. Nothing is written.

    Example: trackplane rule replay big_spender --from 2026-11-01 --limit 5
    """
    body = {
        "from": _time("--from", since),
        "to": _time("--to", until) if until else int(datetime.now(UTC).timestamp() * 1000) + 1,
        "ruleset": ruleset,
        "app": app,
        "limit": limit,
    }
    answer, _ = Api(url).call("POST", f"/rules/{rule}/replay", json=body)
    if as_json:
        emit_json(answer)
        return
    ran = "as SQL in DuckDB" if answer["way"] == "duckdb" else f"by the engine: {answer['why']}"
    say(f"{rule} version {answer['version']} (ruleset {answer['number']}) ran {ran}")
    for name, count in sorted(answer["outputs"].items()):
        say(f"{count:,} rows to {name}")
    for code, count in sorted(answer["failures"].items()):
        say(f"{count:,} failed with {code}")
    if not answer["outputs"]:
        say("no rows")
        return
    shown = [
        [row["to"], row["event"], row["id"], json.dumps(row["row"], ensure_ascii=False)[:120]]
        for row in answer["rows"]
    ]
    table(["to", "event", "id", "row"], shown)
    if answer["truncated"]:
        say(f"the first {len(shown)} rows; more with --limit")


def _time(option: str, text: str) -> int:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{option} {text!r} is no time", hint="write 2026-11-23 or 2026-11-23T02:00:00Z"
        ) from error
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return int(found.timestamp() * 1000)
