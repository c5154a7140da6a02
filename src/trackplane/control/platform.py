"""What operations work with: one object, made once by ``server`` and handed to every call."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from trackplane.control.data import DataAccess
from trackplane.control.database import Database
from trackplane.control.design.assist_index import CatalogueIndex
from trackplane.control.design.workspaces import Workspaces
from trackplane.control.facilities import Facilities
from trackplane.control.meter import Meter
from trackplane.control.nodes import NodeRegistry
from trackplane.control.publishing import Publisher
from trackplane.control.search import SearchReader
from trackplane.control.settings import ControlSettings
from trackplane.control.statistics import StatisticsBook, Watch
from trackplane.control.trials import ShadowBook


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """The control plane's parts.

    ``clock`` gives ms; ``stored`` counts events; ``stopping`` is set when endless answers must end.
    """

    settings: ControlSettings
    database: Database
    publisher: Publisher
    nodes: NodeRegistry
    data: DataAccess
    clock: Callable[[], int]
    stored: Meter
    stopping: threading.Event
    statistics: StatisticsBook
    shadows: ShadowBook
    facilities: Facilities
    watch: Watch
    workspaces: Workspaces
    catalogue: CatalogueIndex
    search: SearchReader
