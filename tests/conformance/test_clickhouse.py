"""ClickHouse SQL, run by chdb, against the reference: golden cases and generated rules."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from tests.engine import test_equivalence as generated
from tests.rules import test_backends as shared

from trackplane.rules.backends.clickhouse import ClickHouse, to_clickhouse
from trackplane.rules.backends.pipeline import compile_expressions
from trackplane.rules.backends.query import INEXACT, ROW_COLUMNS, Refused
from trackplane.rules.reference import RuleFailure

chdb = pytest.importorskip("chdb", reason="`make conformance` installs it")
SCALE = int(os.environ.get("TRACKPLANE_TEST_SCALE", "1"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return ``run(sql, table)``: all rows of a query over ``events``, which is a file."""
    path = tmp_path_factory.mktemp("clickhouse") / "events.parquet"

    def made(sql, table):
        pq.write_table(table, path)
        sql = sql.replace(" FROM events", f" FROM file('{path}', Parquet)")
        sql += (
            ", output_format_json_quote_64bit_integers = 1, output_format_json_quote_denormals = 1"
        )
        found = str(chdb.query(sql, "JSONCompactEachRow"))
        return [json.loads(line, parse_float=str, parse_int=str) for line in found.splitlines()]

    return made


def value(cell, kind):
    """Return a cell of ClickHouse's JSON as the reference has it."""
    if cell is None:
        return None
    if kind in ("int64", "timestamp"):
        return int(cell)
    if kind == "float64":
        return float(cell)
    if kind == "bool":
        return cell if isinstance(cell, bool) else cell == "1"
    return json.loads(cell) if kind in shared.WHOLE else cell


def result(cell, error, kind):
    """Return a value or a failure."""
    return RuleFailure(error) if error is not None else value(cell, kind)


def test_the_golden_cases_are_equal_or_refused_by_name(run, capsys):
    """Each case one or the other, counted."""
    refused, equal, inexact = Counter(), 0, 0
    groups = defaultdict(list)
    for case in shared.CASES:
        try:
            compile_expressions([case.expression], ClickHouse(), "events")
        except Refused as error:
            refused[error.name] += 1
        else:
            groups[case.file, json.dumps(case.event, sort_keys=True)].append(case)
    wrong = []
    for cases in groups.values():
        table = shared.stored(shared.frame_of(cases[0].event))
        for start in range(0, len(cases), 10):
            part = cases[start : start + 10]
            try:
                sql = compile_expressions([c.expression for c in part], ClickHouse(), "events")
                ((*row,),) = run(sql, table)
            except Exception as error:  # noqa: BLE001 - all of them are told together
                wrong.append((str(part[0]), str(error)[:300]))
                continue
            if row[-1] in (True, "1"):
                inexact += len(part)
                continue
            for number, case in enumerate(part):
                found = result(row[2 * number], row[2 * number + 1], case.expression.type.kind)
                if case.same(found):
                    equal += 1
                else:
                    wrong.append((str(case), found, case.result))
    with capsys.disabled():
        print(
            f"\nClickHouse: {equal} golden expressions equal, {refused.total()} refused,"
            f" {inexact} over events it does not judge"
        )
    assert wrong == []
    assert equal >= 400


def outputs(rows, query):
    """Return what a query's rows say, and which events it does not judge."""
    made, failed, unjudged = [], [], set()
    for row in rows:
        head = dict(zip(ROW_COLUMNS, row, strict=False))
        if head["failure"] == INEXACT:
            unjudged.add(head["id"])
        elif head["failure"] is not None:
            failed.append((head["id"], head["failure"]))
        else:
            cells = zip(query.columns, row[len(ROW_COLUMNS) :], strict=True)
            values = {name: value(cell, kind) for (name, kind), cell in cells}
            weight = float(head["weight"])
            made.append((head["id"], head["target"], weight, generated.typed(values)))
    return made, failed, unjudged


def judged(pairs, unjudged):
    """Return outputs or failures of other events, in order."""
    return sorted((pair for pair in pairs if pair[0] not in unjudged), key=repr)


@pytest.fixture(scope="module")
def supported():
    """Let expressions be generated of what ClickHouse has."""
    known = {*ClickHouse.functions, *shared.SPECIAL}

    def has(name, signature):
        arrays = any(text.startswith("array<") for text in signature.args)
        return name in known and not arrays

    makers = {
        kind: [maker for maker in found if has(*maker[:2])]
        for kind, found in generated.MAKERS.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generated, "MAKERS", defaultdict(list, makers))
        patch.setattr(generated, "each", lambda kind, _, items: generated.paths(kind, items))
        yield


@settings(
    max_examples=int(os.environ.get("EXAMPLES", 60 * SCALE)),
    suppress_health_check=list(HealthCheck),
)
@given(rule=shared.rules(), uploads=generated.UPLOADS)
def test_generated_rules_are_equal_over_stored_events(run, supported, rule, uploads):
    """What ClickHouse takes and judges gives the rows and failures that the reference gives."""
    frame = shared.frame_of_uploads(uploads)
    try:
        query = to_clickhouse(rule)
    except Refused:
        return
    if not len(frame):
        return
    made, failed, unjudged = outputs(run(query.sql, shared.stored(frame)), query)
    wanted = shared.expected(rule, frame)
    assert judged(made, unjudged) == judged(wanted[0], unjudged), query.sql
    assert judged(failed, unjudged) == judged(wanted[1], unjudged), query.sql
