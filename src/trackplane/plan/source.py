"""One file of a plan: its pieces, what they hold, and where each part of it stands.

The fast reader (YAML 1.2) limits nesting and the replay of aliases. The one that knows positions
does not, and would exhaust the C stack on a deep text, so its depth is measured first; it is asked
only for the pieces that something is wrong with.
"""

from __future__ import annotations

import marshal
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Final, NamedTuple

import yaml
import yaml_rs
from msgspec.structs import replace

from trackplane.errors import Finding
from trackplane.plan.cut import (
    KEY,
    SECTIONS,
    SKIP,
    WHOLE,
    Piece,
    common_ends,
    cut,
    entries_at,
    indent_of,
)
from trackplane.plan.report import Path
from trackplane.plan.text import PlanError, hidden_characters, position

_MAX_DEPTH: Final = 200
_MAX_WHOLE: Final = 32 << 20  # characters of a text that is read whole because it cannot be cut
_INSIDE: Final = 3  # paths of at least so many parts lead into an entry
_PLACE: Final = re.compile(r"at line (\d+), column (\d+)")
_HALF: Final = re.compile("[\ud800-\udfff]")
_DUPLICATE: Final = "duplicate mapping key"
_BLANK: Final = re.compile(r"[ \t]*(?:#[^\n]*)?\r?\n?")


class Place(NamedTuple):
    """Where a part of a plan stands: the file and its lines, from 1, the last included."""

    file: str
    first: int
    last: int


class Held(NamedTuple):
    """What a piece holds: entries of sections, and other top-level keys with their values.

    Values of events that were read in bulk are packed (``marshal``), a fifth of their size.
    """

    entries: list[tuple[str, Any, Any]]  # section, name, value
    others: list[tuple[Any, Any]]


_NOTHING: Final = Held([], [])


