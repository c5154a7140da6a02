"""Violations: what a validator finds, and the one table of their codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from trackplane.errors import Severity


class Code(msgspec.Struct, frozen=True):
    """A violation's code: how grave it is, what it means, what to do about it."""

    severity: Severity
    meaning: str
    hint: str


# A warning never makes an event dirty. docs/plan.md shows this table; a test holds them equal.
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
    "unplanned_property": Code(
        "warning", "a property the plan does not know", "plan it, or leave it out"
    ),
    "unplanned_event": Code(
        "warning", "an event the plan does not know", "plan it, or stop sending it"
    ),
    "deprecated": Code("warning", "deprecated by the plan", "use what replaces it"),
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
