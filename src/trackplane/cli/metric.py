"""``trackplane metric``: the metrics of a plan: what they mean, their values over time."""

from __future__ import annotations

import datetime as dt

import typer

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import JsonOption, emit_json, say, table
from trackplane.cli.picture import day, sparkline
from trackplane.errors import InputError

app = typer.Typer(
    help="Metrics: their definition, values, history and trust.", no_args_is_help=True
)
_AppArgument = typer.Argument(..., help="The app.", show_default=False)
_MetricArgument = typer.Argument(..., help="The metric.", show_default=False)


@app.command("list")
def list_metrics(app: str = _AppArgument, url: str = UrlOption, as_json: bool = JsonOption) -> None:
    """List an app's metrics with yesterday's values.

    Example:
        trackplane metric list shop
    """
    rows = Api(url).get(f"/apps/{app}/metrics")["items"]
    if as_json:
        emit_json(rows)
        return
    table(
        ["metric", "yesterday", "unit", "of", "owner", "trust"],
        [[r["metric"], r["value"], r["unit"], r["of"], r["owner"], r["trust"]] for r in rows],
        title="" if rows else "the plan has no metrics",
    )


@app.command()
def show(
    app: str = _AppArgument,
    metric: str = _MetricArgument,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Show what a metric means, its history and its trust.

    Example:
        trackplane metric show shop gmv
    """
    api = Api(url)
    found = api.get(f"/apps/{app}/metrics/{metric}")
    if as_json:
        emit_json(found)
        return
    say(f"{app}/{metric}  trust {found['trust']['level']} ({found['trust']['score']} of 100)")
    say(found["words"])
    for finding in found["findings"]:
        say(f"finding: {finding['message']}")
    for each in found["trust"]["criteria"]:
        mark = {True: "+", False: "-", None: "?"}[each["met"]]
        say(f"  {mark} {each['code']}: {each['why']}")
    series = api.get(f"/apps/{app}/metrics/{metric}/series")
    say(f"30 days  {sparkline([p['value'] for p in series['points']])}")
    if found["history"]:
        say("")
        table(
            ["revision", "when", "who", "what", "measure", "where"],
            [
                [h["revision"], day(h["at"]), h["author"], h["what"], h["measure"], h["where"]]
                for h in found["history"]
            ],
        )


@app.command()
def series(
    app: str = _AppArgument,
    metric: str = _MetricArgument,
    since: str = typer.Option("", "--from", help="First day (2026-11-01); left out: 30 days back."),
    until: str = typer.Option("", "--to", help="Until before this day; left out: now."),
    step: str = typer.Option("day", "--step", help="hour, day, week or month."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Compute a metric over time.

    Example:
        trackplane metric series shop gmv --step day
    """
    found = Api(url, timeout_s=660).get(
        f"/apps/{app}/metrics/{metric}/series",
        **{"from": _ms(since), "to": _ms(until), "step": step},
    )
    if as_json:
        emit_json(found)
        return
    say(sparkline([point["value"] for point in found["points"]]))
    table(
        ["from", f"{metric}{' in ' + found['unit'] if found['unit'] else ''}"],
        [[day(point["at"]), point["value"]] for point in found["points"]],
    )
    total = found["total"]
    say(f"over all of it: {'nothing' if total is None else f'{total:,.2f}'}")


def _ms(text: str) -> int | None:
    if not text:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no day", hint="write it as 2026-11-01") from error
    return int(moment.replace(tzinfo=moment.tzinfo or dt.UTC).timestamp() * 1000)
