"""``trackplane plan pull | diff | apply``: a plan's files and the control plane's revisions."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import typer

from trackplane.cli.api import Api, PlanStaleError, UrlOption, answered
from trackplane.cli.output import FINDINGS, JsonOption, emit_json, say
from trackplane.cli.plan_folder import (
    AppOption,
    PlanArgument,
    PlanFolder,
    app_of,
    open_folder,
    served_libraries,
)
from trackplane.errors import ConfigurationError, Finding, InputError
from trackplane.plan import Workspace
from trackplane.plan.changes import GRAVITY, Difference
from trackplane.plan.diff import difference
from trackplane.plan.diff_text import to_markdown, to_text
from trackplane.plan.merge import Conflict, merge_files, side_by_side
from trackplane.plan.model import Plan

_Class = Literal["neutral", "additive", "narrowing", "breaking"]
_Form = Literal["text", "markdown"]
_TIMEOUT_S: Final = 660.0  # a large plan is read for a minute the first time
_AT_ONCE: Final = 32 * 1024 * 1024  # characters; the control plane takes bodies of 64 MiB
_BATCH: Final = 16 * 1024 * 1024
_SHARED: Final = re.compile(r"^(?:app|use|types|groups)[ \t]*:", re.MULTILINE)
_METRICS: Final = re.compile(r"^metrics[ \t]*:", re.MULTILINE)
_MergeOption = typer.Option(
    False, "--merge", help="If somebody was first: take both changes where they go together."
)


def register(app: typer.Typer) -> None:
    """Add the verbs to ``trackplane plan``."""
    app.command("pull")(pull)
    app.command("diff")(diff)
    app.command("apply")(apply)


def pull(
    path: Path = PlanArgument,
    app: str | None = AppOption,
    force: bool = typer.Option(False, "--force", help="Write over what was changed here."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Fetch the plan in force into a folder. What was changed here since is merged into it.

    After an apply nothing changes. What both sides changed otherwise is shown side by side, and then
    nothing is written.

    Example:
        trackplane plan pull tracking --app shop
    """
    if not path.exists():
        path.mkdir(parents=True)
    folder = open_folder(path, empty=True)
    if folder.single:
        raise ConfigurationError("pull takes a folder", hint=f"trackplane plan pull {path.parent}")
    name = app_of(path, app)
    api = Api(url, timeout_s=_TIMEOUT_S)
    served = api.get(f"/apps/{name}/plan")
    theirs: dict[str, str] = served["files"]
    files = theirs if force else _merged_in(folder, api, name, theirs)
    changed: dict[str, str | None] = {
        file: text for file, text in files.items() if folder.files.get(file) != text
    }
    changed |= {file: None for file in folder.files if file not in files}
    folder.write(changed)
    folder.remember(name, served["revision"])
    if as_json:
        emit_json({"app": name, "revision": served["revision"], "changed": sorted(changed)})
        return
    for file in sorted(changed):
        say(f"{folder.path(file)}: {'removed' if changed[file] is None else 'written'}")
    say(f"{name}: revision {served['revision']}" + ("" if changed else ", nothing changes"))


def _merged_in(
    folder: PlanFolder, api: Api, app: str, theirs: Mapping[str, str]
) -> Mapping[str, str]:
    """Return what the folder is to hold: theirs, with what was changed here since the base."""
    mine = folder.files
    if not mine or mine == theirs:
        return theirs
    record = folder.record
    if record is None:
        differ = [file for file in mine if mine[file] != theirs.get(file)]
        if not differ:
            return theirs
        raise FirstError(
            f"{', '.join(differ)}: not as in the plan in force, and it is not known since when",
            hint="trackplane plan diff shows what differs; --force takes the plan in force",
        )
    base = _revision(api, app, record.revision)
    if mine == base:
        return theirs
    merged = merge_files(base, mine, theirs)
    if merged.conflicts:
        raise _conflicts(merged.conflicts, names=("here", "in force"))
    return merged.files


