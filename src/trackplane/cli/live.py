"""``trackplane rule shadow|canary|promote|guard|stats``: rules on live traffic."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import typer

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import FINDINGS, JsonOption, emit_json, say, table
from trackplane.cli.plan_folder import read_file
from trackplane.cli.rule_files import documents
from trackplane.cli.rule_publish import await_effect, effect_text
from trackplane.errors import InputError
from trackplane.rules.load import load_rule

_POLL_S: Final = 0.5
NameArgument = typer.Argument(..., help="The rule.", show_default=False)
ReasonOption = typer.Option("", "--reason", "-m", help="Why, for the history.")


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(shadow)
    app.command()(canary)
    app.command()(promote)
    app.command()(guard)
    app.command()(stats)


def _only(file: Path) -> tuple[str, str]:
    """Return the name and text of a file of one rule."""
    found = documents(read_file(file))
    if len(found) != 1:
        raise InputError(f"{file} has {len(found)} rules; one at a time runs on live traffic")
    return load_rule(found[0][1], file=str(file)).name, found[0][1]


def _share(part: float | None) -> str:
    return "-" if part is None else f"{part:.2%}"


def shadow(
    target: str = typer.Argument(
        ..., help="A file of one rule, to start; the rule's name, to look.", show_default=False
    ),
    minutes: int = typer.Option(10, "--minutes", help="How long it runs."),
    rate: float = typer.Option(0.1, "--rate", help="Share of the events compared, 0 to 1."),
    stop: bool = typer.Option(False, "--stop", help="Stop the rule's shadow."),
    wait: bool = typer.Option(False, "--wait", help="Wait until it has ended."),
    samples: int = typer.Option(5, "--samples", help="Samples to show."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Run a candidate beside the rule in force and show what differs.

    Nothing that the candidate puts out is kept. Exit code 1: outputs differ or fail.

    Example: trackplane rule shadow big_spender.yaml --minutes 5 --rate 0.5
    """
    api, name, file = Api(url), target, Path(target)
    path = f"/rules/{name}/shadow"
    if stop:
        found, _ = api.call("DELETE", path)
    elif file.is_file():
        name, source = _only(file)
        path = f"/rules/{name}/shadow"
        body = {"source": source, "minutes": minutes, "rate": rate}
        found, _ = api.call("POST", path, json=body)
        if not as_json:
            say(f"shadow of {name}: {effect_text(await_effect(api, found['number']))}")
    else:
        found = api.get(path)
    while wait and found["status"] == "running":
        time.sleep(_POLL_S)
        found = api.get(path)
    if as_json:
        emit_json(found)
    else:
        _show_shadow(found, samples)
    if not file.is_file() or wait:
        counts = ("changed", "only_old", "only_new", "failed_new")
        if any(found[count] for count in counts):
            raise typer.Exit(FINDINGS)


def _show_shadow(found: dict[str, Any], samples: int) -> None:
    say(
        f"{found['rule']}: {found['status']}; {found['events']:,} events compared on"
        f" {found['nodes']} nodes, {found['skipped']:,} skipped"
    )
    names = ("equal", "changed", "only_old", "only_new", "failed_old", "failed_new")
    table(["rows", "count"], [[name.replace("_", " "), found[name]] for name in names])
    if found["ns_old"]:
        say(f"cost: {found['ns_new'] / found['ns_old']:.2f} times the rule in force")
    if found["fields"]:
        table(["field", "rows that differ"], [[f["field"], f["rows"]] for f in found["fields"]])
    for sample in found["samples"][:samples]:
        say(f"{sample['kind']} {sample['event']} {sample['id']}: {sample['error']}")
        for field in sample["fields"]:
            old, new = (sample[side] or {} for side in ("old", "new"))
            say(f"  {field}: {old.get(field)!r} -> {new.get(field)!r}")


