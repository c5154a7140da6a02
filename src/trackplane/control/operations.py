"""The HTTP API as a table: each operation is a function, its types are its documentation.

One place reads requests, checks tokens, permissions and preconditions, and answers; so every operation
behaves alike, and the OpenAPI document (``openapi``) says exactly what is accepted, made from the
same table. Operations are synchronous and run in threads; ``stream`` ones are made in the loop.

A function's first parameter is the ``Call``; others of its path template are path parameters;
``query`` and ``body`` are structs of ``wire``; it returns a struct of ``wire``. Where that has an
``etag``, the answer carries it as a header.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    Literal,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec

from trackplane.control.access import Action, Actor
from trackplane.control.patterns import in_words
from trackplane.control.problems import (
    BadRequestError,
    PreconditionRequiredError,
    StaleError,
)
from trackplane.errors import Finding, did_you_mean

if TYPE_CHECKING:
    from trackplane.control.platform import Platform

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Handler = Callable[..., Any]
F = TypeVar("F", bound=Handler)
T = TypeVar("T", bound=msgspec.Struct)
_ETAG: Final = re.compile(r'"([^"]*)"')


class Call:
    """A request on its way through an operation: who asks, and under what precondition."""

    def __init__(self, platform: Platform, actor: Actor, if_match: str | None) -> None:
        self.platform = platform
        self.actor = actor
        self._if_match = if_match

    def etags(self) -> list[str]:
        """Return the ETags the caller gave by If-Match."""
        return _ETAG.findall(self._if_match or "")

    def match(self, etag: str) -> None:
        """Check that the thing is as the caller saw it.

        Raises:
            StaleError: it was changed since.
        """
        given = self._if_match
        if given is None or given.strip() == "*" or etag in _ETAG.findall(given):
            return
        raise StaleError(
            f'it was changed since you read it: its ETag is "{etag}" now, not {given}',
            hint="read it again and decide whether your change still holds",
        )


class Binary(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is no JSON: bytes named by their content, so that they may be kept for ever."""

    content: bytes
    media_type: str
    filename: str


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table."""

    name: str
    method: Method
    path: str
    action: Action
    summary: str
    tag: str
    status: int
    precondition: bool
    stream: bool
    handler: Handler
    parameters: Mapping[str, Any]
    query: Any
    body: Any
    result: Any


class Operations(list[Operation]):
    """The operations of one subject."""

    def __init__(self, tag: str) -> None:
        super().__init__()
        self.tag = tag

    def add(
        self,
        method: Method,
        path: str,
        *,
        action: Action = "read",
        status: int = 200,
        precondition: bool = False,
        stream: bool = False,
    ) -> Callable[[F], F]:
        """Register the decorated function; its docstring's first line is the summary."""

        def register(handler: F) -> F:
            hints = get_type_hints(handler, include_extras=True)
            names = re.findall(r"{(\w+)}", path)
            self.append(
                Operation(
                    name=handler.__name__,
                    method=method,
                    path=path,
                    action=action,
                    summary=(inspect.getdoc(handler) or "").split("\n", 1)[0].rstrip("."),
                    tag=self.tag,
                    status=status,
                    precondition=precondition,
                    stream=stream,
                    handler=handler,
                    parameters={name: hints[name] for name in names},
                    query=hints.get("query"),
                    body=hints.get("body"),
                    result=hints["return"],
                )
            )
            return handler

        return register


