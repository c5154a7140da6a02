"""Running platforms for the tests: one supervised and shared, and loose processes to torture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from trackplane.demo.platform import Platform
from trackplane.testing.platform import Shop, event


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Return the shop on one platform that every test of this folder shares."""
    folder = tmp_path_factory.mktemp("platform")
    with Platform(folder, workers=1) as platform, Shop(platform) as shop:
        shop.set_up()
        platform.wait_ready()
        shop.deliver([event(0)])
        yield shop
