"""An event's specification as JSON Schema 2020-12, exactly as strict as its validator.

A merged event is valid under it if and only if the validator finds no violation of severity error.
Each property that variants change becomes a way through its forms, one variant a step.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import quote

from trackplane.event import BUILT_IN, NAMESPACES
from trackplane.plan.model import Applies, EventSpec, Property
from trackplane.plan.patterns import to_ecma
from trackplane.plan.properties import (
    built_in_property,
    forms_of,
    timestamp_pattern,
    touched,
)
from trackplane.plan.versions import range_patterns

Schema = dict[str, Any]
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_INT64: Final = {"type": "integer", "minimum": -(1 << 63), "maximum": (1 << 63) - 1}


def to_json_schema(spec: EventSpec) -> Schema:
    """Return the schema of a merged event."""
    schema: Schema = {"$schema": DIALECT, "title": spec.event, "type": "object"}
    varying = touched(spec)
    schema |= _namespaces(spec, varying)
    if not varying:
        return schema
    definitions: Schema = {}
    for number, variant in enumerate(spec.variants):
        definitions[f"variant-{number}"] = _condition(variant.applies, spec.app)
    schema["allOf"] = [
        _varying(spec, namespace, name, by, definitions)
        for (namespace, name), by in varying.items()
    ]
    return schema | {"$defs": definitions}


def _varying(
    spec: EventSpec, namespace: str, name: str, by: list[int], definitions: Schema
) -> Schema:
    """Return a property that variants change, as a way through its forms, one variant a step.

    Equal forms of a step are one definition, so the schema grows with the forms there are and not
    with the combinations of variants.
    """
    steps = forms_of(spec, namespace, name)
    prefix = f"{namespace}.{name}"
    for step, forms in enumerate(steps):
        for number, form in enumerate(forms):
            key = f"{prefix}/{step}/{number}"
            if step == len(by):
                definitions[key] = _leaf(namespace, name, form.shape)
            elif form.without == form.applied:
                definitions[key] = _reference(f"{prefix}/{step + 1}/{form.applied}")
            else:
                definitions[key] = {
                    "if": _reference(f"variant-{by[step]}"),
                    "then": _reference(f"{prefix}/{step + 1}/{form.applied}"),
                    "else": _reference(f"{prefix}/{step + 1}/{form.without}"),
                }
    return _reference(f"{prefix}/0/0")


def _reference(key: str) -> Schema:
    escaped = key.replace("~", "~0").replace("/", "~1")
    return {"$ref": f"#/$defs/{quote(escaped, safe='~$')}"}


def _leaf(namespace: str, name: str, shape: Property | None) -> Schema:
    if shape is None:
        shape = built_in_property(f"{namespace}.{name}")
    if shape is None:
        return {}
    inner: Schema = {"properties": {name: property_schema(shape)}}
    if not shape.required:
        return {"properties": {namespace: inner}}
    return {
        "properties": {namespace: inner | {"required": [name]}}, "required": [namespace],
    }  # fmt: skip


def _namespaces(spec: EventSpec, varying: Collection[tuple[str, str]]) -> Schema:
    properties: Schema = {}
    required = []
    for namespace in NAMESPACES:
        members: dict[str, Property] = {
            path.partition(".")[2]: shape
            for path in BUILT_IN
            if path.startswith(f"{namespace}.")
            and path not in {"when.server", "when.at"}
            and (shape := built_in_property(path)) is not None
        }
        members |= spec.properties.get(namespace, {})
        fixed = {n: shape for n, shape in members.items() if (namespace, n) not in varying}
        properties[namespace] = _members(fixed)
        if properties[namespace].get("required"):
            required.append(namespace)
    return {"properties": properties} | ({"required": required} if required else {})


def _members(properties: Mapping[str, Property]) -> Schema:
    schema: Schema = {
        "type": "object",
        "properties": {name: property_schema(shape) for name, shape in properties.items()},
    }
    required = [name for name, shape in properties.items() if shape.required]
    return schema | ({"required": required} if required else {})


def property_schema(shape: Property) -> Schema:
    """Return the schema of one property."""
    options = [_type_schema(kind, shape) for kind in shape.type]
    schema = options[0] if len(options) == 1 else {"anyOf": options}
    if shape.enum is not None:
        schema = {"allOf": [schema, {"enum": [v for v in shape.enum if v is not None]}]}
    if shape.nullable:
        return {"anyOf": [{"type": "null"}, schema]}
    if "json" in shape.type and shape.enum is None:
        return schema
    return {"allOf": [{"not": {"type": "null"}}, schema]}


def _type_schema(kind: str, shape: Property) -> Schema:
    given: Schema
    match kind:
        case "string":
            given = {"minLength": shape.min_length, "maxLength": shape.max_length}
            if shape.pattern is not None:
                given["pattern"] = to_ecma(shape.pattern)
            return {"type": "string"} | _set(given)
        case "integer" | "number":
            bounds = _set({"minimum": shape.min, "maximum": shape.max})
            if kind == "number":
                return {"type": "number"} | bounds
            return {"allOf": [_INT64, bounds]} if bounds else dict(_INT64)
        case "boolean":
            return {"type": "boolean"}
        case "timestamp":
            text = {"type": "string", "pattern": f"^{timestamp_pattern()}$"}
            return {"anyOf": [dict(_INT64), text]}
        case "array":
            given = {"minItems": shape.min_length, "maxItems": shape.max_length}
            if shape.items is not None:
                given["items"] = property_schema(shape.items)
            return {"type": "array"} | _set(given)
        case "map":
            given = {"minProperties": shape.min_length, "maxProperties": shape.max_length}
            if shape.values is not None:
                given["additionalProperties"] = property_schema(shape.values)
            return {"type": "object"} | _set(given)
        case "object":
            given = {"minProperties": shape.min_length, "maxProperties": shape.max_length}
            if not shape.additional:
                given["additionalProperties"] = False
            return _members(shape.properties or {}) | _set(given)
        case _:
            return {}


def _set(given: Schema) -> Schema:
    return {key: value for key, value in given.items() if value is not None}


def _condition(applies: Applies, app: str) -> Schema:
    tests: list[Schema] = []
    if applies.app is not None and app not in applies.app:
        tests.append({"not": {}})
    if applies.platform is not None:
        tests.append(_at("how.platform", {"enum": list(applies.platform)}))
    if applies.app_version is not None:
        patterns = [{"pattern": pattern} for pattern in range_patterns(applies.app_version)]
        tests.append(_at("how.app_version", {"type": "string", "allOf": patterns}))
    for path, accepted in applies.equals.items():
        tests.append(_at(path, {"enum": [value for value in accepted if value is not None]}))
    return {"allOf": tests} if tests else {}


def _at(path: str, schema: Schema) -> Schema:
    for part in reversed(path.split(".")):
        schema = {"type": "object", "required": [part], "properties": {part: schema}}
    return schema
