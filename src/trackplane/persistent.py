"""A mapping that is cheap to change into the next one while readers go on with the old one.

The entries are spread by hash over plain dicts of about 32 to 512 entries; a changed mapping shares
all of them but those it touched. One change of a million entries copies 4,096 references and one
small dict (about 15 us).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Generic, TypeVar, overload

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")

_MOST: Final = 512  # entries of a shard, on average, before there are more shards
_GROWTH: Final = 16


class PersistentMap(Mapping[K, V], Generic[K, V]):
    """An immutable mapping. Its order is that of insertion up to 512 entries, then none."""

    __slots__ = ("_count", "_shards")

    def __init__(self, entries: Mapping[K, V] | None = None) -> None:
        self._shards: list[dict[K, V]] = [{}]
        self._count = 0
        if entries:
            edit = self.edit()
            for key, value in entries.items():
                edit[key] = value
            self._shards, self._count = edit.shards, len(edit)

    def __getitem__(self, key: K) -> V:
        shards, mixed = self._shards, hash(key)
        return shards[(mixed ^ mixed >> 15) & (len(shards) - 1)][key]

    @overload
    def get(self, key: K, /) -> V | None: ...
    @overload
    def get(self, key: K, /, default: V | D) -> V | D: ...
    def get(self, key: K, /, default: object = None) -> object:
        """Return a value, or the default."""
        shards, mixed = self._shards, hash(key)
        return shards[(mixed ^ mixed >> 15) & (len(shards) - 1)].get(key, default)

    def __contains__(self, key: object) -> bool:
        shards, mixed = self._shards, hash(key)
        return key in shards[(mixed ^ mixed >> 15) & (len(shards) - 1)]

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[K]:
        for shard in self._shards:
            yield from shard

    def edit(self) -> Edit[K, V]:
        """Return a copy that can be changed."""
        return Edit(self)

    def differences(self, before: PersistentMap[K, V]) -> tuple[list[K], list[K]]:
        """Return the keys that are new or of another value here, and those that are gone.

        What the two share is skipped without a look.
        """
        if len(self._shards) != len(before._shards):
            changed = [k for k, v in self.items() if k not in before or before[k] != v]
            return changed, [key for key in before if key not in self]
        found: list[K] = []
        gone: list[K] = []
        for here, there in zip(self._shards, before._shards, strict=True):
            if here is not there:
                found += [k for k, v in here.items() if k not in there or there[k] != v]
                gone += [key for key in there if key not in here]
        return found, gone


class Edit(Generic[K, V]):
    """A mapping being changed. ``finish`` gives the result; do not change it after that."""

    __slots__ = ("_count", "_owned", "shards")

    def __init__(self, base: PersistentMap[K, V]) -> None:
        self.shards = base._shards.copy()
        self._count = len(base)
        self._owned: set[int] = set()

    def __len__(self) -> int:
        return self._count

    def get(self, key: K) -> V | None:
        """Return a value, or None."""
        shards, mixed = self.shards, hash(key)
        return shards[(mixed ^ mixed >> 15) & (len(shards) - 1)].get(key)

    def __setitem__(self, key: K, value: V) -> None:
        shard = self._own(key)
        before = len(shard)
        shard[key] = value
        if len(shard) != before:
            self._count += 1
            if self._count > _MOST * len(self.shards):
                self._grow()

    def pop(self, key: K) -> V | None:
        """Remove a key; return what it had, or None."""
        if self.get(key) is None:
            return None
        self._count -= 1
        return self._own(key).pop(key)

    def finish(self) -> PersistentMap[K, V]:
        """Return the mapping as it is now."""
        found: PersistentMap[K, V] = PersistentMap()
        found._shards, found._count = self.shards, self._count
        return found

    def _own(self, key: K) -> dict[K, V]:
        mixed = hash(key)
        index = (mixed ^ mixed >> 15) & (len(self.shards) - 1)
        if index not in self._owned:
            self._owned.add(index)
            self.shards[index] = self.shards[index].copy()
        return self.shards[index]

    def _grow(self) -> None:
        count = len(self.shards) * _GROWTH
        grown: list[dict[K, V]] = [{} for _ in range(count)]
        for shard in self.shards:
            for key, value in shard.items():
                mixed = hash(key)
                grown[(mixed ^ mixed >> 15) & (count - 1)][key] = value
        self.shards, self._owned = grown, set(range(count))
