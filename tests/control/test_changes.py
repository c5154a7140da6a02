"""Change requests: from a draft to a revision, and who may do what on the way."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from trackplane.control.review import change_merge

from .conftest import DATABASES, Running, settings_on
from .review import Review, Station

pytestmark = pytest.mark.integration

P0 = ("Order paid", "Order was paid")
P1 = ("Added to the cart", "Put into the cart")
P2 = ("A page was seen", "A page was looked at")
P3 = ("The pointer rested", "The pointer stayed")


@pytest.fixture(scope="module", params=DATABASES)
def station(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Station]:
    """Return a control plane with people, for all tests here."""
    folder = tmp_path_factory.mktemp("review") / "control"
    control = Running(folder, settings=settings_on(request))
    try:
        yield Station(control)
    finally:
        control.stop()


_numbers = itertools.count(1)


@pytest.fixture
def review(station: Station) -> Review:
    """Return an app of the test's own, with a plan."""
    return Review(station, f"shop{next(_numbers)}")


# --- from a draft to a revision


def test_a_change_is_proposed_approved_merged_and_links_back(review: Review) -> None:
    """The revision holds exactly the branch; the request tells revision, number and who did what."""
    made = review.propose(P0, title="Say it in the past")
    assert (made["state"], made["base"], made["waiting"]) == ("in_review", 1, 1)
    assert review.act("bob", made["id"], "approve")["state"] == "approved"
    merged = review.merge(made["id"])
    assert (merged["revision"], merged["changed"]) == (2, ["order_pay"])
    assert review.plan() == review.original.replace(*P0)
    found = review.get(made["id"])
    assert (found["state"], found["merged_revision"]) == ("merged", 2)
    assert found["number"] == merged["number"] > 0
    revision = review.admin.get(f"/apps/{review.app}/plan/revisions/2").json()
    assert revision["message"] == f"Say it in the past (change request {made['id']})"
    history = review.get(made["id"], below="/history")["items"]
    assert [(entry["person"], entry["action"]) for entry in reversed(history)] == [
        ("ann", "created"),
        ("ann", "submitted"),
        ("bob", "approve"),
        ("bob", "approved"),
        ("fay", "impact"),
        ("fay", "merged"),
    ]
    audit = [row["action"] for row in review.admin.get("/audit").json()["items"]]
    assert audit[:2] == ["change.merged", "plan.update"]


def test_a_draft_may_be_saved_broken_and_is_never_submitted_broken(review: Review) -> None:
    """Findings are told at each save; submitting lists them."""
    made = review.propose(("grade: P3", "grade: P9"), submit=False)
    assert (made["state"], made["findings"] > 0) == ("draft", True)
    answer = review.ann.post(f"/changes/{made['id']}/submit", json={})
    assert (answer.status_code, answer.json()["code"]) == (422, "change_broken")
    assert "P9" in str(answer.json()["findings"])
    saved = review.save(made["id"], ("grade: P9", "grade: P2")).json()
    assert (saved["ok"], saved["version"]) == (True, 2)
    assert review.act("ann", made["id"], "submit")["state"] == "in_review"
    answer = review.save(made["id"], ("grade: P2", "grade: P9"))
    assert (answer.status_code, answer.json()["code"]) == (409, "state")
    assert review.get(made["id"])["version"] == 2


def test_what_changes_nothing_is_not_submitted(review: Review) -> None:
    """A branch without a file of its own has nothing to review."""
    made = review.propose(submit=False)
    review.put_plan(review.original)
    empty = review.ann.post("/changes", json={"app": review.app, "title": "Nothing"}).json()
    answer = review.ann.post(f"/changes/{empty['id']}/submit", json={})
    assert (answer.status_code, answer.json()["code"]) == (422, "change_broken")
    assert made["counts"]["changed"] == 0


