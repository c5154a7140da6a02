"""Reads a MaxMind database (mmdb): where an IP address is. The operator points to the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import maxminddb

from trackplane.errors import ConfigurationError

GeoReader = Callable[[str], Mapping[str, Any] | None]


def open_geo(path: str) -> GeoReader | None:
    """Return what reads a database, None where no file is given.

    It takes the text of an address and returns its record, None where it has none or the text is no
    address. The file is mapped into memory.

    Raises:
        ConfigurationError: the file cannot be read or is no such database.
    """
    if not path:
        return None
    try:
        database = maxminddb.open_database(Path(path), maxminddb.MODE_AUTO)
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        raise ConfigurationError(
            f"cannot read the geo database {Path(path).name}: {error}",
            hint="set geo_database to a MaxMind file (.mmdb), or leave it empty",
        ) from error

    def read(address: str) -> Mapping[str, Any] | None:
        try:
            found = database.get(address)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    return read
