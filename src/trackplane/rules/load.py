"""Rule and dataset files: YAML to ``RuleSource`` and ``Dataset``, every finding with its place.

A file is one rule, or several as documents or under ``rules:``; datasets likewise.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import ClassVar, Final, Generic, TypeVar, cast

import yaml

from trackplane.errors import did_you_mean
from trackplane.event import GRADES, Grade
from trackplane.rules.ir import COLUMN_TYPES, LATER_ACTIONS, ColumnType, Dataset
from trackplane.rules.source import Excerpt, RuleError, RuleSource, RuleTest
from trackplane.rules.yaml import Document, line_of

T = TypeVar("T")

_RULE_KEYS: Final = (
    "rule", "from", "apps", "env", "where", "drop", "select", "keep", "set", "to", "owner",
    "description", "tests",
)  # fmt: skip
_DATASET_KEYS: Final = ("dataset", "kind", "columns", "owner", "grade", "description")
_TEST_KEYS: Final = ("given", "expect")
_RULE_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_DATASET_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}(\.[a-z][a-z0-9_]{0,63})?")
_COLUMN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def load_rules(text: str, *, file: str = "rule.yaml") -> list[RuleSource]:
    """Return the rules of a text.

    Raises:
        RuleError: with every finding.
    """
    return _load(text, file, "rule", _RuleReader)


def load_rule(text: str, *, file: str = "rule.yaml") -> RuleSource:
    """Return the one rule of a text.

    Raises:
        RuleError: with every finding; also that there is not exactly one.
    """
    return _one(load_rules(text, file=file), text, file, "rule")


def load_datasets(text: str, *, file: str = "datasets.yaml") -> list[Dataset]:
    """Return the datasets of a text.

    Raises:
        RuleError: with every finding.
    """
    return _load(text, file, "dataset", _DatasetReader)


def load_dataset(text: str, *, file: str = "dataset.yaml") -> Dataset:
    """Return the one dataset of a text.

    Raises:
        RuleError: with every finding; also that there is not exactly one.
    """
    return _one(load_datasets(text, file=file), text, file, "dataset")


def _one(found: list[T], text: str, file: str, what: str) -> T:
    if len(found) == 1:
        return found[0]
    message = f"one {what} is wanted here, the text has {len(found)}"
    finding = Excerpt.of(text[:1], file).finding("shape", message)
    raise RuleError(f"{file} is not one {what}", findings=[finding])


def _load(
    text: str,
    file: str,
    what: str,
    reader: Callable[[Document, yaml.MappingNode], _Reader[T]],
) -> list[T]:
    document = Document(text, file)
    found: list[T] = []
    names: set[str] = set()
    for node in _bodies(document, document.compose(), what):
        item = reader(document, node).read()
        if item is None:
            continue
        name = str(getattr(item, "name", ""))
        if name in names:
            document.find("duplicate", f"the {what} {name!r} stands here twice", node)
        names.add(name)
        found.append(item)
    if document.findings:
        findings = sorted(document.findings, key=lambda f: (f.line or 0, f.column or 0))
        raise RuleError(f"{file}: {len(findings)} finding(s)", findings=findings)
    return found


def _bodies(
    document: Document, roots: Iterable[yaml.Node], what: str
) -> Iterable[yaml.MappingNode]:
    """Return the mappings that are a rule each: documents, lists and ``rules:`` lists."""
    for root in roots:
        nodes = [root]
        if isinstance(root, yaml.MappingNode):
            keys = [key.value for key, _ in root.value]
            if keys == [f"{what}s"]:
                nodes = [root.value[0][1]]
        if isinstance(nodes[0], yaml.SequenceNode):
            nodes = list(nodes[0].value)
        for node in nodes:
            if isinstance(node, yaml.MappingNode):
                yield node
            elif not (isinstance(node, yaml.ScalarNode) and not node.value):
                message = f"a {what} is a mapping of keys to values"
                document.find("shape", message, node, hint=f"start with `{what}: <name>`")


class _Reader(ABC, Generic[T]):
    """Reads one mapping; what is wrong goes to the document's findings."""

    what: ClassVar[str]
    keys: ClassVar[tuple[str, ...]]

    def __init__(self, document: Document, node: yaml.MappingNode) -> None:
        self.document = document
        self.node = node
        self.nodes: dict[str, yaml.Node] = {}
        for name, key, value in document.entries(node):
            if name in self.keys:
                self.nodes[name] = value
            else:
                self._unknown(name, key)

    @abstractmethod
    def read(self) -> T | None:
        """Return what the mapping says, or None where it has not even a name."""

    def _unknown(self, name: str, key: yaml.Node) -> None:
        hint = did_you_mean(name, self.keys) or f"a {self.what} has {', '.join(self.keys)}"
        self.document.find("unknown_key", f"there is no key {name!r}", key, hint=hint)

    def text(self, key: str, *, required: bool = False) -> str:
        """Return a key's text, "" if it is not there."""
        node = self.nodes.get(key)
        if node is None:
            if required:
                hint = f"add `{key}: …`"
                message = f"the {self.what} has no {key!r}"
                self.document.find("missing_key", message, self.node, hint=hint)
            return ""
        if not isinstance(node, yaml.ScalarNode) or (required and not node.value):
            self.document.find("shape", f"{key} is a text", node)
            return ""
        return str(node.value)

    def name(self, key: str, form: re.Pattern[str]) -> str:
        """Return a name, of that form."""
        name = self.text(key, required=True)
        if name and form.fullmatch(name) is None:
            message = f"{name!r} is no name of a {key}"
            hint = "lower-case letters, digits and _, a letter first"
            self.document.find("name", message, self.nodes[key], hint=hint)
        return name

    def texts(self, key: str) -> dict[str, yaml.Node]:
        """Return the texts of a list, or the one text that stands instead, with their nodes."""
        node = self.nodes.get(key)
        items = node.value if isinstance(node, yaml.SequenceNode) else [node] if node else []
        found: dict[str, yaml.Node] = {}
        for item in items:
            if isinstance(item, yaml.ScalarNode) and item.value:
                found[str(item.value)] = item
            else:
                self.document.find("shape", f"{key} is a list of names", item)
        return found


