"""Lookup tables: small dimensions that rules look up, replaced hot."""

from __future__ import annotations

from typing import Final

from trackplane.control import rule_wire, wire
from trackplane.control.operations import Call, Operations
from trackplane.control.registry import Registry, Thing
from trackplane.rules import ir
from trackplane.rules.load_definitions import load_table

operations: Final = Operations("tables")


def _load(source: str, file: str, version: int) -> ir.LookupTable:
    return load_table(source, file=file, version=version)


def _summary(thing: Thing) -> str:
    assert isinstance(thing, ir.LookupTable)
    return f"{len(thing.rows)} rows: {thing.key} -> {', '.join(thing.columns)}"


# What else could be wrong is in the rules that look it up: they are compiled again.
REGISTRY: Final = Registry(
    kind="table", load=_load, check=lambda _source, _definitions: (), summary=_summary
)


@operations.add("GET", "/tables")
def list_lookup_tables(call: Call, query: wire.Paging) -> rule_wire.Definitions:
    """List the lookup tables."""
    return REGISTRY.entries(call, query)


@operations.add("POST", "/tables/check")
def check_lookup_table(call: Call, body: rule_wire.RuleText) -> rule_wire.DefinitionCheck:
    """Check a lookup table and the rules that use it, without publishing it."""
    return REGISTRY.try_source(call, body.source)


@operations.add("POST", "/tables", action="definition.edit", status=201)
def create_lookup_table(call: Call, body: rule_wire.DefinitionSource) -> rule_wire.Definition:
    """Publish a new lookup table."""
    return REGISTRY.create(call, body)


@operations.add("GET", "/tables/{name}")
def get_lookup_table(call: Call, name: wire.Word) -> rule_wire.Definition:
    """Show a lookup table."""
    return REGISTRY.get(call, name)


@operations.add("PUT", "/tables/{name}", action="definition.edit", precondition=True)
def update_lookup_table(
    call: Call, name: wire.Word, body: rule_wire.DefinitionSource
) -> rule_wire.Definition:
    """Publish a lookup table's next version, and the rules that use it compiled again."""
    return REGISTRY.update(call, name, body)


@operations.add("DELETE", "/tables/{name}", action="definition.edit", precondition=True)
def delete_lookup_table(call: Call, name: wire.Word) -> wire.Removed:
    """Take away a lookup table that no rule uses; its versions are kept."""
    return REGISTRY.delete(call, name)


@operations.add("GET", "/tables/{name}/versions")
def list_lookup_table_versions(
    call: Call, name: wire.Word, query: wire.Paging
) -> rule_wire.DefinitionVersions:
    """List a lookup table's versions, newest first, those of a deleted one too."""
    return REGISTRY.versions(call, name, query)


@operations.add("POST", "/tables/{name}/rollback", action="definition.edit")
def roll_back_lookup_table(
    call: Call, name: wire.Word, body: rule_wire.Rollback
) -> rule_wire.Definition:
    """Put an earlier version's text in force again, as a new version."""
    return REGISTRY.roll_back(call, name, body)
