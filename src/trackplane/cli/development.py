"""Verbs for engineers: ``codegen`` and ``bench``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import typer

from trackplane.cli.output import JsonOption, emit_json, say
from trackplane.cli.plan_folder import PlanArgument, open_folder
from trackplane.codegen import generate_python, lock_text
from trackplane.errors import ConfigurationError

codegen = typer.Typer(help="Generate typed code from a plan.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.add_typer(codegen, name="codegen")
    app.command()(bench)


@codegen.callback()
def codegen_root() -> None:
    """Keep ``python`` a verb of its own, so that more languages can stand beside it."""


@codegen.command("python")
def codegen_python(
    file: Path = PlanArgument,
    output: Path | None = typer.Option(
        None, "--output", "-o", help="Where to write (default: print)."
    ),
    lock: Path | None = typer.Option(
        None, "--lock", help="Write a lock file too, which `client register` takes."
    ),
    name: str = typer.Option("python", "--name", help="The client's name in the lock file."),
    platform: str = typer.Option("server", "--platform", help="The platform it runs on."),
    release: str = typer.Option("1.0.0", "--release", help="The version of the app it goes into."),
    revision: int = typer.Option(0, "--revision", help="The plan's revision, if it is known."),
    as_json: bool = JsonOption,
) -> None:
    """Generate a module with a typed method for each planned event.

    Example:
        trackplane codegen python plan.yaml --output tracker.py --lock tracker.lock
    """
    plan = open_folder(file).read().plan
    source = generate_python(plan, revision=revision)
    if lock is not None:
        text = lock_text(
            plan,
            name=name,
            platform=platform,
            language="python",
            release=release,
            revision=revision,
        )
        lock.write_text(text, encoding="utf-8")
    if output is not None:
        output.write_text(source, encoding="utf-8")
    if as_json:
        emit_json(
            {"app": plan.app, "events": len(plan.events), "file": str(output) if output else None}
            | ({} if output else {"source": source})
        )
    elif output is None:
        sys.stdout.write(source)
    else:
        say(f"wrote {output}: {len(plan.events)} events of {plan.app}")


def bench(
    names: list[str] = typer.Argument(None, help="Benchmarks to run (default: all)."),
    as_json: bool = JsonOption,
) -> None:
    """Run the benchmarks of a checkout and print their rows.

    Example: trackplane bench queue
    """
    folder = Path("benchmarks")
    if not (folder / "__main__.py").is_file():
        raise ConfigurationError(
            "there are no benchmarks here", hint="run this verb in a checkout of Trackplane"
        )
    arguments = [*(names or []), *(["--json"] if as_json else [])]
    done = subprocess.run([sys.executable, "-m", "benchmarks", *arguments], check=False)  # noqa: S603 our own
    if done.returncode:
        raise typer.Exit(done.returncode)
