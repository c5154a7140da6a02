"""The functions that come with Trackplane, in the order of the manual."""

from __future__ import annotations

from typing import Final

from trackplane.rules.library import (
    casts,
    collections,
    core,
    hashing,
    lookups,
    networks,
    numbers,
    patterns,
    text,
    times,
    urls,
)
from trackplane.rules.library.table import Function

BUILT_IN: Final[tuple[Function, ...]] = (
    *core.FUNCTIONS,
    *numbers.FUNCTIONS,
    *casts.FUNCTIONS,
    *text.FUNCTIONS,
    *patterns.FUNCTIONS,
    *times.FUNCTIONS,
    *collections.FUNCTIONS,
    *hashing.FUNCTIONS,
    *urls.FUNCTIONS,
    *networks.FUNCTIONS,
    *lookups.FUNCTIONS,
)
