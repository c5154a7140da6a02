"""Prints a rule from its IR in a front end."""

from __future__ import annotations

from trackplane.control.rule_wire import FrontEnd
from trackplane.errors import InputError
from trackplane.rules import ir


def print_rule(rule: ir.Rule, source: str, front_end: FrontEnd) -> str:
    """Return a rule's text.

    Raises:
        InputError: the front end cannot say it.
    """
    if front_end != rule.front_end:
        raise InputError(f"a rule written in {rule.front_end} cannot be printed as {front_end} yet")
    return source
