"""Reads files of named things: one, or several as documents or under a list, with places."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import ClassVar, Generic, TypeVar

import yaml

from trackplane.errors import did_you_mean
from trackplane.rules.source import Excerpt, RuleError
from trackplane.rules.yaml import Document

T = TypeVar("T")


def only(found: list[T], text: str, file: str, what: str) -> T:
    """Return the one thing of a text.

    Raises:
        RuleError: there is not exactly one.
    """
    if len(found) == 1:
        return found[0]
    message = f"one {what} is wanted here, the text has {len(found)}"
    finding = Excerpt.of(text[:1], file).finding("shape", message)
    raise RuleError(f"{file} is not one {what}", findings=[finding])


def load_all(
    text: str,
    file: str,
    what: str,
    reader: Callable[[Document, yaml.MappingNode], Reader[T]],
) -> list[T]:
    """Return all things of a text, read by ``reader``.

    Raises:
        RuleError: with every finding.
    """
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


class Reader(ABC, Generic[T]):
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
