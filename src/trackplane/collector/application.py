"""The ASGI application: routes, authentication, the way of one upload.

authenticate -> read within limits -> parse -> admit into the round -> wait for the queue -> answer
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import msgspec
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from trackplane.admission.admit import DAY_MS, Admitter, Outcome
from trackplane.admission.record import Limits, Record, RecordError
from trackplane.admission.round import LedgerKey
from trackplane.admission.wires import native, segment
from trackplane.collector import answers
from trackplane.collector.answers import HeaderList, Send
from trackplane.collector.body import Body, DisconnectedError, OverloadError, Receive
from trackplane.collector.commit import Committer
from trackplane.collector.keys import write_key
from trackplane.collector.settings import CollectorSettings
from trackplane.collector.state import CollectorState
from trackplane.collector.telemetry import CollectorStatistics, Telemetry
from trackplane.errors import FullError, StorageError
from trackplane.queue import Queue

_log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Parse = Callable[[bytes, Limits], tuple[Record, str | None]]

_CLOSE: Final[HeaderList] = [(b"connection", b"close")]
_SUCCESS: Final = b'{"success":true}'


class _Request:
    """One request: its headers, where its answer goes, and what every answer carries."""

    __slots__ = ("extra", "headers", "method", "path", "receive", "route", "scope", "send")

    def __init__(self, scope: Scope, receive: Receive, send: Send, extra: HeaderList) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.method: str = scope["method"]
        path: str = scope["path"]
        self.path = path.rstrip("/") or "/"
        self.route = "other"
        self.extra = extra


Handler = Callable[[_Request], Awaitable[int]]


class Collector:
    """The collector's ASGI application. Needs ``close`` after its last request.

    ``clock`` returns ms since 1970 UTC; ``state`` is fed by a configuration source.
    """

    def __init__(
        self,
        settings: CollectorSettings,
        queue: Queue,
        state: CollectorState,
        *,
        clock: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._state = state
        self._clock = clock
        self._telemetry = Telemetry(clock)
        self._committer = Committer(queue, self._telemetry, round_ms=settings.round_ms)
        self._limits = Limits(
            events=settings.max_events,
            event_bytes=settings.max_event_bytes,
            property_bytes=settings.max_property_bytes,
            depth=settings.max_depth,
        )
        self._routes: dict[str, tuple[str, Handler]] = {
            "/v1/records": ("POST", self._records),
            "/health/live": ("GET", self._live),
            "/health/ready": ("GET", self._ready),
            "/metrics": ("GET", self._metrics),
            **dict.fromkeys(segment.PATHS, ("POST", self._segment)),
        }

    def statistics(self) -> CollectorStatistics:
        """Return what was done so far, for status reports."""
        return self._telemetry.statistics(number=self._state.number, reason=self._not_ready())

    async def close(self) -> None:
        """Write what still waits (counts of retries) and end the append thread."""
        await self._committer.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection scope."""
        if scope["type"] != "http":
            return
        extra: HeaderList = []
        request = _Request(scope, receive, send, extra)
        origin = request.headers.get(b"origin")
        if origin is not None:
            extra += answers.cors(origin, self._settings.allowed_origins)
        try:
            status = await self._serve(request)
        except DisconnectedError:
            status = 499
        except Exception:  # noqa: BLE001 - the client must be answered whatever broke
            _log.exception("request_failed", path=request.path)
            status = await self._refuse(
                request, RecordError("internal", "the collector failed on this upload", status=500)
            )
        self._telemetry.uploads[request.route, status] += 1

    async def _serve(self, request: _Request) -> int:
        if len(request.scope["headers"]) > self._settings.max_headers:
            request.extra += _CLOSE
            return await self._refuse(
                request, RecordError("too_many_headers", "too many header lines", status=431)
            )
        found = self._routes.get(request.path)
        if found is None:
            found = self._by_pattern(request.path)
        if found is None:
            return await self._refuse(
                request,
                RecordError(
                    "not_found",
                    f"there is nothing at {request.path[:200]}",
                    hint="events go to POST /v1/records",
                    status=404,
                ),
            )
        method, handler = found
        if request.method == method or (request.method == "HEAD" and method == "GET"):
            return await handler(request)
        if request.method == "OPTIONS":
            allowed = self._settings.allowed_origins
            await answers.respond(
                request.send, 204, b"", answers.preflight(request.headers, allowed)
            )
            return 204
        request.extra.append((b"allow", f"{method}, OPTIONS".encode()))
        return await self._refuse(
            request, RecordError("method", f"{request.path} takes {method}", status=405)
        )

    def _by_pattern(self, path: str) -> tuple[str, Handler] | None:
        parts = path.split("/")
        if len(parts) == 5 and parts[1:3] == ["v1", "projects"] and parts[4] == "settings":
            return "GET", self._project_settings
        return None

    # --- uploads ----------------------------------------------------------------------------------

    async def _records(self, request: _Request) -> int:
        request.route = "records"
        return await self._upload(request, _parse_native)

    async def _segment(self, request: _Request) -> int:
        request.route = "segment"
        call = segment.PATHS[request.path]
        return await self._upload(
            request, lambda body, limits: segment.parse(body, call, limits), key_in_body=True
        )

    async def _upload(self, request: _Request, parse: Parse, *, key_in_body: bool = False) -> int:
        if not self._state.ready:
            return await self._unavailable(request, "not_ready", self._not_ready())
        key = write_key(request.headers)
        admitter = self._state.admitter(key) if key is not None else None
        if admitter is None and not (key_in_body and key is None):
            return await self._unauthorized(request)
        with Body(self._settings, self._telemetry) as share:
            try:
                body = await share.read(request.headers, request.receive)
                record, body_key = parse(body, self._limits)
            except OverloadError as error:
                return await self._unavailable(request, error.reason, error.message)
            except RecordError as error:
                return await self._refuse_upload(request, admitter, error)
            if admitter is None:
                admitter = self._state.admitter(body_key) if body_key else None
                if admitter is None:
                    return await self._unauthorized(request)
            received = self._clock()
            outcomes = admitter.admit(record, received, self._committer.round)
            failure = await self._committer.wait() if outcomes else None
        if failure is not None:
            return await self._retry(request, admitter, outcomes, received, failure)
        counts: Counter[str] = Counter([outcome.disposition for outcome in outcomes])
        self._telemetry.events(received, counts.items())
        if key_in_body:
            answer = _SUCCESS
        else:
            answer = answers.encode(answers.RecordsAnswer(outcomes, dict(counts)))
        await answers.respond(request.send, 200, answer, request.extra)
        return 200

    async def _retry(
        self,
        request: _Request,
        admitter: Admitter,
        outcomes: list[Outcome],
        received: int,
        failure: StorageError,
    ) -> int:
        """Answer an upload whose round failed; its events are counted with the next round."""
        policy = admitter.policy
        count = len(outcomes)
        reason = failure.code
        self._committer.carry(
            _one((received // DAY_MS, policy.app, policy.env, "", "retry", reason), count)
        )
        self._telemetry.events(received, [("retry", count)])
        seconds = self._settings.retry_after_s * (5 if isinstance(failure, FullError) else 1)
        answer = answers.RetryAnswer(
            code="retry",
            message="the events could not be stored; send all of them again",
            events=[Outcome(outcome.id, "retry") for outcome in outcomes],
            counts={"retry": count},
        )
        await answers.respond(
            request.send,
            503,
            answers.encode(answer),
            [*request.extra, (b"retry-after", b"%d" % seconds)],
        )
        return 503

    async def _refuse_upload(
        self, request: _Request, admitter: Admitter | None, error: RecordError
    ) -> int:
        """Refuse an upload as a whole; the ledger counts it as one, durably before the answer."""
        if admitter is not None:
            policy = admitter.policy
            now = self._clock()
            self._committer.round.count(
                now // DAY_MS, policy.app, policy.env, "refused", reason=error.reason
            )
            self._telemetry.events(now, [("refused", 1)])
            if await self._committer.wait() is not None:
                key: LedgerKey = (
                    now // DAY_MS,
                    policy.app,
                    policy.env,
                    "",
                    "refused",
                    error.reason,
                )
                self._committer.carry(_one(key, 1))
        if error.status in (408, 413):
            request.extra += _CLOSE  # the rest of the body is not read
        return await self._refuse(request, error)

    # --- answers ----------------------------------------------------------------------------------

    async def _refuse(self, request: _Request, error: RecordError) -> int:
        body = answers.encode(answers.Problem(error.reason, error.message, error.hint))
        await answers.respond(request.send, error.status, body, request.extra)
        return error.status

    async def _unauthorized(self, request: _Request) -> int:
        request.extra.append((b"www-authenticate", b'Bearer realm="trackplane"'))
        return await self._refuse(
            request,
            RecordError(
                "wrong_key",
                "the write key is missing or unknown",
                hint="send it as `Authorization: Bearer KEY`",
                status=401,
            ),
        )

    async def _unavailable(self, request: _Request, code: str, message: str) -> int:
        request.extra.append((b"retry-after", b"%d" % self._settings.retry_after_s))
        request.extra += _CLOSE
        return await self._refuse(request, RecordError(code, message, status=503))

    # --- everything else --------------------------------------------------------------------------

    def _not_ready(self) -> str:
        """Return why no upload would be taken now; empty: it would."""
        if not self._state.ready:
            return "no configuration yet: neither from the control plane nor from the cache"
        if self._committer.failure is not None:
            return f"the queue is failing: {self._committer.failure}"
        return ""

    async def _live(self, request: _Request) -> int:
        request.route = "live"
        await answers.respond(request.send, 200, b'{"status":"live"}', request.extra)
        return 200

    async def _ready(self, request: _Request) -> int:
        request.route = "ready"
        reason = self._not_ready()
        if reason:
            self._committer.probe()
        document = {"status": "not_ready" if reason else "ready", "number": self._state.number}
        if reason:
            document["reason"] = reason
        status = 503 if reason else 200
        await answers.respond(request.send, status, answers.encode(document), request.extra)
        return status

    async def _metrics(self, request: _Request) -> int:
        request.route = "metrics"
        await answers.respond(
            request.send,
            200,
            generate_latest(self._telemetry.registry),
            request.extra,
            content_type=CONTENT_TYPE_LATEST.encode(),
        )
        return 200

    async def _project_settings(self, request: _Request) -> int:
        request.route = "project_settings"
        key = request.path.split("/")[3]
        if not self._state.ready:
            return await self._unavailable(request, "not_ready", self._not_ready())
        if self._state.admitter(key) is None:
            return await self._unauthorized(request)
        host = request.headers.get(b"host", b"").decode("latin-1")
        forwarded = request.headers.get(b"x-forwarded-proto")
        scheme = forwarded.decode("latin-1") if forwarded else request.scope.get("scheme", "http")
        document = segment.settings_document(key, host, scheme)
        await answers.respond(request.send, 200, msgspec.json.encode(document), request.extra)
        return 200


def _one(key: LedgerKey, count: int) -> Counter[LedgerKey]:
    return Counter({key: count})


def _parse_native(body: bytes, limits: Limits) -> tuple[Record, str | None]:
    return native.parse(body, limits), None
