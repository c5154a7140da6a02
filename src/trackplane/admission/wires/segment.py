"""Segment's wire: track, identify, page, screen, group, alias, batch and import -> a ``Record``.

The mapping is the table of ``spec/wires.md``; golden cases in ``spec/cases/wires``. Every message is
laid out anew in the five namespaces, so the events' bytes are ours and clean. What has no place of
its own is kept under ``how.context``; ``integrations`` (Segment's own routing) is left out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, Literal

from trackplane.admission import hygiene
from trackplane.admission.cut import cut_array, cut_object
from trackplane.admission.record import PROBLEMS, Limits, Problem, Record, RecordError
from trackplane.admission.wires.native import header_problem, too_many_events
from trackplane.event import JsonObject

Call = Literal["track", "identify", "page", "screen", "group", "alias", "batch"]

_CALLS: Final[dict[str, Call]] = {
    "track": "track",
    "t": "track",
    "identify": "identify",
    "i": "identify",
    "page": "page",
    "p": "page",
    "screen": "screen",
    "s": "screen",
    "group": "group",
    "g": "group",
    "alias": "alias",
    "a": "alias",
    "batch": "batch",
    "b": "batch",
    "import": "batch",
}
PATHS: Final[dict[str, Call]] = {f"/v1/{name}": call for name, call in _CALLS.items()}

_RESERVED: Final = {
    "identify": "$identify",
    "page": "$page",
    "screen": "$screen",
    "group": "$group",
    "alias": "$alias",
}
# context keys that have a place of their own; the rest goes to how.context
_PLACED: Final = frozenset(
    (
        "app",
        "campaign",
        "device",
        "ip",
        "library",
        "locale",
        "location",
        "network",
        "os",
        "page",
        "sessionId",
        "timezone",
        "traits",
        "userAgent",
    )
)


def parse(body: bytes, call: Call, limits: Limits) -> tuple[Record, str | None]:
    """Return the record of a body, and the write key if the body holds one.

    Raises:
        RecordError: the body is not one JSON object, cannot be cut into messages, or has too many.
    """
    if not body.strip():
        raise RecordError("body_empty", "the body is empty")
    try:
        document = hygiene.decode(body)
        encoded = hygiene.encode(document)
    except hygiene.DECODE_ERRORS:
        return _parse_cut(body, call, limits)
    if type(document) is not dict:
        raise RecordError("record_malformed", "the body is not a JSON object")
    if hygiene.has_duplicate_keys(body, encoded):
        return _parse_cut(body, call, limits)
    if call == "batch":
        messages = document.pop("batch", None)
        if type(messages) is not list:
            raise RecordError("record_malformed", "`batch` is not an array")
        if len(messages) > limits.events:
            raise too_many_events(limits)
    else:
        messages = [document]
    builder = _RecordBuilder(call, limits)
    for message in messages:
        builder.add(message, None)
    return builder.finish(document)


def _parse_cut(body: bytes, call: Call, limits: Limits) -> tuple[Record, str | None]:
    """Cut a body that does not decode, or has duplicate keys; each message answers for itself."""
    members = cut_object(body)
    builder = _RecordBuilder(call, limits)
    if call == "batch":
        messages = cut_array(members.pop(b"batch", b""), limits.events)
        if len(messages) > limits.events:
            raise too_many_events(limits)
    else:
        messages = [body]
    for message in messages:
        builder.add_bytes(message)
    document: JsonObject = {}
    for name in ("writeKey", "sentAt", "context"):
        try:
            document[name] = hygiene.decode(members.get(name.encode(), b"null"))
        except hygiene.DECODE_ERRORS:
            continue
    return builder.finish(document)


class _RecordBuilder:
    def __init__(self, call: Call, limits: Limits) -> None:
        self._call = call
        self._limits = limits
        self._data: list[bytes] = []
        self._values: list[Any] = []
        self._duplicates: set[int] = set()

    def add_bytes(self, text: bytes) -> None:
        try:
            message = hygiene.decode(text)
            duplicate = hygiene.has_duplicate_keys(text, hygiene.encode(message))
        except hygiene.DECODE_ERRORS as error:
            self._data.append(text)
            self._values.append(hygiene.diagnose(text, error))
            return
        if duplicate:
            self._duplicates.add(len(self._data))
        self.add(message, text)

    def add(self, message: Any, text: bytes | None) -> None:
        event = normalise(message, self._call)
        if type(event) is Problem:
            self._data.append(hygiene.encode(message) if text is None else text)
            self._values.append(event)
            return
        data = hygiene.encode(event)
        problem = hygiene.check(event, data, self._limits)
        self._data.append(data)
        self._values.append(event if problem is None else problem)

    def finish(self, document: JsonObject) -> tuple[Record, str | None]:
        header: JsonObject = {}
        if self._call == "batch":
            _place_context(header, document.get("context"))
            sent = milliseconds(document.get("sentAt"))
            if sent is not None:
                header["when"] = {"sent": sent}
            if header_problem(header, hygiene.encode(header), self._limits) is not None:
                header = {"when": header["when"]} if "when" in header else {}
        key = document.get("writeKey")
        record = Record(
            header=header,
            header_bytes=hygiene.encode(header),
            data=self._data,
            values=self._values,
            duplicates=self._duplicates,
            wire="segment",
        )
        return record, key if type(key) is str else None


def normalise(message: Any, call: Call) -> Any:
    """Return the event of one message, or the ``Problem`` it has.

    >>> normalise({"type": "track", "event": "paid", "messageId": "1", "userId": "u"}, "batch")
    {'id': '1', 'event': 'paid', 'who': {'user_id': 'u'}}
    """
    if type(message) is not dict:
        return Problem("event_not_object", PROBLEMS["event_not_object"])
    kind = message.get("type") if call == "batch" else call
    if kind != "track" and kind not in _RESERVED:
        named = {"id": message["messageId"]} if type(message.get("messageId")) is str else {}
        return Problem("wire_type", f"`type` is {str(kind)[:50]!r}, not one of Segment's", named)
    event: JsonObject = {}
    if message.get("messageId") is not None:
        event["id"] = message["messageId"]
    event["event"] = message.get("event") if kind == "track" else _RESERVED[str(kind)]
    who: JsonObject = {}
    for source, target in (("userId", "user_id"), ("anonymousId", "anonymous_id")):
        value = message.get(source)
        if value is not None:
            who[target] = str(value) if type(value) is int else value
    if who:
        event["who"] = who
    _place_times(event, message)
    _place_context(event, message.get("context"))
    payload = "traits" if kind in ("identify", "group") else "properties"
    what = message.get(payload)
    if what is not None and type(what) is not dict:
        return Problem("namespace_type", f"`{payload}` is not an object", {"id": event.get("id")})
    what = dict(what) if what else {}
    if kind in ("page", "screen"):
        _place_page(event, message, what)
    elif kind == "group":
        what["group_id"] = message.get("groupId")
    elif kind == "alias":
        what["previous_id"] = message.get("previousId")
    if what:
        event["what"] = what
    return event


def _place_times(event: JsonObject, message: JsonObject) -> None:
    when: JsonObject = {}
    stamp = message.get("originalTimestamp", message.get("timestamp"))
    client = milliseconds(stamp)
    if client is not None:
        when["client"] = client
    sent = milliseconds(message.get("sentAt"))
    if sent is not None:
        when["sent"] = sent
    if when:
        event["when"] = when


def _place_page(event: JsonObject, message: JsonObject, what: JsonObject) -> None:
    for name in ("name", "category"):
        value = message.get(name)
        if value is not None:
            what.setdefault(name, value)
    page = what.get("path") or what.get("name")
    if type(page) is str and page:
        event.setdefault("where", {}).setdefault("page", page)


def _place_context(event: JsonObject, context: Any) -> None:
    """Lay ``context`` out over the namespaces of an event or header."""
    if type(context) is not dict or not context:
        return
    who = event.setdefault("who", {})
    where: JsonObject = {}
    how: JsonObject = {}
    page = _object(context, "page")
    _put(where, "page", page.get("path"))
    _put(where, "referrer", page.get("referrer"))
    _put(where, "url", page.get("url"))
    _put(where, "title", page.get("title"))
    _put(where, "country", _object(context, "location").get("country"))
    _put(where, "campaign", context.get("campaign"))
    device, os = _object(context, "device"), _object(context, "os")
    _put(who, "device_id", device.get("id"))
    _put(who, "session_id", _text(context.get("sessionId")))
    _put(who, "traits", context.get("traits"))
    _put(how, "platform", _platform(device, page))
    _put(how, "os", os.get("name"))
    _put(how, "os_version", os.get("version"))
    _put(how, "app_version", _object(context, "app").get("version"))
    _put(how, "network", _network(_object(context, "network")))
    _put(how, "sdk", _sdk(_object(context, "library")))
    _put(how, "locale", context.get("locale"))
    _put(how, "timezone", context.get("timezone"))
    _put(how, "user_agent", context.get("userAgent"))
    _put(how, "ip", context.get("ip"))
    rest = {key: value for key, value in context.items() if key not in _PLACED}
    if rest:
        how["context"] = rest
    for name, namespace in (("where", where), ("how", how)):
        if namespace:
            event[name] = namespace
    if not who:
        del event["who"]


def _object(parent: JsonObject, key: str) -> JsonObject:
    value = parent.get(key)
    return value if type(value) is dict else {}


def _put(namespace: JsonObject, key: str, value: Any) -> None:
    if value is not None and value not in ("", {}):
        namespace[key] = value


def _text(value: Any) -> Any:
    return str(value) if type(value) is int else value


def _platform(device: JsonObject, page: JsonObject) -> str | None:
    kind = device.get("type")
    if type(kind) is str and kind:
        return kind.lower()
    return "web" if page else None


def _network(network: JsonObject) -> str | None:
    for kind in ("wifi", "cellular", "bluetooth"):
        if network.get(kind) is True:
            return kind
    return None


def _sdk(library: JsonObject) -> str | None:
    name, version = library.get("name"), library.get("version")
    if type(name) is not str:
        return None
    return f"{name}/{version}" if type(version) is str else name


def milliseconds(stamp: Any) -> int | None:
    """Return an ISO 8601 time, or milliseconds since 1970, as milliseconds; else None.

    >>> milliseconds("2026-11-22T10:00:00.250Z"), milliseconds("yesterday")
    (1795341600250, None)
    """
    if type(stamp) is int:
        return stamp if -(1 << 63) <= stamp < 1 << 63 else None
    if type(stamp) is not str or not stamp:
        return None
    try:
        moment = datetime.fromisoformat(stamp)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):
        return None


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = datetime.resolution * 1000


def settings_document(key: str, host: str, scheme: str) -> JsonObject:
    """Return the settings that Segment's browser library asks for before it sends."""
    return {
        "integrations": {
            "Segment.io": {
                "apiKey": key,
                "apiHost": f"{host}/v1",
                "protocol": scheme,
                "type": "server",
                "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
                "unbundledIntegrations": [],
                "bundlingStatus": "bundled",
                "addBundledMetadata": True,
                "maybeBundledConfigIds": {},
            }
        },
        "plan": {
            "track": {"__default": {"enabled": True, "integrations": {}}},
            "identify": {"__default": {"enabled": True}},
            "group": {"__default": {"enabled": True}},
        },
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": False,
        "remotePlugins": [],
    }
