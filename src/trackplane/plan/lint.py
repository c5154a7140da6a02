"""The organisation's own rules for plans: what good names and complete descriptions are.

``load_rules`` reads them from YAML (``lint: {...}``), ``lint`` finds what breaks them, ``fix``
mends what can be mended without asking. The rules are in ``lint_rules.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from trackplane.errors import Finding
from trackplane.plan.lint_checks import Found, Linter
from trackplane.plan.lint_mend import mended
from trackplane.plan.lint_rules import RULES, LintRules, default_rules, load_rules
from trackplane.plan.model import EventSpec, Plan, Properties
from trackplane.plan.workspace import Workspace

_ROUNDS: Final = 5


def lint(
    workspace: Workspace, rules: LintRules | None = None, *, events: Iterable[str] | None = None
) -> list[Finding]:
    """Return what breaks the rules (None: those that come with Trackplane), with file and line.

    ``events`` limits it to some events: after a change, ``workspace.changed``. Rules that compare
    the parts of a plan (``type_conflict``, ``unused``) look at the whole plan only.
    """
    found = _all(workspace, rules, events)
    return workspace.placed([(each.path, each.finding) for each in found])


def lint_event(spec: EventSpec, rules: LintRules | None = None) -> list[Finding]:
    """Return what breaks the rules in one event, by JSON pointer."""
    linter = Linter(rules or default_rules())
    return [found.finding for found in linter.event(spec, {}) if found.finding.code]


def fix(workspace: Workspace, rules: LintRules | None = None) -> dict[str, str]:
    """Return the files that mending changes, with their new texts; comments stay.

    What it leaves needs a person: ``lint`` of the new texts tells it.
    """
    files: dict[str, str] = {}
    for _ in range(_ROUNDS):  # one mending may make room for another
        found = _all(workspace, rules, None)
        changed = mended(workspace, [each.mend for each in found if each.mend is not None])
        if not changed:
            break
        files |= changed
        workspace = workspace.change(changed)
    return files


def _all(
    workspace: Workspace, rules: LintRules | None, events: Iterable[str] | None
) -> list[Found]:
    linter = Linter(rules or default_rules())
    linter.without_types(workspace.plan.types.values())
    return [each for each in _found(workspace, linter, events) if each.finding.code]


def _found(workspace: Workspace, linter: Linter, events: Iterable[str] | None) -> Iterator[Found]:
    plan = workspace.plan
    together: dict[tuple[str, ...], Properties] = {}
    names = plan.events if events is None else [name for name in events if name in plan.events]
    for name in names:
        spec = plan.events[name]
        groups = together.get(spec.groups)
        if groups is None:
            groups = together[spec.groups] = _together(plan, spec.groups)
        yield from linter.event(spec, groups)
    if events is not None:
        return
    for name, shape in plan.types.items():
        yield from linter.type(name, shape)
    for name, group in plan.groups.items():
        yield from linter.group(name, group)
    for metric in plan.metrics.values():
        yield from linter.metric(metric)
    if linter.is_on("type_conflict"):
        yield from _conflicts(plan, linter)
    if linter.is_on("unused"):
        yield from _unused(workspace, linter)


def _together(plan: Plan, names: Iterable[str]) -> Properties:
    found: Properties = {}
    for name in names:
        for namespace, members in plan.groups.get(name, {}).items():
            found.setdefault(namespace, {}).update(members)
    return found


def _conflicts(plan: Plan, linter: Linter) -> Iterator[Found]:
    """Yield properties whose type is another than that of most properties of their name."""
    types: dict[tuple[str, str], Counter[tuple[str, ...]]] = {}
    for spec in plan.events.values():
        for namespace, members in spec.properties.items():
            for name, shape in members.items():
                counter = types.get((namespace, name))
                if counter is None:
                    counter = types[namespace, name] = Counter()
                counter[shape.type] += 1
    usual = {key: counter.most_common(1)[0] for key, counter in types.items() if len(counter) > 1}
    usual = {key: (kind, n) for key, (kind, n) in usual.items() if n > sum(types[key].values()) / 2}
    if not usual:
        return
    for event, spec in plan.events.items():
        for namespace, members in spec.properties.items():
            for name, shape in members.items():
                common = usual.get((namespace, name))
                if common is not None and shape.type != common[0]:
                    message = (
                        f"{namespace}.{name} is {' | '.join(shape.type)} here,"
                        f" {' | '.join(common[0])} in {common[1]} other events"
                    )
                    path = ("events", event, namespace, name)
                    yield linter.whole(
                        path, "type_conflict", message, "use one type, or another name"
                    )


def _unused(workspace: Workspace, linter: Linter) -> Iterator[Found]:
    for section, name in workspace.unused():
        message = f"no event uses the {section.removesuffix('s')} {name!r}"
        yield linter.whole((section, name), "unused", message, "take it away, or use it")


__all__ = ["RULES", "LintRules", "fix", "lint", "lint_event", "load_rules"]
