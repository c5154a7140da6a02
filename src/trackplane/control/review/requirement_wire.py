"""What the API takes and gives of requirements and of what an owner has to look after."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from trackplane.control.patterns import Day, Name
from trackplane.control.review.change_wire import Id, Long, State, Title
from trackplane.control.review.profile_wire import Address, PersonName
from trackplane.control.wire import Paging, Wire, Word

Stage = Literal["designed", "implemented", "verified", "online"]
STAGES: tuple[Stage, ...] = Stage.__args__  # type: ignore[attr-defined]
Names = Annotated[list[Name], Meta(max_length=200)]
PeopleNames = Annotated[list[PersonName], Meta(max_length=200)]


class EventName(Wire):
    """An event of an app."""

    app: Name
    event: Annotated[str, Meta(min_length=1, max_length=200)]


EventNames = Annotated[list[EventName], Meta(max_length=10_000)]


class RequirementCreate(Wire):
    """A new requirement: the need, who has it, by when; its events beside those of its changes."""

    title: Title
    description: Long = ""
    link: Address = ""
    apps: Names = field(default_factory=list)
    people: PeopleNames = field(default_factory=list)
    events: EventNames = field(default_factory=list)
    deadline: Day | None = None


class RequirementPatch(Wire):
    """What is to change of a requirement; what is left out stays. ``dropped``: nobody needs it."""

    title: Title | UnsetType = UNSET
    description: Long | UnsetType = UNSET
    link: Address | UnsetType = UNSET
    apps: Names | UnsetType = UNSET
    people: PeopleNames | UnsetType = UNSET
    events: EventNames | UnsetType = UNSET
    deadline: Day | UnsetType | None = UNSET
    dropped: bool | UnsetType = UNSET


class LinkedChange(Wire):
    """A change request that serves a requirement."""

    id: int
    title: str
    app: str
    state: State


class RequiredEvent(Wire):
    """An event of a requirement; ``state`` is its life cycle's, ``stage`` the board's column."""

    app: str
    event: str
    state: str
    stage: Stage


class Requirement(Wire):
    """A requirement. ``state`` is derived: the column that all of its events have reached.

    ``done`` counts events by column; nothing is ``verified`` before there are verification sessions.
    """

    id: int
    title: str
    description: str
    link: str
    apps: list[str]
    people: list[str]
    deadline: str | None
    dropped: bool
    state: Stage
    overdue: bool
    done: dict[Stage, int]
    changes: list[LinkedChange]
    events: list[RequiredEvent]
    created_by: str
    created_at: int
    updated_at: int
    etag: str


class RequirementQuery(Paging):
    """Which requirements: by words, app, person, column; dropped ones only if asked for."""

    query: Word = ""
    app: Word = ""
    mine: bool = False
    state: Literal["", Stage] = ""
    overdue: bool = False
    dropped: bool = False


class Requirements(Wire):
    """A page of requirements, newest first."""

    items: list[Requirement]
    next: str | None


# --- my events


class MyEventsQuery(Wire):
    """Whose: of the asking person and their teams, or of one team; in one app or all."""

    app: Word = ""
    team: Word = ""
    days: Annotated[int, Meta(ge=1, le=90)] = 30


class Waiting(Wire):
    """A change request that waits for the person: ``events`` of it are theirs to approve."""

    change: Id
    title: str
    app: str
    state: State
    events: int
    since: int
    deadline: str | None


class WrongEvent(Wire):
    """Something wrong with an event over the last seven days.

    ``code``: ``violations`` (stored with violations), ``dirty`` (kept out), ``silent`` (planned and
    online before, nothing for a week).
    """

    app: str
    event: str
    grade: str
    code: Literal["violations", "dirty", "silent"]
    pointer: str
    count: int
    share: float | None
    last_at: int


class Expiring(Wire):
    """An event that expires soon, or has; ``renew_days``: it is prolonged by use."""

    app: str
    event: str
    on: str
    renew_days: int | None
    last_seen: int | None
    owner: str


class Unowned(Wire):
    """An event that nobody owns: unplanned, without an owner, or of an owner nobody registered."""

    app: str
    event: str
    grade: str
    owner: str
    planned: bool
    seen: int


class MyEvents(Wire):
    """What an owner has to look after; each list has the weightiest 200, ``totals`` count all."""

    owners: list[str]
    owned: int
    waits: list[Waiting]
    wrong: list[WrongEvent]
    expires: list[Expiring]
    unowned: list[Unowned]
    totals: dict[str, int]
