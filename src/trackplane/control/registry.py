"""Functions, lookup tables and scripts: kept by version, and the rules that name them kept with them.

A change compiles every rule that names the thing again, in the same number; it is refused with all
findings if one of them would break.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import msgspec
import sqlalchemy as sa

from trackplane.control import rule_wire, tables, wire
from trackplane.control.catalog import Catalog, Recompiled, findings_of
from trackplane.control.conflicts import require_match
from trackplane.control.operations import Call
from trackplane.control.paging import page
from trackplane.control.problems import ExistsError, ForbiddenError, NotFoundError
from trackplane.control.publishing import Change
from trackplane.control.rules import require_name
from trackplane.discovery import Snapshot
from trackplane.discovery.compile import definitions_of
from trackplane.engine.outputs import CANARY
from trackplane.errors import ConflictError, Finding, InputError
from trackplane.rules import ir
from trackplane.rules.definitions import Definitions

Kind = Literal["function", "table", "script"]
Thing = ir.UserFunction | ir.LookupTable | ir.ScriptText

_FIELDS: Final[Mapping[Kind, str]] = {
    "function": "functions",
    "table": "tables",
    "script": "scripts",
}


class _Body(msgspec.Struct, frozen=True):
    body: str = ""


class Registry(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of definition.

    ``load`` reads a text into a version; ``check`` gives what else is wrong with the text, among
    the definitions as they would be; ``summary`` is a line about it.
    """

    kind: Kind
    load: Callable[[str, str, int], Thing]
    check: Callable[[str, Definitions], Iterable[Finding]]
    summary: Callable[[Thing], str]

    # --- reading

    def entries(self, call: Call, query: wire.Paging) -> rule_wire.Definitions:
        """Return a page by name."""
        table = tables.definitions
        select = sa.select(table).where(table.c.kind == self.kind)
        with call.platform.database.read() as connection:
            items, cursor = page(
                connection, select, table.c.name, query, lambda row: self._entry(connection, row)
            )
        return rule_wire.Definitions(items=items, next=cursor)

    def _entry(self, connection: sa.Connection, row: sa.Row[Any]) -> rule_wire.DefinitionEntry:
        return rule_wire.DefinitionEntry(
            name=row.name,
            version=row.version,
            owner=row.owner,
            description=row.description,
            summary=row.summary,
            used_by=len(self.users(connection, row.name)),
            updated_at=row.updated_at,
            updated_by=row.updated_by,
            etag=str(row.version),
        )

    def get(self, call: Call, name: str) -> rule_wire.Definition:
        """Return one."""
        with call.platform.database.read() as connection:
            return self._view(connection, self._find(connection, name))

    def versions(self, call: Call, name: str, query: wire.Paging) -> rule_wire.DefinitionVersions:
        """Return a page of versions, newest first, of a deleted one too."""
        table = tables.definition_versions
        select = sa.select(table).where(table.c.kind == self.kind, table.c.name == name)
        with call.platform.database.read() as connection:
            if connection.execute(select.limit(1)).first() is None:
                raise NotFoundError(f"there is no {self.kind} {name!r}")
            items, cursor = page(
                connection, select, table.c.version, query, _version, newest_first=True
            )
        return rule_wire.DefinitionVersions(items=items, next=cursor)

    def try_source(self, call: Call, source: str) -> rule_wire.DefinitionCheck:
        """Return what is wrong with a text, and what publishing it would break."""
        try:
            thing = self.load(source, f"{self.kind}.yaml", 1)
        except InputError as error:
            return rule_wire.DefinitionCheck(
                ok=False, name="", findings=findings_of(error), broken_rules=[]
            )
        snapshot = call.platform.publisher.snapshot
        definitions = self._instead(snapshot, thing.name, thing)
        with call.platform.database.read() as connection:
            findings = [
                *self.check(source, definitions),
                *self._broken_callers(connection, thing.name, definitions),
            ]
            sources = self.users(connection, thing.name)
        broken = Catalog(snapshot).recompile(sources, definitions).broken if not findings else {}
        visible = sorted(broken) if call.actor.everywhere else []
        return rule_wire.DefinitionCheck(
            ok=not findings and not broken,
            name=thing.name,
            findings=[*findings, *(f for name in visible for f in broken[name])],
            broken_rules=visible,
        )

    # --- changing

    def create(self, call: Call, body: rule_wire.DefinitionSource) -> rule_wire.Definition:
        """Publish a new one."""
        name = self.load(body.source, f"{self.kind}.yaml", 1).name
        _require_everywhere(call)
        with call.platform.publisher.change(call.actor, f"{self.kind} {name}") as change:
            if self._row(change.connection, name) is not None:
                raise ExistsError(f"there is a {self.kind} {name!r} already")
            recompiled = self.put(call, change, body.source, reason=body.reason)
        return self._changed(call, name, change.number, recompiled)

    def update(
        self, call: Call, name: str, body: rule_wire.DefinitionSource
    ) -> rule_wire.Definition:
        """Publish the next version of one."""
        _require_everywhere(call)
        with call.platform.publisher.change(call.actor, f"{self.kind} {name}") as change:
            row = self._find(change.connection, name)
            self._match(change.connection, call, row, body.source)
            loaded = self.load(body.source, f"{self.kind}.yaml", 1)
            require_name(loaded.name, name, self.kind)
            recompiled = self.put(call, change, body.source, reason=body.reason)
        return self._changed(call, name, change.number, recompiled)

    def roll_back(self, call: Call, name: str, body: rule_wire.Rollback) -> rule_wire.Definition:
        """Publish the text of an earlier version again."""
        _require_everywhere(call)
        reason = body.reason or f"back to version {body.version}"
        with call.platform.publisher.change(call.actor, f"{self.kind} {name}") as change:
            table = tables.definition_versions
            source = change.connection.execute(
                sa.select(table.c.source).where(
                    table.c.kind == self.kind,
                    table.c.name == name,
                    table.c.version == body.version,
                )
            ).scalar()
            if source is None:
                raise NotFoundError(f"the {self.kind} {name!r} has no version {body.version}")
            recompiled = self.put(call, change, source, reason=reason, action="rolled_back")
        return self._changed(call, name, change.number, recompiled)

    def delete(self, call: Call, name: str) -> wire.Removed:
        """Take one away that no rule names; its versions are kept."""
        _require_everywhere(call)
        with call.platform.publisher.change(call.actor, f"{self.kind} {name} deleted") as change:
            row = self._find(change.connection, name)
            call.match(str(row.version))
            users = self.users(change.connection, name)
            if users:
                raise ConflictError(
                    f"the {self.kind} {name!r} is used by {', '.join(sorted(users))}",
                    hint="change the rules first",
                )
            callers = sorted(self._callers(change.connection, name))
            if callers:
                raise ConflictError(f"the function {name!r} is called by {', '.join(callers)}")
            self.remove(change, row)
        return wire.Removed(number=change.number)

    def remove(self, change: Change, row: sa.Row[Any], *, reason: str = "") -> None:
        """Take one away, without a look at who uses it."""
        table = tables.definitions
        self._add_version(change, row.name, row.source, "deleted", reason)
        change.connection.execute(
            sa.delete(table).where(table.c.kind == self.kind, table.c.name == row.name)
        )
        change.remove(self.kind, row.name)
        change.audit(f"{self.kind}.delete", row.name, detail={"reason": reason})

    def put(
        self,
        call: Call,
        change: Change,
        source: str,
        *,
        reason: str,
        action: Literal["published", "rolled_back"] = "published",
    ) -> list[str]:
        """Store the next version and the rules that name it, compiled again; return those."""
        thing = self.load(source, f"{self.kind}.yaml", 1)
        snapshot = call.platform.publisher.snapshot
        version = self._last(change.connection, thing.name) + 1
        thing = self.load(source, f"{self.kind}.yaml", version)
        definitions = self._instead(snapshot, thing.name, thing)
        findings = [
            *self.check(source, definitions),
            *self._broken_callers(change.connection, thing.name, definitions),
        ]
        if findings:
            raise InputError(f"the {self.kind} {thing.name!r} is wrong", findings=findings)
        users = self.users(change.connection, thing.name)
        recompiled = Catalog(snapshot).recompile(users, definitions)
        refuse_broken(recompiled, f"the {self.kind}")
        self.store(change, thing, source, reason=reason, action=action)
        store_recompiled(change, snapshot, recompiled)
        return sorted(recompiled.rules)

    def store(
        self,
        change: Change,
        thing: Thing,
        source: str,
        *,
        reason: str,
        action: Literal["published", "rolled_back"],
    ) -> None:
        """Store a version that was checked."""
        table = tables.definitions
        self._add_version(change, thing.name, source, action, reason, version=thing.version)
        change.connection.execute(
            sa.delete(table).where(table.c.kind == self.kind, table.c.name == thing.name)
        )
        body = ir.encode(thing)
        change.connection.execute(
            sa.insert(table).values(
                kind=self.kind,
                name=thing.name,
                version=thing.version,
                source=source,
                body=body.decode(),
                owner=thing.owner,
                description=thing.description,
                summary=self.summary(thing),
                reason=reason,
                updated_at=change.now,
                updated_by=change.actor.name,
            )
        )
        change.put(self.kind, thing.name, body)
        verb = "rollback" if action == "rolled_back" else "publish"
        detail = {"version": thing.version, "reason": reason}
        change.audit(f"{self.kind}.{verb}", thing.name, detail=detail)

    # --- parts

    def users(self, connection: sa.Connection, name: str) -> dict[str, str]:
        """Return the texts of the rules that name one, by name."""
        table = tables.rules
        found = connection.execute(
            sa.select(table.c.rule, table.c.source).where(
                table.c.definition.contains(f'"{self.kind}:{name}@', autoescape=True)
            )
        )
        return {row.rule: row.source for row in found}

    def _callers(self, connection: sa.Connection, name: str) -> dict[str, str]:
        """Return the texts of the functions that call one, by name."""
        if self.kind != "function":
            return {}
        table = tables.definitions
        rows = connection.execute(
            sa.select(table.c.name, table.c.source, table.c.body).where(
                table.c.kind == "function", table.c.name != name
            )
        )
        called = re.compile(rf"\b{re.escape(name)}\s*\(")
        return {
            row.name: row.source
            for row in rows
            if called.search(msgspec.json.decode(row.body, type=_Body).body)
        }

    def _broken_callers(
        self, connection: sa.Connection, name: str, definitions: Definitions
    ) -> Iterator[Finding]:
        for source in self._callers(connection, name).values():
            yield from self.check(source, definitions)

    def _instead(self, snapshot: Snapshot, name: str, thing: Thing) -> Definitions:
        """Return the definitions in force with one thing in place of what it was."""
        held = definitions_of(snapshot)
        mine: Mapping[str, Any] = getattr(held, _FIELDS[self.kind])
        return msgspec.structs.replace(held, **{_FIELDS[self.kind]: {**mine, name: thing}})

    def _row(self, connection: sa.Connection, name: str) -> sa.Row[Any] | None:
        table = tables.definitions
        return connection.execute(
            sa.select(table).where(table.c.kind == self.kind, table.c.name == name)
        ).first()

    def _find(self, connection: sa.Connection, name: str) -> sa.Row[Any]:
        row = self._row(connection, name)
        if row is None:
            raise NotFoundError(f"there is no {self.kind} {name!r}")
        return row

    def _match(self, connection: sa.Connection, call: Call, row: sa.Row[Any], yours: str) -> None:
        versions = tables.definition_versions.c

        def base(etag: str) -> str | None:
            found: str | None = connection.execute(
                sa.select(versions.source).where(
                    versions.kind == self.kind,
                    versions.name == row.name,
                    versions.version == int(etag),
                )
            ).scalar()
            return found

        require_match(
            call,
            str(row.version),
            theirs=row.source,
            author=row.updated_by,
            yours=yours,
            base=base,
        )

    def _last(self, connection: sa.Connection, name: str) -> int:
        versions = tables.definition_versions.c
        last = connection.execute(
            sa.select(sa.func.max(versions.version)).where(
                versions.kind == self.kind, versions.name == name
            )
        ).scalar()
        return int(last or 0)

    def _add_version(
        self,
        change: Change,
        name: str,
        source: str,
        action: str,
        reason: str,
        *,
        version: int = 0,
    ) -> None:
        table = tables.definition_versions
        version = version or self._last(change.connection, name) + 1
        change.connection.execute(
            sa.insert(table).values(
                kind=self.kind,
                name=name,
                version=version,
                source=source,
                action=action,
                reason=reason,
                number=0,
                created_at=change.now,
                created_by=change.actor.name,
            )
        )
        mine = sa.update(table).where(
            table.c.kind == self.kind, table.c.name == name, table.c.version == version
        )
        change.when_numbered(lambda number: change.connection.execute(mine.values(number=number)))

    def _changed(
        self, call: Call, name: str, number: int, recompiled: list[str]
    ) -> rule_wire.Definition:
        found = self.get(call, name)
        return msgspec.structs.replace(found, number=number, recompiled=tuple(recompiled))

    def _view(self, connection: sa.Connection, row: sa.Row[Any]) -> rule_wire.Definition:
        return rule_wire.Definition(
            name=row.name,
            source=row.source,
            definition=msgspec.json.decode(row.body, type=dict[str, Any]),
            version=row.version,
            owner=row.owner,
            description=row.description,
            used_by=sorted(self.users(connection, row.name)),
            updated_at=row.updated_at,
            updated_by=row.updated_by,
            reason=row.reason,
            etag=str(row.version),
        )


