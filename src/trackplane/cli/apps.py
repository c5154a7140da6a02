"""``trackplane app``: list and make apps, make their write keys."""

from __future__ import annotations

import typer

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import JsonOption, emit_json, say, table

app = typer.Typer(help="Apps and their write keys.", no_args_is_help=True)

NameArgument = typer.Argument(..., help="The app.", show_default=False)


@app.command("list")
def list_apps(url: str = UrlOption, as_json: bool = JsonOption) -> None:
    """List the apps your token may see.

    Example: trackplane app list
    """
    rows = list(Api(url).items("/apps"))
    if as_json:
        emit_json(rows)
        return
    table(
        ["app", "validation", "allow-list", "revision"],
        [[r["app"], r["validation"], r["allow_list"], r["revision"]] for r in rows],
        title="" if rows else "no apps yet: trackplane app create NAME",
    )


@app.command()
def create(
    name: str = NameArgument,
    validation: str = typer.Option("warn", "--validation", help="off, warn or enforce."),
    allow_list: str = typer.Option("warn", "--allow-list", help="off, warn or enforce."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Make an app.

    Example: trackplane app create news --validation enforce
    """
    answer, _ = Api(url).call(
        "POST", "/apps", json={"app": name, "validation": validation, "allow_list": allow_list}
    )
    if as_json:
        emit_json(answer)
    else:
        say(f"made the app {name}; next: trackplane app key {name}")


@app.command()
def key(
    name: str = NameArgument,
    env: str = typer.Option("prod", "--env", help="Its environment."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Make a write key and print it; it is shown this once.

    Example: trackplane app key shop --env prod
    """
    answer, _ = Api(url).call("POST", f"/apps/{name}/keys", json={"env": env})
    if as_json:
        emit_json(answer)
    else:
        say(str(answer["key"]))
