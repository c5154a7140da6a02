"""Configuration as numbered deltas of small resources, and the places it comes from.

A resource is one rule, one event's specification, one write key's digest, one app's settings, one
dataset: what changes is what travels. A *ruleset number* stands for one state of all of them; it
only rises. Sources: ``folder`` (files), ``client`` (gRPC from the control plane); both keep a
last-good copy (``cache``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, Literal, get_args

import msgspec

from trackplane.errors import TrackplaneError
from trackplane.packed import pack, unpack
from trackplane.persistent import Edit, PersistentMap

Kind = Literal["app", "key", "event", "dataset", "function", "table", "script", "rule", "shadow"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)  # apply in this order
Mode = Literal["off", "warn", "enforce"]
_MODULUS: Final = 1 << 256
PackedResource = tuple[Kind, str, bytes]  # kind, name, packed body


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
        return _digest(self.kind, self.name, self.body)


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
    changed: Collection[Resource] = ()
    removed: tuple[tuple[Kind, str], ...] = ()
    hash: str = ""
    published: int = 0


class ResyncError(TrackplaneError):
    """A delta does not fit the state it is applied to: ask for a full one."""

    code = "resync"
    retryable = True


class Packed(Collection[Resource]):
    """Resources whose bodies lie packed (``trackplane.packed``) and are unpacked one at a time."""

    __slots__ = ("_parts", "_size")

    def __init__(self, parts: Sequence[Iterable[PackedResource]], size: int) -> None:
        self._parts = parts
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Resource]:
        return (Resource(kind=k, name=n, body=unpack(b)) for k, n, b in self.packed())

    def __contains__(self, resource: object) -> bool:
        return any(resource == mine for mine in self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Collection) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment] # as a list

    def packed(self) -> Iterator[PackedResource]:
        """Return kind, name and packed body of each."""
        return chain.from_iterable(self._parts)


class _Kind(Iterable[PackedResource]):
    """The resources of one kind, to be iterated more than once."""

    def __init__(self, kind: Kind, bodies: PersistentMap[str, bytes]) -> None:
        self._kind: Kind = kind
        self._bodies = bodies

    def __iter__(self) -> Iterator[PackedResource]:
        return ((self._kind, name, body) for name, body in self._bodies.items())


class _Resources(Mapping[tuple[Kind, str], Resource]):
    """A snapshot's resources by key."""

    def __init__(self, kinds: Mapping[Kind, PersistentMap[str, bytes]]) -> None:
        self._kinds = kinds

    def __getitem__(self, key: tuple[Kind, str]) -> Resource:
        kind, name = key
        return Resource(kind=kind, name=name, body=unpack(self._kinds[kind][name]))

    def __iter__(self) -> Iterator[tuple[Kind, str]]:
        return ((kind, name) for kind, bodies in self._kinds.items() for name in bodies)

    def __len__(self) -> int:
        return sum(map(len, self._kinds.values()))


class Snapshot:
    """All resources under one number. Immutable; ``apply`` returns the next one.

    Bodies lie packed, by kind and name; a change of one among a million shares the others and takes
    well below a millisecond.
    """

    __slots__ = ("_kinds", "_sum", "number", "published")

    def __init__(self, number: int = 0, *, published: int = 0) -> None:
        self.number = number
        self.published = published
        self._kinds: dict[Kind, PersistentMap[str, bytes]] = {}
        self._sum = 0

    @classmethod
    def of(cls, number: int, resources: Iterable[Resource], *, published: int = 0) -> Snapshot:
        """Return the snapshot of these resources; of two of one key the last one counts."""
        found = [(r.kind, r.name, pack(r.body)) for r in resources]
        changed = Packed([found], len(found))
        return cls().apply(Delta(start=0, end=number, changed=changed, published=published))

    @property
    def resources(self) -> Mapping[tuple[Kind, str], Resource]:
        """Return the resources by key."""
        return _Resources(self._kinds)

    @property
    def hash(self) -> str:
        """Return the hash of all resources, as hex."""
        return f"{self._sum:064x}"

    def get(self, kind: Kind, name: str) -> Resource | None:
        """Return a resource, or None."""
        body = self.packed(kind).get(name)
        return None if body is None else Resource(kind=kind, name=name, body=unpack(body))

    def of_kind(self, kind: Kind) -> Iterable[Resource]:
        """Return the resources of a kind."""
        return (
            Resource(kind=kind, name=name, body=unpack(body))
            for name, body in self.packed(kind).items()
        )

    def packed(self, kind: Kind) -> PersistentMap[str, bytes]:
        """Return the packed bodies of a kind by name (``trackplane.packed``)."""
        return self._kinds.get(kind) or PersistentMap()

    def apply(self, delta: Delta) -> Snapshot:
        """Return the snapshot after a delta.

        Raises:
            ResyncError: the delta starts elsewhere, or the hash of all differs afterwards.
        """
        total = 0
        edits: dict[Kind, Edit[str, bytes]] = {}
        if delta.start:
            if delta.start != self.number:
                raise ResyncError(f"delta from {delta.start} does not fit state {self.number}")
            total = self._sum

        def edited(kind: Kind) -> Edit[str, bytes]:
            if kind not in edits:
                edits[kind] = (self.packed(kind) if delta.start else PersistentMap()).edit()
            return edits[kind]

        for kind, name in delta.removed:
            gone = edited(kind).pop(name)
            total -= _digest(kind, name, unpack(gone)) if gone is not None else 0
        for kind, name, body in packed_of(delta.changed):
            edit = edited(kind)
            before = edit.get(name)
            if before is not None:
                total -= _digest(kind, name, unpack(before))
            total += _digest(kind, name, unpack(body))
            edit[name] = body
        after = Snapshot(delta.end, published=delta.published)
        after._kinds = dict(self._kinds) if delta.start else {}
        after._kinds |= {kind: edit.finish() for kind, edit in edits.items()}
        after._sum = total % _MODULUS
        if delta.hash and delta.hash != after.hash:
            raise ResyncError(f"hash of all differs at {delta.end}")
        return after

    def delta_from(self, before: Snapshot | None) -> Delta:
        """Return the delta that leads from ``before`` (None: from nothing) to this snapshot."""
        changed: list[Iterable[PackedResource]] = []
        removed: list[tuple[Kind, str]] = []
        size = 0
        for kind in KINDS:
            here = self.packed(kind)
            if before is None:
                changed.append(_Kind(kind, here))
                size += len(here)
                continue
            names, gone = here.differences(before.packed(kind))
            changed.append([(kind, name, here[name]) for name in names])
            removed += [(kind, name) for name in gone]
            size += len(names)
        return Delta(
            start=before.number if before is not None else 0,
            end=self.number,
            changed=Packed(changed, size),
            removed=tuple(removed),
            hash=self.hash,
            published=self.published,
        )


def packed_of(changed: Collection[Resource]) -> Iterator[PackedResource]:
    """Return kind, name and packed body of each resource."""
    if isinstance(changed, Packed):
        return changed.packed()
    return ((r.kind, r.name, pack(r.body)) for r in changed)


def _digest(kind: Kind, name: str, body: bytes) -> int:
    text = f"{kind}\0{name}\0".encode() + body
    return int.from_bytes(hashlib.sha256(text).digest(), "big")
