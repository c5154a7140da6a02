"""Settings of the collector."""

from __future__ import annotations

import msgspec


class CollectorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the collector listens and how much it takes.

    Attributes:
        host: address to listen on; loopback unless told otherwise.
        port: TCP port to listen on.
        partitions: partitions of each lane topic; must be what the queue was made with.
        max_body_bytes: largest body on the wire; a larger one is refused (413).
        max_inflated_bytes: largest body after decompression; a larger one is refused (413).
        max_headers: most header lines of a request; more are refused (431).
        max_events: most events of one upload; more are refused (413).
        max_event_bytes: largest event; a larger one goes dirty.
        max_property_bytes: largest value of one property; a larger one makes its event dirty.
        max_depth: deepest nesting of an event; a deeper one goes dirty.
        max_waiting_bytes: bodies being read or waiting for the queue; beyond, uploads are told to retry (503).
        body_timeout_ms: longest wait for the rest of a body; then the upload is refused (408).
        round_ms: under load, rounds start at least so far apart, so that more uploads share a sync.
        retry_after_s: what Retry-After says when the queue fails or the collector is overloaded.
        drain_ms: longest wait for open uploads when stopping.
        allowed_origins: origins that browsers may send from; `*` is any.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    partitions: int = 4
    max_body_bytes: int = 4 * 1024 * 1024
    max_inflated_bytes: int = 4 * 1024 * 1024
    max_headers: int = 64
    max_events: int = 1_000
    max_event_bytes: int = 256 * 1024
    max_property_bytes: int = 64 * 1024
    max_depth: int = 64
    max_waiting_bytes: int = 64 * 1024 * 1024
    body_timeout_ms: int = 15_000
    round_ms: int = 2
    retry_after_s: int = 2
    drain_ms: int = 10_000
    allowed_origins: tuple[str, ...] = ("*",)
