"""``trackplane plan``: check a file, show what it resolves to, apply it to an app."""

from __future__ import annotations

from pathlib import Path

import msgspec
import typer

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import JsonOption, emit_json, findings_json, say, table
from trackplane.errors import ConfigurationError, did_you_mean
from trackplane.plan import load_plan
from trackplane.plan.model import EventSpec, Plan

app = typer.Typer(help="The tracking plan: check, show and apply it.", no_args_is_help=True)

PlanArgument = typer.Argument(..., help="A plan file (YAML).", show_default=False)


def read_text(path: Path) -> str:
    """Return a file's text.

    Raises:
        ConfigurationError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8: {error.reason} at {error.start}") from error


def read_plan(path: Path) -> Plan:
    """Return the plan of a file."""
    return load_plan(read_text(path), file=str(path))


@app.command()
def check(file: Path = PlanArgument, as_json: bool = JsonOption) -> None:
    """Check a plan file and list everything wrong with it."""
    plan = read_plan(file)
    if as_json:
        emit_json({"app": plan.app, "events": len(plan.events), "findings": findings_json(())})
    else:
        say(f"{file}: {len(plan.events)} events of {plan.app}, no findings")


@app.command()
def show(
    file: Path = PlanArgument,
    event: str = typer.Option(None, "--event", help="Only this event, with its properties."),
    as_json: bool = JsonOption,
) -> None:
    """Show what a plan file resolves to, groups and types expanded."""
    plan = read_plan(file)
    if event is not None and event not in plan.events:
        raise ConfigurationError(
            f"{file} plans no event {event!r}", hint=did_you_mean(event, plan.events)
        )
    if as_json:
        emit_json(msgspec.to_builtins(plan.events[event] if event else plan))
    elif event:
        _show_event(plan.events[event])
    else:
        table(
            ["event", "grade", "owner", "properties", "variants"],
            [
                [spec.event, spec.grade, spec.owner, _property_count(spec), len(spec.variants)]
                for spec in plan.events.values()
            ],
        )


def _property_count(spec: EventSpec) -> int:
    return sum(len(properties) for properties in spec.properties.values())


def _show_event(spec: EventSpec) -> None:
    say(f"{spec.event}  grade {spec.grade}  owner {spec.owner or '-'}")
    table(
        ["property", "type", "required", "nullable", "constraints"],
        [
            [
                f"{namespace}.{name}",
                " | ".join(shape.type),
                shape.required,
                shape.nullable,
                ", ".join(
                    f"{key}={value}"
                    for key in ("enum", "min", "max", "min_length", "max_length", "pattern")
                    if (value := getattr(shape, key)) is not None
                ),
            ]
            for namespace, properties in spec.properties.items()
            for name, shape in properties.items()
        ],
    )


@app.command()
def apply(
    file: Path = PlanArgument,
    message: str = typer.Option("", "--message", "-m", help="Why, for the history."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Make a file the plan of its app: a new revision, refused if somebody else was first.

    An app that is not there yet is made.
    """
    source = read_text(file)
    name = load_plan(source, file=str(file)).app
    api = Api(url)
    made = api.etag(f"/apps/{name}") is None
    if made:
        api.call("POST", "/apps", json={"app": name})
    path = f"/apps/{name}/plan"
    answer, _ = api.call(
        "PUT",
        path,
        etag=api.etag(path) or "*",
        json={"files": {file.name: source}, "message": message},
    )
    if as_json:
        emit_json(answer | {"app_made": made})
    else:
        say(f"{name}: revision {answer['revision']} is in force" + (" (a new app)" if made else ""))
