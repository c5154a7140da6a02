"""Rule files and what they are checked against: local files, or the server's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import typer

from trackplane.cli.api import Api
from trackplane.cli.plan_folder import open_folder, read_file, served_libraries
from trackplane.discovery import Kind, Resource, Snapshot
from trackplane.discovery.compile import (
    compile_datasets,
    compile_functions,
    compile_plan,
    compile_script,
    compile_table,
    definitions_of,
)
from trackplane.enrichers import load_functions
from trackplane.errors import Finding, InputError
from trackplane.rules.definitions import Definitions

FileArgument = typer.Argument(..., help="A file of one or more rules (YAML).", show_default=False)
PlanOption = typer.Option(None, "--plan", help="Check against this plan file, not the server's.")
DatasetsOption = typer.Option(None, "--datasets", help="Datasets of this file, not the server's.")
FunctionsOption = typer.Option(
    None, "--functions", help="Functions of this folder or file, not the server's."
)
TablesOption = typer.Option(None, "--tables", help="Tables of this folder, not the server's.")
ScriptsOption = typer.Option(None, "--scripts", help="Scripts of this folder, not the server's.")

_SERVED: Final[dict[Kind, str]] = {
    "dataset": "/datasets",
    "function": "/functions",
    "table": "/tables",
    "script": "/scripts",
}


class Local(msgspec.Struct, frozen=True, kw_only=True):
    """Which files stand in for the server's definitions; those left out are the server's."""

    plan: Path | None = None
    datasets: Path | None = None
    functions: Path | None = None
    tables: Path | None = None
    scripts: Path | None = None

    @property
    def given(self) -> bool:
        """Whether any file stands in."""
        return any(path is not None for path in msgspec.structs.astuple(self))


def documents(text: str) -> list[tuple[int, str]]:
    """Return a file's documents, each with the number of its first line.

    Raises:
        InputError: there are none.
    """
    found: list[tuple[int, list[str]]] = [(1, [])]
    for number, line in enumerate(text.splitlines(), 1):
        if line.rstrip() == "---":
            found.append((number + 1, []))
        else:
            found[-1][1].append(line)
    kept = [(first, "\n".join(lines) + "\n") for first, lines in found if any(lines)]
    if not kept:
        raise InputError(
            "the file is empty",
            hint="a definition starts with its kind and name, as in `rule: <name>`",
        )
    return kept


def findings_of(raw: list[dict[str, Any]]) -> list[Finding]:
    """Return findings of the API's JSON."""
    return [Finding(**{k: v for k, v in f.items() if k in Finding.__struct_fields__}) for f in raw]


def moved(finding: Finding, file: str, first_line: int) -> Finding:
    """Return a finding about a document as one about its file."""
    line = finding.line + first_line - 1 if finding.line else None
    return msgspec.structs.replace(finding, file=file, line=line)


def definitions(local: Local, url: str) -> Definitions:
    """Return what rules are checked against: files as they are given, the rest from the server.

    The server is only asked where ``TRACKPLANE_TOKEN`` is set.

    Raises:
        InputError: a file is wrong; all findings of it are in it.
    """
    load_functions(Path(os.environ.get("TRACKPLANE_DATA", "data")) / "enrichers")
    resources = list(_plans(local.plan, url))
    given: dict[Kind, Path | None] = {
        "dataset": local.datasets,
        "function": local.functions,
        "table": local.tables,
        "script": local.scripts,
    }
    api = Api(url) if os.environ.get("TRACKPLANE_TOKEN") and None in given.values() else None
    for kind, path in given.items():
        if path is not None:
            resources += _read(kind, path, resources)
        elif api is not None:
            resources += _served(api, kind)
    return definitions_of(Snapshot.of(1, resources))


def _plans(path: Path | None, url: str) -> Iterator[Resource]:
    """Yield the events of a plan file, else of all plans of the server."""
    if path is not None:
        folder = open_folder(path)
        local = {str(folder.path(file)): text for file, text in folder.files.items()}
        sources = [(local, folder.libraries)]
    else:
        api = Api(url)
        served = [api.get(f"/apps/{entry['app']}/plan")["files"] for entry in api.items("/apps")]
        sources = [(files, served_libraries(api, files)) for files in served]
    for files, libraries in sources:
        if not files:  # an app without a plan yet
            continue
        plan = compile_plan(None, files, libraries)
        for event, body in plan.bodies.items():
            yield Resource(kind="event", name=f"{plan.app}/{event}", body=body)


def _read(kind: Kind, path: Path, before: list[Resource]) -> Iterator[Resource]:
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    if kind == "function" and len(files) > 1:  # they may call one another
        text = "\n---\n".join(read_file(file) for file in files)
        yield from _compiled(kind, text, path, before)
        return
    for file in files:
        yield from _compiled(kind, read_file(file), file, before)


def _compiled(kind: Kind, text: str, file: Path, before: list[Resource]) -> Iterator[Resource]:
    if kind == "dataset":
        for dataset in compile_datasets(text, file=str(file)):
            yield Resource(kind="dataset", name=dataset.name, body=dataset.body)
    elif kind == "function":
        among = definitions_of(Snapshot.of(1, before))
        for function in compile_functions(text, file=str(file), definitions=among):
            yield Resource(kind="function", name=function.name, body=function.body)
    elif kind == "table":
        beside = file.with_suffix(".csv")
        rows = read_file(beside) if beside.is_file() else None
        table = compile_table(text, file=str(file), rows=rows)
        yield Resource(kind="table", name=table.name, body=table.body)
    else:
        script = compile_script(text, file=str(file))
        yield Resource(kind="script", name=script.name, body=script.body)


def _served(api: Api, kind: Kind) -> Iterator[Resource]:
    path = _SERVED[kind]
    for entry in api.items(path):
        name = str(entry["dataset"] if kind == "dataset" else entry["name"])
        found = entry if kind == "dataset" else api.get(f"{path}/{name}")
        body = msgspec.json.encode(found["definition"])
        yield Resource(kind=kind, name=name, body=body)


def all_findings(file: Path, found: list[Finding]) -> InputError:
    """Return the error of a file with findings."""
    return InputError(f"{file}: {len(found)} finding(s)", findings=found)
