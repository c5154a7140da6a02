"""The verbs of ``trackplane rule`` that change what is in force, and those that look back."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import typer

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import FINDINGS, JsonOption, emit_json, say, table
from trackplane.cli.plan_folder import read_file
from trackplane.cli.rule_files import FileArgument, all_findings, documents, findings_of, moved
from trackplane.errors import ConfigurationError, Finding, InputError
from trackplane.rules.load import load_datasets, load_rule

_EFFECTIVE_S: Final = 20.0
NameArgument = typer.Argument(..., help="The rule.", show_default=False)
ReasonOption = typer.Option("", "--reason", "-m", help="Why, for the history.")


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(publish)
    app.command()(rollback)
    app.command()(history)
    app.command()(diff)
    app.command("list")(list_rules)
    app.command()(show)
    app.command()(delete)


def publish(
    file: Path = FileArgument,
    datasets: Path | None = typer.Option(None, "--datasets", help="Publish these datasets first."),
    reason: str = ReasonOption,
    accept_cost: bool = typer.Option(
        False, "--accept-cost", help="Pass over a refused budget (admins)."
    ),
    version: int | None = typer.Option(
        None, "--if-version", help="Only if this version is in force (of a file of one rule)."
    ),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Publish rules and wait until every node runs them.

    Example: trackplane rule publish rules.yaml -m "count refunds too"
    """
    api = Api(url)
    if datasets is not None:
        put_datasets(api, datasets)
    sources = documents(read_file(file))
    if version is not None and len(sources) != 1:
        raise ConfigurationError("--if-version is for a file of one rule")
    _require_sound(api, file, sources)
    published = []
    for line, source in sources:
        name = load_rule(source, file=str(file)).name
        body = {"source": source, "reason": reason, "accept_cost": accept_cost}
        etag = f'"{version}"' if version is not None else api.etag(f"/rules/{name}")
        method, path = ("POST", "/rules") if etag is None else ("PUT", f"/rules/{name}")
        try:
            answer, _ = api.call(method, path, etag=etag, json=body)
        except InputError as error:
            error.findings = tuple(moved(each, str(file), line) for each in error.findings)
            raise
        effect = await_effect(api, int(answer["number"]))
        published.append({"rule": answer["rule"], "version": answer["version"], **effect})
        if not as_json:
            for warning in answer["warnings"]:
                say(str(findings_of([warning])[0]))
            say(f"{answer['rule']} version {answer['version']}: {effect_text(effect)}")
    if as_json:
        emit_json(published)
    if any(entry["rejected"] for entry in published):
        raise typer.Exit(FINDINGS)


def put_datasets(api: Api, file: Path) -> list[str]:
    """Create the datasets of a file, or change those that differ; return their names."""
    text = read_file(file)
    changed = []
    for dataset in load_datasets(text, file=str(file)):
        path = f"/datasets/{dataset.name}"
        etag = api.etag(path)
        wanted = msgspec.to_builtins(dataset)
        if etag is not None and api.get(path)["definition"] == wanted:
            continue
        source = _dataset_text(text, file, dataset.name)
        method, target = ("POST", "/datasets") if etag is None else ("PUT", path)
        api.call(method, target, etag=etag, json={"source": source})
        changed.append(dataset.name)
    return changed


def _dataset_text(text: str, file: Path, name: str) -> str:
    """Return the part of a file that is one dataset: a document, or an item written out again."""
    for _, source in documents(text):
        for dataset in load_datasets(source, file=str(file)):
            if dataset.name != name:
                continue
            if source.lstrip().startswith("dataset:"):
                return source
            fields = msgspec.to_builtins(dataset)
            return msgspec.yaml.encode({"dataset": fields.pop("name"), **fields}).decode()
    return text


def _require_sound(api: Api, file: Path, sources: list[tuple[int, str]]) -> None:
    """Check all rules before the first is published.

    Raises:
        InputError: with the findings of all of them.
    """
    findings: list[Finding] = []
    for line, source in sources:
        answer, _ = api.call("POST", "/rules/check", json={"source": source})
        if not answer["ok"]:
            findings += [
                moved(finding, str(file), line)
                for finding in findings_of(answer["findings"])
                if finding.severity == "error"
            ]
    if findings:
        raise all_findings(file, findings)


def await_effect(api: Api, number: int) -> dict[str, Any]:
    """Wait until every connected node runs a number; return how that went."""
    deadline = time.monotonic() + _EFFECTIVE_S
    while number:
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
    return {"number": 0, "nodes": 0, "effective_ms": 0, "rejected": []}


def effect_text(effect: dict[str, Any]) -> str:
    """Say for a person how a number took effect."""
    if not effect["number"]:
        return "nothing changed"
    if effect["rejected"]:
        return "rejected: " + "; ".join(str(n["message"]) for n in effect["rejected"])
    if not effect["nodes"]:
        return f"number {effect['number']}; no node is connected"
    if effect["effective_ms"] is None:
        return f"number {effect['number']}; not effective on all {effect['nodes']} nodes yet"
    seconds = effect["effective_ms"] / 1000
    return f"effective on {effect['nodes']} nodes after {seconds:.2f} s"


