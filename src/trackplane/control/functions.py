"""User-defined functions: typed expressions that rules call, inlined when a rule is compiled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from trackplane.control import rule_wire, wire
from trackplane.control.catalog import findings_of
from trackplane.control.operations import Call, Operations
from trackplane.control.registry import Registry, Thing
from trackplane.discovery.compile import compile_function
from trackplane.errors import Finding, InputError
from trackplane.rules import ir
from trackplane.rules.definitions import Definitions
from trackplane.rules.load_definitions import load_function

operations: Final = Operations("functions")


def _load(source: str, file: str, version: int) -> ir.UserFunction:
    return load_function(source, file=file, version=version)


def _check(source: str, definitions: Definitions) -> Iterable[Finding]:
    """Return what is wrong with a function among the others, its tests included."""
    try:
        compile_function(source, file="function.yaml", definitions=definitions)
    except InputError as error:
        return findings_of(error)
    return ()


def _summary(thing: Thing) -> str:
    assert isinstance(thing, ir.UserFunction)
    parameters = ", ".join(f"{name}: {kind}" for name, kind in thing.parameters.items())
    return f"({parameters}) -> {thing.result}"


REGISTRY: Final = Registry(kind="function", load=_load, check=_check, summary=_summary)


@operations.add("GET", "/functions")
def list_functions(call: Call, query: wire.Paging) -> rule_wire.Definitions:
    """List the user-defined functions."""
    return REGISTRY.entries(call, query)


@operations.add("POST", "/functions/check")
def check_function(call: Call, body: rule_wire.RuleText) -> rule_wire.DefinitionCheck:
    """Check a function and the rules that use it, without publishing it."""
    return REGISTRY.try_source(call, body.source)


@operations.add("POST", "/functions", action="definition.edit", status=201)
def create_function(call: Call, body: rule_wire.DefinitionSource) -> rule_wire.Definition:
    """Publish a new function."""
    return REGISTRY.create(call, body)


@operations.add("GET", "/functions/{name}")
def get_function(call: Call, name: wire.Word) -> rule_wire.Definition:
    """Show a function."""
    return REGISTRY.get(call, name)


@operations.add("PUT", "/functions/{name}", action="definition.edit", precondition=True)
def update_function(
    call: Call, name: wire.Word, body: rule_wire.DefinitionSource
) -> rule_wire.Definition:
    """Publish a function's next version, and the rules that use it compiled again."""
    return REGISTRY.update(call, name, body)


@operations.add("DELETE", "/functions/{name}", action="definition.edit", precondition=True)
def delete_function(call: Call, name: wire.Word) -> wire.Removed:
    """Take away a function that no rule uses; its versions are kept."""
    return REGISTRY.delete(call, name)


@operations.add("GET", "/functions/{name}/versions")
def list_function_versions(
    call: Call, name: wire.Word, query: wire.Paging
) -> rule_wire.DefinitionVersions:
    """List a function's versions, newest first, those of a deleted one too."""
    return REGISTRY.versions(call, name, query)


@operations.add("POST", "/functions/{name}/rollback", action="definition.edit")
def roll_back_function(
    call: Call, name: wire.Word, body: rule_wire.Rollback
) -> rule_wire.Definition:
    """Put an earlier version's text in force again, as a new version."""
    return REGISTRY.roll_back(call, name, body)
