"""Configuration as numbered deltas of small resources, and the places it comes from.

A resource is one rule, one event's specification, one write key's digest, one app's settings, one
dataset: what changes is what travels. A *ruleset number* stands for one state of all of them; it
only rises. Sources: ``folder`` (files), ``client`` (gRPC from the control plane); both keep a
last-good copy (``cache``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, get_args

import msgspec

from trackplane.errors import TrackplaneError

Kind = Literal["app", "key", "event", "dataset", "function", "table", "script", "rule", "shadow"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)  # apply in this order
Mode = Literal["off", "warn", "enforce"]
_MODULUS: Final = 1 << 256


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One unit of configuration. ``name`` is unique within ``kind``; ``body`` is JSON.

    | kind    | name                      | body                                             |
    |---------|---------------------------|--------------------------------------------------|
    | app     | app                       | ``AppSettings``                                  |
    | key     | SHA-256 (hex) of the key  | ``WriteKey``                                     |
    | event   | app/event                 | ``trackplane.plan.model.EventSpec``              |
    | dataset | dataset                   | ``trackplane.rules.ir.Dataset``                  |
    | function | function                 | ``trackplane.rules.ir.UserFunction``             |
    | table   | table                     | ``trackplane.rules.ir.LookupTable``              |
    | script  | script                    | ``trackplane.rules.ir.ScriptText``               |
    | rule    | rule, or rule~canary      | ``trackplane.rules.ir.Rule``                     |
    | shadow  | rule                      | ``trackplane.rules.ir.Shadow``                   |
    """

    kind: Kind
    name: str
    body: bytes

    @property
    def key(self) -> tuple[Kind, str]:
        """Return what the resource is found by."""
        return self.kind, self.name

    def digest(self) -> int:
        """Return this resource's part in the hash of all."""
        text = f"{self.kind}\0{self.name}\0".encode() + self.body
        return int.from_bytes(hashlib.sha256(text).digest(), "big")


class AppSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How an app's events are admitted. ``revision`` is the plan revision in force."""

    app: str
    revision: int = 0
    validation: Mode = "warn"
    allow_list: Mode = "warn"
    blocked: tuple[str, ...] = ()


class WriteKey(msgspec.Struct, frozen=True, kw_only=True):
    """What a write key opens."""

    app: str
    env: str = "prod"


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """The way from one number to another. ``start`` 0 is a full state.

    ``hash`` is the sum modulo 2**256 of all resources' digests after it, as hex: order does not
    matter, so both sides keep it up to date by addition. ``published`` is when ``end`` was
    published (ms), from which effective time is measured.
    """

    start: int
    end: int
    changed: tuple[Resource, ...] = ()
    removed: tuple[tuple[Kind, str], ...] = ()
    hash: str = ""
    published: int = 0


class ResyncError(TrackplaneError):
    """A delta does not fit the state it is applied to: ask for a full one."""

    code = "resync"
    retryable = True


class Snapshot:
    """All resources under one number. Immutable; ``apply`` returns the next one.

    ``apply`` copies the mapping (references only), not the bodies.
    """

    __slots__ = ("_sum", "number", "published", "resources")

    def __init__(
        self,
        number: int = 0,
        resources: Mapping[tuple[Kind, str], Resource] | None = None,
        *,
        published: int = 0,
        _sum: int | None = None,
    ) -> None:
        self.number = number
        self.resources = dict(resources or {})
        self.published = published
        if _sum is None:
            _sum = sum(r.digest() for r in self.resources.values()) % _MODULUS
        self._sum = _sum

    @classmethod
    def of(cls, number: int, resources: Iterable[Resource], *, published: int = 0) -> Snapshot:
        """Return the snapshot of these resources."""
        return cls(number, {r.key: r for r in resources}, published=published)

    @property
    def hash(self) -> str:
        """Return the hash of all resources, as hex."""
        return f"{self._sum:064x}"

    def get(self, kind: Kind, name: str) -> Resource | None:
        """Return a resource, or None."""
        return self.resources.get((kind, name))

    def of_kind(self, kind: Kind) -> Iterable[Resource]:
        """Return the resources of a kind."""
        return (r for (k, _), r in self.resources.items() if k == kind)

    def apply(self, delta: Delta) -> Snapshot:
        """Return the snapshot after a delta.

        Raises:
            ResyncError: the delta starts elsewhere, or the hash of all differs afterwards.
        """
        base: dict[tuple[Kind, str], Resource] = {}
        total = 0
        if delta.start:
            if delta.start != self.number:
                raise ResyncError(f"delta from {delta.start} does not fit state {self.number}")
            base, total = dict(self.resources), self._sum
        for key in delta.removed:
            gone = base.pop(key, None)
            total -= gone.digest() if gone else 0
        for resource in delta.changed:
            before = base.get(resource.key)
            total += resource.digest() - (before.digest() if before else 0)
            base[resource.key] = resource
        after = Snapshot(delta.end, base, published=delta.published, _sum=total % _MODULUS)
        if delta.hash and delta.hash != after.hash:
            raise ResyncError(f"hash of all differs at {delta.end}")
        return after

    def delta_from(self, before: Snapshot | None) -> Delta:
        """Return the delta that leads from ``before`` (None: from nothing) to this snapshot."""
        old: Mapping[Any, Resource] = before.resources if before is not None else {}
        return Delta(
            start=before.number if before is not None else 0,
            end=self.number,
            changed=tuple(r for k, r in self.resources.items() if old.get(k) != r),
            removed=tuple(k for k in old if k not in self.resources),
            hash=self.hash,
            published=self.published,
        )
