"""One keep-alive connection to a collector, and what its answers mean."""

from __future__ import annotations

import gzip
import http.client
import json
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """What became of an upload.

    ``settled`` maps ids to their final disposition; ids not in it are to be sent again after
    ``retry_after_s`` (None: the client's own back-off). ``too_large``: halve the upload.
    """

    settled: dict[str, str] = field(default_factory=dict)
    retry_after_s: float | None = None
    too_large: bool = False
    error: str | None = None


class Transport:
    """Posts records. Not safe to use from several threads."""

    def __init__(self, url: str, write_key: str, *, timeout_s: float, compress: bool) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"not a collector's address: {url!r} (http://host:port)")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (443 if self._secure else 80)
        self._path = parts.path.rstrip("/") + "/v1/records"
        self._timeout_s = timeout_s
        self._compress = compress
        self._connection: http.client.HTTPConnection | None = None
        self._headers = {
            "Authorization": f"Bearer {write_key}",
            "Content-Type": "application/json",
            "Connection": "keep-alive",
        }

    def post(self, header: dict[str, Any], events: list[dict[str, Any]]) -> Answer:
        """Send one record; never raises for what a network or a server can do."""
        body = json.dumps(
            {"header": header, "events": events}, ensure_ascii=False, separators=(",", ":")
        ).encode("utf-8", "replace")
        headers = dict(self._headers)
        if self._compress and len(body) > 1_000:
            body = gzip.compress(body, 3)
            headers["Content-Encoding"] = "gzip"
        try:
            status, retry_after, content = self._exchange(body, headers)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Answer(error=f"{type(error).__name__}: {error}")
        return interpret(status, retry_after, content, [str(event["id"]) for event in events])

    def close(self) -> None:
        """Close the connection; the next ``post`` opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, body: bytes, headers: dict[str, str]) -> tuple[int, str | None, bytes]:
        if self._connection is None:
            self._connection = (
                http.client.HTTPSConnection(
                    self._host,
                    self._port,
                    timeout=self._timeout_s,
                    context=ssl.create_default_context(),
                )
                if self._secure
                else http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
            )
        self._connection.request("POST", self._path, body, headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.will_close:
            self.close()
        return response.status, response.getheader("Retry-After"), content


def interpret(status: int, retry_after: str | None, content: bytes, ids: list[str]) -> Answer:
    """Return what an answer means for the events of an upload, sent in the order of ``ids``."""
    wait = _seconds(retry_after)
    if status == 413 and len(ids) > 1:
        return Answer(too_large=True)
    try:
        document = json.loads(content)
        entries = document.get("events") if isinstance(document, dict) else None
    except ValueError:
        document, entries = None, None
    if isinstance(entries, list) and len(entries) == len(ids):
        settled = {
            id_: str(entry["disposition"])
            for id_, entry in zip(ids, entries, strict=True)
            if isinstance(entry, dict) and entry.get("disposition") != "retry"
        }
        return Answer(settled=settled, retry_after_s=wait)
    if status == 200:
        return Answer(settled=dict.fromkeys(ids, "accepted"))
    message = document.get("message") if isinstance(document, dict) else None
    error = f"HTTP {status}" + (f": {message}" if message else "")
    if status in {408, 429} or status >= 500:
        return Answer(retry_after_s=wait, error=error)
    return Answer(settled=dict.fromkeys(ids, "refused"), error=error)


def _seconds(retry_after: str | None) -> float | None:
    try:
        return max(0.0, float(retry_after)) if retry_after is not None else None
    except ValueError:
        return None  # an HTTP date: our own back-off is as good
