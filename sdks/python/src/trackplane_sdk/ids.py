"""UUIDv7: ids that sort by time (RFC 9562, section 5.7)."""

from __future__ import annotations

import os
import time


def uuid7() -> str:
    """Return a fresh UUIDv7 as text."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = milliseconds << 80 | 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62
    value |= random & ((1 << 62) - 1)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
