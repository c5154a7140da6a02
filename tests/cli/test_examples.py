"""Every verb's help ends with an example, and every example runs: on one real platform."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
import typer

from trackplane.cli import app, main
from trackplane.demo.example import example_text
from trackplane.demo.platform import Platform
from trackplane.testing.platform import Shop, event, until

pytestmark = pytest.mark.integration

# Their examples are told as a story by tests/cli/test_change.py.
STORY = ("change", "people", "team", "inbox", "requirement", "mine")
# The platform of these tests is `up` with all of its processes; a demo and benchmarks run by `make`.
LONG = ("up", "control", "collector", "worker", "demo", "bench")

RULE = """\
rule: big_spender
apps: [shop]
where: event == "purchase" and what.total.value > %s
select: {id: id, total: what.total.value}
to: shop.big_spenders
owner: team:pay
tests:
  - {given: {event: purchase, id: "1", what: {total: {value: 129.5, currency: SGD}}}, expect: {total: 129.5}}
"""
DATASET = """
---
dataset: shop.big_spenders
kind: table
columns: {id: string, total: float64}
owner: team:pay
"""
FUNCTION = """\
function: net
parameters: {gross: float64}
returns: float64
body: gross / 1.08
owner: team:pay
"""
TABLE = """\
table: countries
key: string
columns: {region: string}
rows: {SG: [apac], DE: [emea]}
"""
SCRIPT = """\
script: enrich
text: |
  def transform(event):
      return event
"""
LIBRARY = """\
format: 1
library: commerce
version: %d
title: Buying and selling
owner: team:pay
types:
  gift_card: {type: string, pattern: "[A-Z0-9]{12}"}
