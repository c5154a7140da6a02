"""The OpenAPI 3.1 document, made from the table of operations.

``python -m trackplane.control.openapi`` writes the committed copy that the console's client is
generated from.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import msgspec

import trackplane
from trackplane.control.access import PERMISSIONS, ROLES, Role
from trackplane.control.operations import Binary, Operation
from trackplane.control.problems import MEDIA_TYPE
from trackplane.control.routes import OPERATIONS, PREFIX
from trackplane.control.wire import Problem

COMMITTED: Final = Path(__file__).parent / "openapi.json"
_REFERENCE: Final = "#/components/schemas/{name}"


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    types: list[Any] = [Problem]
    for operation in OPERATIONS:
        told = None if operation.stream or operation.result is Binary else operation.result
        kinds = (operation.query, operation.body, told)
        types += [kind for kind in kinds if kind is not None]
        types += operation.parameters.values()
    schemas, components = msgspec.json.schema_components(
        types, schema_hook=_schema_of_any, ref_template=_REFERENCE
    )
    inline = dict(zip(map(id, types), schemas, strict=True))
    queries = {op.query.__name__ for op in OPERATIONS if op.query is not None}
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        row = paths.setdefault(PREFIX + operation.path, {})
        row[operation.method.lower()] = _operation(operation, inline, components)
    kept = {name: schema for name, schema in components.items() if name not in queries}
    for schema in kept.values():
        # A docstring's first line is for the API's readers, the rest for the code's.
        schema["description"] = schema.get("description", "").split("\n", 1)[0]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Trackplane control plane",
            "version": trackplane.__version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": kept,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _schema_of_any(kind: type) -> dict[str, Any]:
    if kind is object:
        return {"description": "any JSON value"}
    raise NotImplementedError(kind)


def _operation(
    operation: Operation, inline: dict[int, Any], components: dict[str, Any]
) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": inline[id(kind)]}
        for name, kind in operation.parameters.items()
    ]
    if operation.query is not None:
        described = components[operation.query.__name__]
        required = described.get("required", [])
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": schema}
            for name, schema in described["properties"].items()
        ]
    if operation.precondition:
        parameters.append(
            {
                "name": "If-Match",
                "in": "header",
                "required": True,
                "description": "the ETag of the thing as it was read, in quotes, or *",
                "schema": {"type": "string"},
            }
        )
    described = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": (
            f"Action `{operation.action}`: for the roles {', '.join(_roles(operation))}."
        ),
        "x-action": operation.action,
        "x-roles": _roles(operation),
        "tags": [operation.tag],
        "parameters": parameters,
        "responses": _responses(operation, inline),
    }
    if operation.body is not None:
        content = {"application/json": {"schema": inline[id(operation.body)]}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _roles(operation: Operation) -> list[Role]:
    return [role for role in ROLES if role in PERMISSIONS[operation.action]]


def _responses(operation: Operation, inline: dict[int, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(operation.status).phrase}
    if operation.stream:
        answer["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    elif operation.result is Binary:
        answer["content"] = {"image/*": {"schema": {"type": "string", "format": "binary"}}}
    else:
        answer["content"] = {"application/json": {"schema": inline[id(operation.result)]}}
        if "etag" in operation.result.__struct_fields__:
            answer["headers"] = {"ETag": {"required": True, "schema": {"type": "string"}}}
    codes = [400, 401, 403, 404, 422]
    if operation.method != "GET":
        codes += [409, 413, 415]
    if operation.precondition:
        codes += [412, 428]
    codes += [503]
    problem = {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(name="Problem")}}}
    problems = {
        str(code): {"description": HTTPStatus(code).phrase, "content": problem} for code in codes
    }
    other = {"default": {"description": "Another problem", "content": problem}}
    return {str(operation.status): answer, **problems, **other}


def text() -> str:
    """Return the document as the committed copy holds it."""
    data = msgspec.json.format(msgspec.json.encode(document(), order="deterministic"), indent=1)
    return re.sub(r"\s+\Z", "", data.decode()) + "\n"


if __name__ == "__main__":
    COMMITTED.write_text(text())
