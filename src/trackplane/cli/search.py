"""``trackplane search``: find what is planned, by words in English or Chinese."""

from __future__ import annotations

from typing import Any

import typer

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import JsonOption, emit_json, say, table
from trackplane.errors import InputError

_TextArgument = typer.Argument("", help="What to look for; nothing: everything.")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(search)


def search(
    text: str = _TextArgument,
    kind: str = typer.Option("", help="event, metric, group, type or property; several by commas."),
    app: str = typer.Option("", help="Only of these apps."),
    owner: str = typer.Option("", help="Only of these owners, such as team:pay."),
    tag: str = typer.Option("", help="Only with one of these tags."),
    grade: str = typer.Option("", help="Only of these grades."),
    state: str = typer.Option("", help="Only in these states of the life cycle."),
    platform: str = typer.Option("", help="Only of these platforms."),
    sort: str = typer.Option("rank", help="rank, name, last_seen or volume."),
    limit: int = typer.Option(20, help="Hits to show.", min=1, max=1000),
    rebuild: bool = typer.Option(False, "--rebuild", help="Make the index anew (an admin's)."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Find events, metrics, groups, types and properties.

    Typos, beginnings of words, pinyin and translations count. The best match comes first: by where
    it matches, how much it is used and how far it can be trusted.

    Example:
        trackplane search "paid order" --kind event
    """
    api = Api(url)
    if rebuild:
        if text:
            raise InputError("--rebuild takes no text", hint="search again once it is done")
        made = api.call("POST", "/search/rebuild")[0]
        if as_json:
            emit_json(made)
        else:
            took = made["took_ms"] / 1000
            say(f"{made['documents']} documents, {made['words']} words, {took:.1f} s")
        return
    filters = {
        "kind": kind,
        "app": app,
        "owner": owner,
        "tag": tag,
        "grade": grade,
        "state": state,
        "platform": platform,
    }
    given = {name: value for name, value in filters.items() if value}
    found = api.get("/search", q=text, sort=sort, limit=limit, **given)
    if as_json:
        emit_json(found)
        return
    shown = len(found["items"])
    title = f"{shown} of {found['total']}" if shown else "nothing matches"
    table(
        ["kind", "app", "name", "title", "owner", "grade", "trust"],
        [_row(hit) for hit in found["items"]],
        title=title,
    )


def _row(hit: dict[str, Any]) -> list[str]:
    title = hit["title"] + (" (deprecated)" if hit["deprecated"] else "")
    names = ("kind", "app", "name")
    return [*(hit[name] for name in names), title, hit["owner"], hit["grade"], hit["trust"]]
