"""Texts to resources: plans, datasets and rules as they travel, for the folder and the control plane."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import msgspec

from trackplane.discovery import Kind, Snapshot
from trackplane.errors import Finding
from trackplane.plan.model import EventSpec, Library, Plan
from trackplane.plan.text import PlanError
from trackplane.plan.workspace import Workspace
from trackplane.rules import ir
from trackplane.rules.check import check_rule
from trackplane.rules.definitions import Definitions
from trackplane.rules.function_check import check_function
from trackplane.rules.library import Environment
from trackplane.rules.load import load_dataset, load_datasets, load_rule, load_rules
from trackplane.rules.load_definitions import (
    FunctionSource,
    load_functions,
    load_script,
    load_table,
)
from trackplane.rules.plan_check import check_expressions
from trackplane.rules.reader import only
from trackplane.rules.source import RuleError, RuleSource
from trackplane.rules.tests import run_tests

EventKey = tuple[str, str]  # (app, event)
D = TypeVar("D")


class CompiledPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan ready to travel: each event's specification and its JSON, by name."""

    app: str
    plan: Plan
    specs: Mapping[str, EventSpec]
    bodies: Mapping[str, bytes]
    warnings: tuple[Finding, ...] = ()


class CompiledDataset(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset ready to travel."""

    name: str
    body: bytes


class CompiledDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A function, lookup table or script ready to travel.

    ``uses`` names what a function brings into the rules that call it.
    """

    kind: Kind
    name: str
    body: bytes
    uses: tuple[str, ...] = ()


class CompiledRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule ready to travel: checked against plans and datasets, its tests passed."""

    name: str
    apps: tuple[str, ...]
    to: str
    owner: str
    body: bytes
    uses: tuple[str, ...] = ()
    warnings: tuple[Finding, ...] = ()


class Plans(Mapping[EventKey, EventSpec]):
    """The planned events of a configuration, decoded when asked for.

    ``instead`` gives some apps' events in place of those in force; ``visible`` hides apps.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        instead: Mapping[str, Mapping[str, EventSpec]] | None = None,
        visible: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._snapshot = snapshot
        self._instead = dict(instead or {})
        self._visible = visible

    def __getitem__(self, key: EventKey) -> EventSpec:
        app, event = key
        if app in self._instead:
            return self._instead[app][event]
        resource = self._snapshot.get("event", f"{app}/{event}")
        if resource is None or not self._visible(app):
            raise KeyError(key)
        return msgspec.json.decode(resource.body, type=EventSpec)

    def __iter__(self) -> Iterator[EventKey]:
        for app, events in self._instead.items():
            for event in events:
                yield app, event
        for resource in self._snapshot.of_kind("event"):
            app, _, event = resource.name.partition("/")
            if app not in self._instead and self._visible(app):
                yield app, event

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Decoded(Mapping[str, D]):
    """The definitions of a kind by name, decoded once, when asked for."""

    def __init__(self, snapshot: Snapshot, kind: Kind, type_: type[D]) -> None:
        self._snapshot = snapshot
        self._kind: Kind = kind
        self._type = type_
        self._held: dict[str, D] = {}

    def __getitem__(self, name: str) -> D:
        if name not in self._held:
            resource = self._snapshot.get(self._kind, name)
            if resource is None:
                raise KeyError(name)
            self._held[name] = msgspec.json.decode(resource.body, type=self._type)
        return self._held[name]

    def __iter__(self) -> Iterator[str]:
        return (resource.name for resource in self._snapshot.of_kind(self._kind))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def compile_plan(
    app: str | None, files: Mapping[str, str], libraries: Mapping[str, Library] | None = None
) -> CompiledPlan:
    """Return the plan of an app (None: of the app that the texts name) as it travels.

    ``files`` has the plan's YAML texts by their paths, ``libraries`` those it may use by id.

    Raises:
        PlanError: with every finding; also that the text is another app's plan.
    """
    read = Workspace.load(files, libraries)
    plan = read.plan
    if app is not None and plan.app != app:
        finding = Finding(
            code="app",
            message=f"the plan is of the app {plan.app!r}, not of {app!r}",
            file=next(iter(files)),
        )
        raise PlanError(f"it is the plan of {plan.app!r}", findings=[finding])
    check_expressions(plan, files)
    return CompiledPlan(
        app=plan.app,
        plan=plan,
        specs=plan.events,
        bodies={event: msgspec.json.encode(spec) for event, spec in plan.events.items()},
        warnings=read.warnings,
    )


def compile_dataset(source: str, *, file: str) -> CompiledDataset:
    """Return a dataset as it travels.

    Raises:
        RuleError: with every finding.
    """
    dataset = load_dataset(source, file=file)
    return CompiledDataset(name=dataset.name, body=ir.encode(dataset))


def compile_datasets(source: str, *, file: str) -> list[CompiledDataset]:
    """Return the datasets of a file of several.

    Raises:
        RuleError: with every finding.
    """
    return [
        CompiledDataset(name=dataset.name, body=ir.encode(dataset))
        for dataset in load_datasets(source, file=file)
    ]


def definitions_of(
    snapshot: Snapshot,
    *,
    plans: Plans | None = None,
    datasets: Mapping[str, ir.Dataset] | None = None,
    keys: frozenset[str] | None = None,
    has_geo: bool | None = None,
) -> Definitions:
    """Return what rules may name in a state, decoded when asked for.

    ``plans`` and ``datasets`` stand in place of the state's own.
    """
    return Definitions(
        plans=Plans(snapshot) if plans is None else plans,
        datasets=_Decoded(snapshot, "dataset", ir.Dataset) if datasets is None else datasets,
        functions=_Decoded(snapshot, "function", ir.UserFunction),
        tables=_Decoded(snapshot, "table", ir.LookupTable),
        scripts=_Decoded(snapshot, "script", ir.ScriptText),
        keys=keys,
        has_geo=has_geo,
    )


def compile_rule(source: str, *, file: str, definitions: Definitions) -> CompiledRule:
    """Check a rule, run its tests and return it as it travels.

    Raises:
        RuleError: with every finding, failed tests included.
    """
    return _compiled(load_rule(source, file=file), file, definitions)


def compile_function(
    source: str, *, file: str, definitions: Definitions, version: int = 1
) -> CompiledDefinition:
    """Return a user function as it travels: checked among the others, its tests passed.

    Raises:
        RuleError: with every finding.
    """
    written = only(load_functions(source, file=file), source, file, "function")
    return _function(written, definitions, version)


def compile_functions(
    source: str, *, file: str, definitions: Definitions
) -> list[CompiledDefinition]:
    """Return the functions of a file of several, as ``compile_function`` does one.

    Raises:
        RuleError: with every finding.
    """
    written = load_functions(source, file=file)
    functions = {**definitions.functions, **{each.name: each.function for each in written}}
    among = msgspec.structs.replace(definitions, functions=functions)
    return [_function(each, among, 1) for each in written]


def _function(
    written: FunctionSource, definitions: Definitions, version: int
) -> CompiledDefinition:
    typed = check_function(written, definitions)
    function = msgspec.structs.replace(written.function, version=version)
    own = f"function:{written.name}@"
    uses = tuple(sorted(name for name in typed.uses if not name.startswith(own)))
    return CompiledDefinition(
        kind="function", name=written.name, body=ir.encode(function), uses=uses
    )


def compile_table(
    source: str, *, file: str, rows: str | None = None, version: int = 1
) -> CompiledDefinition:
    """Return a lookup table as it travels; ``rows`` is CSV of its own file.

    Raises:
        RuleError: with every finding.
    """
    table = load_table(source, file=file, rows=rows, version=version)
    return CompiledDefinition(kind="table", name=table.name, body=ir.encode(table))


def compile_script(source: str, *, file: str, version: int = 1) -> CompiledDefinition:
    """Return a script as it travels. It is read for errors, never run.

    Raises:
        RuleError: with every finding.
    """
    script = load_script(source, file=file, version=version)
    return CompiledDefinition(kind="script", name=script.name, body=ir.encode(script))


def users_of(snapshot: Snapshot, kind: Kind, name: str) -> list[str]:
    """Return the rules to compile again when a function, table or script changes, by name."""
    prefix = f"{kind}:{name}@"
    return [
        resource.name
        for resource in snapshot.of_kind("rule")
        if any(used.startswith(prefix) for used in ir.decode_rule(resource.body).uses)
    ]


def compile_rules(source: str, *, file: str, definitions: Definitions) -> list[CompiledRule]:
    """Return the rules of a file of several, as ``compile_rule`` does one.

    Raises:
        RuleError: with every finding.
    """
    return [_compiled(rule, file, definitions) for rule in load_rules(source, file=file)]


def _compiled(written: RuleSource, file: str, definitions: Definitions) -> CompiledRule:
    rule = check_rule(written, definitions)
    failed = [
        result
        for result in run_tests(rule, written.tests, Environment.of(definitions))
        if not result.passed
    ]
    if failed:
        findings = [
            Finding(
                code="rule_test",
                message=f"test {result.number}: {result.message}",
                file=file,
                line=result.line or None,
            )
            for result in failed
        ]
        raise RuleError(f"{len(failed)} test(s) of {rule.name!r} failed", findings=findings)
    return CompiledRule(
        name=rule.name,
        apps=rule.apps,
        to=rule.target,
        owner=rule.owner,
        uses=rule.uses,
        body=ir.encode(rule),
    )
