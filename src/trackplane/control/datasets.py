"""Datasets: what rules write to, declared, changed, and held to the rules that write there."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trackplane.control import tables, wire
from trackplane.control.catalog import Catalog
from trackplane.control.operations import Call, Operations
from trackplane.control.paging import page
from trackplane.control.problems import ExistsError, ForbiddenError, NotFoundError
from trackplane.control.publishing import Change
from trackplane.control.rules import require_name
from trackplane.discovery.compile import compile_dataset
from trackplane.errors import InputError
from trackplane.rules import ir
from trackplane.sinks.plugins import plugin_of, sink_plugins

operations: Final = Operations("rules")


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


@operations.add("POST", "/datasets", action="definition.edit", status=201)
def create_dataset(call: Call, body: wire.DatasetSource) -> wire.Dataset:
    """Declare a dataset."""
    compiled = compile_dataset(body.source, file="dataset.yaml")
    _require_sink(call, compiled.body)
    _require_options(compiled.body)
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


@operations.add("PUT", "/datasets/{dataset}", action="definition.edit", precondition=True)
def update_dataset(call: Call, dataset: wire.Word, body: wire.DatasetSource) -> wire.Dataset:
    """Change a dataset; refused if a rule that writes to it would break."""
    compiled = compile_dataset(body.source, file="dataset.yaml")
    require_name(compiled.name, dataset, "dataset")
    _require_options(compiled.body)
    with call.platform.publisher.change(call.actor, f"dataset {dataset}") as change:
        row = _dataset_row(change.connection, dataset)
        if row is None:
            raise NotFoundError(f"there is no dataset {dataset!r}")
        call.match(str(row.version))
        _require_sink(call, row.definition.encode())
        _require_sink(call, compiled.body)
        catalog = Catalog(call.platform.publisher.snapshot)
        for rule in catalog.writers(dataset):  # out of reach: not to be sent elsewhere
            call.actor.require_apps(rule.apps)
        broken = catalog.broken_by_dataset(dataset, compiled.body)
        if broken:
            raise InputError(
                f"the dataset would break {len(broken)} rule(s): {', '.join(sorted(broken))}",
                findings=[finding for findings in broken.values() for finding in findings],
                hint="change the rules first",
            )
        row = _store_dataset(change, dataset, body.source, compiled.body, row.version + 1)
    return _dataset(row, change.number)


def _require_sink(call: Call, body: bytes) -> None:
    """Check that the token may declare a dataset: a sink speaks for the operator, in any network."""
    if ir.decode_dataset(body).kind == "sink" and not call.actor.everywhere:
        raise ForbiddenError("sinks are shared: this needs a token of all apps")


def _require_options(body: bytes) -> None:
    """Check connector and options here: nodes could only refuse them after the fact."""
    dataset = ir.decode_dataset(body)
    if dataset.kind != "table":
        plugin_of(dataset, sink_plugins())


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
