"""YAML with the place of every character: what a finding about a rule file points into.

Scalars are read by YAML 1.2's core schema (``no`` and ``on`` are texts).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from trackplane.errors import Finding
from trackplane.rules.source import Excerpt, Place, RuleError

MAX_TEXT: Final = 1_000_000  # characters of a file
MAX_DEPTH: Final = 40
MAX_NODES: Final = 50_000  # aliases counted as often as they are used
_INT: Final = re.compile(r"[-+]?[0-9]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


class Document:
    """One YAML text, its composed nodes and their places."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.findings: list[Finding] = []
        self._lines = tuple(text.split("\n"))
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._count = 0

    def compose(self) -> list[yaml.Node]:
        """Return the root nodes of the text's documents, empty ones left out.

        Raises:
            RuleError: the text is not YAML, or is nested or repeated beyond measure.
        """
        if len(self.text) > MAX_TEXT:
            raise self._refusal(f"the file is longer than {MAX_TEXT} characters", (1, 1))
        try:
            roots = list(yaml.compose_all(self.text, Loader=yaml.SafeLoader))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
            said = ", ".join(part for part in (error.problem, error.context) if part)
            raise self._refusal(f"not YAML: {said}", place) from error
        except yaml.YAMLError as error:
            raise self._refusal(f"not YAML: {str(error).splitlines()[0]}", (1, 1)) from error
        except RecursionError as error:
            raise self._refusal("the file is nested too deeply", (1, 1)) from error
        for root in roots:
            self._measure(root, 1)
        return [root for root in roots if root is not None]

    def _refusal(self, message: str, place: Place) -> RuleError:
        line, column = place
        shown = self._lines[line - 1] if line <= len(self._lines) else ""
        finding = Finding(
            code="yaml",
            message=message,
            file=self.file,
            line=line,
            column=column,
            input=f"{shown}\n{' ' * (column - 1)}^",
            hint="an expression with : or # in it needs quotes"
            if "mapping values" in message
            else None,
        )
        return RuleError(f"{self.file} cannot be read", findings=[finding])

    def _measure(self, node: yaml.Node | None, depth: int) -> None:
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_NODES:
            raise self._refusal("the file is nested or repeated too deeply", (1, 1))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                self._measure(key, depth + 1)
                self._measure(value, depth + 1)
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self._measure(item, depth + 1)

    def find(self, code: str, message: str, node: yaml.Node, *, hint: str | None = None) -> None:
        """Report a finding about a node."""
        self.findings.append(self.excerpt(node).finding(code, message, hint=hint))

    def excerpt(self, node: yaml.Node) -> Excerpt:
        """Return a scalar's text with the place of each character; of others, their first line."""
        start = self._offset(node.start_mark)
        end = self._offset(node.end_mark)
        if isinstance(node, yaml.ScalarNode):
            text, raw = str(node.value), start
            if node.style in ("|", ">"):
                raw = self.text.find("\n", start) + 1
        else:
            text, raw = self.text[start:end].split("\n", 1)[0].rstrip(), start
        places = []
        for character in text:
            raw = self._align(character, raw, end)
            places.append(self._place(raw))
            raw += 1
        places.append(self._place(min(raw, end)))
        return Excerpt(text=text, places=tuple(places), lines=self._lines, file=self.file)

    def _align(self, character: str, raw: int, end: int) -> int:
        """Return where ``character`` stands at or after ``raw``: past quotes, escapes, indents."""
        position = raw
        while position < end:
            found = self.text[position]
            if found == character or (character in " \n" and found in " \n\t"):
                return position
            position += 1
        return min(raw, max(end - 1, 0))

    def _offset(self, mark: Any) -> int:
        return min(
            self._starts[min(int(mark.line), len(self._lines))] + int(mark.column), len(self.text)
        )

    def _place(self, offset: int) -> Place:
        low, high = 0, len(self._starts) - 1
        while low + 1 < high:
            middle = (low + high) // 2
            if self._starts[middle] <= offset:
                low = middle
            else:
                high = middle
        return low + 1, offset - self._starts[low] + 1

    def entries(self, node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """Return a mapping's keys with key node and value node; report duplicate keys."""
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.find("shape", "a key must be a text", key)
            elif key.value in seen:
                self.find("duplicate", f"the key {key.value!r} stands here twice", key)
            else:
                seen.add(key.value)
                yield str(key.value), key, value

    def value(self, node: yaml.Node) -> Any:
        """Return a node as plain data."""
        if isinstance(node, yaml.MappingNode):
            return {name: self.value(value) for name, _, value in self.entries(node)}
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item) for item in node.value]
        text = str(node.value)
        if isinstance(node, yaml.ScalarNode) and node.style is not None:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INT.fullmatch(text):
            return int(text) if len(text) < 4_000 else text
        return float(text) if _FLOAT.fullmatch(text) else text


def line_of(node: yaml.Node) -> int:
    """Return the line, from 1, on which a node starts."""
    return int(node.start_mark.line) + 1
