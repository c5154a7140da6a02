"""The collector's answers: JSON documents, error documents, CORS headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

import msgspec

from trackplane.admission.admit import Outcome

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
HeaderList = list[tuple[bytes, bytes]]

encode: Final = msgspec.json.Encoder().encode
_MAX_ECHO_BYTES: Final = 1_000


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every error answer."""

    code: str
    message: str
    hint: str | None = None


class RecordsAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a native upload: one outcome per event, in its order."""

    events: list[Outcome]
    counts: dict[str, int]


class RetryAnswer(msgspec.Struct, frozen=True):
    """Nothing of the upload was taken; send all of it again after Retry-After."""

    code: str
    message: str
    events: list[Outcome]
    counts: dict[str, int]


def cors(origin: bytes | None, allowed: tuple[str, ...]) -> HeaderList:
    """Return the headers that let a browser's page read the answer; exact origin, credentials."""
    if origin is None or ("*" not in allowed and origin.decode("latin-1") not in allowed):
        return []
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", b"retry-after"),
        (b"vary", b"origin"),
    ]


def preflight(headers: Mapping[bytes, bytes], allowed: tuple[str, ...]) -> HeaderList:
    """Return the headers of the answer to a preflight."""
    answer = cors(headers.get(b"origin"), allowed)
    if answer:
        wanted = headers.get(b"access-control-request-headers", b"")[:_MAX_ECHO_BYTES]
        answer += [
            (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
            (b"access-control-allow-headers", wanted or b"authorization, content-type"),
            (b"access-control-max-age", b"7200"),
        ]
    return answer


async def respond(
    send: Send,
    status: int,
    body: bytes,
    extra: HeaderList,
    *,
    content_type: bytes = b"application/json",
) -> None:
    """Send an answer in two ASGI messages."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", content_type),
                (b"content-length", b"%d" % len(body)),
                *extra,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