def diff(
    path: Path = PlanArgument,
    app: str | None = AppOption,
    start: int = typer.Option(0, "--from", help="A revision, in place of the one in force."),
    end: int = typer.Option(0, "--to", help="A revision, in place of the files."),
    against: Path | None = typer.Option(
        None, "--against", help="Other files in place of the control plane's (older ones)."
    ),
    form: _Form = typer.Option("text", "--form", help="text, or markdown for a comment."),
    fail_on: _Class | None = typer.Option(
        None, "--fail-on", help="Exit code 1 if the change is of this class or graver."
    ),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Tell how the files differ from the plan in force. It says what that breaks.

    Classes: neutral, additive, narrowing (an event that was valid may no longer be), breaking
    (readers lose something they rely on).

    Example:
        trackplane plan diff plan.yaml --form markdown
    """
    if end:
        name = app_of(path, app)
        told = Api(url).get(f"/apps/{name}/plan/diff", **{"from": start or None}, to=end)
        found = msgspec.convert(told["difference"], Difference)
    else:
        folder = open_folder(path)
        if against is not None:
            older = open_folder(against)
            after = folder.read(older.libraries).plan
            before = older.read(folder.libraries).plan
        else:
            api = Api(url, timeout_s=_TIMEOUT_S)
            after = folder.read(served_libraries(api, folder.files)).plan
            before = _served_plan(api, app or after.app, start, folder)
        found = difference(before, after)
    if as_json:
        emit_json(found)
    elif form == "markdown":
        sys.stdout.write(to_markdown(found))
    else:
        sys.stdout.write(to_text(found))
    if fail_on is not None and GRAVITY.index(found.compatibility) >= GRAVITY.index(fail_on):
        raise typer.Exit(FINDINGS)


def apply(
    path: Path = PlanArgument,
    message: str = typer.Option("", "--message", "-m", help="Why, for the history."),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Change nothing: show the difference and all that is wrong."
    ),
    merge: bool = _MergeOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Make the files the plan in force. It is refused if somebody else was first.

    Then what both changed is shown side by side, and --merge takes both where they go together. An
    app that is not there yet is made.

    Example:
        trackplane plan apply plan.yaml --dry-run
    """
    folder = open_folder(path)
    api = Api(url, timeout_s=_TIMEOUT_S)
    plan = folder.read(served_libraries(api, folder.files)).plan
    name = plan.app
    held = answered(api, f"/apps/{name}")
    if dry_run:
        _dry_run(api, folder, plan, there=held is not None, as_json=as_json)
        return
    if held is None:
        api.call("POST", "/apps", json={"app": name})
    revision = held["revision"] if held is not None else 0
    record = folder.record
    base = record.revision if record is not None and record.app == name else revision
    try:
        answer = _send(api, name, base, folder.files, message)
    except PlanStaleError as error:
        answer = _settle(api, folder, name, message, error, merge=merge)
    folder.remember(name, answer["revision"])
    if as_json:
        emit_json(answer | {"app_made": held is None})
        return
    if answer["difference"] is not None:
        sys.stdout.write(to_text(msgspec.convert(answer["difference"], Difference)))
    _findings(answer["warnings"], folder)
    say(f"{name}: revision {answer['revision']} is in force" + ("" if held else " (a new app)"))


def _send(api: Api, app: str, base: int, files: Mapping[str, str], message: str) -> dict[str, Any]:
    """Apply files over a revision: at once, or of a large plan what differs, in several revisions."""
    if sum(map(len, files.values())) <= _AT_ONCE:
        return _put(api, app, "PUT", base, {"files": files, "message": message})
    held = _revision(api, app, base)
    changed: dict[str, str | None] = {
        file: text for file, text in files.items() if held.get(file) != text
    }
    changed |= {file: None for file in held if file not in files}
    if not changed:
        return _put(api, app, "PATCH", base, {"files": dict(list(files.items())[:1])})
    batches = list(_batches(changed))
    answer: dict[str, Any] = {}
    for number, batch in enumerate(batches, 1):
        part = f"{message} (part {number} of {len(batches)})" if len(batches) > 1 else message
        answer = _put(api, app, "PATCH", base, {"files": batch, "message": part})
        base = answer["revision"]
    return answer


def _batches(changed: Mapping[str, str | None]) -> Iterator[dict[str, str | None]]:
    """Give files in the order in which each batch reads: what is used before what uses it."""

    def rank(file: str) -> int:
        text = changed[file]
        if text is None:
            return 3
        return 0 if _SHARED.search(text) else 2 if _METRICS.search(text) else 1

    batch: dict[str, str | None] = {}
    size = 0
    for file in sorted(changed, key=rank):
        if batch and size + len(changed[file] or "") > _BATCH:
            yield batch
            batch, size = {}, 0
        batch[file] = changed[file]
        size += len(changed[file] or "")
    yield batch


def _put(api: Api, app: str, method: str, revision: int, body: Mapping[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any]
    answer, _ = api.call(method, f"/apps/{app}/plan", etag=f'"{revision}"', json=body)
    return answer


def _settle(
    api: Api, folder: PlanFolder, app: str, message: str, error: PlanStaleError, *, merge: bool
) -> dict[str, Any]:
    """Apply both changes where that is asked for and they go together.

    Raises:
        InputError: they do not, or it was not asked for; both sides are in it.
    """
    if error.conflicts:
        raise _conflicts(error.conflicts, names=("here", f"in force ({error.author})")) from error
    if not merge:
        raise FirstError(
            f"{error.author} applied revision {error.etag} first",
            hint="both changes go together: --merge applies yours over it, and writes both here",
        ) from error
    etag = int(error.etag)
    if error.files:
        answer = _put(api, app, "PATCH", etag, {"files": error.files, "message": message})
    else:  # theirs has all of it already
        answer = _put(api, app, "PUT", etag, {"files": _revision(api, app, etag)})
    served = _revision(api, app, answer["revision"])
    changed: dict[str, str | None] = {
        file: text for file, text in served.items() if folder.files.get(file) != text
    }
    folder.write(changed | {file: None for file in folder.files if file not in served})
    return answer


def _dry_run(api: Api, folder: PlanFolder, plan: Plan, *, there: bool, as_json: bool) -> None:
    if there:
        answer, _ = api.call("POST", f"/apps/{plan.app}/plan/check", json={"files": folder.files})
    else:
        found = difference(Plan(app=plan.app), plan)
        answer = {"ok": True, "findings": [], "broken_rules": [], "difference": found}
    if as_json:
        emit_json(answer)
    else:
        if answer["difference"] is not None:
            found = msgspec.convert(answer["difference"], Difference, from_attributes=True)
            sys.stdout.write(to_text(found))
        _findings(answer["findings"], folder)
        for rule in answer["broken_rules"]:
            say(f"the rule {rule} would break")
        say("it can be applied" if answer["ok"] else "it cannot be applied")
    if not answer["ok"]:
        raise typer.Exit(FINDINGS)


def _findings(found: list[dict[str, Any]], folder: PlanFolder) -> None:
    for each in found:
        finding = Finding(**{k: v for k, v in each.items() if k in Finding.__struct_fields__})
        say(str(folder.shown(finding)))


def _served_plan(api: Api, app: str, revision: int, folder: PlanFolder) -> Plan:
    """Return the plan of a revision (0: the one in force); of an app that is not there, none."""
    if answered(api, f"/apps/{app}") is None:
        return Plan(app=app)
    files = _revision(api, app, revision) if revision else api.get(f"/apps/{app}/plan")["files"]
    if not files:
        return Plan(app=app)
    libraries = {**folder.libraries, **served_libraries(api, files)}
    return Workspace.load(files, libraries).plan


def _revision(api: Api, app: str, revision: int) -> dict[str, str]:
    if not revision:
        return {}
    files: dict[str, str] = api.get(f"/apps/{app}/plan/revisions/{revision}")["files"]
    return files


class FirstError(InputError):
    """Somebody else changed the plan first."""

    code = "conflict"


class PlanConflictError(InputError):
    """Two sides changed the same thing otherwise; ``conflicts`` has both."""

    code = "conflict"

    def __init__(self, conflicts: tuple[Conflict, ...], *, names: tuple[str, str]) -> None:
        sides = "\n".join(side_by_side(each, names=names) for each in conflicts)
        super().__init__(
            f"{len(conflicts)} conflict(s)\n\n{sides}",
            hint="settle them in the files (trackplane plan pull --force fetches theirs)",
        )
        self.conflicts = conflicts

    @property
    def extra(self) -> dict[str, object]:
        """Return what JSON output has beside the error."""
        return {"conflicts": msgspec.to_builtins(self.conflicts)}


def _conflicts(conflicts: tuple[Conflict, ...], *, names: tuple[str, str]) -> PlanConflictError:
    return PlanConflictError(conflicts, names=names)
