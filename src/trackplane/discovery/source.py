"""Where a node's configuration comes from: one interface, two places (``folder``, ``client``).

A source loads the last good state from its cache first, so a node starts while the control plane is
down, and then follows changes. What a consumer cannot compile it rejects by resource; the rest of
the delta holds all the same.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Protocol

from trackplane.discovery import Delta, Kind, Snapshot
from trackplane.errors import TrackplaneError

ResourceKey = tuple[Kind, str]
Rejections = Mapping[ResourceKey, str]


class SourceError(TrackplaneError):
    """The configuration could not be read or followed; the last good one stays in force."""

    code = "source"
    retryable = True


class ConfigurationConsumer(Protocol):
    """Whoever runs under a configuration: the collector, a worker."""

    async def apply(self, snapshot: Snapshot, delta: Delta) -> Rejections:
        """Take a new state over and return what could not be taken, with the reason of each.

        Called for one state at a time. ``delta`` always leads from the snapshot of the call before
        (the first: from nothing, ``start`` 0) to ``snapshot``, also after a resync. A rejected
        resource counts as absent. It must not raise: the source would stop following.
        """


class ConfigurationSource(abc.ABC):
    """A place that configuration comes from. ``run`` is called once."""

    @abc.abstractmethod
    async def run(self, consumer: ConfigurationConsumer) -> None:
        """Give the consumer the last good state, then every change, until cancelled."""

    @property
    @abc.abstractmethod
    def number(self) -> int:
        """Return the number of the state in force here; 0 while there is none."""

    @property
    @abc.abstractmethod
    def age_ms(self) -> int | None:
        """Return how long ago this state was last known to be the current one; None without one."""

    @property
    @abc.abstractmethod
    def connected(self) -> bool:
        """Say whether changes are being followed now."""

    @property
    def told(self) -> bool:
        """Say whether the last report was sent and one that is made now would be: for deltas."""
        return self.connected

    def report(self, statistics: bytes) -> None:  # noqa: B027 - a folder has nobody to tell
        """Tell the control plane this node's figures (a JSON object); the last one counts."""
