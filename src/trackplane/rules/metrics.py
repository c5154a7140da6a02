"""Metrics: a named measure over an event, computed by one piece of code wherever it is asked for.

A metric becomes a rule that selects what is measured, and an aggregation over the rows it puts out. So it
means what the rule language means, on every back end: ``measure`` here over rows in Python,
``aggregation_sql`` over the rows of a back end's query. An event on which an expression fails is not
measured; it is counted as failed.

``count()``, ``count(x)`` (where x is not NULL), ``count_distinct(x)``, ``sum(x)``, ``avg(x)``, ``min(x)``,
``max(x)``, and ``+ - * /`` over them and numbers. Sampling weights are honoured: an event of weight 10
counts as ten, except that distinct values, ``min`` and ``max`` are those that were seen. Nothing measured
is NULL (of ``count``: 0), and so is a division by zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from trackplane.errors import Finding, did_you_mean
from trackplane.plan.model import EventSpec, Metric
from trackplane.rules import ir, python
from trackplane.rules.actions import fits
from trackplane.rules.scope import Scope
from trackplane.rules.source import Excerpt, RuleError
from trackplane.rules.syntax import Access, Apply, Broken, Constant, ForEach, Node
from trackplane.rules.typer import Typer

TARGET: Final = "metric"
AGGREGATES: Final = ("count", "count_distinct", "sum", "avg", "min", "max")
_NUMBERS: Final = frozenset({"int64", "float64"})
_SCALARS: Final = frozenset({"int64", "float64", "string", "bool", "timestamp"})
_OPERATORS: Final = {"add": "+", "sub": "-", "mul": "*", "div": "/"}

Function = Literal["count", "count_distinct", "sum", "avg", "min", "max"]


class Aggregate(msgspec.Struct, frozen=True, tag="aggregate"):
    """One aggregate; ``column`` is what it is over (``m0``, …), empty for ``count()``."""

    function: Function
    column: str = ""


class Number(msgspec.Struct, frozen=True, tag="number"):
    """A constant."""

    value: float


class Combined(msgspec.Struct, frozen=True, tag="combined"):
    """Two parts under ``+ - * /``."""

    operator: Literal["+", "-", "*", "/"]
    left: Formula
    right: Formula


Formula = Aggregate | Number | Combined


class CompiledMetric(msgspec.Struct, frozen=True, kw_only=True):
    """A metric ready to be computed: ``rule`` selects its columns, ``formula`` says what of them.

    ``reads`` are the property paths that its meaning rests on.
    """

    metric: Metric
    rule: ir.Rule
    formula: Formula
    reads: tuple[str, ...]


def compile_metric(
    metric: Metric, spec: EventSpec, envs: Sequence[str] = ("prod",)
) -> CompiledMetric:
    """Return a metric of a planned event, typed by its plan.

    Raises:
        RuleError: with every finding; ``file`` of each is ``where`` or ``measure``.
    """
    typer = Typer(Scope([spec]))
    findings: list[Finding] = []
    where = None
    if metric.where is not None:
        excerpt = Excerpt.of(metric.where, "where")
        node, findings = python.parse(excerpt)
        where = typer.type(excerpt, node, guarded=True)
        if where is not None and not fits(where.type, ir.BOOL):
            findings.append(excerpt.finding("rule_type", f"this is {where.type}, not bool"))
    measure = _Measure(Excerpt.of(metric.measure, "measure"), typer)
    formula = measure.formula()
    findings += measure.findings + typer.findings
    if findings or formula is None:
        raise RuleError(f"the metric {metric.name!r} is wrong", findings=findings)
    reads = tuple(sorted(path for path in typer.reads if path))
    named = ir.Call(
        function="eq",
        args=(
            ir.Path(root="", parts=("event",), type=ir.STRING, nullable=False),
            _text(spec.event),
        ),
        type=ir.BOOL,
        nullable=False,
    )
    condition: ir.Expression = named
    if where is not None:
        condition = ir.Call(
            function="and", args=(named, where), type=ir.BOOL, nullable=where.nullable
        )
    rule = ir.Rule(
        name=f"metric {metric.name}",
        target=TARGET,
        actions=(ir.Select(columns=tuple(measure.columns)),),
        apps=(spec.app,),
        envs=tuple(envs),
        events=(spec.event,),
        where=condition,
        reads=reads,
        on_error="dirty",
        text=metric.measure,
    )
    return CompiledMetric(metric=metric, rule=rule, formula=formula, reads=reads)


def _text(value: str) -> ir.Literal:
    return ir.Literal(value=value, type=ir.STRING)


class _Measure:
    """Reads a measure: aggregates over typed expressions, combined by arithmetic."""

    def __init__(self, excerpt: Excerpt, typer: Typer) -> None:
        self.excerpt = excerpt
        self.columns: list[ir.Column] = []
        self.findings: list[Finding] = []
        self._typer = typer

    def formula(self) -> Formula | None:
        node, self.findings = python.parse(self.excerpt, (), AGGREGATES)
        found = self._read(node)
        if found is not None and not self.columns:
            self.columns.append(ir.Column("m", ir.Literal(value=True, type=ir.BOOL)))
        return found

    def _find(self, message: str, node: Node, hint: str | None = None) -> None:
        finding = self.excerpt.finding("metric", message, node.start, node.end, hint=hint)
        self.findings.append(finding)

    def _read(self, node: Node) -> Formula | None:
        match node:
            case Constant(value=value) if isinstance(value, int | float) and value is not True:
                return Number(float(value))
            case Apply(function="neg", args=(inner,)):
                found = self._read(inner)
                return None if found is None else Combined("-", Number(0.0), found)
            case Apply(function=name) if name in _OPERATORS:
                left, right = self._read(node.args[0]), self._read(node.args[1])
                if left is None or right is None:
                    return None
                return Combined(_OPERATORS[name], left, right)  # type: ignore[arg-type]
            case Apply(function=name) if name in AGGREGATES:
                return self._aggregate(node)
            case Broken():
                return None
            case Access() | ForEach():
                self._find("this is of one event: say how it adds up", node, "for example sum(…)")
            case Apply(function=name):
                hint = did_you_mean(name, AGGREGATES) or f"aggregates: {', '.join(AGGREGATES)}"
                self._find(f"{name} is no aggregate", node, hint)
            case Constant():
                self._find("a measure is a number", node)
        return None

    def _aggregate(self, node: Apply) -> Formula | None:
        name: Function = node.function  # type: ignore[assignment]
        if not node.args and name == "count":
            return Aggregate("count")
        if len(node.args) != 1:
            self._find(f"{name} is over one value", node, f"for example {name}(what.amount)")
            return None
        if any(part.function in AGGREGATES for part in _calls(node.args[0])):
            self._find("an aggregate cannot be over another", node.args[0])
            return None
        value = self._typer.type(self.excerpt, node.args[0], guarded=True)
        if value is None:
            return None
        kind = value.type.kind
        wanted = _NUMBERS if name in ("sum", "avg") else _NUMBERS | {"timestamp"}
        if name in ("count", "count_distinct"):
            wanted = _SCALARS if name == "count_distinct" else frozenset({kind})
        if kind not in wanted:
            self._find(f"{name} cannot be over {value.type}", node.args[0])
            return None
        column = f"m{len(self.columns)}"
        self.columns.append(ir.Column(column, value))
        return Aggregate(name, column)


def _calls(node: Node) -> Iterator[Apply]:
    """Yield the calls of a tree that name a function as it is written."""
    match node:
        case Apply():
            if node.name_end is not None and len(node.args) < 2:
                yield node
            for part in node.args:
                yield from _calls(part)
        case ForEach():
            yield from _calls(node.array)
            yield from _calls(node.body)


# --- computing


class _Sums:
    """What one aggregate needs of all rows."""

    __slots__ = ("distinct", "high", "low", "seen", "total")

    def __init__(self) -> None:
        self.seen = 0.0
        self.total = 0.0
        self.low: Any = None
        self.high: Any = None
        self.distinct: set[Any] = set()


class Aggregation:
    """Adds up a metric's rows as they come: what ``aggregation_sql`` says, in Python."""

    def __init__(self, compiled: CompiledMetric) -> None:
        self._formula = compiled.formula
        self._sums: dict[Aggregate, _Sums] = {part: _Sums() for part in parts_of(compiled.formula)}

    def add(self, row: Mapping[str, Any], weight: float = 1.0) -> None:
        """Add a row: the rule's columns by name."""
        for part, sums in self._sums.items():
            if not part.column:
                sums.seen += weight
                continue
            value = row.get(part.column)
            if value is None:
                continue
            sums.seen += weight
            match part.function:
                case "sum" | "avg":
                    sums.total += value * weight
                case "min" | "max":
                    sums.low = value if sums.low is None else min(sums.low, value)
                    sums.high = value if sums.high is None else max(sums.high, value)
                case "count_distinct":
                    sums.distinct.add(value)
                case "count":
                    pass

    def result(self) -> float | None:
        """Return the metric's value over the rows so far; None: there is none."""
        return self._value(self._formula)

    def _value(self, formula: Formula) -> float | None:
        match formula:
            case Number(value=value):
                return value
            case Combined(operator=operator):
                left, right = self._value(formula.left), self._value(formula.right)
                return None if left is None or right is None else _combined(operator, left, right)
            case Aggregate():
                return self._aggregated(formula)

    def _aggregated(self, part: Aggregate) -> float | None:
        sums = self._sums[part]
        match part.function:
            case "count":
                return sums.seen
            case "count_distinct":
                return float(len(sums.distinct))
            case "sum":
                return sums.total if sums.seen else None
            case "avg":
                return sums.total / sums.seen if sums.seen else None
            case "min":
                return None if sums.low is None else float(sums.low)
            case "max":
                return None if sums.high is None else float(sums.high)


