"""The whole platform with its metadata in PostgreSQL: one setting, everything else as ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from trackplane.demo.platform import Platform
from trackplane.testing.platform import Shop, event, until
from trackplane.testing.postgres import PostgresServer

pytestmark = pytest.mark.integration


def test_a_platform_on_postgresql_takes_finds_and_keeps(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """Planned, collected, stored, searched; a killed control plane is back with all of it."""
    url = postgres.new_database()
    secret = url.replace("test@", "test:s3cret@")  # trusted here, so any password will do
    settings = {"control": {"metadata": {"url": secret}}}
    with Platform(tmp_path, workers=1, settings=settings) as platform, Shop(platform) as shop:
        shop.set_up()
        platform.wait_ready()
        shop.deliver([event(0)])
        until(lambda: shop.ids() == ["home-0"], "the event in the lake")
        found = platform.call("GET", "/search?q=paid%20order&kind=event")
        assert found["total"] > 0
        audited = platform.call("GET", "/audit")["items"]
        assert {"app.create", "plan.update"} <= {entry["action"] for entry in audited}
        number = platform.call("GET", "/session")["number"]
        platform.kill("control")
        until(lambda: platform.call("GET", "/session")["number"] >= number, "the control plane")
        assert platform.call("GET", "/search?q=paid%20order&kind=event")["total"] == found["total"]
        shop.deliver([event(1)])
        assert not (platform.data / "control" / "control.db").exists()
        assert "s3cret" not in platform.log()
