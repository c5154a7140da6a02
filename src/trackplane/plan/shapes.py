"""Properties as written: named types expanded, constraints checked, findings collected by path.

Most properties are plain, and most of a large plan's are written many times. ``ShapeReader.known``
reads those fast and once; what it cannot vouch for goes through ``expand`` and ``shape``, which say
what is wrong and where.
"""

from __future__ import annotations

import marshal
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from trackplane.errors import did_you_mean
from trackplane.plan.languages import language_fault
from trackplane.plan.model import (
    PII_CLASSES,
    PURPOSES,
    TYPE_NAMES,
    Deprecation,
    Property,
)
from trackplane.plan.names import collisions, fault_of, look_alikes
from trackplane.plan.patterns import compile_pattern, foreign_part
from trackplane.plan.properties import merge_patch
from trackplane.plan.report import Path, Report, is_date
from trackplane.plan.unions import union_of
from trackplane.plan.vocabularies import pii_hint, purpose_hint

PROPERTY_KEYS: Final = (
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
# What the fast reader takes beside a type; deprecations it leaves to the other.
_QUICK: Final[Mapping[str, frozenset[str]]] = {
    kind: frozenset(
        key
        for key in PROPERTY_KEYS
        if key != "deprecated"
        and kind in _FITS.get(key, TYPE_NAMES)
        and (key != "enum" or kind in {"string", "integer"})
    )
    for kind in TYPE_NAMES
}
_TUPLES: Final = {kind: (kind,) for kind in TYPE_NAMES}
_MAX_DEPTH: Final = 16
MAX_PARTS: Final = 10_000  # of one property or type, so that no nest of types fills the memory
_REMEMBERED: Final = 200_000
_INT64: Final = 1 << 63


class Known(NamedTuple):
    """A property in order: what it is, which named types it uses, how many parts and levels it has."""

    shape: Property
    uses: tuple[str, ...]
    parts: int
    depth: int = 1


class ShapeReader:
    """Reads properties of one plan, whose named types it knows."""

    def __init__(self, report: Report, types: Mapping[str, Any]) -> None:
        self.report = report
        self._types = types
        self._expanded: dict[str, Any] = {}
        self._named_in: dict[str, set[str]] = {}  # type -> the types it names
        self._broken: set[str] = set()
        self._names: dict[str, str] = {}
        self._remembered: dict[object, Known] = {}

    def reporting(self, report: Report) -> ShapeReader:
        """Return a reader of the same types that reports elsewhere and knows what this one knows."""
        other = ShapeReader(report, self._types)
        other._expanded, other._broken, other._named_in = (
            self._expanded,
            self._broken,
            self._named_in,
        )
        other._names, other._remembered = self._names, self._remembered
        return other

    # -- types

    def read_types(self) -> dict[str, Property]:
        """Check each named type once, used or not, and return what they are."""
        properties = {}
        for name in self._types:
            path: Path = ("types", name)
            if name in TYPE_NAMES:
                self.report.add("name", f"{name!r} is a type of its own already", path)
                continue
            before = len(self.report.entries)
            self.name(name, ("types",), dotted=True)
            expanded = self.type_tree(name, path, above=(), used=set())
            shape = self.shape(expanded, path)
            if len(self.report.entries) > before:
                self._broken.add(name)  # reported here, not again at each use
            else:
                properties[name] = shape
        return properties

    def type_tree(self, name: str, path: Path, *, above: tuple[str, ...], used: set[str]) -> Any:
        """Return what a named type is, types in it expanded, as plain JSON."""
        if name in above:
            chain = " > ".join((*above[above.index(name) :], name))
            self.report.add(
                "recursive_type", f"type {name!r} contains itself: {chain}", path,
                hint="use `type: json` for a part that nests without end",
            )  # fmt: skip
            return {"type": "json"}
        found = self._expanded.get(name)
        if found is None and len(above) > 2 * _MAX_DEPTH:
            return {"type": "json"}  # reported above
        if found is None:
            before = len(self.report.entries)
            inner: set[str] = set()
            found = self.expand(
                self._types[name], ("types", name), used=inner, above=(*above, name)
            )
            self._named_in[name] = inner
            if parts_of(found) > MAX_PARTS:
                self.report.add(
                    "too_large", f"type {name!r} has more than {MAX_PARTS:,} parts",
                    ("types", name), hint="use `type: json` for the inner parts",
                )  # fmt: skip
                found = {"type": "json"}
            if len(above) > _MAX_DEPTH or depth_of(found) > 2 * _MAX_DEPTH:
                self.report.add(
                    "depth", f"type {name!r} is nested deeper than {_MAX_DEPTH}", ("types", name),
                    hint="use `type: json` for the inner parts",
                )  # fmt: skip
                found = {"type": "json"}
            if len(self.report.entries) > before:
                self._broken.add(name)
            self._expanded[name] = found
        used.add(name)
        return found

    def tree_of(self, name: str) -> Any:
        """Return a type's expanded tree, or None; two readers' trees tell whether it changed."""
        return None if name in self._broken else self._expanded.get(name)

    def uses_of(self, name: str) -> Collection[str]:
        """Return the types that a type names."""
        return self._named_in.get(name, ())

    # -- names

    def name(self, name: Any, path: Path, *, dotted: bool = False) -> str:
        """Return a name as text, reporting what is wrong with it."""
        if type(name) is str and not dotted:
            known = self._names.get(name)  # one text for all that are equal
            if known is not None:
                return known
        fault = fault_of(name, dotted=dotted)
        if fault is not None:
            self.report.add("name", fault[0], (*path, str(name)), hint=fault[1])
        elif not dotted:
            self._names[name] = name
        return str(name)

    def clean_name(self, name: Any) -> str | None:
        """Return a property's name that is known to be right as the one text of all its equals."""
        return self._names.get(name) if type(name) is str else None

    def alike(self, names: Iterable[str], path: Path) -> None:
        """Report names of one object that people, code or SQL would mix up."""
        names = list(names)
        for name, other in look_alikes(names):
            self.report.add(
                "look_alike", f"{name!r} looks like {other!r}", (*path, name),
                hint="names that people cannot tell apart get mixed up: use another",
            )  # fmt: skip
        for name, other in collisions(names):
            self.report.add(
                "collision", f"{name!r} and {other!r} are one name in generated code and SQL",
                (*path, name), hint="use another name, or only one of them",
            )  # fmt: skip

    # -- the fast way

    def known(self, raw: Any) -> Known | None:
        """Return a property that is in order, or None: then read it by ``read``."""
        if type(raw) is str:
            key: object = raw
        else:
            try:
                key = marshal.dumps(raw, 2)
            except ValueError:
                return None
        found = self._remembered.get(key)
        if found is None:
            found = self._quick(raw) if type(raw) is dict else None
            if found is None:
                found = self._slow(raw)
            if found is None:
                return None
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = found
        return found

    def _slow(self, raw: Any) -> Known | None:
        """Read a property the long way; None if anything is wrong with it."""
        trial = self.reporting(Report())
        used: set[str] = set()
        tree = trial.expand(raw, (), used=used)
        parts = parts_of(tree)
        if trial.report.entries or parts > MAX_PARTS or not used.isdisjoint(self._broken):
            return None
        shape = trial.shape(tree, ())
        return None if trial.report.entries else Known(shape, tuple(sorted(used)), parts)

    def _quick(self, raw: dict[Any, Any]) -> Known | None:
        kind = raw.get("type")
        if type(kind) is not str:
            return None
        keys = _QUICK.get(kind)
        if keys is None or not raw.keys() <= keys:
            return None
        fields = dict(raw)
        fields["type"] = _TUPLES[kind]
        if type(fields.get("purpose")) is str:
            fields["purpose"] = (fields["purpose"],)
        inner = {key: fields.pop(key) for key in ("items", "values", "properties") if key in fields}
        try:
            shape = msgspec.convert(fields, Property)
        except msgspec.ValidationError:
            return None
        if not _quickly_fine(kind, raw, shape):
            return None
        return self._with_inner(shape, inner) if inner else Known(shape, (), 1)

    def _with_inner(self, shape: Property, inner: dict[str, Any]) -> Known | None:
        uses: tuple[str, ...] = ()
        parts = depth = 1
        read: dict[str, Any] = {}
        for key, raw in inner.items():
            if key == "properties":
                if type(raw) is not dict:
                    return None
                members = {}
                for name, member in raw.items():
                    found = self.known(member)
                    if found is None or (name not in self._names and fault_of(name, dotted=False)):
                        return None
                    members[self._names.setdefault(name, name)] = found.shape
                    uses += found.uses
                    parts += found.parts
                    depth = max(depth, found.depth + 1)
                if any(look_alikes(members)) or any(collisions(members)):
                    return None
                read[key] = members
            else:
                found = self.known(raw)
                if found is None:
                    return None
                read[key] = found.shape
                uses += found.uses
                parts += found.parts
                depth = max(depth, found.depth + 1)
        if parts > MAX_PARTS or depth > _MAX_DEPTH or (uses and not self._broken.isdisjoint(uses)):
            return None
        whole = msgspec.structs.replace(shape, **read)
        return Known(whole, tuple(sorted(set(uses))) if uses else (), parts, depth)

    # -- the long way

    def expand(self, raw: Any, path: Path, *, used: set[str], above: tuple[str, ...] = ()) -> Any:
        """Return a property, or a change of one, with named types expanded, as plain JSON.

        ``used`` takes in the types it names.
        """
        if isinstance(raw, str):
            raw = {"type": raw}
        if not isinstance(raw, dict):
            return raw
        if len(path) > 4 * _MAX_DEPTH:
            self.report.add("depth", f"nested deeper than {_MAX_DEPTH}", path)
            return {"type": "json"}
        raw = spelt_out(raw)
        for key in ("items", "values"):
            if raw.get(key) is not None:
                raw[key] = self.expand(raw[key], (*path, key), used=used, above=above)
        if isinstance(raw.get("properties"), dict):
            raw["properties"] = {
                self.name(name, (*path, "properties")): self.expand(
                    inner, (*path, "properties", str(name)), used=used, above=above
                )
                for name, inner in raw["properties"].items()
            }
        kind = raw.get("type")
        if isinstance(kind, str) and kind not in TYPE_NAMES:
            base = self._named(kind, path, used, above)
            rest = {key: value for key, value in raw.items() if key != "type"}
            if (
                kind not in self._types or kind in self._broken
            ):  # its constraints are no second fault
                rest = {key: value for key, value in rest.items() if key not in _FITS}
                rest.pop("enum", None)
            return merge_patch(base, rest)
        if isinstance(kind, list) and any(type(k) is str and k not in TYPE_NAMES for k in kind):
            return self._union(kind, raw, path, used, above)
        return raw

    def _union(
        self, kinds: list[Any], raw: dict[str, Any], path: Path, used: set[str],
        above: tuple[str, ...],
    ) -> Any:  # fmt: skip
        alternatives = [
            (kind, {"type": kind} if kind in TYPE_NAMES else self._named(kind, path, used, above))
            for kind in kinds
            if type(kind) is str
        ]
        merged, fault = union_of(alternatives)
        if fault is not None:
            self.report.add("union", fault[0], (*path, "type"), hint=fault[1])
        return merge_patch(merged, {key: value for key, value in raw.items() if key != "type"})

    def _named(self, kind: str, path: Path, used: set[str], above: tuple[str, ...]) -> Any:
        if kind not in self._types:
            self.report.add(
                "unknown_type", f"there is no type {kind!r}", (*path, "type"),
                hint=did_you_mean(kind, [*self._types, *TYPE_NAMES]),
            )  # fmt: skip
            return {"type": "json"}
        if kind in self._broken and kind not in above:
            used.add(kind)
            return {"type": "json"}
        return self.type_tree(kind, path, above=above, used=used)

    def shape(self, raw: Any, path: Path) -> Property:
        """Return one expanded property, reporting whatever is wrong with it."""
        fallback = Property(type=("json",))
        if not isinstance(raw, dict):
            self.report.add("shape", "a property is a type name or a mapping with `type`", path)
            return fallback
        self.report.keys(raw, (*PROPERTY_KEYS, "enum_labels"), path)
        raw = {key: value for key, value in raw.items() if key in (*PROPERTY_KEYS, "enum_labels")}
        kinds = raw.get("type")
        if kinds is None:
            self.report.add("type", "a property needs a `type`", path)
            return fallback
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if (
            not isinstance(kinds, list | tuple)
            or not kinds
            or not all(isinstance(k, str) for k in kinds)
        ):
            self.report.add("type", "`type` is a name or a list of names", (*path, "type"))
            return fallback
        for kind in kinds:
            if kind not in TYPE_NAMES:
                self.report.add(
                    "unknown_type", f"there is no type {kind!r}", (*path, "type"),
                    hint=did_you_mean(kind, TYPE_NAMES),
                )  # fmt: skip
                return fallback
        raw["type"] = kinds
        self._fits(raw, kinds, path)
        self._enum(raw, kinds, path)
        self._words(raw, path)
        inner = self._inner(raw, path)
        if isinstance(raw.get("deprecated"), dict):
            self.deprecation(raw["deprecated"], (*path, "deprecated"))
            raw["deprecated"] = {k: v for k, v in raw["deprecated"].items() if isinstance(v, str)}
        try:
            return msgspec.structs.replace(msgspec.convert(raw, Property), **inner)
        except msgspec.ValidationError as error:
            self.report.add("value", _reworded(error), path)
            return fallback

    def _fits(self, raw: dict[str, Any], kinds: Sequence[str], path: Path) -> None:
        for key, types in _FITS.items():
            if raw.get(key) is not None and not types & set(kinds):
                self.report.add(
                    "constraint", f"`{key}` does not go with {' | '.join(kinds)}", (*path, key)
                )
        for low, high in (("min", "max"), ("min_length", "max_length")):
            small, large = raw.get(low), raw.get(high)
            numbers = isinstance(small, int | float) and isinstance(large, int | float)
            if numbers and small > large:  # type: ignore[operator]
                self.report.add("constraint", f"`{low}` is above `{high}`", (*path, low))
        for key in ("min", "max"):
            if raw.get(key) is not None and not _is_bound(raw[key]):
                self.report.add("constraint", f"`{key}` is not a finite number", (*path, key))
                raw[key] = None
        for key in ("min_length", "max_length"):
            value = raw.get(key)
            if isinstance(value, int) and value < 0:
                self.report.add("constraint", f"`{key}` is below 0", (*path, key))
        pattern = raw.get("pattern")
        if pattern is not None and not isinstance(pattern, str):
            self.report.not_text(pattern, "`pattern`", (*path, "pattern"))
            raw["pattern"] = None
        elif pattern is not None:
            self._pattern(pattern, (*path, "pattern"))

    def _pattern(self, pattern: str, path: Path) -> None:
        foreign = foreign_part(pattern)
        if foreign is not None:
            self.report.add(
                "pattern", f"{foreign!r} is not common to RE2 and ECMA-262", path,
                hint="spell the characters out, for example [ \\t] or [A-Za-z]",
            )  # fmt: skip
            return
        try:
            compile_pattern(pattern)
        except ValueError as error:
            self.report.add("pattern", f"not a regular expression: {error}", path)

    def _enum(self, raw: dict[str, Any], kinds: Sequence[str], path: Path) -> None:
        enum = raw.get("enum")
        if enum is None:
            return
        if not isinstance(enum, list | tuple) or not enum:
            self.report.add(
                "enum", "`enum` is a list of values, or maps values to labels", (*path, "enum")
            )
            raw["enum"] = None
            return
        types = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
        allowed = tuple(types[kind] for kind in kinds if kind in types)
        seen: list[Any] = []
        labels = raw.get("enum_labels")
        for number, value in enumerate(enum):
            at = (*path, "enum") if isinstance(labels, dict) else (*path, "enum", number)
            fits = any(isinstance(value, kind) for kind in allowed)  # type: ignore[arg-type]
            if isinstance(value, bool):
                fits = "boolean" in kinds
            if not fits and "string" in kinds:
                self.report.not_text(value, "a value of `enum`", at)
            elif not fits:
                self.report.add("enum", f"{value!r} is not of type {' | '.join(kinds)}", at)
            elif (type(value) is bool, value) in seen:
                self.report.add("enum", f"{value!r} is there twice", at)
            seen.append((type(value) is bool, value))
        if isinstance(labels, dict):
            for value in labels:
                self.report.words(labels, value, (*path, "enum"))

    def _words(self, raw: dict[str, Any], path: Path) -> None:
        for key in ("title", "description"):
            raw[key] = self.report.words(raw, key, path)
        pii = raw.get("pii")
        if pii is not None and pii not in PII_CLASSES:
            self.report.add(
                "pii", f"{pii!r} is no kind of personal data", (*path, "pii"),
                hint=pii_hint(str(pii)),
            )  # fmt: skip
            raw["pii"] = None
        purposes = raw.get("purpose")
        for purpose in purposes if isinstance(purposes, list | tuple) else ():
            if purpose not in PURPOSES:
                self.report.add(
                    "purpose", f"{purpose!r} is no purpose", (*path, "purpose"),
                    hint=purpose_hint(str(purpose)),
                )  # fmt: skip
                raw["purpose"] = []

    def _inner(self, raw: dict[str, Any], path: Path) -> dict[str, Any]:
        inner: dict[str, Any] = {}
        for key in ("items", "values"):
            if raw.get(key) is not None:
                inner[key] = self.shape(raw.pop(key), (*path, key))
        members = raw.pop("properties", None)
        if members is None:
            return inner
        if not isinstance(members, dict):
            self.report.add("shape", "`properties` maps names to properties", (*path, "properties"))
            return inner
        self.alike(members, (*path, "properties"))
        inner["properties"] = {
            str(name): self.shape(member, (*path, "properties", str(name)))
            for name, member in members.items()
        }
        return inner

    def deprecation(self, raw: dict[str, Any], path: Path) -> Deprecation | None:
        """Return what `deprecated: {…}` says."""
        self.report.keys(raw, ("replaced_by", "until"), path)
        until = raw.get("until")
        if until is not None and not is_date(until):
            self.report.add("date", "`until` is a date such as 2027-06-30", (*path, "until"))
            return None
        return Deprecation(replaced_by=self.report.text(raw, "replaced_by", path), until=until)


def spelt_out(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a property's own level without short forms.

    An enum with labels becomes two keys, ``deprecated: true`` a mapping, one purpose a list.
    """
    raw = dict(raw)
    enum = raw.get("enum")
    if isinstance(enum, dict):  # value: label
        raw["enum_labels"] = {
            str(value): label for value, label in enum.items() if label is not None
        }
        raw["enum"] = list(enum)
    if isinstance(raw.get("deprecated"), bool):
        raw["deprecated"] = {} if raw["deprecated"] else None
    if isinstance(raw.get("purpose"), str):
        raw["purpose"] = [raw["purpose"]]
    return raw


def parts_of(tree: Any) -> int:
    """Return how many properties an expanded tree has, itself included; shared parts count each time."""
    sizes: dict[int, int] = {}

    def count(node: Any) -> int:
        if not isinstance(node, dict):
            return 1
        found = sizes.get(id(node))
        if found is None:
            found = 1 + sum(count(node[key]) for key in ("items", "values") if key in node)
            members = node.get("properties")
            if isinstance(members, dict):
                found += sum(count(member) for member in members.values())
            sizes[id(node)] = found
        return found

    return count(tree)


def depth_of(tree: Any) -> int:
    """Return how many levels an expanded tree has."""
    levels, nodes = 0, [tree]
    while nodes:
        levels += 1
        inner: dict[int, Any] = {}  # each part once, however many lead to it
        for node in nodes:
            if isinstance(node, dict):
                members = node.get("properties")
                below = [node.get("items"), node.get("values")]
                below += members.values() if isinstance(members, dict) else ()
                inner |= {id(part): part for part in below if isinstance(part, dict)}
        nodes = list(inner.values())
    return levels


def _quickly_fine(kind: str, raw: dict[Any, Any], shape: Property) -> bool:
    """Say whether a property of one built-in type, whose fields fit, is surely right."""
    low, high = shape.min, shape.max
    if low is not None or high is not None:
        if not all(_is_bound(bound) for bound in (low, high) if bound is not None):
            return False
        if low is not None and high is not None and low > high:
            return False
    shortest, longest = shape.min_length, shape.max_length
    if (shortest or 0) < 0 or (longest is not None and longest < max(shortest or 0, 0)):
        return False
    if "enum" in raw:
        wanted = str if kind == "string" else int
        values = raw["enum"]
        if type(values) is not list or not values or any(type(v) is not wanted for v in values):
            return False
        if len(set(values)) != len(values):
            return False
    if shape.pattern is not None:
        try:
            if foreign_part(shape.pattern) is not None:
                return False
            compile_pattern(shape.pattern)
        except ValueError:
            return False
    for words in (shape.title, shape.description):
        if type(words) is dict and any(language_fault(language) for language in words):
            return False
    return True


def _is_bound(value: Any) -> bool:
    if type(value) is int:
        return -_INT64 <= value < _INT64
    return type(value) is float and math.isfinite(value)


def _reworded(error: msgspec.ValidationError) -> str:
    """Return what msgspec says, the key in front: "`required`: Expected `bool`, got `str`"."""
    text, _, at = str(error).partition(" - at `$.")
    return f"`{at.rstrip('`')}`: {text}" if at else text
