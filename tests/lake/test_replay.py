"""A rule over the stream and over what the lake kept of it: the same outputs."""

import json
from collections import Counter, defaultdict
from pathlib import Path

import msgspec
import pytest

from trackplane.engine.engine import Engine
from trackplane.engine.ruleset import Ruleset
from trackplane.event import BUILT_IN, identity
from trackplane.frame import Frame, FrameBuilder
from trackplane.lake.manifest import Manifest
from trackplane.lake.replay import ReplayError, replay
from trackplane.lake.writer import RawStore
from trackplane.rules import ir
from trackplane.rules.backends.query import Refused
from trackplane.testing.rule_cases import DATASETS, ENVIRONMENT, load_rule_cases

CASES = load_rule_cases(Path(__file__).parents[2] / "spec/cases/rules/actions")
RULES = {(case.file, case.text): case.rule for case in CASES}
EVENTS = defaultdict(list)
for _case in CASES:
    if _case.event not in EVENTS[_case.file]:
        EVENTS[_case.file].append(_case.event)
NOW = 1_795_376_614_990
PARTITION = ("events.p2", 0)


def message_of(events):
    """Return events as one frame: what the queue holds."""
    builder = FrameBuilder("P2")
    for number, event in enumerate(events):
        meta = event["meta"]
        upload = builder.add_upload(meta["app"], meta["env"], 3, NOW, b'{"how": {"os": "x"}}')
        data = {key: value for key, value in event.items() if key not in ("meta", "id", "event")}
        id_ = f"id-{number}"
        builder.add(
            upload,
            event=event["event"],
            id=id_,
            identity=identity(meta["app"], id_, event["event"], None),
            at=NOW - number,
            data=msgspec.json.encode(data),
            clean=False,
            weight=meta["weight"],
        )
    return builder.build()


@pytest.fixture(scope="module")
def lakes(tmp_path_factory):
    """Return, for a file of cases, its lake's manifest and its frame."""
    made = {}

    def lake(file):
        if file not in made:
            folder = tmp_path_factory.mktemp("lake")
            manifest = Manifest(folder / "manifest.db", lambda: NOW)
            store = RawStore(manifest, folder, lambda: NOW)
            message = message_of(EVENTS[file])
            store.assign([PARTITION])
            store.add(*PARTITION, 0, message)
            store.flush()
            made[file] = manifest, Frame.decode(message)
        return made[file]

    yield lake
    for manifest, _ in made.values():
        manifest.close()


def plain(value):
    """Return an output as JSON tells it apart; without built-in properties that are null."""
    value = {
        root: {
            name: each
            for name, each in held.items()
            if each is not None or f"{root}.{name}" not in BUILT_IN
        }
        if isinstance(held, dict) and root in ("who", "when", "where", "how")
        else held
        for root, held in value.items()
    }
    return json.dumps({root: held for root, held in value.items() if held != {}}, sort_keys=True)


def streamed(rule, frame):
    """Return what the engine puts out for a frame: outputs and failures, counted."""
    ruleset, rejected = Ruleset.empty().apply(
        1, changed={rule.name: ir.encode(rule)}, datasets=DATASETS, environment=ENVIRONMENT
    )
    assert rejected == {}
    outputs = Engine(ruleset).process([(frame, None)])
    rows = Counter(
        (target, id_, weight, plain(json.loads(data)))
        for target, found in outputs.rows.items()
        for id_, weight, data in zip(found.id, found.weight, found.data, strict=True)
    )
    return rows, Counter(dirty.reason for dirty in outputs.dirty)


def replayed(rule, manifest, way=None):
    found = replay(
        rule,
        manifest,
        since_ms=NOW - 1,
        until_ms=NOW + 1,
        datasets=DATASETS,
        environment=ENVIRONMENT,
        way=way,
    )
    rows = Counter((row.target, row.id, row.weight, plain(row.data)) for row in found.rows)
    assert sum(found.outputs.values()) == rows.total()
    return rows, Counter(found.failures), found.way


@pytest.mark.parametrize("way", ["either", "engine"])
@pytest.mark.parametrize(("file", "text"), RULES, ids=lambda each: " ".join(each.split())[:60])
def test_replay_puts_out_what_the_stream_did(lakes, file, text, way):
    """The same multiset of typed outputs, and the same failures, whichever way was taken."""
    rule = RULES[file, text]
    manifest, frame = lakes(file)
    if any(isinstance(action, ir.Script) for action in rule.actions):
        with pytest.raises(ReplayError, match="script"):
            replayed(rule, manifest)
        return
    rows, failures, taken = replayed(rule, manifest, None if way == "either" else "engine")
    assert (rows, failures) == streamed(rule, frame)
    assert taken == "engine" or way == "either"


def test_a_replay_says_which_way_was_taken_and_why(lakes):
    """SQL where it is exact; the engine says what SQL refused."""
    ways = {}
    for (file, _), rule in RULES.items():
        if not any(isinstance(action, ir.Script) for action in rule.actions):
            manifest, _ = lakes(file)
            found = replay(
                rule, manifest, since_ms=0, until_ms=NOW + 1, datasets=DATASETS,
                environment=ENVIRONMENT, limit=1,
            )  # fmt: skip
            ways[found.way] = found
            assert len(found.rows) <= 1
    assert ways["duckdb"].why == ""
    assert ways["engine"].why.startswith("DuckDB refuses ")


def test_events_of_another_time_are_left_out(lakes):
    """The bounds are of when.server; no files at all are an error, not an empty answer."""
    (file, _), rule = next(iter(RULES.items()))
    manifest, _ = lakes(file)
    with pytest.raises(ReplayError, match="no events"):
        replay(rule, manifest, since_ms=0, until_ms=NOW, datasets=DATASETS)


def test_sql_alone_may_be_asked_for(lakes):
    """Then a rule that it cannot say is refused by name."""
    (file, _), rule = next(
        item for item in RULES.items() if any(isinstance(a, ir.Explode) for a in item[1].actions)
    )
    with pytest.raises(Refused, match="explode"):
        replay(rule, lakes(file)[0], since_ms=0, until_ms=NOW + 1, way="duckdb")
