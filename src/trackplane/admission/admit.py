"""Decide what becomes of each event of an upload: the table of ``docs/collector.md``.

| disposition | unplanned or expired event | planned event with violations | else               |
|-------------|----------------------------|-------------------------------|--------------------|
| accepted    | allow-list off             | validation off                | nothing against it |
| warned      | allow-list warn            | validation warn               |                    |
| dirty       | allow-list enforce         | validation enforce            | broken JSON        |
| dropped     |                            |                               | blocked            |

``refused`` (the upload cannot be cut) and ``retry`` (the queue failed) are the collector's to say.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, Protocol

import msgspec

from trackplane.admission.record import PROBLEMS, Problem, Record
from trackplane.admission.round import Round
from trackplane.dirty import DirtyEvent, Stage
from trackplane.event import (
    DEFAULT_GRADE,
    NAMESPACES,
    RESERVED_EVENTS,
    Grade,
    JsonObject,
    canonical_id,
    event_time,
    identity,
    partition_key,
    partition_of,
)
from trackplane.frame import Flaw, FrameBuilder

Disposition = Literal["accepted", "warned", "dirty", "dropped", "refused", "retry"]
Mode = Literal["off", "warn", "enforce"]

UNPLANNED: Final = "unplanned_event"
DAY_MS: Final = 24 * 3600 * 1000
_NEVER: Final = 1 << 62
_EPOCH: Final = dt.date(1970, 1, 1).toordinal()
_MAX_NAME_BYTES: Final = 200
_INT64: Final = 1 << 63
_NAMESPACE_SET: Final = frozenset(NAMESPACES)
# A string of so many code points is within 200 bytes, whatever they are.
_SURELY_SHORT: Final = 50


def end_of(expires: str | None) -> int:
    """Return the ms UTC at which the day after a planned last day begins; without one, never."""
    if expires is None:
        return _NEVER
    last = dt.date.fromisoformat(expires)
    return (last.toordinal() + 1 - _EPOCH) * DAY_MS


class Violation(Protocol):
    """What a plan's validator finds, as ``trackplane.plan`` gives it."""

    @property
    def code(self) -> str:
        """Return the stable code of the rule that was broken."""

    @property
    def pointer(self) -> str:
        """Return the JSON pointer into the merged event."""

    @property
    def message(self) -> str:
        """Return what a person reads."""

    @property
    def severity(self) -> str:
        """Return ``error`` or ``warning``."""


Validator = Callable[[JsonObject], Sequence[Violation]]


class Planned(Protocol):
    """A planned event as admission needs it; the validator may be compiled on first use."""

    @property
    def grade(self) -> Grade:
        """Return the lane it takes."""

    @property
    def ends(self) -> int:
        """Return the ms of server time from which it counts as expired."""

    @property
    def validate(self) -> Validator:
        """Return its validator."""


class Found(msgspec.Struct, frozen=True, gc=False):
    """A violation as the answer tells it."""

    code: str
    pointer: str
    message: str