def canary(
    target: str = typer.Argument(
        ..., help="A file of one rule, to start; the rule's name, to look.", show_default=False
    ),
    percent: float | None = typer.Option(None, "--percent", help="Share of the key's values."),
    key: str = typer.Option("", "--key", help="Expression whose hash chooses (the person)."),
    error_rate: float = typer.Option(0.01, "--error-rate", help="Limit of failures above before."),
    drop_rate: float = typer.Option(0.5, "--drop-rate", help="Limit of the fall in output."),
    cost_ratio: float = typer.Option(10.0, "--cost-ratio", help="Limit of cost; 0: none."),
    min_events: int = typer.Option(200, "--min-events", help="Decide nothing before so many."),
    abort: bool = typer.Option(False, "--abort", help="Take the canary back."),
    reason: str = ReasonOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Run a new version for a share of the events. It is taken back by itself if it does worse.

    With the rule's name: show it; with --percent, give it another share. Exit code 1: it was taken
    back.

    Example: trackplane rule canary big_spender.yaml --percent 5 -m "count refunds"
    """
    api, name, file = Api(url), target, Path(target)
    path = f"/rules/{name}/canary"
    if file.is_file():
        name, source = _only(file)
        path = f"/rules/{name}/canary"
        limits = {
            "error_rate": error_rate,
            "drop_rate": drop_rate,
            "cost_ratio": cost_ratio,
            "min_events": min_events,
        }
        body = {"source": source, "percent": percent or 5.0, "key": key, "limits": limits}
        found, _ = api.call("POST", path, json=body | {"reason": reason})
    elif abort:
        found, _ = api.call("DELETE", path)
    elif percent is not None:
        found, _ = api.call("PATCH", path, etag=api.etag(path), json={"percent": percent})
    else:
        found = api.get(path)
    if as_json:
        emit_json(found)
    else:
        if found["number"]:
            say(f"canary of {name}: {effect_text(await_effect(api, found['number']))}")
        _show_canary(found)
    if found["status"] == "rolled_back":
        raise typer.Exit(FINDINGS)


def _show_canary(found: dict[str, Any]) -> None:
    say(f"{found['rule']}: {found['status'].replace('_', ' ')}, {found['percent']:g} %")
    if found["message"]:
        say(f"  {found['message']}")
    _show_comparison(found["comparison"])


def _show_comparison(compared: dict[str, Any]) -> None:
    table(
        ["version", "matched", "output", "failed", "error rate"],
        [
            [
                side,
                compared[side]["matched"],
                compared[side]["output"],
                compared[side]["failed"],
                _share(compared[f"error_rate_{side}"]),
            ]
            for side in ("old", "new")
        ],
    )
    if compared["output_ratio"] is not None:
        say(f"output: {compared['output_ratio']:.2f} of what the version before gives")
    if compared["cost_ratio"] is not None:
        say(f"cost: {compared['cost_ratio']:.2f} times the version before")


def promote(
    name: str = NameArgument,
    reason: str = ReasonOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Make a rule's canary the rule, for all events. It is watched for a while after that.

    Example: trackplane rule promote big_spender -m "5 % for a day, no failures"
    """
    api = Api(url)
    found, _ = api.call("POST", f"/rules/{name}/canary/promote", json={"reason": reason})
    effect = await_effect(api, found["number"])
    if as_json:
        emit_json(found)
    else:
        say(f"{name} promoted: {effect_text(effect)}")


def guard(
    name: str = NameArgument,
    minutes: int = typer.Option(0, "--minutes", help="Begin a watch of so many minutes."),
    error_rate: float = typer.Option(0.05, "--error-rate", help="Limit of failures above before."),
    drop_rate: float = typer.Option(1.0, "--drop-rate", help="Limit of the fall in output."),
    cost_ratio: float = typer.Option(0.0, "--cost-ratio", help="Limit of cost; 0: none."),
    min_events: int = typer.Option(200, "--min-events", help="Decide nothing before so many."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Show the watch over a rule's last publish, or begin one. It rolls back by itself.

    Example: trackplane rule guard big_spender --minutes 30 --drop-rate 0.2
    """
    api, path = Api(url), f"/rules/{name}/guard"
    if minutes:
        limits = {
            "error_rate": error_rate,
            "drop_rate": drop_rate,
            "cost_ratio": cost_ratio,
            "min_events": min_events,
        }
        found, _ = api.call("POST", path, json={"minutes": minutes, "limits": limits})
    else:
        found = api.get(path)
    if as_json:
        emit_json(found)
    else:
        say(f"{name} version {found['version']}: {found['status'].replace('_', ' ')}")
        if found["message"]:
            say(f"  {found['message']}")
        _show_comparison(found["comparison"])
    if found["status"] == "rolled_back":
        raise typer.Exit(FINDINGS)


def stats(
    name: str = typer.Argument("", help="A rule; leave it out for a list."),
    sort: str = typer.Option("cost", "--sort", help="cost, errors or output."),
    limit: int = typer.Option(20, "--limit", help="Rules at most."),
    window: int = typer.Option(900, "--window", help="Seconds back from now."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Show what rules did: matched, put out, failed, time and bytes.

    Example: trackplane rule stats --sort errors
    """
    api = Api(url)
    if name:
        found = api.get(f"/rules/{name}/statistics", window=window)
        rows = [{"rule": name, "totals": found["totals"], "error_rate": found["error_rate"]}]
        if found["canary"] is not None:
            rows.append({"rule": f"{name}~canary", "totals": found["canary"], "error_rate": None})
    else:
        found = api.get("/rules/statistics", sort=sort, limit=limit, window=window)
        rows = found["items"]
    if as_json:
        emit_json(found)
        return
    table(
        ["rule", "matched", "output", "failed", "errors", "ms", "bytes in", "bytes out"],
        [
            [
                row["rule"],
                row["totals"]["matched"],
                row["totals"]["output"],
                row["totals"]["failed"],
                _share(row["error_rate"]),
                round(row["totals"]["ns"] / 1e6, 1),
                row["totals"]["bytes_in"],
                row["totals"]["bytes_out"],
            ]
            for row in rows
        ],
        title="" if rows else "no rule did anything in this time",
    )
