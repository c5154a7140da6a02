"""Checks a rule against definitions: source to IR, with every finding at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from trackplane.errors import Finding, did_you_mean
from trackplane.event import NAMESPACES, RESERVED_EVENTS
from trackplane.plan.model import EventSpec
from trackplane.rules import front_ends, python
from trackplane.rules.actions import Pipeline, fits
from trackplane.rules.definitions import Definitions
from trackplane.rules.inline import size
from trackplane.rules.ir import (
    BOOL,
    EVENT_COLUMNS,
    Action,
    Call,
    Expression,
    Keep,
    Literal,
    Rule,
    Script,
    Select,
    Set,
    Type,
    Unset,
    expressions,
    targets,
    walk,
)
from trackplane.rules.pipeline import EventScope, without_unread
from trackplane.rules.scope import Scope
from trackplane.rules.source import Excerpt, RuleError, RuleSource
from trackplane.rules.syntax import Access, Apply, Constant, Node
from trackplane.rules.typer import Typer

SOURCE: Final = "events"
MAX_PARTS: Final = 20_000  # of all its expressions
_KEYED: Final = {"hmac": 1, "pseudonym": 1}  # the argument that names a key


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
    definitions: Definitions | None = None,
) -> Expression:
    """Return one typed expression over these events (None: built-in properties only).

    ``guarded`` lets operations that can fail stand outside ``try_``. ``definitions`` has the tables,
    keys and functions it may name (None: no tables and functions, any key).

    Raises:
        RuleError: with every finding, also that its type is not the wanted one.
    """
    typer = Typer(Scope(list(specs) if specs is not None else None), definitions)
    functions = definitions.functions if definitions is not None else ()
    node, findings = python.parse(excerpt, (), functions)
    expression = typer.type(excerpt, node, guarded=guarded)
    findings += typer.findings
    if expression is not None and wanted is not None and not fits(expression.type, wanted):
        findings.append(excerpt.finding("rule_type", f"this is {expression.type}, not {wanted}"))
    if findings or expression is None:
        raise RuleError("the expression is wrong", findings=findings)
    return expression


class _Check:
    def __init__(self, source: RuleSource, definitions: Definitions) -> None:
        self.source = source
        self.definitions = definitions
        self.plans = definitions.plans
        self.findings: list[Finding] = []

    def rule(self) -> Rule:
        source = self.source
        where = self._parse(source.where) if source.where is not None else None
        events = implied_events(where) if where is not None else None
        scope = EventScope(self._specs(events))
        typer = Typer(scope, self.definitions)
        condition = self._condition(typer, source.where, where)
        pipeline = Pipeline(source, self.definitions, typer, scope)
        actions = tuple(pipeline.actions())
        self.findings += pipeline.findings + typer.findings
        if events is not None and not events:
            place = source.where or source.place("where")
            self.findings.append(place.finding("rule_events", "the filter can never be TRUE"))
        if self.findings:
            raise RuleError(f"the rule {source.name!r} is wrong", findings=_sorted(self.findings))
        rule = Rule(
            name=source.name,
            target=source.target,
            actions=actions,
            source=source.source,
            apps=source.apps,
            envs=source.envs,
            events=tuple(sorted(events)) if events is not None else None,
            where=condition,
            owner=source.owner,
            reads=tuple(sorted(without_unread(typer.reads) | _whole(actions))),
            functions=tuple(sorted(typer.functions)),
            cost=typer.cost,
            on_error=source.on_error,
            front_end=source.front_end,
            text=source.text,
        )
        if sum(size(top) for top in expressions(rule)) > MAX_PARTS:
            message = f"with its functions' bodies the rule has more than {MAX_PARTS} parts"
            self._find("rule", "rule_limit", message, "make several rules")
            raise RuleError(f"the rule {source.name!r} is too large", findings=self.findings)
        uses = typer.uses | pipeline.uses | uses_of(rule, self.definitions)
        writes = tuple(self._writes(rule))
        return msgspec.structs.replace(rule, writes=writes, uses=tuple(sorted(uses)))

    def _find(self, key: str, code: str, message: str, hint: str | None = None) -> None:
        self.findings.append(self.source.place(key).finding(code, message, hint=hint))

    # --- the events

    def _parse(self, excerpt: Excerpt) -> Node:
        node, findings = front_ends.parse(
            excerpt, self.source.front_end, (), self.definitions.functions
        )
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

    # --- the parts

    def _condition(
        self, typer: Typer, excerpt: Excerpt | None, node: Node | None
    ) -> Expression | None:
        if excerpt is None or node is None:
            return None
        condition = typer.type(excerpt, node, guarded=self.source.on_error == "dirty")
        if condition is not None and condition.type != BOOL:
            message = f"a condition is bool, this is {condition.type}"
            self.findings.append(excerpt.finding("rule_type", message))
        return condition

    def _writes(self, rule: Rule) -> list[str]:
        """Return the columns of all targets; of what keeps events, the properties it changes too."""
        changed = [
            path
            for action in rule.actions
            for path in (
                [f"{value.root}.{value.name}" for value in action.values]
                if isinstance(action, Set)
                else action.paths
                if isinstance(action, Unset)
                else ()
            )
        ]
        columns: list[str] = list(EVENT_COLUMNS)
        for action in rule.actions:
            if isinstance(action, Select):
                columns, changed = [column.name for column in action.columns], []
            elif isinstance(action, Script):
                columns = list(self.definitions.datasets[rule.target].columns or EVENT_COLUMNS)
        if changed:
            return list(dict.fromkeys(changed))
        return [f"{target}.{column}" for target in targets(rule) for column in columns]


def _whole(actions: Iterable[Action]) -> set[str]:
    whole = any(isinstance(action, Keep) for action in actions)
    return {"id", "event", *NAMESPACES} if whole else set()


def uses_of(rule: Rule, definitions: Definitions) -> set[str]:
    """Return what a rule's functions need: ``table:name@version``, ``key:name``, ``geo``."""
    found: set[str] = set()
    for top in expressions(rule):
        for node in walk(top):
            if not isinstance(node, Call):
                continue
            if node.function == "geo":
                found.add("geo")
            elif node.function == "lookup" and isinstance(node.args[0], Literal):
                table = definitions.tables[str(node.args[0].value)]
                found.add(f"table:{table.name}@{table.version}")
            elif node.function in _KEYED:
                key = node.args[_KEYED[node.function]]
                if isinstance(key, Literal):
                    found.add(f"key:{key.value}")
    return found


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


def _sorted(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (finding.line or 0, finding.column or 0))
