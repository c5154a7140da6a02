"""The command line's client of the control plane's API."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator
from typing import Any, Final

import httpx
import msgspec
import typer

from trackplane.errors import (
    ConfigurationError,
    ConflictError,
    Finding,
    InputError,
    UnavailableError,
)
from trackplane.plan.merge import Conflict

DEFAULT_URL: Final = "http://127.0.0.1:8000"
UrlOption = typer.Option(
    DEFAULT_URL, "--url", envvar="TRACKPLANE_URL", help="Address of the control plane."
)


class TextConflictError(ConflictError):
    """Somebody else changed the text first: both sides, and their merge where lines are apart."""

    def __init__(
        self, message: str, *, hint: str | None, theirs: str, merged: str | None, etag: str
    ) -> None:
        super().__init__(message, hint=hint)
        self.theirs = theirs
        self.merged = merged
        self.etag = etag


class AnswerError(InputError):
    """The control plane refused the request; ``status`` is the answer's."""

    def __init__(
        self, message: str, *, status: int, hint: str | None, findings: Iterable[Finding]
    ) -> None:
        super().__init__(message, hint=hint, findings=findings)
        self.status = status


class PlanStaleError(ConflictError):
    """Somebody applied another plan first.

    ``files`` are to be applied on revision ``etag`` to keep both changes; without ``conflicts`` that is
    all there is to it.
    """

    def __init__(self, message: str, raw: dict[str, Any]) -> None:
        super().__init__(message)
        self.etag = str(raw["etag"])
        self.author = str(raw["author"])
        self.files: dict[str, str | None] = raw["files"]
        self.conflicts = tuple(msgspec.convert(each, Conflict) for each in raw["conflicts"])


class PartsConflictError(ConflictError):
    """Two sides changed the same parts of a plan; ``conflicts`` has both of each."""

    def __init__(self, message: str, raw: list[dict[str, Any]], *, hint: str | None) -> None:
        super().__init__(message, hint=hint)
        self.conflicts = tuple(msgspec.convert(each, Conflict) for each in raw)


class Api:
    """Calls ``/api/v1`` with the token of ``TRACKPLANE_TOKEN``; turns problems into our errors."""

    def __init__(self, url: str, *, token: str | None = None, timeout_s: float = 60.0) -> None:
        token = token or os.environ.get("TRACKPLANE_TOKEN")
        if not token:
            raise ConfigurationError(
                "no API token",
                hint="set TRACKPLANE_TOKEN; the first `trackplane up` prints an admin token once",
            )
        self._url = url
        self._client = httpx.Client(
            base_url=url.rstrip("/") + "/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout_s,
            trust_env=False,
        )
        weakref.finalize(self, self._client.close)

    def call(
        self, method: str, path: str, *, etag: str | None = None, **parts: Any
    ) -> tuple[Any, str | None]:
        """Return the answer's JSON (None: no content) and its ETag.

        Raises:
            InputError: the request has faults; all findings are in it.
            ConflictError: somebody else changed it first.
            ConfigurationError: the token is wrong or may not do this.
            UnavailableError: the control plane is not there or failed.
        """
        headers = {"If-Match": etag} if etag else {}
        try:
            response = self._client.request(method, path, headers=headers, **parts)
        except httpx.HTTPError as error:
            raise UnavailableError(
                f"the control plane at {self._url} does not answer: {error}",
                hint="is `trackplane up` running? TRACKPLANE_URL says where to look",
            ) from error
        if response.is_success:
            return (response.json() if response.content else None), response.headers.get("ETag")
        raise _error_of(response)

    def get(self, path: str, **params: Any) -> Any:
        """Return the JSON of a GET; parameters that are None are left out."""
        kept = {name: value for name, value in params.items() if value is not None}
        return self.call("GET", path, params=kept)[0]

    def items(self, path: str, **params: Any) -> Iterator[Any]:
        """Yield the items of all pages of a list."""
        cursor: str | None = None
        while True:
            page = self.get(path, cursor=cursor, **params)
            if isinstance(page, list):
                yield from page
                return
            yield from page["items"]
            cursor = page.get("next")
            if not cursor:
                return

    def etag(self, path: str) -> str | None:
        """Return the ETag of a resource, or None where there is none yet."""
        response = self._client.get(path)
        if response.status_code == 404:
            return None
        if not response.is_success:
            raise _error_of(response)
        found: str | None = response.headers.get("ETag")
        return found

    def stream(self, path: str, **params: Any) -> Iterator[tuple[str, str]]:
        """Yield (event, data) of a server-sent event stream until it ends."""
        kept = {name: value for name, value in params.items() if value is not None}
        try:
            with self._client.stream("GET", path, params=kept, timeout=None) as response:
                if not response.is_success:
                    response.read()
                    raise _error_of(response)
                event = "message"
                for line in response.iter_lines():
                    if line.startswith("event:"):
                        event = line[6:].strip()
                    elif line.startswith("data:"):
                        yield event, line[5:].strip()
                    elif not line:
                        event = "message"
        except httpx.HTTPError as error:
            raise UnavailableError(f"the stream from {self._url} ended: {error}") from error


def answered(api: Api, path: str) -> Any:
    """Return the JSON of a GET, or None where there is no such thing."""
    try:
        return api.get(path)
    except AnswerError as error:
        if error.status == 404:
            return None
        raise


def _error_of(response: httpx.Response) -> Exception:
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    message = str(problem.get("detail") or problem.get("title") or f"HTTP {response.status_code}")
    findings = [
        Finding(**{k: v for k, v in finding.items() if k in Finding.__struct_fields__})
        for finding in problem.get("findings") or ()
        if isinstance(finding, dict) and {"code", "message"} <= finding.keys()
    ]
    hint = problem.get("hint")
    match response.status_code:
        case 401 | 403:
            return ConfigurationError(message, hint=hint or "check TRACKPLANE_TOKEN and its scope")
        case 412 if isinstance(problem.get("plan"), dict):
            return PlanStaleError(message, problem["plan"])
        case 412 if isinstance(problem.get("conflict"), dict):
            return _text_conflict(problem["conflict"], message)
        case 409 if problem.get("conflicts"):
            return PartsConflictError(message, problem["conflicts"], hint=hint)
        case 409 | 412 | 428:
            return ConflictError(message, hint=hint, findings=findings)
        case code if code >= 500:
            return UnavailableError(message, hint=hint)
        case code:
            return AnswerError(message, status=code, hint=hint, findings=findings)


def _text_conflict(conflict: dict[str, Any], message: str) -> TextConflictError:
    apart = (
        "the lines are apart: both can be kept; a draft takes them by --merge"
        if conflict.get("merged")
        else None
    )
    return TextConflictError(
        f"{conflict.get('author') or 'somebody'} changed it first: {message}",
        hint=apart or "both changed the same lines: read theirs, then decide",
        theirs=str(conflict.get("theirs", "")),
        merged=conflict.get("merged"),
        etag=str(conflict.get("etag", "")),
    )
