"""JSON hygiene of one value: valid, finite, not too deep or large, and whether a key came twice.

msgspec decodes at C speed and refuses invalid UTF-8, lone surrogates, NaN and numbers out of a
float's range, but it keeps the last of duplicate keys silently. They are found exactly and cheaply:
decoding drops a key per duplicate, so the text has more strings (keys and values) than the value
encoded again. Three steps, each rarer and dearer than the one before:

1. the text equals the value encoded again: nothing was dropped;
2. no backslash in the text: its quotation marks are two a string, as in the encoded value;
3. else the strings of both are counted by a regular expression.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from trackplane.admission.record import PROBLEMS, Limits, Problem
from trackplane.event import NAMESPACES, JsonObject

decode: Final = msgspec.json.Decoder().decode
encode: Final = msgspec.json.Encoder().encode

# What decoding or encoding raises on a client's bytes; OverflowError: an integer of 5,000 digits.
DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError)

_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_STRUCTURE: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[{]++|[\]}]++', re.DOTALL)


def has_duplicate_keys(text: bytes, encoded: bytes) -> bool:
    """Say whether a JSON text has an object with a key twice, given the value encoded again."""
    if text == encoded:
        return False
    if b"\\" not in text:
        return text.count(b'"') != encoded.count(b'"')
    return len(_STRING.findall(text)) != len(_STRING.findall(encoded))


def depth_exceeds(text: bytes, limit: int) -> bool:
    """Say whether objects and arrays of a JSON text nest deeper than ``limit``."""
    if text.count(b"{") + text.count(b"[") <= limit:
        return False
    depth = 0
    for match in _STRUCTURE.finditer(text):
        start, end = match.span()
        first = text[start]
        if first in b"[{":
            depth += end - start
            if depth > limit:
                return True
        elif first in b"]}":
            depth -= end - start
    return False


def oversized_property(value: JsonObject, limit: int) -> str | None:
    """Return the JSON pointer of a property whose value has more bytes than ``limit``, or None."""
    for name in NAMESPACES:
        namespace = value.get(name)
        if isinstance(namespace, dict):
            for key, item in namespace.items():
                if len(encode(item)) > limit:
                    return f"/{name}/{escape(key)}"
    return None


def escape(key: str) -> str:
    """Return a key as a part of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def check(value: object, text: bytes, limits: Limits) -> Problem | None:
    """Return what is wrong with a decoded event as JSON, or None."""
    if type(value) is not dict:
        return Problem("event_not_object", PROBLEMS["event_not_object"])
    size = len(text)
    if size > limits.event_bytes:
        return Problem("event_too_large", f"{size} bytes; the limit is {limits.event_bytes}", value)
    if depth_exceeds(text, limits.depth):
        return Problem("too_deep", f"nested deeper than {limits.depth}", value)
    if size > limits.property_bytes:
        pointer = oversized_property(value, limits.property_bytes)
        if pointer is not None:
            return Problem(
                "property_too_large",
                f"{pointer} has more than {limits.property_bytes} bytes",
                value,
            )
    return None


def diagnose(text: bytes, error: BaseException) -> Problem:
    """Return why a text that did not decode is dirty, with what can still be read of it."""
    salvaged, fault = _salvage(text)
    if isinstance(error, RecursionError):
        return Problem("too_deep", "nested too deeply to be read", salvaged)
    if isinstance(error, UnicodeError) or not _is_utf8(text):
        return Problem("invalid_utf8", PROBLEMS["invalid_utf8"], salvaged)
    if fault is not None:
        return Problem(fault, PROBLEMS[fault], salvaged)
    if isinstance(error, (msgspec.ValidationError, OverflowError)):
        return Problem("number_out_of_range", PROBLEMS["number_out_of_range"], salvaged)
    return Problem("not_json", str(error) or PROBLEMS["not_json"], salvaged)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _salvage(text: bytes) -> tuple[JsonObject, str | None]:
    """Read loosely what the strict decoder refused; return the object and the fault found so."""
    constants: list[str] = []

    def constant(name: str) -> None:
        constants.append(name)

    try:
        value = json.loads(text.decode("utf-8", "replace"), parse_constant=constant, strict=False)
        loose = json.dumps(_named(value), ensure_ascii=False).encode("utf-8", "surrogatepass")
        salvaged = json.loads(loose.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}, None
    if constants:
        return salvaged, "number_out_of_range"
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return salvaged, "lone_surrogate"
    except (ValueError, RecursionError):
        pass
    return salvaged, None


def _named(value: Any) -> JsonObject:
    """Return the parts of an event that name it."""
    if not isinstance(value, dict):
        return {}
    named: JsonObject = {
        key: value[key] for key in ("id", "event") if isinstance(value.get(key), str)
    }
    if isinstance(value.get("messageId"), str):  # Segment's name for it
        named.setdefault("id", value["messageId"])
    when = value.get("when")
    if isinstance(when, dict) and type(when.get("client")) is int:
        named["when"] = {"client": when["client"]}
    return named


def encode_all(values: Iterable[object]) -> list[bytes]:
    """Return each value's compact JSON."""
    return list(map(encode, values))
