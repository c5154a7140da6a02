"""``trackplane function``, ``table`` and ``script``: what rules name, published by version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import FINDINGS, JsonOption, emit_json, say, table
from trackplane.cli.plan_folder import read_file
from trackplane.cli.rule_files import all_findings, documents, findings_of, moved
from trackplane.cli.rule_publish import ReasonOption, await_effect, effect_text, when

_NAMES = {"function": "net", "table": "countries", "script": "enrich"}  # of the examples
_NameArgument = typer.Argument(..., help="Its name.", show_default=False)
_FileArgument = typer.Argument(..., help="A file (YAML).", show_default=False)


def verbs(kind: str, path: str, about: str) -> typer.Typer:
    """Return the verbs of one kind of definition."""
    app = typer.Typer(help=about, no_args_is_help=True)

    def add(verb: str, function: Any, text: str, example: str) -> None:
        named = example.replace("NAME", _NAMES[kind])
        function.__doc__ = f"{text}\n\nExample: trackplane {kind} {named}"
        app.command(verb)(function)

    def list_all(url: str = UrlOption, as_json: bool = JsonOption) -> None:
        rows = list(Api(url).items(path))
        if as_json:
            emit_json(rows)
            return
        table(
            [kind, "version", "what", "used by", "owner"],
            [[r["name"], r["version"], r["summary"], r["used_by"], r["owner"]] for r in rows],
            title="" if rows else f"no {kind}s yet",
        )

    def show(name: str = _NameArgument, url: str = UrlOption, as_json: bool = JsonOption) -> None:
        answer = Api(url).get(f"{path}/{name}")
        if as_json:
            emit_json(answer)
        else:
            typer.echo(answer["source"], nl=not answer["source"].endswith("\n"))

    def check(file: Path = _FileArgument, url: str = UrlOption, as_json: bool = JsonOption) -> None:
        names = _check(Api(url), path, file)
        if as_json:
            emit_json({f"{kind}s": names, "findings": []})
        else:
            say(f"{file}: {', '.join(names)}: no findings; the rules that use it still check")

    def publish(
        file: Path = _FileArgument,
        reason: str = ReasonOption,
        url: str = UrlOption,
        as_json: bool = JsonOption,
    ) -> None:
        api = Api(url)
        _check(api, path, file)
        published = []
        for _, source in documents(read_file(file)):
            answer, _ = api.call("POST", f"{path}/check", json={"source": source})
            name = str(answer["name"])
            etag = api.etag(f"{path}/{name}")
            method, target = ("POST", path) if etag is None else ("PUT", f"{path}/{name}")
            body = {"source": source, "reason": reason}
            made, _ = api.call(method, target, etag=etag, json=body)
            effect = await_effect(api, int(made["number"]))
            published.append(
                {
                    "name": name,
                    "version": made["version"],
                    "recompiled": made["recompiled"],
                    **effect,
                }
            )
            if not as_json:
                rules = len(made["recompiled"])
                again = f", {rules} rule(s) compiled again" if rules else ""
                say(f"{name} version {made['version']}{again}: {effect_text(effect)}")
        if as_json:
            emit_json(published)
        if any(entry["rejected"] for entry in published):
            raise typer.Exit(FINDINGS)

    def history(
        name: str = _NameArgument, url: str = UrlOption, as_json: bool = JsonOption
    ) -> None:
        rows = list(Api(url).items(f"{path}/{name}/versions"))
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

    def rollback(
        name: str = _NameArgument,
        version: int = typer.Option(..., "--to", help="Version to go back to."),
        reason: str = ReasonOption,
        url: str = UrlOption,
        as_json: bool = JsonOption,
    ) -> None:
        api = Api(url)
        body = {"version": version, "reason": reason}
        answer, _ = api.call("POST", f"{path}/{name}/rollback", json=body)
        effect = await_effect(api, int(answer["number"]))
        if as_json:
            emit_json(answer | {"effect": effect})
        else:
            say(f"{name} version {answer['version']} (as version {version}): {effect_text(effect)}")

    def delete(name: str = _NameArgument, url: str = UrlOption, as_json: bool = JsonOption) -> None:
        api = Api(url)
        answer, _ = api.call("DELETE", f"{path}/{name}", etag=api.etag(f"{path}/{name}") or "*")
        if as_json:
            emit_json({"name": name, **answer})
        else:
            say(f"{name} is gone; its versions are kept")

    add("list", list_all, f"List the {kind}s.", "list")
    add("show", show, f"Print a {kind}'s text.", "show NAME")
    add("check", check, f"Check a {kind} and the rules that use it.", f"check {kind}.yaml")
    add(
        "publish",
        publish,
        f"Publish a {kind}. The rules that use it are compiled again in the same number.",
        f'publish {kind}.yaml -m "why"',
    )
    add("history", history, f"List a {kind}'s versions.", "history NAME")
    add("rollback", rollback, "Put an earlier version in force again.", "rollback NAME --to 2")
    add("delete", delete, f"Take away a {kind} that no rule uses.", "delete NAME")
    return app


def _check(api: Api, path: str, file: Path) -> list[str]:
    """Return the names of a file's definitions.

    Raises:
        InputError: with the findings of all of them, and of the rules they would break.
    """
    names, findings = [], []
    for line, source in documents(read_file(file)):
        answer, _ = api.call("POST", f"{path}/check", json={"source": source})
        names.append(str(answer["name"]))
        for finding in findings_of(answer["findings"]):
            of_rule = (finding.file or "").startswith("rule ")
            findings.append(finding if of_rule else moved(finding, str(file), line))
    if findings:
        raise all_findings(file, findings)
    return names


functions = verbs("function", "/functions", "User-defined functions that rules call.")
tables = verbs("table", "/tables", "Lookup tables that rules read.")
scripts = verbs("script", "/scripts", "Scripts that run isolated on what rules put out.")
