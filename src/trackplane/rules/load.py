"""Rule and dataset files: YAML to ``RuleSource`` and ``Dataset``, every finding with its place.

A file is one rule, or several as documents or under ``rules:``; datasets likewise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from sys import intern
from typing import Final, Literal, cast

import yaml

from trackplane.errors import did_you_mean
from trackplane.event import GRADES, Grade
from trackplane.rules.builder_load import Built, read_builder
from trackplane.rules.ir import COLUMN_TYPES, LATER_ACTIONS, ColumnType, Dataset, FrontEnd
from trackplane.rules.load_actions import ACTION_KEYS, ActionReader
from trackplane.rules.reader import Reader, load_all, only
from trackplane.rules.source import Excerpt, RuleSource, RuleTest, WrittenAction
from trackplane.rules.sql.parse import Query, parse
from trackplane.rules.yaml import line_of

RULE_KEYS: Final = (
    "rule", "from", "apps", "env", "sql", "builder", "where", "do", *ACTION_KEYS, "to", "on_error", "owner",
    "description", "tests",
)  # fmt: skip
SOURCE: Final = "events"
_DATASET_KEYS: Final = (
    "dataset", "kind", "connector", "options", "columns", "owner", "grade", "description",
)  # fmt: skip
_TEST_KEYS: Final = frozenset(("given", "expect", "target"))
_DATASET_KINDS: Final = ("table", "topic", "sink")
_RULE_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_DATASET_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}(\.[a-z][a-z0-9_]{0,63})?")
_COLUMN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def load_rules(text: str, *, file: str = "rule.yaml") -> list[RuleSource]:
    """Return the rules of a text.

    Raises:
        RuleError: with every finding.
    """
    return load_all(text, file, "rule", _RuleReader)


def load_rule(text: str, *, file: str = "rule.yaml") -> RuleSource:
    """Return the one rule of a text.

    Raises:
        RuleError: with every finding; also that there is not exactly one.
    """
    return only(load_rules(text, file=file), text, file, "rule")


def load_datasets(text: str, *, file: str = "datasets.yaml") -> list[Dataset]:
    """Return the datasets of a text.

    Raises:
        RuleError: with every finding.
    """
    return load_all(text, file, "dataset", _DatasetReader)


def load_dataset(text: str, *, file: str = "dataset.yaml") -> Dataset:
    """Return the one dataset of a text.

    Raises:
        RuleError: with every finding; also that there is not exactly one.
    """
    return only(load_datasets(text, file=file), text, file, "dataset")


class _DatasetReader(Reader[Dataset]):
    what = "dataset"
    keys = _DATASET_KEYS

    def read(self) -> Dataset | None:
        name = self.name("dataset", _DATASET_NAME)
        kind = self.text("kind") or "table"
        if kind not in _DATASET_KINDS:
            hint = f"write {' or '.join(_DATASET_KINDS)}"
            self.document.find("kind", f"there is no kind {kind!r}", self.nodes["kind"], hint=hint)
            kind = "table"
        connector = self.text("connector", required=kind == "sink")
        for key, kinds in (("connector", ("sink",)), ("options", ("topic", "sink"))):
            if key in self.nodes and kind not in kinds:
                message, node = f"a {kind} has no {key}", self.nodes[key]
                self.document.find("kind", message, node, hint="add `kind: sink`")
        grade = self.text("grade") or "P2"
        if grade not in GRADES:
            message = f"there is no grade {grade!r}"
            self.document.find("grade", message, self.nodes["grade"], hint=", ".join(GRADES))
        return Dataset(
            name=name,
            kind=cast("Literal['table', 'topic', 'sink']", kind),
            connector=connector,
            options=self._options(),
            columns=self._columns(),
            owner=self.text("owner"),
            grade=cast("Grade", grade),
            description=self.text("description"),
        )

    def _options(self) -> dict[str, str | int | float | bool]:
        node = self.nodes.get("options")
        found: dict[str, str | int | float | bool] = {}
        if node is None:
            return found
        if not isinstance(node, yaml.MappingNode):
            self.document.find("shape", "options is a mapping of names to values", node)
            return found
        for name, _, value in self.document.entries(node):
            given = self.document.value(value)
            if isinstance(given, str | int | float | bool):
                found[name] = given
            else:
                message = f"the option {name!r} is one text, number or truth value"
                self.document.find("shape", message, value)
        return found

    def _columns(self) -> dict[str, ColumnType]:
        node = self.nodes.get("columns")
        found: dict[str, ColumnType] = {}
        if node is None:
            return found
        if not isinstance(node, yaml.MappingNode):
            self.document.find("shape", "columns is a mapping of names to types", node)
            return found
        for name, key, value in self.document.entries(node):
            if _COLUMN_NAME.fullmatch(name) is None:
                hint = "letters, digits and _, a letter first"
                self.document.find("name", f"{name!r} is no name of a column", key, hint=hint)
            kind = str(value.value) if isinstance(value, yaml.ScalarNode) else ""
            if kind in COLUMN_TYPES:
                found[name] = kind
            else:
                known = _PLAN_TYPES.get(kind)
                meant = f"did you mean '{known}'?" if known else did_you_mean(kind, COLUMN_TYPES)
                hint = meant or ", ".join(COLUMN_TYPES)
                self.document.find("type", f"there is no column type {kind!r}", value, hint=hint)
        return found


_PLAN_TYPES: Final = {
    "integer": "int64", "int": "int64", "number": "float64", "float": "float64",
    "boolean": "bool", "text": "string", "object": "json", "array": "json", "map": "json",
}  # fmt: skip


class _RuleReader(Reader[RuleSource]):
    what = "rule"
    keys = RULE_KEYS

    def _unknown(self, name: str, key: yaml.Node) -> None:
        if name in LATER_ACTIONS:
            hint = f"there are {', '.join(ACTION_KEYS)}"
            message = f"the action {name!r} is not in this release"
            self.document.find("rule_action", message, key, hint=hint)
        else:
            super()._unknown(name, key)

    def read(self) -> RuleSource | None:
        apps, envs = self.texts("apps"), self.texts("env")
        query, built = self._query(), self._built()
        other = query or built
        places = {key: self.document.excerpt(node) for key, node in self.nodes.items()}
        places |= {f"app:{app}": self.document.excerpt(node) for app, node in apps.items()}
        return RuleSource(
            name=self.name("rule", _RULE_NAME),
            target=self.text("to", required=True),
            text=self._written(),
            source=intern(query.source.text if query is not None else self.text("from") or SOURCE),
            apps=tuple(apps),
            envs=tuple(envs) or ("prod",),
            where=other.where if other is not None else self._expression("where"),
            actions=self._actions() if other is None else other.actions,
            on_error=self._on_error(),
            front_end=self._front_end(),
            owner=self.text("owner"),
            tests=tuple(self._tests()),
            places=places,
        )

    def _written(self) -> str:
        lines = self.document.text.split("\n")
        start, end = self.node.start_mark, self.node.end_mark
        last = end.line + (1 if end.column else 0)
        return "\n".join(line[start.column :] for line in lines[start.line : last]).strip() + "\n"

    def _expression(self, key: str) -> Excerpt | None:
        node = self.nodes.get(key)
        if node is None:
            return None
        if isinstance(node, yaml.ScalarNode):
            return self.document.excerpt(node)
        hint = "quote it: YAML reads [ and { as lists and mappings"
        self.document.find("shape", f"{key} is an expression", node, hint=hint)
        return None

    def _front_end(self) -> FrontEnd:
        return "sql" if "sql" in self.nodes else "builder" if "builder" in self.nodes else "python"

    def _actions(self) -> tuple[WrittenAction, ...]:
        other = self._front_end() != "python"
        return () if other else tuple(ActionReader(self.document).keys(self.nodes))

    def _alone(self, key: str, others: Iterable[str]) -> yaml.Node | None:
        """Return what stands under a key that takes the place of others; report those."""
        node = self.nodes.get(key)
        for other in others if node is not None else ():
            if other in self.nodes:
                message = f"{other!r} stands beside {key!r}"
                hint = f"say it in {'the SELECT' if key == 'sql' else 'the builder'}"
                self.document.find("rule_action", message, self.nodes[other], hint=hint)
        return node

    def _query(self) -> Query | None:
        if self._alone("sql", ("from", "where", "do", *ACTION_KEYS, "builder")) is None:
            return None
        text = self._expression("sql")
        if text is None:
            return None
        query, findings = parse(text, None)
        self.document.findings += findings
        return query

    def _built(self) -> Built | None:
        node = self._alone("builder", ("where", "do", *ACTION_KEYS))
        return None if node is None else read_builder(self.document, node)

    def _on_error(self) -> Literal["refuse", "dirty"]:
        written = self.text("on_error") or "refuse"
        if written not in ("refuse", "dirty"):
            hint = "write refuse (the check refuses what can fail) or dirty (it makes dirty events)"
            message = f"there is no on_error {written!r}"
            self.document.find("rule_on_error", message, self.nodes["on_error"], hint=hint)
        return "dirty" if written == "dirty" else "refuse"

    def _tests(self) -> Iterable[RuleTest]:
        node = self.nodes.get("tests")
        if node is None:
            return
        if not isinstance(node, yaml.SequenceNode):
            self.document.find("shape", "tests is a list of {given: …, expect: …}", node)
            return
        for item in node.value:
            value = self.document.value(item)
            shaped = isinstance(value, dict) and {"given", "expect"} <= set(value) <= _TEST_KEYS
            if not shaped or not isinstance(value["given"], dict):
                message = "a test is {given: {an event}, expect: {a part of the output} or null}"
                self.document.find("shape", message, item, hint="and perhaps a target: <dataset>")
                continue
            expect = value["expect"]
            wanted = expect if isinstance(expect, list) else [] if expect is None else [expect]
            if not all(isinstance(each, dict) for each in wanted):
                message = "expect is a mapping, a list of them, or null for no output"
                self.document.find("shape", message, item)
                continue
            yield RuleTest(
                given=value["given"],
                expect=tuple(wanted),
                target=str(value.get("target", "")),
                line=line_of(item),
            )
