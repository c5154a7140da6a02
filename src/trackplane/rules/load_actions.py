"""Reads the actions of a rule: the keys beside ``where``, or the list under ``do``."""

from __future__ import annotations

from typing import Final

import yaml

from trackplane.errors import did_you_mean
from trackplane.rules.ir import LATER_ACTIONS
from trackplane.rules.source import Excerpt, WrittenAction
from trackplane.rules.yaml import Document

# As keys of a rule they run in this order; under `do:` as written.
ACTION_KEYS: Final = (
    "drop", "sample", "explode", "set", "rename", "mask", "pseudonymise", "tag", "unset", "route",
    "select", "keep", "script",
)  # fmt: skip
CHANGES: Final = ("set", "rename", "mask", "pseudonymise", "tag", "unset")
_SHAPES: Final = {
    "drop": "drop: <condition>",
    "sample": "sample: 0.1, or sample: {rate: 0.1, key: who.user_id}",
    "explode": "explode: {over: what.items, as: item}",
    "set": "set: {what.name: <expression>}",
    "rename": "rename: {what.old: what.new}",
    "mask": "mask: {what.email: redact}",
    "pseudonymise": "pseudonymise: {who.user_id: default}",
    "tag": "tag: {like: <condition>}",
    "unset": "unset: [what.name]",
    "route": "route: {by: <expression>, to: {value: dataset}}",
    "select": "select: {column: <expression>}",
    "keep": "keep: true",
    "script": "script: <name>",
}


