"""Rule and dataset files: YAML to ``RuleSource`` and ``Dataset``, every finding with its place.

A file is one rule, or several as documents or under ``rules:``; datasets likewise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal, cast

import yaml

from trackplane.errors import did_you_mean
from trackplane.event import GRADES, Grade
from trackplane.rules.ir import COLUMN_TYPES, LATER_ACTIONS, ColumnType, Dataset
from trackplane.rules.load_actions import ACTION_KEYS, ActionReader
from trackplane.rules.reader import Reader, load_all, only
from trackplane.rules.source import Excerpt, RuleSource, RuleTest, WrittenAction
from trackplane.rules.sql.parse import Query, parse
from trackplane.rules.yaml import line_of

RULE_KEYS: Final = (
    "rule", "from", "apps", "env", "sql", "where", "do", *ACTION_KEYS, "to", "on_error", "owner",
    "description", "tests",
)  # fmt: skip
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
        for key in ("connector", "options"):
            if key in self.nodes and kind != "sink":
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
        query = self._query()
        places = {key: self.document.excerpt(node) for key, node in self.nodes.items()}
        places |= {f"app:{app}": self.document.excerpt(node) for app, node in apps.items()}
        return RuleSource(
            name=self.name("rule", _RULE_NAME),
            target=self.text("to", required=True),
            text=self._written(),
            source=query.source.text if query is not None else self.text("from") or "events",
            apps=tuple(apps),
            envs=tuple(envs) or ("prod",),
            where=query.where if query is not None else self._expression("where"),
            actions=self._actions() if query is None else query.actions,
            on_error=self._on_error(),
            front_end="sql" if "sql" in self.nodes else "python",
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

    def _actions(self) -> tuple[WrittenAction, ...]:
        return () if "sql" in self.nodes else tuple(ActionReader(self.document).keys(self.nodes))

    def _query(self) -> Query | None:
        """Return what stands under ``sql``, which takes the place of all other keys of its kind."""
        node = self.nodes.get("sql")
        if node is None:
            return None
        for key in ("from", "where", "do", *ACTION_KEYS):
            if key in self.nodes:
                message = f"{key!r} stands beside `sql`"
                hint = "say it in the SELECT"
                self.document.find("rule_action", message, self.nodes[key], hint=hint)
        text = self._expression("sql")
        if text is None:
            return None
        query, findings = parse(text, None)
        self.document.findings += findings
        return query

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
