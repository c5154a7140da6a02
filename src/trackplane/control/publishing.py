"""Publishing: a change of metadata and the number it travels under, in one transaction.

Invariants: 1 numbers only rise, also across restarts; 2 a number is committed before any node hears
of it; 3 nodes are told in the order of commit; 4 a change that alters nothing the data plane runs
takes no number; 5 every change is in the audit log, in the same transaction; 6 a change is made over
what is committed, also by another process on the same database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
import structlog

from trackplane.control import tables
from trackplane.control.access import SYSTEM, Actor
from trackplane.control.database import Database
from trackplane.discovery import Delta, Kind, Resource, Snapshot

_log = structlog.get_logger(__name__)

ResourceKey = tuple[Kind, str]


class Change:
    """A change in the making: what goes to the data plane, and what the audit log will say."""

    def __init__(self, connection: sa.Connection, actor: Actor, now: int) -> None:
        self.connection = connection
        self.actor = actor
        self.now = now
        self.number = 0  # set when the change is published; 0: nothing the data plane runs changed
        self.resources: dict[ResourceKey, bytes | None] = {}
        self.entries: list[dict[str, Any]] = []
        self.tellers: list[Callable[[int], object]] = []

    def put(self, kind: Kind, name: str, body: bytes) -> None:
        """Let the data plane run this resource from now on."""
        self.resources[kind, name] = body

    def remove(self, kind: Kind, name: str) -> None:
        """Let the data plane run without this resource from now on."""
        self.resources[kind, name] = None

    def when_numbered(self, tell: Callable[[int], object]) -> None:
        """Call ``tell``, still in the transaction, with the number in force after the change."""
        self.tellers.append(tell)

    def audit(
        self, action: str, subject: str, *, app: str = "", detail: Mapping[str, Any] | None = None
    ) -> None:
        """Say what was done, for the audit log."""
        self.entries.append(
            {
                "at": self.now,
                "actor": self.actor.name,
                "action": action,
                "subject": subject,
                "app": app,
                "detail": dict(detail or {}),
            }
        )


class Publisher:
    """Owns the current state; ``on_published`` is called in order, from the publishing thread."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], int],
        on_published: Callable[[Delta], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self.on_published = on_published
        # May add to a change before it is numbered.
        self.amend: Callable[[Change], None] = lambda _: None
        self._changed_at: dict[ResourceKey, int] = {}
        with database.read() as connection:
            self._snapshot = self._load(connection)
        if not self._snapshot.number:
            self.raise_number(0, reason="first start")

    @property
    def snapshot(self) -> Snapshot:
        """Return the current state."""
        return self._snapshot

    def changed_at(self, key: ResourceKey) -> int:
        """Return the number a resource last changed under, as far as this process has seen."""
        return self._changed_at.get(key, 0)

    @contextmanager
    def change(self, actor: Actor, reason: str) -> Iterator[Change]:
        """Give a change; when the block ends it is committed and published, else undone."""
        with self._database.writers_wait():
            now = self._clock()
            with self._database.write() as connection:
                self._catch_up(connection)
                change = Change(connection, actor, now)
                yield change
                self.amend(change)
                delta = self._delta(change)
                if delta is not None:
                    change.number = delta.end
                    self._store(connection, delta, reason)
                for tell in change.tellers:
                    tell(change.number or self._snapshot.number)
                for entry in change.entries:
                    connection.execute(
                        sa.insert(tables.audit).values(number=change.number, **entry)
                    )
            if delta is not None:
                self._announce(delta)

    def raise_number(self, beyond: int, *, reason: str = "raised beyond a node's number") -> None:
        """Publish the same state under a number above ``beyond``."""
        with self._database.writers_wait():
            with self._database.write() as connection:
                self._catch_up(connection)
                before = self._snapshot
                delta = Delta(
                    start=before.number,
                    end=max(before.number, beyond) + 1,
                    hash=before.hash,
                    published=self._clock(),
                )
                self._store(connection, delta, reason)
                connection.execute(
                    sa.insert(tables.audit).values(
                        at=delta.published,
                        actor=SYSTEM.name,
                        action="ruleset.raise",
                        subject=str(delta.end),
                        app="",
                        number=delta.end,
                        detail={"reason": reason},
                    )
                )
            self._announce(delta)

    def follow(self) -> None:
        """Take over, and announce, what another process on the same database has published."""
        with self._database.read() as connection:
            behind = self._last(connection) > self._snapshot.number
        if behind:
            with self._database.writers_wait(), self._database.read() as connection:
                self._catch_up(connection)

    def _catch_up(self, connection: sa.Connection) -> None:
        before = self._snapshot
        if self._last(connection) <= before.number:
            return
        found = self._load(connection)
        changed = [r for r in found.resources.values() if before.resources.get(r.key) != r]
        self._announce(
            Delta(
                start=before.number,
                end=found.number,
                changed=tuple(changed),
                removed=tuple(before.resources.keys() - found.resources.keys()),
                hash=found.hash,
                published=found.published,
            )
        )

    def _last(self, connection: sa.Connection) -> int:
        last = connection.execute(sa.select(sa.func.max(tables.rulesets.c.number))).scalar()
        return int(last or 0)

    def _announce(self, delta: Delta) -> None:
        self._snapshot = self._snapshot.apply(delta)
        for key in (*delta.removed, *(r.key for r in delta.changed)):
            self._changed_at[key] = delta.end
        self.on_published(delta)

    def _delta(self, change: Change) -> Delta | None:
        before = self._snapshot
        changed: list[Resource] = []
        removed: list[ResourceKey] = []
        for key, body in change.resources.items():
            held = before.resources.get(key)
            if body is None:
                if held is not None:
                    removed.append(key)
            elif held is None or held.body != body:
                changed.append(Resource(kind=key[0], name=key[1], body=body))
        if not changed and not removed:
            return None
        delta = Delta(
            start=before.number,
            end=before.number + 1,
            changed=tuple(changed),
            removed=tuple(removed),
            published=change.now,
        )
        return Delta(
            start=delta.start,
            end=delta.end,
            changed=delta.changed,
            removed=delta.removed,
            hash=before.apply(delta).hash,
            published=delta.published,
        )

    def _store(self, connection: sa.Connection, delta: Delta, reason: str) -> None:
        table = tables.resources
        for kind, name in (*delta.removed, *(r.key for r in delta.changed)):
            connection.execute(sa.delete(table).where(table.c.kind == kind, table.c.name == name))
        if delta.changed:
            connection.execute(
                sa.insert(table),
                [{"kind": r.kind, "name": r.name, "body": r.body} for r in delta.changed],
            )
        connection.execute(
            sa.insert(tables.rulesets).values(
                number=delta.end,
                published_at=delta.published,
                reason=reason,
                changed=[f"{r.kind}/{r.name}" for r in delta.changed],
                removed=[f"{kind}/{name}" for kind, name in delta.removed],
            )
        )

    def _load(self, connection: sa.Connection) -> Snapshot:
        last = connection.execute(
            sa.select(tables.rulesets.c.number, tables.rulesets.c.published_at)
            .order_by(tables.rulesets.c.number.desc())
            .limit(1)
        ).first()
        rows = connection.execute(sa.select(tables.resources))
        found = [Resource(kind=row.kind, name=row.name, body=row.body) for row in rows]
        if last is None:
            return Snapshot()
        return Snapshot.of(last.number, found, published=last.published_at)
