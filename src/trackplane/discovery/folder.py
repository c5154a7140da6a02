"""Configuration from a folder of files, for one machine without a control plane.

::

    apps.yaml        app: {validation, allow_list, blocked, keys: {prod: [key, …]}}
    datasets.yaml    one or several datasets
    plan/*.yaml      a tracking plan each
    rules/*.yaml     one or several rules each
    functions/*.yaml one or several user functions each
    tables/*.yaml    a lookup table each; its rows may stand beside it as <name>.csv
    scripts/*.yaml   a script each

A key is given as it is (for development) or as ``sha256:<hex>``. Files are looked at again every
``poll_ms``. A file with errors keeps what it last gave that was right; its findings are logged and
kept in ``findings``, and its neighbours go on.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Final

import msgspec
import structlog
import yaml_rs

from trackplane.discovery import AppSettings, Kind, Mode, Resource, Snapshot, WriteKey
from trackplane.discovery.cache import CacheError, LastGood
from trackplane.discovery.client import wall_clock
from trackplane.discovery.compile import (
    compile_datasets,
    compile_functions,
    compile_plan,
    compile_rules,
    compile_script,
    compile_table,
    definitions_of,
)
from trackplane.discovery.source import ConfigurationConsumer, ConfigurationSource
from trackplane.errors import Finding, InputError
from trackplane.plan.libraries import is_library, load_library
from trackplane.plan.model import Library
from trackplane.rules import ir
from trackplane.rules.definitions import Definitions
from trackplane.rules.load_definitions import load_functions

_log = structlog.get_logger(__name__)

_FOLDERS: Final = ("plan", "rules", "functions", "tables", "scripts")
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")


class FolderError(InputError):
    """A file of the configuration folder is wrong."""

    code = "folder"


class _App(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    validation: Mode = "warn"
    allow_list: Mode = "warn"
    blocked: tuple[str, ...] = ()
    keys: dict[str, tuple[Annotated[str, msgspec.Meta(min_length=1)], ...]] = {}


class _File(msgspec.Struct, kw_only=True):
    """What a file last gave: its stamp, its resources, and what is wrong with it now."""

    stamp: tuple[int, int] = (0, 0)
    resources: tuple[Resource, ...] = ()
    findings: tuple[Finding, ...] = ()


class FolderSource(ConfigurationSource):
    """Follows a folder. Numbers go on from those of the last-good copy in ``cache``."""

    def __init__(
        self,
        folder: Path,
        *,
        cache: Path,
        poll_ms: int = 200,
        clock: Callable[[], int] = wall_clock,
    ) -> None:
        self._folder = folder
        self._cache = LastGood(cache)
        self._poll_ms = poll_ms
        self._clock = clock
        self._files: dict[Path, _File] = {}
        self._snapshot = Snapshot()
        self._read_at: int | None = None

    @property
    def number(self) -> int:
        """Return the number of the state in force here; 0 while there is none."""
        return self._snapshot.number

    @property
    def age_ms(self) -> int | None:
        """Return how long ago the folder was read."""
        return None if self._read_at is None else max(0, self._clock() - self._read_at)

    @property
    def connected(self) -> bool:
        """Say whether the folder is there."""
        return self._folder.is_dir()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return what is wrong with the files now."""
        return tuple(finding for file in self._files.values() for finding in file.findings)

    async def run(self, consumer: ConfigurationConsumer) -> None:
        """Give the consumer the last good state, then every change, until cancelled."""
        cached = await asyncio.to_thread(self._cache.load)
        if cached is not None:
            self._snapshot = cached
            await consumer.apply(cached, cached.delta_from(None))
        while True:
            before = self._snapshot
            after = await asyncio.to_thread(self.read)
            if after is not before:
                delta = after.delta_from(before if before.number else None)
                try:
                    # Before it is in force: a number that was used must not be used again.
                    await asyncio.to_thread(self._cache.save, after, delta)
                except CacheError as error:
                    _log.error("last_good_not_kept", reason=str(error))
                await consumer.apply(after, delta)
            await asyncio.sleep(self._poll_ms / 1000)

    def read(self) -> Snapshot:
        """Read what changed in the folder; return the state after it (the same one if none)."""
        self._read_at = self._clock()
        changed = self._changed()
        if changed or not self._snapshot.number:
            self._read_files(changed)
            found = {r.key: r for file in self._files.values() for r in file.resources}
            if not self._snapshot.number or found != self._snapshot.resources:
                number = self._snapshot.number + 1
                self._snapshot = Snapshot.of(number, found.values(), published=self._clock())
        return self._snapshot

    def _changed(self) -> set[Path]:
        """Stamp the files there are; return those that are new, changed or gone."""
        folder = self._folder
        paths = [folder / "apps.yaml", folder / "datasets.yaml"]
        paths += [path for name in _FOLDERS for path in folder.glob(f"{name}/*.yaml")]
        paths += folder.glob("tables/*.csv")
        there: dict[Path, tuple[int, int]] = {}
        for path in paths:
            try:
                status = path.stat()
            except OSError:
                continue
            there[path] = (status.st_mtime_ns, status.st_size)
        changed = {path for path in self._files if path not in there}
        for path in changed:
            del self._files[path]
        for path, stamp in there.items():
            file = self._files.setdefault(path, _File())
            if file.stamp != stamp:
                file.stamp = stamp
                changed.add(path)
        return changed

    def _read_files(self, changed: set[Path]) -> None:
        for path, file in self._files.items():
            # An app's settings carry its plan's revision, so they follow the plans.
            if path in changed and path.parent.name == "plan":
                self._take(path, file, self._plan)
            elif path in changed and path.name == "datasets.yaml":
                self._take(path, file, self._datasets)
            elif path in changed and path.parent.name == "scripts":
                self._take(path, file, self._script)
            elif _is_table(path) and changed & {path, path.with_suffix(".csv")}:
                self._take(path, file, self._table)
        apps = self._folder / "apps.yaml"
        if apps in self._files:
            self._take(apps, self._files[apps], self._apps)
        below = any(path.parent.name != "rules" for path in changed)
        for path, file in self._files.items():
            # Functions may call those of other files.
            if path.parent.name == "functions" and below:
                self._take(path, file, self._functions)
        for path, file in self._files.items():
            # Rules are checked against plans and datasets: a change of those checks them all again.
            if path.parent.name == "rules" and (below or path in changed):
                self._take(path, file, self._rules)

    def _take(
        self, path: Path, file: _File, read: Callable[[str, str], Iterable[Resource]]
    ) -> None:
        name = str(path.relative_to(self._folder))
        try:
            file.resources = tuple(read(path.read_text(encoding="utf-8"), name))
        except InputError as error:
            file.findings = error.findings or (
                Finding(code=error.code, message=error.message, file=name),
            )
        except (OSError, UnicodeDecodeError) as error:
            file.findings = (Finding(code="file", message=str(error), file=name),)
        else:
            file.findings = ()
        for finding in file.findings:
            _log.error("configuration_wrong", finding=str(finding))

    def _of(self, kind: str) -> list[Resource]:
        return [r for file in self._files.values() for r in file.resources if r.kind == kind]

    def _plan(self, text: str, name: str) -> Iterable[Resource]:
        if is_library(text):
            return []
        plan = compile_plan(None, {name: text}, self._libraries())
        return [
            Resource(kind="event", name=f"{plan.app}/{event}", body=body)
            for event, body in plan.bodies.items()
        ]

    def _libraries(self) -> dict[str, Library]:
        """Return the libraries among the plans' files."""
        found = {}
        for path in self._files:
            if path.parent.name == "plan":
                text = path.read_text(encoding="utf-8")
                if is_library(text):
                    library = load_library(text, file=str(path.relative_to(self._folder)))
                    found[library.id] = library
        return found

    def _datasets(self, text: str, name: str) -> Iterable[Resource]:
        return [
            Resource(kind="dataset", name=dataset.name, body=dataset.body)
            for dataset in compile_datasets(text, file=name)
        ]

    def _script(self, text: str, name: str) -> Iterable[Resource]:
        script = compile_script(text, file=name)
        return [Resource(kind="script", name=script.name, body=script.body)]

    def _table(self, text: str, name: str) -> Iterable[Resource]:
        beside = (self._folder / name).with_suffix(".csv")
        rows = beside.read_text(encoding="utf-8") if beside.is_file() else None
        table = compile_table(text, file=name, rows=rows)
        return [Resource(kind="table", name=table.name, body=table.body)]

    def _functions(self, text: str, name: str) -> Iterable[Resource]:
        definitions = self._definitions()
        functions = {**self._written(), **definitions.functions}
        among = msgspec.structs.replace(definitions, functions=functions)
        return [
            Resource(kind="function", name=function.name, body=function.body)
            for function in compile_functions(text, file=name, definitions=among)
        ]

    def _written(self) -> dict[str, ir.UserFunction]:
        """Return the functions of all files as written, of which some may be wrong."""
        found: dict[str, ir.UserFunction] = {}
        for path in self._files:
            if path.parent.name == "functions":
                try:
                    written = load_functions(path.read_text(encoding="utf-8"))
                except (InputError, OSError, UnicodeDecodeError):
                    continue  # reported when the file itself is taken
                found |= {each.name: each.function for each in written}
        return found

    def _definitions(self) -> Definitions:
        named: tuple[Kind, ...] = ("event", "dataset", "function", "table", "script")
        return definitions_of(Snapshot.of(0, [r for kind in named for r in self._of(kind)]))

    def _rules(self, text: str, name: str) -> Iterable[Resource]:
        rules = compile_rules(text, file=name, definitions=self._definitions())
        return [Resource(kind="rule", name=rule.name, body=rule.body) for rule in rules]

    def _apps(self, text: str, name: str) -> Iterable[Resource]:
        try:
            apps = msgspec.convert(yaml_rs.loads(text) if text.strip() else {}, dict[str, _App])
        except (ValueError, msgspec.ValidationError) as error:
            finding = Finding(code="apps", message=str(error), file=name)
            raise FolderError(f"{name} is wrong", findings=[finding]) from error
        found: list[Resource] = []
        for app, written in apps.items():
            settings = AppSettings(
                app=app,
                revision=self._revision(app),
                validation=written.validation,
                allow_list=written.allow_list,
                blocked=written.blocked,
            )
            found.append(Resource(kind="app", name=app, body=msgspec.json.encode(settings)))
            for env, keys in written.keys.items():
                body = msgspec.json.encode(WriteKey(app=app, env=env))
                found += [Resource(kind="key", name=_digest(key), body=body) for key in keys]
        return found

    def _revision(self, app: str) -> int:
        """Return the plan revision in force: one more than the last one if an event changed."""
        prefix = f"{app}/"
        now = {r.name: r.body for r in self._of("event") if r.name.startswith(prefix)}
        held = {
            r.name: r.body for r in self._snapshot.of_kind("event") if r.name.startswith(prefix)
        }
        last = self._snapshot.get("app", app)
        revision = msgspec.json.decode(last.body, type=AppSettings).revision if last else 0
        return revision + 1 if now != held else revision


def _is_table(path: Path) -> bool:
    return path.suffix == ".yaml" and path.parent.name == "tables"


def _digest(key: str) -> str:
    match = _DIGEST.fullmatch(key)
    return match[1] if match else hashlib.sha256(key.encode()).hexdigest()
