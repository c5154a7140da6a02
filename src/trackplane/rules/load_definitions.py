"""Function, table and script files: text to what rules may name, every finding with its place."""

from __future__ import annotations

import ast
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, cast

import msgspec
import yaml

from trackplane.errors import did_you_mean
from trackplane.rules.inline import MAX_PARAMETERS, type_of
from trackplane.rules.ir import COLUMN_TYPES, ColumnType, LookupTable, ScriptText, UserFunction
from trackplane.rules.reader import Reader, load_all, only
from trackplane.rules.script_modules import ABSENT_BUILTINS, ENTRIES, MODULES, PARENTS
from trackplane.rules.source import Excerpt, RuleError
from trackplane.rules.values import (
    parse_float64,
    parse_int64,
    parse_timestamp,
    read_float64,
    read_int64,
    read_timestamp,
)
from trackplane.rules.yaml import Document, line_of

MAX_ROWS: Final = 100_000
MAX_TABLE_BYTES: Final = 16 << 20
MAX_SCRIPT: Final = 200_000  # characters
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_COLUMN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_TYPES_HINT: Final = "string, int64, float64, bool, timestamp, json, array<…>, map<…>, object"
_LIMITS: Final = {"wall_ms": (1, 60_000), "cpu_ms": (1, 60_000), "memory_mb": (16, 4_096)}

Cell = str | int | float | bool | None


class FunctionTest(msgspec.Struct, frozen=True, kw_only=True):
    """One test of a function: its arguments by name, and its value."""

    given: dict[str, object]
    expect: object
    line: int = 0


class FunctionSource(msgspec.Struct, frozen=True, kw_only=True):
    """A function as written, with the place of its body."""

    function: UserFunction
    body: Excerpt
    tests: tuple[FunctionTest, ...] = ()

    @property
    def name(self) -> str:
        """Return the function's name."""
        return self.function.name


def load_functions(text: str, *, file: str = "function.yaml") -> list[FunctionSource]:
    """Return the functions of a text.

    Raises:
        RuleError: with every finding.
    """
    return load_all(text, file, "function", _FunctionReader)


def load_function(text: str, *, file: str = "function.yaml", version: int = 1) -> UserFunction:
    """Return the one function of a text. Its body is checked by ``check_function``.

    Raises:
        RuleError: with every finding; also that there is not exactly one.
    """
    found = only(load_functions(text, file=file), text, file, "function").function
    return msgspec.structs.replace(found, version=version)


def load_table(
    text: str, *, file: str = "table.yaml", rows: str | None = None, version: int = 1
) -> LookupTable:
    """Return the one table of a text; ``rows`` are its rows as CSV, if they stand in their own file.

    Raises:
        RuleError: with every finding.
    """
    total = len(text.encode(errors="replace")) + len((rows or "").encode(errors="replace"))
    if total > MAX_TABLE_BYTES:
        message = f"the table has {total} bytes; the limit is {MAX_TABLE_BYTES}"
        finding = Excerpt.of(text[:200], file).finding("table_limit", message)
        raise RuleError(f"{file} is too large", findings=[finding])
    head, body = _cut(text) if rows is None else (text, rows)

    def reader(document: Document, node: yaml.MappingNode) -> _TableReader:
        return _TableReader(document, node, body)

    found = only(load_all(head, file, "table", reader), head, file, "table")
    return msgspec.structs.replace(found, version=version)


def _cut(text: str) -> tuple[str, str | None]:
    """Cut ``rows: |`` and what follows off a text: CSV, which YAML would read slowly."""
    found = re.search(r"^rows:[ ]*\|[-+]?[ ]*\n", text, re.MULTILINE)
    if found is None:
        return text, None
    lines = text[found.end() :].split("\n")
    indent = len(lines[0]) - len(lines[0].lstrip(" "))
    taken = 0
    while taken < len(lines) and (not lines[taken].strip() or lines[taken].startswith(" ")):
        taken += 1
    rows = "\n".join(line[indent:] for line in lines[:taken])
    # The lines stay, empty, so that places after them are right.
    rest = "\n" * taken + "\n".join(lines[taken:])
    return text[: found.start()] + "\n" + rest, rows


def load_script(text: str, *, file: str = "script.yaml", version: int = 1) -> ScriptText:
    """Return the one script of a text. It is compiled to find errors, never run.

    Raises:
        RuleError: with every finding.
    """
    found = only(load_all(text, file, "script", _ScriptReader), text, file, "script")
    return msgspec.structs.replace(found, version=version)


