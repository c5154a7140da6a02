"""``trackplane query``: ask the lake by SQL; save queries under a name, list, run and delete them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import JsonOption, emit_json, say, table
from trackplane.errors import InputError, did_you_mean

_TIMEOUT_S = 660


class _Queries(TyperGroup):
    """A group whose first verb may be left out: a text that is no verb is SQL."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``sql`` before what is no verb of the group."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["sql", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_Queries,
    help="Ask the lake by SQL, and save what is asked again.",
    no_args_is_help=True,
)
_AppOption = typer.Option(
    "", "--app", help="The app whose views it reads; left out: all your token reaches."
)
_NameArgument = typer.Argument(..., help="The query's name.", show_default=False)


@app.command("sql")
def ask(
    sql: str = typer.Argument(..., help="One SELECT over the views your token may see."),
    app: str = typer.Option(None, "--app", help="The app whose views stand without a prefix."),
    limit: int = typer.Option(1_000, "--limit", help="Rows at most."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Ask the lake by SQL; the word `sql` may be left out.

    Example:
        trackplane query "SELECT event, count(*) AS n FROM events GROUP BY event"
    """
    answer, _ = Api(url, timeout_s=_TIMEOUT_S).call(
        "POST", "/query", json={"sql": sql, "app": app, "limit": limit}
    )
    _show(answer, as_json=as_json)


@app.command()
def save(
    name: str = _NameArgument,
    sql: str = typer.Argument(..., help="One SELECT, or the path of a file that has it."),
    app: str = _AppOption,
    description: str = typer.Option("", "--description", help="What it answers."),
    owner: str = typer.Option("", "--owner", help="team:… or person:…; left out: you."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Save a query under a name; a name that is taken gets a new version.

    Example:
        trackplane query save orders "SELECT count(*) AS orders FROM events" --app shop
    """
    text = Path(sql).read_text(encoding="utf-8") if sql.endswith(".sql") else sql
    body = {"name": name, "sql": text, "app": app, "description": description, "owner": owner}
    api = Api(url)
    held = _held(api, name, app)
    if held is None:
        answer, _ = api.call("POST", "/saved-queries", json=body)
    else:
        path = f"/saved-queries/{held['id']}"
        answer, _ = api.call("PUT", path, etag=f'"{held["etag"]}"', json=body)
    if as_json:
        emit_json(answer)
        return
    say(f"saved {name} as version {answer['version']}; it {_reads(answer['reads'])}")


@app.command("list")
def list_queries(
    app: str = _AppOption,
    event: str = typer.Option("", "--event", help="Only those that may read this event."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """List saved queries.

    Example:
        trackplane query list
    """
    rows = list(Api(url).items("/saved-queries", app=app or None, event=event or None))
    if as_json:
        emit_json(rows)
        return
    table(
        ["name", "app", "owner", "version", "reads", "description"],
        [
            [r["name"], r["app"] or "all", r["owner"], r["version"], _reads(r["reads"]),
             r["description"]]
            for r in rows
        ],
        title="" if rows else "no saved queries yet: trackplane query save NAME SQL",
    )  # fmt: skip


@app.command()
def run(
    name: str = _NameArgument,
    app: str = _AppOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Run a saved query.

    Example:
        trackplane query run orders --app shop
    """
    api = Api(url, timeout_s=_TIMEOUT_S)
    answer, _ = api.call("POST", f"/saved-queries/{_found(api, name, app)['id']}/run")
    _show(answer, as_json=as_json)


@app.command()
def delete(
    name: str = _NameArgument,
    app: str = _AppOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Delete a saved query; its versions stay on record.

    Example:
        trackplane query delete orders --app shop
    """
    api = Api(url)
    answer, _ = api.call("DELETE", f"/saved-queries/{_found(api, name, app)['id']}")
    if as_json:
        emit_json(answer)
    else:
        say(f"deleted {name}")


def _held(api: Api, name: str, app: str) -> Any:
    rows = api.items("/saved-queries", name=name, app=app or None)
    return next((row for row in rows if row["app"] == app), None)


def _found(api: Api, name: str, app: str) -> Any:
    held = _held(api, name, app)
    if held is None:
        names = [row["name"] for row in api.items("/saved-queries", app=app or None)]
        raise InputError(
            f"there is no saved query {name!r}"
            + (f" of the app {app}" if app else " over all apps"),
            hint=did_you_mean(name, names) or "say whose it is by --app",
        )
    return held


def _show(answer: Any, *, as_json: bool) -> None:
    if as_json:
        emit_json(answer)
        return
    table([column["name"] for column in answer["columns"]], list(answer["rows"]))
    if answer.get("truncated"):
        say(f"… more than {len(answer['rows']):,} rows; raise --limit")


def _reads(reads: Any) -> str:
    if reads["all"]:
        return "may read anything"
    events = reads["events"]
    names = "all events" if events is None else ", ".join(events[:4])
    more = f" and {len(events) - 4} more" if events is not None and len(events) > 4 else ""
    return f"reads {names or 'no event'}{more}"
