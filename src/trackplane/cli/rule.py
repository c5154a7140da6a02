"""``trackplane rule``: check and test files, see what they would do and cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import msgspec
import typer

from trackplane.cli import rule_draft, rule_publish, rule_replay
from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import FINDINGS, JsonOption, emit_json, say, table
from trackplane.cli.plan_folder import read_file
from trackplane.cli.rule_files import (
    DatasetsOption,
    FileArgument,
    FunctionsOption,
    Local,
    PlanOption,
    ScriptsOption,
    TablesOption,
    all_findings,
    definitions,
    documents,
    findings_of,
    moved,
)
from trackplane.errors import ConfigurationError, Finding, InputError
from trackplane.rules import ir
from trackplane.rules.check import check_rule
from trackplane.rules.definitions import Definitions
from trackplane.rules.explain import explain as explain_rule
from trackplane.rules.format import format_rule
from trackplane.rules.library import Environment
from trackplane.rules.load import load_rule
from trackplane.rules.tests import run_tests

app = typer.Typer(
    help="Rules: check, test, publish, compare and take them back.", no_args_is_help=True
)

_FRONT_ENDS: Final = ("python", "sql", "builder")


class _Checked(msgspec.Struct, kw_only=True):
    """What a check found of one rule, offline or by the server."""

    rule: str
    findings: list[Finding]
    warnings: list[Finding]
    tests: list[dict[str, Any]]
    budget: dict[str, Any] | None = None


def _checked(file: Path, local: Local, url: str) -> list[_Checked]:
    """Check a file's rules; findings are of the file."""
    offline = definitions(local, url) if local.given else None
    api = Api(url) if offline is None else None
    found: list[_Checked] = []
    for line, source in documents(read_file(file)):
        one = _offline(source, offline) if offline is not None else _online(source, api)
        one.findings = [moved(finding, str(file), line) for finding in one.findings]
        one.warnings = [moved(finding, str(file), line) for finding in one.warnings]
        for test in one.tests:
            test["line"] += line - 1
        found.append(one)
    return found


def _offline(source: str, among: Definitions) -> _Checked:
    try:
        written = load_rule(source)
        rule = check_rule(written, among)
    except InputError as error:
        found = list(error.findings) or [Finding(code=error.code, message=error.message)]
        return _Checked(rule="", findings=found, warnings=[], tests=[])
    results = run_tests(rule, written.tests, Environment.of(among))
    return _Checked(
        rule=rule.name,
        findings=[
            Finding(code="rule_test", message=f"test {r.number}: {r.message}", line=r.line or None)
            for r in results
            if not r.passed
        ],
        warnings=[],
        tests=[msgspec.to_builtins(result, enc_hook=str) for result in results],
    )


def _online(source: str, api: Api | None) -> _Checked:
    assert api is not None
    answer, _ = api.call("POST", "/rules/check", json={"source": source})
    findings = findings_of(answer["findings"])
    return _Checked(
        rule=answer["rule"],
        findings=[finding for finding in findings if finding.severity == "error"],
        warnings=findings_of(answer["warnings"]),
        tests=answer["tests"],
        budget=answer["budget"],
    )


def _require_sound(file: Path, found: list[_Checked]) -> None:
    findings = [finding for one in found for finding in one.findings]
    if findings:
        raise all_findings(file, findings)


