"""The command line: thin verbs over the API, the plan, the rules and the processes.

Exit codes: 0 all is well, 1 findings (the input has faults, a check failed), 2 usage or environment.
"""

from __future__ import annotations

import inspect
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import cast

import click
import typer

from trackplane import __version__
from trackplane.cli import (
    apps,
    change,
    client,
    data,
    definitions,
    development,
    dirty,
    doctor,
    event,
    library,
    live,
    metric,
    people,
    plan,
    platform,
    query,
    rule,
    search,
    source,
    token,
)
from trackplane.cli.output import USAGE, fail
from trackplane.errors import TrackplaneError

app = typer.Typer(
    name="trackplane",
    help="One platform for the whole life of an event: planned, collected, processed, queried.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def root(
    version: bool = typer.Option(False, "--version", help="Print the version."),
) -> None:
    """Take options that stand before the verb."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


platform.register(app)
data.register(app)
development.register(app)
doctor.register(app)
app.add_typer(apps.app, name="app")
app.add_typer(plan.app, name="plan")
app.add_typer(library.app, name="library")
app.add_typer(change.app, name="change")
app.add_typer(event.app, name="event")
app.add_typer(metric.app, name="metric")
app.add_typer(query.app, name="query")
app.add_typer(client.app, name="client")
search.register(app)
people.register(app)
live.register(rule.app)
app.add_typer(rule.app, name="rule")
app.add_typer(definitions.functions, name="function")
app.add_typer(definitions.tables, name="table")
app.add_typer(definitions.scripts, name="script")
app.add_typer(source.app, name="source")
app.add_typer(token.app, name="token")
app.add_typer(dirty.app, name="dirty")


def _keep_examples(group: typer.Typer) -> None:
    """Let the example of each verb's help stand on lines of its own."""
    for command in group.registered_commands:
        text = inspect.cleandoc(
            command.help or (command.callback and command.callback.__doc__) or ""
        )
        about, found, example = text.rpartition("Example:")
        if found:
            command.help = f"{about}\b\nExample:\n    {example.strip()}"
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            _keep_examples(inner.typer_instance)


_keep_examples(app)

# Typer may bring a Click of its own, whose errors are not those of the package `click`.
_CallError = cast(
    "type[click.ClickException]",
    next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"),
)


def main() -> None:
    """Run the command line; never show a traceback."""
    as_json = "--json" in sys.argv
    try:
        code = app(standalone_mode=False)
    except TrackplaneError as error:
        fail(error, as_json=as_json)
    except (_CallError, click.ClickException) as error:
        error.show()
        raise SystemExit(USAGE) from None
    except (typer.Abort, click.Abort, KeyboardInterrupt):
        raise SystemExit(130) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
    except Exception as error:  # noqa: BLE001 the last line of defence: a defect of ours
        report = Path(tempfile.gettempdir()) / f"trackplane-defect-{os.getpid()}.txt"
        report.write_text(traceback.format_exc(), encoding="utf-8")
        sys.stderr.write(
            f"error[defect]: {type(error).__name__}: {error}\n"
            f"hint: this is a fault of Trackplane; please report it with {report}\n"
        )
        raise SystemExit(USAGE) from None
    raise SystemExit(code if isinstance(code, int) else 0)
