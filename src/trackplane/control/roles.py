"""Roles and what each may do: the one table that the API, its document and the docs are made from.

Actions, not operations, are what roles are given: an operation names its action. Each role may do all
that the one before it may; ``PERMISSIONS`` is written out so that it can be read and tested cell by cell.
"""

from __future__ import annotations

from typing import Final, Literal

Role = Literal["viewer", "analyst", "designer", "developer", "data_owner", "admin"]
ROLES: Final[tuple[Role, ...]] = Role.__args__  # type: ignore[attr-defined]

Action = Literal[
    "read",
    "profile.edit",
    "data.read",
    "query.edit",
    "comment",
    "change.propose",
    "change.review",
    "requirement.edit",
    "screenshot.add",
    "change.merge",
    "plan.apply",
    "rule.edit",
    "definition.edit",
    "dirty.replay",
    "key.edit",
    "client.register",
    "change.approve",
    "plan.renew",
    "library.publish",
    "app.edit",
    "lint.edit",
    "budget.exceed",
    "review.bypass",
    "person.edit",
    "token.edit",
    "audit.read",
]
ACTIONS: Final[tuple[Action, ...]] = Action.__args__  # type: ignore[attr-defined]


def _from(role: Role) -> frozenset[Role]:
    return frozenset(ROLES[ROLES.index(role) :])


PERMISSIONS: Final[dict[Action, frozenset[Role]]] = {
    "read": _from("viewer"),
    "profile.edit": _from("viewer"),
    "data.read": _from("analyst"),
    "query.edit": _from("analyst"),
    "comment": _from("analyst"),
    "change.propose": _from("designer"),
    "change.review": _from("designer"),
    "requirement.edit": _from("designer"),
    "screenshot.add": _from("designer"),
    "change.merge": _from("developer"),
    "plan.apply": _from("developer"),
    "rule.edit": _from("developer"),
    "definition.edit": _from("developer"),
    "dirty.replay": _from("developer"),
    "key.edit": _from("developer"),
    "client.register": _from("developer"),
    "change.approve": _from("data_owner"),
    "plan.renew": _from("data_owner"),
    "library.publish": _from("data_owner"),
    "app.edit": _from("admin"),
    "lint.edit": _from("admin"),
    "budget.exceed": _from("admin"),
    "review.bypass": _from("admin"),
    "person.edit": _from("admin"),
    "token.edit": _from("admin"),
    "audit.read": _from("admin"),
}

# What each action is, in the words of docs/permissions.md.
MEANING: Final[dict[Action, str]] = {
    "read": "see plans, events, rules, change requests, requirements, counts and states",
    "profile.edit": "change one's own profile and notices, mark one's inbox as read",
    "data.read": "see stored and live events: queries, dirty events, values, trials on real events",
    "query.edit": "save and delete queries",
    "comment": "discuss change requests",
    "change.propose": "make, edit, submit, withdraw and close change requests of one's own",
    "change.review": "approve and reject what the grade of an event lets one (see review.md)",
    "requirement.edit": "make and change requirements",
    "screenshot.add": "upload screenshots",
    "change.merge": "merge approved change requests",
    "plan.apply": "make a plan the one in force without review, where the app allows it",
    "rule.edit": "make, change, try and publish rules, and take them back",
    "definition.edit": "make and change datasets, functions, lookup tables and scripts",
    "dirty.replay": "mend and replay dirty events",
    "key.edit": "see, make and revoke write keys",
    "client.register": "register generated clients",
    "change.approve": "approve changes of P0 events, of grades, and the retirement of events",
    "plan.renew": "prolong events that expire",
    "library.publish": "publish versions of libraries",
    "app.edit": "make apps and change their settings",
    "lint.edit": "change the organisation's lint rules",
    "budget.exceed": "publish rules beyond their budget",
    "review.bypass": "apply a plan without review where the app requires one (an emergency; audited)",
    "person.edit": "register people and teams",
    "token.edit": "make and revoke tokens",
    "audit.read": "read the audit log",
}


def may(role: Role, action: Action) -> bool:
    """Say whether a role may do something."""
    return role in PERMISSIONS[action]


def least(action: Action) -> Role:
    """Return the least role that may do something."""
    return next(role for role in ROLES if role in PERMISSIONS[action])


def rank(role: Role) -> int:
    """Return how far a role reaches, 0 the least."""
    return ROLES.index(role)
