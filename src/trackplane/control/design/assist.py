"""Proposals for an event under design, drafts from what arrives, templates, completeness."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from trackplane.assist import (
    Completeness,
    Inferred,
    Proposals,
    completeness,
    draft,
    read_design,
    templates,
    to_yaml,
    written,
)
from trackplane.assist.reasons import Why
from trackplane.control import samples, wire
from trackplane.control.apps import find_app
from trackplane.control.design.assist_wire import (
    CompletenessScore,
    DesignSource,
    DraftProperty,
    DraftQuery,
    DuplicateEvent,
    EventDraft,
    EventProposals,
    MissingPart,
    ProposedProperty,
    Reason,
    ReusableGroup,
    ReusableType,
    SameProperty,
    Template,
    TemplateList,
    TemplateQuery,
    TemplateSummary,
)
from trackplane.control.design.libraries import libraries_of
from trackplane.control.insight import observations
from trackplane.control.operations import Call, Operations
from trackplane.control.problems import NotFoundError
from trackplane.errors import did_you_mean
from trackplane.event import JsonObject
from trackplane.plan import Workspace

operations = Operations("Assistance")
_DAY_MS: Final = 86_400_000
_TIMEOUT_S: Final = 8.0
_SEEN_DAYS: Final = 7


class _Seen(Mapping[tuple[str, str], int]):
    """Events a day by (app, event), read where asked: proposals ask for a few."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def __getitem__(self, key: tuple[str, str]) -> int:
        app, event = key
        since = self._call.platform.clock() // _DAY_MS - _SEEN_DAYS
        with self._call.platform.database.read() as connection:
            found = observations.sums(
                connection, ("event",), app=app, events=[event], since_day=since
            )
        return int(sum(each.seen for each in found.values()) // _SEEN_DAYS)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(())

    def __len__(self) -> int:
        return 0


@operations.add("POST", "/apps/{app}/assist")
def assist_event(call: Call, app: wire.Word, body: DesignSource) -> EventProposals:
    """Propose what an event under design could reuse, and what it repeats, saying why."""
    design = read_design(body.name, body.text)
    with call.platform.database.read() as connection:
        find_app(connection, call, app)
    proposed = call.platform.catalogue.propose(
        app,
        design,
        apps=None if call.actor.everywhere else call.actor.apps,
        seen=_Seen(call),
    )
    found = proposed or Proposals()
    return EventProposals(
        duplicates=[
            DuplicateEvent(
                app=one.app,
                event=one.event,
                title=" / ".join(one.titles),
                score=one.score,
                reasons=_reasons(one.reasons),
            )
            for one in found.duplicates
        ],
        groups=[
            ReusableGroup(
                name=one.name, home=one.home, score=one.score, reasons=_reasons(one.reasons)
            )
            for one in found.groups
        ],
        properties=[
            ProposedProperty(
                path=one.path,
                definition=written(one.definition),
                text=to_yaml({one.path.partition(".")[2]: written(one.definition)}, blocks=0),
                used_by=one.used_by,
                score=one.score,
                reasons=_reasons(one.reasons),
            )
            for one in found.properties
        ],
        types=[
            ReusableType(
                path=one.path or "",
                name=one.name,
                home=one.home,
                score=one.score,
                reasons=_reasons(one.reasons),
            )
            for one in found.types
        ],
        same_properties=[
            SameProperty(
                path=one.path,
                like=one.like,
                used_by=one.used_by,
                score=one.score,
                reasons=_reasons(one.reasons),
            )
            for one in found.same_properties
        ],
        completeness=_completeness(completeness(design)),
        readable=design.readable,
        preparing=proposed is None,
    )


def _reasons(reasons: Iterable[Why]) -> list[Reason]:
    return [Reason(code=reason.code, text=reason.text) for reason in reasons]


def _completeness(found: Completeness) -> CompletenessScore:
    return CompletenessScore(
        score=found.score,
        missing=[
            MissingPart(
                code=one.code,
                points=one.points,
                message=one.message,
                path=one.path,
                fix=one.fix,
            )
            for one in found.missing
        ],
    )


@operations.add("POST", "/apps/{app}/completeness")
def event_completeness(call: Call, app: wire.Word, body: DesignSource) -> CompletenessScore:
    """Say how complete an event under design is, and what is missing."""
    with call.platform.database.read() as connection:
        find_app(connection, call, app)
    return _completeness(completeness(read_design(body.name, body.text)))


@operations.add("GET", "/apps/{app}/unplanned/{event}/draft", action="data.read")
def draft_event(call: Call, app: wire.Word, event: wire.Word, query: DraftQuery) -> EventDraft:
    """Draft a plan's event from what arrives under its name."""
    with call.platform.database.read() as connection:
        find_app(connection, call, app)
    found = _samples(call, app, event, query)
    if not found:
        raise NotFoundError(
            f"no event {event!r} of {app!r} arrived in the last {query.days} days",
            hint="names are matched exactly; what just arrived takes some seconds to be seen",
        )
    made = draft(event, found, allowed=query.allowed)
    planned = call.platform.publisher.snapshot.packed("event").get(f"{app}/{event}") is not None
    return EventDraft(
        app=app,
        event=event,
        planned=planned,
        samples=made.samples,
        text=made.text,
        properties=[_property(one) for one in made.properties],
        notes=list(made.notes),
        completeness=_completeness(completeness(read_design(event, made.text))),
    )


def _samples(call: Call, app: str, event: str, query: DraftQuery) -> list[JsonObject]:
    """Return stored and dirty events of this name; while none is stored yet, those of the stream."""
    now = call.platform.clock()
    stored = call.platform.data.sample(
        app=app,
        events=[event],
        since_ms=now - query.days * _DAY_MS,
        until_ms=now + _DAY_MS,
        most=query.samples,
        timeout_s=_TIMEOUT_S,
    )
    if stored.events:
        return [one.merged for one in stored.events]
    live, _ = samples.recent(call, [app], [event], query.samples)
    return live


def _property(one: Inferred) -> DraftProperty:
    return DraftProperty(
        path=one.path,
        definition=written(one.shape),
        share=one.share,
        pii=one.shape.pii,
        why=list(one.why),
        dirt=list(one.dirt),
    )


# --- templates


@operations.add("GET", "/templates")
def list_templates(call: Call) -> TemplateList:
    """List the templates: parts of plans for common domains, in English and Chinese."""
    del call
    return TemplateList(
        items=[
            TemplateSummary(
                name=one.name,
                title=one.title,
                description=one.description,
                events=one.names("events"),
                groups=one.names("groups"),
                types=one.names("types"),
                metrics=one.names("metrics"),
            )
            for one in templates.templates().values()
        ]
    )


@operations.add("GET", "/templates/{template}")
def get_template(call: Call, template: wire.Word, query: TemplateQuery) -> Template:
    """Show a template as a file for an app's plan, its names prefixed, and what would collide."""
    found = templates.templates().get(template)
    if found is None:
        raise NotFoundError(
            f"there is no template {template!r}",
            hint=did_you_mean(template, templates.templates()),
        )
    files: Mapping[str, str] = {}
    taken: Mapping[str, Collection[str]] | None = None
    if query.app:
        with call.platform.database.read() as connection:
            revision = find_app(connection, call, query.app).revision
            libraries = libraries_of(connection)
            base = call.platform.workspaces.base(connection, query.app, revision, libraries)
        files = base.files
        taken = _names(base.workspace) if base.workspace is not None else None
    made = templates.apply(
        found, query.app or found.name, query.prefix, files, owner=query.owner, taken=taken
    )
    return Template(
        name=found.name,
        title=found.title,
        description=found.description,
        events=list(made.names["events"].values()),
        groups=list(made.names["groups"].values()),
        types=list(made.names["types"].values()),
        metrics=list(made.names["metrics"].values()),
        file=made.file,
        text=made.text,
        collisions=list(made.collisions),
    )


def _names(workspace: Workspace) -> dict[str, Collection[str]]:
    """Return the names of a plan's own parts by section, without reading its files again."""
    plan = workspace.plan
    return {
        "events": plan.events.keys(),
        "metrics": plan.metrics.keys(),
        "groups": {name for name in plan.groups if workspace.place("groups", name) is not None},
        "types": {name for name in plan.types if workspace.place("types", name) is not None},
    }
