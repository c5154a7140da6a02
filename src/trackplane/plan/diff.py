"""What differs between two plans, and what it means for those who read events and who send them.

The classes are ``changes``'s. A planned optional property where there was none is additive: nobody was
told that it could be sent otherwise. Equal things are skipped first, so the time goes with what differs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from trackplane.plan.changes import (
    Change,
    Compatibility,
    Counts,
    Difference,
    PartChange,
    Section,
    Whole,
    gravest,
    in_order,
)
from trackplane.plan.diff_events import event_changed
from trackplane.plan.diff_metrics import metric_changed, metrics_affected
from trackplane.plan.diff_renames import renamed_events
from trackplane.plan.diff_shapes import properties_changed, shape_changed, summary
from trackplane.plan.model import Plan

T = TypeVar("T")


def difference(before: Plan, after: Plan) -> Difference:
    """Return all that differs between two plans."""
    events = list(_events(before, after))
    metrics = list(_metrics(before, after, events))
    parts = [*_libraries(before, after), *_types(before, after), *_groups(before, after)]
    counted = [*events, *metrics]
    parts += counted
    found = Counter[str](part.kind for part in parts)
    found.update(part.compatibility for part in parts)
    whole: Whole = "same"
    if parts:
        whole = gravest(part.compatibility for part in counted)
    return Difference(
        app=after.app, compatibility=whole, counts=Counts(**found), parts=tuple(parts)
    )


def library_difference(before: Plan, after: Plan) -> Difference:
    """Return what differs between two versions of a library, each as a plan that uses nothing else.

    Here its types and groups themselves count: whoever uses them is not known.
    """
    found = difference(before, after)
    classes = [part.compatibility for part in found.parts if part.section != "use"]
    whole: Whole = "same"
    if classes:
        whole = gravest(classes)
    return Difference(app=found.app, compatibility=whole, counts=found.counts, parts=found.parts)


def changed_names(before: Mapping[str, T], after: Mapping[str, T]) -> list[str]:
    """Return the names whose things differ, sorted; things that are one object are not looked at."""
    found = [
        name
        for name, thing in after.items()
        if (held := before.get(name)) is not thing and held != thing
    ]
    if len(found) + len(before) > len(after) or len(before) != len(after):
        found += [name for name in before if name not in after]
    return sorted(found)


def _events(before: Plan, after: Plan) -> Iterator[PartChange]:
    names = changed_names(before.events, after.events)
    gone = {name: before.events[name] for name in names if name not in after.events}
    come = {name: after.events[name] for name in names if name not in before.events}
    pairs = renamed_events(gone, come) if gone and come else {}
    taken = {was for was, _ in pairs.values()}
    groups = (before.groups, after.groups)
    for name in names:
        if name in pairs:
            was, sure = pairs[name]
            inner = in_order(event_changed(gone[was], come[name], groups))
            head = Change(
                kind="renamed",
                compatibility="breaking",
                message=f"{was} is called {name} now ({sure:.0%} sure)",
                before=was,
                after=name,
                was=was,
                confidence=sure,
            )
            yield PartChange(
                section="events",
                name=name,
                kind="renamed",
                compatibility="breaking",
                changes=(head, *inner),
                was=was,
                confidence=sure,
            )
        elif name in come:
            yield _whole("events", name, "added", "additive")
        elif name in gone:
            if name not in taken:
                yield _whole("events", name, "removed", "breaking")
        else:
            changes = in_order(event_changed(before.events[name], after.events[name], groups))
            yield _changed("events", name, changes)


def _metrics(before: Plan, after: Plan, events: Iterable[PartChange]) -> Iterator[PartChange]:
    names = changed_names(before.metrics, after.metrics)
    touched = {part.name: part for part in events}
    touched |= {
        part.was: part for part in events if part.was is not None and part.was not in touched
    }
    same = (metric for name, metric in after.metrics.items() if name not in set(names))
    affected = {part.name: part for part in metrics_affected(same, touched)} if touched else {}
    for name in sorted({*names, *affected}):
        if name in affected:
            yield affected[name]
        elif name not in before.metrics:
            yield _whole("metrics", name, "added", "additive")
        elif name not in after.metrics:
            yield _whole("metrics", name, "removed", "breaking")
        else:
            old, new = before.metrics[name], after.metrics[name]
            changes = list(metric_changed(old, new))
            if old.of == new.of:
                for also in metrics_affected([new], touched):
                    changes += also.changes
            yield _changed("metrics", name, in_order(changes))


def _types(before: Plan, after: Plan) -> Iterator[PartChange]:
    yield from _parts(
        "types",
        before.types,
        after.types,
        lambda old, new: shape_changed(old, new, "type"),
        describe=summary,
    )


def _groups(before: Plan, after: Plan) -> Iterator[PartChange]:
    yield from _parts("groups", before.groups, after.groups, properties_changed)


def _parts(
    section: Section,
    before: Mapping[str, T],
    after: Mapping[str, T],
    compare: Callable[[T, T], Iterator[Change]],
    describe: Callable[[T], str] | None = None,
) -> Iterator[PartChange]:
    for name in changed_names(before, after):
        if name not in before:
            text = describe(after[name]) if describe else None
            yield _whole(section, name, "added", "additive", after=text)
        elif name not in after:
            text = describe(before[name]) if describe else None
            yield _whole(section, name, "removed", "breaking", before=text)
        else:
            yield _changed(section, name, in_order(compare(before[name], after[name])))


def _libraries(before: Plan, after: Plan) -> Iterator[PartChange]:
    old = dict(use.partition("@")[::2] for use in before.use)
    new = dict(use.partition("@")[::2] for use in after.use)
    for name in changed_names(old, new):
        was, now = old.get(name), new.get(name)
        if was is None:
            yield _whole("use", name, "added", "neutral", after=now)
        elif now is None:
            yield _whole("use", name, "removed", "neutral", before=was)
        else:
            change = Change(
                kind="changed",
                field="version",
                compatibility="neutral",
                message=f"version {now} of the library {name} is used, it was {was}",
                before=was,
                after=now,
            )
            yield _changed("use", name, (change,))


def _whole(
    section: Section,
    name: str,
    kind: str,
    compatibility: Compatibility,
    *,
    before: str | None = None,
    after: str | None = None,
) -> PartChange:
    added = kind == "added"
    change = Change(
        kind="added" if added else "removed",
        compatibility=compatibility,
        message=f"{name} is {'new' if added else 'gone'}",
        before=before,
        after=after,
    )
    return PartChange(
        section=section,
        name=name,
        kind="added" if added else "removed",
        compatibility=compatibility,
        changes=(change,),
    )


def _changed(section: Section, name: str, changes: tuple[Change, ...]) -> PartChange:
    return PartChange(
        section=section,
        name=name,
        kind="changed",
        compatibility=gravest(change.compatibility for change in changes),
        changes=changes,
    )
