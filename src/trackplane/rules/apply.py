"""What a rule puts out for an event: the reference for whole rules, from semantics.md section 6."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import xxhash

from trackplane.event import JsonObject
from trackplane.rules.ir import (
    Action,
    Drop,
    Explode,
    Expression,
    Keep,
    Route,
    Rule,
    Sample,
    Script,
    Select,
    Set,
    Unset,
)
from trackplane.rules.library import NOTHING, Environment
from trackplane.rules.reference import RuleFailure, evaluate

_HASHES: Final = 1 << 64


class Output(msgspec.Struct, frozen=True):
    """One output: the dataset it goes to, the object, and how many events it stands for."""

    target: str
    value: JsonObject
    weight: float = 1.0


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What came out of (event, rule): outputs in the items' order, and failures in theirs.

    ``script`` is the script that the outputs wait for, where none was given to run it; they are then
    what the script is to be handed.
    """

    outputs: tuple[Output, ...] = ()
    failures: tuple[RuleFailure, ...] = ()
    script: str = ""


# The script's name and what the rule put out -> what the script returns for it.
RunScript = Callable[[str, JsonObject], Sequence[JsonObject] | RuleFailure]


def threshold(rate: float) -> int:
    """Return the bound below which the xxh64 of a key must be for a sample to let it pass.

    >>> threshold(0.5) == 2**63
    True
    """
    return int(rate * _HASHES)


def selects(rule: Rule, event: JsonObject, environment: Environment = NOTHING) -> Any:
    """Return whether a rule selects a merged event: a bool, or a RuleFailure."""
    meta = event["meta"]
    if (
        (rule.apps and meta["app"] not in rule.apps)
        or meta["env"] not in rule.envs
        or (rule.events is not None and event["event"] not in rule.events)
    ):
        return False
    chosen = True if rule.where is None else evaluate(rule.where, event, environment)
    return chosen if isinstance(chosen, RuleFailure) else chosen is True


def apply(
    rule: Rule,
    event: JsonObject,
    environment: Environment = NOTHING,
    *,
    run_script: RunScript | None = None,
) -> Applied:
    """Return what a rule puts out for a merged event.

    ``event`` has ``id``, ``event``, ``when.server``, ``when.at`` and ``meta``, as
    ``trackplane.frame.Frame.merged`` gives it; it is not changed.

    Raises:
        BindError: the environment lacks what an expression needs.
    """
    chosen = selects(rule, event, environment)
    if isinstance(chosen, RuleFailure):
        return Applied(failures=(chosen,))
    if not chosen:
        return Applied()
    run = _Run(rule.target, environment)
    run.go(rule.actions, event, {}, rule.target)
    script = rule.actions[-1] if rule.actions else None
    if isinstance(script, Script):
        if run_script is None:
            return Applied(
                outputs=tuple(run.outputs), failures=tuple(run.failures), script=script.name
            )
        run.scripted(script.name, run_script)
    return Applied(outputs=tuple(run.outputs), failures=tuple(run.failures))


class _Run:
    def __init__(self, target: str, environment: Environment) -> None:
        self._target = target
        self._environment = environment
        self.outputs: list[Output] = []
        self.failures: list[RuleFailure] = []

    def go(
        self, actions: Sequence[Action], event: JsonObject, items: Mapping[str, Any], target: str
    ) -> None:
        """Run actions over one event as it is now; put out, or fail, at most once for each item."""

        def value(expression: Expression) -> Any:
            return evaluate(expression, event, self._environment, items)

        for index, action in enumerate(actions):
            found: Any = None
            match action:
                case Drop(when=when):
                    found = value(when)
                    if found is True:
                        return
                case Sample(rate=rate, key=key):
                    found = value(key)
                    if not isinstance(found, RuleFailure):
                        if not _passes(found, event, rate):
                            return
                        meta = event["meta"]
                        event = {**event, "meta": {**meta, "weight": meta["weight"] / rate}}
                case Set(values=values):
                    found = event = _set(event, [(each, value(each.value)) for each in values])
                case Unset(paths=paths):
                    event = _unset(event, paths)
                case Explode(over=over, name=name):
                    found = value(over)
                    if not isinstance(found, RuleFailure):
                        for item in found or ():
                            self.go(actions[index + 1 :], event, {**items, name: item}, target)
                        return
                case Route(by=by, targets=targets):
                    found = value(by)
                    if isinstance(found, str):
                        target = dict(targets).get(found, self._target)
                case Select(columns=columns):
                    row = {column.name: value(column.value) for column in columns}
                    wrong = (each for each in row.values() if isinstance(each, RuleFailure))
                    self._put(next(wrong, row), target, event)
                    return
                case Keep():
                    kept = {name: each for name, each in event.items() if name != "meta"}
                    self._put(kept, target, event)
                    return
            if isinstance(found, RuleFailure):
                self.failures.append(found)
                return

    def _put(self, row: JsonObject | RuleFailure, target: str, event: JsonObject) -> None:
        if isinstance(row, RuleFailure):
            self.failures.append(row)
        else:
            self.outputs.append(Output(target, row, event["meta"]["weight"]))

    def scripted(self, name: str, run_script: RunScript) -> None:
        """Replace the outputs by what a script returns for each."""
        given, self.outputs = self.outputs, []
        for output in given:
            found = run_script(name, output.value)
            if isinstance(found, RuleFailure):
                self.failures.append(found)
            else:
                self.outputs += [Output(output.target, row, output.weight) for row in found]


def _passes(key: str | None, event: JsonObject, rate: float) -> bool:
    text = event["id"] if key is None else key
    return xxhash.xxh64_intdigest(text.encode("utf-8", "surrogatepass")) < threshold(rate)


def _set(event: JsonObject, values: list[tuple[Any, Any]]) -> Any:
    for _, value in values:
        if isinstance(value, RuleFailure):
            return value
    changed = dict(event)
    for each, value in values:
        if value is None and each.skip_null:
            continue
        changed[each.root] = {**(changed.get(each.root) or {}), each.name: value}
    return changed


def _unset(event: JsonObject, paths: tuple[str, ...]) -> JsonObject:
    changed = dict(event)
    for path in paths:
        root, _, name = path.partition(".")
        held = changed.get(root)
        if isinstance(held, dict) and name in held:
            changed[root] = {key: value for key, value in held.items() if key != name}
    return changed
