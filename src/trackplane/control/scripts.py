"""Scripts: Python texts that run in isolated processes on what rules put out."""

from __future__ import annotations

from typing import Final

from trackplane.control import rule_wire, wire
from trackplane.control.operations import Call, Operations
from trackplane.control.registry import Registry, Thing
from trackplane.rules import ir
from trackplane.rules.load_definitions import load_script

operations: Final = Operations("scripts")


def _load(source: str, file: str, version: int) -> ir.ScriptText:
    return load_script(source, file=file, version=version)


def _summary(thing: Thing) -> str:
    assert isinstance(thing, ir.ScriptText)
    lines = thing.text.count("\n") + 1
    return f"{lines} lines; {thing.wall_ms} ms, {thing.memory_mb} MB a batch"


REGISTRY: Final = Registry(
    kind="script", load=_load, check=lambda _source, _definitions: (), summary=_summary
)


@operations.add("GET", "/scripts")
def list_scripts(call: Call, query: wire.Paging) -> rule_wire.Definitions:
    """List the scripts."""
    return REGISTRY.entries(call, query)


@operations.add("POST", "/scripts/check")
def check_script(call: Call, body: rule_wire.RuleText) -> rule_wire.DefinitionCheck:
    """Check a script and the rules that use it, without publishing it."""
    return REGISTRY.try_source(call, body.source)


@operations.add("POST", "/scripts", action="definition.edit", status=201)
def create_script(call: Call, body: rule_wire.DefinitionSource) -> rule_wire.Definition:
    """Publish a new script."""
    return REGISTRY.create(call, body)


@operations.add("GET", "/scripts/{name}")
def get_script(call: Call, name: wire.Word) -> rule_wire.Definition:
    """Show a script."""
    return REGISTRY.get(call, name)


@operations.add("PUT", "/scripts/{name}", action="definition.edit", precondition=True)
def update_script(
    call: Call, name: wire.Word, body: rule_wire.DefinitionSource
) -> rule_wire.Definition:
    """Publish a script's next version, and the rules that use it compiled again."""
    return REGISTRY.update(call, name, body)


@operations.add("DELETE", "/scripts/{name}", action="definition.edit", precondition=True)
def delete_script(call: Call, name: wire.Word) -> wire.Removed:
    """Take away a script that no rule uses; its versions are kept."""
    return REGISTRY.delete(call, name)


@operations.add("GET", "/scripts/{name}/versions")
def list_script_versions(
    call: Call, name: wire.Word, query: wire.Paging
) -> rule_wire.DefinitionVersions:
    """List a script's versions, newest first, those of a deleted one too."""
    return REGISTRY.versions(call, name, query)


@operations.add("POST", "/scripts/{name}/rollback", action="definition.edit")
def roll_back_script(call: Call, name: wire.Word, body: rule_wire.Rollback) -> rule_wire.Definition:
    """Put an earlier version's text in force again, as a new version."""
    return REGISTRY.roll_back(call, name, body)
