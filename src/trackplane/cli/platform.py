"""Verbs that make and run a platform: ``init``, ``up``, its single processes, and ``demo``."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import msgspec
import typer

from trackplane.app import Application, load_settings
from trackplane.cli.output import FINDINGS, JsonOption, emit_json, say
from trackplane.demo.example import example_text
from trackplane.errors import ConfigurationError
from trackplane.runtime.embedded import follow_parent

ConfigOption = typer.Option(
    None, "--config", envvar="TRACKPLANE_CONFIG", help="Settings file (default: trackplane.yaml)."
)
ParentOption = typer.Option(0, "--parent", hidden=True)

_CONFIG_TEXT = """\
# Settings of this platform; docs/configuration.md lists them all.
data: data
collector:
  port: 8080
control:
  port: 8000
supervisor:
  workers: 2
"""


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(init)
    app.command()(up)
    app.command()(control)
    app.command()(collector)
    app.command()(worker)
    app.command()(demo)


def init(
    folder: Path = typer.Argument(Path(), help="Where to put the files."),
    as_json: bool = JsonOption,
) -> None:
    """Write settings and an example plan, dataset and rules.

    Example: trackplane init shop
    """
    files = {
        "trackplane.yaml": _CONFIG_TEXT,
        "plan.yaml": example_text("plan.yaml"),
        "datasets.yaml": example_text("datasets.yaml"),
        "rules.yaml": example_text("rules.yaml"),
    }
    there = [name for name in files if (folder / name).exists()]
    if there:
        raise ConfigurationError(
            f"{folder} has {', '.join(there)} already", hint="nothing was written"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    if as_json:
        emit_json({"folder": str(folder), "files": sorted(files)})
    else:
        say(f"wrote {', '.join(sorted(files))} to {folder.resolve()}")
        say("next: trackplane up")


def _application(config: Path | None, parent: int) -> Application:
    application = Application(load_settings(config, os.environ))
    if parent:
        follow_parent(parent)
    return application


def up(config: Path = ConfigOption) -> None:
    """Run the whole platform. Control plane, collector and workers are supervised.

    Example: trackplane up --config trackplane.yaml
    """
    application = _application(config, 0)
    application.run_all(config, announce=say)


def control(config: Path = ConfigOption, parent: int = ParentOption) -> None:
    """Run the control plane alone.

    Example: trackplane control --config trackplane.yaml
    """
    _application(config, parent).run_control(announce=say)


def collector(config: Path = ConfigOption, parent: int = ParentOption) -> None:
    """Run a collector alone.

    Example: trackplane collector --config trackplane.yaml
    """
    _application(config, parent).run_collector(announce=say)


def worker(
    name: str = typer.Option("worker-1", "--name", help="This worker's name, unique."),
    config: Path = ConfigOption,
    parent: int = ParentOption,
) -> None:
    """Run a worker alone.

    Example: trackplane worker --name worker-2 --config trackplane.yaml
    """
    _application(config, parent).run_worker(name)


def _to_stderr(text: str) -> None:
    sys.stderr.write(text + "\n")


def demo(
    short: bool = typer.Option(
        False, "--short", help="Generated sessions over raw HTTP, no kills."
    ),
    keep: bool = typer.Option(False, "--keep", help="Leave the platform up until interrupted."),
    as_json: bool = JsonOption,
) -> None:
    """Run a fresh platform with real clients and account for all. Rules change, processes are killed.

    Example: trackplane demo --short
    """
    # Only this verb needs them, and every process of the platform is started by this program.
    from trackplane.demo.platform import Platform  # noqa: PLC0415
    from trackplane.demo.run import DemoSettings, run  # noqa: PLC0415

    recording = os.environ.get("TRACKPLANE_DEMO_SESSIONS", "")
    out = _to_stderr if as_json else say
    with tempfile.TemporaryDirectory(prefix="trackplane-demo-") as name:
        folder = Path(name)
        settings = (
            DemoSettings(folder=folder, rounds=1, kill_rounds=0, raw_only=True, rate=1_000.0)
            if short or not recording
            else DemoSettings(folder=folder, recording=recording)
        )
        with Platform(folder) as platform:
            outcome = run(settings, platform, out)
            out(f"console: {platform.url}  (API token {platform.token})")
            if keep:
                out("KEEP: the platform stays up; interrupt to end it")
                try:
                    platform.wait()
                except KeyboardInterrupt:
                    out("ending")
    if as_json:
        emit_json(msgspec.to_builtins(outcome))
    else:
        say("every event is accounted for" if outcome.ok else "THE ACCOUNTING IS OFF")
    if not outcome.ok:
        raise typer.Exit(FINDINGS)