class SourceFile:
    """A file as pieces. It never changes: ``replaced`` returns another that shares what it can."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self._kinds: list[str] = []
        self._lengths: list[int] = []
        self._names: list[Any] = []  # of an entry's piece its name, of others (section, name) pairs
        self._others: dict[int, list[tuple[Any, Any]]] = {}
        self._index: dict[tuple[str, str], int] | None = None  # these are made when first asked for
        self._offsets: list[int] | None = None
        self._first_lines: list[int] | None = None
        self._composed: tuple[int, Any] = (
            -1,
            None,
        )  # the last piece whose positions were asked for

    @classmethod
    def read(cls, path: str, text: str) -> tuple[SourceFile, Held]:
        """Return a file and all that it holds.

        Raises:
            PlanError: it is not YAML, or not a mapping.
        """
        hidden = list(hidden_characters(text, path))
        if hidden:
            raise PlanError(f"{path} hides what it says", findings=hidden)
        file = cls(path, text)
        pieces = cut(text)
        try:
            held = file._take(pieces)
        except _UnreadableAloneError as alone:
            if len(text) > _MAX_WHOLE:
                raise PlanError(f"{path} is not a plan", findings=[alone.finding]) from None
            file = cls(path, text)
            held = file._take([Piece(WHOLE, 0, len(text))])
        return file, held

    def _take(self, pieces: list[Piece]) -> Held:
        entries: list[tuple[str, Any, Any]] = []
        others: list[tuple[Any, Any]] = []
        tops: list[str] = []
        section = ""
        for number, piece in enumerate(pieces):
            held = self._read(piece)
            if piece.kind in SECTIONS and piece.kind != section:
                section = piece.kind
                tops.append(section)
            elif piece.kind == KEY:
                section = ""
                tops += {str(key) for key, _ in held.others} | {at for at, _, _ in held.entries}
            entries += [
                (section, name, marshal.dumps(value, 2) if section == "events" else value)
                for section, name, value in held.entries
            ]
            others += held.others
            self._append(piece, held, number)
        if len(tops) != len(set(tops)):  # the reader of the whole text says where
            finding = Finding(code="yaml", message="a key is there twice", file=self.path)
            raise _UnreadableAloneError(finding)
        return Held(entries, others)

    def _append(self, piece: Piece, held: Held, number: int) -> None:
        self._kinds.append(piece.kind)
        self._lengths.append(piece.end - piece.start)
        if piece.kind in SECTIONS:
            self._names.append(str(held.entries[0][1]))
        else:
            self._names.append([(section, str(name)) for section, name, _ in held.entries])
        if held.others:
            self._others[number] = held.others

    def _read(self, piece: Piece) -> Held:
        """Read one piece.

        Raises:
            _UnreadableAloneError: it is wrong, or means something only with the rest of the text.
            PlanError: the whole text is wrong.
        """
        if piece.kind == SKIP:
            return _NOTHING
        text = self.text[piece.start : piece.end]
        if piece.start == 0 or piece.kind == WHOLE:
            text = text.removeprefix("\ufeff")
        try:
            tree: object = yaml_rs.loads(text, parse_datetime=False)
        except (ValueError, RecursionError, OverflowError) as error:
            finding = _syntax_finding(text, self.path, str(error), self._line_at(piece.start))
            if piece.kind == WHOLE:
                raise PlanError(f"{self.path} is not a plan", findings=[finding]) from None
            raise _UnreadableAloneError(finding) from None
        if piece.kind == WHOLE:
            if not isinstance(tree, dict):
                raise PlanError(f"{self.path} is not a plan", findings=[_no_mapping(self.path)])
            return _held(tree)
        if type(tree) is not dict or len(tree) != 1:
            line = self._line_at(piece.start)
            raise _UnreadableAloneError(_no_mapping(self.path, line))
        if piece.kind == KEY:
            return _held(tree)
        ((name, value),) = tree.items()
        return Held([(piece.kind, name, value)], [])

    def replaced(self, text: str) -> tuple[SourceFile, list[tuple[str, str]], Held]:
        """Return the file with another text, the entries that were in what changed, and those now.

        Raises:
            PlanError: it is not YAML, or not a mapping.
        """
        changed = self._changed_pieces(text)
        if changed is None:
            file, held = SourceFile.read(self.path, text)
            return file, list(self.names()), held
        first, last, pieces = changed
        hidden = [
            finding for piece in pieces
            for finding in hidden_characters(text[piece.start : piece.end], self.path)
        ]  # fmt: skip
        if hidden:  # say where, counted from the file's beginning
            raise PlanError(
                f"{self.path} hides what it says",
                findings=list(hidden_characters(text, self.path)),
            )
        file = SourceFile(self.path, text)
        try:
            held = file._take(pieces)
        except _UnreadableAloneError:
            file, held = SourceFile.read(self.path, text)
            return file, list(self.names()), held
        gone = [name for number in range(first, last) for name in self._names_of(number)]
        file._kinds = self._kinds[:first] + file._kinds + self._kinds[last:]
        file._lengths = self._lengths[:first] + file._lengths + self._lengths[last:]
        file._names = self._names[:first] + file._names + self._names[last:]
        shift = len(pieces) - (last - first)
        file._others = {n + shift if n >= last else n: held for n, held in self._others.items()}
        return file, gone, held

    def _changed_pieces(self, text: str) -> tuple[int, int, list[Piece]] | None:
        """Return the range of pieces that another text changes and the new ones; None: cut it anew.

        Only entries of one section are cut again alone, between entries that stay.
        """
        head, tail = common_ends(self.text, text)
        ends = self._starts()[1:]
        stop = len(self.text) - tail  # what changed is [head, stop) here
        first = bisect_left(ends, head)
        last = first + 1
        while last < len(ends) and ends[last - 1] < stop:
            last += 1
        if first == 0 or last > len(ends) or self._kinds[first] not in SECTIONS:
            return None
        section = self._kinds[first]
        if any(kind != section for kind in self._kinds[first:last]):
            return None
        start = ends[first - 1]
        end = ends[last - 1] + len(text) - len(self.text)
        if last < len(ends) and not text.startswith("\n", end - 1):
            return None
        if start == end:
            return first, last, []
        indent = indent_of(self.text, start)
        if re.compile(rf"\n {{0,{indent - 1}}}(?=[^\s#])").search(text, start - 1, end):
            return None
        starts = entries_at(text, indent, start - 1, end)
        if not starts or starts[0] != start:
            return None
        bounds = zip(starts, [*starts[1:], end], strict=True)
        return first, last, [Piece(section, low, high) for low, high in bounds]

    def _names_of(self, number: int) -> list[tuple[str, str]]:
        kind = self._kinds[number]
        if kind in SECTIONS:
            return [(kind, self._names[number])]
        names: list[tuple[str, str]] = self._names[number]
        return names

    def names(self) -> Iterator[tuple[str, str]]:
        """Yield section and name of each entry, in order."""
        for number in range(len(self._kinds)):
            yield from self._names_of(number)

    def others(self) -> Iterator[tuple[Any, Any]]:
        """Yield the other top-level keys with their values, in order."""
        for number in sorted(self._others):
            yield from self._others[number]

    def packed(self, names: set[tuple[str, str]]) -> Iterator[tuple[str, Any, Any]]:
        """Read some entries again: yield section, name and packed value of each."""
        starts = self._starts()
        for number, kind in enumerate(self._kinds):
            if any(name in names for name in self._names_of(number)):
                held = self._read(Piece(kind, starts[number], starts[number + 1]))
                for section, own, value in held.entries:
                    if (section, str(own)) in names:
                        yield section, own, marshal.dumps(value, 2)

    # -- places

    def _line_at(self, offset: int) -> int:
        """Return the line of a character; of a piece's first one without counting from the top."""
        if self._first_lines is None:
            counts = [
                self.text.count("\n", start, start + length)
                for start, length in zip(self._starts(), self._lengths, strict=False)
            ]
            self._first_lines = list(accumulate(counts, initial=1))
        starts = self._starts()
        number = bisect_right(starts, offset) - 1
        if number < 0 or number >= len(self._first_lines):
            return self.text.count("\n", 0, offset) + 1
        return self._first_lines[number] + self.text.count("\n", starts[number], offset)

    def _starts(self) -> list[int]:
        """Return where each piece begins, and where the last one ends."""
        if self._offsets is None:
            self._offsets = list(accumulate(self._lengths, initial=0))
        return self._offsets

    def _piece_of(self, path: Path) -> Piece | None:
        """Return the piece in which a part stands."""
        if self._index is None:
            self._index = {}
            for number in range(len(self._kinds)):
                for name in self._names_of(number):
                    self._index.setdefault(name, number)
                for key, _ in self._others.get(number, ()):
                    self._index.setdefault((str(key), ""), number)
        names = [str(part) for part in path[:2]] + ["", ""]
        number = self._index.get((names[0], names[1]), self._index.get((names[0], ""), -1))
        if number < 0:
            if self._kinds != [WHOLE]:
                return None
            number = 0
        start = self._starts()[number]
        return Piece(self._kinds[number], start, start + self._lengths[number])

    def place(self, section: str, name: str) -> Place | None:
        """Return the lines of one entry, without comments that follow it."""
        found = self._piece_of((section, name))
        if found is None:
            return None
        first = self._line_at(found.start)
        if found.kind in SECTIONS:
            return Place(self.path, first, first + len(self._lines(found)) - 1)
        marks = _marks(_compose(self._text_of(found)), (section, name))
        if marks is None:
            return None
        low, high = marks
        last = high.line if high.column == 0 and high.line > low.line else high.line + 1
        return Place(self.path, first + low.line, first + last - 1)

    def part(self, section: str, name: str) -> str | None:
        """Return the lines of one entry as they stand."""
        found = self._piece_of((section, name))
        place = self.place(section, name)
        if found is None or place is None:
            return None
        if found.kind in SECTIONS:
            return "".join(self._lines(found))
        return "".join(_split(self.text)[place.first - 1 : place.last])

    def piece(self, section: str, name: str) -> tuple[int, str, int] | None:
        """Return where the piece with an entry begins, its text, and how deep in it paths begin.

        At depth 1 the piece is the entry's name with its value, at 0 a mapping of sections.
        """
        found = self._piece_of((section, name))
        if found is None:
            return None
        text = self._text_of(found)
        return found.end - len(text), text, 1 if found.kind in SECTIONS else 0

    def twice(self, section: str, name: str) -> tuple[int, tuple[int, int]]:
        """Return where an entry that is written twice begins: a line, and again line and column."""
        wanted = section, name
        starts = self._starts()
        places = [
            (self._line_at(starts[number]), indent_of(self.text, starts[number]) + 1)
            for number in range(len(self._kinds))
            if wanted in self._names_of(number)
        ]
        return places[0][0], places[1 % len(places)]

    def names_in(self, section: str) -> Iterator[str]:
        """Yield the names of a section's entries, in order."""
        for kind, names in zip(self._kinds, self._names, strict=True):
            if kind == section:
                yield names
            elif kind not in SECTIONS:
                yield from (name for own, name in names if own == section)

    def _lines(self, piece: Piece) -> list[str]:
        lines = _split(self.text[piece.start : piece.end])
        while len(lines) > 1 and _BLANK.fullmatch(lines[-1]):
            lines.pop()
        return lines

    def _text_of(self, piece: Piece) -> str:
        text = self.text[piece.start : piece.end]
        return text.removeprefix("\ufeff") if piece.start == 0 else text

    def placed(self, path: Path, finding: Finding) -> Finding:
        """Return a finding with file, line and column of its part, or of the nearest one above it."""
        found = self._piece_of(path)
        if found is None:
            return replace(finding, file=self.path, line=1, column=1)
        if found.kind in SECTIONS and len(path) < _INSIDE:
            column = indent_of(self.text, found.start) + 1
            return replace(finding, file=self.path, line=self._line_at(found.start), column=column)
        inner = path[1:] if found.kind in SECTIONS else path
        if self._composed[0] != found.start:
            self._composed = found.start, _compose(self._text_of(found))
        node, mark = _find(self._composed[1], inner)
        if mark is None:
            return replace(finding, file=self.path, line=self._line_at(found.start), column=1)
        line = self._line_at(found.start) + mark.line
        if finding.code == "unquoted" and isinstance(node, yaml.ScalarNode):
            hint = f'put it into quotation marks: "{node.value}"'
            finding = replace(finding, hint=hint)
        return replace(finding, file=self.path, line=line, column=mark.column + 1)

    def placed_roughly(self, path: Path, finding: Finding) -> Finding:
        """Return a finding with file and line of its entry: for those after the first thousands."""
        found = self._piece_of(path)
        line = self._line_at(found.start) if found is not None else 1
        return replace(finding, file=self.path, line=line)


