"""Checks a rule against plans and datasets: source to IR, with every finding at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from trackplane.errors import Finding, did_you_mean
from trackplane.event import NAMESPACES, RESERVED_EVENTS
from trackplane.plan.model import EventSpec
from trackplane.rules import python
from trackplane.rules.definitions import Definitions
from trackplane.rules.functions import FUNCTIONS
from trackplane.rules.ir import (
    BOOL,
    EVENT_COLUMNS,
    JSON,
    NULL,
    Action,
    Assignment,
    Column,
    Dataset,
    Drop,
    Expression,
    Keep,
    Rule,
    Select,
    Set,
    Type,
)
from trackplane.rules.scope import Resolved, Scope
from trackplane.rules.source import Excerpt, RuleError, RuleSource
from trackplane.rules.syntax import Access, Apply, Constant, Node
from trackplane.rules.typer import Typer

SOURCE: Final = "events"
MAX_COLUMNS: Final = 200
_STAMPED_WHEN: Final = ("server", "at")


def check_rule(source: RuleSource, definitions: Definitions) -> Rule:
    """Return the rule's IR.

    Raises:
        RuleError: with every finding: unknown names, wrong types, operations that can fail.
    """
    return _Check(source, definitions).rule()


def check_expression(
    excerpt: Excerpt,
    specs: Iterable[EventSpec] | None,
    *,
    wanted: Type | None = None,
    guarded: bool = False,
) -> Expression:
    """Return one typed expression over these events (None: built-in properties only).

    ``guarded`` lets operations that can fail stand outside ``try_``.

    Raises:
        RuleError: with every finding, also that its type is not the wanted one.
    """
    typer = Typer(Scope(list(specs) if specs is not None else None))
    node, findings = python.parse(excerpt)
    expression = typer.type(excerpt, node, guarded=guarded)
    findings += typer.findings
    if expression is not None and wanted is not None and not _fits(expression.type, wanted):
        findings.append(excerpt.finding("rule_type", f"this is {expression.type}, not {wanted}"))
    if findings or expression is None:
        raise RuleError("the expression is wrong", findings=findings)
    return expression


class _Check:
    def __init__(self, source: RuleSource, definitions: Definitions) -> None:
        self.source = source
        self.definitions = definitions
        self.plans = definitions.plans
        self.datasets = definitions.datasets
        self.findings: list[Finding] = []

    def rule(self) -> Rule:
        source = self.source
        where = self._parse(source.where) if source.where is not None else None
        events = implied_events(where) if where is not None else None
        specs = self._specs(events)
        self.typer = Typer(Scope(specs))
        condition = self._condition(source.where, where)
        target = self._target()
        actions = self._actions(target)
        self.findings += self.typer.findings
        if events is not None and not events:
            place = source.where or source.place("where")
            self.findings.append(place.finding("rule_events", "the filter can never be TRUE"))
        if self.findings:
            raise RuleError(f"the rule {source.name!r} is wrong", findings=_sorted(self.findings))
        return Rule(
            name=source.name,
            target=source.target,
            actions=tuple(actions),
            source=source.source,
            apps=source.apps,
            envs=source.envs,
            events=tuple(sorted(events)) if events is not None else None,
            where=condition,
            owner=source.owner,
            reads=tuple(sorted(self.typer.reads | self._whole(actions))),
            writes=tuple(self._writes(actions)),
            functions=tuple(sorted(self.typer.functions)),
            cost=self.typer.cost,
            text=source.text,
        )

    def _find(self, key: str, code: str, message: str, hint: str | None = None) -> None:
        self.findings.append(self.source.place(key).finding(code, message, hint=hint))

    # --- the events

    def _parse(self, excerpt: Excerpt) -> Node:
        node, findings = python.parse(excerpt)
        self.findings += findings
        return node

    def _specs(self, events: frozenset[str] | None) -> list[EventSpec] | None:
        """Return the specifications of the named events; report apps and names without any."""
        source = self.source
        if source.source != SOURCE:
            message = f"there is no source dataset {source.source!r}; this release reads events"
            self._find("from", "rule_dataset", message, f"write from: {SOURCE}")
        planned = [app for app in source.apps if not self._known(app)]
        for app in planned:
            known = {app for app, _ in self.plans}
            message = f"there is no plan of the app {app!r}"
            self._find(f"app:{app}", "rule_app", message, did_you_mean(app, known))
        if events is None:
            return None
        specs: list[EventSpec] = []
        for event in sorted(events):
            found = self._planned(event)
            specs += found
            if not found and event not in RESERVED_EVENTS and len(planned) < len(source.apps):
                self._unplanned(event)
        return specs

    def _known(self, app: str) -> bool:
        return any(name == app for name, _ in self.plans)

    def _planned(self, event: str) -> list[EventSpec]:
        if self.source.apps:
            found = [self.plans.get((app, event)) for app in self.source.apps]
            return [spec for spec in found if spec is not None]
        return [spec for (_, name), spec in self.plans.items() if name == event]

    def _unplanned(self, event: str) -> None:
        apps = self.source.apps
        known = {name for app, name in self.plans if not apps or app in apps}
        place = self.source.where or self.source.place("where")
        start = max(place.text.find(repr(event)), place.text.find(f'"{event}"'))
        end = start + len(event) + 2 if start >= 0 else -1
        of = f" of {', '.join(apps)}" if apps else ""
        message = f"there is no event {event!r} in the plan{of}"
        hint = did_you_mean(event, known)
        self.findings.append(place.finding("rule_event", message, start, end, hint=hint))

    # --- the actions

    def _condition(self, excerpt: Excerpt | None, node: Node | None) -> Expression | None:
        if excerpt is None or node is None:
            return None
        condition = self.typer.type(excerpt, node)
        if condition is not None and condition.type != BOOL:
            message = f"a condition is bool, this is {condition.type}"
            self.findings.append(excerpt.finding("rule_type", message))
        return condition

    def _target(self) -> Dataset | None:
        name = self.source.target
        found = self.datasets.get(name)
        if found is None and name:
            hint = did_you_mean(name, self.datasets)
            self._find("to", "rule_dataset", f"there is no dataset {name!r}", hint)
        if found is not None and found.kind == "topic":
            message = f"{name!r} is a topic: rules write to tables only in this release"
            self._find("to", "rule_dataset", message, "declare the dataset with `kind: table`")
        return found

    def _actions(self, target: Dataset | None) -> list[Action]:
        source = self.source
        actions: list[Action] = []
        if source.drop is not None:
            condition = self._condition(source.drop, self._parse(source.drop))
            if condition is not None:
                actions.append(Drop(condition))
        ends = [
            name
            for name, given in (
                ("select", source.select is not None),
                ("keep", source.keep),
                ("set", source.set is not None),
            )
            if given
        ]
        if not ends:
            self._find("rule", "rule_action", "what to put out?", "add select:, keep: or set:")
        elif len(ends) > 1:
            message = f"{' and '.join(ends)} exclude one another"
            self._find(ends[1], "rule_action", message, "make two rules")
        if source.select is not None:
            actions.append(self._select(source.select, target))
        if source.set is not None:
            actions += [self._set(source.set), Keep()]
        elif source.keep:
            actions.append(Keep())
        own = target.columns if target is not None and source.select is None else {}
        if any(EVENT_COLUMNS.get(name) != kind for name, kind in own.items()):
            message = f"{source.target!r} has columns of its own; whole events do not fit"
            self._find("to", "rule_dataset", message, "select the columns")
        return actions

    def _select(self, columns: Mapping[str, Excerpt], target: Dataset | None) -> Select:
        found: list[Column] = []
        if not columns or len(columns) > MAX_COLUMNS:
            self._find("select", "rule_limit", f"select takes 1 to {MAX_COLUMNS} columns")
        wanted = dict(target.columns) if target is not None else {}
        if target is not None and not wanted:
            message = f"{target.name!r} has no columns: it takes whole events"
            self._find("to", "rule_dataset", message, "give the dataset columns, or use keep:")
        for name, excerpt in columns.items():
            value = self.typer.type(excerpt, self._parse(excerpt))
            if wanted and name not in wanted:
                hint = did_you_mean(name, wanted)
                message = f"the dataset {self.source.target!r} has no column {name!r}"
                self._find(f"column:{name}", "rule_column", message, hint)
            elif value is not None and wanted and not _fits(value.type, Type(wanted[name])):
                message = f"the column {name!r} is {wanted[name]}, this is {value.type}"
                hint = _cast_hint(wanted[name], excerpt.text, value.type)
                self.findings.append(excerpt.finding("rule_type", message, hint=hint))
            if value is not None:
                found.append(Column(name, value))
        return Select(tuple(found))

    def _set(self, values: Mapping[str, Excerpt]) -> Set:
        found: list[Assignment] = []
        if not values:
            self._find("set", "rule_action", "set names no property")
        for path, excerpt in values.items():
            value = self.typer.type(excerpt, self._parse(excerpt))
            root, _, name = path.partition(".")
            reason = _unsettable(root, name)
            if reason is not None:
                self._find(f"column:{path}", "rule_set", f"{path}: {reason}")
                continue
            planned = self.typer.scope.resolve(root, (name,))
            if isinstance(planned, Resolved) and value is not None:
                kind = planned.path.type
                if not _fits(value.type, kind):
                    message = f"{path} is {kind} in the plan, this is {value.type}"
                    self.findings.append(excerpt.finding("rule_type", message))
            if value is not None:
                found.append(Assignment(root, name, value))  # type: ignore[arg-type]
        return Set(tuple(found))

    def _whole(self, actions: Iterable[Action]) -> set[str]:
        whole = any(isinstance(action, Keep | Set) for action in actions)
        return {"id", "event", *NAMESPACES} if whole else set()

    def _writes(self, actions: Iterable[Action]) -> list[str]:
        for action in actions:
            if isinstance(action, Select):
                return [f"{self.source.target}.{column.name}" for column in action.columns]
            if isinstance(action, Set):
                return [f"{value.root}.{value.name}" for value in action.values]
        return [f"{self.source.target}.{column}" for column in EVENT_COLUMNS]


def implied_events(node: Node) -> frozenset[str] | None:
    """Return the names a filter implies: for any other event it is FALSE. None: all names.

    >>> from trackplane.rules.python import parse
    >>> sorted(implied_events(parse(Excerpt.of('event in ("a", "b") and id == "1"'))[0]))
    ['a', 'b']
    """
    if isinstance(node, Constant) and node.value is False:
        return frozenset()
    if not isinstance(node, Apply):
        return None
    if node.function == "and":
        found: frozenset[str] | None = None
        for argument in node.args:
            names = implied_events(argument)
            if names is not None:
                found = names if found is None else found & names
        return found
    if node.function == "or":
        parts = [implied_events(argument) for argument in node.args]
        known = [part for part in parts if part is not None]
        return frozenset().union(*known) if len(known) == len(parts) else None
    if node.function in ("eq", "in"):
        values = node.args
        if node.function == "eq" and isinstance(values[0], Constant):
            values = (values[1], values[0])
        if isinstance(values[0], Access) and values[0].root == "event" and not values[0].parts:
            names_ = [value.value for value in values[1:] if isinstance(value, Constant)]
            texts = [name for name in names_ if isinstance(name, str)]
            return frozenset(texts) if len(texts) == len(values) - 1 else None
    return None


def _fits(given: Type, wanted: Type) -> bool:
    return (
        wanted in (JSON, given)
        or given == NULL
        or (given.kind == wanted.kind and None in (given.item, wanted.item))
    )


def _cast_hint(wanted: str, text: str, given: Type) -> str | None:
    function = {"string": "string", "int64": "int", "float64": "float", "timestamp": "timestamp"}
    name = function.get(wanted)
    takes = {s.args[0] for s in FUNCTIONS[name].signatures} if name is not None else set()
    return f"write {name}({' '.join(text.split())})" if given.kind in takes else None


def _unsettable(root: str, name: str) -> str | None:
    if root not in NAMESPACES or not name:
        return f"only properties of {', '.join(NAMESPACES)} can be set"
    if root == "when" and name in _STAMPED_WHEN:
        return "the platform stamps it"
    if "." in name:
        return "set the whole property, not a part of it"
    return None


def _sorted(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (finding.line or 0, finding.column or 0))
