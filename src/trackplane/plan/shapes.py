"""Properties as written: named types expanded, constraints checked, findings collected by path."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import re2

from trackplane.errors import Finding, Severity, did_you_mean
from trackplane.event import NAMESPACES
from trackplane.plan.model import (
    TYPE_NAMES,
    Applies,
    Deprecation,
    Properties,
    Property,
    Text,
)
from trackplane.plan.properties import merge_patch
from trackplane.plan.versions import parse_range

Path = tuple[str | int, ...]

_PROPERTY_KEYS: Final = (
    "type", "required", "nullable", "enum", "min", "max", "min_length", "max_length", "pattern",
    "items", "values", "properties", "additional", "title", "description", "pii", "purpose",
    "deprecated",
)  # fmt: skip
# Which constraint may stand beside which types.
_FITS: Final[Mapping[str, frozenset[str]]] = {
    "min": frozenset({"integer", "number"}),
    "max": frozenset({"integer", "number"}),
    "min_length": frozenset({"string", "array", "object", "map"}),
    "max_length": frozenset({"string", "array", "object", "map"}),
    "pattern": frozenset({"string"}),
    "items": frozenset({"array"}),
    "values": frozenset({"map"}),
    "properties": frozenset({"object"}),
    "additional": frozenset({"object"}),
}
# What RE2 and ECMA-262 read differently, or only one of them reads.
_FOREIGN: Final = ("\\s", "\\S", "\\b", "\\B", "\\p", "\\P", "\\A", "\\z", "\\Q", "\\C", "[[:", "(?i", "(?s", "(?m", "(?U", "(?P", "(?<", "(?=", "(?!", "\\k", "\\u")  # fmt: skip
_MAX_DEPTH: Final = 16


class Report:
    """Findings by path; lines and columns are found later, once, if there is anything."""

    def __init__(self) -> None:
        self.entries: list[tuple[Path, Finding]] = []

    def add(
        self,
        code: str,
        message: str,
        path: Path,
        *,
        hint: str | None = None,
        severity: Severity = "error",
    ) -> None:
        """Add a finding."""
        pointer = "/" + "/".join(str(part) for part in path) if path else None
        self.entries.append(
            (
                path,
                Finding(code=code, message=message, hint=hint, pointer=pointer, severity=severity),
            )
        )

    def keys(
        self, raw: Mapping[Any, Any], known: Sequence[str], path: Path, *, elsewhere: str = ""
    ) -> None:
        """Report keys that are not known, each with the nearest one."""
        for key in raw:
            if key not in known:
                self.add(
                    "unknown_key",
                    f"unknown key {key!r}",
                    (*path, str(key)),
                    hint=did_you_mean(str(key), known) or elsewhere or None,
                )

    def text(self, raw: Mapping[Any, Any], key: str, path: Path) -> str | None:
        """Return a text or None; report anything else."""
        value = raw.get(key)
        if value is not None and not isinstance(value, str):
            self.add("shape", f"`{key}` is a text", (*path, key))
            return None
        return value

    def words(self, raw: Mapping[Any, Any], key: str, path: Path) -> Text | None:
        """Return a text or one for each language."""
        value = raw.get(key)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, dict) and all(
            isinstance(k, str) and isinstance(v, str) for k, v in value.items()
        ):
            return value
        self.add("shape", f"`{key}` is a text, or one for each language", (*path, key))
        return None

    def texts(self, raw: Mapping[Any, Any], key: str, path: Path) -> list[str]:
        """Return a list of texts."""
        value = raw.get(key)
        if value is None:
            return []
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        self.add("shape", f"`{key}` is a list of texts", (*path, key))
        return []


def normal(value: Any) -> Any:
    """Return a YAML value as JSON has it: dates as text."""
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): normal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [normal(inner) for inner in value]
    return value


class ShapeReader:
    """Reads properties of one plan, whose named types it knows."""

    def __init__(self, report: Report, types: Any) -> None:
        self._report = report
        if types is not None and not isinstance(types, dict):
            report.add("shape", "`types` is a mapping", ("types",))
        self._types: dict[str, Any] = (
            {str(k): v for k, v in types.items()} if isinstance(types, dict) else {}
        )

    def check_types(self) -> None:
        """Check each named type once, used or not."""
        for name in self._types:
            path: Path = ("types", name)
            if name in TYPE_NAMES:
                self._report.add("name", f"{name!r} is a type of its own already", path)
                continue
            self.shape(self.expand(self._types[name], path, above=(name,)), path)

    def expand(
        self, raw: Any, path: Path, *, above: tuple[str, ...] = (), patch: bool = False
    ) -> Any:
        """Return a property with named types expanded, as plain JSON."""
        if isinstance(raw, str):
            raw = {"type": raw}
        raw = normal(raw)
        if not isinstance(raw, dict):
            return raw
        if len(path) > 4 * _MAX_DEPTH:
            self._report.add("depth", f"nested deeper than {_MAX_DEPTH}", path)
            return {"type": "json"}
        for key in ("items", "values"):
            if key in raw and raw[key] is not None:
                raw[key] = self.expand(raw[key], (*path, key), above=above, patch=patch)
        if isinstance(raw.get("properties"), dict):
            raw["properties"] = {
                name: self.expand(inner, (*path, "properties", name), above=above, patch=patch)
                for name, inner in raw["properties"].items()
            }
        kind = raw.get("type")
        if isinstance(kind, str) and kind not in TYPE_NAMES:
            return self._named(kind, raw, path, above)
        if kind is None and not patch:
            self._report.add("type", "a property needs a `type`", path)
            raw["type"] = "json"
        return raw

    def _named(self, kind: str, raw: dict[str, Any], path: Path, above: tuple[str, ...]) -> Any:
        rest = {key: value for key, value in raw.items() if key != "type"}
        if kind in above:
            self._report.add(
                "recursive_type", f"type {kind!r} contains itself: {' > '.join((*above, kind))}", path,
                hint="use `type: json` for a part that nests without end",
            )  # fmt: skip
            return {"type": "json"}
        if kind not in self._types:
            self._report.add(
                "unknown_type", f"there is no type {kind!r}", (*path, "type"),
                hint=did_you_mean(kind, [*self._types, *TYPE_NAMES]),
            )  # fmt: skip
            return {"type": "json"}
        base = self.expand(self._types[kind], ("types", kind), above=(*above, kind))
        return merge_patch(base, rest)

    def properties(self, tree: Mapping[str, Any], path: Path) -> Properties:
        """Return expanded namespaces as properties."""
        return {
            namespace: {
                name: self.shape(raw, (*path, namespace, name)) for name, raw in members.items()
            }
            for namespace, members in tree.items()
        }

    def shape(self, raw: Any, path: Path) -> Property:
        """Return one expanded property, reporting whatever is wrong with it."""
        fallback = Property(type=("json",))
        if not isinstance(raw, dict):
            self._report.add("shape", "a property is a type name or a mapping with `type`", path)
            return fallback
        self._report.keys(raw, _PROPERTY_KEYS, path)
        raw = {key: value for key, value in raw.items() if key in _PROPERTY_KEYS}
        kinds = raw.get("type")
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if not isinstance(kinds, list) or not kinds or not all(isinstance(k, str) for k in kinds):
            self._report.add("type", "`type` is a name or a list of names", (*path, "type"))
            return fallback
        for kind in kinds:
            if kind not in TYPE_NAMES:
                self._report.add(
                    "unknown_type", f"{kind!r} cannot stand in a union", (*path, "type"),
                    hint=did_you_mean(kind, TYPE_NAMES) or "named types do not mix into unions",
                )  # fmt: skip
                return fallback
        raw["type"] = kinds
        self._fits(raw, kinds, path)
        self._labels(raw, kinds, path)
        self._inner(raw, path)
        if isinstance(raw.get("deprecated"), bool):
            raw["deprecated"] = {} if raw["deprecated"] else None
        if isinstance(raw.get("purpose"), str):
            raw["purpose"] = [raw["purpose"]]
        try:
            return msgspec.convert(raw, Property)
        except msgspec.ValidationError as error:
            self._report.add("value", str(error), path)
            return fallback

    def _fits(self, raw: dict[str, Any], kinds: list[str], path: Path) -> None:
        for key, types in _FITS.items():
            if raw.get(key) is not None and not types & set(kinds):
                self._report.add(
                    "constraint", f"`{key}` does not go with {' | '.join(kinds)}", (*path, key)
                )
        for low, high in (("min", "max"), ("min_length", "max_length")):
            small, large = raw.get(low), raw.get(high)
            numbers = isinstance(small, int | float) and isinstance(large, int | float)
            if numbers and small > large:  # type: ignore[operator]
                self._report.add("constraint", f"`{low}` is above `{high}`", (*path, low))
        for key in ("min_length", "max_length"):
            value = raw.get(key)
            if isinstance(value, int) and value < 0:
                self._report.add("constraint", f"`{key}` is below 0", (*path, key))
        pattern = raw.get("pattern")
        if isinstance(pattern, str):
            self._pattern(pattern, (*path, "pattern"))

    def _pattern(self, pattern: str, path: Path) -> None:
        for foreign in _FOREIGN:
            if foreign in pattern:
                self._report.add(
                    "pattern", f"{foreign!r} is not common to RE2 and ECMA-262", path,
                    hint="spell the characters out, for example [ \\t] or [A-Za-z]",
                )  # fmt: skip
                return
        options = re2.Options()
        options.log_errors = False
        try:
            re2.compile(pattern, options)
        except re2.error as error:
            text = error.args[0] if error.args else "not a pattern"
            text = text.decode() if isinstance(text, bytes) else str(text)
            self._report.add("pattern", f"not a regular expression: {text}", path)

    def _labels(self, raw: dict[str, Any], kinds: list[str], path: Path) -> None:
        enum = raw.get("enum")
        if enum is None:
            return
        if isinstance(enum, dict):  # value: label
            raw["enum_labels"] = enum
            raw["enum"] = enum = list(enum)
        if not isinstance(enum, list) or not enum:
            self._report.add(
                "enum", "`enum` is a list of values, or maps values to labels", (*path, "enum")
            )
            raw["enum"] = None
            return
        types = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
        allowed = tuple(types[kind] for kind in kinds if kind in types)
        for value in enum:
            fits = any(isinstance(value, kind) for kind in allowed)  # type: ignore[arg-type]
            if isinstance(value, bool):
                fits = "boolean" in kinds
            if not fits:
                self._report.add(
                    "enum", f"{value!r} is not of type {' | '.join(kinds)}", (*path, "enum"),
                    hint="quote it if it is a text" if "string" in kinds else None,
                )  # fmt: skip

    def _inner(self, raw: dict[str, Any], path: Path) -> None:
        for key in ("items", "values"):
            if raw.get(key) is not None:
                raw[key] = msgspec.to_builtins(self.shape(raw[key], (*path, key)))
        if raw.get("properties") is not None:
            if not isinstance(raw["properties"], dict):
                self._report.add(
                    "shape", "`properties` maps names to properties", (*path, "properties")
                )
                raw["properties"] = None
                return
            raw["properties"] = {
                str(name): msgspec.to_builtins(self.shape(inner, (*path, "properties", str(name))))
                for name, inner in raw["properties"].items()
            }

    def deprecation(self, raw: dict[str, Any], path: Path) -> Deprecation | None:
        """Return what `deprecated: {…}` says."""
        self._report.keys(raw, ("replaced_by", "until"), path)
        try:
            return msgspec.convert(normal(raw), Deprecation)
        except msgspec.ValidationError as error:
            self._report.add("value", str(error), path)
            return None

    def applies(
        self, raw: Mapping[Any, Any], path: Path, known: Callable[[str], bool]
    ) -> Applies | None:
        """Return a variant's condition."""
        equals: dict[str, tuple[Any, ...]] = {}
        platform = app = version = None
        for key, value in raw.items():
            here = (*path, str(key))
            values = tuple(value) if isinstance(value, list) else (value,)
            if key in {"platform", "app"}:
                if not all(isinstance(item, str) for item in values):
                    self._report.add("applies", f"`{key}` is a text or a list of texts", here)
                elif key == "platform":
                    platform = values
                else:
                    app = values
            elif key == "app_version":
                try:
                    parse_range(str(value))
                    version = str(value)
                except ValueError as error:
                    self._report.add("applies", str(error), here)
            elif str(key).partition(".")[0] in NAMESPACES and known(str(key)):
                if all(isinstance(item, str | int | float | bool) for item in values):
                    equals[str(key)] = values
                else:
                    self._report.add("applies", "a property is compared with plain values", here)
            else:
                self._report.add(
                    "applies", f"{key!r} is not a planned property's path", here,
                    hint=did_you_mean(str(key), ("platform", "app", "app_version"))
                    or "platform, app, app_version, or a path such as what.total.currency",
                )  # fmt: skip
        return Applies(platform=platform, app=app, app_version=version, equals=equals)
