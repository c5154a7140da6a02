"""What the API takes and gives of change requests.

Times are Unix milliseconds UTC. ``item`` is a part that a change touches: ``events/order_pay``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType, field

from trackplane.control.insight.insight_wire import Impact
from trackplane.control.patterns import Day, FilePath, Name
from trackplane.control.wire import Cursor, Limit, Note, Paging, Source, Wire, Word
from trackplane.errors import Finding
from trackplane.plan.changes import Compatibility, Counts, PartChange, PartKind

State = Literal["draft", "in_review", "approved", "merged", "closed"]
ChangeAction = Literal[
    "edit", "comment", "submit", "approve", "reject", "withdraw", "rebase", "merge", "close"
]
ACTIONS: tuple[ChangeAction, ...] = ChangeAction.__args__  # type: ignore[attr-defined]
Section = Literal["events", "metrics", "types", "groups", "plan"]

Id = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Title = Annotated[str, Meta(min_length=1, max_length=200)]
Long = Annotated[str, Meta(max_length=20_000)]
Remark = Annotated[str, Meta(min_length=1, max_length=20_000)]
Files = Annotated[dict[FilePath, Source | None], Meta(max_length=10_000)]


class ChangeCreate(Wire):
    """A new change request; its branch starts at the plan in force, with these files changed."""

    app: Name
    title: Title
    description: Long = ""
    requirement: Id | None = None
    deadline: Day | None = None
    files: Files = field(default_factory=dict)


class ChangePatch(Wire):
    """What is to change of a change request's own texts; what is left out stays."""

    title: Title | UnsetType = UNSET
    description: Long | UnsetType = UNSET
    requirement: Id | UnsetType | None = UNSET
    deadline: Day | UnsetType | None = UNSET


class Allowed(Wire):
    """Whether the asking token may do an action now, and if not, why."""

    action: ChangeAction
    allowed: bool
    reasons: list[str]


class Rejection(Wire):
    """Who rejected a change request, when and why."""

    by: str
    at: int
    reason: str


class ChangeRequest(Wire):
    """A change request.

    ``base`` is the revision its branch starts at and ``current`` the one in force (None: the app is
    gone); ``stale`` says that they differ. ``findings`` counts what forbids it to be submitted,
    ``waiting`` the items that nobody has approved. ``number`` is what its merge was published under.
    """

    id: int
    app: str
    title: str
    description: str
    requirement: int | None
    author: str
    state: State
    base: int
    current: int | None
    version: int
    deadline: str | None
    created_at: int
    updated_at: int
    submitted_at: int | None
    approved_at: int | None
    merged_at: int | None
    closed_at: int | None
    merged_revision: int | None
    number: int | None
    effective_ms: int | None
    stale: bool
    findings: int
    waiting: int
    counts: Counts
    rejection: Rejection | None
    impact_version: int | None
    impact_fresh: bool
    comments: int
    unread: int
    waits_for_me: bool
    actions: list[Allowed]
    etag: str


class ChangeQuery(Paging):
    """Which change requests: ``query`` looks in titles and touched names.

    ``state`` may be ``open`` (draft, in_review or approved); ``mine``: of the asking person; ``waits``:
    for the asking person's approval; ``event``: that touch this event.
    """

    query: Word = ""
    app: Word = ""
    state: Literal["", "open", "draft", "in_review", "approved", "merged", "closed"] = ""
    author: Word = ""
    mine: bool = False
    waits: bool = False
    requirement: Id | None = None
    event: Word = ""


class ChangeRequests(Wire):
    """A page of change requests, newest first."""

    items: list[ChangeRequest]
    next: str | None


class BranchFiles(Wire):
    """Changed files by path (null: removed); ``note`` says what for, in the history."""

    files: Annotated[dict[FilePath, Source | None], Meta(min_length=1, max_length=10_000)]
    note: Note = ""


class BranchPartPut(Wire):
    """One part of the plan by name: its YAML text as it stands under its name, null removes it.

    ``file`` is where a new part goes; left out, where others of its section are.
    """

    section: Literal["events", "metrics", "types", "groups"]
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    text: Source | None
    file: FilePath | None = None


class BranchParts(Wire):
    """Changed parts; all of them are taken or none."""

    parts: Annotated[list[BranchPartPut], Meta(min_length=1, max_length=10_000)]
    note: Note = ""


class BranchSaved(Wire):
    """A saved version, and all that is wrong with it; approvals that fell by it."""

    change: int
    version: int
    ok: bool
    findings: list[Finding]
    counts: Counts
    fallen: list[str]
    state: State
    etag: str


class ChangeBranch(Wire):
    """The files of a branch: ``changed`` are those that differ from the base (null: removed)."""

    change: int
    version: int
    base: int
    files: dict[str, str]
    changed: dict[str, str | None]
    etag: str


class BranchQuery(Wire):
    """Which version (0: the last); ``all`` gives the files that did not change as well."""

    version: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    all: bool = False