class Outcome(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What became of one event, in the order of the upload."""

    id: str
    disposition: Disposition
    violations: tuple[Found, ...] = ()


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How an app's events of one environment are admitted, under one plan revision."""

    app: str
    env: str
    revision: int
    validation: Mode
    allow_list: Mode
    blocked: frozenset[str]


class Admitter:
    """Admits the events of one app and environment into rounds."""

    def __init__(
        self,
        policy: Policy,
        planned: Mapping[str, Planned],
        *,
        partitions: int,
        new_id: Callable[[], str],
    ) -> None:
        self.policy = policy
        self._planned = planned
        self._partitions = partitions
        self._new_id = new_id

    def admit(self, record: Record, received: int, round_: Round) -> list[Outcome]:
        """Lay an upload's events into a round and return their dispositions.

        ``received`` is ``when.server`` in ms.
        """
        return _Upload(self.policy, self._planned, record, received, round_).run(
            self._partitions, self._new_id
        )


class _Upload:
    """One pass over one upload. The loop is the collector's hottest: it reads plain dicts."""

    def __init__(
        self,
        policy: Policy,
        planned: Mapping[str, Planned],
        record: Record,
        received: int,
        round_: Round,
    ) -> None:
        self._policy = policy
        self._planned = planned
        self._record = record
        self._received = received
        self._round = round_
        self._day = received // DAY_MS
        # (grade, partition) -> the frame being filled and this upload's index in it
        self._places: dict[tuple[Grade, int], tuple[FrameBuilder, int]] = {}
        self._ids: list[str] = []

    def run(self, partitions: int, new_id: Callable[[], str]) -> list[Outcome]:
        record, policy, planned_events = self._record, self._policy, self._planned
        header = record.header
        header_when: Any = header.get("when") or {}
        header_who: Any = header.get("who") or {}
        header_partition = self._header_partition(header_who, partitions)
        received, app = self._received, policy.app
        blocked, validate = policy.blocked, policy.validation != "off"
        outcomes: list[Outcome] = []
        if record.header_duplicates:
            self._remark("duplicate_keys", "", "header")
        for index, value in enumerate(record.values):
            problem = record.header_problem or (value if type(value) is Problem else None)
            if problem is not None:
                outcomes.append(self._broken(index, value, problem))
                continue
            name = value.get("event")
            event_id = value.get("id")
            when = value.get("when")
            problem = _structure_problem(value, name, event_id, when)
            if problem is not None:
                outcomes.append(self._broken(index, value, problem))
                continue
            planned = planned_events.get(name)
            label = name if planned is not None else ""
            if not event_id:
                event_id = new_id()
                self._remark("id_made", label)
            elif len(event_id) > _SURELY_SHORT:
                given, event_id = event_id, canonical_id(event_id)
                if event_id is not given:
                    self._remark("id_hashed", label)
            if index in record.duplicates:
                self._remark("duplicate_keys", label)
            if name in blocked:
                self._round.count(
                    self._day, app, policy.env, "dropped", event=name, reason="blocked"
                )
                outcomes.append(Outcome(event_id, "dropped"))
                continue
            if when:
                client = when["client"] if "client" in when else header_when.get("client")
                sent = when["sent"] if "sent" in when else header_when.get("sent")
            else:
                client, sent = header_when.get("client"), header_when.get("sent")
            key = identity(app, event_id, name, client)
            grade: Grade = DEFAULT_GRADE
            found: Sequence[Any] = ()
            mode: Mode = policy.validation
            if planned is not None:
                grade = planned.grade
                if validate:
                    try:
                        found = planned.validate(_merge(header, value))
                    except Exception as error:  # noqa: BLE001 - one event must not hurt the others
                        problem = Problem("validator_failed", f"{type(error).__name__}: {error}")
                        outcomes.append(self._broken(index, value, problem))
                        continue
                if received >= planned.ends:
                    if policy.allow_list == "enforce":
                        found, mode = _EXPIRED_FOUND, "enforce"
                    elif policy.allow_list == "warn":
                        found = [*found, _EXPIRED_WARNING]
            elif policy.allow_list != "off" and name not in RESERVED_EVENTS:
                found, mode = _UNPLANNED_FOUND, policy.allow_list
            if found and mode == "enforce" and any(v.severity == "error" for v in found):
                outcomes.append(self._failed(index, event_id, name, key, grade, found))
                continue
            at = event_time(client, sent, received)
            if at == received and client is not None and sent is not None:  # noqa: SIM102 - rare
                if client + (received - sent) != received:
                    self._remark("time_replaced", label)
            who = value.get("who")
            if who:
                merged_who = {**header_who, **who} if header_who else who
                partition = partition_of(partition_key(app, merged_who, event_id), partitions)
            elif header_partition is not None:
                partition = header_partition
            else:
                partition = partition_of(f"{app}\0{event_id}", partitions)
            data = record.data[index]
            builder, upload = self._place(grade, partition, len(data))
            if found:
                builder.add(
                    upload,
                    event=name,
                    id=event_id,
                    identity=key,
                    at=at,
                    data=data,
                    clean=index not in record.duplicates,
                    violations=[Flaw(v.code, v.pointer) for v in found],
                )
                outcomes.append(Outcome(event_id, "warned", _tell(found)))
            else:
                builder.add(
                    upload,
                    event=name,
                    id=event_id,
                    identity=key,
                    at=at,
                    data=data,
                    clean=index not in record.duplicates,
                )
                outcomes.append(Outcome(event_id, "accepted"))
        return outcomes

    def _header_partition(self, who: Mapping[str, Any], partitions: int) -> int | None:
        """Return the partition of events that say nothing of who; None: it hangs on their id."""
        key = partition_key(self._policy.app, who, "")
        return None if key == f"{self._policy.app}\0" else partition_of(key, partitions)

    def _place(self, grade: Grade, partition: int, size: int) -> tuple[FrameBuilder, int]:
        place = self._places.get((grade, partition))
        if place is not None and place[0].has_room(size):
            return place
        header = self._record.header_bytes
        builder = self._round.builder(grade, partition)
        if place is not None or not builder.has_room(size, len(header)):
            builder = self._round.next_builder(grade, partition)
        policy = self._policy
        upload = builder.add_upload(policy.app, policy.env, policy.revision, self._received, header)
        place = self._places[grade, partition] = (builder, upload)
        return place

    def _remark(self, kind: Any, event: str, reason: str = "") -> None:
        policy = self._policy
        self._round.count(self._day, policy.app, policy.env, kind, event=event, reason=reason)

    def _failed(
        self,
        index: int,
        event_id: str,
        name: str,
        key: bytes,
        grade: Grade,
        found: Sequence[Any],
    ) -> Outcome:
        """Make an event dirty that breaks the plan."""
        first = next(v for v in found if v.severity == "error")
        self._dirty(
            index,
            stage="plan",
            reason=first.code,
            message=first.message,
            id=event_id,
            event=name,
            identity=key,
            grade=grade,
            violations=tuple(Flaw(v.code, v.pointer) for v in found),
        )
        return Outcome(event_id, "dirty", _tell(found))

    def _broken(self, index: int, value: Any, problem: Problem) -> Outcome:
        """Make an event dirty that is broken as JSON or lacks structure.

        It is known by what can be read of it, else by its bytes: a retry of it is no second event.
        """
        readable = value if type(value) is dict else problem.salvaged or {}
        if type(value) is Problem and not readable:
            readable = value.salvaged
        name, event_id, when = readable.get("event"), readable.get("id"), readable.get("when")
        name = name if type(name) is str and len(name) <= _MAX_NAME_BYTES else ""
        client = when.get("client") if type(when) is dict else None
        client = client if type(client) is int else None
        if type(event_id) is str and event_id:
            event_id = canonical_id(event_id)
            key = identity(self._policy.app, event_id, name, client)
        else:
            event_id = ""
            digest = hashlib.sha256(self._record.data[index]).hexdigest()
            key = identity(self._policy.app, digest, name, client)
        planned = self._planned.get(name)
        self._dirty(
            index,
            stage="hygiene",
            reason=problem.code,
            message=problem.message,
            id=event_id,
            event=name,
            identity=key,
            grade=planned.grade if planned is not None else DEFAULT_GRADE,
        )
        return Outcome(event_id, "dirty", (Found(problem.code, "", problem.message),))

    def _dirty(
        self,
        index: int,
        *,
        stage: Stage,
        reason: str,
        message: str,
        id: str,
        event: str,
        identity: bytes,
        grade: Grade,
        violations: tuple[Flaw, ...] = (),
    ) -> None:
        record, policy = self._record, self._policy
        self._round.add_dirty(
            DirtyEvent(
                app=policy.app,
                env=policy.env,
                stage=stage,
                reason=reason,
                received=self._received,
                id=id,
                event=event,
                identity=identity,
                grade=grade,
                revision=policy.revision,
                message=message,
                violations=violations,
                header=record.header_raw if record.header_problem else record.header_bytes,
                data=record.data[index],
                # Only what did not get as far as an event of ours is in the wire's own shape.
                wire=record.wire if type(record.values[index]) is Problem else "native",
            )
        )


class _Unplanned(msgspec.Struct, frozen=True):
    """What the allow-list finds; of severity error where it is enforced."""

    code: str = UNPLANNED
    pointer: str = "/event"
    message: str = "the event is not in the plan"
    severity: str = "error"


_UNPLANNED_FOUND: Final = (_Unplanned(),)
_EXPIRED_FOUND: Final = (
    _Unplanned(code="expired_event", message="the event's planned last day has passed"),
)
_EXPIRED_WARNING: Final = msgspec.structs.replace(_EXPIRED_FOUND[0], severity="warning")


def _tell(found: Sequence[Any]) -> tuple[Found, ...]:
    return tuple(Found(v.code, v.pointer, v.message) for v in found)


def _merge(header: JsonObject, event: JsonObject) -> JsonObject:
    """Do what ``event.merge`` does, without copying namespaces that only one side gives.

    The result shares them: a validator reads, it never writes.
    """
    merged: JsonObject = {"event": event["event"]}
    if "id" in event:
        merged["id"] = event["id"]
    for name in NAMESPACES:
        base, over = header.get(name), event.get(name)
        if over is None:
            if base is not None:
                merged[name] = base
        elif base is None:
            merged[name] = over
        else:
            merged[name] = {**base, **over}
    return merged


def _structure_problem(value: JsonObject, name: Any, event_id: Any, when: Any) -> Problem | None:
    """Return what is wrong with a decoded event's built-in parts, or None."""
    if name is None or name == "":
        return Problem("event_missing", PROBLEMS["event_missing"])
    if type(name) is not str or (
        len(name) > _SURELY_SHORT and len(name.encode()) > _MAX_NAME_BYTES
    ):
        return Problem("event_type", PROBLEMS["event_type"])
    if event_id is not None and type(event_id) is not str:
        return Problem("id_type", PROBLEMS["id_type"])
    for key, part in value.items():
        if type(part) is not dict and part is not None and key in _NAMESPACE_SET:
            return Problem("namespace_type", f"`{key}` is not an object")
    if when:
        for key in ("client", "sent"):
            stamp = when.get(key)
            if stamp is not None and (type(stamp) is not int or not -_INT64 <= stamp < _INT64):
                return Problem("time_type", f"`when.{key}` is not an integer of milliseconds")
    return None
