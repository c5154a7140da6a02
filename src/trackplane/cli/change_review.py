"""``trackplane change``: the way of a change request from review to merge."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from typing import Any, Final

import typer

from trackplane.cli.api import Api, PartsConflictError, UrlOption
from trackplane.cli.output import FINDINGS, JsonOption, emit_json, say, table, under_way
from trackplane.errors import ConfigurationError, UnavailableError
from trackplane.plan.merge import side_by_side

_IdArgument = typer.Argument(..., help="The change request's number.", show_default=False)
_NoteOption = typer.Option("", "--note", help="A word for the history.")
_WAIT_S: Final = 30.0


def register(app: typer.Typer) -> None:
    """Add the verbs to ``trackplane change``."""
    app.command()(submit)
    app.command()(comment)
    app.command()(resolve)
    app.command()(approve)
    app.command()(reject)
    app.command()(withdraw)
    app.command()(rebase)
    app.command()(impact)
    app.command()(merge)
    app.command()(close)


def _act(url: str, id: int, verb: str, body: dict[str, Any], *, as_json: bool) -> None:
    found, _ = Api(url).call("POST", f"/changes/{id}/{verb}", json=body)
    if as_json:
        emit_json(found)
        return
    waits = f", waits for {found['waiting']} approval(s)" if found["waiting"] else ""
    say(f"change request {id}: {found['state'].replace('_', ' ')}{waits}")


def submit(
    id: int = _IdArgument,
    note: str = _NoteOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Ask for review; whoever owns what it touches is told.

    Example:
        trackplane change submit 1
    """
    _act(url, id, "submit", {"note": note}, as_json=as_json)


