"""Requirements and the whole of review, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from .review import Review, Station

pytestmark = pytest.mark.integration
BOTH_DATABASES = True

P2 = ("A page was seen", "A page was looked at")
TAP = ("  hover:\n", "  tap: {owner: team:web, grade: P3}\n  hover:\n")


@pytest.fixture
def review(control: Any) -> Review:
    """Return an app with people and a plan."""
    return Review(Station(control))


def test_a_requirement_goes_over_the_board_by_what_is_known_of_its_events(review: Review) -> None:
    """Proposed and planned: designed; a client can send it: implemented; never typed in."""
    body = {"title": "Know who taps", "apps": ["shop"], "deadline": "2020-01-01", "people": ["eve"]}
    made = review.ann.post("/requirements", json=body).json()
    assert (made["state"], made["overdue"], made["events"]) == ("designed", True, [])
    change = review.propose(TAP, requirement=made["id"])

    def now() -> dict[str, Any]:
        return review.ann.get(f"/requirements/{made['id']}").json()

    assert [(event["event"], event["state"]) for event in now()["events"]] == [("tap", "in_review")]
    assert [each["id"] for each in now()["changes"]] == [change["id"]]
    review.act("ann", change["id"], "approve")
    review.merge(change["id"])
    assert (now()["events"][0]["state"], now()["state"]) == ("approved", "designed")
    client = {
        "format": 1, "app": "shop", "name": "web", "platform": "web", "language": "typescript",
        "release": "1.0", "revision": 2, "events": {"tap": []},
    }  # fmt: skip
    registered = review.fay.post("/clients", json=client)
    assert registered.is_success, registered.text
    found = now()
    assert (found["state"], found["done"]["implemented"]) == ("implemented", 1)
    lists = {
        "mine": review.eve.get("/requirements", params={"mine": True}),
        "state": review.ann.get("/requirements", params={"state": "implemented"}),
        "overdue": review.ann.get("/requirements", params={"overdue": True, "app": "shop"}),
        "words": review.ann.get("/requirements", params={"query": "taps"}),
    }
    for name, answer in lists.items():
        assert [item["id"] for item in answer.json()["items"]] == [made["id"]], name
    assert review.ann.get("/requirements", params={"state": "verified"}).json()["items"] == []


def test_a_requirement_is_as_far_as_the_last_of_its_events(review: Review) -> None:
    """An event named by hand counts as well; one dropped leaves the board."""
    body = {"title": "All", "events": [{"app": "shop", "event": "hover"}]}
    made = review.ann.post("/requirements", json=body).json()
    assert (made["apps"], made["done"]["designed"]) == (["shop"], 1)
    url = f"/requirements/{made['id']}"
    headers = {"If-Match": f'"{made["etag"]}"'}
    dropped = review.ann.patch(url, json={"dropped": True}, headers=headers).json()
    assert dropped["dropped"]
    assert review.ann.patch(url, json={"title": "x"}, headers=headers).status_code == 412
    assert review.ann.get("/requirements").json()["items"] == []
    assert len(review.ann.get("/requirements", params={"dropped": True}).json()["items"]) == 1


def test_requirements_of_another_app_are_not_there(review: Review, control: Any) -> None:
    """Nor can they be linked to; those of no app are everybody's."""
    review.admin.post("/apps", json={"app": "bank"})
    hidden = review.admin.post("/requirements", json={"title": "b", "apps": ["bank"]}).json()
    open_ = review.admin.post("/requirements", json={"title": "a"}).json()
    token = control.new_token(name="d", role="designer", apps=["shop"])
    assert token.get(f"/requirements/{hidden['id']}").status_code == 404
    assert [item["id"] for item in token.get("/requirements").json()["items"]] == [open_["id"]]
    body = {"app": "shop", "title": "x", "requirement": hidden["id"]}
    assert token.post("/changes", json=body).status_code == 422
    assert token.post("/requirements", json={"title": "c", "apps": ["bank"]}).status_code == 404


def test_of_a_requirement_of_several_apps_each_sees_and_changes_its_own(
    review: Review, control: Any
) -> None:
    """Another app's name is not told, and what is not seen is not lost by a change."""
    review.admin.post("/apps", json={"app": "other"})
    events = [{"app": app, "event": "pay"} for app in ("shop", "other")]
    body = {"title": "Pay", "apps": ["shop", "other"], "events": events}
    made = review.ann.post("/requirements", json=body).json()
    mine = control.new_token(name="m", person="m", role="designer", apps=["shop"])
    url = f"/requirements/{made['id']}"
    seen = mine.get(url).json()
    assert (seen["apps"], [each["app"] for each in seen["events"]]) == (["shop"], ["shop"])
    patch = {"apps": ["shop"], "events": []}
    changed = mine.patch(url, json=patch, headers={"If-Match": "*"})
    assert changed.json()["events"] == [], changed.text
    found = review.ann.get(url).json()
    assert found["apps"] == ["other", "shop"]
    assert [each["app"] for each in found["events"]] == ["other"]


def test_the_whole_of_review_on_either_database(review: Review) -> None:
    """Saved twice, discussed, approved in part, fallen, rebased, merged, told."""
    made = review.propose(P2, TAP)
    url = f"/changes/{made['id']}"
    review.bob.post(f"{url}/comments", json={"text": "short", "event": "tap"})
    assert review.get(made["id"], "ann")["unread"] == 1
    assert review.act("bob", made["id"], "approve", events=["page_view"])["waiting"] == 1
    saved = review.save(made["id"], ("looked at", "read")).json()
    assert saved["fallen"] == ["events/page_view"]
    review.put_plan(review.original.replace("The pointer rested", "It rested"))
    assert review.act("ann", made["id"], "rebase")["base"] == 2
    assert review.act("bob", made["id"], "approve")["state"] == "approved"
    assert review.merge(made["id"])["revision"] == 3
    listed = review.ann.get("/changes", params={"query": "page", "state": "merged"}).json()
    assert [item["id"] for item in listed["items"]] == [made["id"]]
    kinds = [notice["kind"] for notice in review.ann.get("/inbox").json()["items"]]
    assert kinds == ["merged", "approved", "comment"]
    assert review.ann.get("/my-events").json()["owned"] == 1
    team = review.ann.get("/teams/pay").json()
    assert (team["members"], team["events"]) == (["ann", "bob"], 1)
    people = review.admin.get("/people", params={"team": "pay"}).json()["items"]
    assert [person["person"] for person in people] == ["ann", "bob"]
    me = review.ann.patch("/me", json={"name": "Ann", "notify": {"comment": []}}).json()
    assert (me["name"], me["notify"]["comment"], me["teams"]) == ("Ann", [], ["pay"])
