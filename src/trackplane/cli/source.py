"""The verb ``source``: bring events in from elsewhere."""

from __future__ import annotations

import re
import signal
import threading
from pathlib import Path

import httpx
import msgspec
import typer

from trackplane.cli.output import FINDINGS, JsonOption, emit_json, say, table
from trackplane.errors import InputError
from trackplane.sources.plugins import source_plugin, source_plugins
from trackplane.sources.run import Cursor, Progress, SourceRunner

app = typer.Typer(help="Bring events in through plug-ins.", no_args_is_help=True)
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")


@app.command("list")
def list_(as_json: bool = JsonOption) -> None:
    """List the kinds of sources and their options.

    Example: trackplane source list
    """
    kinds = [
        {
            "source": name,
            "options": [field.name for field in msgspec.structs.fields(plugin.options)],
            "about": (type(plugin).__doc__ or "").partition("\n")[0],
        }
        for name, plugin in sorted(source_plugins().items())
    ]
    if as_json:
        emit_json(kinds)
    else:
        table(("source", "options", "about"), [tuple(map(str, kind.values())) for kind in kinds])


@app.command()
def run(
    kind: str = typer.Argument(help="A kind of source, as `source list` names it."),
    name: str = typer.Option(..., help="What this import is called; its cursor is kept under it."),
    key: str = typer.Option(..., envvar="TRACKPLANE_WRITE_KEY", help="A write key of the app."),
    collector: str = typer.Option("http://127.0.0.1:8080", help="The collector's address."),
    data: Path = typer.Option(Path("data"), help="Folder of cursors: <data>/sources."),
    options: list[str] = typer.Option([], "--option", "-o", help="name=value, as often as needed."),
    as_json: bool = JsonOption,
) -> None:
    """Read a source and send its events to the collector. It goes on to the end, or until stopped.

    A second run goes on where the first one stood. Exit code 1: some were dirty or refused.

    Example: trackplane source run file --name backfill --key $KEY -o path=events.ndjson
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name", hint="lower-case letters, digits, _ and -")
    pairs = dict(_pair(option) for option in options)
    plugin = source_plugin(kind)
    source = plugin.open(plugin.read(pairs))
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())

    def show(progress: Progress) -> None:
        if not as_json and progress.chunks % 20 == 0:
            say(f"{progress.events:,} events sent")

    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with httpx.Client(base_url=collector, headers=headers, timeout=30, trust_env=False) as client:
        runner = SourceRunner(
            name,
            source,
            client=client,
            cursor=Cursor(data / "sources" / f"{name}.cursor"),
            wait=stopping.wait,
            on_progress=show,
        )
        try:
            progress = runner.run()
        finally:
            source.close()
    ended = dict(sorted(progress.dispositions.items()))
    if as_json:
        emit_json({"events": progress.events, "dispositions": ended, "waits": progress.waits})
    else:
        counts = ", ".join(f"{count:,} {end}" for end, count in ended.items()) or "nothing new"
        say(f"{progress.events:,} events sent: {counts}")
    if {"dirty", "refused"} & ended.keys():
        raise typer.Exit(FINDINGS)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"{text!r} is no option", hint="write name=value")
    return name, value