@app.command()
def check(
    file: Path = FileArgument,
    plan: Path | None = PlanOption,
    datasets: Path | None = DatasetsOption,
    functions: Path | None = FunctionsOption,
    tables: Path | None = TablesOption,
    scripts: Path | None = ScriptsOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Check rules against the plan, and run their tests.

    Example: trackplane rule check rules.yaml --plan plan.yaml --datasets datasets.yaml
    """
    local = Local(plan=plan, datasets=datasets, functions=functions, tables=tables, scripts=scripts)
    found = _checked(file, local, url)
    _require_sound(file, found)
    if as_json:
        emit_json(
            {
                "rules": [one.rule for one in found],
                "findings": [],
                "warnings": [msgspec.to_builtins(w) for one in found for w in one.warnings],
                "budgets": {one.rule: one.budget for one in found if one.budget},
            }
        )
        return
    for one in found:
        for warning in one.warnings:
            say(str(warning))
    say(f"{file}: {', '.join(one.rule for one in found)}: no findings, all tests pass")


@app.command("test")
def run_rule_tests(
    file: Path = FileArgument,
    plan: Path | None = PlanOption,
    datasets: Path | None = DatasetsOption,
    functions: Path | None = FunctionsOption,
    tables: Path | None = TablesOption,
    scripts: Path | None = ScriptsOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Run the tests that stand in a rule file, and show how each ended.

    Example: trackplane rule test rules.yaml --plan plan.yaml --datasets datasets.yaml
    """
    local = Local(plan=plan, datasets=datasets, functions=functions, tables=tables, scripts=scripts)
    found = _checked(file, local, url)
    _require_sound(file, [one for one in found if not one.rule])
    failed = [test for one in found for test in one.tests if not test["passed"]]
    if as_json:
        emit_json(
            {
                "rules": [one.rule for one in found],
                "tests": [{"rule": one.rule, **test} for one in found for test in one.tests],
                "failed": len(failed),
            }
        )
    else:
        for one in found:
            for test in one.tests:
                verdict = "passed" if test["passed"] else f"FAILED: {test['message']}"
                say(f"{file}:{test['line']}: {one.rule} test {test['number']} {verdict}")
        say(f"{sum(len(one.tests) for one in found)} test(s), {len(failed)} failed")
    if failed:
        raise typer.Exit(FINDINGS)


@app.command()
def fmt(
    file: Path = FileArgument,
    to: str = typer.Option(
        "", "--to", help="Front end: python, sql or builder; each rule's own if left out."
    ),
    write: bool = typer.Option(False, "--write", "-w", help="Write the file, not the terminal."),
    plan: Path | None = PlanOption,
    datasets: Path | None = DatasetsOption,
    functions: Path | None = FunctionsOption,
    tables: Path | None = TablesOption,
    scripts: Path | None = ScriptsOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Print rules from their checked form, in a front end.

    Example: trackplane rule fmt rule.yaml --to sql
    """
    if to and to not in _FRONT_ENDS:
        raise ConfigurationError(f"there is no front end {to!r}", hint=", ".join(_FRONT_ENDS))
    local = Local(plan=plan, datasets=datasets, functions=functions, tables=tables, scripts=scripts)
    offline = definitions(local, url) if local.given else None
    api = Api(url) if offline is None else None
    texts: list[str] = []
    findings: list[Finding] = []
    for line, source in documents(read_file(file)):
        try:
            front_end = to or load_rule(source).front_end
            texts.append(_formatted(source, front_end, offline, api).rstrip() + "\n")
        except InputError as error:
            findings += [moved(each, str(file), line) for each in error.findings] or [
                Finding(code=error.code, message=error.message, file=str(file), line=line)
            ]
    if findings:
        raise all_findings(file, findings)
    text = "---\n".join(texts)
    if write:
        file.write_text(text, encoding="utf-8")
    if as_json:
        emit_json({"file": str(file), "front_end": to or None, "text": text, "written": write})
    elif write:
        say(f"wrote {file}")
    else:
        typer.echo(text, nl=False)


def _formatted(source: str, to: str, offline: Definitions | None, api: Api | None) -> str:
    if offline is not None:
        front_end = msgspec.convert(to, ir.FrontEnd)
        return format_rule(check_rule(load_rule(source), offline), front_end=front_end)
    assert api is not None
    body = {"source": source, "front_end": to}
    return str(api.call("POST", "/rules/format", json=body)[0]["text"])


@app.command()
def explain(
    what: str = typer.Argument(..., help="A rule in force, or a file of one rule."),
    plan: Path | None = PlanOption,
    datasets: Path | None = DatasetsOption,
    functions: Path | None = FunctionsOption,
    tables: Path | None = TablesOption,
    scripts: Path | None = ScriptsOption,
    code: bool = typer.Option(False, "--code", help="Show the generated code as well."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Show what a rule is to the engine. Types, reads, failures, placement and cost.

    Example: trackplane rule explain big_spender --code
    """
    path = Path(what)
    local = Local(plan=plan, datasets=datasets, functions=functions, tables=tables, scripts=scripts)
    if local.given:
        rule = check_rule(load_rule(read_file(path), file=what), definitions(local, url))
        found = explain_rule(rule)
        if as_json:
            emit_json(msgspec.to_builtins(found))
        else:
            typer.echo(found.text(), nl=False)
        return
    body = {"source": read_file(path)} if path.is_file() else {"rule": what}
    answer, _ = Api(url).call("POST", "/rules/explain", json=body)
    if as_json:
        emit_json(answer)
        return
    typer.echo(answer["text"], nl=False)
    typer.echo(f"\nplacement: {json.dumps(answer['placement'])}")
    for note in answer["notes"]:
        typer.echo(f"note: {note}")
    if code:
        typer.echo(f"\n{answer['code']}", nl=False)


@app.command()
def preview(
    file: Path = FileArgument,
    events: Path | None = typer.Option(
        None, "--events", help="Events to run it on, one JSON object a line."
    ),
    app_name: str = typer.Option("", "--app", help="Run it on the latest events of this app."),
    limit: int = typer.Option(20, "--limit", min=1, max=500, help="At most so many events."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Run a rule over real events without publishing it. It shows what becomes of each.

    Example: trackplane rule preview rule.yaml --app shop --limit 5
    """
    body: dict[str, Any] = {"source": read_file(file), "app": app_name, "limit": limit}
    if events is not None:
        body["events"] = list(_events(events))[:limit]
    answer, _ = Api(url).call("POST", "/rules/preview", json=body)
    if not answer["ok"]:
        raise all_findings(file, [moved(f, str(file), 1) for f in findings_of(answer["findings"])])
    if as_json:
        emit_json(answer)
        return
    for item in answer["items"]:
        say(f"{item['event']} {item['id']}: {item['outcome']} {item['reason']}".rstrip())
        for output in item["outputs"]:
            say(f"  -> {output['to']}: {json.dumps(output['row'], ensure_ascii=False)}")
    total = len(answer["items"])
    say(
        f"{total} {answer['origin']} event(s): {answer['matched']} put out, {answer['failed']} failed"
    )


def _events(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number, line in enumerate(read_file(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}:{number} is not JSON: {error}") from error
        if not isinstance(event, dict):
            raise InputError(f"{path}:{number} is no JSON object")
        found.append(event)
    return found


@app.command()
def budget(file: Path = FileArgument, url: str = UrlOption, as_json: bool = JsonOption) -> None:
    """Estimate what rules would cost a day. It takes the traffic of the day before.

    Example: trackplane rule budget rule.yaml
    """
    found = _checked(file, Local(), url)
    _require_sound(file, [one for one in found if one.budget is None])
    if as_json:
        emit_json({one.rule: one.budget for one in found})
    else:
        for one in found:
            _show_budget(one.rule, one.budget or {})
    if any(one.budget and one.budget["verdict"] == "refuse" for one in found):
        raise typer.Exit(FINDINGS)


def _show_budget(rule: str, found: dict[str, Any]) -> None:
    sample = f"{found['sampled']} sampled" if found["sampled"] else "none to sample"
    rate = "" if found["match_rate"] is None else f", {found['match_rate']:.1%} put out"
    say(f"{rule}: {found['events_per_day']:,} events a day ({found['basis']}; {sample}{rate})")
    table(
        ["", "value", "limit", "verdict"],
        [[line["name"], line["value"], line["limit"], line["verdict"]] for line in found["lines"]],
    )


rule_publish.register(app)
rule_replay.register(app)
app.add_typer(rule_draft.app, name="draft")
