"""What the API takes and gives of sessions, tokens, people, teams and the audit log."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from trackplane.control.roles import Role
from trackplane.control.wire import Wire, Word

TokenName = Annotated[str, Meta(min_length=1, max_length=100)]


class Session(Wire):
    """Who the token is: ``name`` the token's own, ``person`` whose it is; ``may`` lists its actions."""

    name: str
    person: str
    role: Role
    apps: list[str]
    may: list[str]
    version: str
    number: int


class TokenCreate(Wire):
    """A new API token; ``apps`` of ``*`` is every app; ``person`` is the token's name if left out."""

    name: TokenName
    role: Role = "viewer"
    apps: Annotated[tuple[Word, ...], Meta(min_length=1, max_length=2_000)] = ("*",)
    person: Annotated[str, Meta(max_length=100)] = ""


class Token(Wire):
    """An API token; the token itself is shown only when it is made."""

    id: str
    name: str
    person: str
    role: Role
    apps: list[str]
    prefix: str
    created_at: int
    created_by: str


class TokenCreated(Token):
    """A new token: the only time ``token`` is shown."""

    token: str


class Tokens(Wire):
    """A page of tokens."""

    items: list[Token]
    next: str | None


class AuditEntry(Wire):
    """Who did what."""

    id: int
    at: int
    actor: str
    action: str
    subject: str
    app: str
    number: int
    detail: dict[str, Any]


class Audit(Wire):
    """A page of the audit log, newest first."""

    items: list[AuditEntry]
    next: str | None


class Permission(Wire):
    """An action, which roles may do it, and whether the asking token may."""

    action: str
    meaning: str
    roles: list[Role]
    allowed: bool
    why_not: str = ""


class Permissions(Wire):
    """The permission matrix."""

    roles: list[Role]
    items: list[Permission]
