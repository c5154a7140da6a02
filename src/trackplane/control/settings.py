"""The control plane's settings."""

from __future__ import annotations

import msgspec


class ControlSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the control plane listens and what it keeps.

    Attributes:
        host: address of the console and the API; beyond loopback only when told.
        port: port of the console and the API.
        grpc_host: address of discovery.
        grpc_port: port of discovery.
        collector_url: where dirty events are replayed to.
        query_timeout_ms: longest time a query may take.
        live_buffer: live events kept for a slow viewer; the oldest are dropped.
        replay_wait_ms: longest wait until collectors know a replay's own write key.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    grpc_host: str = "127.0.0.1"
    grpc_port: int = 8001
    collector_url: str = "http://127.0.0.1:8080"
    query_timeout_ms: int = 60_000
    live_buffer: int = 1_000
    replay_wait_ms: int = 5_000
