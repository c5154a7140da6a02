"""Properties as written: named types expanded, constraints checked, findings collected by path."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from trackplane.errors import Finding, Severity, did_you_mean
from trackplane.event import NAMESPACES
from trackplane.plan.model import (
    TYPE_NAMES,
    Applies,
    Deprecation,
    Property,
    Text,
)
from trackplane.plan.names import fault_of, look_alikes
from trackplane.plan.patterns import compile_pattern, foreign_part
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
_MAX_DEPTH: Final = 16


class Report:
    """Findings by path; lines and columns are found later, once, if there is anything."""

    def __init__(self) -> None:
        self.entries: list[tuple[Path, Finding]] = []
        self._seen: set[tuple[Path, str, str]] = set()

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
        if (path, code, message) in self._seen:
            return
        self._seen.add((path, code, message))
        pointer = "".join(f"/{_escape(str(part))}" for part in path) or None
        finding = Finding(code=code, message=message, hint=hint, pointer=pointer, severity=severity)
        self.entries.append((path, finding))

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
        return {normal(key): normal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [normal(inner) for inner in value]
    return value


def is_date(value: Any) -> bool:
    """Say whether a value is an ISO date such as 2027-06-30, as text or as YAML reads it."""
    text = value.isoformat() if type(value) is dt.date else value
    try:
        return isinstance(text, str) and dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


class ShapeReader:
    """Reads properties of one plan, whose named types it knows."""

    def __init__(self, report: Report, types: Any) -> None:
        self._report = report
        self._broken: set[str] = set()
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
            before = len(self._report.entries)
            self.shape(self.expand(self._types[name], path, above=(name,)), path)
            if len(self._report.entries) > before:
                self._broken.add(name)  # reported here, not again at each use

    def name(self, name: Any, path: Path, *, dotted: bool | None = None) -> str:
        """Return a name as text, reporting what is wrong with it."""
        if dotted is None:
            dotted = len(path) == 1
        fault = fault_of(name, dotted=dotted)
        if fault is not None:
            self._report.add("name", fault[0], (*path, str(name)), hint=fault[1])
        return str(name)

    def look_alikes(self, names: Iterable[str], path: Path) -> None:
        """Report names of one object that people would mix up."""
        for name, other in look_alikes(names):
            self._report.add(
                "look_alike", f"{name!r} looks like {other!r}", (*path, name),
                hint="names that people cannot tell apart get mixed up: use another",
            )  # fmt: skip

    def expand(self, raw: Any, path: Path, *, above: tuple[str, ...] = ()) -> Any:
        """Return a property, or a change of one, with named types expanded, as plain JSON."""
        if isinstance(raw, str):
            raw = {"type": raw}
        raw = normal(raw)
        if not isinstance(raw, dict):
            return raw
        if len(path) > 4 * _MAX_DEPTH:
            self._report.add("depth", f"nested deeper than {_MAX_DEPTH}", path)
            return {"type": "json"}
        self._spell_out(raw)
        for key in ("items", "values"):
            if key in raw and raw[key] is not None:
                raw[key] = self.expand(raw[key], (*path, key), above=above)
        if isinstance(raw.get("properties"), dict):
            raw["properties"] = {
                self.name(name, (*path, "properties"), dotted=False): self.expand(
                    inner, (*path, "properties", str(name)), above=above
                )
                for name, inner in raw["properties"].items()
            }
        kind = raw.get("type")
        if isinstance(kind, str) and kind not in TYPE_NAMES:
            return self._named(kind, raw, path, above)
        return raw

    @staticmethod
    def _spell_out(raw: dict[str, Any]) -> None:
        """Replace the short forms: an enum with labels, true for deprecated, one purpose."""
        enum = raw.get("enum")
        if isinstance(enum, dict):  # value: label
            raw["enum_labels"] = {str(value): label for value, label in enum.items()}
            raw["enum"] = list(enum)
        if isinstance(raw.get("deprecated"), bool):
            raw["deprecated"] = {} if raw["deprecated"] else None
        if isinstance(raw.get("purpose"), str):
            raw["purpose"] = [raw["purpose"]]

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
        if kind in self._broken:
            return {"type": "json"}
        base = self.expand(self._types[kind], ("types", kind), above=(*above, kind))
        return merge_patch(base, rest)

    def shape(self, raw: Any, path: Path) -> Property:
        """Return one expanded property, reporting whatever is wrong with it."""
        fallback = Property(type=("json",))
        if not isinstance(raw, dict):
            self._report.add("shape", "a property is a type name or a mapping with `type`", path)
            return fallback
        self._report.keys(raw, (*_PROPERTY_KEYS, "enum_labels"), path)
        raw = {key: value for key, value in raw.items() if key in (*_PROPERTY_KEYS, "enum_labels")}
        kinds = raw.get("type")
        if kinds is None:
            self._report.add("type", "a property needs a `type`", path)
            return fallback
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
        if isinstance(raw.get("deprecated"), dict):
            self.deprecation(raw["deprecated"], (*path, "deprecated"))
            raw["deprecated"] = {k: v for k, v in raw["deprecated"].items() if isinstance(v, str)}
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
        for key in ("min", "max"):
            value = raw.get(key)
            whole = type(value) is int and not -(1 << 63) <= value < 1 << 63
            if whole or (isinstance(value, float) and not math.isfinite(value)):
                self._report.add("constraint", f"`{key}` is not a finite number", (*path, key))
                raw[key] = None
        for key in ("min_length", "max_length"):
            value = raw.get(key)
            if isinstance(value, int) and value < 0:
                self._report.add("constraint", f"`{key}` is below 0", (*path, key))
        pattern = raw.get("pattern")
        if isinstance(pattern, str):
            self._pattern(pattern, (*path, "pattern"))

    def _pattern(self, pattern: str, path: Path) -> None:
        foreign = foreign_part(pattern)
        if foreign is not None:
            self._report.add(
                "pattern", f"{foreign!r} is not common to RE2 and ECMA-262", path,
                hint="spell the characters out, for example [ \\t] or [A-Za-z]",
            )  # fmt: skip
            return
        try:
            compile_pattern(pattern)
        except ValueError as error:
            self._report.add("pattern", f"not a regular expression: {error}", path)

    def _labels(self, raw: dict[str, Any], kinds: list[str], path: Path) -> None:
        enum = raw.get("enum")
        if enum is None:
            return
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
            self.look_alikes(raw["properties"], (*path, "properties"))
            raw["properties"] = {
                str(name): msgspec.to_builtins(self.shape(inner, (*path, "properties", str(name))))
                for name, inner in raw["properties"].items()
            }

    def deprecation(self, raw: dict[str, Any], path: Path) -> Deprecation | None:
        """Return what `deprecated: {…}` says."""
        self._report.keys(raw, ("replaced_by", "until"), path)
        until = raw.get("until")
        if until is not None and not is_date(until):
            self._report.add("date", "`until` is a date such as 2027-06-30", (*path, "until"))
            return None
        try:
            known = {key: normal(raw[key]) for key in ("replaced_by", "until") if key in raw}
            return msgspec.convert(known, Deprecation)
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
