"""Errors as RFC 9457 problems: one table from our error tree to HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import ClassVar

from trackplane.control.wire import Conflict, PartConflict, PlanConflict, Problem
from trackplane.errors import (
    ConflictError,
    Finding,
    FullError,
    InputError,
    StorageError,
    TrackplaneError,
    UnavailableError,
)

MEDIA_TYPE = "application/problem+json"


class ApiError(TrackplaneError):
    """An error with an HTTP status of its own."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST


class BadRequestError(ApiError):
    """The request cannot be read: its body, a parameter, a header."""

    code = "bad_request"


class UnauthenticatedError(ApiError):
    """No token, or one that is not known."""

    code = "unauthenticated"
    status = HTTPStatus.UNAUTHORIZED


class ForbiddenError(ApiError):
    """The token's role or apps do not reach this far."""

    code = "forbidden"
    status = HTTPStatus.FORBIDDEN


class NotFoundError(ApiError):
    """There is no such thing, or not for this token."""

    code = "not_found"
    status = HTTPStatus.NOT_FOUND


class MethodError(ApiError):
    """The path is there, the method is not."""

    code = "method_not_allowed"
    status = HTTPStatus.METHOD_NOT_ALLOWED


class ExistsError(ApiError, ConflictError):
    """There is one of that name already."""

    code = "exists"
    status = HTTPStatus.CONFLICT


class StaleError(ApiError, ConflictError):
    """It was changed since it was read: read again, then decide."""

    code = "stale"
    status = HTTPStatus.PRECONDITION_FAILED
    conflict: Conflict | None = None  # of a text: both sides
    plan: PlanConflict | None = None  # of a plan: both sides, merged


class ConflictsError(ApiError, ConflictError):
    """Two sides changed the same parts of a plan otherwise; both sides of each are told."""

    code = "conflicts"
    status = HTTPStatus.CONFLICT

    def __init__(
        self, message: str, conflicts: Iterable[PartConflict], *, hint: str | None = None
    ) -> None:
        self.conflicts = tuple(conflicts)
        findings = [
            Finding(
                code="conflict",
                message=f"{c.section} {c.name}".strip()
                + (f": {c.path}" if c.path else "")
                + " was changed on both sides",
                pointer=f"/{c.section}/{c.name}",
            )
            for c in self.conflicts
        ]
        super().__init__(message, hint=hint, findings=findings)


class TooLargeError(ApiError):
    """The body is larger than the API takes."""

    code = "too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class MediaTypeError(ApiError):
    """The body is not ``application/json``."""

    code = "media_type"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class PreconditionRequiredError(ApiError):
    """A change must say, by ``If-Match``, what state it is a change of."""

    code = "precondition_required"
    status = HTTPStatus.PRECONDITION_REQUIRED


_STATUSES: tuple[tuple[type[TrackplaneError], HTTPStatus], ...] = (
    (InputError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (ConflictError, HTTPStatus.CONFLICT),
    (FullError, HTTPStatus.INSUFFICIENT_STORAGE),
    (UnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (StorageError, HTTPStatus.SERVICE_UNAVAILABLE),
)


def status_of(error: TrackplaneError) -> HTTPStatus:
    """Return the HTTP status an error is answered with."""
    if isinstance(error, ApiError):
        return error.status
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem_of(error: TrackplaneError) -> Problem:
    """Return the body an error is answered with."""
    status = status_of(error)
    return Problem(
        type=f"urn:trackplane:problem:{error.code}",
        title=status.phrase,
        status=status,
        detail=error.message,
        code=error.code,
        hint=error.hint,
        retryable=error.retryable,
        findings=error.findings,
        conflict=error.conflict if isinstance(error, StaleError) else None,
        plan=error.plan if isinstance(error, StaleError) else None,
        conflicts=error.conflicts if isinstance(error, ConflictsError) else (),
    )
