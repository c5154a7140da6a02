"""The collector: HTTP uploads in, durable frames out.

A bare ASGI application (``application``) over pure ``trackplane.admission``: it authenticates, holds
limits (``body``), commits uploads in rounds (``commit``) and answers only when the queue has them.
What it enforces is compiled from discovery's resources (``state``). Normative: ``spec/wires.md``.
"""

from trackplane.collector.application import Collector
from trackplane.collector.server import serve
from trackplane.collector.settings import CollectorSettings
from trackplane.collector.state import CollectorState
from trackplane.collector.telemetry import CollectorStatistics

__all__ = ["Collector", "CollectorSettings", "CollectorState", "CollectorStatistics", "serve"]
