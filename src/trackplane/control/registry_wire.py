"""What the API says of saved queries and registered clients, as structs. Times are Unix ms UTC."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from trackplane.control.patterns import Name, matching
from trackplane.control.wire import Paging, Wire, Word

_TEXT: Final = (r"[^\x00]*", "a text without the character NUL")  # PostgreSQL stores none
Sql = Annotated[str, matching(*_TEXT, min_length=1, max_length=100_000)]
Remark = Annotated[str, matching(*_TEXT, max_length=1_000)]
Owner = Annotated[str, matching(*_TEXT, max_length=200)]
Path = Annotated[str, matching(*_TEXT, max_length=1_000)]
Short = Annotated[str, matching(*_TEXT, max_length=100)]


# --- saved queries


class ReadSet(Wire):
    """What a query may read. ``all`` True: it could not be told, so everything counts as read.

    ``events`` None is every event; ``properties`` are paths by event (``*``: of any event), None: all of
    its properties. ``views`` are the planned events that it names as views, so that it depends on their
    columns. ``datasets`` are names of datasets.
    """

    all: bool
    events: list[str] | None
    properties: dict[str, list[str] | None]
    datasets: list[str]
    views: tuple[str, ...] = ()
    why: str = ""


class SavedQueryChange(Wire):
    """A query to save. ``app`` empty: over all apps of whoever runs it."""

    name: Name
    sql: Sql
    app: Short = ""
    description: Remark = ""
    owner: Owner = ""


class SavedQuery(Wire):
    """A saved query in its latest version."""

    id: str
    name: str
    app: str
    sql: str
    description: str
    owner: str
    reads: ReadSet
    version: int
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    etag: str


class SavedQueries(Wire):
    """A page of saved queries."""

    items: list[SavedQuery]
    next: str | None


class SavedQueryFilter(Paging):
    """Which saved queries: of an app, by name, that may read an event."""

    app: Word = ""
    name: Word = ""
    event: Word = ""


class SavedQueryVersion(Wire):
    """One version of a saved query."""

    version: int
    name: str
    sql: str
    description: str
    owner: str
    action: Literal["save", "delete"]
    created_at: int
    created_by: str


class SavedQueryVersions(Wire):
    """All versions of a saved query, newest first."""

    items: list[SavedQueryVersion]


# --- clients


class ClientLock(Wire):
    """What a generated client can send: the lock file that ``codegen --lock`` writes.

    ``events`` maps names to the property paths that the client may send, None: any.
    """

    format: Literal[1]
    app: Short
    name: Name
    platform: Short
    language: Short
    release: Annotated[str, matching(*_TEXT, min_length=1, max_length=100)]
    revision: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    events: Annotated[dict[Owner, list[Path] | None], Meta(max_length=200_000)]


class Client(Wire):
    """A registered client: one release of generated code on a platform."""

    id: str
    app: str
    name: str
    platform: str
    language: str
    release: str
    revision: int
    events: int
    registered_at: int
    registered_by: str


class ClientDetail(Client):
    """A registered client with what it may send."""

    sends: dict[str, list[str] | None]


class Clients(Wire):
    """A page of registered clients."""

    items: list[Client]
    next: str | None


class ClientQuery(Paging):
    """Which clients: of an app, that may send an event."""

    app: Word = ""
    event: Word = ""
