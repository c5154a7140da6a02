"""DuckDB SQL against the reference: the golden cases, and generated rules over stored events."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine import test_equivalence as generated

from trackplane.event import identity
from trackplane.frame import Frame, FrameBuilder
from trackplane.lake.columns import EventColumns
from trackplane.rules import ir
from trackplane.rules.apply import apply
from trackplane.rules.backends.duckdb import DuckDB, to_duckdb
from trackplane.rules.backends.pipeline import compile_expressions
from trackplane.rules.backends.query import ROW_COLUMNS, Refused
from trackplane.rules.reference import RuleFailure
from trackplane.testing.rule_cases import load_rule_cases
from trackplane.testing.rules import example_cases, load_cases

FOLDER = Path(__file__).parents[2] / "spec/cases/rules"
SCALE = int(os.environ.get("TRACKPLANE_TEST_SCALE", "1"))
CASES = [*load_cases(FOLDER), *example_cases()]
RULES = load_rule_cases(FOLDER / "actions")
SERVER = 1_795_376_614_990
WHOLE = ("json", "array", "object", "map")
SPECIAL = ("and", "or", "is_null", "coalesce", "try_", "if_")


def stored(frame):
    """Return a frame's events as the lake stores them."""
    columns = EventColumns()
    columns.add(frame, "events.p2", 0, 0, np.ones(len(frame), bool))
    return columns.build()


def frame_of(event):
    """Return one merged event as a frame."""
    builder = FrameBuilder("P2")
    meta, when = event["meta"], event["when"]
    upload = builder.add_upload(meta["app"], meta["env"], meta["revision"], when["server"], b"{}")
    data = {key: value for key, value in event.items() if key != "meta"}
    builder.add(
        upload,
        event=event["event"],
        id=event["id"],
        identity=identity(meta["app"], event["id"], event["event"], None),
        at=when["at"],
        data=msgspec.json.encode(data),
        clean=False,
        weight=meta["weight"],
    )
    return Frame.decode(builder.build())


@pytest.fixture(scope="module")
def run():
    """Return ``run(sql, table)``: all rows of a query over a table called ``events``."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET threads = 1")

    def made(sql, table):
        connection.register("events", table)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.unregister("events")

    yield made
    connection.close()


def result(value, error, kind):
    """Return a value as the reference has it."""
    assert value is None or error is None
    if error is not None:
        return RuleFailure(error)
    return json.loads(value) if value is not None and kind in WHOLE else value


def test_the_golden_cases_are_equal_or_refused_by_name(run, capsys):
    """Each case one or the other, counted; every function is here or refused."""
    refused = Counter()
    groups = defaultdict(list)
    for case in CASES:
        try:
            compile_expressions([case.expression], DuckDB(), "events")
        except Refused as error:
            refused[error.name] += 1
        else:
            groups[case.file, json.dumps(case.event, sort_keys=True)].append(case)
    equal = 0
    for cases in groups.values():
        table = stored(frame_of(cases[0].event))
        for start in range(0, len(cases), 25):
            part = cases[start : start + 25]
            sql = compile_expressions([case.expression for case in part], DuckDB(), "events")
            ((*row,),) = run(sql, table)
            for number, case in enumerate(part):
                found = result(row[2 * number], row[2 * number + 1], case.expression.type.kind)
                assert case.same(found), f"{case}: {found!r}"
                equal += 1
    with capsys.disabled():
        print(f"\nDuckDB: {equal} golden expressions equal, {refused.total()} refused")
    assert equal >= 850
    assert not set(refused) & {"eq", "and", "add", "int", "lower", "matches", "timestamp"}


def outputs(rows, query):
    """Return what a query's rows say: rows by id, failures by id."""
    made, failed = [], []
    for row in rows:
        head = dict(zip(ROW_COLUMNS, row, strict=False))
        if head["failure"] is not None:
            failed.append((head["id"], head["failure"]))
            continue
        values = {
            name: result(value, None, kind)
            for (name, kind), value in zip(query.columns, row[len(ROW_COLUMNS) :], strict=True)
        }
        made.append((head["id"], head["target"], head["weight"], generated.typed(values)))
    key = repr
    return sorted(made, key=key), sorted(failed, key=key)


