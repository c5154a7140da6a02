"""What differs between two shapes of a property, key by key, and between two sets of properties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from trackplane.plan.changes import Change, ChangeKind, Compatibility
from trackplane.plan.diff_renames import renamed
from trackplane.plan.model import Properties, Property

_BOUNDS: Final = (
    ("min", 1, "minimum"), ("max", -1, "maximum"),
    ("min_length", 1, "minimum length"), ("max_length", -1, "maximum length"),
)  # fmt: skip
_WORDS: Final = ("title", "description", "enum_labels")


def shown(value: object) -> str | None:
    """Return a value as people read it: texts as they are, the rest as JSON."""
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def properties_changed(before: Properties, after: Properties) -> Iterator[Change]:
    """Give what differs between two sets of properties by namespace."""
    for namespace in dict.fromkeys((*before, *after)):
        old, new = before.get(namespace, {}), after.get(namespace, {})
        if old is not new and old != new:
            yield from _members(old, new, namespace)


def shape_changed(before: Property, after: Property, path: str) -> Iterator[Change]:
    """Give what differs between two shapes of one property."""
    yield from _types(before, after, path)
    yield from _flag(before, after, path, "required", narrow="is required", wide="is optional")
    if before.nullable != after.nullable:
        yield (
            _widened(path, "nullable", f"{path} may be null")
            if after.nullable
            else _narrowed(path, "nullable", f"{path} is not nullable any more")
        )
    if before.additional != after.additional:
        yield (
            _widened(path, "additional", f"{path} is open")
            if after.additional
            else _narrowed(path, "additional", f"{path} is closed")
        )
    yield from _enum(before, after, path)
    for field, sign, word in _BOUNDS:
        yield from _bound(before, after, path, field, sign, word)
    if before.pattern != after.pattern:
        if after.pattern is None:
            yield _widened(path, "pattern", f"{path} has no pattern any more", before.pattern)
        else:
            text = "another" if before.pattern is not None else "a"
            message = f"{path} has {text} pattern"
            yield _narrowed(path, "pattern", message, before.pattern, after.pattern)
    yield from _described(before, after, path)
    yield from _inner(before, after, path)


def _members(
    old: Mapping[str, Property], new: Mapping[str, Property], path: str
) -> Iterator[Change]:
    gone = {name: shape for name, shape in old.items() if name not in new}
    come = {name: shape for name, shape in new.items() if name not in old}
    pairs = renamed(gone, come) if gone and come else {}
    for name, (was, confidence) in pairs.items():
        here = f"{path}.{name}"
        yield Change(
            kind="renamed",
            path=here,
            compatibility="breaking",
            message=f"{path}.{was} is called {here} now ({confidence:.0%} sure)",
            before=f"{path}.{was}",
            after=here,
            was=f"{path}.{was}",
            confidence=confidence,
        )
        yield from shape_changed(old[was], new[name], here)
    taken = {was for was, _ in pairs.values()}
    for name, shape in gone.items():
        if name not in taken:
            yield Change(
                kind="removed",
                path=f"{path}.{name}",
                compatibility="breaking",
                message=f"{path}.{name} is gone",
                before=summary(shape),
            )
    for name, shape in come.items():
        if name not in pairs:
            needed = shape.required
            yield Change(
                kind="added",
                path=f"{path}.{name}",
                compatibility="narrowing" if needed else "additive",
                message=f"{path}.{name} is new{' and required' if needed else ''}",
                after=summary(shape),
            )
    for name, shape in new.items():
        held = old.get(name)
        if held is not None and held is not shape and held != shape:
            yield from shape_changed(held, shape, f"{path}.{name}")


def summary(shape: Property) -> str:
    """Return a shape in a few words: its type and what is asked of it."""
    text = " | ".join(shape.type)
    if shape.items is not None:
        text += f" of {summary(shape.items)}"
    if shape.values is not None:
        text += f" of {summary(shape.values)}"
    asked = [word for word in ("required", "nullable") if getattr(shape, word)]
    if shape.enum is not None:
        asked.append("one of " + ", ".join(str(value) for value in shape.enum[:8]))
    if shape.pattern is not None:
        asked.append(f"like {shape.pattern}")
    for low, high, word in (("min", "max", ""), ("min_length", "max_length", "length ")):
        small, large = getattr(shape, low), getattr(shape, high)
        if small is not None or large is not None:
            ends = f"{'' if small is None else small}..{'' if large is None else large}"
            asked.append(word + ends)
    if shape.pii is not None:
        asked.append(f"PII: {shape.pii}")
    return ", ".join([text, *asked])


def _types(before: Property, after: Property, path: str) -> Iterator[Change]:
    more, less = set(after.type) - set(before.type), set(before.type) - set(after.type)
    old, new = " | ".join(before.type), " | ".join(after.type)
    if more == {"integer"} and not less and "number" in before.type:
        return  # every integer is a number
    if more:
        yield Change(
            kind="widened" if not less else "changed",
            path=path,
            field="type",
            compatibility="breaking",
            message=f"{path} may be {' or '.join(sorted(more))}, it was {old}",
            before=old,
            after=new,
        )
    elif less:
        message = f"{path} is no longer {' or '.join(sorted(less))}"
        yield _narrowed(path, "type", message, old, new)


def _flag(
    before: Property, after: Property, path: str, field: str, *, narrow: str, wide: str
) -> Iterator[Change]:
    old, new = getattr(before, field), getattr(after, field)
    if new and not old:
        yield _narrowed(path, field, f"{path} {narrow}")
    elif old and not new:
        # A reader who relies on it being there may miss it.
        yield _widened(path, field, f"{path} {wide} now, it was required")


def _enum(before: Property, after: Property, path: str) -> Iterator[Change]:
    old, new = before.enum, after.enum
    if old == new:
        return
    if new is None:
        yield _widened(path, "enum", f"{path} may have any value", shown(old))
        return
    if old is None:
        yield _narrowed(path, "enum", f"{path} must be one of {shown(new)}", None, shown(new))
        return
    gone = [value for value in old if value not in new]
    come = [value for value in new if value not in old]
    if gone:
        message = f"{path} has fewer values: {', '.join(map(str, gone))} gone"
        yield _narrowed(path, "enum", message, shown(old), shown(new))
    if come:
        message = f"{path} has more values: {', '.join(map(str, come))}"
        yield _widened(path, "enum", message, shown(old), shown(new))
    if not gone and not come:
        yield neutral(path, "enum", f"{path} has its values in another order", old, new)


def _bound(
    before: Property, after: Property, path: str, field: str, sign: int, word: str
) -> Iterator[Change]:
    old, new = getattr(before, field), getattr(after, field)
    if old == new:
        return
    tighter = new is not None and (old is None or sign * new > sign * old)
    message = f"{path} has a {'tighter' if tighter else 'looser'} {word}"
    make = _narrowed if tighter else _widened
    yield make(path, field, message, shown(old), shown(new))


def _described(before: Property, after: Property, path: str) -> Iterator[Change]:
    for field in _WORDS:
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            word = "labels" if field == "enum_labels" else field
            yield neutral(path, field, f"{path} has another {word}", old, new)
    if before.pii != after.pii:
        message = f"{path} is {after.pii or 'not personal'}, it was {before.pii or 'not personal'}"
        yield neutral(path, "pii", message, before.pii, after.pii)
    if before.purpose != after.purpose:
        less = set(before.purpose) - set(after.purpose)
        message = f"{path} is for {', '.join(after.purpose) or 'no stated purpose'}"
        if less and after.purpose:
            message += f", no longer for {', '.join(sorted(less))}"
        yield neutral(path, "purpose", message, before.purpose, after.purpose)
    if before.deprecated != after.deprecated:
        state = "is deprecated" if after.deprecated is not None else "is not deprecated any more"
        yield neutral(path, "deprecated", f"{path} {state}", before.deprecated, after.deprecated)


def _inner(before: Property, after: Property, path: str) -> Iterator[Change]:
    old, new = before.properties or {}, after.properties or {}
    if old is not new and old != new:
        yield from _members(old, new, path)
    for field, mark in (("items", "[]"), ("values", "{}")):
        inner, other = getattr(before, field), getattr(after, field)
        if other is not None and inner is None:
            message = f"the {field} of {path} have a shape now"
            yield _narrowed(path, field, message, None, summary(other))
        elif inner is not None and other is None:
            yield Change(
                kind="removed",
                path=path,
                field=field,
                compatibility="breaking",
                message=f"the {field} of {path} have no shape any more",
                before=summary(inner),
            )
        elif inner is not None and inner is not other and inner != other:
            yield from shape_changed(inner, other, path + mark)


def neutral(path: str, field: str, message: str, old: object, new: object) -> Change:
    """Return a change that touches nothing that is sent or read."""
    return Change(
        kind="added"
        if old in (None, (), {})
        else "removed"
        if new in (None, (), {})
        else "changed",
        path=path,
        field=field,
        compatibility="neutral",
        message=message,
        before=shown(old) if old not in ((), {}) else None,
        after=shown(new) if new not in ((), {}) else None,
    )


def _narrowed(
    path: str, field: str, message: str, old: str | None = None, new: str | None = None
) -> Change:
    return _change("narrowed", "narrowing", path, field, message, old, new)


def _widened(
    path: str, field: str, message: str, old: str | None = None, new: str | None = None
) -> Change:
    return _change("widened", "additive", path, field, message, old, new)


def _change(
    kind: ChangeKind,
    compatibility: Compatibility,
    path: str,
    field: str,
    message: str,
    old: str | None,
    new: str | None,
) -> Change:
    return Change(
        kind=kind,
        path=path,
        field=field,
        compatibility=compatibility,
        message=message,
        before=old,
        after=new,
    )
