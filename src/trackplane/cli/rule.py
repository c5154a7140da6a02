"""``trackplane rule``: check and test files, publish them, list what is in force."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import msgspec
import typer

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import FINDINGS, JsonOption, emit_json, say, table
from trackplane.cli.plan import read_text
from trackplane.discovery import Resource, Snapshot
from trackplane.discovery.compile import (
    compile_datasets,
    compile_plan,
    compile_rule,
    definitions_of,
)
from trackplane.errors import Finding, InputError
from trackplane.rules.definitions import Definitions
from trackplane.rules.load import load_rule

app = typer.Typer(help="Rules: check, test, publish and list them.", no_args_is_help=True)

_EFFECTIVE_S: Final = 20.0
FileArgument = typer.Argument(..., help="A file of one or more rules (YAML).", show_default=False)
PlanOption = typer.Option(None, "--plan", help="Check against this plan file, not the API.")
DatasetsOption = typer.Option(None, "--datasets", help="Datasets file that goes with --plan.")


def _documents(text: str) -> list[tuple[int, str]]:
    """Return a file's documents, each with the number of its first line."""
    found: list[tuple[int, list[str]]] = [(1, [])]
    for number, line in enumerate(text.splitlines(), 1):
        if line.rstrip() == "---":
            found.append((number + 1, []))
        else:
            found[-1][1].append(line)
    return [(first, "\n".join(lines) + "\n") for first, lines in found if any(lines)]


def _offline(plan: Path, datasets: Path | None) -> Definitions:
    compiled = compile_plan(None, read_text(plan), file=str(plan))
    resources = [
        Resource(kind="event", name=f"{compiled.app}/{event}", body=body)
        for event, body in compiled.bodies.items()
    ]
    if datasets is not None:
        resources += [
            Resource(kind="dataset", name=dataset.name, body=dataset.body)
            for dataset in compile_datasets(read_text(datasets), file=str(datasets))
        ]
    return definitions_of(Snapshot.of(1, resources))


def _check(file: Path, plan: Path | None, datasets: Path | None, url: str) -> list[str]:
    """Return the names of a file's rules.

    Raises:
        InputError: with the findings of all of them.
    """
    sources = _documents(read_text(file))
    names: list[str] = []
    findings = []
    offline = _offline(plan, datasets) if plan is not None else None
    api = Api(url) if offline is None else None
    for line, source in sources:
        try:
            names.append(_one(source, str(file), offline, api))
        except InputError as error:
            findings += [_moved(finding, str(file), line) for finding in error.findings]
    if findings:
        raise InputError(f"{file}: {len(findings)} finding(s)", findings=findings)
    return names


def _one(source: str, file: str, offline: Definitions | None, api: Api | None) -> str:
    if offline is not None:
        return compile_rule(source, file=file, definitions=offline).name
    assert api is not None
    answer, _ = api.call("POST", "/rules/check", json={"source": source})
    if not answer["ok"]:
        raise InputError("the rule has findings", findings=_findings(answer["findings"]))
    return str(answer["rule"])


def _findings(raw: list[dict[str, Any]]) -> list[Finding]:
    return [Finding(**{k: v for k, v in f.items() if k in Finding.__struct_fields__}) for f in raw]


def _moved(finding: Finding, file: str, first_line: int) -> Finding:
    line = finding.line + first_line - 1 if finding.line else None
    return msgspec.structs.replace(finding, file=file, line=line)


@app.command()
def check(
    file: Path = FileArgument,
    plan: Path = PlanOption,
    datasets: Path = DatasetsOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Check rules against the plan, and run their tests."""
    names = _check(file, plan, datasets, url)
    if as_json:
        emit_json({"rules": names, "findings": []})
    else:
        say(f"{file}: {', '.join(names)}: no findings, all tests pass")


@app.command("test")
def run_tests(
    file: Path = FileArgument,
    plan: Path = PlanOption,
    datasets: Path = DatasetsOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Run the tests that stand in a rule file (checks it first)."""
    check(file, plan, datasets, url, as_json)


@app.command()
def publish(
    file: Path = FileArgument,
    datasets: Path | None = typer.Option(None, "--datasets", help="Publish these datasets first."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Publish rules and wait until every node runs them."""
    api = Api(url)
    for _, source in _documents(read_text(datasets)) if datasets is not None else ():
        (dataset,) = compile_datasets(source, file=str(datasets))
        _put(api, f"/datasets/{dataset.name}", "/datasets", source)
    _check(file, None, None, url)  # all findings of all rules before the first is published
    published = []
    for _, source in _documents(read_text(file)):
        name = load_rule(source, file=str(file)).name
        answer = _put(api, f"/rules/{name}", "/rules", source)
        effect = _await_effect(api, int(answer["number"]))
        published.append({"rule": answer["rule"], "version": answer["version"], **effect})
        if not as_json:
            say(f"{answer['rule']} version {answer['version']}: {_effect_text(effect)}")
    if as_json:
        emit_json(published)
    if any(entry["rejected"] for entry in published):
        raise typer.Exit(FINDINGS)


def _put(api: Api, path: str, collection: str, source: str) -> dict[str, Any]:
    """Create or replace a resource; return it."""
    etag = api.etag(path)
    method, target = ("POST", collection) if etag is None else ("PUT", path)
    answer, _ = api.call(method, target, etag=etag, json={"source": source})
    found: dict[str, Any] = answer
    return found


def _await_effect(api: Api, number: int) -> dict[str, Any]:
    deadline = time.monotonic() + _EFFECTIVE_S
    while True:
        state = api.get(f"/rulesets/{number}")
        nodes = state["nodes"]
        rejected = [n for node in nodes for n in node.get("nacks") or ()]
        if state.get("effective_ms") is not None or time.monotonic() > deadline or not nodes:
            return {
                "number": number,
                "nodes": len(nodes),
                "effective_ms": state.get("effective_ms"),
                "rejected": rejected,
            }
        time.sleep(0.02)


def _effect_text(effect: dict[str, Any]) -> str:
    if effect["rejected"]:
        return "rejected: " + "; ".join(str(n["message"]) for n in effect["rejected"])
    if not effect["nodes"]:
        return "published; no node is connected"
    if effect["effective_ms"] is None:
        return f"published; not effective on all {effect['nodes']} nodes yet"
    return f"effective on {effect['nodes']} nodes after {effect['effective_ms'] / 1000:.2f} s"


@app.command("list")
def list_rules(url: str = UrlOption, as_json: bool = JsonOption) -> None:
    """List the rules in force."""
    rows = list(Api(url).items("/rules"))
    if as_json:
        emit_json(rows)
        return
    table(
        ["rule", "version", "apps", "to", "owner", "status"],
        [
            [
                r["rule"],
                r["version"],
                ", ".join(r["apps"]) or "all",
                r["to"],
                r["owner"],
                r["status"],
            ]
            for r in rows
        ],
        title="" if rows else "no rules yet",
    )
