"""Violations: what a validator finds, and the one table of their codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from trackplane.errors import Severity


class Code(msgspec.Struct, frozen=True):
    """A violation's code: how grave it is, what it means, what to do about it.

    ``stage`` is what finds it: the ``plan``'s validator, a ``check`` of the plan, or ``hygiene`` before
    any plan is asked.
    """

    severity: Severity
    meaning: str
    hint: str
    stage: Literal["plan", "check", "hygiene"] = "plan"


def _hygiene(meaning: str, hint: str) -> Code:
    return Code("error", meaning, hint, "hygiene")


# A warning never makes an event dirty. spec/violations.md shows this table; a test holds them equal.
CODES: Final[Mapping[str, Code]] = {
    "missing": Code("error", "a required property is absent", "send it, or plan it as optional"),
    "null": Code(
        "error", "null, and the property is not nullable", "leave it out, or plan it nullable"
    ),
    "type": Code("error", "the value has another type than planned", "send the planned type"),
    "int64": Code("error", "an integer outside 64 bits", "send it as a string"),
    "enum": Code(
        "error", "not one of the planned values", "send a planned value, or add it to the plan"
    ),
    "min": Code("error", "below the smallest planned value", "check the unit"),
    "max": Code("error", "above the largest planned value", "check the unit"),
    "min_length": Code("error", "shorter than planned", "check that it is filled in"),
    "max_length": Code("error", "longer than planned", "cut it, or plan it longer"),
    "pattern": Code("error", "does not match the planned pattern", "compare it with the pattern"),
    "additional": Code("error", "a property in a closed object", "plan it, or leave it out"),
    "check": Code(
        "error", "a check over several properties fails", "read what it demands", "check"
    ),
    "check_warning": Code(
        "warning", "a check that only warns fails", "read what it demands", "check"
    ),
    "unplanned_property": Code(
        "warning", "a property the plan does not know", "plan it, or leave it out"
    ),
    "unplanned_event": Code(
        "warning", "an event the plan does not know", "plan it, or stop sending it"
    ),
    "expired_event": Code(
        "warning",
        "the event's planned last day has passed",
        "renew it in the plan, or stop sending it",
    ),
    "deprecated": Code("warning", "deprecated by the plan", "use what replaces it"),
    "invalid_utf8": _hygiene("the bytes are not UTF-8", "encode as UTF-8"),
    "lone_surrogate": _hygiene(
        "a \\u escape is half of a surrogate pair", "cut texts between characters, not inside one"
    ),
    "number_out_of_range": _hygiene(
        "a number is infinite, NaN or too long", "send null, or the number as a string"
    ),
    "not_json": _hygiene("the bytes are not JSON", "use a JSON library"),
    "too_deep": _hygiene("objects and arrays are nested too deeply", "flatten the value"),
    "event_too_large": _hygiene("the event has too many bytes", "send less with one event"),
    "property_too_large": _hygiene(
        "a property has too many bytes", "send a reference to the value"
    ),
    "event_not_object": _hygiene("the event is not a JSON object", "send objects"),
    "event_missing": _hygiene("the event has no name", "send `event`"),
    "event_type": _hygiene("`event` is not a string of 1 to 200 bytes", "send a short text"),
    "id_type": _hygiene("`id` is not a string", "send a string"),
    "namespace_type": _hygiene(
        "who, when, where, how or what is not an object", "put properties inside an object"
    ),
    "time_type": _hygiene(
        "`when.client` or `when.sent` is not an integer of milliseconds",
        "send Unix milliseconds UTC",
    ),
    "header_type": _hygiene("the header is not a JSON object", "send an object"),
    "validator_failed": _hygiene(
        "the plan's validator failed on it: a fault of ours", "tell us; replay it afterwards"
    ),
    "wire_type": _hygiene("the wire's call is not one that is known here", "see the wire's manual"),
}


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """One violation in one event. ``pointer`` points into the merged event (RFC 6901).

    ``input`` is the offending value as JSON, cut to 200 characters, or ``…`` for a PII property;
    ``rule`` is the constraint that was broken, as the plan has it.
    """

    code: str
    pointer: str
    message: str
    input: str = ""
    rule: str = ""

    @property
    def severity(self) -> Severity:
        """Return how grave it is."""
        return CODES[self.code].severity

    @property
    def hint(self) -> str:
        """Return what to do about it."""
        return CODES[self.code].hint


_MASK: Final = "…"


def shown(value: Any, *, masked: bool) -> str:
    """Return a value for a message: JSON, cut, or a mask where it may be personal."""
    if masked:
        return _MASK
    try:
        text = msgspec.json.encode(value).decode()
    except (msgspec.MsgspecError, UnicodeError, OverflowError):
        text = repr(value)
    return text if len(text) <= 200 else text[:200] + _MASK