class ChangePartQuery(Wire):
    """A part of a branch by section and name."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    section: Literal["events", "metrics", "types", "groups"] = "events"


class BranchPart(Wire):
    """One part of a branch: its text now and in the base, null where there is none; its file."""

    section: str
    name: str
    text: str | None
    base: str | None
    file: str | None
    etag: str


class ChangeFindings(Wire):
    """What is wrong with a branch, and what is worth saying."""

    version: int
    ok: bool
    findings: list[Finding]


class SavedVersion(Wire):
    """A saved version."""

    version: int
    base: int
    person: str
    note: str
    at: int


class SavedVersions(Wire):
    """A page of saved versions, newest first."""

    items: list[SavedVersion]
    next: str | None


class ItemQuery(Paging):
    """Which items: by text in the name, by compatibility, only those that wait for an approval."""

    text: Word = ""
    compatibility: Literal["", Compatibility] = ""
    waiting: bool = False
    mine: bool = False


class ChangeDiff(Wire):
    """A page of the parts that differ from the base; ``counts`` are of all."""

    items: list[PartChange]
    next: str | None
    counts: Counts


class ChangeDiffQuery(Paging):
    """Which parts: by text in the name, by compatibility, by section."""

    text: Word = ""
    compatibility: Literal["", Compatibility] = ""
    section: Literal["", "use", "types", "groups", "events", "metrics"] = ""


class Fallen(Wire):
    """An approval that fell: by whom it was, when it fell and why."""

    by: str
    at: int
    because: str


class Approval(Wire):
    """What one item needs and has: ``rule`` is the row of review.md's table that holds for it."""

    event: str
    section: str
    name: str
    kind: PartKind
    compatibility: Compatibility
    grade: str
    owner: str
    rule: str
    needs: str
    reviewers: list[str]
    may_approve: bool
    why_not: str
    approved: bool
    approved_by: list[str]
    approved_at: int | None
    fallen: list[Fallen]


class Approvals(Wire):
    """A page of items with their approvals."""

    items: list[Approval]
    next: str | None


VersionNumber = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class Approve(Wire):
    """Approve items as they are in ``version``; none named: all that the person may."""

    version: VersionNumber | None = None
    events: Annotated[list[Word], Meta(max_length=100_000)] = field(default_factory=list)
    note: Note = ""


class Approved(Wire):
    """What an approval covers, what it does not and why, and what is still missing."""

    change: int
    state: State
    approved: list[str]
    refused: dict[str, str]
    waiting: int
    error: str = ""


class ApproveMany(Wire):
    """Approve several change requests, each of its events that the person may approve.

    ``versions`` are those that were looked at, one for each of ``changes``; none: as they are now.
    """

    changes: Annotated[list[Id], Meta(min_length=1, max_length=1_000)]
    versions: Annotated[list[VersionNumber], Meta(max_length=1_000)] = field(default_factory=list)
    note: Note = ""


class ApprovedMany(Wire):
    """One result for each change request, in the order they were given."""

    items: list[Approved]


class RejectionReason(Wire):
    """Why."""

    reason: Annotated[str, Meta(min_length=1, max_length=5_000)]


class Remarked(Wire):
    """A note for the history."""

    note: Note = ""


class Resolution(Wire):
    """How a conflict is settled: the text that a part is to have (null: removed)."""

    section: Literal["events", "metrics", "types", "groups"]
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    text: Source | None


class Rebase(Wire):
    """Move the branch to the plan in force; ``take`` settles what conflicts one way, all of it."""

    resolutions: Annotated[list[Resolution], Meta(max_length=10_000)] = field(default_factory=list)
    take: Literal["", "mine", "theirs"] = ""


class Merged(Wire):
    """A merge: the revision it made, and the number it was published under (0: nothing changed)."""

    change: int
    revision: int
    number: int
    added: list[str]
    changed: list[str]
    removed: list[str]
    etag: str


class MergeRequest(Wire):
    """How to merge: ``message`` is the revision's, the title if left out."""

    message: Note = ""


class CommentCreate(Wire):
    """A new comment, on an event, on a property of it, or on the whole."""

    text: Remark
    event: Word = ""
    property: Annotated[str, Meta(max_length=400)] = ""
    reply_to: Id | None = None


class CommentChange(Wire):
    """A changed text, or a thread resolved or opened again."""

    text: Remark | UnsetType = UNSET
    resolved: bool | UnsetType = UNSET


class Comment(Wire):
    """A comment; threads are one deep: ``reply_to`` is the number of the first comment."""

    n: int
    version: int
    author: str
    at: int
    edited_at: int | None
    text: str
    event: str
    property: str
    reply_to: int | None
    resolved_by: str | None
    resolved_at: int | None
    unread: bool


class CommentQuery(Paging):
    """Comments of the whole, of an event; ``open``: of threads that are not resolved."""

    event: Word = ""
    open: bool = False
    limit: Limit = 100
    cursor: Cursor = ""


class Comments(Wire):
    """A page of comments in their order."""

    items: list[Comment]
    next: str | None


class Read(Wire):
    """Up to which comment the person has read."""

    n: Annotated[int, Meta(ge=0, le=2**31 - 1)]


class HistoryEntry(Wire):
    """Who did what to a change request, and when."""

    id: int
    at: int
    person: str
    action: str
    version: int
    detail: dict[str, Any]


class ChangeHistory(Wire):
    """A page of a change request's history, newest first."""

    items: list[HistoryEntry]
    next: str | None


class ImpactAsked(Wire):
    """How much real traffic to replay: of so many hours, so many events at most."""

    hours: Annotated[int, Meta(ge=1, le=2_160)] = 24
    events: Annotated[int, Meta(ge=1, le=100_000)] = 10_000


class ChangeImpact(Wire):
    """The last impact: of a version of the branch, over a revision; ``fresh``: both are the last."""

    change: int
    version: int
    revision: int
    fresh: bool
    impact: Impact
