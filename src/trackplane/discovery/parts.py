"""A delta in parts of bounded size, for the wire and for the disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from trackplane.discovery import Delta, Kind, Packed, PackedResource, Resource, packed_of

PART_RESOURCES: Final = 1_000
PART_BYTES: Final = 1024 * 1024


def split(
    delta: Delta, *, resources: int = PART_RESOURCES, size: int = PART_BYTES
) -> Iterator[Delta]:
    """Yield a delta in parts of bounded count and bytes; only the last one carries the hash.

    A delta without a hash is refused: the hash is what marks the end.
    """
    if not delta.hash:
        raise ValueError("a delta that travels needs its hash")
    removed = list(delta.removed)
    group: list[Resource] = []
    held = 0

    def part(changed: Sequence[Resource], mark: str) -> Delta:
        taken = tuple(removed[:resources])
        del removed[:resources]
        return Delta(
            start=delta.start,
            end=delta.end,
            changed=tuple(changed),
            removed=taken,
            hash=mark,
            published=delta.published,
        )

    for resource in delta.changed:
        if group and (len(group) >= resources or held + len(resource.body) > size):
            yield part(group, "")
            group, held = [], 0
        group.append(resource)
        held += len(resource.body)
    while len(removed) > resources:
        yield part(group, "")
        group = []
    yield part(group, delta.hash)


class Joining:
    """Puts the parts of a delta together again, each one's bodies packed as soon as it is here.

    So a full state of a million rules never lies in memory as it travels.
    """

    def __init__(self) -> None:
        self._changed: list[list[PackedResource]] = []
        self._removed: list[tuple[Kind, str]] = []
        self._size = 0

    def add(self, part: Delta) -> Delta | None:
        """Take a part; return the delta whose ``split`` they were with the last one."""
        some = list(packed_of(part.changed))
        self._changed.append(some)
        self._size += len(some)
        self._removed += part.removed
        if not part.hash:
            return None
        whole = Delta(
            start=part.start,
            end=part.end,
            changed=Packed(self._changed, self._size),
            removed=tuple(self._removed),
            hash=part.hash,
            published=part.published,
        )
        self._changed, self._removed, self._size = [], [], 0
        return whole


def join(parts: Iterable[Delta]) -> Delta:
    """Return the delta whose ``split`` these are."""
    joining = Joining()
    *_, whole = [joining.add(part) for part in parts]
    if whole is None:
        raise ValueError("the last part of a delta has its hash")
    return whole
