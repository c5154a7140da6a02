"""The ERROR value of the rule language: one class for every evaluator."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

FailureCode = Literal["rule_type", "rule_overflow", "rule_zero_divisor", "rule_cast"]


class Failure(msgspec.Struct, frozen=True):
    """An ERROR, or a rule's failure on an event: its code, and why (never the value itself).

    Failures are equal where their codes are.
    """

    code: FailureCode
    message: str = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Failure) and other.code == self.code

    def __hash__(self) -> int:
        return hash(self.code)


TYPE: Final = Failure("rule_type", "not of the type the plan gives it")
OVERFLOW: Final = Failure("rule_overflow", "the result is out of range")
ZERO_DIVISOR: Final = Failure("rule_zero_divisor", "division by zero")
CAST: Final = Failure("rule_cast", "cannot be read as the type asked for")


def or_cast(value: Any) -> Any:
    """Return a reader's value; of its None, which means unreadable, the failure."""
    return CAST if value is None else value