def test_single_parts_are_edited_by_name_and_every_other_byte_stays(review: Review) -> None:
    """Added, replaced and removed in one save."""
    made = review.propose(submit=False)
    parts = [
        {"section": "events", "name": "hover", "text": None},
        {"section": "events", "name": "tap", "text": "tap:\n  owner: team:web\n  grade: P3\n"},
        {"section": "events", "name": "page_view", "text": "page_view: {owner: team:web}\n"},
    ]
    url = f"/changes/{made['id']}/parts"
    saved = review.ann.put(url, json={"parts": parts}, headers={"If-Match": f'"{made["etag"]}"'})
    assert saved.status_code == 200, saved.text
    counts = saved.json()["counts"]
    assert (counts["added"], counts["changed"], counts["removed"]) == (1, 1, 1)
    text = review.get(made["id"], below="/files")["changed"]["plan.yaml"]
    start = review.original.index("  page_view:")
    assert text[:start] == review.original[:start]
    assert "hover" not in text
    part = review.get(made["id"], below="/part", section="events", name="tap")
    assert (part["text"], part["base"]) == (parts[1]["text"], None)


def test_of_two_saves_the_second_is_told_both_sides(review: Review) -> None:
    """The file as saved, as sent and as both began with, and their merge."""
    made = review.propose(submit=False)
    etag = f'"{made["etag"]}"'
    assert review.save(made["id"], P0, **{"If-Match": etag}).status_code == 200
    text = review.original.replace(*P3)
    answer = review.ann.put(
        f"/changes/{made['id']}/files",
        json={"files": {"plan.yaml": text}},
        headers={"If-Match": etag},
    )
    assert answer.status_code == 412
    conflict = answer.json()["conflict"]
    assert conflict["theirs"] == review.original.replace(*P0)
    assert conflict["yours"] == text
    assert conflict["base"] == review.original
    assert conflict["merged"] == review.original.replace(*P0).replace(*P3)
    part = {"section": "events", "name": "hover", "text": "hover: {owner: team:web, grade: P3}\n"}
    put = review.ann.put(
        f"/changes/{made['id']}/parts", json={"parts": [part]}, headers={"If-Match": etag}
    )
    assert put.status_code == 200, "another part was saved meanwhile, not this one"
    part["name"], part["text"] = "order_pay", "order_pay: {grade: P0, owner: team:pay}\n"
    put = review.ann.put(
        f"/changes/{made['id']}/parts", json={"parts": [part]}, headers={"If-Match": etag}
    )
    assert put.status_code == 412
    assert "Order was paid" in put.json()["conflict"]["theirs"]


def test_a_first_plan_is_proposed_like_any_other(review: Review) -> None:
    """An app without a plan has revision 0 as the base."""
    app = f"{review.app}new"
    review.admin.post("/apps", json={"app": app})
    text = review.original.replace(f"app: {review.app}", f"app: {app}")
    files = {"plan.yaml": text.replace("grade: P0", "grade: P3").replace("grade: P1", "grade: P3")}
    made = review.ann.post("/changes", json={"app": app, "title": "First", "files": files}).json()
    assert (made["base"], made["counts"]["added"], made["findings"]) == (0, 6, 0)
    assert review.act("ann", made["id"], "submit")["waiting"] == 5
    assert review.act("eve", made["id"], "approve")["state"] == "approved"
    assert review.merge(made["id"])["revision"] == 1


def test_a_branch_has_no_file_outside_the_plan(review: Review) -> None:
    """Else whoever pulls it would write where its author says."""
    for path in (
        "../up.yaml",
        "/etc/x.yaml",
        "a/../../b.yaml",
        ".git/config.yaml",
        "a.sh",
        "C:x.yaml",
        "a\u202elmay.yaml",
    ):
        body = {"app": review.app, "title": "x", "files": {path: "format: 1"}}
        assert review.ann.post("/changes", json=body).status_code == 400, path


# --- who may approve


