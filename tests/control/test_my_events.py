"""What nobody owns: chosen and counted by the database, equal to a plain count over everything."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from trackplane.control.insight.insight_tables import observations, observed_files
from trackplane.control.insight.observations import DAY_MS

from .conftest import Running

BOTH_DATABASES = True
OWNERS = ("team:pay", "team:gone", "person:ann", "person:nobody", "")
Start = Callable[..., Running]
Row = dict[str, Any]


def plan(app: str, owners: dict[str, str]) -> str:
    events = "".join(
        f"  {event}:\n    grade: P1\n" + (f"    owner: {owner}\n" if owner else "")
        for event, owner in owners.items()
    )
    return f"format: 1\napp: {app}\nevents:\n{events}"


@pytest.mark.parametrize("shown", [5, 200])
@pytest.mark.parametrize("owns", [True, False])
def test_what_nobody_owns_is_what_a_plain_count_finds(
    start: Start, monkeypatch: pytest.MonkeyPatch, shown: int, *, owns: bool
) -> None:
    """With and without events of one's own, which say what apps concern one."""
    monkeypatch.setattr("trackplane.control.review.my_events._SHOWN", shown)
    chance = random.Random(shown)
    control = start()
    apps = ("games", "shop", "video")
    planned: dict[tuple[str, str], str] = {}
    control.client.put("/people/ann", json={"name": "Ann"}, headers={"If-Match": "*"})
    control.client.put(
        "/teams/pay", json={"title": "Pay", "members": ["ann"]}, headers={"If-Match": "*"}
    )
    for app in apps:
        control.client.post("/apps", json={"app": app})
        owners = {f"e{n}": chance.choice(OWNERS) for n in range(20)}
        if not owns:
            owners = {
                event: "team:gone" if "a" in owner else owner for event, owner in owners.items()
            }
        if app == "video":
            owners = dict.fromkeys(owners, "team:gone")  # concerns only who owns nothing
        planned |= {(app, event): owner for event, owner in owners.items()}
        files = {"plan.yaml": plan(app, owners)}
        answer = control.client.put(
            f"/apps/{app}/plan", json={"files": files}, headers={"If-Match": "*"}
        )
        assert answer.is_success, answer.text
    seen = observe(control, chance, apps)
    ann = control.new_token(name="ann", role="designer", person="ann")
    mine = {key for key, owner in planned.items() if owner in ("team:pay", "person:ann")}
    concern = {app for app, _ in mine} or {*apps}
    known = {"team:pay", "person:ann", *tokens(control)}
    expected = [
        (app, event, owner, True, seen.get((app, event), (0, 0))[0])
        for (app, event), owner in planned.items()
        if app in concern and owner not in known
    ] + [
        (app, event, "", False, sum(counts))
        for (app, event), counts in seen.items()
        if app in concern and (app, event) not in planned
    ]
    expected.sort(key=lambda each: (-each[4], each[0], each[1]))
    found = ann.get("/my-events").json()
    assert found["owned"] == len(mine)
    assert bool(mine) == owns
    assert found["totals"]["unowned"] == len(expected)
    told = [(e["app"], e["event"], e["owner"], e["planned"], e["seen"]) for e in found["unowned"]]
    assert told == expected[:shown]


def tokens(control: Running) -> set[str]:
    """Return the owners that the tokens are."""
    items = control.client.get("/tokens").json()["items"]
    return {f"person:{each['person']}" for each in items}


def observe(
    control: Running, chance: random.Random, apps: tuple[str, ...]
) -> dict[tuple[str, str], tuple[int, int]]:
    """Write down that some events arrived this week, by several senders; return seen and dirty."""
    now = control.plane.platform.clock()
    rows: list[Row] = []
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for app in apps:
        for n in chance.sample(range(26), 12):  # e20 and more are not planned
            for version in ("1", "2"):
                seen, dirty = chance.randrange(3), chance.randrange(3)
                old = sums.get((app, f"e{n}"), (0, 0))
                sums[app, f"e{n}"] = (old[0] + seen, old[1] + dirty)
                rows.append(
                    {"file": 1, "app": app, "event": f"e{n}", "env": "prod", "platform": "ios"}
                    | {"version": version, "day": now // DAY_MS, "seen": seen, "dirty": dirty}
                    | {"violations": 0, "failed": 0, "weight": 1.0, "payload": 1}
                    | {"first_at": now, "last_at": now}
                )
    with control.plane.platform.database.write() as connection:
        file = {"path": "x", "kind": "events", "date": "", "grade": "P1", "rows": 1}
        made = file | {"bytes": 1, "payload": 1, "max_server": now, "kept": True}
        connection.execute(sa.insert(observed_files).values(id=1, **made))
        connection.execute(sa.insert(observations), rows)
    return {key: counts for key, counts in sums.items() if sum(counts)}
