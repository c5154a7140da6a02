"""Rules and datasets: checked, tested, published, quarantined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa
import structlog

from trackplane.control import tables, wire
from trackplane.control.access import SYSTEM
from trackplane.control.catalog import Catalog
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.problems import ExistsError, NotFoundError
from trackplane.control.publishing import Change, Publisher
from trackplane.discovery.compile import CompiledRule, compile_dataset
from trackplane.errors import Finding, InputError

_log = structlog.get_logger(__name__)

operations: Final = Operations("rules")
_RESERVED: Final = ("check",)  # an address of the API


# --- datasets


def _dataset(row: sa.Row[Any], number: int = 0) -> wire.Dataset:
    return wire.Dataset(
        dataset=row.dataset,
        source=row.source,
        definition=msgspec.json.decode(row.definition, type=dict[str, Any]),
        version=row.version,
        updated_at=row.updated_at,
        updated_by=row.updated_by,
        etag=str(row.version),
        number=number,
    )


@operations.add("GET", "/datasets")
def list_datasets(call: Call, query: wire.Paging) -> wire.Datasets:
    """List the datasets that rules write to."""
    with call.platform.database.read() as connection:
        select = sa.select(tables.datasets)
        items, cursor = page(connection, select, tables.datasets.c.dataset, query, _dataset)
    return wire.Datasets(items=items, next=cursor)


@operations.add("POST", "/datasets", role="developer", status=201)
def create_dataset(call: Call, body: wire.DatasetSource) -> wire.Dataset:
    """Declare a dataset."""
    compiled = compile_dataset(body.source, file="dataset.yaml")
    with call.platform.publisher.change(call.actor, f"dataset {compiled.name}") as change:
        if _dataset_row(change.connection, compiled.name) is not None:
            raise ExistsError(f"there is a dataset {compiled.name!r} already")
        row = _store_dataset(change, compiled.name, body.source, compiled.body, 1)
    return _dataset(row, change.number)


@operations.add("GET", "/datasets/{dataset}")
def get_dataset(call: Call, dataset: wire.Word) -> wire.Dataset:
    """Show a dataset."""
    with call.platform.database.read() as connection:
        row = _dataset_row(connection, dataset)
    if row is None:
        raise NotFoundError(f"there is no dataset {dataset!r}")
    return _dataset(row)


@operations.add("PUT", "/datasets/{dataset}", role="developer", precondition=True)
def update_dataset(call: Call, dataset: wire.Word, body: wire.DatasetSource) -> wire.Dataset:
    """Change a dataset; refused if a rule that writes to it would break."""
    compiled = compile_dataset(body.source, file="dataset.yaml")
    _require_name(compiled.name, dataset, "dataset")
    with call.platform.publisher.change(call.actor, f"dataset {dataset}") as change:
        row = _dataset_row(change.connection, dataset)
        if row is None:
            raise NotFoundError(f"there is no dataset {dataset!r}")
        call.match(str(row.version))
        broken = Catalog(call.platform.publisher.snapshot).broken_by_dataset(dataset, compiled.body)
        if broken:
            raise InputError(
                f"the dataset would break {len(broken)} rule(s): {', '.join(sorted(broken))}",
                findings=[finding for findings in broken.values() for finding in findings],
                hint="change the rules first",
            )
        row = _store_dataset(change, dataset, body.source, compiled.body, row.version + 1)
    return _dataset(row, change.number)


def _dataset_row(connection: sa.Connection, dataset: str) -> sa.Row[Any] | None:
    table = tables.datasets
    return connection.execute(sa.select(table).where(table.c.dataset == dataset)).first()


def _store_dataset(
    change: Change, dataset: str, source: str, body: bytes, version: int
) -> sa.Row[Any]:
    table = tables.datasets
    change.connection.execute(sa.delete(table).where(table.c.dataset == dataset))
    change.connection.execute(
        sa.insert(table).values(
            dataset=dataset,
            source=source,
            definition=body.decode(),
            version=version,
            updated_at=change.now,
            updated_by=change.actor.name,
        )
    )
    change.put("dataset", dataset, body)
    action = "dataset.create" if version == 1 else "dataset.update"
    change.audit(action, dataset, detail={"version": version})
    return change.connection.execute(sa.select(table).where(table.c.dataset == dataset)).one()


def _require_name(found: str, wanted: str, what: str) -> None:
    if found != wanted:
        raise InputError(
            f"the text is of the {what} {found!r}, the address of {wanted!r}",
            hint=f"a {what} keeps its name; make a new one to rename it",
        )


# --- rules


def _rule(
    row: sa.Row[Any], number: int = 0, warnings: tuple[Finding, ...] | list[Finding] = ()
) -> wire.Rule:
    return wire.Rule(
        rule=row.rule,
        version=row.version,
        source=row.source,
        apps=row.apps,
        to=row.to,
        owner=row.owner,
        status=row.status,
        message=row.message,
        updated_at=row.updated_at,
        updated_by=row.updated_by,
        etag=str(row.version),
        number=number,
        warnings=list(warnings),
    )


def _sees(call: Call, apps: list[str]) -> bool:
    return call.actor.everywhere or any(call.actor.sees(app) for app in apps)


def _rule_row(connection: sa.Connection, rule: str) -> sa.Row[Any] | None:
    table = tables.rules
    return connection.execute(sa.select(table).where(table.c.rule == rule)).first()


def _find_rule(connection: sa.Connection, call: Call, rule: str) -> sa.Row[Any]:
    row = _rule_row(connection, rule)
    if row is None or not _sees(call, row.apps):
        raise NotFoundError(f"there is no rule {rule!r}")
    return row


@operations.add("GET", "/rules")
def list_rules(call: Call, query: wire.RuleQuery) -> wire.Rules:
    """List the rules that read the token's apps."""
    table = tables.rules
    select = sa.select(table)
    reached = sa.func.json_each(table.c.apps).table_valued("value")
    if not call.actor.everywhere:
        within = sa.select(1).select_from(reached).where(reached.c.value.in_(call.actor.apps))
        select = select.where(within.exists())
    if query.app:
        of = sa.select(1).select_from(reached).where(reached.c.value == query.app)
        select = select.where(sa.or_(of.exists(), sa.func.json_array_length(table.c.apps) == 0))
    with call.platform.database.read() as connection:
        items, cursor = page(connection, select, table.c.rule, query, _rule)
    return wire.Rules(items=items, next=cursor)


