"""Reads ``builder:`` of a rule file: each text an excerpt, so that findings point into the file."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
import yaml

from trackplane.rules import builder
from trackplane.rules.builder import AllOf, BuilderRule, Condition, Group, Not, Text
from trackplane.rules.printing import python_text
from trackplane.rules.source import Excerpt, RuleError, WrittenAction
from trackplane.rules.sql.excerpts import joined
from trackplane.rules.syntax import Apply, Constant, Node
from trackplane.rules.yaml import Document

_STEP: Final = re.compile(r"\.([A-Za-z_]+)|\[([0-9]+)\]|\[(\.\.\.)\]")
_CALLED: Final = ("contains", "starts_with", "ends_with", "matches")


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """What stands under ``builder`` in the form that a rule in Python has."""

    where: Excerpt | None
    actions: tuple[WrittenAction, ...]


def from_builder(text: str, *, file: str = "builder.json") -> Built:
    """Return the filter and the actions of a builder's JSON (or YAML).

    Raises:
        RuleError: with every finding.
    """
    document = Document(text, file)
    roots = document.compose()
    built = read_builder(document, roots[0]) if len(roots) == 1 else None
    if document.findings or built is None:
        findings = document.findings or [Excerpt.of(text[:1], file).finding("shape", "no rule")]
        raise RuleError(f"{file} is no builder's rule", findings=findings)
    return built


def read_builder(document: Document, node: yaml.Node) -> Built | None:
    """Return the filter and the actions; what is wrong goes to the document's findings."""
    value = document.value(node)
    try:
        rule = msgspec.convert(value, BuilderRule)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        place = _at(node, path.rstrip("`"))
        hint = "spec/rules/builder.schema.json says what a builder's rule is"
        document.find("shape", f"not a builder's rule: {message}", place, hint=hint)
        return None
    reader = _Reader(document)
    where = reader.group(rule.where, _child(node, "where")) if rule.where is not None else None
    actions = _child(node, "actions")
    return Built(
        where=where,
        actions=tuple(
            reader.action(action, _child(actions, index))
            for index, action in enumerate(rule.actions)
        ),
    )


def _at(node: yaml.Node, path: str) -> yaml.Node:
    """Return the node that msgspec's path leads to, as far as it goes."""
    for name, index, _ in _STEP.findall(path):
        below = _found(node, name or int(index or 0))
        if below is None:
            break
        node = below
    return node


