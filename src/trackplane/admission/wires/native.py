"""The native wire: the body is exactly one record ``{"header": {…}, "events": […]}``.

Normative text: ``spec/wires.md``. The fast way decodes the body once and encodes each event again;
if the pieces laid together are the body, they *are* the events' bytes, proven clean. Otherwise the
client's own bytes are cut out and kept. Only a body that does not decode is cut by our own scanner.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from trackplane.admission import hygiene
from trackplane.admission.cut import cut_array, cut_object
from trackplane.admission.record import PROBLEMS, Limits, Problem, Record, RecordError
from trackplane.event import NAMESPACES, JsonObject

_HINT: Final = 'the body is one JSON object: {"header": {…}, "events": […]}'
_INT64: Final = 1 << 63


class _Raw(msgspec.Struct):
    header: msgspec.Raw = msgspec.Raw(b"{}")
    events: list[msgspec.Raw] = []


_decode_raw: Final = msgspec.json.Decoder(_Raw).decode


def parse(body: bytes, limits: Limits) -> Record:
    """Return the record of a body.

    Raises:
        RecordError: the body is not one record, cannot be cut into events, or has too many.
    """
    if not body.strip():
        raise RecordError("body_empty", "the body is empty", hint=_HINT)
    try:
        document = hygiene.decode(body)
        events = _events_of(document, limits)
        data = hygiene.encode_all(events)
        header = document.get("header")
        header_bytes = hygiene.encode(header)
    except hygiene.DECODE_ERRORS as error:
        return _parse_cut(body, limits, error)
    values: list[Any] = events
    duplicates: set[int] = set()
    header_duplicates = False
    header_raw = header_bytes
    if b"".join((b'{"header":', header_bytes, b',"events":[', b",".join(data), b"]}")) != body:
        try:
            raw = _decode_raw(body)
        except hygiene.DECODE_ERRORS as error:
            return _parse_cut(body, limits, error)
        header_raw = bytes(raw.header)
        header_duplicates = header is not None and hygiene.has_duplicate_keys(
            header_raw, header_bytes
        )
        duplicates = _own_bytes(data, raw.events)
    small = min(limits.event_bytes, limits.property_bytes)
    depth = limits.depth
    for index, text in enumerate(data):
        # What `check` finds out for nearly all events, without its call.
        if (
            len(text) <= small
            and text.count(b"{") + text.count(b"[") <= depth
            and type(values[index]) is dict
        ):
            continue
        problem = hygiene.check(values[index], text, limits)
        if problem is not None:
            values[index] = problem
    return _finish(header, header_raw, data, values, duplicates, header_duplicates, limits)


def _events_of(document: object, limits: Limits) -> list[Any]:
    if not isinstance(document, dict):
        raise RecordError("record_malformed", "the body is not a JSON object", hint=_HINT)
    events = document.get("events")
    if not isinstance(events, list):
        raise RecordError("record_malformed", "`events` is not an array", hint=_HINT)
    if len(events) > limits.events:
        raise too_many_events(limits)
    return events


def too_many_events(limits: Limits) -> RecordError:
    """Return the error of an upload with more events than the limit."""
    return RecordError(
        "too_many_events",
        f"more than {limits.events} events in one upload",
        hint="send them in several uploads",
        status=413,
    )


def _own_bytes(data: list[bytes], raws: list[msgspec.Raw]) -> set[int]:
    """Put the client's own bytes in place of the encoded ones; return who has duplicate keys.

    An event that spreads over lines keeps the encoded bytes: consumers copy events into NDJSON.
    """
    duplicates: set[int] = set()
    for index, (raw, encoded) in enumerate(zip(raws, data, strict=True)):
        text = bytes(raw)
        if text == encoded:
            continue
        if hygiene.has_duplicate_keys(text, encoded):
            duplicates.add(index)
        if b"\n" not in text and b"\r" not in text:
            data[index] = text
    return duplicates


def _parse_cut(body: bytes, limits: Limits, error: BaseException) -> Record:
    """Cut a body that does not decode; each event answers for itself."""
    members = cut_object(body)
    if b"events" not in members:
        raise RecordError("record_malformed", f"no `events` in the body: {error}", hint=_HINT)
    raws = cut_array(members[b"events"], limits.events)
    if len(raws) > limits.events:
        raise too_many_events(limits)
    data: list[bytes] = []
    values: list[Any] = []
    duplicates: set[int] = set()
    for index, text in enumerate(raws):
        one, value, duplicate = parse_value(text, limits)
        data.append(one)
        values.append(value)
        if duplicate:
            duplicates.add(index)
    header_raw = members.get(b"header", b"null")
    try:
        header = hygiene.decode(header_raw)
        header_duplicates = hygiene.has_duplicate_keys(header_raw, hygiene.encode(header))
    except hygiene.DECODE_ERRORS as fault:
        problem = hygiene.diagnose(header_raw, fault)
        return Record(
            header={},
            header_bytes=b"{}",
            data=data,
            values=values,
            duplicates=duplicates,
            header_problem=Problem(problem.code, f"in the header: {problem.message}"),
            header_raw=header_raw,
        )
    return _finish(header, header_raw, data, values, duplicates, header_duplicates, limits)


def parse_value(text: bytes, limits: Limits) -> tuple[bytes, Any, bool]:
    """Return an event's bytes to keep, its object or problem, and whether a key came twice."""
    try:
        value = hygiene.decode(text)
        encoded = hygiene.encode(value)
    except hygiene.DECODE_ERRORS as error:
        return text, hygiene.diagnose(text, error), False
    duplicate = hygiene.has_duplicate_keys(text, encoded)
    if b"\n" in text or b"\r" in text:
        text = encoded
    problem = hygiene.check(value, text, limits)
    return text, value if problem is None else problem, duplicate


def _finish(
    header: Any,
    header_raw: bytes,
    data: list[bytes],
    values: list[Any],
    duplicates: set[int],
    header_duplicates: bool,  # noqa: FBT001 - a column of the record, not a switch
    limits: Limits,
) -> Record:
    problem = None
    if header is None:
        header = {}
    elif type(header) is not dict:
        problem = Problem("header_type", PROBLEMS["header_type"])
    else:
        problem = header_problem(header, header_raw, limits)
    if problem is not None:
        header = {}
    return Record(
        header=header,
        header_bytes=hygiene.encode(header),
        data=data,
        values=values,
        duplicates=duplicates,
        header_problem=problem,
        header_raw=header_raw,
        header_duplicates=header_duplicates,
    )


def header_problem(header: JsonObject, text: bytes, limits: Limits) -> Problem | None:
    """Return what is wrong with a header that is an object, or None."""
    if len(text) > limits.event_bytes:
        return Problem("event_too_large", f"the header has {len(text)} bytes")
    if hygiene.depth_exceeds(text, limits.depth):
        return Problem("too_deep", f"the header is nested deeper than {limits.depth}")
    for name in NAMESPACES:
        namespace = header.get(name)
        if namespace is not None and type(namespace) is not dict:
            return Problem("namespace_type", f"`{name}` of the header is not an object")
    when = header.get("when") or {}
    for key in ("client", "sent"):
        stamp = when.get(key)
        if stamp is not None and (type(stamp) is not int or not -_INT64 <= stamp < _INT64):
            return Problem("time_type", f"`when.{key}` of the header is not milliseconds")
    return None
