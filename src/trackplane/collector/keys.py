"""Find the write key of a request."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

MAX_KEY_BYTES = 512


def write_key(headers: Mapping[bytes, bytes]) -> str | None:
    """Return the write key that the headers give, or None.

    It is a Bearer token, the user of Basic authentication, or ``X-Write-Key``, looked for in this
    order.
    """
    authorization = headers.get(b"authorization")
    if authorization is not None:
        scheme, _, value = authorization.strip().partition(b" ")
        scheme, value = scheme.lower(), value.strip()
        if scheme == b"bearer" and value:
            return _text(value)
        if scheme == b"basic":
            return _basic_user(value)
    key = headers.get(b"x-write-key")
    return _text(key.strip()) if key else None


def _basic_user(value: bytes) -> str | None:
    try:
        user, _, _ = base64.b64decode(value, validate=True).partition(b":")
    except binascii.Error:
        return None
    return _text(user) if user else None


def _text(value: bytes) -> str | None:
    return value.decode("latin-1") if 0 < len(value) <= MAX_KEY_BYTES else None