def arguments(
    operation: Operation,
    *,
    path: Mapping[str, str],
    query: Mapping[str, str],
    body: bytes,
    if_match: str | None,
) -> dict[str, Any]:
    """Return what the operation's function is called with.

    Raises:
        BadRequestError: with every finding in parameters or body.
        PreconditionRequiredError: ``If-Match`` is missing on a change.
    """
    if operation.precondition and not if_match:
        raise PreconditionRequiredError(
            "say by If-Match what state this is a change of",
            hint="send the ETag of the thing as you read it, or * to change it as it is",
        )
    values: dict[str, Any] = {}
    findings: list[Finding] = []
    for name, kind in operation.parameters.items():
        try:
            values[name] = msgspec.convert(path[name], kind, strict=False)
        except msgspec.ValidationError as error:
            findings.append(Finding(code="parameter", message=f"{name}: {in_words(str(error))}"))
    if operation.query is not None:
        values["query"] = _convert(dict(query), operation.query, findings, strict=False)
    elif query:
        findings += _unknown(query, ())
    if operation.body is not None:
        try:
            data = _whole(msgspec.json.decode(body))
        except msgspec.DecodeError as error:
            findings.append(Finding(code="json", message=f"the body is not JSON: {error}"))
        except RecursionError:
            findings.append(Finding(code="json", message="the body is nested too deep"))
        except UnicodeDecodeError as error:
            findings.append(Finding(code="json", message=f"the body is not UTF-8: {error.reason}"))
        else:
            values["body"] = _convert(data, operation.body, findings, strict=True)
    if findings:
        raise BadRequestError("the request cannot be taken", findings=findings)
    return values


def _whole(data: Any) -> Any:
    """Return decoded JSON with integral floats as integers: to JSON Schema 2.0 is an integer."""
    if isinstance(data, float) and data.is_integer():
        return int(data)
    if isinstance(data, dict):
        return {key: _whole(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_whole(value) for value in data]
    return data


def _convert(data: object, kind: type[T], findings: list[Finding], *, strict: bool) -> T | None:
    """Convert to a struct; on failure add a finding for each field that is wrong, not the first."""
    try:
        return msgspec.convert(data, kind, strict=strict)
    except msgspec.ValidationError as error:
        if not isinstance(data, dict):
            findings.append(Finding(code="body", message=str(error)))
            return None
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    findings += _unknown(data, fields)
    for name, field in fields.items():
        if name not in data:
            if field.required:
                findings.append(
                    Finding(code="required", message=f"{name} is required", pointer=f"/{name}")
                )
            continue
        findings += _field(data[name], field.type, f"/{name}", strict=strict)
    return None


def _field(value: object, kind: Any, pointer: str, *, strict: bool) -> list[Finding]:
    """Return what is wrong with a value; of an object's entries each that is."""
    try:
        msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        found: list[Finding] = []
        if isinstance(value, dict) and len(value) > 1 and get_origin(_plain(kind)) is dict:
            for key, each in value.items():
                found += _field({key: each}, kind, pointer, strict=strict)
        text, _, place = in_words(str(error)).partition(" - at `$")
        if isinstance(value, dict):
            key = f"{next(iter(value), '')!s:.200}"
            text, of_key, _ = text.partition(" - at `key`")
            text += f": {key!r}" if of_key else ""
            if place.startswith("[...]"):
                place = place.removeprefix("[...]")
                pointer += "/" + key.replace("~", "~0").replace("/", "~1")
        inner = place.rstrip("`").replace("[", "/").replace("]", "").replace(".", "/")
        hint = _choices(value, kind) if text.startswith("Invalid enum value") else None
        return found or [
            Finding(code="value", message=text, pointer=f"{pointer}{inner}", hint=hint)
        ]
    return []


def _choices(value: object, kind: Any) -> str | None:
    """Return what a value could have been, the nearest first; None where it is further inside."""
    while get_origin(kind) is not Literal:
        inner = [each for each in get_args(_plain(kind)) if get_origin(_plain(each)) is Literal]
        if len(inner) != 1:
            return None
        kind = _plain(inner[0])
    known = [str(each) for each in get_args(kind)]
    return did_you_mean(str(value), known) or f"one of {', '.join(known)}"


def _plain(kind: Any) -> Any:
    return kind.__origin__ if get_origin(kind) is Annotated else kind


def _unknown(data: Mapping[Any, Any], known: Mapping[str, Any] | tuple[str, ...]) -> list[Finding]:
    return [
        Finding(
            code="unknown",
            message=f"{name!s:.100} is not known here",
            pointer=f"/{name!s:.100}",
            hint=did_you_mean(str(name)[:100], known),
        )
        for name in data
        if name not in known
    ]
