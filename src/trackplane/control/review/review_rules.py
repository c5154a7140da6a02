"""Who approves what: the table of docs/review.md as code, over plain values.

An item's rule follows from its grade, the graver of before and after, so that nobody makes a change
easy by lowering the grade in it, and from its owner before the change: what a team owns is not taken
from it without it. To grade again or to retire asks for a data owner whatever the grade.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from trackplane.control.roles import Role, may, rank
from trackplane.plan.model import EventSpec

GRADES: Final = ("P0", "P1", "P2", "P3")


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What an approver must be.

    ``owning``: in the owning team (or the owner); ``or_member``: or a member of that team without the
    role; ``author``: may be the author.
    """

    role: Role
    owning: bool = False
    or_member: bool = False
    author: bool = False
    words: str


RULES: Final[dict[str, Need]] = {
    "P0": Need(
        role="data_owner",
        owning=True,
        words="a data owner of the owning team who is not the author",
    ),
    "P1": Need(
        role="data_owner",
        or_member=True,
        words="a data owner, or a member of the owning team, who is not the author",
    ),
    "P2": Need(role="designer", words="a designer or higher who is not the author"),
    "P3": Need(role="designer", author=True, words="a designer or higher, also the author"),
    "P1 regraded": Need(role="data_owner", words="a data owner who is not the author"),
    "P2 regraded": Need(role="data_owner", words="a data owner who is not the author"),
    "P3 regraded": Need(role="data_owner", author=True, words="a data owner, also the author"),
}


class Approver(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who could approve: a person, the role of the token, and the teams of the person."""

    person: str
    role: Role
    owners: frozenset[str]  # `team:pay` of each team, `person:ann`


def rule_of(before: EventSpec | None, after: EventSpec | None) -> tuple[str, str, str]:
    """Return the grade that counts, the owner and the name of the rule of a touched event.

    >>> rule_of(None, EventSpec(app="shop", event="pay", grade="P0", owner="team:pay"))
    ('P0', 'team:pay', 'P0')
    """
    specs = [spec for spec in (before, after) if spec is not None]
    grade = min(spec.grade for spec in specs)
    owner = next((spec.owner for spec in specs if spec.owner), "") or ""
    if grade != "P0" and before is not None and _weighty(before, after):
        return grade, owner, f"{grade} regraded"
    return grade, owner, grade


def _weighty(before: EventSpec, after: EventSpec | None) -> bool:
    """Say whether a change grades an event again or retires it."""
    if after is None:
        return True
    retired = (after.removed and not before.removed) or (
        after.deprecated is not None and before.deprecated is None
    )
    return retired or after.grade != before.grade


def why_not(
    rule: str, owner: str, author: str, approver: Approver, *, keepers: Collection[str]
) -> str:
    """Return why somebody may not approve an item; empty: they may.

    ``keepers`` are the people with the rule's role in the owning team other than the author. Where
    there are none (no owner, nobody registered, only the author), any data owner may: else the
    item could never change.
    """
    need = RULES[rule]
    if approver.person == author and not need.author:
        return "nobody approves their own change of a grade above P3"
    if not may(approver.role, "change.review"):
        return "this needs the role designer or a higher one"
    member = owner in approver.owners
    if rank(approver.role) < rank(need.role) and not (need.or_member and member):
        return f"{rule} asks for {need.words}"
    if need.owning and not member and keepers:
        return f"{rule} asks for {need.words}: {', '.join(sorted(keepers)[:5])}"
    return ""


def keepers_of(rule: str, owner: str, author: str, approvers: Mapping[str, Approver]) -> set[str]:
    """Return the people with a rule's role in the owning team, the author aside."""
    need = RULES[rule]
    return {
        each.person
        for each in approvers.values()
        if owner in each.owners and each.person != author and rank(each.role) >= rank(need.role)
    }
