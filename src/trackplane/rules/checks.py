"""Checks: conditions over several properties of a planned event, as rule expressions.

An event breaks a check whose expression is FALSE or an ERROR; TRUE and NULL keep it. An ERROR that
comes from a value of another type than planned breaks nothing here: the validator tells it already.
Checks see what the client sent, so neither ``meta`` nor the times that the platform stamps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from trackplane.errors import Finding
from trackplane.plan.model import Check, EventSpec
from trackplane.rules import library
from trackplane.rules.check import check_expression
from trackplane.rules.functions import SPECIAL
from trackplane.rules.ir import BOOL, Call, Expression, Path, walk
from trackplane.rules.library import NOTHING
from trackplane.rules.library.environment import BindError
from trackplane.rules.source import Excerpt, RuleError

_STAMPED: Final = frozenset({("when", "server"), ("when", "at")})


class TypedCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A check ready to be compiled; ``reads`` are the paths it looks at."""

    check: Check
    that: Expression
    reads: tuple[Path, ...]


def type_check(check: Check, spec: EventSpec) -> TypedCheck:
    """Return a check of an event, typed by its plan.

    Raises:
        RuleError: with every finding; columns count in the check's text.
    """
    excerpt = Excerpt.of(check.that)
    that = check_expression(excerpt, [spec], wanted=BOOL, guarded=True)
    findings = [excerpt.finding(*fault) for fault in _faults(that)]
    if findings:
        raise RuleError(f"the check {check.name!r} is wrong", findings=findings)
    reads = dict.fromkeys(node for node in walk(that) if isinstance(node, Path))
    return TypedCheck(check=check, that=that, reads=tuple(reads))


def _faults(that: Expression) -> Iterator[tuple[str, str]]:
    for node in walk(that):
        if isinstance(node, Path) and (
            node.root == "meta" or (node.root, node.parts[0]) in _STAMPED
        ):
            name = ".".join(map(str, (node.root, *node.parts)))
            yield "rule_name", f"{name} is stamped after the check: a check sees what was sent"
        if isinstance(node, Call) and node.function not in SPECIAL:
            try:
                library.bind(node, NOTHING)
            except BindError as error:
                yield (
                    "rule_function",
                    f"{node.function}() cannot be used in a check: {error.message}",
                )


def check_findings(spec: EventSpec) -> list[tuple[int, Finding]]:
    """Return what is wrong with an event's checks, each with the check's number."""
    found: list[tuple[int, Finding]] = []
    for number, check in enumerate(spec.checks):
        try:
            type_check(check, spec)
        except RuleError as error:
            found += [(number, finding) for finding in error.findings]
    return found
