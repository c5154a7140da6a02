"""The verbs of review, told as one story: every verb's example is run, in its turn, by who may."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.testing
from tests.control.conftest import Running

from trackplane.cli import app, change, people
from trackplane.errors import TrackplaneError

pytestmark = pytest.mark.integration

PLAN = """\
format: 1
app: shop
events:
  purchase: {title: Bought, owner: team:pay, grade: P1, what: {total: {type: number}}}
  hover: {title: Rested, owner: team:pay, grade: P3}
"""
COUPON = "coupon_used:\n  title: A coupon was used\n  owner: team:pay\n  grade: P2\n"


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Running]:
    """Return a control plane with an app."""
    running = Running(tmp_path / "control")
    try:
        running.client.post("/apps", json={"app": "shop"})
        yield running
    finally:
        running.stop()


@pytest.fixture
def trackplane(
    control: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Return what runs a command line as somebody, in a folder with a plan, and gives its output."""
    tmp_path = tmp_path / "work"
    tmp_path.mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "coupon_used.yaml").write_text(COUPON)
    control.client.put(
        "/apps/shop/plan", json={"files": {"plan.yaml": PLAN}}, headers={"If-Match": "*"}
    )
    roles = {"ann": "designer", "bob": "data_owner", "root": "admin"}
    tokens = {
        person: control.client.post("/tokens", json={"name": person, "role": role}).json()["token"]
        for person, role in roles.items()
    }
    runner = typer.testing.CliRunner()

    def run(person: str, line: str, *, code: int = 0) -> str:
        words = shlex.split(line)
        assert words[0] == "trackplane"
        monkeypatch.setenv("TRACKPLANE_TOKEN", tokens[person])
        monkeypatch.setenv("TRACKPLANE_URL", control.addresses.http)
        result = runner.invoke(app, words[1:])
        if isinstance(result.exception, Exception) and code:
            assert isinstance(result.exception, TrackplaneError), (line, result.exception)
            return f"{result.output}{result.exception}"
        assert result.exit_code == code, (line, result.output, result.exception)
        return result.output

    return run


def examples() -> set[str]:
    """Return the examples in the helps of these verbs."""
    found = []
    groups = (change.app, people.people, people.teams, people.inbox, people.requirements)
    commands = [command for group in groups for command in group.registered_commands]
    for callback in [*(command.callback for command in commands), people.mine]:
        text = callback.__doc__ or ""  # type: ignore[union-attr]
        match = re.search(r"Example:\n +(trackplane .+)\Z", text.rstrip())
        assert match, f"{callback.__name__} has no example at its end"  # type: ignore[union-attr]
        found.append(match[1])
    return set(found)


STORY = [
    ("root", 'trackplane people add ann --name "Ann Lee" --email ann@example.com', "registered"),
    ("root", "trackplane people add zoe", "registered"),
    ("root", "trackplane people remove zoe", "forgotten"),
    ("root", "trackplane people list", "Ann Lee"),
    ("root", "trackplane team add pay --member ann --member bob", "2 member"),
    ("root", "trackplane team add old", "0 member"),
    ("root", "trackplane team remove old", "gone"),
    ("root", "trackplane team list", "ann, bob"),
    ("ann", "trackplane people me --language zh --notify comment=inbox", "teams: pay"),
    (
        "ann",
        'trackplane requirement add "Know which coupons sell" --app shop --deadline 2027-06-30',
        "requirement 1",
    ),
    ("ann", 'trackplane change new plan.yaml --title "Count coupons"', "change request 1"),
    ("ann", "trackplane change edit 1 events coupon_used --file coupon_used.yaml", "version 2"),
    ("ann", "trackplane change pull 1 branch", "written"),
    ("ann", "trackplane change push 1 plan.yaml", "version 3"),
    ("ann", "trackplane change edit 1 events coupon_used --file coupon_used.yaml", "version 4"),
    ("ann", "trackplane change diff 1 --form markdown", "coupon_used"),
    ("ann", "trackplane change submit 1", "waits for 1 approval"),
    (
        "bob",
        'trackplane change comment 1 "In cents, please" --event purchase --property what.total',
        "comment 1",
    ),
    ("ann", "trackplane inbox list --unread", "comment"),
    ("ann", "trackplane inbox read", "all is read"),
    ("ann", "trackplane change resolve 1 1", "resolved"),
    ("bob", "trackplane mine", "waits: change 1"),
    ("bob", "trackplane change list --waits", "Count coupons"),
    ("bob", 'trackplane change reject 1 --reason "The name says nothing"', "draft"),
    ("ann", "trackplane change submit 1", "in review"),
    ("ann", "trackplane change withdraw 1", "draft"),
    ("ann", "trackplane change rebase 1 --take mine", "draft"),
    ("ann", "trackplane change submit 1", "in review"),
    ("bob", 'trackplane change approve 1 --note "as agreed"', "approved"),
    ("ann", "trackplane change show 1", "by bob"),
    ("bob", "trackplane change impact 1", "newly fail"),
    ("bob", "trackplane change merge 1", "merged as revision"),
    ("ann", "trackplane change history 1", "rejected"),
    ("ann", "trackplane requirement list", "Know which coupons sell"),
    ("ann", "trackplane requirement show 1", "designed"),
    ("ann", "trackplane requirement edit 1 --deadline 2027-09-30", "Know which coupons sell"),
]


def test_the_story_of_a_change_by_the_examples_of_every_verb(
    trackplane: Callable[..., str],
) -> None:
    """From a person's being registered to the merge; nothing of the helps is left out."""
    ends = 'trackplane change close 1 --note "no longer needed"'
    others = {"trackplane people add zoe", "trackplane team add old"}
    assert examples() | others == {line for _, line, _ in STORY} | {ends}
    for person, line, expected in STORY:
        assert expected in trackplane(person, line), line
    text = trackplane("ann", "trackplane change new plan.yaml --title Other --app shop --json")
    number = json.loads(text)["id"]
    line = ends.replace(" 1 ", f" {number} ")
    assert "closed" in trackplane("ann", line)


def test_findings_of_a_branch_are_shown_where_they_are_and_end_with_one(
    trackplane: Callable[..., str],
) -> None:
    """The draft is kept; a push of the mended file goes on."""
    Path("plan.yaml").write_text(PLAN.replace("grade: P3", "grade: P9"))
    out = trackplane("ann", "trackplane change new plan.yaml --title Wrong", code=1)
    number = re.search(r"change request (\d+)", out)
    assert number
    assert "plan.yaml:5" in out
    assert "draft, 1 finding(s)" in trackplane("ann", f"trackplane change show {number[1]}")
    again = trackplane("ann", "trackplane change new plan.yaml --title Again --submit", code=2)
    assert "kept as a draft: mend it, then trackplane change push" in again
    Path("plan.yaml").write_text(PLAN.replace("Rested", "Stayed"))
    assert "version 2" in trackplane("ann", f"trackplane change push {number[1]} plan.yaml")


def test_conflicts_are_shown_side_by_side(trackplane: Callable[..., str], control: Any) -> None:
    """What one wrote beside what is in force."""
    Path("plan.yaml").write_text(PLAN.replace("Rested", "Stayed"))
    out = trackplane("ann", "trackplane change new plan.yaml --title Mine --json")
    control.client.put(
        "/apps/shop/plan",
        json={"files": {"plan.yaml": PLAN.replace("Rested", "Lingered")}},
        headers={"If-Match": "*"},
    )
    number = json.loads(out)["id"]
    shown = trackplane("ann", f"trackplane change rebase {number}", code=2)
    assert "Stayed" in shown
    assert "Lingered" in shown
