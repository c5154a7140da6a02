"""What tests of several parts share: a throwaway PostgreSQL, started once, when first asked for.

No property test fails because the machine was busy.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from trackplane.testing.postgres import NoPostgresError, PostgresServer

settings.register_profile("trackplane", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("trackplane")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Return a server; skip, saying why, where it can neither be found nor installed."""
    try:
        server = PostgresServer()
    except NoPostgresError as error:
        pytest.skip(f"no PostgreSQL: {error}")
    with server:
        yield server
