"""What is fuzzed: each target takes a mutated input and holds what must hold."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from msgspec import structs
from tests.fuzz.mutate import mutated, mutated_bytes

from trackplane.engine.engine import Engine
from trackplane.engine.ruleset import Ruleset
from trackplane.event import identity
from trackplane.frame import Frame, FrameBuilder
from trackplane.lake.columns import EventColumns
from trackplane.rules import ir, python
from trackplane.rules.apply import apply
from trackplane.rules.backends.duckdb import to_duckdb
from trackplane.rules.backends.query import ROW_COLUMNS, Refused
from trackplane.rules.check import check_rule, uses_of
from trackplane.rules.format import FormatError, format_rule, format_text
from trackplane.rules.library import Environment
from trackplane.rules.load import load_rule
from trackplane.rules.printing import python_text
from trackplane.rules.scope import Scope
from trackplane.rules.source import Excerpt, RuleError
from trackplane.rules.sql.parse import parse, parse_expression
from trackplane.rules.sql.print import sql_text
from trackplane.rules.sql.query import query_lines
from trackplane.rules.syntax import Apply, ForEach, Node
from trackplane.rules.typer import Typer
from trackplane.rules.untyped import syntax_of
from trackplane.testing.rule_cases import DATASETS, ENVIRONMENT, definitions_of, load_rule_cases
from trackplane.testing.rules import DEFINITIONS, load_cases, spec_of
from trackplane.testing.rules import ENVIRONMENT as CASES_ENVIRONMENT

FOLDER = Path(__file__).parents[2] / "spec/cases/rules"
NOW = 1_795_376_614_990


class Corpus:
    """The golden cases, in every front end."""

    def __init__(self) -> None:
        cases = load_rule_cases(FOLDER / "actions")
        self.definitions = {
            path.name: definitions_of(json.loads(path.read_text())["types"])
            for path in (FOLDER / "actions").glob("*.json")
        }
        self.rules: list[tuple[str, str]] = []  # file, text
        self.bodies: dict[str, list[bytes]] = defaultdict(list)
        for case in cases:
            body = {name: value for name, value in case.event.items() if name != "meta"}
            self.bodies[case.file].append(msgspec.json.encode(body))
        for file, rule in {
            (case.file, case.text): (case.file, case.rule) for case in cases
        }.values():
            for front_end in ("python", "sql", "builder"):
                try:
                    text = format_rule(structs.replace(rule, text=""), front_end=front_end)
                except FormatError:
                    continue
                self.rules.append((file, text))
        cases = load_cases(FOLDER)
        trees = [syntax_of(case.expression) for case in cases]
        self.trees: dict[str, list[Node]] = defaultdict(list)
        self.events: dict[str, bytes] = {}
        for case, tree in zip(cases, trees, strict=True):
            self.trees[case.file].append(tree)
            body = {name: value for name, value in case.event.items() if name != "meta"}
            self.events[case.file] = msgspec.json.encode(body)
        self.specs = {
            file: spec_of(json.loads((FOLDER / file).read_text())["types"]) for file in self.trees
        }
        self.python = [python_text(tree) for tree in trees]
        self.sql = [sql_text(tree) for tree in trees]
        for _, text in self.rules:
            if "sql: |" in text:
                self.sql.append(
                    "\n".join(query_lines(check_rule(load_rule(text), self.definitions[_])))
                )


class Fuzz:
    """Runs targets; ``counts`` says what came of the inputs."""

    def __init__(self, corpus: Corpus, random_: random.Random, connection) -> None:
        self.corpus = corpus
        self.random = random_
        self.connection = connection
        self.counts: Counter[str] = Counter()
        self.input: object = None  # the input being tried, for the report of a crash

    def expression(self) -> None:
        """Text of expressions and queries: findings, never an exception; what parses prints and parses."""
        random_, corpus = self.random, self.corpus
        sql = random_.random() < 0.5
        texts = corpus.sql if sql else corpus.python
        text = mutated(random_, random_.choice(texts), random_.choice(texts))
        self.input = text
        excerpt = Excerpt.of(text)
        if sql:
            parse(excerpt, None)
        node, findings = (parse_expression if sql else python.parse)(excerpt, ("item",))
        self.counts["expressions"] += 1
        if findings:
            return
        self.counts["expressions that parse"] += 1
        for printed, read in (
            (python_text(node), python.parse),
            (sql_text(node), parse_expression),
        ):
            again, wrong = read(Excerpt.of(printed), ("item",))
            codes = {finding.code for finding in wrong}
            allowed = {"rule_limit", "rule_name", "rule_look_alike"}  # longer, or a name of SQL's
            if "mod(" in printed:  # of another number of arguments: an operator only
                allowed.add("rule_function")
            assert codes <= allowed, (printed, wrong)
            if not wrong:
                show = python_text if read is python.parse else sql_text
                assert show(again) == printed, (printed, show(again))

    def rule(self) -> None:
        """Text of rules: findings, or IR that runs alike everywhere and survives printing."""
        random_, corpus = self.random, self.corpus
        file, text = random_.choice(corpus.rules)
        text = mutated(random_, text, random_.choice(corpus.rules)[1])
        self.input = (file, text)
        self.counts["rules"] += 1
        definitions = corpus.definitions[file]
        try:
            rule = check_rule(load_rule(text), definitions)
        except RuleError as error:
            hold(bool(error.findings), text)
            return
        self.counts["rules that check"] += 1
        format_text(text)
        for front_end in ("python", "sql", "builder"):
            try:
                printed = format_rule(rule, front_end=front_end)
            except FormatError:
                continue
            try:
                again = check_rule(load_rule(printed), definitions)
            except RuleError as error:
                hold({f.code for f in error.findings} <= {"rule_limit"}, (printed, str(error)))
                continue
            assert plain(again) == plain(rule), (front_end, printed)
        events = [
            mutated_bytes(random_, body, body) if random_.random() < 0.5 else body
            for body in random_.choices(corpus.bodies[file], k=3)
        ]
        self.input = (file, text, events)
        self.run(rule, events)

    def event(self) -> None:
        """Bytes of events, as an admission that let anything pass would give them to the engine."""
        random_, corpus = self.random, self.corpus
        file, text = random_.choice(corpus.rules)
        rule = check_rule(load_rule(text), corpus.definitions[file])
        bodies = corpus.bodies[file]
        events = [
            mutated_bytes(random_, random_.choice(bodies), random_.choice(bodies)) for _ in range(8)
        ]
        self.input = (file, text, events)
        self.run(rule, events)

    def crossed(self) -> None:
        """Two golden expressions crossed: often well typed, and then the same everywhere."""
        random_, corpus = self.random, self.corpus
        file = random_.choice(list(corpus.trees))
        trees = corpus.trees[file]
        tree = random_.choice(trees)
        for _ in range(random_.choice((1, 1, 2, 3))):
            tree = grafted(random_, tree, random_.choice(list(below(random_.choice(trees)))))
        text = python_text(tree)
        self.input = (file, text)
        self.counts["crossed expressions"] += 1
        excerpt = Excerpt.of(text)
        node, findings = python.parse(excerpt)
        typer = Typer(Scope([corpus.specs[file]]), DEFINITIONS)
        expression = typer.type(excerpt, node, guarded=True)
        if expression is None or findings or typer.findings:
            assert findings or typer.findings, text
            return
        self.counts["crossed expressions that check"] += 1
        rule = ir.Rule(
            name="r",
            target="rows",
            actions=(ir.Select((ir.Column("x", expression),)),),
            reads=tuple(sorted(typer.reads)),
            functions=tuple(sorted(typer.functions)),
        )
        rule = structs.replace(rule, uses=tuple(sorted(uses_of(rule, DEFINITIONS))))
        self.run(rule, [corpus.events[file]], CASES_ENVIRONMENT)

    def run(
        self, rule: ir.Rule, bodies: list[bytes], environment: Environment = ENVIRONMENT
    ) -> None:
        """Hold the engine to the reference, and DuckDB to both."""
        if any(isinstance(action, ir.Script) for action in rule.actions):
            return
        frame, merged = framed(bodies)
        self.counts["events"] += len(frame)
        outputs = Engine(ruleset_of(rule, environment)).process([(frame, None)])
        # What is no JSON as a whole may still be in what a rule reads of it: it is not looked at.
        broken = {f"id-{n}" for n in range(len(bodies))} - set(merged)
        # Of a namespace that stands twice, first as no object, the engine makes a dirty event.
        broken |= {each.id for each in outputs.dirty if each.reason == "rule_unreadable"}
        rows: Counter[str] = Counter()
        for target, found in outputs.rows.items():
            for id_, data in zip(found.id, found.data, strict=True):
                if id_ in broken:
                    continue
                rows[f"{id_} {target} {shown(msgspec.json.decode(data))}"] += 1
        failures = Counter(f"{dirty.id} {dirty.reason}" for dirty in outputs.dirty)
        wanted_rows: Counter[str] = Counter()
        wanted_failures: Counter[str] = Counter()
        for id_, event in merged.items():
            if id_ in broken:
                continue
            applied = apply(rule, event, environment)
            for output in applied.outputs:
                wanted_rows[f"{id_} {output.target} {shown(output.value)}"] += 1
            for failure in applied.failures:
                wanted_failures[f"{id_} {failure.code}"] += 1
        known = Counter({key: n for key, n in failures.items() if key.split(" ")[0] not in broken})
        assert rows == wanted_rows, (rows - wanted_rows, wanted_rows - rows)
        assert known == wanted_failures, (failures, wanted_failures)
        if not broken and self.random.random() < 0.25:
            self.sql(rule, frame, wanted_rows, wanted_failures)

    def sql(self, rule: ir.Rule, frame: Frame, rows: Counter[str], failures: Counter[str]) -> None:
        """Hold DuckDB to what the reference gave."""
        try:
            query = to_duckdb(rule)
        except Refused:
            return
        self.counts["rules run by DuckDB"] += 1
        columns = EventColumns()
        columns.add(frame, "events.p2", 0, 0, np.ones(len(frame), bool))
        self.connection.register("events", columns.build())
        found = self.connection.execute(query.sql).fetchall()
        self.connection.unregister("events")
        made: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for row in found:
            head = dict(zip(ROW_COLUMNS, row, strict=False))
            if head["failure"] is not None:
                failed[f"{head['id']} {head['failure']}"] += 1
                continue
            values = {
                name: msgspec.json.decode(value)
                if value is not None and kind in ("json", "array", "object", "map")
                else value
                for (name, kind), value in zip(query.columns, row[len(ROW_COLUMNS) :], strict=True)
            }
            made[f"{head['id']} {head['target']} {shown(values)}"] += 1
        assert made == rows, ("DuckDB", made - rows, rows - made)
        assert failed == failures, ("DuckDB", failed, failures)


def hold(sound: object, said: object) -> None:
    """Fail where something does not hold."""
    assert sound, said


def plain(rule: ir.Rule) -> object:
    """Return what printing must not change; of user functions the names go."""
    data = json.loads(
        ir.encode(structs.replace(rule, text="", front_end="python", uses=(), cost=0))
    )
    return _without(data, "nullable")


def _without(value: object, key: str) -> object:
    if isinstance(value, dict):
        return {name: _without(each, key) for name, each in value.items() if name != key}
    return [_without(each, key) for each in value] if isinstance(value, list) else value


def shown(value: object) -> str:
    """Return a value so that 1 and 1.0 are one and true and 1 are not."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{k!r}:{shown(v)}" for k, v in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(shown, value)) + "]"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**70:
        return str(int(value))
    return repr(value)


