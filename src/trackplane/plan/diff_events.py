"""What differs between two events: what is said about them, their groups, properties, variants, checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Final

import msgspec

from trackplane.plan.changes import Change, Compatibility
from trackplane.plan.diff_shapes import neutral, properties_changed, shown
from trackplane.plan.model import Applies, Check, EventSpec, Properties, Variant
from trackplane.plan.properties import variant_properties

Groups = Mapping[str, Properties]
_WORDS: Final = (
    ("title", "title"), ("description", "description"), ("trigger", "trigger"),
    ("owner", "owner"), ("category", "category"), ("tags", "tags"), ("screenshots", "screenshots"),
    ("renew_days", "days of renewal"),
)  # fmt: skip


def event_changed(
    before: EventSpec, after: EventSpec, groups: tuple[Groups, Groups]
) -> Iterator[Change]:
    """Give what differs between two events; ``groups`` are those of either plan."""
    yield from _intent(before, after)
    yield from _described(before, after)
    if before.properties is not after.properties:
        yield from properties_changed(before.properties, after.properties)
    if before.groups != after.groups:
        yield from _grouped(before, after, groups)
    if before.variants or after.variants:
        yield from _variants(before, after)
    if before.checks != after.checks:
        yield from _checks(before.checks, after.checks)


def _intent(before: EventSpec, after: EventSpec) -> Iterator[Change]:
    if before.removed != after.removed:
        yield Change(
            kind="narrowed" if after.removed else "widened",
            field="removed",
            compatibility="breaking" if after.removed else "additive",
            message="it is removed" if after.removed else "it is not removed any more",
        )
    if before.grade != after.grade:
        lower = after.grade > before.grade
        more = "less" if lower else "more"
        yield Change(
            kind="narrowed" if lower else "widened",
            field="grade",
            compatibility="narrowing" if lower else "additive",
            message=f"its grade is {after.grade}, it was {before.grade}: {more} is promised of it",
            before=before.grade,
            after=after.grade,
        )
    if before.platforms != after.platforms:
        yield from _platforms(before.platforms, after.platforms)
    if before.expires != after.expires:
        sooner = after.expires is not None and (
            before.expires is None or after.expires < before.expires
        )
        yield Change(
            kind="narrowed" if sooner else "widened",
            field="expires",
            compatibility="narrowing" if sooner else "additive",
            message=f"it expires {after.expires}"
            if after.expires
            else "it does not expire any more",
            before=before.expires,
            after=after.expires,
        )
    if before.deprecated != after.deprecated:
        old, new = before.deprecated, after.deprecated
        message = "it is not deprecated any more"
        narrow: Compatibility = "neutral"
        if new is not None:
            message = "it is deprecated"
            message += f", {new.replaced_by} replaces it" if new.replaced_by else ""
            message += f", taken until {new.until}" if new.until else ""
            ends = old.until if old is not None else None
            if new.until is not None and (ends is None or new.until < ends):
                narrow = "narrowing"
        yield Change(
            kind="removed" if new is None else "added" if old is None else "changed",
            field="deprecated",
            compatibility=narrow,
            message=message,
            before=shown(msgspec.to_builtins(old)),
            after=shown(msgspec.to_builtins(new)),
        )


def _platforms(old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[Change]:
    gone = [name for name in old if name not in new] if new else []
    come = [name for name in new if name not in old] if old else []
    parts: list[tuple[Compatibility, str]] = []
    if not old:
        parts.append(("narrowing", f"it is for {', '.join(new)} only, it was for every platform"))
    elif not new:
        parts.append(("additive", "it is for every platform"))
    if gone:
        parts.append(("narrowing", f"it is not for {', '.join(gone)} any more"))
    if come:
        parts.append(("additive", f"it is for {', '.join(come)} too"))
    if not parts:
        parts.append(("neutral", "its platforms stand in another order"))
    for compatibility, message in parts:
        yield Change(
            kind={"narrowing": "narrowed", "additive": "widened"}.get(compatibility, "changed"),  # type: ignore[arg-type]
            field="platforms",
            compatibility=compatibility,
            message=message,
            before=", ".join(old) or None,
            after=", ".join(new) or None,
        )


def _described(before: EventSpec, after: EventSpec) -> Iterator[Change]:
    for field, word in _WORDS:
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            if field == "owner":
                message = f"its owner is {new or 'nobody'}, it was {old or 'nobody'}"
            else:
                message = f"it has {'other' if word.endswith('s') else 'another'} {word}"
            yield neutral("", field, message, old, new)


def _grouped(
    before: EventSpec, after: EventSpec, groups: tuple[Groups, Groups]
) -> Iterator[Change]:
    old = {name: _members(groups[0].get(name)) for name in before.groups}
    new = {name: _members(groups[1].get(name)) for name in after.groups}
    was_grouped = {each for members in old.values() for each in members}
    is_grouped = {each for members in new.values() for each in members}
    for name in after.groups:
        if name not in old:
            yield neutral("", "groups", f"it uses the group {name}", None, name)
            for each in sorted(new[name] & _members(before.properties)):
                source = next((group for group, held in old.items() if each in held), None)
                what = f" from {source}" if each in was_grouped else ""
                yield _moved(each, f"comes by the group {name} now{what}", name)
    for name in before.groups:
        if name not in new:
            yield neutral("", "groups", f"it does not use the group {name} any more", name, None)
            for each in sorted((old[name] & _members(after.properties)) - is_grouped):
                yield _moved(each, f"is the event's own now, it came by the group {name}", name)


def _members(properties: Properties | None) -> set[str]:
    return {f"{space}.{name}" for space, members in (properties or {}).items() for name in members}


def _moved(path: str, message: str, group: str) -> Change:
    return Change(
        kind="moved", path=path, compatibility="neutral", message=f"{path} {message}", group=group
    )


# --- variants


def _variants(before: EventSpec, after: EventSpec) -> Iterator[Change]:
    """Give what changes where variants hold: each alone, and each two together.

    What changes without any is not said again.
    """
    if before.variants == after.variants and before.properties == after.properties:
        return
    old, new = _by_condition(before.variants), _by_condition(after.variants)
    said = {_key(change) for change in properties_changed(before.properties, after.properties)}
    names = list(dict.fromkeys((*old, *new)))
    found = False
    for name in names:
        for change in _under(before, after, old, new, (name,), said):
            found = True
            yield change
    for pair in combinations(names, 2):
        for change in _under(before, after, old, new, pair, said):
            found = True
            yield change
    if not found and before.variants != after.variants:
        yield neutral("", "variants", "its variants are written otherwise", None, None)


def _under(
    before: EventSpec,
    after: EventSpec,
    old: Mapping[str, int],
    new: Mapping[str, int],
    names: tuple[str, ...],
    said: set[tuple[str, str, str]],
) -> Iterator[Change]:
    was, now = _with(before, old, names), _with(after, new, names)
    fresh = [change for change in properties_changed(was, now) if _key(change) not in said]
    said.update(_key(change) for change in fresh)
    where = " and ".join(names)
    for change in fresh:
        yield msgspec.structs.replace(
            change, applies=where, message=f"where {where}: {change.message}"
        )


def _with(spec: EventSpec, numbers: Mapping[str, int], names: tuple[str, ...]) -> Properties:
    mask = sum(1 << numbers[name] for name in names if name in numbers)
    return variant_properties(spec, mask)


def _by_condition(variants: tuple[Variant, ...]) -> dict[str, int]:
    """Return the place of each variant by its condition; of two of one condition, told apart."""
    found: dict[str, int] = {}
    for number, variant in enumerate(variants):
        name = condition(variant.applies)
        while name in found:
            name += " (again)"
        found[name] = number
    return found


def condition(applies: Applies) -> str:
    """Return when a variant applies, as people read it."""
    parts = [
        f"{word} is {' or '.join(values)}"
        for word, values in (("platform", applies.platform), ("app", applies.app))
        if values is not None
    ]
    if applies.app_version is not None:
        parts.append(f"app_version {applies.app_version}")
    parts += [
        f"{path} is {' or '.join(map(str, values))}" for path, values in applies.equals.items()
    ]
    return ", ".join(parts) or "always"


def _key(change: Change) -> tuple[str, str, str]:
    return change.path, change.field, change.kind


# --- checks


def _checks(old: tuple[Check, ...], new: tuple[Check, ...]) -> Iterator[Change]:
    was, now = {check.name: check for check in old}, {check.name: check for check in new}
    for name, check in now.items():
        held = was.get(name)
        path = f"checks.{name}"
        if held is None:
            strict = check.severity == "error"
            yield Change(
                kind="added",
                path=path,
                compatibility="narrowing" if strict else "additive",
                message=f"the check {name} is new: {check.that}",
                after=check.that,
            )
        elif held != check:
            yield from _check(path, held, check)
    for name, check in was.items():
        if name not in now:
            yield Change(
                kind="removed",
                path=f"checks.{name}",
                compatibility="additive",
                message=f"the check {name} is gone",
                before=check.that,
            )


def _check(path: str, old: Check, new: Check) -> Iterator[Change]:
    if old.that != new.that:
        yield Change(
            kind="changed",
            path=path,
            field="that",
            compatibility="narrowing" if new.severity == "error" else "additive",
            message=f"the check {new.name} is another",
            before=old.that,
            after=new.that,
        )
    if old.severity != new.severity:
        strict = new.severity == "error"
        yield Change(
            kind="narrowed" if strict else "widened",
            path=path,
            field="severity",
            compatibility="narrowing" if strict else "additive",
            message=f"breaking the check {new.name} is {'an' if strict else 'a'} {new.severity} now",
            before=old.severity,
            after=new.severity,
        )
    if old.message != new.message:
        message = f"the check {new.name} has another message"
        yield neutral(path, "message", message, old.message, new.message)
