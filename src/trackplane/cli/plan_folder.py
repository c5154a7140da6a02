"""A plan's files on this machine: a folder of YAML files or a single one, and what it was made from.

``.trackplane/plan.json`` remembers the app and the revision that the files were pulled or applied as:
the base of a merge when somebody else was first. It belongs into version control with the plan.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
import typer

from trackplane.cli.api import Api, answered
from trackplane.errors import ConfigurationError, Finding, InputError
from trackplane.plan import Library, PlanError, Workspace, load_library, split_libraries
from trackplane.plan.edit import uses_of
from trackplane.plan.lint import LintRules, load_rules
from trackplane.plan.text import MAX_FILE_BYTES, check_size, decode
from trackplane.rules.plan_check import check_expressions

PlanArgument = typer.Argument(
    Path(), help="A plan file (YAML), or the folder of its files.", show_default="this folder"
)
AppOption = typer.Option(None, "--app", help="The app; without it, the folder's.")
RULES_FILE: Final = "lint.yaml"
_RECORD: Final = Path(".trackplane") / "plan.json"
_PLAN: Final = re.compile(r"^(?:format|app|use|types|groups|events|metrics)[ \t]*:", re.MULTILINE)
_OTHER: Final = re.compile(r"^(?:rule|dataset|function|table|script|lint)[ \t]*:", re.MULTILINE)
_SUFFIXES: Final = (".yaml", ".yml")


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the files were at last: the app and its revision."""

    app: str
    revision: int


class PlanFolder(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a plan by their path in the folder, the libraries beside them, the record."""

    root: Path
    single: bool
    files: dict[str, str]
    libraries: dict[str, Library]
    record: Record | None

    def read(self, libraries: Mapping[str, Library] | None = None) -> Workspace:
        """Return the plan, its expressions checked too.

        Raises:
            PlanError: with every finding; files are named as this machine names them.
        """
        try:
            workspace = Workspace.load(self.files, {**(libraries or {}), **self.libraries})
            check_expressions(workspace.plan, self.files)
        except PlanError as error:
            raise PlanError(
                error.message,
                hint=error.hint,
                findings=[self.shown(finding) for finding in error.findings],
            ) from error
        return workspace

    def shown(self, finding: Finding) -> Finding:
        """Return a finding with its file as it can be opened from here."""
        if finding.file not in self.files:
            return finding
        return msgspec.structs.replace(finding, file=str(self.path(finding.file)))

    def path(self, file: str) -> Path:
        """Return where a file of the plan is."""
        return self.root / file

    def write(self, changed: Mapping[str, str | None]) -> None:
        """Write files (None takes one away); every byte as given."""
        for file, text in changed.items():
            path = self.path(file)
            if text is None:
                path.unlink(missing_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text.encode())

    def remember(self, app: str, revision: int) -> None:
        """Remember what the files are now; of a single file nothing is remembered."""
        if self.single:
            return
        record = self.root / _RECORD
        text = msgspec.json.encode(Record(app=app, revision=revision)).decode() + "\n"
        if not record.is_file() or record.read_text(encoding="utf-8") != text:
            record.parent.mkdir(exist_ok=True)
            record.write_text(text, encoding="utf-8")

    def rules(self, given: Path | None = None) -> LintRules | None:
        """Return the lint rules of a file, else those beside the plan; None: Trackplane's own."""
        path = given or (None if self.single else self.root / RULES_FILE)
        if path is None or (given is None and not path.is_file()):
            return None
        return load_rules(read_file(path), file=str(path))


def open_folder(path: Path, *, empty: bool = False) -> PlanFolder:
    """Return the plan's files of a folder, or of a single file.

    Raises:
        ConfigurationError: it is not there, or has no plan (unless it may be ``empty``).
        PlanError: a file is too large, not UTF-8, or a library among them is wrong.
    """
    if not path.exists():
        raise ConfigurationError(
            f"there is no {path}", hint="trackplane plan init makes a folder with a small plan"
        )
    if path.is_file():
        return PlanFolder(
            root=path.parent,
            single=True,
            files={path.name: read_file(path)},
            libraries={},
            record=None,
        )
    found: dict[str, str] = {}
    for file in _yaml_files(path):
        text = read_file(file)
        if _PLAN.search(text) and not _OTHER.search(text):
            found[file.relative_to(path).as_posix()] = text
    files, libraries = split_libraries(found)
    if not files and not empty:
        raise ConfigurationError(
            f"{path} has no plan",
            hint="trackplane plan init makes one, trackplane plan pull fetches one",
        )
    return PlanFolder(
        root=path, single=False, files=files, libraries=libraries, record=_record(path)
    )


def _limit() -> int:
    """Return how many bytes a file may have: what the environment says, or the usual."""
    given = os.environ.get("TRACKPLANE_PLAN_MAX_MB")
    if given is None:
        return MAX_FILE_BYTES
    if not given.isdecimal() or not int(given):
        raise ConfigurationError(f"TRACKPLANE_PLAN_MAX_MB is {given!r}, not a number of megabytes")
    return int(given) << 20


def read_file(path: Path) -> str:
    """Return a file's text.

    Raises:
        ConfigurationError: it cannot be read.
        PlanError: it is too large, or not UTF-8.
    """
    try:
        limit = _limit()
        check_size(path.stat().st_size, file=str(path), limit=limit)
        return decode(path.read_bytes(), file=str(path), limit=limit)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error


def served_libraries(api: Api, files: Mapping[str, str]) -> dict[str, Library]:
    """Return the libraries that files use, as the control plane has them; those it lacks are left out."""
    found = {}
    for use in uses_of(files):
        name, _, version = use.partition("@")
        if (
            version.isdigit()
            and (held := answered(api, f"/libraries/{name}/{version}")) is not None
        ):
            library = load_library(held["source"], file=f"{use}.yaml")
            found[library.id] = library
    return found


def app_of(path: Path, app: str | None) -> str:
    """Return the app that is meant: the one named, else the folder's.

    Raises:
        ConfigurationError: neither says one.
    """
    if app:
        return app
    folder = open_folder(path, empty=True)
    if folder.record is not None:
        return folder.record.app
    if folder.files:
        try:
            return Workspace.load(folder.files, folder.libraries).plan.app
        except InputError:
            for text in folder.files.values():
                if (
                    named := re.search(r"^app[ \t]*:[ \t]*([\w-]+)", text, re.MULTILINE)
                ) is not None:
                    return named[1]
    raise ConfigurationError(
        "which app?", hint="name it by --app, or run this in the plan's folder"
    )


def _yaml_files(root: Path) -> Iterator[Path]:
    for path in sorted(root.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _yaml_files(path)
        elif path.suffix in _SUFFIXES and path.name != RULES_FILE:
            yield path


def _record(root: Path) -> Record | None:
    path = root / _RECORD
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (msgspec.DecodeError, OSError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error}", hint="remove it; trackplane plan pull makes it again"
        ) from error
