"""What the API takes and gives of people and teams."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from trackplane.control.patterns import BLANK, matching
from trackplane.control.review.notice_wire import Channel
from trackplane.control.roles import Role
from trackplane.control.wire import Note, Paging, Wire, Word

PersonName = Annotated[
    str,
    matching(
        r"[A-Za-z0-9_][A-Za-z0-9_.@+ -]{0,99}",
        "a person's name: ASCII letters, digits, spaces and _ . @ + -, beginning with a letter or digit",
        max_length=100,
    ),
]
Label = Annotated[str, Meta(max_length=200)]
Email = Annotated[
    str,
    matching(
        rf"[^@<>,;{BLANK}]+@[^@<>,;{BLANK}]+",
        "an e-mail address such as ann@example.org",
        max_length=320,
        optional=True,
    ),
]
Address = Annotated[
    str,
    matching(
        rf"https?://[^/{BLANK}][^{BLANK}]*",
        "an address that begins with http:// or https://",
        max_length=2_000,
        optional=True,
    ),
]
Language = Literal["en", "zh"]
Channels = tuple[Channel, ...]


class Wishes(Wire):
    """Where each kind of notice is to be told; a kind left out is told as by default, or as before."""

    review_asked: Channels | UnsetType = UNSET
    comment: Channels | UnsetType = UNSET
    approved: Channels | UnsetType = UNSET
    rejected: Channels | UnsetType = UNSET
    approval_fell: Channels | UnsetType = UNSET
    merged: Channels | UnsetType = UNSET
    impact_found: Channels | UnsetType = UNSET
    expires_soon: Channels | UnsetType = UNSET
    violations: Channels | UnsetType = UNSET


class PersonPatch(Wire):
    """What is to change of a profile; what is left out stays, or is empty of somebody new.

    ``notify`` says of each kind of notice where it is to be told.
    """

    name: Label | UnsetType = UNSET
    title: Label | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    webhook: Address | UnsetType = UNSET
    notify: Wishes | UnsetType = UNSET


class Person(Wire):
    """A person. ``email`` and ``webhook`` are shown to the person and to admins of all apps.

    ``registered`` is false of somebody who has a token but no profile; ``roles`` are the tokens'.
    """

    person: str
    name: str
    title: str
    email: str
    language: Language
    webhook: str
    teams: list[str]
    roles: list[Role]
    registered: bool
    etag: str


class People(Wire):
    """A page of people by name."""

    items: list[Person]
    next: str | None


class PeopleQuery(Paging):
    """Which people: by name, or of a team."""

    query: Word = ""
    team: Word = ""


class Me(Wire):
    """The asking person: the profile, teams, and where each kind of notice is told.

    ``webhook_secret`` signs what is sent to the webhook.
    """

    person: str
    name: str
    title: str
    email: str
    language: Language
    webhook: str
    webhook_secret: str
    teams: list[str]
    role: Role
    apps: list[str]
    notify: dict[str, Channels]
    email_possible: bool
    unread: int
    registered: bool
    etag: str


class WebhookTried(Wire):
    """How a webhook answered a trial: ``status`` 0 is no answer, ``error`` says why."""

    ok: bool
    status: int
    error: str


class TeamPatch(Wire):
    """What is to change of a team; what is left out stays, or is empty of a new one."""

    title: Label | UnsetType = UNSET
    description: Note | UnsetType = UNSET
    members: Annotated[list[PersonName], Meta(max_length=2_000)] | UnsetType = UNSET


class Team(Wire):
    """A team; ``events`` counts what it owns in the token's apps."""

    team: str
    title: str
    description: str
    members: list[str]
    events: int
    etag: str


class Teams(Wire):
    """A page of teams by name."""

    items: list[Team]
    next: str | None
