"""``trackplane plan``: the tracking plan as files, checked, formatted and shown on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import typer

from trackplane.cli import impact, plan_history, plan_server, plan_start, suggest
from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import FINDINGS, JsonOption, emit_json, findings_json, say, table
from trackplane.cli.plan_folder import PlanArgument, PlanFolder, open_folder, served_libraries
from trackplane.errors import ConfigurationError, Finding, did_you_mean
from trackplane.plan import Library, fix, fmt, lint, load_rules
from trackplane.plan.lint import LintRules
from trackplane.plan.model import EventSpec

app = typer.Typer(
    help="The tracking plan as files: checked, compared, applied.", no_args_is_help=True
)

_ServerOption = typer.Option(
    False,
    "--server",
    help="Take libraries and lint rules that are not here from the control plane.",
)


@app.command()
def check(
    path: Path = PlanArgument,
    server: bool = _ServerOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Check a plan and list everything wrong with it. Checks and metrics are included.

    Example:
        trackplane plan check plan.yaml
    """
    folder = open_folder(path)
    workspace = folder.read(_libraries(folder, url) if server else None)
    warnings = [folder.shown(finding) for finding in workspace.warnings]
    plan = workspace.plan
    if as_json:
        emit_json(
            {"app": plan.app, "events": len(plan.events), "findings": findings_json(warnings)}
        )
        return
    _print(warnings)
    told = f"{len(warnings)} warning(s)" if warnings else "no findings"
    say(f"{path}: {len(plan.events):,} events of {plan.app}, {told}")


@app.command("lint")
def lint_plan(
    path: Path = PlanArgument,
    rules: Path | None = typer.Option(
        None,
        "--rules",
        help="Lint rules (YAML); else lint.yaml beside the plan, else Trackplane's.",
    ),
    mend: bool = typer.Option(False, "--fix", help="Mend what can be mended; comments stay."),
    strict: bool = typer.Option(False, "--strict", help="Warnings are findings too."),
    server: bool = _ServerOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Hold a plan to the organisation's rules. They are on names, descriptions, owners, look-alikes.

    Exit code 1: a rule of severity error is broken (with --strict, any).

    Example:
        trackplane plan lint plan.yaml
    """
    folder = open_folder(path)
    libraries = _libraries(folder, url) if server else None
    held = _served_rules(url) if server and rules is None else folder.rules(rules)
    workspace = folder.read(libraries)
    mended: Sequence[str] = ()
    if mend:
        changed = fix(workspace, held)
        folder.write(changed)
        mended = sorted(changed)
        if changed:
            folder = open_folder(path)
            workspace = folder.read(libraries)
    found = [folder.shown(finding) for finding in lint(workspace, held)]
    wrong = [each for each in found if strict or each.severity == "error"]
    if as_json:
        emit_json({"ok": not wrong, "mended": list(mended), "findings": findings_json(found)})
    else:
        for file in mended:
            say(f"{folder.path(file)}: mended")
        _print(found)
        say(f"{path}: {len(found)} finding(s)" if found else f"{path}: nothing to say against it")
    if wrong:
        raise typer.Exit(FINDINGS)


@app.command("fmt")
def format_plan(
    path: Path = PlanArgument,
    only_check: bool = typer.Option(
        False, "--check", help="Change nothing; exit code 1 if it would."
    ),
    as_json: bool = JsonOption,
) -> None:
    """Write a plan's files in their canonical form. Comments stay, and it means the same.

    Example:
        trackplane plan fmt plan.yaml
    """
    folder = open_folder(path)
    changed = {
        file: after
        for file, text in folder.files.items()
        if (after := fmt(text, file=str(folder.path(file)))) != text
    }
    if not only_check:
        folder.write(changed)
    if as_json:
        emit_json({"changed": sorted(changed)})
    else:
        verb = "would change" if only_check else "formatted"
        for file in sorted(changed):
            say(f"{folder.path(file)}: {verb}")
        if not changed:
            say(f"{path}: already in its form")
    if only_check and changed:
        raise typer.Exit(FINDINGS)


@app.command()
def show(
    path: Path = PlanArgument,
    event: str = typer.Option(None, "--event", help="Only this event, with its properties."),
    as_json: bool = JsonOption,
) -> None:
    """Show a plan with groups, types and libraries expanded.

    Example:
        trackplane plan show plan.yaml --event purchase
    """
    plan = open_folder(path).read().plan
    if event is not None and event not in plan.events:
        raise ConfigurationError(
            f"{path} plans no event {event!r}", hint=did_you_mean(event, plan.events)
        )
    if as_json:
        emit_json(msgspec.to_builtins(plan.events[event] if event else plan))
    elif event:
        _show_event(plan.events[event])
    else:
        table(
            ["event", "grade", "owner", "properties", "variants", "checks"],
            [
                [
                    spec.event,
                    spec.grade,
                    spec.owner,
                    _property_count(spec),
                    len(spec.variants),
                    len(spec.checks),
                ]
                for spec in plan.events.values()
            ],
        )


def _print(findings: Iterable[Finding]) -> None:
    for finding in findings:
        say(str(finding))


def _libraries(folder: PlanFolder, url: str) -> dict[str, Library]:
    return served_libraries(Api(url), folder.files)


def _served_rules(url: str) -> LintRules | None:
    source = Api(url).get("/lint")["source"]
    return load_rules(source, file="lint.yaml") if source else None


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
    for check_ in spec.checks:
        say(f"check {check_.name}: {check_.that}")


plan_start.register(app)
plan_server.register(app)
impact.register(app)
plan_history.register(app)
suggest.register(app)