class _FunctionReader(Reader[FunctionSource]):
    what = "function"
    keys = ("function", "parameters", "returns", "body", "tests", "owner", "description")

    def read(self) -> FunctionSource | None:
        name = self.name("function", _NAME)
        node = self.nodes.get("body")
        self.text("body", required=True)
        result = self.text("returns", required=True)
        if result and type_of(result) is None:
            message = f"there is no type {result!r}"
            self.document.find("type", message, self.nodes["returns"], hint=_TYPES_HINT)
        body = self.document.excerpt(node) if isinstance(node, yaml.ScalarNode) else None
        function = UserFunction(
            name=name,
            parameters=self._parameters(),
            result=result,
            body="" if body is None else body.text,
            owner=self.text("owner"),
            description=self.text("description"),
        )
        return FunctionSource(
            function=function,
            body=body or self.document.excerpt(self.node),
            tests=tuple(self._tests(function)),
        )

    def _parameters(self) -> dict[str, str]:
        node = self.nodes.get("parameters")
        found: dict[str, str] = {}
        if node is None:
            return found
        if not isinstance(node, yaml.MappingNode):
            self.document.find("shape", "parameters is a mapping of names to types", node)
            return found
        for name, key, value in self.document.entries(node):
            kind = str(value.value) if isinstance(value, yaml.ScalarNode) else ""
            if _COLUMN.fullmatch(name) is None:
                hint = "letters, digits and _, a letter first"
                self.document.find("name", f"{name!r} is no name of a parameter", key, hint=hint)
            if type_of(kind) is None:
                message = f"there is no type {kind!r}"
                hint = did_you_mean(kind, COLUMN_TYPES) or _TYPES_HINT
                self.document.find("type", message, value, hint=hint)
            found[name] = kind
        if len(found) > MAX_PARAMETERS:
            message = f"a function has at most {MAX_PARAMETERS} parameters"
            self.document.find("rule_limit", message, node)
        return found

    def _tests(self, function: UserFunction) -> Iterable[FunctionTest]:
        node = self.nodes.get("tests")
        for item in node.value if isinstance(node, yaml.SequenceNode) else ():
            value = self.document.value(item)
            given = value.get("given") if isinstance(value, dict) else None
            if not isinstance(given, dict) or set(value) != {"given", "expect"}:
                message = "a test is {given: {parameter: value}, expect: a value}"
                self.document.find("shape", message, item)
            elif not given.keys() <= function.parameters.keys():
                unknown = sorted(given.keys() - function.parameters.keys())
                message = f"there is no parameter {unknown[0]!r}"
                hint = did_you_mean(unknown[0], function.parameters)
                self.document.find("shape", message, item, hint=hint)
            else:
                yield FunctionTest(given=given, expect=value["expect"], line=line_of(item))


