"""What exists: events, properties, groups and types of every app and library, indexed.

Built once and then changed event by event. An event that changes gets a new number, the old one is
a hole; when holes are more than half, everything is numbered anew. Texts are kept, not structs: a
catalogue of 200,000 events with 20 properties each takes some hundred megabytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from trackplane.assist.names import Names
from trackplane.plan.model import EventSpec, Plan, Properties, Property, Text

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Property)
_FEWEST_HOLES: Final = 1_000
Observations = Mapping[tuple[str, str], int]  # (app, event) -> events a day


class Known(msgspec.Struct, frozen=True, gc=False):
    """An event as the catalogue keeps it. ``definitions`` are numbers of ``Catalogue.definition``."""

    app: str
    event: str
    titles: tuple[str, ...]
    description: str
    groups: tuple[str, ...]
    definitions: array[int]
    deprecated: bool


class Shared(msgspec.Struct, frozen=True):
    """A group or type that may be reused; ``home`` is the app or library (``commerce@3``)."""

    home: str
    name: str
    texts: tuple[str, ...]
    properties: Properties = {}
    shape: Property | None = None


class Catalogue:
    """An index over existing plans and what of them is seen."""

    def __init__(self) -> None:
        self.names = Names()
        self.events: list[Known | None] = []
        self._numbers: dict[tuple[str, str], int] = {}
        self._of_app: dict[str, set[int]] = {}
        self._app_numbers: dict[str, int] = {}
        self._app_of_event = array("i")  # -1: a hole
        self._holes = 0
        self._definitions: dict[tuple[int, bytes], int] = {}
        self._definition_path = array("i")
        self._definition_shape: list[bytes] = []
        self.paths: list[str] = []
        self._path_numbers: dict[str, int] = {}
        self._events_of_path: list[array[int]] = []
        self.path_names = Names()
        self.groups: dict[str, dict[str, Shared]] = {}  # home -> name -> group
        self.types: dict[str, dict[str, Shared]] = {}
        self.libraries: set[str] = set()
        self.observations: Observations = {}

    @classmethod
    def of(cls, plans: Iterable[Plan], observations: Observations | None = None) -> Catalogue:
        """Return the catalogue of some plans; ``observations`` are events a day by app and name."""
        made = cls()
        for plan in plans:
            made.put(plan)
        made.observations = observations or {}
        return made

    # --- changes

    def put(self, plan: Plan) -> None:
        """Take in a whole plan, in place of what the catalogue had of its app."""
        held = {known.event for known in self.of_app(plan.app)}
        self.change(plan.app, dict.fromkeys(held - plan.events.keys()) | plan.events)
        self.share(plan.app, plan.groups, plan.types)

    def change(self, app: str, events: Mapping[str, EventSpec | None]) -> None:
        """Take in some events of an app; None takes one away."""
        for name, spec in events.items():
            self._drop(app, name)
            if spec is not None and not spec.removed:
                self._add(app, spec)
        if self._holes > max(_FEWEST_HOLES, len(self.events) // 2):
            self._renumber()

    def share(
        self, home: str, groups: Mapping[str, Properties], types: Mapping[str, Property],
        *, library: bool = False,
    ) -> None:  # fmt: skip
        """Take in the groups and types of an app or a library, in place of those it had."""
        self.groups[home] = {
            name: Shared(home, name, (name,), properties) for name, properties in groups.items()
        }
        self.types[home] = {
            name: Shared(home, name, (name, *texts_of(shape.title)), shape=shape)
            for name, shape in types.items()
        }
        if library:
            self.libraries.add(home)

    def remove(self, home: str) -> None:
        """Forget an app or library."""
        self.change(home, {known.event: None for known in self.of_app(home)})
        self.groups.pop(home, None)
        self.types.pop(home, None)
        self.libraries.discard(home)
        self._of_app.pop(home, None)

    def _add(self, app: str, spec: EventSpec) -> None:
        titles = texts_of(spec.title)
        number = self.names.add((spec.event, *titles))
        definitions = array("i")
        for namespace, properties in spec.properties.items():
            for name, shape in properties.items():
                path = self._path(f"{namespace}.{name}")
                definitions.append(self._definition(path, shape))
                self._events_of_path[path].append(number)
        description = " ".join((*texts_of(spec.description), *texts_of(spec.trigger)))
        deprecated = spec.deprecated is not None
        self.events.append(
            Known(app, spec.event, titles, description, spec.groups, definitions, deprecated)
        )
        self._home(app, spec.event, number)

    def _home(self, app: str, event: str, number: int) -> None:
        self._numbers[app, event] = number
        self._of_app.setdefault(app, set()).add(number)
        self._app_of_event.append(self._app_numbers.setdefault(app, len(self._app_numbers)))

    def _drop(self, app: str, event: str) -> None:
        number = self._numbers.pop((app, event), None)
        if number is not None:
            known = self.known(number)
            self.names.remove((known.event, *known.titles))
            self.events[number] = None
            self._app_of_event[number] = -1
            self._of_app[app].discard(number)
            self._holes += 1

    def _renumber(self) -> None:
        fresh = Catalogue()
        for known in self.events:
            if known is not None:
                fresh._copy(known, self)
        fresh.groups, fresh.types = self.groups, self.types
        fresh.libraries, fresh.observations = self.libraries, self.observations
        self.__dict__.update(fresh.__dict__)

    def _copy(self, known: Known, before: Catalogue) -> None:
        number = self.names.add((known.event, *known.titles))
        definitions = array("i")
        for old in known.definitions:
            path = self._path(before.paths[before._definition_path[old]])
            body = before._definition_shape[old]
            definitions.append(self._definition_of(path, body))
            self._events_of_path[path].append(number)
        self.events.append(
            Known(
                known.app, known.event, known.titles, known.description, known.groups,
                definitions, known.deprecated,
            )
        )  # fmt: skip
        self._home(known.app, known.event, number)

    def _path(self, path: str) -> int:
        number = self._path_numbers.get(path)
        if number is None:
            number = self._path_numbers[path] = len(self.paths)
            self.paths.append(path)
            self._events_of_path.append(array("i"))
            self.path_names.add((path.partition(".")[2],))
        return number

    def _definition(self, path: int, shape: Property) -> int:
        return self._definition_of(path, _ENCODER.encode(shape))

    def _definition_of(self, path: int, body: bytes) -> int:
        number = self._definitions.setdefault((path, body), len(self._definition_shape))
        if number == len(self._definition_shape):
            self._definition_shape.append(body)
            self._definition_path.append(path)
        return number

    # --- looking

    def of_app(self, app: str) -> Iterator[Known]:
        """Yield the events of an app."""
        for number in tuple(self._of_app.get(app, ())):
            known = self.events[number]
            if known is not None:
                yield known

    def __len__(self) -> int:
        return len(self._numbers)

    def visible(self, apps: Iterable[str] | None) -> NDArray[np.bool_]:
        """Return which events are of these apps (None: all)."""
        homes = np.frombuffer(self._app_of_event.tobytes(), np.int32)
        if apps is None:
            return homes >= 0
        wanted = [self._app_numbers[app] for app in apps if app in self._app_numbers]
        chosen = np.zeros(len(self._app_numbers) + 1, np.bool_)  # the last one: holes
        chosen[wanted] = True
        return chosen[homes]

    def path_number(self, path: str) -> int | None:
        """Return the number of a property's path, or None if no event has it."""
        return self._path_numbers.get(path)

    def events_of_path(self, number: int) -> NDArray[np.int32]:
        """Return the events that have a property, holes and old numbers included."""
        return np.frombuffer(self._events_of_path[number].tobytes(), np.int32)

    def definition(self, number: int) -> tuple[int, Property]:
        """Return the path's number of a definition, and the property."""
        return self._definition_path[number], _DECODER.decode(self._definition_shape[number])

    def path_of_definitions(self) -> NDArray[np.int32]:
        """Return the path's number of every definition."""
        return np.frombuffer(self._definition_path.tobytes(), np.int32)

    def path_number_of(self, definition: int) -> int:
        """Return the path's number of a definition."""
        return self._definition_path[definition]

    def paths_of(self, number: int) -> set[str]:
        """Return the paths of an event's properties."""
        return {
            self.paths[self._definition_path[definition]]
            for definition in self.known(number).definitions
        }

    def number_of(self, app: str, event: str) -> int | None:
        """Return an event's number, or None."""
        return self._numbers.get((app, event))

    def known(self, number: int) -> Known:
        """Return an event by its number.

        Raises:
            KeyError: it is a hole.
        """
        found = self.events[number]
        if found is None:
            raise KeyError(number)
        return found


def texts_of(text: Text | None) -> tuple[str, ...]:
    """Return a text in every language it has."""
    if text is None:
        return ()
    return (text,) if isinstance(text, str) else tuple(text.values())
