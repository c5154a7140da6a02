"""What functions need from outside an event: secrets, a geo database, tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import msgspec

from trackplane.errors import TrackplaneError, did_you_mean
from trackplane.rules.ir import LookupTable

# An address as text -> the database's record of it (MaxMind's form), or None.
GeoReader = Callable[[str], Mapping[str, Any] | None]


class Known(Protocol):
    """What a check knows of the nodes: ``trackplane.rules.definitions.Definitions`` is one.

    ``keys`` and ``has_geo`` are None where that is not known.
    """

    @property
    def tables(self) -> Mapping[str, LookupTable]:
        """Return the published tables by name."""

    @property
    def keys(self) -> frozenset[str] | None:
        """Return the names of the secrets that nodes hold."""

    @property
    def has_geo(self) -> bool | None:
        """Say whether nodes hold a geo database."""


class BindError(TrackplaneError):
    """A call cannot be prepared: a literal argument is wrong, or the environment lacks what it names.

    ``reason`` is the finding's code, ``argument`` counts from 0. ``missing`` says that the environment
    lacks something: on another node, or later, the call may be prepared.
    """

    code = "rule_bind"

    def __init__(
        self,
        argument: int,
        message: str,
        *,
        reason: str = "rule_argument",
        hint: str | None = None,
        missing: bool = False,
    ) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
        self.argument = argument
        self.missing = missing


class Environment(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What a node hands to functions.

    ``keys`` has the secrets by name (None: any name will do, for checks), ``geo`` reads the geo
    database (None: there is none), ``tables`` are the published lookup tables by name.
    """

    keys: Mapping[str, bytes] | None = {}
    geo: GeoReader | None = None
    tables: Mapping[str, LookupTable] = {}

    @classmethod
    def of(cls, known: Known | None) -> Environment:
        """Return an environment that stands in for the nodes' own while a rule is checked."""
        if known is None:
            return cls(keys=None, geo=lambda _: None)
        keys = None if known.keys is None else dict.fromkeys(known.keys, b"")
        geo = None if known.has_geo is False else lambda _: None
        return cls(keys=keys, geo=geo, tables=known.tables)

    def key(self, name: str, argument: int) -> bytes:
        """Return a secret.

        Raises:
            BindError: there is none of this name.
        """
        if self.keys is None:
            return b""
        found = self.keys.get(name)
        if found is None:
            message = f"there is no key {name!r} in the folder of secrets"
            hint = did_you_mean(name, self.keys) or "write a file of this name there"
            raise BindError(argument, message, reason="rule_key", hint=hint, missing=True)
        return found

    def table(self, name: str, argument: int) -> LookupTable:
        """Return a lookup table.

        Raises:
            BindError: there is none of this name.
        """
        found = self.tables.get(name)
        if found is None:
            message = f"there is no table {name!r}"
            hint = did_you_mean(name, self.tables)
            raise BindError(argument, message, reason="rule_table", hint=hint, missing=True)
        return found


NOTHING: Final = Environment()
