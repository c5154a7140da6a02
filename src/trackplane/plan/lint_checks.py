"""What each lint rule looks at. Everything found has a path, and the change that would mend it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from trackplane.errors import Finding, did_you_mean
from trackplane.event import BUILT_IN
from trackplane.plan.lint_rules import CASES, RULES, LintRules
from trackplane.plan.model import Deprecation, EventSpec, Metric, PiiClass, Property, Text
from trackplane.plan.names import code_name, skeleton
from trackplane.plan.patterns import Matcher, compile_pattern
from trackplane.plan.report import Path

_REMEMBERED: Final = 200_000
# Words of a name that say it is personal; the longest that fits counts.
_PERSONAL: Final[Mapping[str, PiiClass]] = {
    "email": "email", "e_mail": "email", "mail_address": "email", "phone": "phone",
    "phone_number": "phone", "mobile_number": "phone", "telephone": "phone", "msisdn": "phone",
    "first_name": "name", "last_name": "name", "full_name": "name", "surname": "name",
    "family_name": "name", "given_name": "name", "real_name": "name", "street": "address",
    "street_address": "address", "postal_address": "address", "home_address": "address",
    "postcode": "address", "zip_code": "address", "latitude": "location", "longitude": "location",
    "geo_location": "location", "ip": "ip", "ip_address": "ip", "client_ip": "ip", "idfa": "device_id",
    "gaid": "device_id", "imei": "device_id", "android_id": "device_id", "mac_address": "device_id",
    "passport": "government_id", "passport_number": "government_id", "ssn": "government_id",
    "national_id": "government_id", "id_card": "government_id", "tax_id": "government_id",
    "iban": "payment", "card_number": "payment", "credit_card": "payment", "bank_account": "payment",
    "birthday": "birth_date", "birth_date": "birth_date", "date_of_birth": "birth_date",
    "邮箱": "email", "手机号": "phone", "电话": "phone", "姓名": "name", "身份证": "government_id",
    "身份证号": "government_id", "银行卡号": "payment", "生日": "birth_date",
}  # fmt: skip


class Mend(NamedTuple):
    """A change of the text: ``key`` None replaces the text at ``path``, else the key is added."""

    path: Path
    key: str | None
    text: str


class Found(NamedTuple):
    """What breaks a rule, where, and the change that mends it."""

    path: Path
    finding: Finding
    mend: Mend | None


_Part = tuple[Path, str, str, str | None, Mend | None]  # path, code, message, hint, mend


class Linter:
    """The rules, compiled. What it finds of a property is remembered, as most are written often."""

    def __init__(self, rules: LintRules) -> None:
        self._rules = rules
        self._on = {code for code in RULES if rules.severity_of(code) is not None}
        options = {code: setting.options for code, setting in rules.settings.items()}
        self._options: Mapping[str, Mapping[str, Any]] = options
        self._patterns: dict[str, tuple[str, Matcher]] = {}
        for kind, wanted in options["name_pattern"].items():
            if wanted:
                self._patterns[kind] = wanted, compile_pattern(CASES.get(wanted, wanted))
        self._words = frozenset(code_name(word) for word in options["name_forbidden"]["words"])
        self._names = frozenset(options["name_forbidden"]["names"])
        self._lists = {
            code: (
                tuple(options[code]["allowed"]),
                {code_name(each): each for each in options[code]["allowed"]},
            )
            for code in ("tag_unknown", "category_unknown", "platform_unknown")
        }
        self._known: dict[tuple[str, int], tuple[Property, tuple[_Part, ...]]] = {}
        self._named: dict[tuple[str, str], tuple[_Part, ...]] = {}
        self._types: frozenset[bytes] = frozenset()
        self._inner: frozenset[bytes] = frozenset()

    def is_on(self, code: str) -> bool:
        """Say whether a rule is on."""
        return code in self._on

    def without_types(self, types: Collection[Property]) -> None:
        """Leave out of properties what named types say: it is found where the types stand."""
        self._types = frozenset(_bare(shape) for shape in types)
        self._inner = frozenset(_inside(shape) for shape in types) - {_inside(_EMPTY)}

    # -- parts of a plan

    def event(
        self, spec: EventSpec, groups: Mapping[str, Mapping[str, Property]]
    ) -> Iterator[Found]:
        """Yield what breaks rules in an event; properties as ``groups`` have them are left out."""
        path: Path = ("events", spec.event)
        for part in self._event(spec, groups):
            yield self._found(part, path, spec.event)

    def type(self, name: str, shape: Property) -> Iterator[Found]:
        """Yield what breaks rules in a named type."""
        path: Path = ("types", name)
        for part in (
            *self._name("type", name),
            *self._said(shape, inner=True),
            *self._within(shape),
        ):
            yield self._found(part, path, name)

    def group(self, name: str, properties: Mapping[str, Mapping[str, Property]]) -> Iterator[Found]:
        """Yield what breaks rules in a group."""
        path: Path = ("groups", name)
        for part in (*self._name("group", name), *self._properties(properties, {})):
            yield self._found(part, path, name)

    def metric(self, metric: Metric) -> Iterator[Found]:
        """Yield what breaks rules in a metric."""
        path: Path = ("metrics", metric.name)
        for part in (*self._name("metric", metric.name), *self._metric(metric)):
            yield self._found(part, path, metric.name)

    def whole(self, path: Path, code: str, message: str, hint: str | None = None) -> Found:
        """Return what breaks a rule over the whole plan."""
        found = self._found(((), code, message, hint, None), path[:2], str(path[1]))
        return found._replace(path=path)

    def _found(self, part: _Part, path: Path, name: str) -> Found:
        inner, code, message, hint, mend = part
        setting = self._rules.settings[code]
        if any(fnmatchcase(name, each) for each in setting.exempt):
            return _NOTHING
        whole = (*path, *inner)
        pointer = "".join(f"/{str(p).replace('~', '~0').replace('/', '~1')}" for p in whole)
        if mend is not None:
            mend = mend._replace(path=(*path, *mend.path))
            hint = f"{hint}; `plan lint --fix` does it" if hint else "`plan lint --fix` does it"
        severity = self._rules.severity_of(code) or "warning"
        finding = Finding(code=code, message=message, hint=hint, pointer=pointer, severity=severity)
        return Found(whole, finding, mend)

    # -- events

    def _event(
        self, spec: EventSpec, groups: Mapping[str, Mapping[str, Property]]
    ) -> Iterator[_Part]:
        on = self._on
        if not spec.event.startswith("$"):
            yield from self._name("event", spec.event)
        if "event_metadata" in on:
            for field in self._options["event_metadata"][spec.grade]:
                if not getattr(spec, field):
                    message = f"{spec.event}: an event of {spec.grade} needs `{field}`"
                    yield (), "event_metadata", message, _META.get(field), None
        for field, text in (
            ("title", spec.title), ("description", spec.description), ("trigger", spec.trigger),
        ):  # fmt: skip
            if text is not None:
                yield from self._text(field, text)
        if spec.tags:
            yield from self._listed("tag_unknown", spec.tags, "tags", "tag")
        if spec.platforms:
            yield from self._listed("platform_unknown", spec.platforms, "platforms", "platform")
        if spec.category is not None:
            yield from self._listed("category_unknown", (spec.category,), "category", "category")
        if spec.owner is not None:
            yield from self._owner(spec.owner)
        if spec.deprecated is not None:
            yield from self._deprecated(spec.deprecated, ("deprecated",), "an event")
        count = sum(map(len, spec.properties.values()))
        limit = self._options["property_count"]["max"]
        if count > limit and "property_count" in on:
            message = f"{count} properties, more than {limit}"
            yield (
                (),
                "property_count",
                message,
                "group them in objects, or plan several events",
                None,
            )
        yield from self._properties(spec.properties, groups)
        if "property_metadata" in on and spec.grade in self._options["property_metadata"]["grades"]:
            for namespace, members in spec.properties.items():
                inherited = groups.get(namespace, {})
                for name, shape in members.items():
                    if shape.description is None and inherited.get(name) is not shape:
                        message = f"{namespace}.{name} has no description"
                        yield (namespace, name), "property_metadata", message, None, None

    def _properties(
        self,
        properties: Mapping[str, Mapping[str, Property]],
        groups: Mapping[str, Mapping[str, Property]],
    ) -> Iterator[_Part]:
        known = self._known
        for namespace, members in properties.items():
            inherited = groups.get(namespace)
            for name, shape in members.items():
                if inherited is not None and inherited.get(name) is shape:
                    continue
                held = known.get((name, id(shape)))
                if held is None:
                    if len(known) >= _REMEMBERED:
                        known.clear()
                    parts = tuple(self._property(name, shape, inner=False))
                    held = known[name, id(shape)] = shape, parts
                for inner, code, message, hint, mend in held[1]:
                    if code in _NAMES and f"{namespace}.{name}" in BUILT_IN:
                        continue
                    here = (namespace, name, *inner)
                    moved = mend._replace(path=(namespace, name, *mend.path)) if mend else None
                    yield here, code, message, hint, moved

    # -- properties

    def _property(self, name: str, shape: Property, *, inner: bool) -> Iterator[_Part]:
        """Yield what breaks rules in a property and, where it is written in place, inside it."""
        if name:
            yield from self._name("property", name)
        if self._types and _bare(shape) in self._types:
            return
        if name and "pii_unmarked" in self._on and shape.pii is None:
            yield from self._unmarked(name, shape)
        yield from self._said(shape, inner=inner)
        if (shape.properties or shape.items or shape.values) and _inside(shape) not in self._inner:
            yield from self._within(shape)

    def _said(self, shape: Property, *, inner: bool) -> Iterator[_Part]:
        """Yield what breaks rules in what a property says of itself."""
        on, options = self._on, self._options
        for field, text in (("title", shape.title), ("description", shape.description)):
            if text is not None:
                yield from self._text(field, text)
        if shape.pii is not None and not shape.purpose and "pii_purpose" in on:
            purpose = options["pii_purpose"]["purpose"]
            mend = Mend((), "purpose", f"[{purpose}]") if purpose else None
            message = f"personal ({shape.pii}), and no `purpose` says what for"
            yield (), "pii_purpose", message, "say what it may be used for", mend
        if shape.enum is not None and "enum_labels" in on:
            bare = [v for v in shape.enum if str(v) not in shape.enum_labels]
            if bare and len(shape.enum) >= options["enum_labels"]["min"]:
                message = f"values without a label: {', '.join(map(str, bare[:5]))}"
                yield ("enum",), "enum_labels", message, "enum: {value: label}", None
        if shape.deprecated is not None:
            yield from self._deprecated(shape.deprecated, ("deprecated",), "a property")
        if (
            "string_unbounded" in on
            and "string" in shape.type
            and shape.enum is None
            and shape.max_length is None
            and shape.pattern is None
        ):
            hint = "max_length, pattern or enum"
            yield (), "string_unbounded", "a string of any length", hint, None
        if "json_type" in on and "json" in shape.type:
            yield (), "json_type", "`json` takes anything", "plan an object or a map", None
        if "object_open" in on and shape.properties and shape.additional:
            message = "properties that are not planned pass"
            yield (), "object_open", message, "additional: false", None
        limit = options["property_depth"]["max"]
        nested = shape.properties or shape.items or shape.values
        if nested and not inner and "property_depth" in on and _depth(shape) > limit:
            message = f"{_depth(shape)} levels of objects, more than {limit}"
            yield (), "property_depth", message, None, None

    def _within(self, shape: Property) -> Iterator[_Part]:
        parts: list[tuple[Path, str, Property]] = [
            (("properties", name), name, member)
            for name, member in (shape.properties or {}).items()
        ]
        parts += [
            ((key,), "", part)
            for key, part in (("items", shape.items), ("values", shape.values))
            if part is not None
        ]
        for path, name, part in parts:
            for inner, code, message, hint, mend in self._property(name, part, inner=True):
                moved = mend._replace(path=(*path, *mend.path)) if mend is not None else None
                yield (*path, *inner), code, message, hint, moved

    def _unmarked(self, name: str, shape: Property) -> Iterator[_Part]:
        if not {"string", "number", "integer"} & set(shape.type):
            return
        words = code_name(name).split("_")
        spared = self._options["pii_unmarked"]["not_personal"]
        for first in range(len(words)):
            pii = _PERSONAL.get("_".join(words[first:]))
            if pii is not None and name not in spared:
                message = f"{name!r} looks personal ({pii}) and has no `pii`"
                yield (), "pii_unmarked", message, f"pii: {pii}", Mend((), "pii", pii)
                return

    # -- what several kinds share

    def _name(self, kind: str, name: str) -> tuple[_Part, ...]:
        """Return what breaks rules in a name; most names are written often."""
        held = self._named.get((kind, name))
        if held is None:
            if len(self._named) >= _REMEMBERED:
                self._named.clear()
            held = self._named[kind, name] = tuple(self._check_name(kind, name))
        return held

    def _check_name(self, kind: str, name: str) -> Iterator[_Part]:
        if "name_pattern" in self._on and kind in self._patterns:
            wanted, matches = self._patterns[kind]
            if not matches(name):
                yield (), "name_pattern", f"{name!r} is not {wanted}", _recased(name, wanted), None
        if "name_length" in self._on:
            limit = self._options["name_length"]["max"]
            if len(name) > limit:
                message = f"{name!r} has {len(name)} characters, more than {limit}"
                yield (), "name_length", message, None, None
        if "name_forbidden" in self._on:
            if name in self._names:
                yield (), "name_forbidden", f"the name {name!r} is forbidden", None, None
            elif self._words:
                for word in code_name(name).split("_"):
                    if word in self._words:
                        message = f"{name!r} has the forbidden word {word!r}"
                        yield (), "name_forbidden", message, None, None

    def _text(self, field: str, text: Text) -> Iterator[_Part]:
        versions = {"": text} if isinstance(text, str) else text
        required = self._options["languages"]["required"]
        if required and "languages" in self._on:
            there = set(versions) - {""}
            if "" in versions:
                there |= set(self._options["languages"]["plain"])
            missing = [language for language in required if language not in there]
            if missing:
                message = f"`{field}` is missing in {', '.join(missing)}"
                hint = f"{field}: {{{', '.join(f'{language}: …' for language in required)}}}"
                yield (field,), "languages", message, hint, None
        for language, version in versions.items():
            path: Path = (field, language) if language else (field,)
            if version != version.strip() and "text_spaces" in self._on:
                message = f"`{field}` begins or ends with spaces"
                yield path, "text_spaces", message, None, Mend(path, None, version.strip())
            if "text_length" in self._on:
                yield from self._length(field, version, path)

    def _length(self, field: str, text: str, path: Path) -> Iterator[_Part]:
        options = self._options["text_length"]
        high = options.get(f"{field}_max")
        low = options.get(f"{field}_min") or 0
        if high is not None and len(text) > high:
            message = f"`{field}` has {len(text)} characters, more than {high}"
            yield path, "text_length", message, None, None
        elif len(text) < low:
            message = f"`{field}` has {len(text)} characters, fewer than {low}"
            yield path, "text_length", message, None, None

    def _listed(self, code: str, values: tuple[str, ...], field: str, what: str) -> Iterator[_Part]:
        allowed, by_form = self._lists[code]
        if not allowed or code not in self._on:
            return
        for number, value in enumerate(values):
            if value in allowed:
                continue
            path: Path = (field,) if field == "category" else (field, number)
            same = by_form.get(code_name(value))
            mend = Mend(path, None, same) if same is not None else None
            hint = did_you_mean(same or value, allowed) or f"one of {', '.join(allowed[:12])}"
            yield path, code, f"the {what} {value!r} is not of the list", hint, mend

    def _owner(self, owner: str) -> Iterator[_Part]:
        kinds = self._options["owner_kind"]["kinds"]
        if "owner_kind" in self._on and owner.partition(":")[0] not in kinds:
            message = f"{owner!r} is not a {' or '.join(kinds)}"
            yield ("owner",), "owner_kind", message, None, None

    def _deprecated(self, given: Deprecation, path: Path, what: str) -> Iterator[_Part]:
        if given.until is None and given.replaced_by is None and "deprecated_forever" in self._on:
            message = f"{what} is deprecated without `until` and `replaced_by`"
            yield path, "deprecated_forever", message, "say until when, or what replaces it", None

    def _metric(self, metric: Metric) -> Iterator[_Part]:
        if "metric_metadata" in self._on:
            for field in self._options["metric_metadata"]["fields"]:
                if not getattr(metric, field):
                    message = f"{metric.name}: a metric needs `{field}`"
                    yield (), "metric_metadata", message, None, None
        for field, text in (("title", metric.title), ("description", metric.description)):
            if text is not None:
                yield from self._text(field, text)
        if metric.tags:
            yield from self._listed("tag_unknown", metric.tags, "tags", "tag")
        if metric.owner is not None:
            yield from self._owner(metric.owner)


_NOTHING: Final = Found((), Finding(code="", message=""), None)
_NAMES: Final = frozenset({"name_pattern", "pii_unmarked"})
_META: Final[Mapping[str, str]] = {
    "owner": "owner: team:pay",
    "trigger": "say when exactly it is sent",
    "screenshots": "upload one, and name it here",
}


_EMPTY: Final = Property(type=("json",))


def _bare(shape: Property) -> bytes:
    """Return what a property has from its type, as a key."""
    return msgspec.json.encode(replace(shape, required=False, nullable=False, deprecated=None))


def _inside(shape: Property) -> bytes:
    """Return what a property has inside, as a key."""
    return msgspec.json.encode((shape.properties, shape.items, shape.values))


def _depth(shape: Property) -> int:
    inner = [part for part in (shape.items, shape.values) if part is not None]
    below = max(map(_depth, [*inner, *(shape.properties or {}).values()]), default=0)
    return below + (1 if shape.properties else 0)


def _recased(name: str, wanted: str) -> str | None:
    """Return a hint with the name in the wanted case, where that is one of ours."""
    words = [word for word in re.split(r"[^0-9a-z]+", code_name(name)) if word]
    if wanted not in CASES or not words or skeleton(name) == "":
        return None
    made: Mapping[str, Callable[[], str]] = {
        "snake_case": lambda: "_".join(words),
        "kebab-case": lambda: "-".join(words),
        "camelCase": lambda: words[0] + "".join(word.title() for word in words[1:]),
        "PascalCase": lambda: "".join(word.title() for word in words),
        "Title Case": lambda: " ".join(word.title() for word in words),
    }
    return f"{made[wanted]()!r} is"
