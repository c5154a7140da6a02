"""Small pictures of numbers for a terminal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

_BARS: Final = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float | None]) -> str:
    """Return numbers as a line of bars from zero; what is not known is blank.

    >>> sparkline([0, 1, None, 4, 8])
    '▁▂ ▅█'
    """
    top = max((value for value in values if value is not None), default=0)
    steps = len(_BARS) - 1
    return "".join(
        " " if value is None else _BARS[round(max(0.0, value) / top * steps) if top > 0 else 0]
        for value in values
    )


def day(ms: int | None) -> str:
    """Return a time (ms UTC) as a day and minute, or a dash."""
    if ms is None or ms <= 0:
        return "-"
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M")


def percent(share: float | None) -> str:
    """Return a share of 1 in per cent, or a dash."""
    return "-" if share is None else f"{share:.2%}"
