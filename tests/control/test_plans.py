"""Plans over HTTP: changed by files, by two people at once, with a past, libraries and lint rules."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from trackplane.control.design.plan_tables import libraries

from .conftest import Running

BOTH_DATABASES = True
HEAD = "format: 1\napp: shop\n"
EVENTS = """\
events:
  # what is paid
  pay:
    title: Pay
    owner: team:pay
    what:
      total: {type: number}
  view: {title: View, owner: team:web}
"""
FILES = {"plan.yaml": HEAD, "events.yaml": EVENTS}
GONE = "format: 1\nlibrary: gone\nversion: %d\ntypes: {card: {type: string, max_length: %d}}\n"
LIBRARY = "format: 1\nlibrary: base\nversion: %d\ntypes: {card: {type: string, max_length: %d}}\n"


@pytest.fixture
def shop(control: Running) -> Running:
    """Return a control plane with a plan."""
    control.client.post("/apps", json={"app": "shop"})
    answer = put(control.client, FILES, "0")
    assert answer.status_code == 200, answer.text
    return control


def put(
    client: httpx.Client, files: dict[str, str], etag: str, message: str = ""
) -> httpx.Response:
    return client.put(
        "/apps/shop/plan",
        json={"files": files, "message": message},
        headers={"If-Match": f'"{etag}"'},
    )


def patch(client: httpx.Client, files: dict[str, Any], etag: str = "*") -> httpx.Response:
    match = etag if etag == "*" else f'"{etag}"'
    return client.patch("/apps/shop/plan", json={"files": files}, headers={"If-Match": match})


def changed(old: str, new: str, text: str = EVENTS) -> str:
    assert old in text
    return text.replace(old, new, 1)


def test_only_the_files_that_change_are_sent(shop: Running) -> None:
    """null takes one away; the last one stays; the rest is as it was."""
    answer = patch(shop.client, {"events.yaml": changed("title: Pay", "title: Paid")})
    assert answer.json()["changed"] == ["pay"]
    assert answer.json()["compatibility"] == "neutral"
    answer = patch(shop.client, {"more.yaml": "events: {more: {}}\n"})
    assert answer.json()["added"] == ["more"]
    answer = patch(shop.client, {"more.yaml": None}).json()
    assert (answer["removed"], answer["compatibility"]) == (["more"], "breaking")
    held = shop.client.get("/apps/shop/plan").json()
    assert held["files"] == FILES | {"events.yaml": changed("title: Pay", "title: Paid")}
    assert shop.client.get("/apps/shop/events/more").status_code == 404
    assert patch(shop.client, dict.fromkeys(FILES)).status_code == 422


def test_a_comment_alone_makes_a_revision_but_no_number(shop: Running) -> None:
    """The data plane is not told of what changes nothing it runs, but for the app's revision."""
    first = shop.client.get("/apps/shop/plan").json()
    answer = patch(shop.client, {"events.yaml": EVENTS + "# the end\n"}).json()
    assert (answer["revision"], answer["compatibility"]) == (2, "same")
    assert answer["hash"] == first["hash"]
    same = patch(shop.client, {"events.yaml": EVENTS + "# the end\n"}).json()
    assert (same["revision"], same["number"]) == (2, 0)


def test_who_is_second_gets_both_changes_merged(shop: Running) -> None:
    """412 with the files to apply instead; applied on the ETag it names, both are in force."""
    put(shop.client, FILES | {"events.yaml": changed("title: Pay", "title: Paid")}, "1")
    mine = FILES | {"events.yaml": changed("{type: number}", "{type: number, min: 0}")}
    answer = put(shop.client, mine, "1")
    assert answer.status_code == 412
    told = answer.json()["plan"]
    assert (told["etag"], told["base"], told["conflicts"]) == ("2", 1, [])
    assert list(told["files"]) == ["events.yaml"]
    assert patch(shop.client, told["files"], told["etag"]).status_code == 200
    text = shop.client.get("/apps/shop/plan").json()["files"]["events.yaml"]
    assert text == changed(
        "title: Pay", "title: Paid", changed("{type: number}", "{type: number, min: 0}")
    )


def test_who_is_second_gets_both_sides_of_what_conflicts(shop: Running) -> None:
    """Each at its key, with what it was; nothing is in force of it."""
    put(shop.client, FILES | {"events.yaml": changed("title: Pay", "title: Paid")}, "1")
    answer = patch(shop.client, {"events.yaml": changed("title: Pay", "title: Payed")}, "1")
    (conflict,) = answer.json()["plan"]["conflicts"]
    assert conflict == {
        "section": "events",
        "name": "pay",
        "path": "title",
        "base": "title: Pay\n",
        "yours": "title: Payed\n",
        "theirs": "title: Paid\n",
    }
    assert "plan" not in put(shop.client, FILES, "99").json()  # made of nothing that is known
    assert shop.client.get("/apps/shop/plan").json()["revision"] == 2


