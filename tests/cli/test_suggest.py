"""``trackplane plan suggest | templates | infer``, offline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from trackplane.cli.plan import app
from trackplane.plan import load_plan, load_plans

SHOP = Path("examples/shop").resolve()
run = CliRunner()


def test_a_repeated_event_is_exit_code_one_and_says_why() -> None:
    found = run.invoke(app, ["suggest", "basket_add", "--plan", str(SHOP / "plan.yaml"), "--json"])
    assert found.exit_code == 1, found.output
    document = json.loads(found.stdout)
    assert document["duplicates"][0]["event"] == "add_to_cart"
    assert document["properties"][0]["text"]
    assert {"score", "missing"} <= document["completeness"].keys()


def test_a_new_event_is_exit_code_zero() -> None:
    found = run.invoke(app, ["suggest", "newsletter_read", "--plan", str(SHOP / "plan.yaml")])
    assert found.exit_code == 0, found.output
    assert "complete to" in found.stdout


def test_a_draft_from_a_file_is_a_part_of_a_plan() -> None:
    file = str(SHOP / "unplanned.ndjson")
    found = run.invoke(app, ["infer", file, "--event", "gift_card_redeem", "--json"])
    assert found.exit_code == 0, found.output
    document = json.loads(found.stdout)
    body = "".join(f"  {line}\n" for line in document["text"].splitlines())
    shapes = (
        load_plan(f"format: 1\napp: shop\nevents:\n{body}")
        .events["gift_card_redeem"]
        .properties["what"]
    )
    assert shapes["recipient"].pii == "email"
    assert shapes["redeemed_at"].type == ("timestamp",)
    assert not shapes["note"].required
    assert any("N/A" in note["en"] for note in document["notes"])


def test_templates_are_listed_shown_and_laid_into_a_folder(tmp_path: Path) -> None:
    assert "commerce" in run.invoke(app, ["templates"]).stdout
    shown = run.invoke(app, ["templates", "games", "--prefix", "rpg", "--json"])
    assert "rpg_stage_end" in json.loads(shown.stdout)["text"]
    (tmp_path / "plan.yaml").write_text(
        (SHOP / "plan.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    done = run.invoke(app, ["templates", "commerce", "--prefix", "mall", "--plan", str(tmp_path)])
    assert done.exit_code == 0, done.output
    files = {file.name: file.read_text(encoding="utf-8") for file in tmp_path.glob("*.yaml")}
    assert "mall_order_pay" in load_plans(files).events


def test_a_template_that_collides_is_refused_with_every_name(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(
        "format: 1\napp: shop\nevents: {order_pay: {}, cart_add: {}}\n", encoding="utf-8"
    )
    found = run.invoke(app, ["templates", "commerce", "--plan", str(tmp_path)])
    assert found.exit_code != 0
    assert "order_pay" in str(found.exception)
    assert "cart_add" in str(found.exception)
    assert [file.name for file in tmp_path.iterdir()] == ["plan.yaml"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["suggest", "x"], "--plan or --app"),
        (["templates", "comerce"], "did you mean 'commerce'?"),
        (["infer", "--event", "x"], "--app"),
        (["infer", str(SHOP / "unplanned.ndjson"), "--event", "nothing"], "has no event"),
        (["infer", str(SHOP / "plan.yaml"), "--event", "x"], "is not JSON"),
    ],
)
def test_a_wrong_call_is_told_what_to_do(arguments: list[str], said: str) -> None:
    found = run.invoke(app, arguments)
    assert found.exit_code != 0
    assert said in str(found.exception)
