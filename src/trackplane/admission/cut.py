"""Cut a record's JSON into its members and events without understanding them.

For bodies that the decoder refuses: the offender alone shall suffer, so its bounds must be found
although it is broken. Strings are skipped by a regular expression over bytes, so that invalid UTF-8
and escapes are no matter, and brackets are counted, whatever their kind; the cost is linear.
"""

from __future__ import annotations

import re
from typing import Final

from trackplane.admission.record import RecordError

_SPACE: Final = re.compile(rb"[ \t\r\n]*+")
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SCALAR: Final = re.compile(rb'[^,\]}\[{" \t\r\n]++')
_SKIP: Final = re.compile(rb'(?:[^"\[{\]}]|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+', re.DOTALL)
_OPEN: Final = re.compile(rb"[\[{]++")
_CLOSE: Final = re.compile(rb"[\]}]++")


def _refuse(position: int, expected: str) -> RecordError:
    return RecordError(
        "record_malformed",
        f"the body cannot be cut into events: {expected} expected at byte {position}",
        hint='the body is one JSON object: {"header": {…}, "events": […]}',
    )


def cut_object(body: bytes) -> dict[bytes, bytes]:
    """Return the members of the one JSON object that ``body`` is: raw key -> raw value.

    Of a duplicate key the last wins, as everywhere.

    Raises:
        RecordError: the body is not one JSON object, or ends too early.
    """
    members: dict[bytes, bytes] = {}
    at = _space(body, 0)
    if body[at : at + 1] != b"{":
        raise _refuse(at, "'{'")
    at = _space(body, at + 1)
    while body[at : at + 1] != b"}":
        if members:
            at = _space(body, _expect(body, at, b","))
        key = _STRING.match(body, at)
        if key is None:
            raise _refuse(at, "a key")
        at = _space(body, _expect(body, _space(body, key.end()), b":"))
        end = _value_end(body, at)
        members[key[0][1:-1]] = body[at:end]
        at = _space(body, end)
    if _space(body, at + 1) != len(body):
        raise _refuse(at + 1, "the end")
    return members


def cut_array(text: bytes, limit: int) -> list[bytes]:
    """Return the raw elements of the one JSON array that ``text`` is, ``limit`` + 1 at most.

    Raises:
        RecordError: it is not an array, or ends too early.
    """
    items: list[bytes] = []
    if text[:1] != b"[":
        raise _refuse(0, "an array of events")
    at = _space(text, 1)
    while text[at : at + 1] != b"]":
        if items:
            at = _space(text, _expect(text, at, b","))
        end = _value_end(text, at)
        items.append(text[at:end])
        if len(items) > limit:
            return items
        at = _space(text, end)
    return items


def _space(body: bytes, at: int) -> int:
    match = _SPACE.match(body, at)
    return match.end() if match else at


def _expect(body: bytes, at: int, what: bytes) -> int:
    if body[at : at + 1] != what:
        raise _refuse(at, repr(what.decode()))
    return at + 1


def _value_end(body: bytes, at: int) -> int:
    first = body[at : at + 1]
    if first == b'"':
        match = _STRING.match(body, at)
    elif first in (b"{", b"["):
        return _bracket_end(body, at)
    else:
        match = _SCALAR.match(body, at)
    if match is None:
        raise _refuse(at, "a value")
    return match.end()


def _bracket_end(body: bytes, at: int) -> int:
    depth = 0
    while True:
        opened = _OPEN.match(body, at)
        if opened is not None:
            depth += opened.end() - at
            at = opened.end()
        skipped = _SKIP.match(body, at)
        at = skipped.end() if skipped else at
        closed = _CLOSE.match(body, at)
        if closed is not None:
            width = closed.end() - at
            if width >= depth:
                return at + depth
            depth -= width
            at = closed.end()
        elif at >= len(body) or body[at : at + 1] == b'"':
            raise _refuse(at, "a closing bracket")