class _UnreadableAloneError(PlanError):
    """A piece cannot be read without the rest of its text, or not at all."""

    def __init__(self, finding: Finding) -> None:
        super().__init__("a piece cannot be read alone", findings=[finding])
        self.finding = finding


def _held(tree: dict[Any, Any]) -> Held:
    entries: list[tuple[str, Any, Any]] = []
    others: list[tuple[Any, Any]] = []
    for key, value in tree.items():
        if key in SECTIONS and isinstance(value, dict):
            entries += [(key, name, inner) for name, inner in value.items()]
        elif key not in SECTIONS or value is not None:
            others.append((key, value))
    return Held(entries, others)


def _split(text: str) -> list[str]:
    """Return lines with their ends, as YAML counts them: by line feeds."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _no_mapping(file: str, line: int = 1) -> Finding:
    return Finding(
        code="shape", message="a plan is a mapping", file=file, line=line, column=1,
        hint="start with `format: 1`, `app: …`, `events: …`",
    )  # fmt: skip


_QUOTE: Final = "put a text that holds or begins with such a sign into quotation marks"
_SYNTAX_HINTS: Final = {
    "tabs disallowed": "indent with spaces",
    "found a tab": "indent with spaces",
    "mapping values are not allowed": "indent the keys of a mapping alike, and put a text that holds "
    "a colon and a blank into quotation marks",
    "expected ',' or": "close the bracket, and put a text that holds a sign such as `: ` or `,` into "
    "quotation marks",
    "unclosed quote": "end the text with the quotation mark that it began with",
    "unknown anchor": _QUOTE,
    "unexpected character": _QUOTE,
}


def _syntax_finding(text: str, file: str, message: str, first_line: int) -> Finding:
    lines = message.strip().splitlines() or ["cannot be read"]
    line = column = hint = None
    place = _PLACE.search(lines[0])
    if place is not None:
        line, column = int(place[1]), int(place[2])
        if _deeper(text):
            lines = [f"nested deeper than {_MAX_DEPTH}"]
        else:
            hint = next((hint for said, hint in _SYNTAX_HINTS.items() if said in lines[-1]), None)
    elif _DUPLICATE in message:
        line, column = _duplicate(_compose(text))
    else:
        half = _HALF.search(text)
        if half is not None:
            line, column = position(text, half.start())
            lines = ["half of a surrogate pair"]
    if line is not None:
        line += first_line - 1
    return Finding(code="yaml", message=lines[-1], file=file, line=line, column=column, hint=hint)


def _deeper(text: str) -> bool:
    """Say whether a text nests deeper than can be composed."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > _MAX_DEPTH:
                    return True
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except (yaml.YAMLError, ValueError):
        pass
    return False


