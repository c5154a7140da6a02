"""The command line as a user meets it: real processes, exit codes, never a traceback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from trackplane.demo.example import example_text

pytestmark = pytest.mark.integration
CLEAN = {k: v for k, v in os.environ.items() if not k.startswith("TRACKPLANE_")}


def run(*arguments: str | Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "trackplane.cli", *map(str, arguments)],
        cwd=cwd,
        env=CLEAN | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


@pytest.fixture
def project(tmp_path: Path) -> Path:
    done = run("init", tmp_path, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(json.loads(done.stdout)["files"]) == sorted(
        ["trackplane.yaml", "plan.yaml", "datasets.yaml", "rules.yaml"]
    )
    return tmp_path


def test_init_does_not_write_over_what_is_there(project: Path) -> None:
    """A second call changes nothing and says why."""
    (project / "plan.yaml").write_text("mine")
    done = run("init", project, cwd=project)
    assert done.returncode == 2
    assert "already" in done.stderr
    assert (project / "plan.yaml").read_text() == "mine"


def test_a_sound_plan_passes_and_shows(project: Path) -> None:
    """check and show, as text and as JSON."""
    assert run("plan", "check", "plan.yaml", cwd=project).returncode == 0
    shown = json.loads(run("plan", "show", "plan.yaml", "--json", cwd=project).stdout)
    assert len(shown["events"]) >= 30
    one = run("plan", "show", "plan.yaml", "--event", "purchase", cwd=project)
    assert "what.total" in one.stdout


def test_a_wrong_plan_lists_everything_and_exits_with_1(project: Path) -> None:
    """All findings, with places, in one go."""
    text = example_text("plan.yaml").replace("grade: P0", "graed: P0").replace("min: 0,", "mim: 0,")
    (project / "plan.yaml").write_text(text)
    done = run("plan", "check", "plan.yaml", "--json", cwd=project)
    assert done.returncode == 1
    findings = json.loads(done.stdout)["findings"]
    assert len(findings) > 2
    assert all(finding["line"] for finding in findings)
    assert {"did you mean 'grade'?", "did you mean 'min'?"} <= {f.get("hint") for f in findings}


def test_rules_are_checked_and_tested_without_a_platform(project: Path) -> None:
    """With --plan nothing has to run."""
    offline = ("--plan", "plan.yaml", "--datasets", "datasets.yaml")
    done = run("rule", "test", "rules.yaml", *offline, "--json", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["rules"][:3] == ["purchases", "engagement", "trouble"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("what.total.value", "what.total.valeu", "value"),
        ("cents: 12950", "cents: 1", "test 1"),
        ('event == "purchase"', 'event == "purchase" and (', "rules.yaml:4"),
        ("to: shop.purchases", "to: shop.purchase", "shop.purchases"),
    ],
)
def test_a_wrong_rule_says_where_and_what(project: Path, old: str, new: str, expected: str) -> None:
    """Unknown field, failed test, half a rule, unknown dataset."""
    (project / "rules.yaml").write_text(example_text("rules.yaml").replace(old, new))
    offline = ("--plan", "plan.yaml", "--datasets", "datasets.yaml")
    done = run("rule", "check", "rules.yaml", *offline, cwd=project)
    assert done.returncode == 1
    assert expected in done.stderr


def test_generated_code_is_what_the_file_says(project: Path) -> None:
    """codegen writes a module that compiles."""
    done = run("codegen", "python", "plan.yaml", "-o", "tracker.py", cwd=project)
    assert done.returncode == 0, done.stderr
    compile((project / "tracker.py").read_text(), "tracker.py", "exec")


def test_unknown_settings_are_refused_together(project: Path) -> None:
    """A misspelt key and a misspelt variable, both named."""
    (project / "trackplane.yaml").write_text("colector: {port: 1}\n")
    done = run("up", cwd=project, TRACKPLANE_COLLECTOR_PROT="1")
    assert done.returncode == 2
    assert "did you mean 'collector'?" in done.stderr
    assert "TRACKPLANE_COLLECTOR_PORT" in done.stderr


def test_a_port_in_use_is_named(project: Path) -> None:
    """The collector says which port, and that somebody has it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (project / "trackplane.yaml").write_text(f"collector: {{port: {port}}}\n")
        done = run("collector", cwd=project)
    assert done.returncode == 2
    assert str(port) in done.stderr


def test_a_data_folder_of_a_newer_release_is_left_alone(project: Path) -> None:
    """Nothing is started on data it may not understand."""
    (project / "data").mkdir()
    (project / "data" / "VERSION").write_text("99\n")
    done = run("worker", cwd=project)
    assert done.returncode == 2
    assert "data version 99" in done.stderr


def test_without_a_token_or_a_platform_it_says_what_to_do(project: Path) -> None:
    """Both are the environment's fault: exit code 2."""
    done = run("status", cwd=project)
    assert done.returncode == 2
    assert "TRACKPLANE_TOKEN" in done.stderr
    done = run("status", "--url", "http://127.0.0.1:9", cwd=project, TRACKPLANE_TOKEN="tpt_x")
    assert done.returncode == 2
    assert "does not answer" in done.stderr


@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("rule", "check"), ("plan", "check", "no.yaml")]
)
def test_wrong_calls_exit_with_2(project: Path, arguments: tuple[str, ...]) -> None:
    """Usage errors are told apart from findings, and from faults of ours."""
    done = run(*arguments, cwd=project)
    assert done.returncode == 2
    assert "defect" not in done.stderr


def test_formatting_keeps_the_front_end_unless_another_is_asked_for(project: Path) -> None:
    """A rule in SQL stays one; --to changes it."""
    sql = "rule: x\napps: [shop]\nsql: |\n  SELECT id FROM events WHERE event = 'cart'\nto: shop.funnel\n"
    (project / "x.yaml").write_text(sql)
    offline = ("--plan", "plan.yaml", "--datasets", "datasets.yaml")
    assert "SELECT id" in run("rule", "fmt", "x.yaml", *offline, cwd=project).stdout
    other = run("rule", "fmt", "x.yaml", "--to", "python", *offline, cwd=project).stdout
    assert 'where: event == "cart"' in other


def test_an_empty_rule_file_is_not_sound(project: Path) -> None:
    """Nothing to check is a mistake, not a success."""
    (project / "empty.yaml").write_text("\n")
    for verb in ("check", "test", "fmt"):
        done = run("rule", verb, "empty.yaml", "--plan", "plan.yaml", cwd=project)
        assert (done.returncode, "is empty" in done.stderr) == (1, True)


def test_a_source_of_a_file_that_is_not_there_ends_at_once(project: Path) -> None:
    """Only a followed file may come later."""
    run_file = ("source", "run", "file", "--name", "a", "--key", "k", "-o", "path=no.ndjson")
    done = run(*run_file, cwd=project)
    assert (done.returncode, "no.ndjson" in done.stderr) == (1, True)
