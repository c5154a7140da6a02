"""What a query may read: events and properties, from its parsed text. Pure.

Never too little: what cannot be told counts as read. A column that several sources may have is read of all of
them, ``*`` reads everything of its sources, and a text that sqlglot cannot parse may read anything at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from trackplane.control.registry_wire import ReadSet
from trackplane.lake.columns import BUILT_IN_COLUMNS
from trackplane.lake.views import typed_columns
from trackplane.plan.model import EventSpec

ANY: Final = "*"  # stands for the events that a query over ``events`` does not name
_WHOLE: Final = ("events", "dirty")
_BAGS: Final = ("what", "extra", "header", "data")
_PATHS: Final = {f"{ns}_{name}": f"{ns}.{name}" for ns, name in BUILT_IN_COLUMNS}
_STEP: Final = re.compile(r"[A-Za-z_][\w$]*\Z")

Find = Callable[[str, str], EventSpec | None]  # (app or "", event) -> the planned event


class _Source(NamedTuple):
    alias: str
    events: frozenset[str] | None  # None: all
    columns: dict[str, str]  # column -> path, of a typed view


class _Reads:
    """What was found so far."""

    def __init__(self) -> None:
        self.events: set[str] = set()
        self.every_event = False
        self.properties: dict[str, set[str] | None] = {}
        self.datasets: set[str] = set()
        self.views: set[str] = set()

    def touch(self, source: _Source) -> None:
        if source.events is None:
            self.every_event = True
        for event in source.events or (ANY,):
            self.events.add(event)
            self.properties.setdefault(event, set())

    def read(self, source: _Source, path: str | None) -> None:
        """Note a path, or with None everything of the source."""
        for event in source.events or (ANY,):
            held = self.properties.get(event, set())
            if path is None or held is None:
                self.properties[event] = None
            else:
                self.properties[event] = {*held, path}

    def result(self) -> ReadSet:
        events = None if self.every_event else sorted(self.events)
        return ReadSet(
            all=False,
            events=events,
            properties={
                event: None if paths is None else sorted(paths)
                for event, paths in sorted(self.properties.items())
            },
            datasets=sorted(self.datasets),
            views=tuple(sorted(self.views)),
        )


def everything(why: str) -> ReadSet:
    """Return the read set of what cannot be told."""
    return ReadSet(all=True, events=None, properties={ANY: None}, datasets=[], why=why)


def read_set(sql: str, *, find: Find, apps: Collection[str], datasets: Collection[str]) -> ReadSet:
    """Return what a query may read; ``find`` gives planned events, ``apps`` those it may name.

    >>> read_set("SELECT what->>'$.total' FROM events WHERE event = 'pay'",
    ...          find=lambda app, event: None, apps=(), datasets=()).properties
    {'pay': ['what.total']}
    """
    try:
        statements = [s for s in sqlglot.parse(sql, read="duckdb") if s is not None]
    except (SqlglotError, RecursionError, ValueError) as error:
        return everything(f"it cannot be parsed: {str(error).splitlines()[0][:200]}")
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        return everything("it is not one SELECT")
    tree = statements[0]
    if any(tree.find_all(exp.Command, exp.Pivot, exp.Parameter)):
        return everything("it uses a form that is not followed")
    reads = _Reads()
    sources: list[tuple[_Source, exp.Select | None]] = []
    for table in tree.find_all(exp.Table):
        found = _source(table, tree, find=find, apps=apps, datasets=datasets, reads=reads)
        if isinstance(found, str):
            return everything(found)
        if found is not None:
            sources.append((found, table.find_ancestor(exp.Select)))
            reads.touch(found)
    for join in tree.find_all(exp.Join):
        if str(join.args.get("method", "")).upper() == "NATURAL":
            return everything("a NATURAL JOIN compares whatever columns there are")
    _stars(tree, sources, reads)
    _columns(tree, [source for source, _ in sources], reads)
    return reads.result()


def _source(
    table: exp.Table,
    tree: exp.Expr,
    *,
    find: Find,
    apps: Collection[str],
    datasets: Collection[str],
    reads: _Reads,
) -> _Source | str | None:
    """Return what a table name stands for; None where it is no view of events, a text: why not known."""
    if not isinstance(table.this, exp.Identifier):
        return None  # a function such as range(): it reads no view
    name, schema = table.name, table.db
    alias = (table.alias or name).casefold()
    if table.catalog:
        return f"the name {table.sql()} has too many parts"
    if not schema and _is_cte(table, tree):
        return None
    if not schema and name in _WHOLE:
        return _Source(alias, _named_events(table, alias), {})
    if not schema and name in datasets:
        reads.datasets.add(name)
        return None
    if schema and schema not in apps and f"{schema}.{name}" in datasets:
        reads.datasets.add(f"{schema}.{name}")
        return None
    spec = find(schema, name)
    if spec is None:
        return f"there is no view {schema + '.' if schema else ''}{name}"
    reads.views.add(name)
    columns = {column.name.casefold(): column.path for column in typed_columns(spec)}
    return _Source(alias, frozenset((name,)), columns)


def _is_cte(table: exp.Table, tree: exp.Expr) -> bool:
    wanted = table.name.casefold()
    return any(cte.alias.casefold() == wanted for cte in tree.find_all(exp.CTE))


def _named_events(table: exp.Table, alias: str) -> frozenset[str] | None:
    """Return the events that the WHERE around a table lets through; None where it does not say."""
    select = table.find_ancestor(exp.Select)
    where = select.args.get("where") if select is not None else None
    if select is None or where is None:
        return None
    alone = isinstance(table.parent, exp.From) and not select.args.get("joins")
    found: frozenset[str] | None = None
    for condition in _conjuncts(where.this):
        names = _names_of(condition, alias, alone=alone)
        if names is not None:
            found = names if found is None else found & names
    return found or None


def _conjuncts(condition: exp.Expr) -> Iterator[exp.Expr]:
    condition = condition.unnest()
    if isinstance(condition, exp.And):
        yield from _conjuncts(condition.left)
        yield from _conjuncts(condition.right)
    else:
        yield condition


def _names_of(condition: exp.Expr, alias: str, *, alone: bool) -> frozenset[str] | None:
    """Return the names of ``event = 'a'`` or ``event IN ('a', 'b')``."""
    values: list[exp.Expr]
    if isinstance(condition, exp.EQ):
        left, right = condition.left, condition.right
        column, values = (left, [right]) if isinstance(left, exp.Column) else (right, [left])
    elif isinstance(condition, exp.In) and not condition.args.get("query"):
        column, values = condition.this, list(condition.expressions)
    else:
        return None
    if not isinstance(column, exp.Column) or column.name.casefold() != "event":
        return None
    if column.table.casefold() != alias and not (alone and not column.table):
        return None
    if not values or not all(isinstance(v, exp.Literal) and v.is_string for v in values):
        return None
    return frozenset(str(value.this) for value in values)


def _stars(
    tree: exp.Expr, sources: Iterable[tuple[_Source, exp.Select | None]], reads: _Reads
) -> None:
    for star in tree.find_all(exp.Star, exp.Columns):
        if isinstance(star.parent, exp.Count):
            continue
        select = star.find_ancestor(exp.Select)
        qualifier = star.parent.table if isinstance(star.parent, exp.Column) else ""
        for source, owner in sources:
            same = select is None or owner is None or owner is select
            if same and (not qualifier or qualifier.casefold() == source.alias):
                reads.read(source, None)


def _columns(tree: exp.Expr, sources: list[_Source], reads: _Reads) -> None:
    inner = [*tree.find_all(exp.CTE), *tree.find_all(exp.Subquery)]
    aliases = {source.alias for source in sources} | {each.alias.casefold() for each in inner}
    columns = list(tree.find_all(exp.Column))
    columns += [
        exp.Column(this=name.copy())
        for join in tree.find_all(exp.Join)
        for name in join.args.get("using") or ()
    ]
    for column in columns:
        qualifier, name = _resolved([part.name.casefold() for part in column.parts], aliases)
        for source in sources:
            if qualifier and qualifier != source.alias:
                continue
            if name == source.alias and not qualifier:
                reads.read(source, None)  # the row as a whole
            elif name in source.columns:
                reads.read(source, source.columns[name])
            elif name in _BAGS:
                reads.read(source, _inside(column, name))
            elif name in _PATHS:
                reads.read(source, _PATHS[name])


def _resolved(parts: Sequence[str], aliases: Collection[str]) -> tuple[str, str]:
    """Return whose column is meant (empty: not said) and which: ``a.b`` may be a field of a column."""
    if len(parts) > 1 and parts[0] in aliases:
        return parts[0], parts[1]
    if len(parts) > 2 and parts[1] in aliases:
        return parts[1], parts[2]
    return "", parts[0]


def _inside(column: exp.Column, bag: str) -> str | None:
    """Return the path that is taken out of ``what`` or ``extra``; None: all of it may be."""
    if bag not in ("what", "extra"):
        return None
    steps: list[str] = []
    node: exp.Expr = column
    while True:
        parent = node.parent
        if isinstance(parent, exp.Paren):
            node = parent
            continue
        if (
            not isinstance(parent, exp.JSONExtract | exp.JSONExtractScalar)
            or parent.this is not node
        ):
            break
        more = _steps(parent.expression)
        if more is None:
            return None
        steps += more
        node = parent
    if not steps:
        return None
    root = ["what"] if bag == "what" else []
    path = [*root, *steps]
    return ".".join(path) if len(path) > 1 else None


def _steps(path: exp.Expr | None) -> list[str] | None:
    """Return the names that a JSON path takes, up to the first array; None where it cannot be told."""
    if not isinstance(path, exp.JSONPath):
        return None
    steps: list[str] = []
    for part in path.expressions:
        if isinstance(part, exp.JSONPathRoot):
            continue
        if not isinstance(part, exp.JSONPathKey) or not isinstance(part.this, str):
            break
        if not _STEP.match(part.this):
            return None
        steps.append(part.this)
    return steps or None