def expected(rule, frame):
    """Return the same of the reference."""
    made, failed = [], []
    for event in frame:
        applied = apply(rule, event)
        failed += [(event["id"], failure.code) for failure in applied.failures]
        made += [
            (event["id"], output.target, output.weight, generated.typed(output.value))
            for output in applied.outputs
        ]
    return sorted(made, key=repr), sorted(failed, key=repr)


def test_the_golden_rules_are_equal_or_refused_by_name(run, capsys):
    """The same of whole rules."""
    refused, equal = Counter(), 0
    for case in RULES:
        try:
            query = to_duckdb(case.rule)
        except Refused as error:
            refused[error.name] += 1
            continue
        frame = frame_of(case.event)
        made, failed = outputs(run(query.sql, stored(frame)), query)
        assert [row[3] for row in made] == [generated.typed(each) for each in case.outputs], case
        assert [code for _, code in failed] == list(case.dirty), case
        assert all(row[1] == case.target and row[2] == case.weight for row in made), case
        equal += 1
    with capsys.disabled():
        print(f"\nDuckDB: {equal} golden rules equal, {refused.total()} refused: {dict(refused)}")
    assert equal >= 10


def frame_of_uploads(uploads):
    """Return uploads of (app, env, header, events) as a frame."""
    builder = FrameBuilder("P2")
    for app, env, header, events in uploads:
        upload = builder.add_upload(app, env, 3, SERVER, header)
        for name, data in events:
            number = len(builder)
            builder.add(
                upload,
                event=name,
                id=f"id-{number}",
                identity=identity(app, f"id-{number}", name, number),
                at=SERVER - number,
                data=data,
                clean=False,
                weight=1.0 if number % 3 else 2.0,
            )
    return Frame.decode(builder.build())


@pytest.fixture(scope="module")
def supported():
    """Let expressions be generated of what DuckDB has."""
    known = {*DuckDB.functions, *SPECIAL}

    def has(name, signature):
        arrays = any(text.startswith("array<") for text in signature.args)
        return (
            name in known
            and not arrays
            and not (name in ("round", "date") and len(signature.args) > 1)
        )

    makers = {
        kind: [maker for maker in found if has(*maker[:2])]
        for kind, found in generated.MAKERS.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generated, "MAKERS", defaultdict(list, makers))
        patch.setattr(generated, "each", lambda kind, _, items: generated.paths(kind, items))
        yield


@st.composite
def rules(draw):
    """Return a rule of actions that a query can have."""
    steps = []
    for kind in draw(st.lists(st.sampled_from(["drop", "set", "unset", "route"]), max_size=3)):
        if kind == "drop":
            steps.append(ir.Drop(draw(generated.expressions("bool", 2))))
        elif kind == "unset":
            targets = draw(generated.TARGETS)
            steps.append(ir.Unset(tuple(f"{root}.{name}" for root, name in targets)))
        elif kind == "route":
            by = draw(generated.expressions("string", 1))
            steps.append(ir.Route(by, (("a", "two"), ("pay", "two"), ("", "one"))))
        else:
            targets = draw(generated.TARGETS)
            steps.append(
                ir.Set(
                    tuple(
                        ir.Assignment(
                            root,
                            name,
                            draw(generated.expressions(draw(generated.ANY), 1)),
                            draw(st.booleans()),
                        )
                        for root, name in targets
                    )
                )
            )
    names = draw(st.lists(st.sampled_from(["a", "b", 'q"']), min_size=1, unique=True))
    columns = [
        ir.Column(name, draw(generated.expressions(draw(generated.ANY), 3))) for name in names
    ]
    return ir.Rule(
        name="r",
        target="one",
        actions=(*steps, ir.Select(tuple(columns))),
        apps=draw(st.sampled_from([(), ("shop",), ("shop", "other")])),
        envs=draw(st.sampled_from([("prod",), ("prod", "dev")])),
        events=draw(st.sampled_from([None, ("pay", "öffnen")])),
        where=draw(st.none() | generated.expressions("bool", 3)),
    )


@settings(
    max_examples=150 * SCALE,
    suppress_health_check=list(HealthCheck),
)
@given(rule=rules(), uploads=generated.UPLOADS)
def test_generated_rules_are_equal_over_stored_events(run, supported, rule, uploads):
    """What DuckDB takes gives the rows and failures that the reference gives."""
    frame = frame_of_uploads(uploads)
    try:
        query = to_duckdb(rule)
    except Refused:
        return
    if len(frame):
        assert outputs(run(query.sql, stored(frame)), query) == expected(rule, frame), query.sql
