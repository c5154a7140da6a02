"""What differs between two versions of a rule: in text, and in what it means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import unified_diff

import msgspec

from trackplane.control.rule_wire import RuleChange
from trackplane.rules import ir
from trackplane.rules.printing import text_of


def text_diff(before: str, after: str, *, names: tuple[str, str]) -> str:
    """Return a unified diff of two texts."""
    lines = unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), *names, n=3
    )
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def changes(before: ir.Rule, after: ir.Rule) -> list[RuleChange]:
    """Return what a rule does otherwise than before, in the order of its keys."""
    return list(_changes(before, after))


def _changes(before: ir.Rule, after: ir.Rule) -> Iterator[RuleChange]:
    yield from _plain("apps", _names(before.apps), _names(after.apps))
    yield from _plain("env", _names(before.envs), _names(after.envs))
    yield from _plain("events", _names(before.events), _names(after.events))
    yield from _plain("filter", _text(before.where), _text(after.where))
    old, new = list(_steps(before.actions)), list(_steps(after.actions))
    yield from _plain("actions", "; ".join(old), "; ".join(new))
    yield from _columns(_selected(before), _selected(after))
    yield from _plain("target", ", ".join(ir.targets(before)), ", ".join(ir.targets(after)))
    yield from _plain("on_error", before.on_error, after.on_error)
    yield from _plain("owner", before.owner, after.owner)


def _plain(kind: str, before: str, after: str) -> Iterator[RuleChange]:
    if before != after:
        yield _change(kind, "", before, after)


def _change(kind: str, name: str, before: str, after: str) -> RuleChange:
    found = {"kind": kind, "name": name, "before": before, "after": after}
    return msgspec.convert(found, RuleChange)


def _names(names: Sequence[str] | None) -> str:
    return ", ".join(names) if names else "all"


def _text(expression: ir.Expression | None) -> str:
    return text_of(expression) if expression is not None else ""


def _selected(rule: ir.Rule) -> dict[str, str]:
    return {
        column.name: text_of(column.value)
        for action in rule.actions
        if isinstance(action, ir.Select)
        for column in action.columns
    }


def _columns(before: dict[str, str], after: dict[str, str]) -> Iterator[RuleChange]:
    for name in dict.fromkeys((*before, *after)):
        if name not in after:
            yield _change("column_removed", name, before[name], "")
        elif name not in before:
            yield _change("column_added", name, "", after[name])
        elif before[name] != after[name]:
            yield _change("column_changed", name, before[name], after[name])


def _steps(actions: Iterable[ir.Action]) -> Iterator[str]:
    """Return each action as a line; of a select only that it is one, its columns stand apart."""
    for action in actions:
        match action:
            case ir.Drop(when=when):
                yield f"drop {text_of(when)}"
            case ir.Sample(rate=rate, key=key):
                yield f"sample {rate} by {text_of(key)}"
            case ir.Set(values=values):
                sets = (f"{v.root}.{v.name} = {text_of(v.value)}" for v in values)
                yield f"set {', '.join(sets)}"
            case ir.Unset(paths=paths):
                yield f"unset {', '.join(paths)}"
            case ir.Explode(over=over, name=name):
                yield f"explode {text_of(over)} as {name}"
            case ir.Route(by=by, targets=targets):
                to = ", ".join(f"{value}: {target}" for value, target in targets)
                yield f"route by {text_of(by)} to {to}"
            case ir.Script(name=name):
                yield f"script {name}"
            case _:
                yield type(action).__name__.lower()