@pytest.mark.parametrize(
    ("edit", "author", "may"),
    [
        (P0, "ann", {"bob"}),
        (P0, "bob", {"cat"}),  # of the owning team only the author is a data owner
        (P1, "ann", {"bob", "cat", "dan", "first admin"}),
        (P1, "dan", {"bob", "cat", "first admin"}),
        (P2, "ann", {"bob", "cat", "dan", "eve", "fay", "first admin"}),
        (P3, "ann", {"ann", "bob", "cat", "dan", "eve", "fay", "first admin"}),
        (("grade: P2", "grade: P3"), "ann", {"bob", "cat", "first admin"}),
        (("grade: P3", "grade: P3, deprecated: {}"), "ann", {"bob", "cat", "first admin"}),
        (("grade: P0", "grade: P3"), "ann", {"bob"}),  # the graver grade counts
        (("owner: team:pay\n    grade: P0", "owner: team:cart\n    grade: P0"), "ann", {"bob"}),
        (("type: number, required: true}, cur", "type: number}, cur"), "ann", {"bob"}),  # a type
        (("measure: sum", "unit: SGD, measure: sum"), "ann", {"bob"}),  # a metric
    ],
)
def test_who_approves_follows_from_grade_and_owner(
    review: Review, edit: tuple[str, str], author: str, may: set[str]
) -> None:
    """The people listed are those who may, and each other one is refused with the reason."""
    edit = (edit[0], edit[1].replace("grade: P3, deprecated", "grade: P3\n    deprecated"))
    made = review.propose(edit, author=author)
    if author == "bob" and edit == P0:
        may = may | {"first admin"}
    for approval in review.get(made["id"], below="/approvals")["items"]:
        assert set(approval["reviewers"]) == may, approval
    clients = {**review.people, "first admin": review.admin}
    url = f"/changes/{made['id']}"
    for person, client in clients.items():
        answer = client.get(url)
        allowed = {each["action"]: each for each in answer.json()["actions"]}["approve"]
        assert allowed["allowed"] == (person in may), (person, allowed)
        if person not in may:
            refused = client.post(f"{url}/approve", json={})
            assert refused.status_code == 403, (person, refused.text)
            assert allowed["reasons"]
    person = min(may)
    assert clients[person].post(f"{url}/approve", json={}).json()["state"] == "approved"


def test_nobody_approves_their_own_p0_change_whatever_the_role(review: Review) -> None:
    """Neither a data owner of the owning team nor an admin, by whichever of their tokens."""
    made = review.propose(P0, author="bob")
    other = review.control.new_token(name="bob's second", person="bob", role="admin")
    for client in (review.bob, other):
        answer = client.post(f"/changes/{made['id']}/approve", json={})
        assert answer.status_code == 403
        assert "their own" in answer.json()["detail"]
    url = f"/changes/{made['id']}/approve"
    assert review.cat.post(url, json={}).json()["state"] == "approved"


def test_a_change_of_several_owners_needs_each(review: Review) -> None:
    """Each approves their own part, and is told why not the others'."""
    made = review.propose(P0, P1)
    found = review.act("cat", made["id"], "approve")
    assert (found["approved"], found["waiting"]) == (["cart_add"], 1)
    assert "order_pay" in found["refused"]
    assert found["state"] == "in_review"
    waits = review.bob.get("/changes", params={"waits": True, "app": review.app}).json()["items"]
    assert [each["id"] for each in waits] == [made["id"]]
    assert (
        review.cat.get("/changes", params={"waits": True, "app": review.app}).json()["items"] == []
    )
    assert review.act("bob", made["id"], "approve")["state"] == "approved"


def test_parts_are_approved_by_name(review: Review) -> None:
    """A name that waits for nothing is told of, the rest is approved."""
    made = review.propose(P1, P2)
    found = review.act("bob", made["id"], "approve", events=["page_view", "order_pay"])
    assert (found["approved"], found["waiting"]) == (["page_view"], 1)
    assert list(found["refused"]) == ["order_pay"]


def test_a_name_of_an_event_and_a_metric_approves_neither(review: Review) -> None:
    """It says how each is called in full, and that is taken."""
    metric = "  page_view: {title: Views, owner: team:web, of: page_view, measure: count()}\n"
    made = review.propose(P2, ("metrics:\n", "metrics:\n" + metric))
    both = "it is the name of events/page_view and metrics/page_view"
    found = review.people["bob"].post(
        f"/changes/{made['id']}/approve", json={"events": ["page_view"]}
    )
    assert (found.status_code, both in found.text) == (403, True)
    told = review.act("bob", made["id"], "approve", events=["events/page_view", "page_view"])
    assert (told["approved"], told["refused"]) == (["page_view"], {"page_view": both})


def test_many_change_requests_are_approved_at_once_with_a_result_each(review: Review) -> None:
    """Those one may, those one may not, those that are not there."""
    first, second = review.propose(P1), review.propose(P0)
    answer = review.cat.post("/changes/approve", json={"changes": [first["id"], second["id"], 99]})
    assert answer.status_code == 200
    items = answer.json()["items"]
    assert [item["state"] for item in items] == ["approved", "in_review", "closed"]
    assert [bool(item["error"]) for item in items] == [False, True, True]


