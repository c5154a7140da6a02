"""The demo's plan change: designed, tried on real traffic, reviewed and merged while events flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trackplane.demo.changes import GIFT_CARD
from trackplane.demo.platform import Platform

Say = Callable[[str], None]

_WIDE, _NARROW = "max_length: 200", "max_length: 4"


class _People:
    """A designer, a data owner and a developer, each with a token of their own."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._tokens: dict[str, str] = {}
        for person, role in (("dana", "designer"), ("olga", "data_owner"), ("dev", "developer")):
            token = {"name": person, "person": person, "role": role, "apps": ["shop"]}
            self._tokens[person] = platform.call("POST", "/tokens", json=token)["token"]
        for team in ("growth", "search"):
            platform.call("PUT", f"/teams/{team}", etag="*", json={"members": ["olga"]})

    def call(self, person: str, method: str, path: str, **parts: Any) -> Any:
        return self._platform.call(method, path, token=self._tokens[person], **parts)


def change_plan(platform: Platform, say: Say) -> int:
    """Let a designer plan an event, and take back an edit whose impact is bad; return the number."""
    people = _People(platform)
    made = people.call("dana", "POST", "/changes", json={"app": "shop", "title": "Gift cards"})
    path = f"/changes/{made['id']}"
    search = people.call("dana", "GET", f"{path}/part", params={"name": "search"})["text"]
    _edit(people, path, gift_card=GIFT_CARD, search=search.replace(_WIDE, _NARROW))
    people.call("dana", "POST", f"{path}/submit", json={})
    impact = _impact(people, path)
    replay = impact["replay"]
    say(
        f"  change request {made['id']}: of {replay['sampled']:,} recent events {replay['newly_fail']:,}"
        f" would newly fail under {_NARROW!r} of search.query, {len(impact['rules'])} rule(s) read it: taken back"
    )
    first = people.call("olga", "POST", f"{path}/approve", json={})
    saved = _edit(people, path, search=search)
    fallen, again = saved["fallen"], _impact(people, path)["replay"]["newly_fail"]
    merged = people.call("dev", "POST", f"{path}/merge", json={})
    say(
        f"  change request {made['id']}: {len(first['approved'])} events approved; with the edit the approval"
        f" of {', '.join(fallen)} fell, {again} would fail now; merged as revision {merged['revision']}"
    )
    return int(merged["number"])


def _edit(people: _People, path: str, **events: str) -> Any:
    parts = [{"section": "events", "name": name, "text": text} for name, text in events.items()]
    return people.call("dana", "PUT", f"{path}/parts", etag="*", json={"parts": parts})


def _impact(people: _People, path: str) -> Any:
    return people.call("dana", "POST", f"{path}/impact", json={"hours": 24 * 7})["impact"]