def rollback(
    name: str = typer.Argument("", help="The rule; leave it out with --number."),
    version: int = typer.Option(0, "--to", help="Version to go back to (default: the one before)."),
    number: int = typer.Option(0, "--number", help="Take all rules back to this ruleset number."),
    reason: str = ReasonOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Put an earlier version of a rule in force again, or of all rules.

    Deleted rules come back so as well.

    Example: trackplane rule rollback big_spender --to 3 -m "lost refunds"
    """
    if bool(name) == bool(number):
        raise ConfigurationError(
            "what is to go back?", hint="give a rule, or --number for all rules"
        )
    api = Api(url)
    if number:
        body: dict[str, Any] = {"number": number, "reason": reason}
        answer, _ = api.call("POST", "/rulesets/rollback", json=body)
        what = f"rules as of {number}: {len(answer['rules'])} changed back"
        what += f", {len(answer['removed'])} withdrawn"
    else:
        body = {"version": version or _before(api, name), "reason": reason}
        answer, _ = api.call("POST", f"/rules/{name}/rollback", json=body)
        what = f"{name} version {answer['version']} (as version {body['version']})"
    effect = await_effect(api, int(answer["number"]))
    if as_json:
        emit_json(answer | {"effect": effect})
    else:
        say(f"{what}: {effect_text(effect)}")
    if effect["rejected"]:
        raise typer.Exit(FINDINGS)


def _before(api: Api, name: str) -> int:
    """Return the last version that was in force before what is the state now."""
    items = list(api.items(f"/rules/{name}/versions"))
    live = [item for item in items if item["action"] in ("published", "rolled_back")]
    wanted = live if items[0]["action"] in ("deleted", "quarantined") else live[1:]
    if not wanted:
        raise InputError(f"there is no version of {name!r} before this one")
    return int(wanted[0]["version"])


def history(name: str = NameArgument, url: str = UrlOption, as_json: bool = JsonOption) -> None:
    """List a rule's versions with who made them and why. Of a deleted rule too.

    Example: trackplane rule history big_spender
    """
    rows = list(Api(url).items(f"/rules/{name}/versions"))
    if as_json:
        emit_json(rows)
        return
    table(
        ["version", "at (UTC)", "action", "by", "number", "reason"],
        [
            [
                row["version"],
                when(row["created_at"]),
                row["action"],
                row["created_by"],
                row["number"],
                row["reason"],
            ]
            for row in rows
        ],
    )


def when(at: int) -> str:
    """Return a time for people, to the second."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def diff(
    name: str = NameArgument,
    since: int = typer.Option(0, "--from", help="Version (default: the one before --to)."),
    to: int = typer.Option(0, "--to", help="Version (default: the last)."),
    file: Path | None = typer.Option(None, "--file", help="Compare with this file instead."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Compare two versions of a rule, in text and in meaning. Or what is in force with a file.

    Example: trackplane rule diff big_spender --from 2 --to 4
    """
    api = Api(url)
    if file is not None:
        from difflib import unified_diff  # noqa: PLC0415 - of this path alone

        held = api.get(f"/rules/{name}")["source"].splitlines(keepends=True)
        mine = read_file(file).splitlines(keepends=True)
        text = "".join(unified_diff(held, mine, f"{name} in force", str(file)))
        answer: dict[str, Any] = {"rule": name, "text": text, "changes": None}
    else:
        answer = api.get(f"/rules/{name}/diff", **{"from": since, "to": to})
    if as_json:
        emit_json(answer)
        return
    typer.echo(answer["text"], nl=False)
    for change in answer["changes"] or ():
        name_ = f" {change['name']}" if change["name"] else ""
        say(f"{change['kind']}{name_}: {change['before'] or '-'}  ->  {change['after'] or '-'}")
    if not answer["text"]:
        say("no difference")


def list_rules(
    app_name: str = typer.Option("", "--app", help="Only rules that read this app."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """List the rules in force.

    Example: trackplane rule list --app shop
    """
    rows = list(Api(url).items("/rules", app=app_name))
    if as_json:
        emit_json(rows)
        return
    table(
        ["rule", "version", "apps", "to", "owner", "status", "draft"],
        [
            [
                r["rule"],
                r["version"],
                ", ".join(r["apps"]) or "all",
                r["to"],
                r["owner"],
                r["status"],
                bool(r["draft"]),
            ]
            for r in rows
        ],
        title="" if rows else "no rules yet",
    )


def show(
    name: str = NameArgument,
    version: int = typer.Option(0, "--version", help="This version, not the one in force."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Print a rule's text.

    Example: trackplane rule show big_spender --version 2
    """
    path = f"/rules/{name}/versions/{version}" if version else f"/rules/{name}"
    answer = Api(url).get(path)
    if as_json:
        emit_json(answer)
    else:
        typer.echo(answer["source"], nl=not answer["source"].endswith("\n"))


def delete(name: str = NameArgument, url: str = UrlOption, as_json: bool = JsonOption) -> None:
    """Withdraw a rule. Its versions are kept, and a rollback brings it back.

    Example: trackplane rule delete big_spender
    """
    api = Api(url)
    path = f"/rules/{name}"
    answer, _ = api.call("DELETE", path, etag=api.etag(path) or "*")
    effect = await_effect(api, int(answer["number"]))
    if as_json:
        emit_json({"rule": name, **effect})
    else:
        say(f"{name} is withdrawn: {effect_text(effect)}; trackplane rule rollback brings it back")
