"""A delta in parts of bounded size, for the wire and for the disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from trackplane.discovery import Delta, Resource

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


def join(parts: Iterable[Delta]) -> Delta:
    """Return the delta whose ``split`` these are."""
    whole = list(parts)
    last = whole[-1]
    return Delta(
        start=last.start,
        end=last.end,
        changed=tuple(r for part in whole for r in part.changed),
        removed=tuple(k for part in whole for k in part.removed),
        hash=last.hash,
        published=last.published,
    )
