"""What the collector enforces, compiled from discovery's resources and swapped by one reference.

Applying a delta decodes what changed and copies references of what did not; an event's validator is
compiled when its first event comes, and at most ``MAX_COMPILED`` of them are kept.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
import structlog

from trackplane.admission.admit import Admitter, Policy, Validator, end_of
from trackplane.discovery import AppSettings, Delta, Resource, Snapshot, WriteKey
from trackplane.discovery.source import ResourceKey
from trackplane.engine.validation import compile_validation
from trackplane.errors import TrackplaneError
from trackplane.event import Grade, JsonObject
from trackplane.plan.model import EventSpec

_log = structlog.get_logger(__name__)

# Validators kept compiled; about 10 KB each.
MAX_COMPILED: Final = 10_000
# A delta of at most so many events is compiled at once, so that a NACK names what does not compile.
_EAGER: Final = 500
_MAX_CACHED_KEYS: Final = 10_000


class _Head(msgspec.Struct, frozen=True):
    """What of an ``EventSpec`` is needed before its first event comes."""

    app: str
    event: str
    grade: Grade = "P2"
    removed: bool = False
    expires: str | None = None


_decode_head: Final = msgspec.json.Decoder(_Head).decode
_decode_spec: Final = msgspec.json.Decoder(EventSpec).decode
_decode_app: Final = msgspec.json.Decoder(AppSettings).decode
_decode_key: Final = msgspec.json.Decoder(WriteKey).decode


class _Compiled:
    """The validators that are compiled now, least recently compiled first out."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[int, PlannedEvent] = OrderedDict()

    def keep(self, event: PlannedEvent) -> None:
        self._entries[id(event)] = event
        if len(self._entries) > self._limit:
            _, oldest = self._entries.popitem(last=False)
            oldest.release()

    def __len__(self) -> int:
        return len(self._entries)


class PlannedEvent:
    """One planned event: its grade, its end, and its validator, compiled from the resource's bytes on use."""

    __slots__ = ("_body", "_compiled", "ends", "grade", "validate")

    def __init__(self, grade: Grade, ends: int, body: bytes, compiled: _Compiled) -> None:
        self.grade = grade
        self.ends = ends
        self._body = body
        self._compiled = compiled
        self.validate: Validator = self._first_use

    def compile(self) -> None:
        """Compile the validator now.

        Raises:
            TrackplaneError: the specification cannot be compiled.
        """
        self.validate = compile_validation(_decode_spec(self._body))
        self._compiled.keep(self)

    def release(self) -> None:
        """Let the compiled validator go; the next event compiles it again."""
        self.validate = self._first_use

    def _first_use(self, merged: JsonObject) -> Sequence[Any]:
        try:
            self.compile()
        except (TrackplaneError, msgspec.MsgspecError) as error:
            _log.error("validator_failed", error=str(error))
            self.validate = _nothing_found
        return self.validate(merged)


def _nothing_found(_merged: JsonObject) -> Sequence[Any]:
    return ()


class _State(msgspec.Struct, frozen=True):
    """One immutable state: what one upload sees from its first event to its last."""

    number: int
    apps: Mapping[str, AppSettings]
    keys: Mapping[str, WriteKey]
    events: Mapping[str, Mapping[str, PlannedEvent]]
    admitters: dict[tuple[str, str], Admitter]
    cache: dict[str, Admitter]


class CollectorState:
    """The configuration in force; a ``discovery.source.ConfigurationConsumer``."""

    def __init__(self, *, partitions: int, new_id: Callable[[], str]) -> None:
        self._new_admitter = partial(Admitter, partitions=partitions, new_id=new_id)
        self._compiled = _Compiled(MAX_COMPILED)
        self._state = _State(0, {}, {}, {}, {}, {})
        self.ready = False

    @property
    def number(self) -> int:
        """Return the ruleset number in force; 0 before the first."""
        return self._state.number

    async def apply(self, snapshot: Snapshot, delta: Delta) -> dict[ResourceKey, str]:
        """Take a new state over; return what could not be, with the reason of each."""
        return self.take(snapshot, delta)

    def take(self, snapshot: Snapshot, delta: Delta) -> dict[ResourceKey, str]:
        """Do what ``apply`` does, synchronously. The old state serves until the last line."""
        rejected: dict[ResourceKey, str] = {}
        full = delta.start == 0
        old = self._state
        apps = {} if full else dict(old.apps)
        keys = {} if full else dict(old.keys)
        events: dict[str, Mapping[str, PlannedEvent]] = {} if full else dict(old.events)
        own: dict[str, dict[str, PlannedEvent]] = {}  # apps whose events were copied for this delta

        def events_of(app: str) -> dict[str, PlannedEvent]:
            if app not in own:
                events[app] = own[app] = dict(events.get(app, {}))
            return own[app]

        for kind, name in delta.removed:
            self._remove(kind, name, apps, keys, events_of)
        eager = sum(resource.kind == "event" for resource in delta.changed) <= _EAGER
        for resource in delta.changed:
            try:
                self._add(resource, apps, keys, events_of, eager=eager)
            except (TrackplaneError, msgspec.MsgspecError, UnicodeError) as error:
                rejected[resource.key] = str(error)
                self._remove(resource.kind, resource.name, apps, keys, events_of)
        self._state = _State(snapshot.number, apps, keys, events, {}, {})
        self.ready = True
        return rejected

    def _add(
        self,
        resource: Resource,
        apps: dict[str, AppSettings],
        keys: dict[str, WriteKey],
        events_of: Callable[[str], dict[str, PlannedEvent]],
        *,
        eager: bool,
    ) -> None:
        if resource.kind == "app":
            apps[resource.name] = _decode_app(resource.body)
        elif resource.kind == "key":
            keys[resource.name] = _decode_key(resource.body)
        elif resource.kind == "event":
            app, _, name = resource.name.partition("/")
            head = _decode_head(resource.body)
            if head.removed:
                events_of(app).pop(name, None)
                return
            ends = end_of(head.expires)
            planned = PlannedEvent(head.grade, ends, resource.body, self._compiled)
            if eager:
                planned.compile()
            events_of(app)[name] = planned

    def _remove(
        self,
        kind: str,
        name: str,
        apps: dict[str, AppSettings],
        keys: dict[str, WriteKey],
        events_of: Callable[[str], dict[str, PlannedEvent]],
    ) -> None:
        if kind == "app":
            apps.pop(name, None)
        elif kind == "key":
            keys.pop(name, None)
        elif kind == "event":
            app, _, event = name.partition("/")
            events_of(app).pop(event, None)

    def admitter(self, write_key: str) -> Admitter | None:
        """Return who admits under a write key, or None: the key opens nothing."""
        state = self._state
        found = state.cache.get(write_key)
        if found is not None:
            return found
        digest = hashlib.sha256(write_key.encode("utf-8", "surrogatepass")).hexdigest()
        key = state.keys.get(digest)
        settings = state.apps.get(key.app) if key is not None else None
        if key is None or settings is None:
            return None
        found = state.admitters.get((key.app, key.env))
        if found is None:
            policy = Policy(
                app=key.app,
                env=key.env,
                revision=settings.revision,
                validation=settings.validation,
                allow_list=settings.allow_list,
                blocked=frozenset(settings.blocked),
            )
            found = self._new_admitter(policy, state.events.get(key.app, {}))
            state.admitters[key.app, key.env] = found
        if len(state.cache) < _MAX_CACHED_KEYS:
            state.cache[write_key] = found
        return found
