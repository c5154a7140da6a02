"""The IR's JSON Schema, made from its structs; ``spec/rules/ir.schema.json`` is this, as a file."""

from __future__ import annotations

from typing import Any

import msgspec

from trackplane.rules.ir import LANGUAGE, Rule


def ir_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) of a rule's IR as JSON."""
    schema = msgspec.json.schema(Rule)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Trackplane rule IR, language version {LANGUAGE}",
        **schema,
    }
