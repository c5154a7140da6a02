"""The control plane's settings."""

from __future__ import annotations

from typing import Any

import msgspec


class BudgetSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule may cost before an admin has to accept it; 0 is no limit.

    Attributes:
        warn_share: share of a limit from which a rule is warned about.
        max_cost: sum of the cost classes of what a rule calls.
        max_fan_out: rows that one event becomes.
        max_rules_on_events: rules that read the same event.
        max_rows_per_day: rows put out a day.
        max_bytes_per_day: bytes put out a day.
        max_cpu_s_per_day: CPU seconds a day, estimated.
    """

    warn_share: float = 0.5
    max_cost: int = 2_000
    max_fan_out: int = 1_000
    max_rules_on_events: int = 100_000
    max_rows_per_day: int = 2_000_000_000
    max_bytes_per_day: int = 1_000_000_000_000
    max_cpu_s_per_day: int = 86_400


class NotifySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How people are told by e-mail and webhook.

    Attributes:
        smtp_host: mail server; empty: no e-mail is sent.
        smtp_port: its port.
        smtp_starttls: go over to TLS before anything is said; refuse a server that cannot.
        smtp_ca: file of certificates the mail server is trusted by; empty: the system's.
        smtp_user: name to sign in with; empty: without.
        smtp_password: password of that name.
        smtp_from: address that mails come from.
        url: address of the console, for links in what is sent.
        timeout_s: longest time a mail server or webhook may take.
        attempts: how often sending is tried, with twice the wait each time.
        private_webhooks: allow webhooks at private and loopback addresses.
    """

    smtp_host: str = ""
    smtp_port: int = 587
    smtp_starttls: bool = True
    smtp_ca: str = ""
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_from: str = "trackplane@localhost"
    url: str = "http://127.0.0.1:8000"
    timeout_s: float = 10.0
    attempts: int = 8
    private_webhooks: bool = False

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show everything but the password."""
        names = self.__struct_fields__
        return [(n, "…" if n == "smtp_password" else getattr(self, n)) for n in names]

    def __repr__(self) -> str:
        """Show everything but the password."""
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"NotifySettings({shown})"


class MetadataSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the metadata is: apps, plans, rules, people, the audit log.

    Attributes:
        url: a PostgreSQL database, as postgresql://user:password@host:5432/name; empty: SQLite, in
            the data folder.
    """

    url: str = ""

    def __rich_repr__(self) -> list[tuple[str, str]]:
        """Show whether there is a URL: it may hold a password."""
        return [("url", "…" if self.url else "")]

    def __repr__(self) -> str:
        """Show whether there is a URL: it may hold a password."""
        return f"MetadataSettings(url={'…' if self.url else ''!r})"


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
        guard_minutes: how long a published version is watched, and taken back if it fails more than
            the one before; 0: never.
        replay_wait_ms: longest wait until collectors know a replay's own write key.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    grpc_host: str = "127.0.0.1"
    grpc_port: int = 8001
    collector_url: str = "http://127.0.0.1:8080"
    query_timeout_ms: int = 60_000
    live_buffer: int = 1_000
    guard_minutes: int = 10
    replay_wait_ms: int = 5_000
    budget: BudgetSettings = BudgetSettings()
    notify: NotifySettings = NotifySettings()
    metadata: MetadataSettings = MetadataSettings()