def test_what_was_saved_after_one_looked_is_not_approved_with_the_rest(review: Review) -> None:
    """Each by the version that was seen; as many versions as change requests."""
    first, second = review.propose(P1), review.propose(P2)
    review.save(second["id"], ("A page was looked at", "A page was read"))
    body = {"changes": [first["id"], second["id"]]}
    assert review.cat.post("/changes/approve", json=body | {"versions": [1]}).status_code == 422
    seen = [first["version"], second["version"]]
    items = review.cat.post("/changes/approve", json=body | {"versions": seen}).json()["items"]
    assert [item["state"] for item in items] == ["approved", "in_review"]
    assert "not 1" in items[1]["error"], items


# --- approvals that fall


def test_an_approval_falls_when_what_it_covered_changes_and_no_other_does(review: Review) -> None:
    """The other event's stands; the request waits again; who approved is told."""
    made = review.propose(P0, P1)
    review.act("bob", made["id"], "approve")
    assert review.get(made["id"])["state"] == "approved", "a data owner may approve P1 too"
    saved = review.save(made["id"], ("Order was paid", "Order got paid")).json()
    assert saved["fallen"] == ["events/order_pay"]
    assert saved["state"] == "in_review"
    rows = {row["name"]: row for row in review.get(made["id"], below="/approvals")["items"]}
    assert rows["cart_add"]["approved"]
    assert not rows["order_pay"]["approved"]
    assert rows["order_pay"]["fallen"][0]["by"] == "bob"
    notice = review.bob.get("/inbox").json()["items"][0]
    assert (notice["kind"], notice["change"]) == ("approval_fell", made["id"])


def test_a_rebase_keeps_approvals_of_what_it_does_not_change(review: Review) -> None:
    """And lets those fall whose event came out otherwise."""
    made = review.propose(P0, P1)
    review.act("bob", made["id"], "approve")
    assert review.get(made["id"])["state"] == "approved"
    review.put_plan(
        review.original.replace("sku: {type: string", "sku: {max_length: 9, type: string")
    )
    assert review.get(made["id"])["stale"]
    rebased = review.act("ann", made["id"], "rebase")
    assert (rebased["base"], rebased["state"]) == (2, "in_review")
    rows = {
        row["name"]: row["approved"] for row in review.get(made["id"], below="/approvals")["items"]
    }
    assert rows == {"order_pay": True, "cart_add": False}


def crew(review: Review, team: str, *people: str) -> dict[str, Any]:
    """Let a team own P0, and make data owners of the app, of whom it has none yet."""
    put_team(review, team)
    review.put_plan(review.original.replace("team:pay", f"team:{team}"))
    return {
        person: review.control.new_token(
            name=person, person=person, role="data_owner", apps=[review.app]
        )
        for person in people
    }


def put_team(review: Review, team: str, *members: str) -> None:
    answer = review.admin.put(
        f"/teams/{team}", json={"members": members}, headers={"If-Match": "*"}
    )
    assert answer.is_success, answer.text


@pytest.mark.parametrize("way", ["token", "team", "person"])
def test_an_approval_falls_when_its_giver_may_not_give_it_any_more(
    review: Review, way: str
) -> None:
    """At once: without the token, or out of the team while that has another data owner."""
    team, joe, kim = f"pay-{way}", f"joe-{way}", f"kim-{way}"
    owners = crew(review, team, joe, kim)
    put_team(review, team, joe, kim)
    made = review.propose(P0)
    url = f"/changes/{made['id']}"
    assert owners[joe].post(f"{url}/approve", json={}).json()["state"] == "approved"
    if way == "token":
        tokens = review.admin.get("/tokens", params={"limit": 200}).json()["items"]
        id = next(token["id"] for token in tokens if token["name"] == joe)
        assert review.admin.delete(f"/tokens/{id}").is_success
    elif way == "team":
        put_team(review, team, kim)
    else:
        anyhow = {"If-Match": "*"}
        assert review.admin.put(f"/people/{joe}", json={}, headers=anyhow).is_success
        assert review.admin.delete(f"/people/{joe}", headers=anyhow).is_success
    assert review.get(made["id"])["state"] == "in_review"
    (item,) = review.get(made["id"], below="/approvals")["items"]
    assert (item["approved"], [each["by"] for each in item["fallen"]]) == (False, [joe])
    assert owners[kim].post(f"{url}/approve", json={}).json()["state"] == "approved"
    review.assess(made["id"])
    assert review.merge(made["id"])["changed"] == ["order_pay"]


