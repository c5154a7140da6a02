"""What a user's SQL may contain, read from DuckDB's own parse tree. Pure.

The tree is that of ``json_serialize_sql``: the same parser reads it and runs it, so the two cannot
disagree. Everything is refused that is not known to be harmless.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from trackplane.errors import Finding

_NODES: Final = {
    "SELECT_NODE",
    "SET_OPERATION_NODE",
    "RECURSIVE_CTE_NODE",
    "CTE_NODE",
    "ORDER_MODIFIER",
    "LIMIT_MODIFIER",
    "LIMIT_PERCENT_MODIFIER",
    "DISTINCT_MODIFIER",
    "ORDER_DEFAULT",
    "ASCENDING",
    "DESCENDING",
}
_SOURCES: Final = {"JOIN", "SUBQUERY", "EMPTY", "EXPRESSION_LIST", "PIVOT", "COLUMN_DATA"}
_TABLE_FUNCTIONS: Final = {"unnest", "range", "generate_series"}
_FUNCTION_PREFIXES: Final = ("read_", "parquet_", "duckdb_", "pragma_", "pg_", "has_", "sniff_")
_FUNCTIONS: Final = {
    "getenv",
    "getvariable",
    "current_setting",
    "current_query",
    "query",
    "query_table",
    "glob",
    "nextval",
    "currval",
    "write_log",
    "json_execute_serialized_sql",
    "add_parquet_key",
    "in_search_path",
}
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_\u0080-\uffff][\w ]*\Z")
_NOWHERE: Final = 2**64 - 1

Name = tuple[str, ...]
Place = tuple[int, int]  # line and column, from 1


class Reference:
    """A table name in the text: its parts, and where it stands."""

    def __init__(self, name: Name, location: Place | None) -> None:
        self.name = name
        self.location = location


def inspect(statement: Any, sql: str) -> tuple[list[Reference], list[Finding]]:
    """Return the names a statement reads from, and why it is refused (empty: it is not)."""
    findings: list[Finding] = []
    references: list[Reference] = []
    defined = {str(entry["key"]).casefold() for entry in _ctes(statement)}
    findings += [
        _finding("name", f"WITH may not define the name {name!r}", None)
        for name in sorted(defined)
        if not _PLAIN_NAME.match(name)
    ]
    for node in _objects(statement):
        kind = node.get("type")
        if not isinstance(kind, str):
            continue
        location = place(sql, _location(node))
        if "class" in node:
            findings += _expression(node, location)
        elif kind == "BASE_TABLE":
            parts = tuple(node.get("qualified_name", {}).get("path", ()))
            if node.get("at_clause") is not None:
                findings.append(_finding("form", "AT is not supported", location))
            if not (len(parts) == 1 and parts[0].casefold() in defined):
                references.append(Reference(parts, location))
        elif kind == "TABLE_FUNCTION":
            name = str((node.get("function") or {}).get("function_name", "")).lower()
            if name not in _TABLE_FUNCTIONS:
                findings.append(
                    _finding("function", f"table function {name} is not allowed", location)
                )
        elif kind not in _NODES and kind not in _SOURCES:
            words = kind.lower().replace("_", " ").removesuffix(" node")
            findings.append(_finding("form", f"{words} is not allowed in a query", location))
    if any(finding.line for finding in findings):
        findings = [finding for finding in findings if finding.line]
    findings.sort(key=lambda finding: (finding.line or 0, finding.column or 0))
    return references, findings


def _expression(node: dict[str, Any], location: Place | None) -> list[Finding]:
    if node["class"] == "PARAMETER":
        return [_finding("form", "parameters are not supported", location)]
    if node["class"] not in ("FUNCTION", "WINDOW"):
        return []
    name = str(node.get("function_name", "")).lower()
    qualified = node.get("schema") or node.get("catalog")
    if name in _FUNCTIONS or name.startswith(_FUNCTION_PREFIXES) or qualified:
        return [_finding("function", f"function {name} is not allowed", location)]
    return []


def _finding(code: str, message: str, location: Place | None) -> Finding:
    return Finding(
        code=f"query.{code}",
        message=message,
        line=location[0] if location else None,
        column=location[1] if location else None,
        hint="queries are one SELECT over views: see docs/lake.md",
    )


def place(sql: str, location: int | None) -> Place | None:
    """Return line and column, from 1, of a byte of a text."""
    if location is None:
        return None
    before = sql.encode(errors="replace")[:location].decode(errors="replace")
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _location(node: dict[str, Any]) -> int | None:
    location = node.get("query_location")
    return location if isinstance(location, int) and location != _NOWHERE else None


def _ctes(tree: Any) -> Iterator[dict[str, Any]]:
    for node in _objects(tree):
        entries = node.get("cte_map")
        if isinstance(entries, dict):
            yield from entries.get("map", ())
        if node.get("type") in ("RECURSIVE_CTE_NODE", "CTE_NODE") and node.get("cte_name"):
            yield {"key": node["cte_name"]}


def _objects(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a JSON tree."""
    todo = [tree]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            yield value
            todo += value.values()
        elif isinstance(value, list):
            todo += value
