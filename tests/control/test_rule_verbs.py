"""The verbs of the command line over a real control plane, as a user meets them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from trackplane.cli import main

from .test_publishing import DATASET, PLAN, RULE
from .test_rule_life import FUNCTION, GUARDED

pytestmark = pytest.mark.integration


class Done(NamedTuple):
    """What a verb said."""

    stdout: str
    stderr: str


Verb = Callable[..., Done]


@pytest.fixture
def verb(
    control: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Verb:
    """Return a runner of verbs against a platform with a plan, in a folder with its files."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "rule.yaml").write_text(RULE)
    (tmp_path / "function.yaml").write_text(FUNCTION)
    both = DATASET.lstrip().replace("dataset:", "  - dataset:").replace("\nkind", "\n    kind")
    both = (
        both.replace("\ncolumns", "\n    columns") + "  - {dataset: other, columns: {id: string}}\n"
    )
    (tmp_path / "datasets.yaml").write_text("datasets:\n" + both)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRACKPLANE_URL", control.addresses.http)
    monkeypatch.setenv("TRACKPLANE_TOKEN", control.token)

    def run(*arguments: str, expect: int = 0) -> Done:
        monkeypatch.setattr(sys, "argv", ["trackplane", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert ended.value.code == expect, (arguments, said)
        return Done(said.out, said.err)

    run("plan", "apply", "plan.yaml")
    return run


def test_a_rule_goes_from_file_to_force_and_back(verb: Verb, tmp_path: Path) -> None:
    """publish, history, diff, rollback, delete, undelete: each says what it did."""
    done = verb("rule", "publish", "rule.yaml", "--datasets", "datasets.yaml", "-m", "a start")
    assert "big_spender version 1" in done.stdout
    (tmp_path / "rule.yaml").write_text(RULE.replace("100.0", "120.0"))
    # The datasets are there: they need not be named again.
    verb("rule", "publish", "rule.yaml", "-m", "fewer")
    rows = json.loads(verb("rule", "history", "big_spender", "--json").stdout)
    assert [row["reason"] for row in rows] == ["fewer", "a start"]
    shown = verb("rule", "diff", "big_spender").stdout
    assert "-where: event" in shown
    assert "filter: " in shown
    done = verb("rule", "rollback", "big_spender", "-m", "too few")
    assert "as version 1" in done.stdout
    assert "100.0" in verb("rule", "show", "big_spender").stdout
    assert "120.0" in verb("rule", "show", "big_spender", "--version", "2").stdout
    verb("rule", "delete", "big_spender")
    assert json.loads(verb("rule", "list", "--json").stdout) == []
    verb("rule", "rollback", "big_spender")
    stale = verb("rule", "publish", "rule.yaml", "--if-version", "1", expect=2)
    assert "changed it first" in stale.stderr
    number = json.loads(verb("rule", "list", "--json").stdout)[0]["version"]
    assert number == 5


def test_a_rule_is_tried_before_it_is_published(verb: Verb, tmp_path: Path) -> None:
    """check, test, explain, budget, preview."""
    verb("rule", "publish", "rule.yaml", "--datasets", "datasets.yaml")
    assert "all tests pass" in verb("rule", "check", "rule.yaml").stdout
    assert "2 test(s), 0 failed" in verb("rule", "test", "rule.yaml").stdout
    assert "def " in verb("rule", "explain", "big_spender", "--code").stdout
    assert "rows_per_day" in verb("rule", "budget", "rule.yaml").stdout
    (tmp_path / "events.jsonl").write_text(
        '{"event": "order_pay", "id": "a", "what": {"total": 200.0}}\n'
        '{"event": "order_pay", "id": "b", "what": {"total": 2.0}}\n'
    )
    done = verb("rule", "preview", "rule.yaml", "--events", "events.jsonl")
    assert "1 put out, 0 failed" in done.stdout
    assert "what.total > 100.0 is FALSE" in done.stdout
    # With a plan of its own the rest is the server's.
    verb("rule", "check", "rule.yaml", "--plan", "plan.yaml")
    (tmp_path / "rule.yaml").write_text(RULE.replace("expect: null", "expect: {total: 1.5}"))
    failed = verb("rule", "test", "rule.yaml", expect=1)
    assert "FAILED" in failed.stdout


def test_functions_are_published_with_the_rules_that_call_them(verb: Verb, tmp_path: Path) -> None:
    """And refused with the rules they would break, each finding in its own file."""
    (tmp_path / "rule.yaml").write_text(GUARDED)
    unknown = verb("rule", "publish", "rule.yaml", "--datasets", "datasets.yaml", expect=1)
    assert "net" in unknown.stderr
    assert "net version 1" in verb("function", "publish", "function.yaml").stdout
    verb("rule", "publish", "rule.yaml")
    local = ("--plan", "plan.yaml", "--datasets", "datasets.yaml", "--functions", "function.yaml")
    verb("rule", "check", "rule.yaml", *local)
    (tmp_path / "function.yaml").write_text(FUNCTION.replace("1.08", "1.09"))
    assert "1 rule(s) compiled again" in verb("function", "publish", "function.yaml").stdout
    other = FUNCTION.replace("returns: float64", "returns: string").replace(
        "gross / 1.08", "string(gross)"
    )
    (tmp_path / "function.yaml").write_text(other)
    refused = verb("function", "publish", "function.yaml", expect=1)
    assert "rule big_spender" in refused.stderr
    verb("function", "rollback", "net", "--to", "1")
    rows = json.loads(verb("function", "history", "net", "--json").stdout)
    assert [row["action"] for row in rows] == ["rolled_back", "published", "published"]
    assert "big_spender" in verb("function", "delete", "net", expect=2).stderr


def test_a_draft_that_others_changed_is_merged_or_told(verb: Verb, tmp_path: Path) -> None:
    """With --merge both changes are saved, and are in the file."""
    verb("rule", "draft", "save", "big_spender", "rule.yaml")
    (tmp_path / "theirs.yaml").write_text(RULE.replace("100.0", "110.0"))
    verb("rule", "draft", "save", "big_spender", "theirs.yaml", "--base", "1")
    (tmp_path / "rule.yaml").write_text(RULE.replace("team:pay", "team:growth"))
    args = ("rule", "draft", "save", "big_spender", "rule.yaml", "--base", "1")
    assert "changed it first" in verb(*args, expect=2).stderr
    assert "merged" in verb(*args, "--merge").stdout
    both = (tmp_path / "rule.yaml").read_text()
    assert "110.0" in both
    assert "team:growth" in both
    assert verb("rule", "draft", "show", "big_spender").stdout == both
    verb("rule", "draft", "delete", "big_spender")


def test_all_rules_go_back_by_number(verb: Verb) -> None:
    """rule rollback --number; neither or both of rule and number are a usage error."""
    verb("rule", "publish", "rule.yaml", "--datasets", "datasets.yaml")
    published = json.loads(verb("rule", "history", "big_spender", "--json").stdout)
    verb("rule", "delete", "big_spender")
    done = verb("rule", "rollback", "--number", str(published[0]["number"]))
    assert "1 changed back" in done.stdout
    verb("rule", "rollback", expect=2)


def test_files_given_stand_in_for_what_is_in_force(verb: Verb) -> None:
    """A rule for a dataset nobody declared yet checks with its file, and is refused without."""
    Path("new.yaml").write_text(DATASET.replace("purchases", "not.yet").lstrip())
    Path("rule.yaml").write_text(RULE.replace("to: purchases", "to: not.yet"))
    assert "no dataset" in verb("rule", "check", "rule.yaml", expect=1).stderr
    assert "no findings" in verb("rule", "check", "rule.yaml", "--datasets", "new.yaml").stdout
    assert "not.yet" in verb("rule", "explain", "rule.yaml", "--datasets", "new.yaml").stdout