def below(tree: Node) -> Iterator[Node]:
    """Return a tree and all its parts."""
    yield tree
    if isinstance(tree, Apply):
        for argument in tree.args:
            yield from below(argument)
    elif isinstance(tree, ForEach):
        yield from below(tree.array)
        yield from below(tree.body)


def grafted(random_: random.Random, tree: Node, graft: Node) -> Node:
    """Return a tree with one of its parts replaced."""
    if not isinstance(tree, Apply) or not tree.args or random_.random() < 0.3:
        return graft
    at = random_.randrange(len(tree.args))
    args = list(tree.args)
    args[at] = grafted(random_, args[at], graft)
    return structs.replace(tree, args=tuple(args))


def ruleset_of(rule: ir.Rule, environment: Environment) -> Ruleset:
    """Return a ruleset of one rule, which must not be rejected."""
    known = {**DATASETS, "rows": structs.replace(DATASETS["rows"], columns={})}
    ruleset, rejected = Ruleset.empty().apply(
        1, changed={rule.name: ir.encode(rule)}, datasets=known, environment=environment
    )
    assert rejected == {}, rejected
    return ruleset


def framed(bodies: list[bytes]) -> tuple[Frame, dict[str, dict]]:
    """Return events as a frame, and those that can be decoded as rules see them."""
    builder = FrameBuilder("P2")
    upload = builder.add_upload("a", "prod", 1, NOW, b"{}")
    for number, body in enumerate(bodies):
        key = identity("a", f"id-{number}", "e", number)
        builder.add(
            upload, event="e", id=f"id-{number}", identity=key, at=NOW, data=body, clean=False
        )
    frame = Frame.decode(builder.build())
    merged = {}
    for number in range(len(frame)):
        try:
            event = frame.merged(number)
            json.dumps(event, allow_nan=False).encode()
        except (msgspec.MsgspecError, ValueError, TypeError, AttributeError, RecursionError):
            continue
        merged[f"id-{number}"] = event
    return frame, merged
