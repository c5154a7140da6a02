"""What the API takes and gives of notices, the inbox and what goes out."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from trackplane.control.wire import Paging, Wire, Word

Channel = Literal["inbox", "email", "webhook"]
NoticeKind = Literal[
    "review_asked",
    "comment",
    "approved",
    "rejected",
    "approval_fell",
    "merged",
    "impact_found",
    "expires_soon",
    "violations",
]
KINDS: tuple[NoticeKind, ...] = NoticeKind.__args__  # type: ignore[attr-defined]
NoticeId = Annotated[int, Meta(ge=1, le=2**53)]


class Notice(Wire):
    """Something a person was told; ``title`` is the change request's or the event's own."""

    id: int
    kind: NoticeKind
    at: int
    read: bool
    actor: str
    app: str
    change: int | None
    event: str
    title: str
    detail: str


class InboxQuery(Paging):
    """Which notices."""

    unread: bool = False
    kind: Literal["", NoticeKind] = ""
    app: Word = ""


class Inbox(Wire):
    """A page of notices, newest first; ``unread`` counts all."""

    items: list[Notice]
    next: str | None
    unread: int


class InboxRead(Wire):
    """Which notices have been read; none named: all. ``read`` false makes them unread again."""

    ids: Annotated[list[NoticeId], Meta(max_length=1_000)] = field(default_factory=list)
    read: bool = True


class InboxCount(Wire):
    """How many notices are unread."""

    unread: int


class OutboxQuery(Paging):
    """Which of what goes out."""

    state: Literal["", "waiting", "sent", "dead"] = ""


class Outgoing(Wire):
    """A notice on its way by e-mail or webhook; ``error`` is of the last attempt."""

    id: int
    channel: str
    person: str
    kind: str
    title: str
    state: Literal["waiting", "sent", "dead"]
    attempts: int
    next_at: int
    error: str
    created_at: int
    done_at: int | None


class Outbox(Wire):
    """A page of what goes out, newest first."""

    items: list[Outgoing]
    next: str | None
