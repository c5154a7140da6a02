"""Types the actions of a rule in order: what is written to IR, with every finding."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Final

from trackplane.errors import Finding, did_you_mean
from trackplane.event import NAMESPACES
from trackplane.rules import desugar, front_ends, python
from trackplane.rules.definitions import Definitions
from trackplane.rules.functions import FUNCTIONS
from trackplane.rules.ir import (
    BOOL,
    EVENT_COLUMNS,
    JSON,
    NULL,
    STRING,
    Action,
    Assignment,
    Column,
    Dataset,
    Drop,
    Explode,
    Expression,
    Keep,
    Path,
    Route,
    Sample,
    Script,
    Select,
    Set,
    SetRoot,
    Type,
    Unset,
)
from trackplane.rules.load_actions import CHANGES
from trackplane.rules.pipeline import EventScope
from trackplane.rules.source import Excerpt, RuleSource, WrittenAction
from trackplane.rules.syntax import Node
from trackplane.rules.typer import Typer

MAX_ACTIONS: Final = 50
MAX_COLUMNS: Final = 200
MAX_ROUTES: Final = 100
MAX_TAGS: Final = 20
EVENT_ID: Final = Path("", ("id",), STRING, nullable=False)
_ROOTS: Final[dict[str, SetRoot]] = {
    "who": "who", "when": "when", "where": "where", "how": "how", "what": "what",
}  # fmt: skip
_STAMPED_WHEN: Final = ("server", "at")
_END: Final = ("select", "keep")


class Pipeline:
    """Types the actions of one rule; what is found goes to ``findings``."""

    def __init__(
        self, source: RuleSource, definitions: Definitions, typer: Typer, scope: EventScope
    ) -> None:
        self.findings: list[Finding] = []
        self.uses: set[str] = set()
        self._source = source
        self._definitions = definitions
        self._typer = typer
        self._scope = scope
        self._guarded = source.on_error == "dirty"
        self._items: list[str] = []
        self._routed: list[tuple[str, Excerpt]] = []

    def parse(self, excerpt: Excerpt) -> Node:
        """Return an expression's syntax tree."""
        functions = self._definitions.functions
        front_end = self._source.front_end
        node, findings = front_ends.parse(excerpt, front_end, self._items, functions)
        self.findings += findings
        return node

    def typed(self, excerpt: Excerpt, wanted: Type | None = None) -> Expression | None:
        """Return a typed expression, of a type if one is wanted."""
        node = self.parse(excerpt)
        value = self._typer.type(excerpt, node, guarded=self._guarded)
        if value is None or wanted is None or value.type == wanted:
            return value
        what = "a condition" if wanted == BOOL else "this"
        message = f"{what} is {wanted}, this is {value.type}"
        if wanted != BOOL:
            message = f"this takes {wanted}, not {value.type}"
        self.findings.append(excerpt.finding("rule_type", message))
        return None

    def _find(self, place: Excerpt, code: str, message: str, hint: str | None = None) -> None:
        self.findings.append(place.finding(code, message, hint=hint))

    # --- all of them

    def actions(self) -> list[Action]:
        """Return the actions as IR, in order."""
        written = self._source.actions
        if len(written) > MAX_ACTIONS:
            place, message = written[MAX_ACTIONS].place, f"a rule has at most {MAX_ACTIONS} actions"
            self._find(place, "rule_limit", message, "make two rules")
            return []
        self._order(written)
        bounded = [self._bounded(action) for action in written]  # all, for all findings
        if not all(bounded):
            return []
        found: list[Action] = []
        with ExitStack() as stack:
            for action in self._ended(written):
                found += self._action(action, stack)
        self._targets(found)
        return found

    def _bounded(self, action: WrittenAction) -> bool:
        limit = MAX_TAGS if action.kind == "tag" else MAX_COLUMNS
        if len(action.names) <= limit:
            return True
        message = f"{action.kind} takes at most {limit} names, this has {len(action.names)}"
        self._find(action.place, "rule_limit", message, "write several actions")
        return False

    def _order(self, written: tuple[WrittenAction, ...]) -> None:
        for kind in ("explode", "route", "script"):
            for action in [each for each in written if each.kind == kind][1:]:
                message = f"a rule has one {kind}"
                self._find(action.place, "rule_action", message, "make two rules")
        ends = [action for action in written if action.kind in _END]
        for action in ends[1:]:
            message = f"{ends[0].kind} and {action.kind} exclude one another"
            self._find(action.place, "rule_action", message, "make two rules")
        ended = ""
        for action in written:
            if ended and action.kind not in _END and (ended, action.kind) != ("put out", "script"):
                message = f"{action.kind} stands after what is {ended}"
                hint = (
                    "only a script may stand after select and keep" if ended == "put out" else None
                )
                self._find(action.place, "rule_action", message, hint)
            if action.kind in _END:
                ended = "put out"
            elif action.kind == "script":
                ended = "given to a script"

    def _ended(self, written: tuple[WrittenAction, ...]) -> list[WrittenAction]:
        """Return the actions with the ``keep`` that a rule which changes or scripts need not write."""
        kinds = [action.kind for action in written]
        if any(kind in _END for kind in kinds):
            return list(written)
        keep = WrittenAction(kind="keep", place=self._source.place("rule"))
        if "script" in kinds:
            at = kinds.index("script")
            return [*written[:at], keep, *written[at:]]
        if not any(kind in CHANGES for kind in kinds):
            hint = "add select:, keep: or set:"
            self._find(self._source.place("rule"), "rule_action", "what to put out?", hint)
        return [*written, keep]

    def _action(self, action: WrittenAction, stack: ExitStack) -> list[Action]:
        value = action.value
        match action.kind:
            case "drop" if value is not None:
                condition = self.typed(value, BOOL)
                return [Drop(condition)] if condition is not None else []
            case "sample":
                key = EVENT_ID if value is None else self.typed(value, STRING)
                if value is None:
                    self._typer.reads.add("id")
                return [Sample(action.rate, key)] if key is not None else []
            case "explode" if value is not None:
                return self._explode(action, value, stack)
            case "route" if value is not None:
                return self._route(action, value)
            case "unset":
                return self._unset(action)
            case "select":
                return [self._select(action)]
            case "keep":
                return [Keep()]
            case "script" if value is not None:
                return self._script(value)
            case "set":
                return self._changed(self._set(action))
        return self._sugar(action)

    # --- one each

    def _explode(self, action: WrittenAction, over: Excerpt, stack: ExitStack) -> list[Action]:
        item = action.item.text if action.item is not None else "item"
        place = action.item or action.place
        if not item.isidentifier() or not item.isascii() or item in python.ROOTS:
            hint = "a plain name, such as item"
            self._find(place, "rule_name", f"{item!r} cannot name the items", hint)
            return []
        array = self.typed(over)
        if array is None:
            return []
        if array.type.kind != "array":
            hint = "explode goes over an array: one output for each of its items"
            self._find(over, "rule_type", f"this is {array.type}, not an array", hint)
            return []
        if item not in self._items:
            stack.enter_context(self._typer.item(item, array))
            self._items.append(item)
        return [Explode(array, item)]

    def _route(self, action: WrittenAction, by: Excerpt) -> list[Action]:
        value = self.typed(by, STRING)
        if not action.values or len(action.values) > MAX_ROUTES:
            message = f"a route has 1 to {MAX_ROUTES} targets"
            self._find(action.place, "rule_limit", message)
        targets = [(name, target.text) for name, target in action.values.items()]
        self._routed = [(target.text, target) for target in action.values.values()]
        return [Route(value, tuple(targets))] if value is not None else []

    def _targets(self, actions: list[Action]) -> None:
        """Check the datasets that rows may go to: they exist, and take the same columns."""
        name = self._source.target
        own = self.dataset(name, self._source.place("to"))
        scripted = any(isinstance(action, Script) for action in actions)
        select = any(isinstance(action, Select) for action in actions)
        for routed, place in self._routed:
            if not routed:
                hint = "write the value, a colon and a dataset"
                self._find(place, "rule_dataset", "a route to no dataset", hint)
                continue
            found = self.dataset(routed, place)
            if own is not None and found is not None and found.columns != own.columns:
                message = f"{routed!r} has other columns than {name!r}"
                self._find(place, "rule_dataset", message, "all targets of a rule take the same")
            kinds = {dataset.kind for dataset in (own, found) if dataset is not None}
            if kinds - {"table"} and routed != name:
                message = f"a rule writes to tables, or to one topic or sink: {routed!r} is another"
                hint = "make a rule for each; what they share can be a function"
                self._find(place, "rule_dataset", message, hint)
        if own is None or scripted or not actions:
            return
        if select and not own.columns:
            message = f"{own.name!r} has no columns: it takes whole events"
            hint = "give the dataset columns, or use keep:"
            self._find(self._source.place("to"), "rule_dataset", message, hint)
        elif not select and any(EVENT_COLUMNS.get(c) != kind for c, kind in own.columns.items()):
            message = f"{own.name!r} has columns of its own; whole events do not fit"
            self._find(self._source.place("to"), "rule_dataset", message, "select the columns")

    def dataset(self, name: str, place: Excerpt) -> Dataset | None:
        """Return a dataset; report that there is none."""
        found = self._definitions.datasets.get(name)
        if found is None and name:
            hint = did_you_mean(name, self._definitions.datasets)
            self._find(place, "rule_dataset", f"there is no dataset {name!r}", hint)
        return found

    def _select(self, action: WrittenAction) -> Select:
        columns = action.values
        if not columns or len(columns) > MAX_COLUMNS:
            message = f"select takes 1 to {MAX_COLUMNS} columns"
            self._find(action.place, "rule_limit", message)
            return Select(())
        scripted = any(each.kind == "script" for each in self._source.actions)
        target = None if scripted else self._definitions.datasets.get(self._source.target)
        wanted: Mapping[str, str] = target.columns if target is not None else {}
        found: list[Column] = []
        for name, excerpt in columns.items():
            value = self.typed(excerpt)
            if wanted and name not in wanted:
                hint = did_you_mean(name, wanted)
                message = f"the dataset {self._source.target!r} has no column {name!r}"
                self._find(action.names[name], "rule_column", message, hint)
            elif value is not None and wanted:
                kind = wanted[name]
                if not fits(value.type, Type(kind)):  # type: ignore[arg-type]
                    message = f"the column {name!r} is {kind}, this is {value.type}"
                    self._find(excerpt, "rule_type", message, cast_hint(kind, excerpt, value.type))
            if value is not None:
                found.append(Column(name, value))
        return Select(tuple(found))

    def _script(self, name: Excerpt) -> list[Action]:
        found = self._definitions.scripts.get(name.text)
        if found is None:
            hint = did_you_mean(name.text, self._definitions.scripts)
            self._find(name, "rule_script", f"there is no script {name.text!r}", hint)
            return []
        self.uses.add(f"script:{found.name}@{found.version}")
        return [Script(name.text)]

    # --- those that change the event

    def _property(self, path: str, place: Excerpt) -> tuple[SetRoot, str] | None:
        root, _, name = path.partition(".")
        reason = None
        if root not in NAMESPACES or not name:
            reason = f"only properties of {', '.join(NAMESPACES)} can be set"
        elif root == "when" and name in _STAMPED_WHEN:
            reason = "the platform stamps it"
        elif "." in name:
            reason = "set the whole property, not a part of it"
        if reason is not None:
            self._find(place, "rule_set", f"{path}: {reason}")
            return None
        return _ROOTS[root], name

    def _set(self, action: WrittenAction) -> list[Assignment]:
        found: list[Assignment] = []
        if not action.values:
            self._find(action.place, "rule_action", "set names no property")
        for path, excerpt in action.values.items():
            value = self.typed(excerpt)
            to = self._property(path, action.names[path])
            if to is None or value is None:
                continue
            self._agrees(to, value, excerpt)
            found.append(Assignment(*to, value))
        return found

    def _agrees(self, to: tuple[str, str], value: Expression, place: Excerpt) -> None:
        kind = self._scope.planned(*to)
        if kind is not None and not fits(value.type, kind):
            message = f"{to[0]}.{to[1]} is {kind} in the plan, this is {value.type}"
            self._find(place, "rule_type", message)

    def _changed(self, values: list[Assignment]) -> list[Action]:
        """Return the ``Set``, and let later actions see its values."""
        shapes = [self._typer.shapes_of(each.value) for each in values]
        for each, shape in zip(values, shapes, strict=True):
            self._scope.assign(each.root, each.name, each.value, shape, skip_null=each.skip_null)
        return [Set(tuple(values))] if values else []

    def _unset(self, action: WrittenAction) -> list[Action]:
        found: list[str] = []
        if not action.names:
            self._find(action.place, "rule_action", "unset names no property")
        for path, place in action.names.items():
            to = self._property(path, place)
            if to is None:
                continue
            if self._scope.planned(*to) is None:
                known = self._scope.resolve(*to[:1], (to[1],))
                hint = getattr(known, "hint", None)
                if not hasattr(known, "path"):
                    self._find(place, "rule_name", f"{path} is not there to be removed", hint)
                    continue
            self._scope.remove(*to)
            found.append(path)
        return [Unset(tuple(found))] if found else []

    def _sugar(self, action: WrittenAction) -> list[Action]:
        """Type what stands for a ``Set``: ``rename``, ``mask``, ``pseudonymise``, ``tag``."""
        if not action.values:
            self._find(action.place, "rule_action", f"{action.kind} names nothing")
            return []
        if action.kind == "tag":
            return self._tag(action)
        found: list[Assignment] = []
        removed: list[str] = []
        for path, text in action.values.items():
            place = action.names[path]
            to = self._property(path, place)
            if to is None:
                continue
            if action.kind == "rename":
                new = self._property(text.text, text)
                value = self.typed(place) if new is not None else None
                if text.text in action.values:
                    message = f"{text.text} is renamed here too"
                    self._find(text, "rule_set", message, "write two renames, in order")
                elif new is not None and value is not None:
                    self._agrees(new, value, text)
                    found.append(Assignment(*new, value, skip_null=True))
                    removed.append(path)
                continue
            node, reason = desugar.protected(action.kind, self.parse(place), text)
            if reason is not None:
                self._find(text, "rule_action", *reason)
                continue
            known = len(self._typer.findings)
            value = self._typer.type(place, node, guarded=self._guarded)
            for index in range(known, len(self._typer.findings)):
                about = self._typer.findings[index]
                if about.code in ("rule_argument", "rule_key"):  # of the method or the key
                    moved = text.finding(about.code, about.message, hint=about.hint)
                    self._typer.findings[index] = moved
            if value is not None:
                found.append(Assignment(*to, value, skip_null=True))
        changed = self._changed(found)
        for path in removed:
            root, _, name = path.partition(".")
            self._scope.remove(root, name)
        return [*changed, Unset(tuple(removed))] if removed else changed

    def _tag(self, action: WrittenAction) -> list[Action]:
        value: Expression | None = desugar.TAGS_PATH
        self._typer.reads.add("what.$tags")
        for label, excerpt in action.values.items():
            when = self.typed(excerpt, BOOL)
            value = desugar.tagged(value, label, when) if value is not None and when else None
        if value is None:
            return []
        self._typer.functions.add("tag")
        self._typer.cost += FUNCTIONS["tag"].cost * len(action.values)
        return self._changed([Assignment("what", "$tags", value, skip_null=True)])


def fits(given: Type, wanted: Type) -> bool:
    """Say whether a value of one type may stand where another is wanted."""
    return (
        wanted in (JSON, given)
        or given == NULL
        or (given.kind == wanted.kind and None in (given.item, wanted.item))
    )


def cast_hint(wanted: str, excerpt: Excerpt, given: Type) -> str | None:
    """Return how to make a value the type that a column has."""
    function = {"string": "string", "int64": "int", "float64": "float", "timestamp": "timestamp"}
    name = function.get(wanted)
    takes = {s.args[0] for s in FUNCTIONS[name].signatures} if name is not None else set()
    return f"write {name}({' '.join(excerpt.text.split())})" if given.kind in takes else None