"""
KINDS = {"function": (FUNCTION, "net"), "table": (TABLE, "countries"), "script": (SCRIPT, "enrich")}


class Verb(NamedTuple):
    """A verb and the example in its help."""

    path: tuple[str, ...]
    example: str

    @property
    def name(self) -> str:
        return " ".join(self.path)


def verbs() -> list[Verb]:
    """Return all verbs of the command line."""
    return [Verb(path, _example(command)) for path, command in _commands(_root(), ())]


def _root() -> click.Command:
    root: click.Command = typer.main.get_command(app)
    return root


def _commands(
    command: click.Command, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
        return
    for name, each in inner.items():
        yield from _commands(each, (*path, name))


def _example(command: click.Command) -> str:
    _, _, example = (command.help or "").partition("Example:")
    return " ".join(example.split())


VERBS = verbs()


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name.replace(" ", "-"))
def test_a_verb_s_help_ends_with_an_example_of_itself(verb: Verb) -> None:
    """Its words are those of the verb, and every option of it is there."""
    said = f"trackplane {verb.name}".removesuffix(" sql")  # what a query is unless it says so
    assert verb.example.startswith(said), verb.example
    command = next(each for path, each in _commands(_root(), ()) if path == verb.path)
    known = {name for parameter in command.params for name in parameter.opts}
    words = shlex.split(verb.example)
    assert {word for word in words if re.match(r"--?[a-z]", word)} <= known


def test_lists_of_verbs_cut_no_summary_off_at_80_columns() -> None:
    """What stands before the first full stop fits beside the longest name."""
    groups = [_root()]
    for group in groups:
        inner: dict[str, click.Command] = getattr(group, "commands", {})
        groups += inner.values()
        width = 80 - 6 - max(map(len, inner), default=0)
        cut = [name for name, each in inner.items() if each.get_short_help_str(width)[-3:] == "..."]
        assert not cut, (group.name, cut)


class Stage:
    """A platform with the example shop, a folder with its files, and what examples need beside."""

    def __init__(self, shop: Shop, folder: Path) -> None:
        self.shop = shop
        self.platform = shop.platform
        self.folder = folder
        self._replay = ""

    def call(self, method: str, path: str, *, known: tuple[int, ...] = (), **body: Any) -> Any:
        """Return the JSON of a call; None for an answer whose status is expected too."""
        answer = self.shop.http.request(
            method,
            f"{self.platform.url}/api/v1{path}",
            headers={"Authorization": f"Bearer {self.platform.token}", "If-Match": "*"},
            json=body or None,
        )
        if answer.status_code in known:
            return None
        assert answer.is_success, (method, path, answer.text)
        return answer.json() if answer.content else None

    # --- what an example finds

    def files(self) -> None:
        """Write the files that examples name."""
        texts = {
            "rule.yaml": RULE % "100.0",
            "big_spender.yaml": RULE % "120.0",
            "function.yaml": FUNCTION,
            "table.yaml": TABLE,
            "script.yaml": SCRIPT,
            "commerce.yaml": LIBRARY % 2,
            "tracker.lock": json.dumps(
                {
                    "format": 1,
                    "revision": 1,
                    "name": "shop-web",
                    "app": "shop",
                    "platform": "web",
                    "release": "1.0",
                    "language": "python",
                    "events": {"purchase": ["what.total"]},
                }
            ),
            "unplanned.ndjson": "".join(
                json.dumps(event(n, "gift_card_redeem", what={"card": f"C{n}", "value": 5 * n}))
                + "\n"
                for n in range(20)
            ),
            "events.ndjson": "".join(json.dumps(event(900 + n)) + "\n" for n in range(3)),
        }
        for name in ("plan.yaml", "datasets.yaml", "rules.yaml"):
            texts[name] = example_text(name)
        texts["rules.yaml"] += "---\n" + RULE % "100.0"
        texts["datasets.yaml"] += DATASET.replace("\n---", "---", 1)
        for name, text in texts.items():
            (self.folder / name).write_text(text, encoding="utf-8")

    def rule(self, versions: int = 4) -> None:
        """Let the rule be in force, with so many versions, and no trial of it."""
        self.call("DELETE", "/rules/big_spender/canary", known=(404, 409))
        held = self.call("GET", "/rules/big_spender", known=(404,))
        number = held["version"] if held else 0
        while held is None or number < versions:
            source = RULE % f"{100 + number}.0"
            if held is None:
                held = self.call("POST", "/rules", source=source, known=(409,)) or {}
            else:
                self.call("PUT", "/rules/big_spender", source=source)
            number = self.call("GET", "/rules/big_spender")["version"]

    def definition(self, kind: str) -> None:
        """Let the example's function, table or script be there, with two versions."""
        source, name = KINDS[kind]
        path = f"/{kind}s"
        if self.call("GET", f"{path}/{name}", known=(404,)) is None:
            self.call("POST", path, source=source)
        while self.call("GET", f"{path}/{name}")["version"] < 2:
            self.call("PUT", f"{path}/{name}", source=source + "# again\n")

    def draft(self) -> str:
        """Let there be a draft of the rule; return its version."""
        return str(self.call("PUT", "/rules/big_spender/draft", source=RULE % "200.0")["etag"])

    def canary(self) -> None:
        """Let a canary of the rule run."""
        self.call(
            "POST", "/rules/big_spender/canary", known=(409,), source=RULE % "77.0", percent=5
        )

    def query(self) -> None:
        """Let there be a saved query."""
        sql = "SELECT count(*) AS orders FROM events"
        self.call("POST", "/saved-queries", known=(409,), name="orders", sql=sql, app="shop")

    def no_query(self) -> None:
        """Let there be none of the name that is to be saved."""
        for held in self.call("GET", "/saved-queries?app=shop")["items"]:
            self.call("DELETE", f"/saved-queries/{held['id']}")

    def replay(self) -> str:
        """Return the id of a replay of a dirty event."""
        if not self._replay:
            found = self.call("POST", "/dirty/replays", selection={"app": "shop", "limit": 1})
            self._replay = str(found["id"])
        return self._replay

    def replayed(self) -> None:
        """Wait until the replay has ended: a running one is not undone."""
        path = f"/dirty/replays/{self.replay()}"
        until(lambda: self.call("GET", path)["status"] != "running", "the end of the replay")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Return the platform, with events that were stored and events that failed."""
    folder = tmp_path_factory.mktemp("examples")
    with Platform(folder, workers=1) as platform, Shop(platform) as shop:
        shop.set_up()
        stage = Stage(shop, folder)
        platform.call("POST", "/datasets", json={"source": DATASET.replace("---\n", "")})
        stage.rule()
        total = {"value": 129.5, "currency": "SGD"}
        platform.wait_ready()
        shop.deliver([event(0), event(1, "purchase", what={"total": total})])
        bad = [
            event(n, "purchase", what={"total": "much"}) | {"id": f"0190-{n}c"} for n in range(8)
        ]
        shop.deliver(bad)
        shop.deliver([event(n, "gift_card_redeem", what={"card": "x"}) for n in range(5)])
        until(lambda: shop.query("SELECT count(*) FROM events")[0][0] >= 2, "stored events")
        until(
            lambda: platform.call("GET", "/dirty", params={"app": "shop"})["items"], "dirty events"
        )
        platform.call(
            "PUT", "/libraries/commerce/1", json={"source": LIBRARY % 1, "message": "a start"}
        )
        yield stage


PREPARE: dict[str, Callable[[Stage], object]] = {
    "rule": Stage.rule,
    "rule draft": Stage.draft,
    "rule promote": Stage.canary,
    "dirty undo": Stage.replayed,
    "query run": Stage.query,
    "query delete": Stage.query,
    "query save": Stage.no_query,
    **{kind: (lambda stage, kind=kind: stage.definition(kind)) for kind in KINDS},
}
# What an example may find: look-alikes, events that fail still, a replay that is done.
FOUND = {
    "plan suggest": {0, 1},
    "dirty fix": {0, 1},
    "dirty replay": {0, 1},
    "dirty cancel": {0, 2},
    "plan impact": {0, 1},
}


@pytest.mark.parametrize(
    "verb",
    [verb for verb in VERBS if verb.path[0] not in (*STORY, *LONG)],
    ids=lambda verb: verb.name.replace(" ", "-"),
)
def test_every_example_runs(
    verb: Verb,
    stage: Stage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As it stands in the help, in a folder of the files it names."""
    stage.folder = tmp_path
    stage.files()
    for depth in range(1, len(verb.path) + 1):
        prepare = PREPARE.get(" ".join(verb.path[:depth]))
        if prepare is not None:
            prepare(stage)
    example = verb.example.replace("$KEY", stage.shop.key)
    if "REPLAY" in example:
        example = example.replace("REPLAY", stage.replay())
    if "--base 3" in example:
        example = example.replace("--base 3", f"--base {stage.draft()}")
    if "TOKEN" in example:
        made = stage.call("POST", "/tokens", name="gone", role="viewer")
        example = example.replace("TOKEN", made["id"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRACKPLANE_URL", stage.platform.url)
    monkeypatch.setenv("TRACKPLANE_TOKEN", stage.platform.token)
    words = shlex.split(example)
    if words[1:3] == ["source", "run"]:
        words += ["--collector", stage.platform.collector_url]
    monkeypatch.setattr(sys, "argv", words)
    feeder = _feed(stage) if words[1] == "tap" else None
    with pytest.raises(SystemExit) as ended:
        main()
    if feeder is not None:
        feeder.kill()
        feeder.wait(20)
    said = capsys.readouterr()
    assert ended.value.code in FOUND.get(verb.name, {0}), (example, said.out, said.err)
    assert said.out + said.err, example
    assert not re.search(r"Traceback|error\[defect\]", said.out + said.err)


def _feed(stage: Stage) -> subprocess.Popen[bytes]:
    """Send events for a while, so that a tap has something to print."""
    program = (
        "import httpx, time, sys\n"
        "url, key = sys.argv[1:]\n"
        "for n in range(60):\n"
        "    body = {'header': {}, 'events': [{'id': f'tap-{n}', 'event': 'home'}]}\n"
        "    httpx.post(url, json=body, headers={'Authorization': f'Bearer {key}'}, trust_env=False)\n"
        "    time.sleep(0.2)\n"
    )
    url = f"{stage.platform.collector_url}/v1/records"
    return subprocess.Popen([sys.executable, "-c", program, url, stage.shop.key])


def test_no_verb_is_left_out() -> None:
    """Those of the story and the long ones are verbs, so a renamed one does not slip through."""
    names = {verb.path[0] for verb in VERBS}
    assert {*STORY, *LONG} <= names
    assert len(VERBS) > 90
