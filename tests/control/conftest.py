"""A real control plane on loopback ports, in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import sqlalchemy as sa

from trackplane.control import tables
from trackplane.control.data import DataAccess
from trackplane.control.database import Database
from trackplane.control.server import Addresses, ControlPlane
from trackplane.control.settings import ControlSettings, MetadataSettings
from trackplane.testing.postgres import PostgresServer

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)]


class Running:
    """A control plane that runs; ``client`` speaks as the first admin."""

    def __init__(
        self,
        folder: Path,
        *,
        data: DataAccess | None = None,
        settings: ControlSettings | None = None,
        token: str = "",
    ) -> None:
        self.folder = folder
        self.plane = ControlPlane(
            settings or ControlSettings(port=0, grpc_port=0), folder, data=data
        )
        self.token = token or self.plane.first_token or ""
        self._clients: list[httpx.Client] = []
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._started.wait(30)
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        self.client = self.client_of(self.token)

    def _run(self) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            self._stopping = asyncio.Event()
            await self.plane.serve(stopping=self._stopping, started=self._on_started)

        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - raised where it was started
            self._failure = error
            self._started.set()

    def _on_started(self, addresses: Addresses) -> None:
        self.addresses = addresses
        self._started.set()

    def client_of(self, token: str) -> httpx.Client:
        """Return a client that speaks by a token."""
        client = httpx.Client(
            base_url=self.addresses.http + "/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        )
        self._clients.append(client)
        return client

    def new_token(self, **body: Any) -> httpx.Client:
        """Make a token and return a client that speaks by it."""
        answer = self.client.post("/tokens", json=body)
        assert answer.status_code == 201, answer.text
        return self.client_of(answer.json()["token"])

    def objects(self) -> int:
        """Return how many objects its plan store holds."""
        with self.plane.platform.database.read() as connection:
            count = sa.select(sa.func.count()).select_from(tables.objects)
            return int(connection.execute(count).scalar_one())

    def stop(self) -> None:
        """Stop gracefully."""
        for client in self._clients:
            client.close()
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(30)
        assert not self._thread.is_alive()
        assert self._failure is None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of a module that says ``BOTH_DATABASES = True`` on SQLite and on PostgreSQL."""
    if "metadata_of" in metafunc.fixturenames and getattr(metafunc.module, "BOTH_DATABASES", False):
        metafunc.parametrize("metadata_of", DATABASES, indirect=True)


@pytest.fixture(scope="session")
def migrated(postgres: PostgresServer) -> str:
    """Return the name of a PostgreSQL database of this release's shape, to be copied."""
    url = postgres.new_database()
    database = Database(url)
    database.migrate()
    database.close()
    return url.rpartition("/")[2]


def settings_on(request: pytest.FixtureRequest) -> ControlSettings:
    """Return settings of a fresh control plane on the fixture's database; SQLite unless told."""
    settings = ControlSettings(port=0, grpc_port=0)
    if getattr(request, "param", "sqlite") == "sqlite":
        return settings
    server, shape = map(request.getfixturevalue, ("postgres", "migrated"))
    url = server.new_database(like=shape)
    return msgspec.structs.replace(settings, metadata=MetadataSettings(url=url))


@pytest.fixture
def metadata_of(request: pytest.FixtureRequest) -> Callable[[Path], MetadataSettings]:
    """Return what gives the metadata settings of a control folder."""
    made: dict[Path, MetadataSettings] = {}

    def of(folder: Path) -> MetadataSettings:
        if folder not in made:
            made[folder] = settings_on(request).metadata
        return made[folder]

    return of


@pytest.fixture
def start(
    tmp_path: Path, metadata_of: Callable[[Path], MetadataSettings]
) -> Iterator[Callable[..., Running]]:
    """Start control planes; all are stopped at the end."""
    running: list[Running] = []

    def start(**options: Any) -> Running:
        folder = options.pop("folder", tmp_path / "control")
        settings = options.pop("settings", None) or ControlSettings(port=0, grpc_port=0)
        settings = msgspec.structs.replace(settings, metadata=metadata_of(folder))
        running.append(Running(folder, settings=settings, **options))
        return running[-1]

    yield start
    for plane in running:
        if plane._thread.is_alive():
            plane.stop()


@pytest.fixture
def control(start: Callable[..., Running]) -> Running:
    """Return a fresh control plane."""
    return start()


def until(holds: Callable[[], Any], what: str = "it") -> Any:
    """Poll until ``holds`` gives something true, and return that."""
    deadline = time.monotonic() + 20
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def free_port() -> int:
    """Return a port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
