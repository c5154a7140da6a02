"""``trackplane token``: who may speak to the control plane, in which role."""

from __future__ import annotations

import typer

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import JsonOption, emit_json, say, table

app = typer.Typer(help="API tokens of people and programs.", no_args_is_help=True)


@app.command()
def create(
    name: str = typer.Argument(..., help="Whose: a person's name, or a program's."),
    role: str = typer.Option(
        "viewer", "--role", help="viewer, analyst, designer, developer, data_owner or admin."
    ),
    apps: list[str] = typer.Option([], "--app", help="Only this app; may be given again."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Make a token and print it; it is shown this once.

    Example:
        trackplane token create ci --role designer --app shop
    """
    body = {"name": name, "role": role} | ({"apps": apps} if apps else {})
    answer, _ = Api(url).call("POST", "/tokens", json=body)
    if as_json:
        emit_json(answer)
    else:
        say(str(answer["token"]))


@app.command("list")
def list_tokens(url: str = UrlOption, as_json: bool = JsonOption) -> None:
    """List the tokens there are; of each only its beginning is known.

    Example:
        trackplane token list
    """
    items = list(Api(url).items("/tokens"))
    if as_json:
        emit_json({"items": items})
        return
    table(
        ["id", "name", "role", "apps", "begins"],
        [[t["id"], t["name"], t["role"], ", ".join(t["apps"]), t["prefix"]] for t in items],
    )


@app.command()
def revoke(
    id: str = typer.Argument(..., help="The token's id, as `token list` shows it."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Take a token back; whoever uses it is refused from now on.

    Example:
        trackplane token revoke TOKEN
    """
    Api(url).call("DELETE", f"/tokens/{id}")
    if as_json:
        emit_json({"revoked": id})
    else:
        say(f"the token {id} is revoked")
