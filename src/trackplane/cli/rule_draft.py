"""``trackplane rule draft``: the one text of a rule that is being worked on, shared by its people."""

from __future__ import annotations

from pathlib import Path

import typer

from trackplane.cli.api import Api, TextConflictError, UrlOption
from trackplane.cli.output import JsonOption, emit_json, say, table
from trackplane.cli.plan_folder import read_file
from trackplane.cli.rule_publish import NameArgument, when

app = typer.Typer(help="Drafts: what people are working on.", no_args_is_help=True)


@app.command("list")
def list_drafts(url: str = UrlOption, as_json: bool = JsonOption) -> None:
    """List drafts.

    Example: trackplane rule draft list
    """
    rows = list(Api(url).items("/drafts"))
    if as_json:
        emit_json(rows)
        return
    table(
        ["rule", "saved (UTC)", "by", "behind"],
        [[r["rule"], when(r["updated_at"]), r["author"], r["behind"]] for r in rows],
        title="" if rows else "no drafts",
    )


@app.command()
def show(name: str = NameArgument, url: str = UrlOption, as_json: bool = JsonOption) -> None:
    """Print a draft's text. --json has its ETag as well, to save a change of it.

    Example: trackplane rule draft show big_spender
    """
    answer = Api(url).get(f"/rules/{name}/draft")
    if as_json:
        emit_json(answer)
    else:
        typer.echo(answer["source"], nl=not answer["source"].endswith("\n"))


@app.command()
def save(
    name: str = NameArgument,
    file: Path = typer.Argument(..., help="The draft's text.", show_default=False),
    base: str = typer.Option(
        "0", "--base", help="ETag of the draft that the file was made from; 0: there was none."
    ),
    merge: bool = typer.Option(
        False, "--merge", help="Merge with what others saved since, where lines are apart."
    ),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Save a draft. What others saved since is never lost: it is merged, or you are told.

    Example: trackplane rule draft save big_spender rule.yaml --base 3 --merge
    """
    api = Api(url)
    path = f"/rules/{name}/draft"
    source = read_file(file)
    try:
        answer, _ = api.call("PUT", path, etag=f'"{base}"', json={"source": source})
    except TextConflictError as error:
        if not merge or error.merged is None:
            raise
        answer, _ = api.call("PUT", path, etag=f'"{error.etag}"', json={"source": error.merged})
        file.write_text(error.merged, encoding="utf-8")
    if as_json:
        emit_json(answer)
        return
    merged = "; merged with others' changes, which are in the file now"
    note = merged if answer["source"] != source else ""
    say(f"draft of {name} saved as {answer['etag']}{note}")


@app.command()
def delete(name: str = NameArgument, url: str = UrlOption, as_json: bool = JsonOption) -> None:
    """Throw a draft away.

    Example: trackplane rule draft delete big_spender
    """
    api = Api(url)
    path = f"/rules/{name}/draft"
    answer, _ = api.call("DELETE", path, etag=api.etag(path) or "*")
    if as_json:
        emit_json(answer)
    else:
        say(f"the draft of {name} is gone")
