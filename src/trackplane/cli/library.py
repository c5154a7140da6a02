"""``trackplane library``: types and groups that apps share, in versions that never change."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import typer

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import FINDINGS, JsonOption, emit_json, say, table
from trackplane.cli.plan_folder import read_file
from trackplane.errors import ConfigurationError, Finding
from trackplane.plan import load_library
from trackplane.plan.changes import Difference
from trackplane.plan.diff_text import to_text

app = typer.Typer(help="Libraries: types and groups that apps share.", no_args_is_help=True)


@app.command("list")
def list_libraries(url: str = UrlOption, as_json: bool = JsonOption) -> None:
    """List the libraries, their latest versions and who uses them.

    Example:
        trackplane library list
    """
    items = list(Api(url).items("/libraries"))
    if as_json:
        emit_json({"items": items})
        return
    table(
        ["library", "latest", "owner", "types", "groups", "used by"],
        [
            [
                item["name"],
                str(item["latest"]),
                item["owner"],
                len(item["types"]),
                len(item["groups"]),
                ", ".join(f"{user['app']} (@{user['version']})" for user in item["used_by"]) or "-",
            ]
            for item in items
        ],
    )


@app.command()
def show(
    name: str = typer.Argument(..., help="The library, or one version of it: commerce@3."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Show a library: its versions and users; of one version, its text.

    Example:
        trackplane library show commerce@1
    """
    library, _, version = name.partition("@")
    api = Api(url)
    if version and not version.isdigit():
        raise ConfigurationError(f"{name!r} is no version", hint="write it as commerce@3")
    if version:
        held = api.get(f"/libraries/{library}/{version}")
        if as_json:
            emit_json(held)
        else:
            sys.stdout.write(held["source"])
        return
    held = api.get(f"/libraries/{library}")
    if as_json:
        emit_json(held)
        return
    say(f"{library}  owner {held['owner'] or '-'}  types {', '.join(held['types']) or '-'}")
    users = held["used_by"]
    table(
        ["version", "by", "why", "used by"],
        [
            [
                str(each["version"]),
                each["created_by"],
                each["message"] or "-",
                ", ".join(u["app"] for u in users if u["version"] == each["version"]) or "-",
            ]
            for each in held["versions"]
        ],
    )


@app.command()
def publish(
    file: Path = typer.Argument(..., help="A library's file (YAML).", show_default=False),
    message: str = typer.Option("", "--message", "-m", help="Why, for the history."),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Change nothing: show what it would change, and for which apps."
    ),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Publish a version of a library; it never changes afterwards. No app uses it before it says so.

    Example:
        trackplane library publish commerce.yaml --message "gift cards"
    """
    source = read_file(file)
    library = load_library(source, file=str(file))
    api = Api(url)
    body = {"source": source, "message": message}
    if dry_run:
        answer, _ = api.call("POST", f"/libraries/{library.name}/check", json=body)
        _checked(answer, as_json=as_json)
        return
    answer, _ = api.call("PUT", f"/libraries/{library.name}/{library.version}", json=body)
    if as_json:
        emit_json(answer)
    else:
        say(f"{library.id} is published; plans use it by `use: [{library.id}]`")


def _checked(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit_json(answer)
    else:
        if answer.get("difference"):
            sys.stdout.write(to_text(msgspec.convert(answer["difference"], Difference)))
        for app_ in answer["impact"]:
            found = app_.get("difference")
            told = found["compatibility"] if found else f"{len(app_['findings'])} finding(s)"
            say(f"{app_['app']} (uses @{app_['version']}): {told}")
        if answer["hidden"]:
            say(f"and {answer['hidden']} app(s) that your token does not see")
        for finding in answer["findings"]:
            say(str(msgspec.convert(finding, Finding)))
    if not answer["ok"]:
        raise typer.Exit(FINDINGS)
