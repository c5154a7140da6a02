"""Plain conditions of a filter: one property against constants, which Python tests in one expression.

A rule's filter is cut into its conjuncts. Those that are plain, over properties that several rules
of a bucket read, become *guards*: the properties are read once for each event, and where none of
them is an ERROR a guard is a bare Python comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from trackplane.rules.ir import Call, Expression, Literal, Path, Rule

COMPARE: Final = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_EVENT: Final = ("event",)


class Guard(msgspec.Struct, frozen=True):
    """A condition on ``path``: ``how`` is a function's name, or what ``plain_condition`` calls it."""

    path: Path
    how: str
    constants: tuple[Any, ...] = ()

    def test(
        self,
        atom: str,
        constant: Callable[[Any], str],
        *,
        or_null: bool = False,
        present: bool = False,
    ) -> str:
        """Return Python that is true where the condition is TRUE, or NULL too if ``or_null``.

        ``atom`` holds the property's value, never an ERROR; ``present`` says that it is not NULL.
        """
        nullable = self.path.nullable and not present
        null = f" or {atom} is None" if or_null and nullable else ""
        match self.how:
            case "null":
                return f"{atom} is None"
            case "present":
                return f"{atom} is not None"
            case "true" | "false":
                return f"({atom} is {self.how == 'true'}{null})"
            case "in":
                return f"({atom} in {constant(frozenset(self.constants))}{null})"
            case "eq":
                return f"({atom} == {constant(self.constants[0])}{null})"
        compared = f"{atom} {COMPARE[self.how]} {constant(self.constants[0])}"
        if null:
            return f"({atom} is None or {compared})"
        return f"({atom} is not None and {compared})" if nullable else f"({compared})"


def conjuncts(rule: Rule) -> list[Expression]:
    """Return what all must be TRUE of a rule's filter, without what its index implies already."""
    return [] if rule.where is None else [c for c in _parts(rule.where) if not _implied(c, rule)]


def _parts(node: Expression) -> list[Expression]:
    if isinstance(node, Call) and node.function == "and":
        return [part for argument in node.args for part in _parts(argument)]
    return [node]


def _implied(node: Expression, rule: Rule) -> bool:
    """Say whether a condition is TRUE for every event the rule is tried on."""
    guard = plain_condition(node)
    return (
        guard is not None
        and guard.path.root == ""
        and guard.path.parts == _EVENT
        and guard.how in ("eq", "in")
        and rule.events is not None
        and set(rule.events) <= set(guard.constants)
    )


def plain_condition(node: Expression) -> Guard | None:
    """Return the guard that a condition is, or None where it is something else."""
    if isinstance(node, Path):
        return Guard(node, "true") if node.type.kind == "bool" else None
    if not isinstance(node, Call):
        return None
    if node.function == "not" and isinstance(node.args[0], Call | Path):
        inner = plain_condition(node.args[0])
        contrary = {"true": "false", "null": "present"}
        return Guard(inner.path, contrary[inner.how]) if inner and inner.how in contrary else None
    path = node.args[0] if node.args else None
    if not isinstance(path, Path):
        return None
    if node.function == "is_null":
        return Guard(path, "null")
    if node.function not in COMPARE and node.function != "in":
        return None
    constants = [constant_of(argument) for argument in node.args[1:]]
    return Guard(path, node.function, tuple(constants)) if None not in constants else None


def constant_of(node: Expression) -> Any:
    """Return a literal's value as Python has it, or None for NULL and what is no literal."""
    if not isinstance(node, Literal) or node.value is None:
        return None
    return float(node.value) if node.type.kind == "float64" else node.value
