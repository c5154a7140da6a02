"""What an action sees: the event as the actions before it left it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

import msgspec

from trackplane.plan.model import EventSpec
from trackplane.rules.ir import NULL, STRING, Expression, Item, Path, Root, Type
from trackplane.rules.scope import Resolved, Scope, Shapes, Unknown, shapes_of

TAGS: Final = "$tags"  # the property of `what` that `tag` writes
_UNREAD: Final = ""  # the read path of what the event itself need not have


class _Set(msgspec.Struct, frozen=True):
    """A property that an action gave a value: its type, whether parts of it may be read."""

    type: Type
    nullable: bool
    shapes: Shapes
    copied: bool  # from another place of the event: its parts are known
    reads: str  # the property itself where a NULL leaves it as it was


class EventScope(Scope):
    """The plan's properties, with those that actions set and without those that they removed."""

    def __init__(self, specs: Sequence[EventSpec] | None) -> None:
        super().__init__(specs)
        self._changed: dict[tuple[str, str], _Set | None] = {}

    def resolve(self, root: str, parts: tuple[str | int, ...]) -> Resolved | Unknown:
        """Type a path of the event as it is now."""
        name = parts[0] if parts else None
        if not isinstance(name, str) or (root, name) not in self._changed:
            if (root, name) == ("what", TAGS):
                tags = shapes_of(Type("array", STRING))
                return self._below(
                    root, parts, _Set(Type("array", STRING), True, tags, True, "what.$tags")
                )
            return super().resolve(root, parts)
        found = self._changed[root, name]
        if found is None:
            hint = "read it in an action before"
            return Unknown("rule_name", f"{root}.{name} was removed by an action before", 0, hint)
        return self._below(root, parts, found)

    def _below(self, root: str, parts: tuple[str | int, ...], found: _Set) -> Resolved | Unknown:
        if len(parts) == 1:
            path = Path(cast("Root", root), parts, found.type, found.nullable)
            return Resolved(path, found.reads, found.shapes)
        if not found.copied and found.type.kind != "json":
            hint = "read the part first, then set it"
            message = f"{root}.{parts[0]} is computed by an action before: it has no parts to read"
            return Unknown("rule_set", message, 1, hint)
        below = self.resolve_below(found.shapes, parts[1:])
        if isinstance(below, Unknown):
            return msgspec.structs.replace(below, part=below.part + 1)
        path = Path(cast("Root", root), parts, below[0])
        return Resolved(path, found.reads, below[1])

    def planned(self, root: str, name: str) -> Type | None:
        """Return the type that the plan gives a property; None where it is not planned."""
        found = super().resolve(root, (name,))
        return found.path.type if isinstance(found, Resolved) else None

    def assign(
        self, root: str, name: str, value: Expression, shapes: Shapes, *, skip_null: bool
    ) -> None:
        """Let later actions read a value under a property."""
        type_ = value.type
        if type_ == NULL:  # the property is there and null; of the type it would have
            type_ = self.planned(root, name) or STRING
        self._changed[root, name] = _Set(
            type_,
            value.nullable or skip_null,
            shapes,
            isinstance(value, Path | Item),
            f"{root}.{name}" if skip_null else _UNREAD,
        )

    def remove(self, root: str, name: str) -> None:
        """Let later actions no longer read a property."""
        self._changed[root, name] = None


def without_unread(reads: Mapping[str, None] | set[str]) -> set[str]:
    """Return read paths without those of values that the event itself need not have."""
    return {path for path in reads if path != _UNREAD}