def _compose(text: str) -> Any:
    if _deeper(text):
        return None
    try:
        return yaml.compose(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None


def _nodes(root: Any) -> Iterator[Any]:
    """Yield each node once, however many aliases lead to it."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, yaml.MappingNode):
            waiting += [part for pair in reversed(node.value) for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += reversed(node.value)


def _duplicate(root: Any) -> tuple[int | None, int | None]:
    for node in _nodes(root):
        if isinstance(node, yaml.MappingNode):
            keys: set[Any] = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in keys:
                        return key.start_mark.line + 1, key.start_mark.column + 1
                    keys.add(key.value)
    return None, None


def _find(node: Any, path: Path) -> tuple[Any, Any]:
    """Return the node at a path, or its nearest parent that the text has, and the mark of its key."""
    mark = node.start_mark if node is not None else None
    for part in path:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part) or (not key.style and _read_as(key.value) == part):
                    node, mark = value, key.start_mark
                    break
            else:
                return node, mark
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            if part >= len(node.value):
                return node, mark
            node = node.value[part]
            mark = node.start_mark
        else:
            return node, mark
    return node, mark


def _read_as(key: str) -> str | None:
    """Return what a plain key that is no text was read as: ``1.10`` as 1.1."""
    if not key[:1].isdigit() and key[:1] not in "+-." and key not in {"true", "false"}:
        return None
    try:
        tree: object = yaml_rs.loads(f"x: {key}", parse_datetime=False)
    except (ValueError, OverflowError):
        return None
    return str(tree["x"]) if isinstance(tree, dict) else None


def _marks(root: Any, path: Path) -> tuple[Any, Any] | None:
    """Return where the key of a path begins and its value ends."""
    low = high = None
    node = root
    for part in path:
        if not isinstance(node, yaml.MappingNode):
            return None
        for key, value in node.value:
            if key.value == part:
                node, low, high = value, key.start_mark, value.end_mark
                break
        else:
            return None
    return (low, high) if low is not None else None
