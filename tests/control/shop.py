"""A control plane over traffic, both on one clock, with a small shop in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from trackplane.control import wire
from trackplane.control.access import SYSTEM
from trackplane.control.apps import add_key, create_app
from trackplane.control.design.plans import put_plan
from trackplane.control.insight import observations
from trackplane.control.insight.insight_tables import observations as table
from trackplane.control.operations import Call
from trackplane.control.platform import Platform
from trackplane.control.server import ControlPlane
from trackplane.control.settings import ControlSettings, MetadataSettings
from trackplane.lake.census import Key
from trackplane.lake.duckdb import Workspace

from .traffic import Traffic

PLAN = """
format: 1
app: shop
events:
  order_pay: {grade: P0, what: {total: {type: number, required: true}}}
  page_view: {what: {path: {type: string}}}
"""


class Shop:
    """A control plane over traffic, both on one clock."""

    def __init__(
        self,
        folder: Path,
        *,
        validation: str = "enforce",
        allow_list: str = "warn",
        metadata: MetadataSettings | None = None,
    ) -> None:
        self._metadata = metadata or MetadataSettings()
        self.traffic = Traffic(folder)
        self.folder = folder / "control"
        self.plane = self.open()
        create_app(
            self.call,
            wire.AppCreate(app="shop", validation=validation, allow_list=allow_list),  # type: ignore[arg-type]
        )
        self.apply(PLAN)
        self.key = add_key(self.call, "shop", "prod", "").key
        self.follow()

    def open(self) -> ControlPlane:
        """Open the control plane's folder, as a start of the process does."""
        settings = ControlSettings(port=0, grpc_port=0, metadata=self._metadata)
        self.plane = ControlPlane(
            settings, self.folder, data=self.traffic.data, clock=self.traffic.clock
        )
        return self.plane

    def close(self) -> None:
        """Let the metadata and the manifest go."""
        self.platform.database.close()
        self.traffic.manifest.close()

    @property
    def platform(self) -> Platform:
        return self.plane.platform

    @property
    def call(self) -> Call:
        return Call(self.platform, SYSTEM, "*")

    def apply(self, text: str) -> None:
        put_plan(self.call, "shop", wire.PlanSource(files={"plan.yaml": text}))

    def follow(self) -> None:
        """Let the collector take over what is published."""
        self.traffic.configure(self.platform.publisher.snapshot)

    def send(self, *events: dict[str, Any], **header: Any) -> list[str]:
        return self.traffic.send(self.key, events, **header)

    def step(self, **options: Any) -> bool:
        return observations.step(self.platform, **options)

    def counts(self) -> dict[Key, tuple[int, ...]]:
        """Return what the table says."""
        names = ("app", "event", "env", "platform", "version", "day")
        with self.platform.database.read() as connection:
            columns = [table.c[name] for name in names]
            rows = connection.execute(
                sa.select(
                    *columns,
                    sa.func.sum(table.c.seen),
                    sa.func.sum(table.c.violations),
                    sa.func.sum(table.c.dirty),
                    sa.func.min(table.c.first_at),
                    sa.func.max(table.c.last_at),
                ).group_by(*columns)
            )
            return {Key(*row[:6]): tuple(map(int, row[6:])) for row in rows}

    def recount(self) -> dict[Key, tuple[int, ...]]:
        """Return what SQL over the lake's files says, with none of the tender's code."""
        found: dict[Key, list[int]] = {}
        folder = self.traffic.manifest.folder
        with Workspace(memory_mb=256, threads=1, spill=folder / "spill") as workspace:
            for kind in ("events", "dirty"):
                for file in self.traffic.manifest.files(kind):
                    sql = _SQL[kind].format(path=str(folder / file.path))
                    for *names, seen, flawed, dirty, first, last in workspace.rows(sql):
                        held = found.setdefault(Key(*names), [0, 0, 0, first, last])
                        held[:3] = [held[0] + seen, held[1] + flawed, held[2] + dirty]
                        held[3:] = [min(held[3], first), max(held[4], last)]
        return {key: tuple(values) for key, values in found.items()}


_SQL = {
    "events": "SELECT app, event, env, ifnull(how_platform, ''), ifnull(how_app_version, ''),"
    " date_diff('day', DATE '1970-01-01', server::DATE), count(*),"
    " count(CASE WHEN list_has_any(list_transform(violations, lambda v: v.code),"
    " ['type', 'missing']) THEN 1 END), 0, epoch_ms(min(server)), epoch_ms(max(server))"
    " FROM '{path}' GROUP BY ALL",
    "dirty": "SELECT app, event, env,"
    " ifnull(ifnull(decode(data)->>'$.how.platform', decode(header)->>'$.how.platform'), ''),"
    " ifnull(ifnull(decode(data)->>'$.how.app_version', decode(header)->>'$.how.app_version'), ''),"
    " server // 86400000, 0, 0, count(*), min(server), max(server) FROM '{path}' GROUP BY ALL",
}
