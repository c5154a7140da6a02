"""Verbs for engineers: ``codegen`` and ``bench``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import typer

from trackplane.cli.output import JsonOption, emit_json, say
from trackplane.cli.plan_folder import PlanArgument, open_folder
from trackplane.codegen import generate_python
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
    as_json: bool = JsonOption,
) -> None:
    """Generate a module with a typed method for each planned event."""
    plan = open_folder(file).read().plan
    source = generate_python(plan)
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
    """Run the benchmarks of a checkout and print their rows."""
    folder = Path("benchmarks")
    if not (folder / "__main__.py").is_file():
        raise ConfigurationError(
            "there are no benchmarks here", hint="run this verb in a checkout of Trackplane"
        )
    arguments = [*(names or []), *(["--json"] if as_json else [])]
    done = subprocess.run([sys.executable, "-m", "benchmarks", *arguments], check=False)  # noqa: S603 our own
    if done.returncode:
        raise typer.Exit(done.returncode)