@operations.add("POST", "/rules/check")
def check_rule(call: Call, body: wire.RuleSource) -> wire.RuleCheck:
    """Check a rule and run its tests, without publishing it."""
    try:
        compiled = Catalog(call.platform.publisher.snapshot).compile_rule(
            body.source, visible=call.actor.sees
        )
    except InputError as error:
        findings = list(error.findings) or [Finding(code=error.code, message=error.message)]
        return wire.RuleCheck(ok=False, rule="", findings=findings)
    return wire.RuleCheck(ok=True, rule=compiled.name, findings=list(compiled.warnings))


@operations.add("POST", "/rules", role="developer", status=201)
def create_rule(call: Call, body: wire.RuleSource) -> wire.Rule:
    """Check, test and publish a new rule."""
    compiled = _compile(call, body.source)
    with call.platform.publisher.change(call.actor, f"rule {compiled.name} published") as change:
        if _rule_row(change.connection, compiled.name) is not None:
            raise ExistsError(f"there is a rule {compiled.name!r} already")
        row = _publish(call, change, body.source)
    return _rule(row, change.number, compiled.warnings)


@operations.add("GET", "/rules/{rule}")
def get_rule(call: Call, rule: wire.Word) -> wire.Rule:
    """Show a rule."""
    with call.platform.database.read() as connection:
        return _rule(_find_rule(connection, call, rule))


@operations.add("PUT", "/rules/{rule}", role="developer", precondition=True)
def update_rule(call: Call, rule: wire.Word, body: wire.RuleSource) -> wire.Rule:
    """Check, test and publish a rule's next version."""
    with call.platform.database.read() as connection:
        call.match(str(_find_rule(connection, call, rule).version))
    compiled = _compile(call, body.source)
    _require_name(compiled.name, rule, "rule")
    with call.platform.publisher.change(call.actor, f"rule {rule} published") as change:
        before = _find_rule(change.connection, call, rule)
        call.match(str(before.version))
        call.actor.require_apps(before.apps)
        row = _publish(call, change, body.source)
    return _rule(row, change.number, compiled.warnings)


@operations.add("DELETE", "/rules/{rule}", role="developer", precondition=True)
def delete_rule(call: Call, rule: wire.Word) -> wire.Removed:
    """Withdraw a rule; its versions are kept."""
    with call.platform.publisher.change(call.actor, f"rule {rule} deleted") as change:
        row = _find_rule(change.connection, call, rule)
        call.match(str(row.version))
        call.actor.require_apps(row.apps)
        _add_version(change, rule, row.source, row.apps, "deleted")
        change.connection.execute(sa.delete(tables.rules).where(tables.rules.c.rule == rule))
        change.remove("rule", rule)
        app = row.apps[0] if len(row.apps) == 1 else ""
        change.audit("rule.delete", rule, app=app)
    return wire.Removed(number=change.number)


