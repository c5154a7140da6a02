"""The engine and the golden cases of the rule language."""

from itertools import groupby
from pathlib import Path

import msgspec
import pytest

from trackplane.engine.engine import Engine
from trackplane.engine.ruleset import Ruleset
from trackplane.event import identity
from trackplane.frame import Frame, FrameBuilder
from trackplane.rules import ir
from trackplane.rules.reference import RuleFailure
from trackplane.testing.rules import ENVIRONMENT, example_cases, load_cases

CASES = [*load_cases(Path(__file__).parents[2] / "spec/cases/rules"), *example_cases()]


def frame_of(body):
    builder = FrameBuilder("P2")
    upload = builder.add_upload("a", "prod", 1, 0, b"{}")
    data = msgspec.json.encode({"id": "1", "event": "e", **body})
    key = identity("a", "1", "e", None)
    builder.add(upload, event="e", id="1", identity=key, at=0, data=data, clean=False)
    return Frame.decode(builder.build())


def ruleset_of(rules):
    datasets = {rule.target: ir.Dataset(name=rule.target, kind="table") for rule in rules}
    changed = {rule.name: ir.encode(rule) for rule in rules}
    ruleset, rejected = Ruleset.empty().apply(
        1, changed=changed, datasets=datasets, environment=ENVIRONMENT
    )
    assert rejected == {}
    return ruleset


@pytest.mark.parametrize("file", sorted({case.file for case in CASES}))
def test_the_engine_gives_the_golden_cases(file):
    """Each case is a rule of its own over the file's event."""
    cases = [case for case in CASES if case.file == file]
    for event, group in groupby(cases, key=lambda case: case.event):
        members = list(group)
        rules = [
            ir.Rule(
                name=f"r{number}",
                target=f"t{number}",
                actions=(ir.Select((ir.Column("x", case.expression),)),),
                reads=("what",),
                uses=("table:countries@1", "table:shops@1"),
            )
            for number, case in enumerate(members)
        ]
        body = {name: event[name] for name in ("who", "where", "how", "what") if name in event}
        body |= {"when": {"client": event["when"].get("client")}}
        outputs = Engine(ruleset_of(rules)).process([(frame_of(body), None)])
        reasons = {dirty.rule: dirty.reason for dirty in outputs.dirty}
        for rule, case in zip(rules, members, strict=True):
            if isinstance(case.result, RuleFailure):
                assert reasons.get(rule.name) == case.result.code, str(case)
            else:
                assert rule.name not in reasons, str(case)
                (row,) = outputs.rows[rule.target].data
                assert msgspec.json.decode(row)["x"] == case.result, str(case)