def test_any_two_revisions_are_told_apart(shop: Running) -> None:
    """As structure, text and Markdown; 0 is the one before, or the one in force."""
    patch(shop.client, {"events.yaml": changed("{type: number}", "{type: number, min: 0}")})
    patch(shop.client, {"events.yaml": changed("total: {type: number}", "sum: {type: integer}")})
    found = shop.client.get("/apps/shop/plan/diff").json()
    assert (found["from"], found["to"], found["difference"]["compatibility"]) == (2, 3, "breaking")
    back = shop.client.get("/apps/shop/plan/diff", params={"from": 2, "to": 1}).json()
    assert back["difference"]["parts"][0]["changes"][0]["kind"] == "widened"
    text = shop.client.get("/apps/shop/plan/diff", params={"form": "text"}).json()["text"]
    assert "what.total is gone" in text
    first = shop.client.get("/apps/shop/plan/diff", params={"from": 0, "to": 1}).json()
    assert first["difference"]["counts"]["added"] == 2
    short = shop.client.get("/apps/shop/plan/diff", params={"from": 0, "to": 1, "limit": 1}).json()
    assert (len(short["difference"]["parts"]), short["difference"]["counts"]["added"]) == (1, 2)
    assert shop.client.get("/apps/shop/plan/diff", params={"to": 9}).status_code == 404


def test_the_log_and_blame_of_an_event_go_through_its_renames(shop: Running) -> None:
    """By what each revision did; paged, newest first."""
    put(shop.client, FILES | {"events.yaml": changed("Pay\n", "Paid\n")}, "1", "title")
    renamed = changed("  pay:", "  payment:", changed("Pay\n", "Paid\n"))
    put(shop.client, FILES | {"events.yaml": renamed}, "2", "rename")
    log = shop.client.get("/apps/shop/plan/log", params={"event": "payment"}).json()
    assert [item["revision"] for item in log["items"]] == [3, 2, 1]
    assert log["items"][0]["parts"][0]["was"] == "pay"
    page = shop.client.get("/apps/shop/plan/log", params={"limit": 1}).json()
    assert (page["items"][0]["changed"], page["next"]) == (1, "3")
    lines = shop.client.get("/apps/shop/plan/blame", params={"event": "payment"}).json()["lines"]
    assert {line["path"] or line["field"]: line["revision"] for line in lines} == {
        "title": 2,
        "owner": 1,
        "what.total": 1,
    }
    missing = shop.client.get("/apps/shop/plan/log", params={"event": "paymant"})
    assert missing.status_code == 404
    assert "payment" in missing.json()["hint"]


def test_a_part_is_read_as_it_is_written_in_any_revision(shop: Running) -> None:
    """With its file and lines."""
    patch(shop.client, {"events.yaml": changed("title: Pay", "title: Paid")})
    part = shop.client.get("/apps/shop/plan/part", params={"name": "pay"}).json()
    assert part["text"].startswith("# what is paid\npay:\n  title: Paid\n")
    assert (part["file"], part["first"], part["last"]) == ("events.yaml", 2, 7)
    old = shop.client.get("/apps/shop/plan/part", params={"name": "pay", "revision": 1}).json()
    assert "title: Pay\n" in old["text"]
    assert shop.client.get("/apps/shop/plan/part", params={"name": "no"}).status_code == 404


def test_the_organisation_s_lint_rules_hold_for_what_changes(shop: Running) -> None:
    """An error refuses; what was there before is not looked at; only an admin sets them."""
    rules = "format: 1\nlint:\n  event_metadata: {severity: error, P2: [owner]}\n"
    rules = shop_rules(shop, rules)
    answer = patch(
        shop.client, {"events.yaml": changed("title: View, owner: team:web", "title: View!")}
    )
    assert answer.status_code == 422, answer.text
    assert answer.json()["findings"]
    check = shop.client.post(
        "/apps/shop/plan/check",
        json={
            "files": FILES | {"events.yaml": changed("title: View, owner: team:web", "title: V")}
        },
    ).json()
    assert check["ok"] is False
    patch(shop.client, {"events.yaml": changed("title: Pay", "title: Paid")}).raise_for_status()
    developer = shop.new_token(name="dev", role="developer")
    assert developer.put("/lint", json={"source": ""}, headers={"If-Match": "*"}).status_code == 403
    wrong = shop.client.put("/lint", json={"source": "lint: 3\n"}, headers={"If-Match": "*"})
    assert wrong.status_code == 422
    shop.client.put(
        "/lint", json={"source": ""}, headers={"If-Match": f'"{rules}"'}
    ).raise_for_status()
    assert patch(shop.client, {"events.yaml": changed(", owner: team:web", "")}).status_code == 200


def shop_rules(shop: Running, source: str) -> str:
    answer = shop.client.put("/lint", json={"source": source}, headers={"If-Match": '"0"'})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["etag"])


