"""Which rules a token reaches: those of one of its apps at least; of all apps only a token of all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from trackplane.control.operations import Call
from trackplane.control.portable import elements


def sees(call: Call, apps: Iterable[str]) -> bool:
    """Say whether the token reaches one of a rule's apps (none named: all of them)."""
    return call.actor.everywhere or any(call.actor.sees(app) for app in apps)


def reached(call: Call, apps: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return ``sees`` as the condition on a column of apps."""
    if call.actor.everywhere:
        return sa.true()
    named = elements(apps)
    return sa.select(1).select_from(named).where(named.c.value.in_(call.actor.apps)).exists()


def only(apps: Iterable[str]) -> str:
    """Return the app of a rule that is of one, else nothing: what the audit files it under."""
    first, *others = [*apps] or [""]
    return "" if others else first