class _TableReader(Reader[LookupTable]):
    what = "table"
    keys = ("table", "key", "columns", "rows", "owner", "description")

    def __init__(self, document: Document, node: yaml.MappingNode, rows: str | None) -> None:
        super().__init__(document, node)
        self._rows = rows

    def read(self) -> LookupTable | None:
        name = self.name("table", _NAME)
        key = self.text("key") or "string"
        if key not in ("string", "int64"):
            message = f"a key is string or int64, not {key!r}"
            self.document.find("type", message, self.nodes["key"])
            key = "string"
        columns = self._columns()
        rows = self._of_csv(key, columns) if self._rows is not None else self._of_yaml(key, columns)
        if len(rows) > MAX_ROWS:
            message = f"the table has {len(rows)} rows; the limit is {MAX_ROWS}"
            self.document.find("table_limit", message, self.node)
        return LookupTable(
            name=name,
            key="int64" if key == "int64" else "string",
            columns=columns,
            rows=rows,
            owner=self.text("owner"),
            description=self.text("description"),
        )

    def _columns(self) -> dict[str, ColumnType]:
        node = self.nodes.get("columns")
        found: dict[str, ColumnType] = {}
        if not isinstance(node, yaml.MappingNode) or not node.value:
            message = "columns is a mapping of names to types"
            self.document.find(
                "shape", message, node or self.node, hint="columns: {region: string}"
            )
            return found
        for name, key, value in self.document.entries(node):
            kind = str(value.value) if isinstance(value, yaml.ScalarNode) else ""
            if _COLUMN.fullmatch(name) is None:
                self.document.find("name", f"{name!r} is no name of a column", key)
            if kind in COLUMN_TYPES and kind != "json":
                found[name] = cast("ColumnType", kind)
            else:
                hint = did_you_mean(kind, COLUMN_TYPES) or "string, int64, float64, bool, timestamp"
                message = f"a table has no columns of {kind!r}"
                self.document.find("type", message, value, hint=hint)
        return found

    def _of_yaml(self, key: str, columns: dict[str, ColumnType]) -> dict[str, tuple[Cell, ...]]:
        node = self.nodes.get("rows")
        found: dict[str, tuple[Cell, ...]] = {}
        if not isinstance(node, yaml.MappingNode):
            message = "rows is a mapping of keys to cells, or a text of CSV"
            self.document.find("shape", message, node or self.node, hint="rows: {SG: [Asia]}")
            return found
        for name, key_node, value in self.document.entries(node):
            row_key = _key(name, key)
            if row_key is None:
                self.document.find("type", f"the key {name!r} is not {key}", key_node)
                continue
            if row_key in found:
                self.document.find("duplicate", f"the key {name!r} stands here twice", key_node)
            given = self.document.value(value)
            if isinstance(given, dict):
                unknown = [column for column in given if column not in columns]
                for column in unknown:
                    hint = did_you_mean(column, columns)
                    message = f"there is no column {column!r}"
                    self.document.find("rule_column", message, value, hint=hint)
                given = [given.get(column) for column in columns]
            elif not isinstance(given, list):
                given = [given]
            if len(given) != len(columns):
                message = f"the row has {len(given)} cells, the table {len(columns)} columns"
                self.document.find("shape", message, value)
                continue
            cells = []
            for cell, (column, kind) in zip(given, columns.items(), strict=True):
                read = cell if cell is None else _READ[kind](cell)
                if cell is not None and read is None:
                    self.document.find("type", f"{column} is {kind}, this is {cell!r}", value)
                cells.append(read)
            found[row_key] = tuple(cells)
        return found

    def _of_csv(self, key: str, columns: dict[str, ColumnType]) -> dict[str, tuple[Cell, ...]]:
        """Read rows of CSV: a header of the key and the columns by name, then the rows."""
        found: dict[str, tuple[Cell, ...]] = {}
        reader = csv.reader(io.StringIO(self._rows or ""), strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            wanted = header[1:]
            if sorted(wanted) != sorted(columns):
                message = f"the CSV's columns are {wanted}, the table's {list(columns)}"
                hint = "its first line names the key, then the columns"
                self.document.find("rule_column", message, self.node, hint=hint)
                return found
            order = [wanted.index(column) for column in columns]
            for row in reader:
                if not row:
                    continue
                if len(self.document.findings) > 100:
                    break
                self._csv_row(found, key, columns, order, reader.line_num, row)
        except csv.Error as error:
            message = f"line {reader.line_num} of the CSV: {error}"
            self.document.find("table_csv", message, self.node)
        return found

    def _csv_row(
        self,
        found: dict[str, tuple[Cell, ...]],
        key: str,
        columns: dict[str, ColumnType],
        order: list[int],
        line: int,
        row: list[str],
    ) -> None:
        where = f"line {line} of the CSV"
        row_key = _key(row[0], key)
        if len(row) != len(order) + 1:
            message = f"{where}: {len(row) - 1} cells, the table has {len(order)} columns"
            self.document.find("shape", message, self.node)
        elif row_key is None:
            self.document.find("type", f"{where}: the key {row[0]!r} is not {key}", self.node)
        elif row_key in found:
            message = f"{where}: the key {row[0]!r} stands here twice"
            self.document.find("duplicate", message, self.node)
        else:
            cells = []
            for place, (column, kind) in zip(order, columns.items(), strict=True):
                text = row[place + 1]
                read = None if text == "" else _PARSE[kind](text)
                if text and read is None:
                    message = f"{where}: {column} is {kind}, this is {text!r}"
                    self.document.find("type", message, self.node)
                cells.append(read)
            found[row_key] = tuple(cells)


def _key(text: str, kind: str) -> str | None:
    if kind == "string":
        return text
    number = parse_int64(text)
    return None if number is None else str(number)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


_READ: Final[dict[str, Callable[[object], Cell]]] = {
    "string": _text,
    "int64": read_int64,
    "float64": read_float64,
    "bool": _truth,
    "timestamp": read_timestamp,
}
_PARSE: Final[dict[str, Callable[[str], Cell]]] = {
    "string": str,
    "int64": parse_int64,
    "float64": parse_float64,
    "bool": {"true": True, "false": False}.get,
    "timestamp": lambda text: parse_int64(text) if text.isdigit() else parse_timestamp(text),
}


def _forbidden(tree: ast.Module) -> Iterator[tuple[int, int, str, str]]:
    """Return what a script names and no script has: line, column (bytes), message, hint."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Name) and node.id in ABSENT_BUILTINS:
            yield node.lineno, node.col_offset, f"a script has no {node.id}", ""
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names = [module]
            if module in PARENTS and module not in MODULES:
                names = [f"{module}.{alias.name}" for alias in node.names]
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in names:
                if name not in MODULES:
                    hint = did_you_mean(name, MODULES) or f"there are {', '.join(sorted(MODULES))}"
                    yield node.lineno, node.col_offset, f"a script may not import {name}", hint


class _ScriptReader(Reader[ScriptText]):
    what = "script"
    keys = ("script", "text", "limits", "owner", "description")

    def read(self) -> ScriptText | None:
        name = self.name("script", _NAME)
        text = self.text("text", required=True)
        node = self.nodes.get("text")
        if isinstance(node, yaml.ScalarNode) and text:
            self._compiled(text, self.document.excerpt(node))
        limits = self._limits()
        return ScriptText(
            name=name,
            text=text,
            owner=self.text("owner"),
            description=self.text("description"),
            **limits,
        )

    def _compiled(self, text: str, place: Excerpt) -> None:
        """Report what is no Python, or defines neither of the two functions."""
        if len(text) > MAX_SCRIPT:
            message = f"the script has {len(text)} characters; the limit is {MAX_SCRIPT}"
            self.document.findings.append(place.finding("rule_limit", message, 0, 1))
            return
        try:
            tree = ast.parse(text)
            compile(tree, "script", "exec", dont_inherit=True)
        except SyntaxError as error:
            lines = text.split("\n")
            start = sum(len(line) + 1 for line in lines[: (error.lineno or 1) - 1])
            start += max(0, (error.offset or 1) - 1)
            message = f"not Python: {error.msg}"
            found = place.finding("script_syntax", message, start, start + 1)
            self.document.findings.append(found)
            return
        except (ValueError, RecursionError, MemoryError):
            message = "the script is nested too deeply, or has a NUL in it"
            self.document.findings.append(place.finding("rule_limit", message, 0, 1))
            return
        defined = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
        entries = [each for name, each in defined.items() if name in ENTRIES]
        if not entries:
            hint = did_you_mean("transform", defined) or "write def transform(event): …"
            message = "the script defines neither transform nor transform_batch"
            self.document.findings.append(place.finding("script_entry", message, 0, 1, hint=hint))
        for entry in entries:
            taken = len(entry.args.posonlyargs) + len(entry.args.args)
            if taken - len(entry.args.defaults) > 1 or (taken == 0 and not entry.args.vararg):
                message = f"{entry.name} takes one argument"
                self.document.findings.append(place.finding("script_entry", message, 0, 1))
        lines = text.split("\n")
        for line, column, message, hint in sorted(_forbidden(tree)):
            before = lines[line - 1].encode()[:column].decode()
            start = sum(len(above) + 1 for above in lines[: line - 1]) + len(before)
            found = place.finding("script_name", message, start, start + 1, hint=hint or None)
            self.document.findings.append(found)

    def _limits(self) -> dict[str, int]:
        node = self.nodes.get("limits")
        found: dict[str, int] = {}
        if node is None:
            return found
        if not isinstance(node, yaml.MappingNode):
            message = f"limits is a mapping of {', '.join(_LIMITS)}"
            self.document.find("shape", message, node)
            return found
        for name, key, value in self.document.entries(node):
            if name not in _LIMITS:
                hint = did_you_mean(name, _LIMITS) or ", ".join(_LIMITS)
                self.document.find("unknown_key", f"there is no limit {name!r}", key, hint=hint)
                continue
            least, most = _LIMITS[name]
            given = self.document.value(value)
            if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
                message = f"{name} is a whole number from {least} to {most}"
                self.document.find("rule_limit", message, value)
            else:
                found[name] = given
        return found
