"""A YAML text as a tree that keeps its comments, for formatting.

Built from the events of PyYAML's parser: what stands between two of them is punctuation, space and
comments. A comment beside something belongs to it; one on a line of its own belongs to what follows,
or, if it is indented more than that, to the end of the collection it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

_COMMENT: Final = re.compile(r"(?:(?<=\s)|^)#[^\r\n]*")
_BLANK: Final = re.compile(r"\n[ \t\r]*\n")


class UnformattableError(Exception):
    """A text has what a formatter should not touch: anchors, tags, keys that are collections."""


@dataclass
class Entry:
    """A key with its value, or an item of a sequence (``key`` None); and its comments."""

    key: Scalar | None
    value: Node | None = None
    above: list[str] = field(default_factory=list)
    beside: str | None = None
    blank: bool = False  # an empty line stood before it


@dataclass
class Scalar:
    """A scalar: what it is, and how it was written."""

    value: str
    written: str  # of a plain one the text itself
    plain: bool


@dataclass
class Collection:
    """A mapping or sequence."""

    mapping: bool
    flow: bool
    column: int
    entries: list[Entry] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)  # comments at its end


Node = Scalar | Collection


@dataclass
class Document:
    """What a text holds, and the comments after it."""

    root: Node | None
    tail: list[str]


@dataclass
class _Comment:
    text: str
    column: int
    own_line: bool


def read_tree(text: str) -> Document:
    """Return the tree of a text that is known to be YAML.

    Raises:
        UnformattableError: it has what should stay as it is written.
    """
    return _TreeReader(text).read()


def holds_comment(node: Node | None) -> bool:
    """Say whether a comment stands inside a node, so that it cannot be one line."""
    if not isinstance(node, Collection):
        return False
    return bool(node.tail) or any(
        entry.above or entry.beside or holds_comment(entry.value) for entry in node.entries
    )


def _has_commented_list_of_lists(node: Node | None) -> bool:
    if not isinstance(node, Collection):
        return False
    for entry in node.entries:
        inner = entry.value
        nested = not node.mapping and isinstance(inner, Collection) and not inner.mapping
        if nested and (entry.beside or entry.above or holds_comment(inner)):
            return True
        if _has_commented_list_of_lists(inner):
            return True
    return False


class _TreeReader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._end = 0  # of the event before
        self._pending: list[_Comment] = []
        self._blank = False
        self._open: list[tuple[Collection, Entry | None]] = []  # with the entry that holds it
        self._last: Entry | None = None  # that a comment beside belongs to
        self._key: Entry | None = None  # that waits for its value
        self._root: Node | None = None

    def read(self) -> Document:
        try:
            for event in yaml.parse(self._text, Loader=yaml.CSafeLoader):
                self._between(event)
                self._take(event)
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise UnformattableError(str(error)) from error
        for comment in self._comments(self._end, len(self._text)):
            self._pending.append(comment)
        if _has_commented_list_of_lists(self._root):
            raise UnformattableError("comments inside lists of lists")
        return Document(self._root, [comment.text for comment in self._pending])

    def _between(self, event: Any) -> None:
        """Look at what stands between the last event and this one."""
        if isinstance(event, yaml.StreamStartEvent | yaml.StreamEndEvent):
            return
        start = event.start_mark.index
        if start <= self._end:
            return
        gap = self._text[self._end : start]
        if "#" in gap:
            for comment in self._comments(self._end, start):
                if comment.own_line or self._last is None:
                    self._pending.append(comment)
                else:
                    parts = (self._last.beside, comment.text)
                    self._last.beside = "  ".join(part for part in parts if part)
        if _BLANK.search(gap):
            self._blank = True
        self._end = start

    def _comments(self, start: int, end: int) -> Iterator[_Comment]:
        for match in _COMMENT.finditer(self._text, start, end):
            line = self._text.rfind("\n", 0, match.start()) + 1
            before = self._text[line : match.start()]
            yield _Comment(match[0].rstrip(), len(before), not before.strip(" \t\ufeff"))

    def _take(self, event: Any) -> None:
        self._end = max(self._end, event.end_mark.index)
        if getattr(event, "anchor", None) or getattr(event, "tag", None):
            raise UnformattableError("anchors and tags stay as they are")
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._start(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._finish()

    def _scalar(self, event: Any) -> None:
        written = self._text[event.start_mark.index : event.end_mark.index]
        if event.style in {"|", ">"} and "#" in written.partition("\n")[0]:
            raise UnformattableError("a comment beside the head of a block")
        self._add(Scalar(event.value, written, event.style in {None, ""}))
        if event.style in {"|", ">"} and _BLANK.search(written[len(written.rstrip()) :]):
            self._blank = True  # its end takes the empty lines in

    def _start(self, event: Any) -> None:
        if self._waits_for_key():
            raise UnformattableError("a key that is a collection")
        collection = Collection(
            isinstance(event, yaml.MappingStartEvent),
            bool(event.flow_style),
            event.start_mark.column,
        )
        self._add(collection)
        self._open.append((collection, self._last))

    def _waits_for_key(self) -> bool:
        return bool(self._open) and self._open[-1][0].mapping and self._key is None

    def _add(self, node: Node) -> None:
        if not self._open:
            self._root = node
            return
        collection = self._open[-1][0]
        if collection.mapping and self._key is None:
            if not isinstance(node, Scalar):
                raise UnformattableError("a key that is a collection")
            self._key = self._last = self._new_entry(collection, node)
        elif collection.mapping and self._key is not None:
            if self._pending:  # between a key and its value: above the value's first part
                inner = isinstance(node, Collection) and not node.flow
                if not inner:
                    self._key.above += [comment.text for comment in self._pending]
                    self._pending = []
            self._key.value, self._last, self._key = node, self._key, None
            self._blank = False
        else:
            self._last = self._new_entry(collection, None)
            self._last.value = node

    def _new_entry(self, collection: Collection, key: Scalar | None) -> Entry:
        entry = Entry(key, blank=self._blank, above=[comment.text for comment in self._pending])
        self._pending, self._blank = [], False
        collection.entries.append(entry)
        return entry

    def _finish(self) -> None:
        collection, holder = self._open.pop()
        if collection.flow:
            collection.tail += [comment.text for comment in self._pending]
            self._pending = []
        else:
            above = self._open[-1][0].column if self._open and not self._open[-1][0].flow else -1
            least = max(collection.column, above + 1)
            while self._pending and self._pending[0].column >= least:
                collection.tail.append(self._pending.pop(0).text)
        if collection.flow:
            self._last = holder
        self._key = None
