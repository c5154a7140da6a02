"""``trackplane plan impact``: what a plan would do to consumers, real traffic and volume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import FINDINGS, JsonOption, emit_json, say, table, under_way
from trackplane.cli.picture import day
from trackplane.cli.plan_folder import AppOption, PlanArgument, app_of, open_folder


def register(app: typer.Typer) -> None:
    """Add the verb to ``trackplane plan``."""
    app.command("impact")(impact)


def impact(
    path: Path = PlanArgument,
    app: str | None = AppOption,
    hours: int = typer.Option(24, "--hours", help="Hours of traffic to replay."),
    events: int = typer.Option(10_000, "--events", help="Events of it at most."),
    strict: bool = typer.Option(
        False, "--strict", help="Exit with 1 where something breaks or newly fails."
    ),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Say what the plan here would break, by real traffic too. Nothing is changed.

    Example:
        trackplane plan impact plan.yaml --app shop
    """
    name = app_of(path, app)
    body = {"files": open_folder(path).files, "hours": hours, "events": events}
    under_way("real traffic is replayed against the proposed plan")
    found, _ = Api(url, timeout_s=120.0).call("POST", f"/apps/{name}/plan/impact", json=body)
    if as_json:
        emit_json(found)
    else:
        _show(found)
    if strict and (found["broken"] or found["replay"]["newly_fail"]):
        raise typer.Exit(FINDINGS)


def _show(found: Any) -> None:
    counts = ", ".join(f"{len(found[kind])} {kind}" for kind in ("added", "changed", "removed"))
    say(f"events: {counts}")
    touched = [each for kind in ("rules", "metrics", "queries", "clients") for each in found[kind]]
    if touched:
        table(
            ["", "kind", "name", "owner", "why"],
            [
                [t["how"], t["kind"], t["name"], t["owner"],
                 t["findings"][0]["message"] if t["findings"] else ""]
                for t in touched
            ],
        )  # fmt: skip
    else:
        say("no rule, metric, saved query or client is concerned")
    _replay(found["replay"])
    known = [each for each in found["volume"] if each["per_day"] is not None]
    if known:
        say("")
        table(
            ["new event", "events/day", "bytes/day", "as", "basis"],
            [
                [v["event"], v["per_day"], v["bytes_per_day"], ", ".join(v["like"]), v["basis"]]
                for v in known
            ],
        )
    for note in found["notes"]:
        say(f"note: {note}")


def _replay(replay: Any) -> None:
    say(
        f"replayed {replay['sampled']:,} of {replay['population']:,} events"
        f" ({replay['share']:.1%}, {replay['live']:,} from the stream's end) since"
        f" {day(replay['since'])}"
    )
    say(
        f"newly failing: {replay['newly_fail']:,} (about {replay['estimated_fail']:,} of all),"
        f" newly passing: {replay['newly_pass']:,} (about {replay['estimated_pass']:,})"
    )
    worse = [s for s in replay["segments"] if s["newly_fail"] or s["newly_pass"]]
    if worse:
        table(
            ["event", "platform", "version", "sampled", "newly fail", "newly pass"],
            [
                [s["event"], s["platform"] or "-", s["version"] or "-", s["sampled"],
                 s["newly_fail"], s["newly_pass"]]
                for s in worse[:20]
            ],
        )  # fmt: skip
    if replay["failing"]:
        table(
            ["violation", "where", "events", "about"],
            [[f["code"], f["pointer"], f["count"], f["estimated"]] for f in replay["failing"][:10]],
        )