def _combined(operator: str, left: float, right: float) -> float | None:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return left / right if right else None


def measure(
    compiled: CompiledMetric, rows: Iterable[tuple[Mapping[str, Any], float]]
) -> float | None:
    """Return a metric's value over rows of its rule, each with its weight."""
    aggregation = Aggregation(compiled)
    for row, weight in rows:
        aggregation.add(row, weight)
    return aggregation.result()


def parts_of(formula: Formula) -> list[Aggregate]:
    """Return the aggregates of a formula."""
    match formula:
        case Aggregate():
            return [formula]
        case Combined():
            return [*parts_of(formula.left), *parts_of(formula.right)]
        case Number():
            return []


def aggregation_sql(compiled: CompiledMetric) -> str:
    """Return the formula as SQL over a back end's rows: columns ``o0``, … and ``weight``.

    Standard SQL that DuckDB and ClickHouse read alike. Rows with a ``failure`` must be left out.
    """
    select = compiled.rule.actions[0]
    assert isinstance(select, ir.Select)
    columns = {column.name: f"o{number}" for number, column in enumerate(select.columns)}
    return _sql(compiled.formula, columns)


def _sql(formula: Formula, columns: Mapping[str, str]) -> str:
    match formula:
        case Number(value=value):
            return f"CAST('{value!r}' AS DOUBLE)"
        case Combined(operator=operator):
            left, right = _sql(formula.left, columns), _sql(formula.right, columns)
            if operator == "/":
                return f"({left} / NULLIF({right}, 0))"
            return f"({left} {operator} {right})"
        case Aggregate(column=""):
            return "COALESCE(sum(weight), 0)"
        case Aggregate():
            return _aggregate_sql(formula, columns[formula.column])


def _aggregate_sql(part: Aggregate, column: str) -> str:
    seen = f"sum(CASE WHEN {column} IS NOT NULL THEN weight END)"
    match part.function:
        case "count":
            return f"COALESCE({seen}, 0)"
        case "count_distinct":
            return f"CAST(count(DISTINCT {column}) AS DOUBLE)"
        case "sum":
            return f"sum(CAST({column} AS DOUBLE) * weight)"
        case "avg":
            return f"(sum(CAST({column} AS DOUBLE) * weight) / NULLIF({seen}, 0))"
        case _:
            return f"CAST({part.function}({column}) AS DOUBLE)"


def metric_findings(metric: Metric, spec: EventSpec) -> list[Finding]:
    """Return what is wrong with a metric; ``file`` of each is ``where`` or ``measure``."""
    try:
        compile_metric(metric, spec)
    except RuleError as error:
        return list(error.findings)
    return []
