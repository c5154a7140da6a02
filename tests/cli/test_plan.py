"""The plan as files against a real control plane: folders, merges, bytes that stay, the workflow."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml_rs
from tests.control.conftest import Running

from trackplane.cli import main, plan_server

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / "examples/github-action/.github/workflows/tracking-plan.yml"


class Done(NamedTuple):
    """What a verb said."""

    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


Verb = Callable[..., Done]


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return one control plane for these tests; each has an app of its own."""
    running = Running(tmp_path_factory.mktemp("plans") / "control")
    yield running
    running.stop()


@pytest.fixture
def trackplane(
    control: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Verb:
    """Return a runner of verbs."""
    monkeypatch.setenv("TRACKPLANE_URL", control.addresses.http)
    monkeypatch.setenv("TRACKPLANE_TOKEN", control.token)

    def run(*arguments: str | Path, expect: int = 0) -> Done:
        monkeypatch.setattr(sys, "argv", ["trackplane", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert ended.value.code == expect, (arguments, said)
        return Done(said.out, said.err)

    return run


@pytest.fixture
def app(request: pytest.FixtureRequest) -> str:
    """Return the name of an app that no other test has."""
    return f"app{abs(hash(request.node.name)) % 10**8}"


@pytest.fixture
def folder(tmp_path: Path, trackplane: Verb, app: str) -> Path:
    """Return a folder whose plan is in force."""
    trackplane("plan", "init", tmp_path / "mine", "--app", app)
    trackplane("plan", "apply", tmp_path / "mine", "-m", "a start")
    return tmp_path / "mine"


def edit(folder: Path, old: str, new: str, file: str = "events/orders.yaml") -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_pull_after_an_apply_changes_no_byte(folder: Path, trackplane: Verb, app: str) -> None:
    """In the folder, and the same bytes arrive in another one, comments included."""
    before = bytes_of(folder)
    assert "nothing changes" in trackplane("plan", "pull", folder).stdout
    assert bytes_of(folder) == before
    again = trackplane("plan", "apply", folder, "--json").json
    assert (again["revision"], again["compatibility"]) == (1, "same")
    other = folder.parent / "other"
    trackplane("plan", "pull", other, "--app", app)
    assert bytes_of(other) == {k: v for k, v in before.items() if not k.startswith(".github")}


def test_a_dry_run_shows_everything_and_changes_nothing(folder: Path, trackplane: Verb) -> None:
    """The difference and its class; broken input ends with 1."""
    edit(folder, "max_length: 40", "max_length: 30")
    done = trackplane("plan", "apply", folder, "--dry-run")
    assert "narrowing: what.order_id has a tighter maximum length (40 -> 30)" in done.stdout
    assert "! metric revenue [narrowing]" in done.stdout
    assert trackplane("plan", "pull", folder, "--json").json["revision"] == 1
    edit(folder, "max_length: 30", "max_lenght: 30")
    done = trackplane("plan", "apply", folder, "--dry-run", expect=1)
    assert "events/orders.yaml:" in done.stderr
    assert "max_length" in done.stderr  # the nearest name


def test_a_plan_is_told_from_the_one_in_force_as_text_markdown_and_json(
    folder: Path, trackplane: Verb, app: str
) -> None:
    """And revisions from one another, and files from files; a class may end with 1."""
    edit(folder, "order_id:", "orderId:")
    assert "what.order_id is called what.orderId now" in trackplane("plan", "diff", folder).stdout
    found = trackplane("plan", "diff", folder, "--json").json
    assert found["compatibility"] == "breaking"
    assert found["parts"][0]["changes"][0]["kind"] == "renamed"
    assert "| ~ | event" in trackplane("plan", "diff", folder, "--form", "markdown").stdout
    trackplane("plan", "diff", folder, "--fail-on", "breaking", expect=1)
    trackplane("plan", "apply", folder)
    assert trackplane("plan", "diff", folder, "--json").json["compatibility"] == "same"
    between = trackplane("plan", "diff", "--app", app, "--from", "1", "--to", "2", "--json").json
    assert between == found
    older = folder.parent / "older"
    trackplane("plan", "init", older, "--app", app)
    assert trackplane("plan", "diff", folder, "--against", older, "--json").json == found


def test_who_applies_second_keeps_both_changes_where_they_go_together(
    folder: Path, trackplane: Verb, app: str
) -> None:
    """Refused without --merge; with it both are in force and in the files."""
    other = folder.parent / "other"
    trackplane("plan", "pull", other, "--app", app)
    edit(folder, "max_length: 40", "max_length: 30")
    trackplane("plan", "apply", folder)
    edit(other, "coupon: {type: string", "coupon: {type: string, title: Coupon")
    edit(other, "max_length: 40}", "max_length: 40}  # why 40")
    done = trackplane("plan", "apply", other, expect=1)
    assert "--merge" in done.stderr
    edit(other, "  # why 40", "")
    trackplane("plan", "apply", other, "--merge", "-m", "both")
    text = (other / "events/orders.yaml").read_text(encoding="utf-8")
    assert "max_length: 30" in text
    assert "title: Coupon" in text
    assert "nothing changes" in trackplane("plan", "pull", other).stdout
    trackplane("plan", "pull", folder)
    assert (folder / "events/orders.yaml").read_text(encoding="utf-8") == text


def test_a_conflict_is_shown_side_by_side_and_nothing_is_written(
    folder: Path, trackplane: Verb, app: str
) -> None:
    """By apply and by pull, as text and as JSON; then settled."""
    other = folder.parent / "other"
    trackplane("plan", "pull", other, "--app", app)
    edit(folder, "grade: P2", "grade: P1")
    trackplane("plan", "apply", folder)
    edit(other, "grade: P2", "grade: P3")
    before = bytes_of(other)
    for verb in (("apply", "--merge"), ("apply",), ("pull",)):
        done = trackplane("plan", verb[0], other, *verb[1:], expect=1)
        assert "events product_viewed: grade" in done.stderr
        row = next(line for line in done.stderr.splitlines() if "|" in line)
        assert row.split("|")[0].strip() == "grade: P3"
        assert row.split("|")[1].strip() == "grade: P1"
    told = trackplane("plan", "apply", other, "--json", expect=1).json
    assert told["conflicts"][0]["theirs"] == "grade: P1\n"
    assert bytes_of(other) == before
    trackplane("plan", "pull", other, "--force")
    assert "grade: P1" in (other / "events/orders.yaml").read_text(encoding="utf-8")


def test_what_was_changed_here_is_not_lost_by_a_pull(
    folder: Path, trackplane: Verb, app: str
) -> None:
    """Merged into what is in force; a folder that remembers nothing is not written over."""
    other = folder.parent / "other"
    trackplane("plan", "pull", other, "--app", app)
    edit(folder, "grade: P2", "grade: P1")
    trackplane("plan", "apply", folder)
    edit(other, "owner: team:growth  # who", "owner: team:pay  # who")
    trackplane("plan", "pull", other)
    text = (other / "events/orders.yaml").read_text(encoding="utf-8")
    assert "grade: P1" in text
    assert "owner: team:pay  # who" in text
    (other / ".trackplane/plan.json").unlink()
    done = trackplane("plan", "pull", other, expect=1)
    assert "not known since when" in done.stderr


def test_the_past_of_a_property_is_told(folder: Path, trackplane: Verb, app: str) -> None:
    """log, of a property too, and blame; through a rename of it and of the event."""
    edit(folder, "max_length: 40", "max_length: 30")
    trackplane("plan", "apply", folder, "-m", "shorter")
    edit(folder, "order_id:", "orderId:")
    trackplane("plan", "apply", folder, "-m", "in the new style")
    edit(folder, "title: {en: Product viewed", "title: {en: Product seen")
    trackplane("plan", "apply", folder, "-m", "a title")
    items = trackplane("plan", "log", "--app", app, "--json").json["items"]
    assert [item["message"] for item in items] == [
        "a title",
        "in the new style",
        "shorter",
        "a start",
    ]
    of = ("--app", app, "--event", "order_paid", "--property", "what.order_id", "--json")
    items = trackplane("plan", "log", *of).json["items"]
    assert [item["revision"] for item in items] == [3, 2, 1]
    lines = trackplane("plan", "blame", "order_paid", "--app", app, "--json").json["lines"]
    last = {line["path"] or line["field"]: line["message"] for line in lines}
    assert last["what.orderId"] == "in the new style"
    assert last["what.total.value"] == last["owner"] == "a start"
    done = trackplane("plan", "blame", "order_payed", "--app", app, expect=1)
    assert "order_paid" in done.stderr


def test_an_event_is_renewed_and_the_files_follow(folder: Path, trackplane: Verb, app: str) -> None:
    """One line of the file, in both directions; a day that is none is refused."""
    trackplane("plan", "renew", "order_paid", "--until", "2030-01-01", "--app", app)
    before = (folder / "events/orders.yaml").read_text(encoding="utf-8")
    trackplane("plan", "pull", folder)
    after = (folder / "events/orders.yaml").read_text(encoding="utf-8")
    assert after.replace("    expires: 2030-01-01\n", "") == before
    trackplane("plan", "renew", "order_paid", "--until", "2031-01-01", "--app", app)
    trackplane("plan", "pull", folder)
    last = (folder / "events/orders.yaml").read_text(encoding="utf-8")
    assert last == after.replace("2030-01-01", "2031-01-01")
    done = trackplane(
        "plan", "renew", "order_paid", "--until", "2031-02-30", "--app", app, expect=1
    )
    assert "2031-02-30" in done.stderr
    trackplane("plan", "renew", "nothing", "--until", "2031-02-20", "--app", app, expect=1)


def test_the_form_of_files_is_checked_and_made(folder: Path, trackplane: Verb) -> None:
    """--check changes nothing and ends with 1; comments stay; twice is once."""
    edit(folder, "    grade: P2\n", "    grade:    P2\n")
    before = bytes_of(folder)
    trackplane("plan", "fmt", folder, "--check", expect=1)
    assert bytes_of(folder) == before
    trackplane("plan", "fmt", folder)
    assert "# who answers for it" in (folder / "events/orders.yaml").read_text(encoding="utf-8")
    trackplane("plan", "fmt", folder, "--check")


def test_a_library_is_published_used_and_never_changes(
    folder: Path, trackplane: Verb, app: str
) -> None:
    """An app is on its version until it says otherwise; what another would change is told before."""
    name = f"lib{app}"
    text = f"format: 1\nlibrary: {name}\nversion: 1\ntypes: {{card: {{type: string, max_length: 9}}}}\n"
    file = folder.parent / "library.yaml"
    file.write_text(text)
    trackplane("library", "publish", file, "-m", "cards")
    trackplane("library", "publish", file)  # the same again
    edit(folder, "events:\n", f"use: [{name}@1]\nevents:\n")
    edit(
        folder,
        "coupon: {type: string, pattern",
        "card: {type: card}\n      coupon: {type: string, pattern",
    )
    trackplane("plan", "check", folder, expect=1)  # it is not here
    trackplane("plan", "check", folder, "--server")
    trackplane("plan", "apply", folder)
    file.write_text(text.replace("max_length: 9", "max_length: 5"))
    done = trackplane("library", "publish", file, expect=2)
    assert "version 2" in done.stderr
    file.write_text(
        text.replace("max_length: 9", "max_length: 5").replace("version: 1", "version: 2")
    )
    found = trackplane("library", "publish", file, "--dry-run", "--json").json
    assert found["difference"]["compatibility"] == "narrowing"
    assert [(each["app"], each["difference"]["compatibility"]) for each in found["impact"]] == [
        (app, "narrowing")
    ]
    trackplane("library", "publish", file)
    shown = trackplane("library", "show", name, "--json").json
    assert (shown["latest"], shown["used_by"]) == (2, [{"app": app, "version": 1}])
    assert trackplane("library", "show", f"{name}@1").stdout == text
    edit(folder, f"{name}@1", f"{name}@2")
    assert "narrowing: what.card" in trackplane("plan", "diff", folder).stdout
    edit(folder, f"{name}@2", f"{name}@7")
    done = trackplane("plan", "apply", folder, expect=1)
    assert f"{name}@7" in done.stderr


@pytest.mark.parametrize(
    ("files", "arguments", "code", "said"),
    [
        ({}, ("check", "."), 2, "has no plan"),
        ({}, ("check", "gone"), 2, "there is no gone"),
        ({}, ("pull", "."), 2, "which app?"),
        ({"a.yaml": b"\xff\xfee\x00"}, ("check", "a.yaml"), 1, "UTF-16"),
        ({"a.yaml": b"events: \xff\n"}, ("check", "."), 1, "UTF-8"),
        ({"a.yaml": b"events: [\n"}, ("check", "."), 1, "a.yaml:"),
        ({"a.yaml": b"format: 2\napp: x\n"}, ("check", "."), 1, "update Trackplane"),
        ({"a.yaml": b"format: 1\napp: x\nuse: [c@1]\n"}, ("check", "."), 1, "c@1"),
        ({"a.yaml": b"format: 1\napp: x\n", ".trackplane/plan.json": b"{"}, ("check", "."), 2, "plan.json"),
        ({"a.yaml": b"format: 1\napp: x\n"}, ("diff", ".", "--form", "html"), 2, ""),
        ({"a.yaml": b"format: 1\napp: x\n"}, ("lint", ".", "--rules", "gone.yaml"), 2, "gone.yaml"),
        ({"a.yaml": b"format: 1\napp: x\n"}, ("log", "--event", "e"), 1, "no app"),
        ({"a.yaml": b"format: 1\napp: x\n"}, ("init", "a/b c"), 2, "no name of an app"),
        ({"plan.yaml": b"format: 1\napp: x\n"}, ("init", "."), 2, "already"),
    ],
)  # fmt: skip
def test_bad_input_ends_with_a_clear_error(
    tmp_path: Path,
    trackplane: Verb,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, bytes],
    arguments: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    """By its exit code, never by a traceback, and it says what to do."""
    for name, data in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    monkeypatch.chdir(tmp_path)
    done = trackplane("plan", *arguments, expect=code)
    assert said in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert "defect" not in done.stderr


# --- the workflow for pull requests


def _steps(event: str) -> list[dict[str, str]]:
    """Return the workflow's commands for an event, as GitHub would choose them."""
    tree = yaml_rs.loads(WORKFLOW.read_text(encoding="utf-8"))
    assert set(tree["on"]) == {"pull_request", "push"}
    steps = tree["jobs"]["plan"]["steps"]
    return [
        step
        for step in steps
        if "run" in step and ("if" not in step or f"github.event_name == '{event}'" in step["if"])
    ]


def _run(step: dict[str, str], folder: Path, control: Running) -> subprocess.CompletedProcess[str]:
    tools = folder.parent / "tools"
    tools.mkdir(exist_ok=True)
    for name, script in {
        "trackplane": f'exec {sys.executable} -m trackplane.cli "$@"',
        "pip": "exit 0",
        "gh": f'for last; do :; done; echo "$1 $2 $3" >> {folder.parent}/gh.txt; cat "$last" > {folder.parent}/comment.md\n'
        '[ "$4" != --edit-last ]',  # there is no comment to edit yet
    }.items():
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    environment = os.environ | {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "TRACKPLANE_URL": control.addresses.http,
        "TRACKPLANE_TOKEN": control.token,
        "PULL_REQUEST": "7",
    }
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_workflow_comments_the_difference_and_applies_on_main(
    folder: Path, control: Running, trackplane: Verb
) -> None:
    """Its own commands, with a stand-in for GitHub's."""
    edit(folder, "max_length: 40", "max_length: 30")
    for step in _steps("pull_request"):
        done = _run(step, folder, control)
        assert done.returncode == 0, (step, done.stdout, done.stderr)
    comment = (folder.parent / "comment.md").read_text(encoding="utf-8")
    assert "has a tighter maximum length" in comment
    assert (folder.parent / "gh.txt").read_text() == "pr comment 7\n" * 2
    assert trackplane("plan", "pull", folder, "--json").json["revision"] == 1
    for step in _steps("push"):
        done = _run(step, folder, control)
        assert done.returncode == 0, (step, done.stdout, done.stderr)
    assert trackplane("plan", "pull", folder, "--json").json["revision"] == 2


def test_init_ships_the_workflow_of_the_example(folder: Path) -> None:
    """The same bytes."""
    made = folder / ".github/workflows/tracking-plan.yml"
    assert made.read_bytes() == WORKFLOW.read_bytes()


def test_a_plan_too_large_for_one_request_is_applied_in_several(
    folder: Path, trackplane: Verb, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what differs is sent; what is used comes before what uses it, a metric last."""
    monkeypatch.setattr(plan_server, "_AT_ONCE", 1_000)
    monkeypatch.setattr(plan_server, "_BATCH", 500)
    (folder / "a_metric.yaml").write_text("metrics: {z: {of: z9, measure: count()}}\n")
    for number in range(10):
        events = "".join(f"  z{number}{n}: {{what: {{x: {{type: zt}}}}}}\n" for n in range(10))
        (folder / f"z{number}.yaml").write_text(f"events:\n  z{number}: {{}}\n{events}")
    (folder / "zz_types.yaml").write_text("types: {zt: string}\n")
    answer = trackplane("plan", "apply", folder, "-m", "many", "--json").json
    assert answer["revision"] > 5
    assert trackplane("plan", "diff", folder, "--json").json["compatibility"] == "same"
    again = trackplane("plan", "apply", folder, "--json").json
    assert again["revision"] == answer["revision"]
    last = trackplane("plan", "log", "--app", app, "--limit", "1", "--json").json["items"][0]
    assert last["message"].startswith("many (part ")


def test_the_examples_of_the_documentation_run(
    tmp_path: Path, trackplane: Verb, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands at the top of plan-as-code.md in their order, and its library."""
    page = (ROOT / "docs/plan-as-code.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    commands = re.search(r"```sh\n(.*?)```", page, re.DOTALL)
    assert commands
    for line in commands[1].splitlines():
        trackplane(*shlex.split(line, comments=True)[1:])
    library = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert library
    Path("commerce.yaml").write_text(library[1])
    trackplane("library", "publish", "commerce.yaml")
    assert trackplane("library", "show", "commerce@1").stdout == library[1]