def refuse_broken(recompiled: Recompiled, what: str) -> None:
    """Refuse a change that breaks rules.

    Raises:
        InputError: with the findings of all of them.
    """
    broken = recompiled.broken
    if broken:
        raise InputError(
            f"{what} would break {len(broken)} rule(s): {', '.join(sorted(broken))}",
            findings=[finding for name in sorted(broken) for finding in broken[name]],
            hint="change the rules first",
        )


def store_recompiled(change: Change, snapshot: Snapshot, recompiled: Recompiled) -> None:
    """Let the data plane run rules that were compiled again; quarantined ones stay out.

    Raises:
        ConflictError: one of them has a canary, whose share would be lost.
    """
    on_trial = [name for name in recompiled.rules if snapshot.get("rule", name + CANARY)]
    if on_trial:
        raise ConflictError(
            f"a canary runs of {', '.join(sorted(on_trial))}",
            hint="promote or abort it first: trackplane rule promote, or canary --abort",
        )
    table = tables.rules
    for name, compiled in recompiled.rules.items():
        change.connection.execute(
            sa.update(table).where(table.c.rule == name).values(definition=compiled.body.decode())
        )
        if snapshot.get("rule", name) is not None:
            change.put("rule", name, compiled.body)


def _require_everywhere(call: Call) -> None:
    """Check that the token reaches every app: any of their rules may use what is changed here."""
    if not call.actor.everywhere:
        raise ForbiddenError(
            "functions, tables and scripts are shared: this needs a token of all apps"
        )


def _version(row: sa.Row[Any]) -> rule_wire.DefinitionVersion:
    return rule_wire.DefinitionVersion(
        name=row.name,
        version=row.version,
        source=row.source,
        action=row.action,
        reason=row.reason,
        number=row.number,
        created_at=row.created_at,
        created_by=row.created_by,
    )