class _DatasetReader(_Reader[Dataset]):
    what = "dataset"
    keys = _DATASET_KEYS

    def read(self) -> Dataset | None:
        name = self.name("dataset", _DATASET_NAME)
        kind = self.text("kind") or "table"
        if kind not in ("table", "topic"):
            hint = "write table or topic"
            self.document.find("kind", f"there is no kind {kind!r}", self.nodes["kind"], hint=hint)
            kind = "table"
        grade = self.text("grade") or "P2"
        if grade not in GRADES:
            message = f"there is no grade {grade!r}"
            self.document.find("grade", message, self.nodes["grade"], hint=", ".join(GRADES))
        return Dataset(
            name=name,
            kind="topic" if kind == "topic" else "table",
            columns=self._columns(),
            owner=self.text("owner"),
            grade=cast("Grade", grade),
            description=self.text("description"),
        )

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


class _RuleReader(_Reader[RuleSource]):
    what = "rule"
    keys = _RULE_KEYS

    def _unknown(self, name: str, key: yaml.Node) -> None:
        if name in LATER_ACTIONS:
            hint = "this release has drop, select, keep and set"
            message = f"the action {name!r} is not in this release"
            self.document.find("rule_action", message, key, hint=hint)
        else:
            super()._unknown(name, key)

    def read(self) -> RuleSource | None:
        apps, envs = self.texts("apps"), self.texts("env")
        places = {key: self.document.excerpt(node) for key, node in self.nodes.items()}
        places |= {f"app:{app}": self.document.excerpt(node) for app, node in apps.items()}
        return RuleSource(
            name=self.name("rule", _RULE_NAME),
            target=self.text("to", required=True),
            text=self._written(),
            source=self.text("from") or "events",
            apps=tuple(apps),
            envs=tuple(envs) or ("prod",),
            where=self._expression("where"),
            drop=self._expression("drop"),
            select=self._expressions("select", places),
            keep=self._keep(),
            set=self._expressions("set", places),
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

    def _expressions(self, key: str, places: dict[str, Excerpt]) -> dict[str, Excerpt] | None:
        node = self.nodes.get(key)
        if node is None:
            return None
        if not isinstance(node, yaml.MappingNode):
            self.document.find("shape", f"{key} is a mapping of names to expressions", node)
            return None
        found: dict[str, Excerpt] = {}
        for name, key_node, value in self.document.entries(node):
            places[f"column:{name}"] = self.document.excerpt(key_node)
            if isinstance(value, yaml.ScalarNode):
                found[name] = self.document.excerpt(value)
            else:
                self.document.find("shape", f"{name} is an expression", value, hint="quote it")
        return found

    def _keep(self) -> bool:
        node = self.nodes.get("keep")
        if node is None:
            return False
        kept = self.document.value(node)
        if kept is not True:
            self.document.find("shape", "write `keep: true`, or leave it out", node)
        return kept is True

    def _tests(self) -> Iterable[RuleTest]:
        node = self.nodes.get("tests")
        if node is None:
            return
        if not isinstance(node, yaml.SequenceNode):
            self.document.find("shape", "tests is a list of {given: …, expect: …}", node)
            return
        for item in node.value:
            value = self.document.value(item)
            shaped = isinstance(value, dict) and set(value) == set(_TEST_KEYS)
            if not shaped or not isinstance(value["given"], dict):
                message = "a test is {given: {an event}, expect: {a part of the output} or null}"
                self.document.find("shape", message, item)
            elif value["expect"] is not None and not isinstance(value["expect"], dict):
                self.document.find("shape", "expect is a mapping, or null for no output", item)
            else:
                yield RuleTest(given=value["given"], expect=value["expect"], line=line_of(item))