def _found(node: yaml.Node, key: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        found = [value for name, value in node.value if name.value == key]
        return found[0] if found else None
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        item: yaml.Node = node.value[key]
        return item
    return None


def _child(node: yaml.Node, key: str | int) -> yaml.Node:
    return _found(node, key) or node


class _Reader:
    def __init__(self, document: Document) -> None:
        self._document = document

    def _text(self, node: yaml.Node, key: str) -> Excerpt:
        return self._document.excerpt(_child(node, key))

    # --- conditions

    def group(self, group: Group, node: yaml.Node) -> Excerpt:
        """Return a group of conditions as one expression."""
        match group:
            case Text():
                return self._text(node, "text")
            case Condition():
                return self._condition(group, node)
            case Not():
                return joined(["not (", self.group(group.of, _child(node, "of")), ")"])
        if not group.of:
            message = f"{'all' if isinstance(group, AllOf) else 'any'} of no conditions"
            self._document.find("shape", message, node, hint="add a condition, or leave it out")
            return self._document.excerpt(node)
        word = " and " if isinstance(group, AllOf) else " or "
        pieces: list[str | Excerpt] = []
        for index, below in enumerate(group.of):
            text = self.group(below, _child(_child(node, "of"), index))
            pieces += [word if pieces else "", "(", text, ")"]
        return joined(pieces)

    def _condition(self, condition: Condition, node: yaml.Node) -> Excerpt:
        path, place = self._text(node, "path"), self._document.excerpt(_child(node, "value"))
        operator, value = condition.operator, condition.value
        if operator in ("is null", "is not null"):
            if value is not None:
                self._wrong(f"{operator} takes no value", node)
            return joined([path, " is None" if operator == "is null" else " is not None"])
        many = operator in ("in", "not in")
        if value is None or isinstance(value, tuple) is not many or value == ():
            what = "a list of values" if many else "one value"
            self._wrong(f"{operator} takes {what}", node)
            return path
        if isinstance(value, tuple):
            items = ", ".join(self._constant(each, condition.type, node) for each in value)
            return joined([path, f" {operator} ", _placed(f"({items},)", place)])
        constant = _placed(self._constant(value, condition.type, node), place)
        if operator in _CALLED:
            return joined([f"{operator}(", path, ", ", constant, ")"])
        return joined([path, f" {operator} ", constant])

    def _constant(self, value: builder.Scalar, type_: str | None, node: yaml.Node) -> str:
        if type_ == "timestamp":
            return python_text(Apply("timestamp", (_literal(value),), 0, 0))
        if type_ == "float64":
            if isinstance(value, bool) or not isinstance(value, int | float):
                self._wrong("the value is no number", node)
            elif abs(value) <= 2**1023:
                return repr(float(value))
        return python_text(_literal(value))

    def _wrong(self, message: str, node: yaml.Node) -> None:
        self._document.find("shape", message, node)

    # --- actions

    def action(self, action: builder.BuilderAction, node: yaml.Node) -> WrittenAction:
        """Return an action as a rule file in Python has it."""
        place = self._document.excerpt(node)
        kind = action.how if isinstance(action, builder.Change) else _KINDS[type(action)]
        made = WrittenAction(kind=kind, place=place)
        match action:
            case builder.DropWhen():
                changes: dict[str, Any] = {"value": self.group(action.when, _child(node, "when"))}
            case builder.SampleBy():
                key = self._text(node, "key") if action.key is not None else None
                if not 0 < action.rate <= 1:
                    self._document.find("rule_rate", "a rate is above 0, at most 1", node)
                changes = {"value": key, "rate": action.rate}
            case builder.ExplodeOver():
                item = _placed(action.item, self._document.excerpt(_child(node, "item")))
                changes = {"value": self._text(node, "over"), "item": item}
            case builder.RouteBy():
                to = _child(node, "to")
                texts = {name: self._text(to, name) for name in action.to}
                changes = {"value": self._text(node, "by"), "values": texts, "names": texts}
            case builder.UnsetPaths():
                paths = _child(node, "paths").value
                texts = {item.value: self._document.excerpt(item) for item in paths}
                changes = {"names": texts}
            case builder.RunScript():
                changes = {"value": self._text(node, "name")}
            case builder.SelectColumns():
                changes = self._named(_child(node, "columns"))
            case builder.Change():
                changes = self._named(_child(node, "values"))
            case _:
                changes = {}
        return msgspec.structs.replace(made, **changes)

    def _named(self, node: yaml.Node) -> dict[str, Any]:
        values: dict[str, Excerpt] = {}
        names: dict[str, Excerpt] = {}
        for item in node.value:
            name = self._text(item, "name")
            if name.text in names:
                self._document.find("duplicate", f"{name.text!r} stands here twice", item)
            names[name.text], values[name.text] = name, self._text(item, "value")
        return {"values": values, "names": names}


_KINDS: Final[dict[type, str]] = {
    builder.DropWhen: "drop",
    builder.SampleBy: "sample",
    builder.ExplodeOver: "explode",
    builder.RouteBy: "route",
    builder.UnsetPaths: "unset",
    builder.SelectColumns: "select",
    builder.KeepAll: "keep",
    builder.RunScript: "script",
}


def _literal(value: builder.Scalar) -> Node:
    return Constant(value, 0, 0)


def _placed(text: str, place: Excerpt) -> Excerpt:
    """Return a text all of whose characters are at one place."""
    places = (place.places[0],) * (len(text) + 1)
    return msgspec.structs.replace(place, text=text, places=places)
