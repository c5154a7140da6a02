"""The golden cases of whole rules: on the reference, and on the engine."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from trackplane.engine.engine import Engine
from trackplane.engine.ruleset import Ruleset
from trackplane.event import identity
from trackplane.frame import Frame, FrameBuilder
from trackplane.rules import ir
from trackplane.rules.apply import apply
from trackplane.testing.rule_cases import DATASETS, ENVIRONMENT, load_rule_cases

CASES = load_rule_cases(Path(__file__).parents[2] / "spec/cases/rules/actions")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_reference_gives_each_case(case):
    """Outputs in order, their target and weight, and the codes of failures."""
    given = msgspec.json.encode(case.event)
    found = apply(case.rule, case.event, ENVIRONMENT)
    assert [output.value for output in found.outputs] == list(case.outputs)
    assert [failure.code for failure in found.failures] == list(case.dirty)
    assert {output.target for output in found.outputs} <= {case.target}
    assert {output.weight for output in found.outputs} <= {case.weight}
    assert msgspec.json.encode(case.event) == given


def frame_of(event):
    builder = FrameBuilder("P2")
    upload = builder.add_upload("a", "prod", 1, event["when"]["server"], b"{}")
    data = msgspec.json.encode({k: v for k, v in event.items() if k not in ("meta", "when")})
    key = identity("a", "1", "e", None)
    at = event["when"]["at"]
    builder.add(
        upload,
        event="e",
        id="1",
        identity=key,
        at=at,
        data=data,
        clean=False,
        weight=event["meta"]["weight"],
    )
    return Frame.decode(builder.build())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_engine_gives_each_case(case):
    """The same rows for the same targets, with the same weights and failures."""
    ruleset, rejected = Ruleset.empty().apply(
        1,
        changed={case.rule.name: ir.encode(case.rule)},
        datasets=DATASETS,
        environment=ENVIRONMENT,
    )
    assert rejected == {}
    outputs = Engine(ruleset).process([(frame_of(case.event), None)])
    assert Counter(dirty.reason for dirty in outputs.dirty) == Counter(case.dirty)
    rows = {name: found for name, found in outputs.rows.items() if len(found)}
    if not case.outputs:
        assert rows == {}
        return
    assert rows.keys() == {case.target}
    found = rows[case.target]
    assert [msgspec.json.decode(row) for row in found.data] == list(case.outputs)
    assert set(found.weight) == {case.weight}