def test_an_approval_falls_at_the_merge_when_somebody_with_a_better_right_came(
    review: Review,
) -> None:
    """Any data owner may approve for a team without one, until it has one."""
    owners = crew(review, "pay-late", "lea", "max")
    made = review.propose(P0)
    url = f"/changes/{made['id']}"
    assert owners["lea"].post(f"{url}/approve", json={}).json()["state"] == "approved"
    put_team(review, "pay-late", "max")
    review.assess(made["id"])
    answer = review.fay.post(f"{url}/merge", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_approved")
    assert review.get(made["id"])["state"] == "in_review"
    assert owners["max"].post(f"{url}/approve", json={}).json()["state"] == "approved"


@pytest.mark.parametrize("what", ["plan", "approval"])
def test_what_happens_in_the_moment_of_a_merge_stops_it(
    review: Review, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking and merging somebody else was faster: nothing comes into force unseen."""
    owners = crew(review, f"pay-race-{what}", f"una-{what}", f"vic-{what}")
    made = review.propose(P0)
    url = f"/changes/{made['id']}"
    assert owners[f"una-{what}"].post(f"{url}/approve", json={}).is_success
    review.assess(made["id"])
    look = change_merge.branch_items

    def meanwhile(branch: Any) -> Any:
        if what == "plan":
            review.put_plan(review.plan().replace(*P3))
        else:
            put_team(review, f"pay-race-{what}", f"vic-{what}")
        return look(branch)

    with monkeypatch.context() as patch:
        patch.setattr(change_merge, "branch_items", meanwhile)
        answer = review.fay.post(f"{url}/merge", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "moved")
    assert review.get(made["id"])["merged_revision"] is None


def test_a_rejection_gives_it_back_with_the_reason(review: Review) -> None:
    """The author is told; what others approved stands when it is submitted again."""
    made = review.propose(P0, P1)
    review.act("cat", made["id"], "approve")
    answer = review.bob.post(f"/changes/{made['id']}/reject", json={})
    assert answer.status_code == 400, "a rejection needs a reason"
    found = review.act("bob", made["id"], "reject", reason="say it shorter")
    assert (found["state"], found["rejection"]["reason"]) == ("draft", "say it shorter")
    notice = review.ann.get("/inbox").json()["items"][0]
    assert (notice["kind"], notice["detail"]) == ("rejected", "say it shorter")
    again = review.act("ann", made["id"], "submit")
    assert (again["waiting"], again["rejection"]) == (1, None)


def test_withdrawn_and_closed_by_who_may(review: Review) -> None:
    """Its author takes it back; a data owner may close it, another designer not."""
    made = review.propose(P2)
    assert review.eve.post(f"/changes/{made['id']}/withdraw", json={}).status_code == 403
    assert review.act("ann", made["id"], "withdraw")["state"] == "draft"
    assert review.eve.post(f"/changes/{made['id']}/close", json={}).status_code == 403
    assert review.act("cat", made["id"], "close")["state"] == "closed"
    answer = review.ann.post(f"/changes/{made['id']}/submit", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "state")


# --- merging


def test_a_merge_takes_the_branch_and_what_came_meanwhile(review: Review) -> None:
    """Both are in the new revision, and the impact of that very merge was looked at."""
    made = review.propose(P2)
    review.act("dan", made["id"], "approve")
    review.assess(made["id"])
    review.put_plan(review.original.replace(*P3))
    answer = review.fay.post(f"/changes/{made['id']}/merge", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "impact_stale")
    assert review.merge(made["id"])["changed"] == ["page_view"]
    assert review.plan() == review.original.replace(*P2).replace(*P3)


def test_a_merge_that_would_not_be_what_was_approved_is_refused(review: Review) -> None:
    """Another came into the same event: it merges cleanly, and is to be looked at again."""
    made = review.propose(P2)
    review.act("dan", made["id"], "approve")
    review.put_plan(
        review.original.replace("url: {type: string}", "url: {type: string, required: true}")
    )
    review.assess(made["id"])
    answer = review.fay.post(f"/changes/{made['id']}/merge", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_approved")
    assert "page_view" in str(answer.json()["findings"])


def test_a_conflict_is_told_with_both_sides_and_settled_by_a_rebase(review: Review) -> None:
    """By texts for each part, or all one way."""
    made = [review.propose(P2) for _ in range(3)]
    other = review.original.replace("A page was seen", "Somebody saw a page")
    review.put_plan(other)
    for each in made:
        review.act("dan", each["id"], "approve")
        answer = review.fay.post(f"/changes/{each['id']}/merge", json={})
        assert (answer.status_code, answer.json()["code"]) == (409, "conflicts")
        conflict = answer.json()["conflicts"][0]
        assert (conflict["section"], conflict["name"], conflict["path"]) == (
            "events",
            "page_view",
            "title",
        )
        assert "looked at" in conflict["yours"]
        assert "Somebody" in conflict["theirs"]
        assert review.ann.post(f"/changes/{each['id']}/rebase", json={}).status_code == 409
    review.act("ann", made[0]["id"], "rebase", take="theirs")
    assert review.get(made[0]["id"], below="/files")["changed"] == {}
    review.act("ann", made[1]["id"], "rebase", take="mine")
    assert review.get(made[1]["id"], below="/files")["changed"] == {
        "plan.yaml": review.original.replace(*P2)
    }
    text = "page_view:\n  title: Seen\n  owner: team:web\n"
    resolution = {"section": "events", "name": "page_view", "text": text}
    rebased = review.act("ann", made[2]["id"], "rebase", resolutions=[resolution])
    assert rebased["base"] == 2
    part = review.get(made[2]["id"], below="/part", section="events", name="page_view")
    assert part["text"] == text


def test_of_two_merging_at_once_one_is_told(review: Review) -> None:
    """Both were looked at over the same revision; the second is to be looked at again."""
    made = [review.propose(P2), review.propose(P3)]
    for each in made:
        review.act("dan", each["id"], "approve")
        review.assess(each["id"])
    answers: list[Any] = []
    barrier = threading.Barrier(2)

    def merge(id: int) -> None:
        client = review.control.client_of(review.fay.headers["authorization"][7:])
        barrier.wait()
        answers.append(client.post(f"/changes/{id}/merge", json={}))

    threads = [threading.Thread(target=merge, args=(each["id"],)) for each in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    late = next(each for each in made if review.get(each["id"])["state"] == "approved")
    assert review.merge(late["id"])["revision"] == 3
    assert review.plan() == review.original.replace(*P2).replace(*P3)


def test_a_base_that_is_gone_is_no_dead_end(review: Review) -> None:
    """What of the branch is not as in force is a conflict to settle, and then it goes on."""
    made = review.propose(P2)
    review.put_plan(review.original.replace(*P3))
    database = review.control.plane.platform.database
    with database.write() as connection:
        connection.exec_driver_sql(
            f"DELETE FROM revisions WHERE revision = 1 AND app = '{review.app}'"
        )
    assert review.get(made["id"])["state"] == "in_review"
    answer = review.ann.post(f"/changes/{made['id']}/rebase", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflicts")
    rebased = review.act("ann", made["id"], "rebase", take="mine")
    assert rebased["base"] == 2
    assert review.get(made["id"], below="/findings")["ok"]


def test_an_app_that_is_gone_leaves_its_change_requests_readable(review: Review) -> None:
    """They are shown and may be closed; nothing else."""
    made = review.propose(P2)
    database = review.control.plane.platform.database
    with database.write() as connection:
        for table in ("events", "revisions", "apps"):
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE app = '{review.app}'")
    found = review.get(made["id"])
    assert found["current"] is None
    assert [each["action"] for each in found["actions"] if each["allowed"]] == ["comment", "close"]
    assert review.ann.post(f"/changes/{made['id']}/rebase", json={}).status_code == 404
    assert review.act("ann", made["id"], "close")["state"] == "closed"


def test_where_review_is_required_only_a_merge_or_an_emergency_changes_the_plan(
    review: Review,
) -> None:
    """A developer's direct apply is refused with the way to go; an admin's is audited as such."""
    changed = review.admin.patch(
        f"/apps/{review.app}", json={"review": "required"}, headers={"If-Match": "*"}
    )
    assert changed.json()["review"] == "required"
    body = {"files": {"plan.yaml": review.original.replace(*P3)}}
    answer = review.fay.put(f"/apps/{review.app}/plan", json=body, headers={"If-Match": "*"})
    assert answer.status_code == 403
    assert "change request" in answer.json()["detail"]
    made = review.propose(P2)
    review.act("dan", made["id"], "approve")
    assert review.merge(made["id"])["revision"] == 2
    answer = review.admin.put(f"/apps/{review.app}/plan", json=body, headers={"If-Match": "*"})
    assert answer.status_code == 200
    actions = [row["action"] for row in review.admin.get("/audit").json()["items"]]
    assert actions[:2] == ["plan.update", "plan.bypass"]


# --- found, discussed


def test_lists_find_by_words_state_author_event_and_app(review: Review) -> None:
    """Each filter alone; pages follow one another."""
    first = review.propose(P0, title="Payment words")
    second = review.propose(P1, author="dan", title="Cart words")
    review.act("cat", second["id"], "approve")

    def ids(**query: Any) -> list[int]:
        items = review.ann.get("/changes", params={"app": review.app, **query}).json()["items"]
        return [item["id"] for item in items]

    assert ids() == [second["id"], first["id"]]
    assert ids(query="payment") == [first["id"]]
    assert ids(query="cart_add") == [second["id"]]
    assert ids(state="approved") == [second["id"]]
    assert ids(state="open", mine=True) == [first["id"]]
    assert ids(author="dan") == [second["id"]]
    assert ids(event="order_pay") == [first["id"]]
    assert ids(limit=1) == [second["id"]]
    page = review.ann.get("/changes", params={"app": review.app, "limit": 1}).json()
    rest = review.ann.get(
        "/changes", params={"app": review.app, "limit": 1, "cursor": page["next"]}
    ).json()
    assert [item["id"] for item in rest["items"]] == [first["id"]]
    assert rest["next"] is None


def test_comments_thread_on_events_and_properties_edited_resolved_and_counted(
    review: Review,
) -> None:
    """Those in a thread are told of answers; a reader says up to where they read."""
    made = review.propose(P0)
    url = f"/changes/{made['id']}/comments"
    body = {"text": "why not cents?", "event": "order_pay", "property": "what.total.value"}
    first = review.bob.post(url, json=body)
    assert first.status_code == 201
    answer = review.ann.post(url, json={"text": "history", "reply_to": 1}).json()
    assert (answer["event"], answer["property"], answer["reply_to"]) == (
        "order_pay",
        "what.total.value",
        1,
    )
    assert review.get(made["id"], "bob")["unread"] == 1
    assert review.bob.get("/inbox").json()["items"][0]["kind"] == "comment"
    review.bob.post(f"/changes/{made['id']}/read", json={"n": 2})
    assert review.get(made["id"], "bob")["unread"] == 0
    assert review.ann.patch(f"{url}/1", json={"text": "mine now"}).status_code == 403
    edited = review.bob.patch(f"{url}/1", json={"text": "why no cents?"}).json()
    assert edited["edited_at"]
    assert review.ann.patch(f"{url}/2", json={"resolved": True}).status_code == 422
    assert review.ann.patch(f"{url}/1", json={"resolved": True}).json()["resolved_by"] == "ann"
    assert review.get(made["id"], below="/comments", open=True)["items"] == []
    assert review.bob.patch(f"{url}/1", json={"resolved": False}).json()["resolved_by"] is None
    found = review.get(made["id"], below="/comments", open=True, event="order_pay")["items"]
    assert [comment["text"] for comment in found] == ["why no cents?", "history"]
    assert review.hal.post(url, json={"text": "hello"}).status_code == 403
    assert review.ann.post(url, json={"text": "x", "property": "what.a"}).status_code == 422


def test_an_owner_that_nobody_registered_is_a_warning(review: Review) -> None:
    """With its place; it forbids nothing."""
    made = review.propose(("owner: team:web\n    grade: P3", "owner: team:wbe\n    grade: P3"))
    found = review.get(made["id"], below="/findings")["findings"]
    warnings = [f for f in found if f["code"] == "owner_unknown"]
    assert any("team:wbe" in f["message"] and f["line"] for f in warnings), found
    assert made["state"] == "in_review"
    text = review.plan().replace("owner: team:cart\n", "owner: team:carts\n")
    url = f"/apps/{review.app}/plan"
    answer = review.admin.put(url, json={"files": {"p.yaml": text}}, headers={"If-Match": "*"})
    told = [f for f in answer.json()["warnings"] if f["code"] == "owner_unknown"]
    assert [f["hint"] for f in told if "carts" in f["message"]] == ["did you mean 'cart'?"]
