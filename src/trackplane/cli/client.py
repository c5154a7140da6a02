"""``trackplane client``: generated clients, registered by their lock files."""

from __future__ import annotations

from pathlib import Path

import msgspec
import typer

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import JsonOption, emit_json, say, table
from trackplane.errors import InputError

app = typer.Typer(
    help="Generated clients: which release can send what.",
    no_args_is_help=True,
)


@app.command()
def register(
    lock: Path = typer.Argument(
        ..., help="The lock file that codegen --lock wrote.", exists=True, dir_okay=False
    ),
    release: str = typer.Option(
        "", "--release", help="The app's version, if the file is to say another."
    ),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Tell what a release can send. From then on impact checks know it.

    Example:
        trackplane client register tracker.lock
    """
    try:
        body = msgspec.json.decode(lock.read_bytes())
    except msgspec.DecodeError as error:
        raise InputError(f"{lock} is no lock file: {error}") from error
    if not isinstance(body, dict):
        raise InputError(f"{lock} is no lock file", hint="trackplane codegen python --lock FILE")
    if release:
        body["release"] = release
    answer, _ = Api(url).call("POST", "/clients", json=body)
    if as_json:
        emit_json(answer)
        return
    say(
        f"registered {answer['name']} {answer['release']} on {answer['platform']}:"
        f" it can send {answer['events']:,} events"
    )


@app.command("list")
def list_clients(
    app: str = typer.Option("", "--app", help="Only this app's."),
    event: str = typer.Option("", "--event", help="Only those that can send this event."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """List registered clients.

    Example:
        trackplane client list --app shop
    """
    rows = list(Api(url).items("/clients", app=app or None, event=event or None))
    if as_json:
        emit_json(rows)
        return
    table(
        ["app", "client", "platform", "release", "language", "revision", "events"],
        [
            [r["app"], r["name"], r["platform"], r["release"], r["language"], r["revision"],
             r["events"]]
            for r in rows
        ],
        title="" if rows else "no clients yet: trackplane client register LOCK",
    )  # fmt: skip
