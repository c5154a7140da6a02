"""The ASGI application: the table of operations, the console, health; one way to answer errors."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, cast

import msgspec
import structlog
from litestar import HttpMethod, Litestar, Request, Response, route
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream

from trackplane.control.access import Actor, authenticate
from trackplane.control.console import console_handler
from trackplane.control.operations import Binary, Call, Operation, arguments
from trackplane.control.platform import Platform
from trackplane.control.problems import (
    MEDIA_TYPE,
    ApiError,
    BadRequestError,
    MediaTypeError,
    MethodError,
    NotFoundError,
    TooLargeError,
    problem_of,
    status_of,
)
from trackplane.control.routes import OPERATIONS, PREFIX
from trackplane.errors import TrackplaneError

_log = structlog.get_logger(__name__)

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
SECURITY_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_SLOW_TAG: Final = "data"  # queries and replays wait in threads of their own


class Api:
    """The operations over one platform."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._quick = ThreadPoolExecutor(8, thread_name_prefix="control")
        self._slow = ThreadPoolExecutor(4, thread_name_prefix="control-data")

    def application(self) -> Litestar:
        """Return the ASGI application."""
        return Litestar(
            [*self._handlers(), *_documents(), console_handler()],
            exception_handlers={Exception: _answer_exception},
            openapi_config=None,
            logging_config=None,
            request_max_body_size=MAX_BODY_BYTES,
            on_shutdown=[self._close],
        )

    async def _close(self) -> None:
        self._quick.shutdown(wait=False, cancel_futures=True)
        self._slow.shutdown(wait=False, cancel_futures=True)

    def _handlers(self) -> list[HTTPRouteHandler]:
        by_path: dict[str, dict[str, Operation]] = {}
        for operation in OPERATIONS:
            by_path.setdefault(operation.path, {})[operation.method] = operation
        return [self._handler(path, methods) for path, methods in by_path.items()]

    def _handler(self, path: str, operations: Mapping[str, Operation]) -> HTTPRouteHandler:
        methods = [HttpMethod(method) for method in operations]

        at = PREFIX + re.sub(r"{(\w+)}", r"{\1:str}", path)

        @route(at, http_method=methods, status_code=200)  # the operation's own status is answered
        async def handle(request: Request[Any, Any, Any]) -> Response[Any]:
            return await self._answer(operations[request.method], request)

        return handle

    async def _answer(self, operation: Operation, request: Request[Any, Any, Any]) -> Response[Any]:
        loop = asyncio.get_running_loop()
        authorization = request.headers.get("authorization", "")
        actor = await loop.run_in_executor(self._quick, self._authenticate, authorization)
        actor.require(operation.action)
        body = b""
        if operation.body is not None:
            media_type = request.headers.get("content-type", "application/json")
            if media_type.partition(";")[0].strip().lower() != "application/json":
                raise MediaTypeError(f"the body is to be application/json, not {media_type:.100}")
            body = await request.body()
        if_match = request.headers.get("if-match")
        values = arguments(
            operation,
            path=request.path_params,
            query=dict(request.query_params),
            body=body,
            if_match=if_match,
        )
        call = Call(self._platform, actor, if_match)
        if operation.stream:
            stream = cast("AsyncIterator[bytes]", operation.handler(call, **values))
            headers = {**SECURITY_HEADERS, "X-Accel-Buffering": "no"}
            return Stream(stream, media_type="text/event-stream", headers=headers)
        pool = self._slow if operation.tag == _SLOW_TAG else self._quick
        result = await loop.run_in_executor(pool, lambda: operation.handler(call, **values))
        if isinstance(result, Binary):
            return _binary(result)
        headers = dict(SECURITY_HEADERS)
        etag = getattr(result, "etag", None)
        if etag is not None:
            headers["ETag"] = f'"{etag}"'
        content = msgspec.json.encode(result)
        return Response(content, status_code=operation.status, media_type=_JSON, headers=headers)

    def _authenticate(self, authorization: str) -> Actor:
        with self._platform.database.read() as connection:
            return authenticate(connection, authorization)


_JSON: Final = "application/json"


def _binary(found: Binary) -> Response[bytes]:
    """Answer bytes: never sniffed, never run, kept by the browser that had the token for them."""
    headers = {
        **SECURITY_HEADERS,
        "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Disposition": f'inline; filename="{found.filename}"',
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return Response(found.content, media_type=found.media_type, headers=headers)


def _documents() -> list[HTTPRouteHandler]:
    @route("/health/live", http_method=HttpMethod.GET)
    async def live() -> Response[bytes]:
        return Response(b'{"status":"live"}', media_type=_JSON, headers=SECURITY_HEADERS)

    @route("/health/ready", http_method=HttpMethod.GET)
    async def ready() -> Response[bytes]:
        return Response(b'{"status":"ready"}', media_type=_JSON, headers=SECURITY_HEADERS)

    @route(PREFIX + "/schema/openapi.json", http_method=HttpMethod.GET)
    async def openapi() -> Response[bytes]:
        from trackplane.control.openapi import COMMITTED  # noqa: PLC0415 - it imports the routes

        return Response(
            await asyncio.to_thread(COMMITTED.read_bytes),
            media_type=_JSON,
            headers=SECURITY_HEADERS,
        )

    return [live, ready, openapi]


def _answer_exception(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    headers = dict(SECURITY_HEADERS)
    if isinstance(error, HTTPException):
        if error.status_code == 405:
            headers["Allow"] = _allowed(request)
        error = _foreign(error)
    if not isinstance(error, TrackplaneError):
        _log.exception("request_failed", path=request.url.path, method=request.method)
        error = TrackplaneError("this is a fault of the control plane; its log says more")
    status = status_of(error)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retryable:
        headers["Retry-After"] = "1"
    content = msgspec.json.encode(problem_of(error))
    return Response(content, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _foreign(error: HTTPException) -> ApiError:
    kinds: dict[int, type[ApiError]] = {
        404: NotFoundError,
        405: MethodError,
        413: TooLargeError,
    }
    kind = kinds.get(error.status_code, BadRequestError)
    return kind(str(error.detail) or "the request cannot be taken")


def _allowed(request: Request[Any, Any, Any]) -> str:
    path = request.url.path
    return ", ".join(
        operation.method
        for operation in OPERATIONS
        if re.fullmatch(PREFIX + re.sub(r"{\w+}", "[^/]+", operation.path), path)
    )
