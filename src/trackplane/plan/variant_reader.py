"""Variants as written: their conditions, their changes, and whether any of them go together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from trackplane.errors import did_you_mean
from trackplane.event import NAMESPACES
from trackplane.plan.groups import read_namespaces
from trackplane.plan.model import Applies, EventSpec, Variant
from trackplane.plan.properties import (
    built_in_property,
    forms_of,
    merge_patch,
    paths_of,
    property_at,
    touched,
    variant_properties,
    with_type_lists,
)
from trackplane.plan.report import Path
from trackplane.plan.shapes import ShapeReader
from trackplane.plan.versions import parse_range

MAX_VARIANTS: Final = 12
MAX_FORMS: Final = 64  # that one property may take under all combinations of variants
_STAMPED: Final = frozenset({"when.server", "when.at"})


def read_variants(
    raw: Any, spec: EventSpec, path: Path, shapes: ShapeReader, uses: set[str]
) -> EventSpec:
    """Return an event with its variants, reporting what is wrong with them."""
    path = (*path, "variants")
    report = shapes.report
    if not isinstance(raw, list):
        report.add("shape", "`variants` is a list", path)
        return spec
    if len(raw) > MAX_VARIANTS:
        report.add(
            "variants", f"at most {MAX_VARIANTS} variants for an event", path,
            hint="plan two events, or say with a check what goes with what",
        )  # fmt: skip
        return spec
    before = len(report.entries)
    variants = []
    for index, entry in enumerate(raw):
        here = (*path, index)
        if not isinstance(entry, dict) or not isinstance(entry.get("applies"), dict):
            report.add("shape", "a variant has `applies` and the properties it changes", here)
            continue
        report.keys(entry, ("applies", *NAMESPACES), here)
        applies = _applies(entry["applies"], (*here, "applies"), spec, shapes)
        patch = read_namespaces(shapes, entry, here, uses)
        _check_patch(spec, patch, here, shapes)
        variants.append(Variant(applies=applies, patch=patch))
    whole = msgspec.structs.replace(spec, variants=tuple(variants))
    if len(report.entries) == before:
        _check_together(whole, path, shapes)
    return whole


def _applies(raw: Mapping[Any, Any], path: Path, spec: EventSpec, shapes: ShapeReader) -> Applies:
    report = shapes.report
    equals: dict[str, tuple[Any, ...]] = {}
    platform = app = version = None
    for key, value in raw.items():
        here = (*path, str(key))
        values = tuple(value) if isinstance(value, list) else (value,)
        if key in {"platform", "app"}:
            wrong = next((item for item in values if not isinstance(item, str)), None)
            if wrong is not None or not values:
                report.not_text(wrong, f"each of `{key}`", here)
            elif key == "platform":
                platform = values
            else:
                app = values
        elif key == "app_version":
            if not isinstance(value, str):
                report.not_text(value, "`app_version`", here)
                continue
            try:
                parse_range(value)
                version = value
            except ValueError as error:
                report.add("applies", str(error), here, hint='such as "<9.2" or ">=2.0, <3"')
        elif str(key).partition(".")[0] in NAMESPACES and (planned := property_at(spec, str(key))):
            if (
                planned.type == ("string",)
                and (number := next((n for n, item in enumerate(values) if _unquoted(item)), None))
                is not None
            ):
                at = (*here, number) if isinstance(value, list) else here
                report.not_text(values[number], f"a value of `{key}`", at)
            elif values and all(isinstance(item, str | int | float | bool) for item in values):
                equals[str(key)] = values
            else:
                report.add("applies", "a property is compared with plain values", here)
        else:
            known = ("platform", "app", "app_version", *paths_of(spec))
            report.add(
                "applies", f"{key!r} is not a planned property's path", here,
                hint=did_you_mean(str(key), known)
                or "platform, app, app_version, or a path such as what.total.currency",
            )  # fmt: skip
    return Applies(platform=platform, app=app, app_version=version, equals=equals)


def _unquoted(value: object) -> bool:
    return isinstance(value, bool | int | float)


def _check_patch(
    spec: EventSpec, patch: Mapping[str, Mapping[str, Any]], path: Path, shapes: ShapeReader
) -> None:
    """Check each changed property as it is with this variant alone."""
    for namespace, members in patch.items():
        planned = spec.properties.get(namespace, {})
        for name, change in members.items():
            here = (*path, namespace, name)
            if change is None:
                continue
            base = planned.get(name)
            tree = msgspec.to_builtins(base) if base is not None else None
            shape = shapes.shape(merge_patch(tree, with_type_lists(change)), here)
            built_in = built_in_property(f"{namespace}.{name}")
            if f"{namespace}.{name}" in _STAMPED or (
                built_in is not None and shape.type != built_in.type
            ):
                shapes.report.add(
                    "built_in", f"{namespace}.{name} is built in: a variant keeps its type", here
                )
        together = [*planned, *(name for name in members if name not in planned)]
        if len(together) > len(planned):
            shapes.alike(together, (*path, namespace))


def _check_together(spec: EventSpec, path: Path, shapes: ShapeReader) -> None:
    """Check that variants that are right alone are so together: any of them may apply.

    Two at a time are enough: a combination fails only where one takes away what a later one changes
    without saying its type, and those two then fail alone.
    """
    numbers = range(len(spec.variants))
    for first in numbers:
        for second in numbers[first + 1 :]:
            try:
                variant_properties(spec, 1 << first | 1 << second)
            except msgspec.ValidationError as error:
                shapes.report.add(
                    "variants", f"variants {first + 1} and {second + 1} do not go together: {error}",
                    (*path, second), hint="one takes away what the other changes",
                )  # fmt: skip
                return
    for (namespace, name), by in touched(spec).items():
        if len(by) > 1 and max(map(len, forms_of(spec, namespace, name))) > MAX_FORMS:
            shapes.report.add(
                "variants",
                f"{len(by)} variants give {namespace}.{name} more than {MAX_FORMS} forms",
                path, hint="let fewer variants change one property",
            )  # fmt: skip


__all__ = ["MAX_FORMS", "MAX_VARIANTS", "read_variants"]
