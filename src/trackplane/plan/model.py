"""The plan's model: as written (``Plan``) and as enforced (``EventSpec``), both plain structs.

``EventSpec`` is what travels: one event with named types and groups expanded and variants kept in
order, self-contained, serialisable as JSON. Validators, JSON Schema, the rule checker, typed views
and generated code are all made from it. Its parts are left out of cyclic garbage collection
(``gc=False``): they are frozen trees, and a large plan has millions of them.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from trackplane.event import Grade

TypeName = Literal[
    "string", "integer", "number", "boolean", "timestamp", "array", "object", "map", "json"
]
TYPE_NAMES: Final = TypeName.__args__  # type: ignore[attr-defined]
PiiClass = Literal[
    "name", "email", "phone", "address", "location", "ip", "device_id", "account_id",
    "government_id", "payment", "health", "biometric", "birth_date", "free_text", "other",
]  # fmt: skip
PII_CLASSES: Final = PiiClass.__args__  # type: ignore[attr-defined]
Purpose = Literal[
    "service", "support", "analytics", "personalisation", "advertising", "fraud", "security",
    "research", "legal",
]  # fmt: skip
PURPOSES: Final = Purpose.__args__  # type: ignore[attr-defined]
Scalar = str | int | float | bool | None
Text = str | dict[str, str]  # a text, or one per language


class Deprecation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What replaces a deprecated thing, and until when it is still taken (ISO date)."""

    replaced_by: str | None = None
    until: str | None = None


class Property(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A property, fully expanded: types in ``type`` are a union; several are alternatives.

    ``min``/``max`` are inclusive and bound numbers and integers; lengths count
    code points, items or entries; ``pattern`` must match the whole string (RE2 ∩ ECMA-262).
    ``values`` is the shape of a map's values, ``items`` of an array's items.
    """

    type: tuple[TypeName, ...]
    required: bool = False
    nullable: bool = False
    enum: tuple[Scalar, ...] | None = None
    enum_labels: dict[str, Text] = {}
    min: float | int | None = None
    max: float | int | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    items: Property | None = None
    values: Property | None = None
    properties: dict[str, Property] | None = None
    additional: bool = True
    title: Text | None = None
    description: Text | None = None
    pii: PiiClass | None = None
    purpose: tuple[Purpose, ...] = ()
    deprecated: Deprecation | None = None


Properties = dict[str, dict[str, Property]]  # namespace -> property name -> property


class Applies(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """When a variant applies: all of its conditions hold.

    ``platform`` and ``app`` list accepted values; ``app_version`` is a range such as ``<9.2`` or
    ``>=2.0, <3``; ``equals`` maps a property's path (``what.total.currency``) to accepted values.
    """

    platform: tuple[str, ...] | None = None
    app: tuple[str, ...] | None = None
    app_version: str | None = None
    equals: dict[str, tuple[Scalar, ...]] = {}


class Variant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A change to an event's properties under a condition.

    ``patch`` is an RFC 7396 merge patch over the event's ``{namespace: {property: …}}`` as JSON,
    kept as authored with named types expanded.
    """

    applies: Applies
    patch: dict[str, dict[str, object]]


class Check(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A condition over several properties of an event, as a rule expression.

    An event breaks it if ``that`` is FALSE or fails; TRUE and NULL keep it. ``rules`` compiles it.
    """

    name: str
    that: str
    message: Text | None = None
    severity: Literal["error", "warning"] = "error"


class EventSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One planned event, self-contained."""

    app: str
    event: str
    grade: Grade = "P2"
    owner: str | None = None
    title: Text | None = None
    description: Text | None = None
    trigger: Text | None = None
    tags: tuple[str, ...] = ()
    screenshots: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    properties: Properties = {}
    variants: tuple[Variant, ...] = ()
    deprecated: Deprecation | None = None
    removed: bool = False
    expires: str | None = None  # the last day, ISO
    renew_days: int | None = None  # prolonged while it was used in that many days
    category: str | None = None
    checks: tuple[Check, ...] = ()


class Metric(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named measure over an event; ``measure`` and ``where`` are texts that ``rules.metrics`` checks.

    ``measure`` is an aggregate: ``count()``, ``count_distinct(x)``, ``sum(x)``, ``avg(x)``, ``min(x)``,
    ``max(x)`` or arithmetic over such; ``where`` is a rule expression that chooses events.
    """

    name: str
    of: str
    measure: str
    where: str | None = None
    unit: str | None = None
    title: Text | None = None
    description: Text | None = None
    owner: str | None = None
    tags: tuple[str, ...] = ()


class Library(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Types and groups that apps share: ``commerce@3``. A published version never changes.

    ``types`` and ``groups`` are as written (short forms spelt out, not expanded): a plan that uses it
    reads them below its own of the same name.
    """

    name: str
    version: int
    title: Text | None = None
    description: Text | None = None
    owner: str | None = None
    types: dict[str, object] = {}
    groups: dict[str, object] = {}

    @property
    def id(self) -> str:
        """Return the pinned name that plans write, such as ``commerce@3``."""
        return f"{self.name}@{self.version}"


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An app's plan, resolved: what one revision holds.

    ``types`` and ``groups`` are the app's own and its libraries', expanded.
    """

    app: str
    format: int = 1
    use: tuple[str, ...] = ()
    types: dict[str, Property] = {}
    groups: dict[str, Properties] = {}
    events: dict[str, EventSpec] = {}
    metrics: dict[str, Metric] = {}
