"""Type inference over labelled columns, beside DuckDB's and pyarrow's own sniffing of JSON."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.json as pj

from benchmarks.assist.columns import ABSENT, Column, columns
from trackplane.assist import gather, infer
from trackplane.plan.model import Property


def samples(column: Column) -> list[dict[str, Any]]:
    return [{} if value is ABSENT else {column.name: value} for value in column.values]


def ours(column: Column) -> Property:
    evidence = gather(samples(column)).members[column.name]
    return infer(f"what.{column.name}", evidence, allowed=0.02).shape


def our_type(column: Column) -> str:
    kinds = ours(column).type
    return kinds[0] if len(kinds) == 1 else "union"


def ndjson(column: Column) -> str:
    return "".join(json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples(column))


def duckdb_type(column: Column) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".ndjson", encoding="utf-8") as file:
        file.write(ndjson(column))
        file.flush()
        found = duckdb.sql(f"DESCRIBE SELECT * FROM read_json('{file.name}')").fetchall()
    name = str(found[0][1]).upper()
    if name.startswith("MAP"):
        return "map"
    if name.endswith("[]"):
        return "array"
    if name.startswith("STRUCT"):
        return "object"
    # A date is a text with a pattern in a plan, and a UUID likewise.
    words = {"BIGINT": "integer", "DOUBLE": "number", "BOOLEAN": "boolean", "JSON": "json",
             "VARCHAR": "string", "DATE": "string", "UUID": "string"}  # fmt: skip
    return "timestamp" if name.startswith("TIMESTAMP") else words.get(name, name.casefold())


def pyarrow_type(column: Column) -> str:
    try:
        table = pj.read_json(io.BytesIO(ndjson(column).encode()))
    except pa.ArrowInvalid:
        return "none"
    found = table.schema.field(0).type
    for test, name in (
        (pa.types.is_boolean, "boolean"),
        (pa.types.is_integer, "integer"),
        (pa.types.is_floating, "number"),
        (pa.types.is_timestamp, "timestamp"),
        (pa.types.is_list, "array"),
        (pa.types.is_struct, "object"),
    ):
        if test(found):
            return name
    return "string"


SUBJECTS: dict[str, Callable[[Column], str]] = {
    "trackplane": our_type,
    "DuckDB read_json": duckdb_type,
    "pyarrow read_json": pyarrow_type,
}


def rows() -> Iterator[dict[str, Any]]:
    everything = list(columns())
    for held, part in ((False, "tuned on"), (True, "held out")):
        for dirty in (False, True):
            chosen = [c for c in everything if c.held == held and bool(c.dirt) == dirty]
            case = f"types of {len(chosen)} {'dirty' if dirty else 'clean'} columns"
            found = {
                name: sum(kind(column) == column.label for column in chosen) / len(chosen)
                for name, kind in SUBJECTS.items()
            }
            for name, value in found.items():
                yield _row(f"{case}, {part}", name, "accuracy", value, found["trackplane"])
        chosen = [column for column in everything if column.held == held]
        shapes = [(column, ours(column)) for column in chosen]
        for unit, value in (
            *_both("enums", [(c.enum, s.enum is not None, True) for c, s in shapes]),
            *_both("personal data", [(c.pii, s.pii, c.pii == s.pii) for c, s in shapes]),
        ):
            case = f"constraints of {len(chosen)} columns, {part}"
            yield _row(case, "trackplane", unit, value, value)


def _both(what: str, told: list[tuple[Any, Any, bool]]) -> list[tuple[str, float]]:
    """Return precision and recall of (label, answer, right if both)."""
    right = sum(bool(label and answer and same) for label, answer, same in told)
    given = sum(bool(answer) for _, answer, _ in told)
    wanted = sum(bool(label) for label, _, _ in told)
    return [(f"precision, {what}", right / given), (f"recall, {what}", right / wanted)]


def _row(case: str, subject: str, unit: str, value: float, ours: float) -> dict[str, Any]:
    return {
        "benchmark": "assist",
        "case": case,
        "subject": subject,
        "value": round(value, 3),
        "unit": unit,
        "ratio": None if subject == "trackplane" else round(ours / value, 2),
        "ratio_to": subject,
    }