@operations.add("GET", "/rules/{rule}/versions")
def list_rule_versions(call: Call, rule: wire.Word, query: wire.Paging) -> wire.RuleVersions:
    """List a rule's versions, newest first, those of a deleted rule too."""
    table = tables.rule_versions
    with call.platform.database.read() as connection:
        last = connection.execute(
            sa.select(table.c.apps)
            .where(table.c.rule == rule)
            .order_by(table.c.version.desc())
            .limit(1)
        ).first()
        if last is None or not _sees(call, last.apps):
            raise NotFoundError(f"there is no rule {rule!r}")
        select = sa.select(table).where(table.c.rule == rule)
        items, cursor = page(
            connection, select, table.c.version, query, _version, newest_first=True
        )
    return wire.RuleVersions(items=items, next=cursor)


def _version(row: sa.Row[Any]) -> wire.RuleVersion:
    return wire.RuleVersion(
        rule=row.rule,
        version=row.version,
        source=row.source,
        action=row.action,
        created_at=row.created_at,
        created_by=row.created_by,
    )


def _compile(call: Call, source: str) -> CompiledRule:
    catalog = Catalog(call.platform.publisher.snapshot)
    compiled = catalog.compile_rule(source, visible=call.actor.sees)
    if compiled.name in _RESERVED:
        raise InputError(f"no rule can have the name {compiled.name!r}", hint="use another name")
    call.actor.require_apps(compiled.apps)
    return compiled


def _publish(call: Call, change: Change, source: str) -> sa.Row[Any]:
    """Publish a rule, compiled under what is in force now that no other change can come between."""
    compiled = _compile(call, source)
    table = tables.rules
    version = _add_version(change, compiled.name, source, list(compiled.apps), "published")
    change.connection.execute(sa.delete(table).where(table.c.rule == compiled.name))
    change.connection.execute(
        sa.insert(table).values(
            rule=compiled.name,
            version=version,
            source=source,
            definition=compiled.body.decode(),
            apps=list(compiled.apps),
            to=compiled.to,
            owner=compiled.owner,
            status="published",
            message="",
            updated_at=change.now,
            updated_by=change.actor.name,
        )
    )
    change.put("rule", compiled.name, compiled.body)
    app = compiled.apps[0] if len(compiled.apps) == 1 else ""
    change.audit("rule.publish", compiled.name, app=app, detail={"version": version})
    return change.connection.execute(sa.select(table).where(table.c.rule == compiled.name)).one()


def _add_version(change: Change, rule: str, source: str, apps: list[str], action: str) -> int:
    table = tables.rule_versions
    last = change.connection.execute(
        sa.select(sa.func.max(table.c.version)).where(table.c.rule == rule)
    ).scalar()
    version = (last or 0) + 1
    change.connection.execute(
        sa.insert(table).values(
            rule=rule,
            version=version,
            source=source,
            apps=apps,
            action=action,
            created_at=change.now,
            created_by=change.actor.name,
        )
    )
    return version


def quarantine(
    publisher: Publisher, number: int, rejected: Mapping[tuple[str, str], str]
) -> list[str]:
    """Withdraw rules that a node running ``number`` could not take; return their names.

    A rule that was replaced after that number is left alone: the answer was to the old one.
    """
    found: list[str] = []
    names = {name: message for (kind, name), message in rejected.items() if kind == "rule"}
    if not names:
        return found
    with publisher.change(SYSTEM, f"quarantined: {', '.join(sorted(names))}"[:200]) as change:
        for name, message in names.items():
            row = _rule_row(change.connection, name)
            replaced = publisher.changed_at(("rule", name)) > number
            if row is None or row.status == "quarantined" or replaced:
                continue
            version = _add_version(change, name, row.source, row.apps, "quarantined")
            change.connection.execute(
                sa.update(tables.rules)
                .where(tables.rules.c.rule == name)
                .values(status="quarantined", message=message, version=version)
            )
            change.remove("rule", name)
            app = row.apps[0] if len(row.apps) == 1 else ""
            change.audit("rule.quarantine", name, app=app, detail={"message": message})
            found.append(name)
    for name in found:
        _log.error("rule_quarantined", rule=name, message=names[name], number=change.number)
    return found
