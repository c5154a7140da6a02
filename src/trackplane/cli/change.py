"""``trackplane change``: change requests made, edited in files or by part, looked at."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import Any

import click
import msgspec
import typer

from trackplane.cli import change_review
from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import FINDINGS, JsonOption, emit_json, say, table
from trackplane.cli.plan_folder import AppOption, PlanArgument, app_of, open_folder
from trackplane.errors import ConfigurationError, Finding, TrackplaneError
from trackplane.plan.changes import Counts, Difference, PartChange, Whole
from trackplane.plan.diff_text import to_markdown, to_text

app = typer.Typer(help="Change requests: proposed, reviewed, merged.", no_args_is_help=True)

IdArgument = typer.Argument(..., help="The change request's number.", show_default=False)


def told(at: int | None) -> str:
    """Return a time (ms) for a person, in UTC."""
    if at is None:
        return "-"
    return dt.datetime.fromtimestamp(at / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M")


@app.command()
def new(
    path: Path = PlanArgument,
    title: str = typer.Option(..., "--title", help="What it is for, in a line."),
    app: str | None = AppOption,
    text: str = typer.Option("", "--text", help="Why, at more length."),
    requirement: int | None = typer.Option(
        None, "--requirement", help="The requirement it serves."
    ),
    deadline: str | None = typer.Option(None, "--deadline", help="By when (2027-06-30)."),
    submit: bool = typer.Option(False, "--submit", help="Ask for review at once."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Propose what the files here change of the plan in force.

    Example:
        trackplane change new plan.yaml --title "Count coupons"
    """
    name = app_of(path, app)
    folder = open_folder(path)
    api = Api(url)
    held = api.get(f"/apps/{name}/plan")
    if folder.record is not None and folder.record.revision != held["revision"]:
        raise ConfigurationError(
            f"the files are of revision {folder.record.revision}, the plan is at"
            f" {held['revision']}",
            hint="merge first: trackplane plan pull",
        )
    changed = _overlay(held["files"], folder.files, single=folder.single)
    made, _ = api.call(
        "POST",
        "/changes",
        json={
            "app": name,
            "title": title,
            "description": text,
            "requirement": requirement,
            "deadline": deadline,
            "files": changed,
        },
    )
    if submit:
        made = _submitted(api, made)
    if as_json:
        emit_json(made)
        return
    say(f"change request {made['id']}: {summary(made)}")
    if made["findings"]:
        _findings(api, made["id"], folder.root)
        raise typer.Exit(FINDINGS)
    if not submit:
        say(f"next: trackplane change submit {made['id']}")


def _overlay(held: dict[str, str], files: dict[str, str], *, single: bool) -> dict[str, str | None]:
    """Return what turns the plan's files into those here; a single file leaves the others be."""
    changed: dict[str, str | None] = {
        file: text for file, text in files.items() if held.get(file) != text
    }
    if not single:
        changed |= {file: None for file in held if file not in files}
    return changed


def _findings(api: Api, id: int, root: Path) -> None:
    for raw in api.get(f"/changes/{id}/findings")["findings"]:
        finding = msgspec.convert(raw, Finding)
        if finding.file:
            finding = msgspec.structs.replace(finding, file=str(root / finding.file))
        sys.stderr.write(f"{finding}\n")


def summary(change: dict[str, Any]) -> str:
    """Return a change request in a line."""
    counts = change["counts"]
    kinds = ("added", "changed", "removed", "renamed")
    parts = ", ".join(f"{counts[kind]} {kind}" for kind in kinds if counts[kind])
    wrong = f"{change['findings']} finding(s)" if change["findings"] else "nothing differs"
    return f"{change['state'].replace('_', ' ')}, {parts or wrong}"


def _submitted(api: Api, made: dict[str, Any]) -> dict[str, Any]:
    """Submit what was just made; where that is refused, say that it is there as a draft."""
    id = made["id"]
    try:
        submitted: dict[str, Any] = api.call("POST", f"/changes/{id}/submit", json={})[0]
    except TrackplaneError as error:
        say(f"change request {id}: {summary(made)}")
        error.hint = (
            f"it is kept as a draft: mend it, then trackplane change push {id} and "
            f"trackplane change submit {id}"
        )
        raise
    return submitted