class ActionReader:
    """Reads actions; what is wrong goes to the document's findings."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def keys(self, nodes: dict[str, yaml.Node]) -> list[WrittenAction]:
        """Return the actions among a rule's keys, in the order they run."""
        if "do" in nodes:
            for key in ACTION_KEYS:
                if key in nodes:
                    message = f"{key!r} stands beside `do`"
                    hint = "move it into the list, where it is to run"
                    self._document.find("rule_action", message, nodes[key], hint=hint)
            return self._list(nodes["do"])
        changes = [key for key in CHANGES if key in nodes]
        if len(changes) > 1:
            message = f"{' and '.join(changes)}: which is first?"
            hint = "write them as a list under `do:`"
            self._document.find("rule_action", message, nodes[changes[1]], hint=hint)
        found = [self.action(key, nodes[key], nodes[key]) for key in ACTION_KEYS if key in nodes]
        return [action for action in found if action is not None]

    def _list(self, node: yaml.Node) -> list[WrittenAction]:
        if not isinstance(node, yaml.SequenceNode):
            hint = "write `- drop: …` and so on"
            self._document.find("shape", "do is a list of actions", node, hint=hint)
            return []
        found: list[WrittenAction] = []
        for item in node.value:
            entries = (
                list(self._document.entries(item)) if isinstance(item, yaml.MappingNode) else []
            )
            if len(entries) != 1:
                message = "an action is a mapping of one key"
                self._document.find("shape", message, item, hint="write `- drop: …`")
                continue
            name, key, value = entries[0]
            if name not in ACTION_KEYS:
                later = name in LATER_ACTIONS
                says = "is not in this release" if later else "does not exist"
                hint = did_you_mean(name, ACTION_KEYS) or f"there are {', '.join(ACTION_KEYS)}"
                self._document.find("rule_action", f"the action {name!r} {says}", key, hint=hint)
                continue
            action = self.action(name, key, value)
            if action is not None:
                found.append(action)
        return found

    def action(self, kind: str, key: yaml.Node, node: yaml.Node) -> WrittenAction | None:
        """Return one action; ``key`` is what findings about all of it point at."""
        place = self._document.excerpt(key)
        match kind:
            case "drop" | "script":
                value = self._text(kind, node)
                return None if value is None else WrittenAction(kind=kind, place=place, value=value)
            case "keep":
                if self._document.value(node) is not True:
                    message = "write `keep: true`, or leave it out"
                    self._document.find("shape", message, node)
                    return None
                return WrittenAction(kind=kind, place=place)
            case "sample":
                return self._sample(place, node)
            case "unset":
                return self._unset(place, node)
            case "explode":
                parts = self._parts(kind, node, ("over", "as"))
                over = self._text(kind, parts["over"]) if "over" in parts else None
                item = self._text(kind, parts["as"]) if "as" in parts else None
                if over is None:
                    return None
                return WrittenAction(kind=kind, place=place, value=over, item=item)
            case "route":
                parts = self._parts(kind, node, ("by", "to"))
                if parts.keys() < {"by", "to"}:
                    return None
                by = self._text(kind, parts["by"])
                values, names = self._mapping("to", parts["to"])
                if by is None:
                    return None
                return WrittenAction(kind=kind, place=place, value=by, values=values, names=names)
        values, names = self._mapping(kind, node)
        return WrittenAction(kind=kind, place=place, values=values, names=names)

    def _shape(self, kind: str, node: yaml.Node) -> None:
        hint = f"write {_SHAPES.get(kind, _SHAPES['route'])}"
        self._document.find("shape", f"{kind} is not written like this", node, hint=hint)

    def _text(self, kind: str, node: yaml.Node) -> Excerpt | None:
        if isinstance(node, yaml.ScalarNode):
            return self._document.excerpt(node)
        hint = "quote it: YAML reads [ and { as lists and mappings"
        self._document.find("shape", f"{kind} is an expression", node, hint=hint)
        return None

    def _parts(self, kind: str, node: yaml.Node, keys: tuple[str, ...]) -> dict[str, yaml.Node]:
        """Return the named parts of an action; report what is unknown, and a first one missing."""
        if not isinstance(node, yaml.MappingNode):
            self._shape(kind, node)
            return {}
        found: dict[str, yaml.Node] = {}
        for name, key, value in self._document.entries(node):
            if name in keys:
                found[name] = value
            else:
                hint = did_you_mean(name, keys) or f"write {_SHAPES[kind]}"
                self._document.find("unknown_key", f"{kind} has no {name!r}", key, hint=hint)
        required = keys if kind == "route" else keys[:1]
        for missing in required:
            if missing not in found:
                hint = f"write {_SHAPES[kind]}"
                self._document.find("missing_key", f"{kind} has no {missing!r}", node, hint=hint)
        return found

    def _mapping(self, kind: str, node: yaml.Node) -> tuple[dict[str, Excerpt], dict[str, Excerpt]]:
        values: dict[str, Excerpt] = {}
        names: dict[str, Excerpt] = {}
        if not isinstance(node, yaml.MappingNode):
            message = f"{kind} is a mapping of names to expressions"
            self._document.find("shape", message, node, hint=f"write {_SHAPES.get(kind, '')}")
            return values, names
        for name, key, value in self._document.entries(node):
            names[name] = self._document.excerpt(key)
            if isinstance(value, yaml.ScalarNode):
                values[name] = self._document.excerpt(value)
            else:
                self._document.find("shape", f"{name} is an expression", value, hint="quote it")
        return values, names

    def _sample(self, place: Excerpt, node: yaml.Node) -> WrittenAction | None:
        key: Excerpt | None = None
        written = node
        if isinstance(node, yaml.MappingNode):
            parts = self._parts("sample", node, ("rate", "key"))
            if "rate" not in parts:
                return None
            written = parts["rate"]
            key = self._text("sample", parts["key"]) if "key" in parts else None
        rate = self._document.value(written)
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= 1:
            message = "a rate is a number above 0, at most 1"
            self._document.find("rule_rate", message, written, hint=_SHAPES["sample"])
            return None
        return WrittenAction(kind="sample", place=place, value=key, rate=float(rate))

    def _unset(self, place: Excerpt, node: yaml.Node) -> WrittenAction:
        items = node.value if isinstance(node, yaml.SequenceNode) else [node]
        names: dict[str, Excerpt] = {}
        for item in items:
            if not isinstance(item, yaml.ScalarNode) or not item.value:
                self._shape("unset", item)
            elif str(item.value) in names:
                self._document.find("duplicate", f"{item.value!r} stands here twice", item)
            else:
                names[str(item.value)] = self._document.excerpt(item)
        return WrittenAction(kind="unset", place=place, names=names)