def comment(
    id: int = _IdArgument,
    text: str = typer.Argument(..., help="What to say."),
    event: str = typer.Option("", "--event", help="The event it is about."),
    property_: str = typer.Option("", "--property", help="The property (what.total)."),
    reply_to: int | None = typer.Option(None, "--reply-to", help="The comment it answers."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Say something about a change request, its event or property.

    Example:
        trackplane change comment 1 "In cents, please" --event purchase --property what.total
    """
    body = {"text": text, "event": event, "property": property_, "reply_to": reply_to}
    made, _ = Api(url).call("POST", f"/changes/{id}/comments", json=body)
    if as_json:
        emit_json(made)
    else:
        say(f"comment {made['n']}")


def resolve(
    id: int = _IdArgument,
    n: int = typer.Argument(..., help="The first comment of the thread."),
    reopen: bool = typer.Option(False, "--reopen", help="Open it again."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Mark a thread as settled.

    Example:
        trackplane change resolve 1 1
    """
    made, _ = Api(url).call("PATCH", f"/changes/{id}/comments/{n}", json={"resolved": not reopen})
    if as_json:
        emit_json(made)
    else:
        say(f"thread {n} is {'open again' if reopen else 'resolved'}")


def approve(
    ids: list[int] = typer.Argument(..., help="Change requests; several are approved at once."),
    event: list[str] = typer.Option(
        [], "--event", help="Only this event, of one change request; may be given again."
    ),
    note: str = _NoteOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Approve what you may approve; says of the rest why not. Exit code 1 if anything was refused.

    Example:
        trackplane change approve 1 --note "as agreed"
    """
    api = Api(url)
    if event or len(ids) == 1:
        if len(ids) > 1:
            raise ConfigurationError("--event is of one change request")
        body = {"events": event, "note": note}
        found, _ = api.call("POST", f"/changes/{ids[0]}/approve", json=body)
        results = [found]
    else:
        found, _ = api.call("POST", "/changes/approve", json={"changes": ids, "note": note})
        results = found["items"]
    if as_json:
        emit_json(results)
    for each in [] if as_json else results:
        state = each["state"].replace("_", " ")
        say(
            f"change request {each['change']}: {len(each['approved'])} approved, "
            f"{each['waiting']} waiting, {state}{': ' + each['error'] if each['error'] else ''}"
        )
        for name, why in each["refused"].items():
            say(f"  {name}: {why}")
    if any(each["refused"] or each["error"] for each in results):
        raise typer.Exit(FINDINGS)


def reject(
    id: int = _IdArgument,
    reason: str = typer.Option(..., "--reason", help="Why; the author is told."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Give a change request back to its author.

    Example:
        trackplane change reject 1 --reason "The name says nothing"
    """
    _act(url, id, "reject", {"reason": reason}, as_json=as_json)


def withdraw(
    id: int = _IdArgument,
    note: str = _NoteOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Take your change request back into work.

    Example:
        trackplane change withdraw 1
    """
    _act(url, id, "withdraw", {"note": note}, as_json=as_json)


def close(
    id: int = _IdArgument,
    note: str = _NoteOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Close a change request without merging it.

    Example:
        trackplane change close 1 --note "no longer needed"
    """
    _act(url, id, "close", {"note": note}, as_json=as_json)


def rebase(
    id: int = _IdArgument,
    take: str = typer.Option("", "--take", help="Settle all conflicts: mine or theirs."),
    part: list[str] = typer.Option(
        [], "--part", help="Settle one: SECTION/NAME=FILE with its text; may be given again."
    ),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Move your branch to the plan in force. What both changed is shown side by side.

    Example:
        trackplane change rebase 1 --take mine
    """
    resolutions = []
    for each in part:
        place, _, file = each.partition("=")
        section, _, name = place.partition("/")
        if not (section and name and Path(file).is_file()):
            raise ConfigurationError(f"{each!r} is not SECTION/NAME=FILE")
        text = Path(file).read_text(encoding="utf-8")
        resolutions.append({"section": section, "name": name, "text": text})
    try:
        _act(url, id, "rebase", {"take": take, "resolutions": resolutions}, as_json=as_json)
    except PartsConflictError as error:
        if as_json:
            raise
        for conflict in error.conflicts:
            say(side_by_side(conflict, names=("yours", "in force")).rstrip("\n"))
        raise


def impact(
    id: int = _IdArgument,
    hours: int = typer.Option(24, "--hours", help="Of how much traffic."),
    events: int = typer.Option(10_000, "--events", help="Events replayed at most."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Work out what merging would break. Rules, metrics, queries, clients and real traffic are tried.

    Exit code 1 if it breaks anything. A merge asks for this first.

    Example:
        trackplane change impact 1
    """
    body = {"hours": hours, "events": events}
    under_way("real traffic is replayed against the proposed plan")
    found, _ = Api(url, timeout_s=120.0).call("POST", f"/changes/{id}/impact", json=body)
    whole = found["impact"]
    if as_json:
        emit_json(found)
    else:
        _say_impact(whole)
    if whole["broken"] or any(each["newly_fail"] for each in whole["replay"]["segments"]):
        raise typer.Exit(FINDINGS)


def _say_impact(whole: dict[str, Any]) -> None:
    rows = [
        [each["how"], each["kind"], each["name"], each["owner"] or "-", ", ".join(each["events"])]
        for kind in ("rules", "metrics", "queries", "clients")
        for each in whole[kind]
    ]
    if rows:
        table(["", "", "consumer", "owner", "events"], rows)
    else:
        say("no rule, metric, saved query or registered client is touched")
    segments = whole["replay"]["segments"]
    sampled = sum(each["sampled"] for each in segments)
    failing = [each for each in segments if each["newly_fail"]]
    say(
        f"replayed {sampled:,} event(s): {sum(each['newly_fail'] for each in failing):,} newly fail"
    )
    if failing:
        table(
            ["event", "platform", "version", "of", "newly fail", "about, in all"],
            [
                [
                    each["event"],
                    each["platform"] or "-",
                    each["version"] or "-",
                    each["sampled"],
                    each["newly_fail"],
                    each["estimated_fail"],
                ]
                for each in failing
            ],
        )
    for note in whole["notes"]:
        say(note)


def merge(
    id: int = _IdArgument,
    message: str = typer.Option("", "--message", help="The revision's; else the title."),
    wait: bool = typer.Option(True, help="Wait until it is effective on all nodes."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Put an approved change request in force, and say when it is.

    Example:
        trackplane change merge 1
    """
    api = Api(url)
    found, _ = api.call("POST", f"/changes/{id}/merge", json={"message": message})
    effective = _effective(api, found["number"]) if wait and found["number"] else None
    if as_json:
        emit_json({**found, "effective_ms": effective})
        return
    say(f"change request {id}: merged as revision {found['revision']}, number {found['number']}")
    if effective is not None:
        say(f"effective everywhere after {effective} ms")


def _effective(api: Api, number: int) -> int | None:
    """Return how long the number took to all nodes; None if none is there or it takes too long."""
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        try:
            state = api.get(f"/rulesets/{number}")
        except UnavailableError:
            return None
        if state["effective_ms"] is not None:
            return int(state["effective_ms"])
        if not any(node["connected"] for node in state["nodes"]):
            return None
        time.sleep(0.05)
    return None


def day(text: str) -> str:
    """Return a date as given, if it is one (2027-06-30).

    Raises:
        ConfigurationError: it is not.
    """
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ConfigurationError(f"{text!r} is no date", hint="write it as 2027-06-30") from error
