"""What search takes and gives over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from trackplane.control.search.documents import Kind
from trackplane.control.search.finding import Sort
from trackplane.control.wire import Paging, Wire

Many = Annotated[str, Meta(max_length=500, description="one value or several with commas")]


class SearchQuery(Paging):
    """What is searched for; nothing in ``q`` is everything.

    Filters of one name are alternatives, different ones all hold. ``language`` chooses titles and
    descriptions where there are several.
    """

    q: Annotated[str, Meta(max_length=1_000)] = ""
    kind: Many = ""
    app: Many = ""
    owner: Many = ""
    tag: Many = ""
    grade: Many = ""
    state: Many = ""
    platform: Many = ""
    sort: Sort = "rank"
    language: Annotated[str, Meta(max_length=20)] = ""


class Highlight(Wire):
    """A text of a hit with the ranges that matched, from and to, in UTF-16 code units."""

    field: str
    text: str
    ranges: list[tuple[int, int]]


class Hit(Wire):
    """One thing that was found.

    ``name`` of a property is its path. ``events``: how many events have this property or group.
    ``daily``: events on each of the last 14 days, the oldest first; empty: nothing was counted.
    """

    id: int
    kind: Kind
    app: str
    name: str
    title: str
    description: str
    owner: str
    grade: str
    tags: list[str]
    platforms: list[str]
    state: str
    deprecated: bool
    trust: Literal["", "unknown", "low", "medium", "high"]
    properties: int
    events: int
    seen: int
    last_seen: int | None
    daily: list[int]
    highlights: list[Highlight]


class FacetValue(Wire):
    """A value and how many hits have it, its own filter aside."""

    value: str
    count: int


class Hits(Wire):
    """A page of hits, the best first, and counts over all of them."""

    items: list[Hit]
    total: int
    facets: dict[str, list[FacetValue]]
    next: str | None
    took_ms: float


class SearchRebuilt(Wire):
    """An index made anew."""

    documents: int
    words: int
    took_ms: float