def test_a_library_version_is_for_good_and_others_apps_are_not_told(shop: Running) -> None:
    """PUT once; the impact on an app that the token does not see is a number."""
    publish = shop.client.put("/libraries/base/1", json={"source": LIBRARY % (1, 9)})
    assert publish.status_code == 200, publish.text
    again = shop.client.put("/libraries/base/1", json={"source": LIBRARY % (1, 8)})
    assert again.status_code == 409
    assert "version 2" in again.json()["hint"]
    assert (
        shop.client.put("/libraries/other/1", json={"source": LIBRARY % (1, 9)}).status_code == 422
    )
    use = {
        "plan.yaml": HEAD + "use: [base@1]\n",
        "card.yaml": "events: {c: {what: {n: {type: card}}}}\n",
    }
    patch(shop.client, use).raise_for_status()
    missing = patch(shop.client, {"plan.yaml": HEAD + "use: [base@4]\n"})
    assert missing.status_code == 422
    assert "base@1" in missing.text  # what there is
    shop.client.put("/libraries/base/2", json={"source": LIBRARY % (2, 5)}).raise_for_status()
    impact = shop.client.get("/libraries/base/2/impact").json()
    assert impact["items"][0]["difference"]["compatibility"] == "narrowing"
    shop.client.post("/apps", json={"app": "news"})
    other = shop.new_token(name="n", role="viewer", apps=["news"])
    assert other.get("/libraries/base/2/impact").json() == {"items": [], "hidden": 1}
    assert other.get("/libraries/base").json()["used_by"] == []
    assert other.put("/libraries/base/3", json={"source": LIBRARY % (3, 5)}).status_code == 403
    told = shop.client.get("/libraries/base/2/diff").json()
    assert (told["compatibility"], told["parts"][1]["name"]) == ("narrowing", "card")


def test_a_library_version_that_vanished_hides_no_other_app_s_impact_and_can_be_left_and_come_back(
    shop: Running,
) -> None:
    """The plan that used it says what is missing, and moves to another; published again, it is back."""
    shop.client.put("/libraries/gone/1", json={"source": GONE % (1, 9)}).raise_for_status()
    shop.client.put("/libraries/gone/2", json={"source": GONE % (2, 5)}).raise_for_status()
    plan = "format: 1\napp: %s\nuse: [gone@1]\nevents: {pay: {what: {card: card}}}\n"
    for app in ("lost", "found"):
        shop.client.post("/apps", json={"app": app})
        text = (plan % app).replace("gone@1", "gone@1" if app == "lost" else "gone@3")
        if app == "found":
            shop.client.put("/libraries/gone/3", json={"source": GONE % (3, 7)}).raise_for_status()
        files = {"files": {"plan.yaml": text}}
        url = f"/apps/{app}/plan"
        shop.client.put(url, json=files, headers={"If-Match": "*"}).raise_for_status()
    platform = shop.plane.platform
    with platform.database.write() as connection:
        connection.execute(
            sa.delete(libraries).where(libraries.c.name == "gone", libraries.c.version == 1)
        )
    platform.workspaces._held.clear()  # as after a restart
    items = shop.client.get("/libraries/gone/2/impact").json()["items"]
    assert [(item["app"], item["ok"]) for item in items] == [("found", True), ("lost", False)]
    assert "gone@1" in items[1]["findings"][0]["message"]
    moved = {"files": {"plan.yaml": (plan % "lost").replace("gone@1", "gone@2")}}
    kept = {"files": {"plan.yaml": moved["files"]["plan.yaml"].replace("gone@2", "gone@1")}}
    answer = shop.client.put("/apps/lost/plan", json=kept, headers={"If-Match": "*"})
    assert (answer.status_code, "gone@1" in answer.text) == (422, True)
    draft = {"app": "lost", "title": "Move", "files": moved["files"]}
    change = shop.client.post("/changes", json=draft)
    assert (change.status_code, change.json()["findings"]) == (201, 0), change.text
    answer = shop.client.put("/apps/lost/plan", json=moved, headers={"If-Match": "*"})
    assert answer.json()["changed"] == ["pay"], answer.text
    spec = shop.client.get("/apps/lost/events/pay").json()["spec"]
    assert spec["properties"]["what"]["card"]["max_length"] == 5
    again = shop.client.put("/libraries/gone/1", json={"source": GONE % (1, 9)})
    assert again.is_success
    answer = shop.client.put("/apps/lost/plan", json=kept, headers={"If-Match": "*"})
    assert answer.json()["changed"] == ["pay"], answer.text


def test_a_change_of_one_event_stores_that_event(shop: Running) -> None:
    """Pages of the tree and files that did not change are shared between revisions."""
    many = {
        f"{n}.yaml": "events:\n" + "".join(f"  e{n}_{i}: {{title: T}}\n" for i in range(50))
        for n in range(10)
    }
    patch(shop.client, many).raise_for_status()
    before = shop.objects()
    patch(
        shop.client, {"3.yaml": many["3.yaml"].replace("title: T", "title: U", 1)}
    ).raise_for_status()
    # the event, its page, the root; the file, the list of files
    assert shop.objects() - before == 5
