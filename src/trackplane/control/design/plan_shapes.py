"""The groups and types of a plan, and what uses them: for browsing and for reuse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from trackplane.control import wire
from trackplane.control.apps import find_app
from trackplane.control.design.libraries import libraries_of
from trackplane.control.operations import Call, Operations
from trackplane.plan.model import Library, Plan, Properties, Property

operations: Final = Operations("plan")

_EVENTS: Final = 100


class GroupShape(wire.Wire):
    """A property group, expanded. ``used`` counts its events, ``events`` names the first of them.

    ``library`` is where it comes from (``commerce@3``), null: it is the app's own.
    """

    name: str
    library: str | None
    properties: Properties
    events: list[str]
    used: int


class TypeShape(wire.Wire):
    """A named type, expanded; ``library`` as for a group."""

    name: str
    library: str | None
    definition: Property


class Shapes(wire.Wire):
    """What an app's plan in force offers for reuse."""

    app: str
    revision: int
    use: list[str]
    groups: list[GroupShape]
    types: list[TypeShape]


@operations.add("GET", "/apps/{app}/plan/shapes")
def list_shapes(call: Call, app: wire.Word) -> Shapes:
    """List the groups and types of the plan in force, and which events use each group."""
    with call.platform.database.read() as connection:
        row = find_app(connection, call, app)
        libraries = libraries_of(connection)
        workspaces = call.platform.workspaces
        workspace = workspaces.revision(connection, app, row.revision, libraries)
    if workspace is None:
        return Shapes(app=app, revision=0, use=[], groups=[], types=[])
    plan = workspace.plan
    used = [libraries[name] for name in plan.use if name in libraries]
    return Shapes(
        app=app,
        revision=row.revision,
        use=list(plan.use),
        groups=_groups(plan, used, own={n for n in plan.groups if workspace.place("groups", n)}),
        types=[
            TypeShape(
                name=name, library=None if own else _home(name, used, "types"), definition=shape
            )
            for name, shape in sorted(plan.types.items())
            for own in (workspace.place("types", name) is not None,)
        ],
    )


def _groups(plan: Plan, libraries: Iterable[Library], own: set[str]) -> list[GroupShape]:
    events: defaultdict[str, list[str]] = defaultdict(list)
    for name, spec in plan.events.items():
        for group in spec.groups:
            events[group].append(name)
    return [
        GroupShape(
            name=name,
            library=None if name in own else _home(name, libraries, "groups"),
            properties=properties,
            events=sorted(events[name])[:_EVENTS],
            used=len(events[name]),
        )
        for name, properties in sorted(plan.groups.items())
    ]


def _home(name: str, libraries: Iterable[Library], section: str) -> str | None:
    """Return the library that a type or group comes from."""
    for library in libraries:
        if name in (library.types if section == "types" else library.groups):
            return library.id
    return None
