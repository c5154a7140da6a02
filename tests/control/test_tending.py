"""What the control plane does by itself, again and again, beside answering."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from trackplane.control import server
from trackplane.control.platform import Platform

from .conftest import Running, until

pytestmark = pytest.mark.integration
BOTH_DATABASES = True


def test_a_fault_of_one_tender_stops_no_other(
    start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even one that nobody thought of."""
    looked: list[str] = []

    def broken(_: Platform) -> None:
        looked.append("broken")
        raise LookupError("a bug")

    def sound(_: Platform) -> None:
        looked.append("sound")

    monkeypatch.setattr(server, "_TENDERS", ((0.01, (broken, sound)),))
    start()
    until(lambda: looked.count("sound") > 2 and looked.count("broken") > 2, "both to look again")


def test_a_tender_at_work_ends_before_the_database_is_closed(
    start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its connection would be left open."""
    begun, go_on = threading.Event(), threading.Event()
    found: list[Any] = []

    def slow(platform: Platform) -> None:
        with platform.database.read() as connection:
            begun.set()
            assert go_on.wait(20)
            found.append(connection.execute(sa.text("SELECT 1")).scalar_one())

    monkeypatch.setattr(server, "_TENDERS", ((0.01, (slow,)),))
    plane = start()
    closed: list[list[Any]] = []
    close = plane.plane.platform.database.close
    monkeypatch.setattr(
        plane.plane.platform.database, "close", lambda: (closed.append(list(found)), close())
    )
    assert begun.wait(20)
    stopping = threading.Thread(target=plane.stop)
    stopping.start()
    until(plane.plane.platform.stopping.is_set, "the stop to be told")
    go_on.set()
    stopping.join()
    assert closed == [[1]]
