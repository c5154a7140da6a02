"""A sink of HTTP: rows posted in batches to an address, retried until it answers 2xx."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

import httpx
import msgspec

from trackplane.sinks import (
    Delivery,
    RowsRefusedError,
    Sink,
    SinkContext,
    SinkError,
    SinkOptionsError,
    SinkPlugin,
)

_AGAIN: Final = frozenset({408, 409, 423, 425, 429})
_SHOWN: Final = 200  # characters of an answer in an error


class HttpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of HTTP.

    ``token`` names a file of the folder of secrets that is sent as a Bearer token; ``rows`` is how
    many rows a request holds at most; ``timeout_ms`` how long an answer may take.
    """

    url: str
    token: str = ""
    rows: int = 500
    timeout_ms: int = 10_000


class HttpSink(Sink):
    """Posts lines of JSON with an ``Idempotency-Key``; an answer of 4xx refuses its rows for good."""

    def __init__(self, options: HttpOptions, token: str) -> None:
        self._options = options
        headers = {"Content-Type": "application/x-ndjson"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._client = httpx.Client(
            headers=headers,
            timeout=options.timeout_ms / 1000,
            trust_env=False,
            follow_redirects=False,
        )

    def write(self, delivery: Delivery) -> None:
        """Post all rows, a part at a time."""
        refused: dict[int, str] = {}
        for start, rows in _parts(delivery.rows, self._options.rows):
            reason = self._post(rows, f"{delivery.key}+{start}")
            if reason:
                refused |= dict.fromkeys(range(start, start + len(rows)), reason)
        if refused:
            raise RowsRefusedError(refused)

    def _post(self, rows: Sequence[bytes], key: str) -> str:
        """Return "", or why the rows were refused for good."""
        try:
            answer = self._client.post(
                self._options.url,
                content=b"\n".join(rows) + b"\n",
                headers={"Idempotency-Key": key},
            )
        except httpx.HTTPError as error:
            raise SinkError(f"{type(error).__name__}: {error}") from error
        if answer.is_success:
            return ""
        said = f"HTTP {answer.status_code}: {answer.text[:_SHOWN]}".strip(": ")
        unauthorised = answer.status_code in (401, 403)
        if answer.is_client_error and answer.status_code not in _AGAIN and not unauthorised:
            return said
        raise SinkError(said)

    def close(self) -> None:
        """Close connections."""
        self._client.close()


def _parts(rows: Sequence[bytes], size: int) -> Iterator[tuple[int, Sequence[bytes]]]:
    for start in range(0, len(rows), size):
        yield start, rows[start : start + size]


class HttpPlugin(SinkPlugin):
    """Webhooks."""

    name: ClassVar[str] = "http"
    options: ClassVar[type[msgspec.Struct]] = HttpOptions

    def open(self, context: SinkContext, options: Any) -> Sink:
        """Check the address and read the token."""
        url = httpx.URL(options.url)
        wrong = url.scheme not in ("http", "https") or not url.host or url.userinfo
        if wrong or options.rows < 1 or options.timeout_ms < 1:
            raise SinkOptionsError(
                f"dataset {context.dataset.name!r}: url, rows or timeout_ms is wrong",
                hint="an http or https address without a password in it; numbers above 0",
            )
        token = context.secret(options.token).decode().strip() if options.token else ""
        return HttpSink(options, token)
