"""Tokens, roles and scopes: who may do what with which app."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Final

import msgspec
import sqlalchemy as sa

from trackplane.control import tables
from trackplane.control.problems import ForbiddenError, NotFoundError, UnauthenticatedError
from trackplane.control.roles import ACTIONS, PERMISSIONS, ROLES, Action, Role, least, may, rank

__all__ = [
    "ACTIONS", "ALL_APPS", "PERMISSIONS", "ROLES", "SYSTEM", "Action", "Actor", "Role",
    "authenticate", "digest", "new_secret", "shown",
]  # fmt: skip

ALL_APPS: Final = "*"
_BYTES: Final = 32  # 256 bits


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever makes a request, by its token; ``apps`` of ``*`` is every app.

    ``name`` is the token's, which the audit log shows; ``person`` is whose it is.
    """

    name: str
    role: Role
    apps: tuple[str, ...]
    person: str = ""

    @property
    def everywhere(self) -> bool:
        """Say whether the token reaches every app."""
        return ALL_APPS in self.apps

    def sees(self, app: str) -> bool:
        """Say whether the token reaches an app."""
        return self.everywhere or app in self.apps

    def may(self, action: Action) -> bool:
        """Say whether the token's role may do something."""
        return may(self.role, action)

    def require(self, action: Action) -> None:
        """Check that the token's role may do something.

        Raises:
            ForbiddenError: it may not.
        """
        if not self.may(action):
            raise ForbiddenError(
                f"this needs the role {least(action)} or a higher one ({action}); "
                f"the token's is {self.role}"
            )

    def require_grantable(self, role: Role, apps: Iterable[str]) -> None:
        """Check that the token may give a role over apps: nothing beyond its own.

        Raises:
            ForbiddenError: that is a higher role or a wider reach than its own.
        """
        if rank(role) > rank(self.role):
            raise ForbiddenError(f"a token of the role {self.role} cannot give the role {role}")
        wider = [app for app in apps if app not in self.apps]
        if wider and not self.everywhere:
            raise ForbiddenError(
                f"a token cannot give a reach beyond its own: {', '.join(sorted(wider)[:10])}"
            )

    def require_app(self, app: str) -> None:
        """Check that the token reaches an app; what it cannot see does not exist for it.

        Raises:
            NotFoundError: it does not.
        """
        if not self.sees(app):
            raise NotFoundError(f"there is no app {app!r} for this token")

    def require_apps(self, apps: Iterable[str]) -> None:
        """Check that the token reaches all of these apps; none named means every app.

        Raises:
            ForbiddenError: it does not.
        """
        wanted = list(apps)
        missing = [app for app in wanted if not self.sees(app)]
        if missing or (not wanted and not self.everywhere):
            what = ", ".join(missing) if missing else "all apps"
            raise ForbiddenError(f"the token does not reach {what}")


SYSTEM: Final = Actor(name="system", role="admin", apps=(ALL_APPS,), person="system")


def new_secret(prefix: str) -> str:
    """Return a new secret of 256 random bits, its kind readable from its prefix."""
    return f"{prefix}_{secrets.token_urlsafe(_BYTES)}"


def digest(secret: str) -> str:
    """Return what of a secret is kept: its SHA-256 in hex."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def shown(secret: str) -> str:
    """Return the part of a secret that may be shown, to tell it from others."""
    return secret[:8]


def authenticate(connection: sa.Connection, authorization: str) -> Actor:
    """Return whose token an Authorization header holds.

    Raises:
        UnauthenticatedError: there is none, or it is not known.
    """
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise UnauthenticatedError(
            "this needs a token", hint="send it as Authorization: Bearer <token>"
        )
    given = digest(secret.strip())
    row = connection.execute(
        sa.select(tables.tokens).where(tables.tokens.c.sha256 == given)
    ).first()
    if row is None or not hmac.compare_digest(row.sha256, given):
        raise UnauthenticatedError("the token is not known")
    return Actor(name=row.name, role=row.role, apps=tuple(row.apps), person=row.person)
