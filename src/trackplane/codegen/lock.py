"""The lock file of a generated client: which events and properties that code can send."""

from __future__ import annotations

import json
from typing import Final

from trackplane.plan.model import Plan
from trackplane.plan.properties import paths_of

FORMAT: Final = 1


def lock_text(
    plan: Plan, *, name: str, platform: str, language: str, release: str, revision: int = 0
) -> str:
    """Return the lock file of a client generated from a plan, as JSON text.

    ``release`` is the version of the app that the client goes into, ``revision`` the plan's. Register it
    by ``trackplane client register``.
    """
    events = {
        event: sorted(paths_of(spec))
        for event, spec in sorted(plan.events.items())
        if not spec.removed
    }
    lock = {
        "format": FORMAT,
        "app": plan.app,
        "name": name,
        "platform": platform,
        "language": language,
        "release": release,
        "revision": revision,
        "events": events,
    }
    return json.dumps(lock, ensure_ascii=False, indent=1) + "\n"