@app.command("list")
def list_changes(
    app: str | None = AppOption,
    state: str = typer.Option("open", "--state", help="open, all, or one state (in_review)."),
    mine: bool = typer.Option(False, "--mine", help="Only your own."),
    waits: bool = typer.Option(False, "--waits", help="Only those that wait for you."),
    query: str = typer.Option("", "--query", help="Words of titles and touched names."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """List change requests, the newest first.

    Example:
        trackplane change list --waits
    """
    rows = list(
        Api(url).items(
            "/changes",
            app=app,
            state=None if state == "all" else state,
            mine=mine or None,
            waits=waits or None,
            query=query or None,
        )
    )
    if as_json:
        emit_json(rows)
        return
    table(
        ["id", "app", "title", "author", "state", "waits for", "changed"],
        [
            [
                str(row["id"]),
                row["app"],
                row["title"],
                row["author"],
                row["state"].replace("_", " "),
                f"{row['waiting']} approval(s)" if row["waiting"] else "-",
                told(row["updated_at"]),
            ]
            for row in rows
        ],
        title="" if rows else "no change requests",
    )


@app.command()
def show(id: int = IdArgument, url: str = UrlOption, as_json: bool = JsonOption) -> None:
    """Show a change request, its approvals and its discussion. It says what you may do.

    Example:
        trackplane change show 1
    """
    api = Api(url)
    found = api.get(f"/changes/{id}")
    approvals = list(api.items(f"/changes/{id}/approvals"))
    comments = list(api.items(f"/changes/{id}/comments"))
    if as_json:
        emit_json({"change": found, "approvals": approvals, "comments": comments})
        return
    say(f"{found['id']} {found['title']} ({found['app']}, by {found['author']})")
    say(f"{summary(found)}; version {found['version']} over revision {found['base']}")
    if found["description"]:
        say(found["description"])
    if found["rejection"]:
        say(f"rejected by {found['rejection']['by']}: {found['rejection']['reason']}")
    if found["stale"]:
        say(f"the plan is at revision {found['current']}: trackplane change rebase {id}")
    if found["merged_revision"]:
        after = found["effective_ms"]
        where = f", effective everywhere after {after} ms" if after is not None else ""
        say(f"merged as revision {found['merged_revision']}{where}")
    table(
        ["part", "", "class", "grade", "owner", "approval"],
        [
            [
                f"{row['section']}/{row['name']}",
                row["kind"],
                row["compatibility"],
                row["grade"],
                row["owner"] or "-",
                _approval(row),
            ]
            for row in approvals
        ],
    )
    for comment in comments:
        place = " ".join(filter(None, (comment["event"], comment["property"])))
        indent = "    " if comment["reply_to"] else ""
        mark = " (resolved)" if comment["resolved_by"] else ""
        where = f" on {place}" if place and not comment["reply_to"] else ""
        say(f"{indent}{comment['n']} {comment['author']}{where}{mark}: {comment['text']}")
    if found["findings"]:
        _findings(api, id, Path())
    allowed = [each["action"] for each in found["actions"] if each["allowed"]]
    say(f"you may: {', '.join(allowed) or 'nothing'}")


def _approval(row: dict[str, Any]) -> str:
    if row["approved"]:
        return f"by {', '.join(row['approved_by'])}"
    fell = "fell; " if row["fallen"] else ""
    return f"{fell}waits for {', '.join(row['reviewers'][:4]) or 'nobody who could'}"


@app.command()
def edit(
    id: int = IdArgument,
    section: str = typer.Argument(..., help="events, metrics, types or groups."),
    name: str = typer.Argument(..., help="The part's name."),
    file: Path | None = typer.Option(None, "--file", help="Its text; without it, your editor."),
    remove: bool = typer.Option(False, "--remove", help="Take the part away."),
    note: str = typer.Option("", "--note", help="What for, in the history."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Change one part of a branch, in your editor or from a file. Every other byte stays.

    Example:
        trackplane change edit 1 events coupon_used --file coupon_used.yaml
    """
    api = Api(url)
    held = api.get(f"/changes/{id}/part", section=section, name=name)
    text: str | None = None
    if not remove:
        if file is not None:
            if not file.is_file():
                raise ConfigurationError(f"there is no {file}")
            text = file.read_text(encoding="utf-8")
        else:
            text = click.edit(held["text"] or f"{name}:\n  owner: \n", extension=".yaml")
            if text is None:
                say("nothing changed")
                return
    parts = [{"section": section, "name": name, "text": text}]
    saved, _ = api.call(
        "PUT",
        f"/changes/{id}/parts",
        etag=f'"{held["etag"]}"',
        json={"parts": parts, "note": note},
    )
    _saved(api, saved, Path(), as_json=as_json)


def _saved(api: Api, saved: dict[str, Any], root: Path, *, as_json: bool) -> None:
    if as_json:
        emit_json(saved)
    else:
        fell = f"; {len(saved['fallen'])} approval(s) fell" if saved["fallen"] else ""
        say(f"change request {saved['change']}: version {saved['version']}{fell}")
        if saved["findings"]:
            _findings(api, saved["change"], root)
    if not saved["ok"]:
        raise typer.Exit(FINDINGS)


@app.command()
def push(
    id: int = IdArgument,
    path: Path = PlanArgument,
    note: str = typer.Option("", "--note", help="What for, in the history."),
    force: bool = typer.Option(False, "--force", help="Also over what was saved meanwhile."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Save the files here as the branch's next version. Checks and lint say what is wrong.

    Example:
        trackplane change push 1 plan.yaml
    """
    folder = open_folder(path)
    api = Api(url)
    held = api.get(f"/changes/{id}/files", all="true")
    changed = _overlay(held["files"], folder.files, single=folder.single)
    if not changed:
        say("nothing changed")
        return
    etag = "*" if force else f'"{held["etag"]}"'
    saved, _ = api.call(
        "PUT", f"/changes/{id}/files", etag=etag, json={"files": changed, "note": note}
    )
    _saved(api, saved, folder.root, as_json=as_json)


@app.command()
def pull(
    id: int = IdArgument,
    path: Path = typer.Argument(Path(), help="The folder.", show_default="this folder"),
    force: bool = typer.Option(False, "--force", help="Write over files that differ here."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Fetch a branch's files into a folder.

    Example:
        trackplane change pull 1 branch
    """
    held = Api(url).get(f"/changes/{id}/files", all="true")
    path.mkdir(parents=True, exist_ok=True)
    files: dict[str, str] = held["files"]
    folder = open_folder(path, empty=True)
    differ = [file for file, text in folder.files.items() if files.get(file) != text]
    if differ and not force:
        raise ConfigurationError(
            f"{', '.join(differ)}: not as in the branch", hint="--force writes over them"
        )
    changed: dict[str, str | None] = {
        file: text for file, text in files.items() if folder.files.get(file) != text
    }
    changed |= {file: None for file in folder.files if file not in files}
    folder.write(changed)
    if as_json:
        emit_json({"change": id, "version": held["version"], "changed": sorted(changed)})
        return
    for file in sorted(changed):
        say(f"{folder.path(file)}: {'removed' if changed[file] is None else 'written'}")
    say(f"change request {id}: version {held['version']}")


@app.command()
def diff(
    id: int = IdArgument,
    form: str = typer.Option("text", "--form", help="text, or markdown for a comment."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Show what a branch changes of its base, and what that breaks.

    Example:
        trackplane change diff 1 --form markdown
    """
    api = Api(url)
    change = api.get(f"/changes/{id}")
    parts = list(api.items(f"/changes/{id}/diff"))
    if as_json:
        emit_json(parts)
        return
    counts = change["counts"]
    gravest = next(
        (name for name in ("breaking", "narrowing", "additive", "neutral") if counts[name]), "same"
    )
    found = Difference(
        app=change["app"],
        compatibility=msgspec.convert(gravest, Whole),
        counts=msgspec.convert(counts, Counts),
        parts=tuple(msgspec.convert(part, PartChange) for part in parts),
    )
    shown = to_markdown(found, title=f"Change request {id}") if form == "markdown" else ""
    say((shown or to_text(found)).rstrip("\n"))


@app.command()
def history(id: int = IdArgument, url: str = UrlOption, as_json: bool = JsonOption) -> None:
    """Show who did what to a change request, and when.

    Example:
        trackplane change history 1
    """
    rows = list(Api(url).items(f"/changes/{id}/history"))
    if as_json:
        emit_json(rows)
        return
    table(
        ["at", "who", "what", "version", ""],
        [
            [
                told(row["at"]),
                row["person"],
                row["action"].replace("_", " "),
                str(row["version"]),
                str(row["detail"].get("note") or row["detail"].get("reason") or ""),
            ]
            for row in reversed(rows)
        ],
    )


change_review.register(app)
