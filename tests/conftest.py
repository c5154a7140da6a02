"""What tests of several parts share: a throwaway PostgreSQL, started once, when first asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from trackplane.testing.postgres import NoPostgresError, PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Return a server; skip, saying why, where it can neither be found nor installed."""
    try:
        server = PostgresServer()
    except NoPostgresError as error:
        pytest.skip(f"no PostgreSQL: {error}")
    with server:
        yield server
