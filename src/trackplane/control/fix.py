"""Mending dirty events: edits of their bytes, and what would become of them now.

The verdict is admission's and the engine's own: the same code that takes events and runs rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from trackplane.admission.admit import Admitter, Policy, Validator, end_of
from trackplane.admission.record import Limits, RecordError
from trackplane.admission.round import Round
from trackplane.admission.wires import native
from trackplane.control import live_wire
from trackplane.control.data import StoredDirty
from trackplane.discovery import AppSettings, Snapshot
from trackplane.engine.engine import Engine
from trackplane.engine.outputs import CANARY
from trackplane.engine.ruleset import Ruleset
from trackplane.engine.validation import compile_validation
from trackplane.errors import Finding, InputError
from trackplane.event import NAMESPACES, Grade, event_time
from trackplane.frame import Frame, FrameBuilder
from trackplane.plan.model import EventSpec
from trackplane.rules import ir
from trackplane.rules.library.environment import Environment

_TOP: Final = ("id", "event")
_CASTS: Final = ("string", "int64", "float64", "bool")
_LOW, _HIGH = -(1 << 63), 1 << 63

Bytes = tuple[bytes, bytes]  # header, event


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of an event."""

    good: bool
    disposition: str
    violations: tuple[live_wire.FixViolation, ...] = ()
    outputs: tuple[str, ...] = ()


# --- edits


def check_edits(edits: Sequence[live_wire.Edit]) -> None:
    """Check what does not hang on an event.

    Raises:
        InputError: with every finding.
    """
    findings = [
        Finding(code="edit", message=message, pointer=f"/edits/{number}")
        for number, edit in enumerate(edits)
        if (message := _wrong(edit))
    ]
    if findings:
        raise InputError("the edits cannot be made", findings=findings)


def _wrong(edit: live_wire.Edit) -> str:
    if edit.op == "text":
        return ""
    if not _is_path(edit.path):
        return f"{edit.path!r} is no path: it begins with who, when, where, how or what"
    if edit.op == "rename" and not _is_path(edit.to):
        return f"{edit.to!r} is no path to rename to"
    if edit.op == "cast" and edit.to not in _CASTS:
        return f"{edit.to!r} is no type: one of {', '.join(_CASTS)}"
    return ""


def _is_path(path: str) -> bool:
    root, *rest = path.split(".")
    return (path in _TOP) or (root in NAMESPACES and bool(rest) and all(rest))


def edited(event: StoredDirty, edits: Sequence[live_wire.Edit]) -> Bytes:
    """Return header and event after the edits, in order.

    An edit touches the event's own property, else the header's; ``set`` always the event's.

    Raises:
        InputError: the bytes are no JSON objects, or a value cannot be cast.
    """
    header, data = event.header or b"{}", event.data
    for edit in edits:
        if edit.op == "text":
            old, new = edit.path.encode(), edit.to.encode()
            header, data = header.replace(old, new), data.replace(old, new)
    rest = [edit for edit in edits if edit.op != "text"]
    if not rest:
        return header, data
    try:
        parts = [msgspec.json.decode(part) for part in (header, data)]
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InputError(f"the bytes are not JSON: {error}", hint="mend them by `text`") from error
    if not all(isinstance(part, dict) for part in parts):
        raise InputError("header and event are not both JSON objects", hint="mend them by `text`")
    for edit in rest:
        _edit(parts, edit)
    return msgspec.json.encode(parts[0]), msgspec.json.encode(parts[1])


def _edit(parts: list[dict[str, Any]], edit: live_wire.Edit) -> None:
    header, event = parts
    if edit.op == "set":
        _put(event, edit.path.split("."), edit.value)
        return
    # A header's property is the event's as well unless the event has its own.
    holder = next((part for part in (event, header) if _has(part, edit.path.split("."))), None)
    if holder is None:
        return
    if edit.op == "unset":
        for part in parts:
            _take(part, edit.path.split("."))
        return
    value = _take(holder, edit.path.split("."))
    if edit.op == "rename":
        _put(holder, edit.to.split("."), value)
    else:
        _put(holder, edit.path.split("."), _cast(value, edit))


def _has(part: Any, names: Sequence[str]) -> bool:
    for name in names:
        if not isinstance(part, dict) or name not in part:
            return False
        part = part[name]
    return True


def _take(part: Any, names: Sequence[str]) -> Any:
    if not _has(part, names):
        return None
    for name in names[:-1]:
        part = part[name]
    return part.pop(names[-1])


def _put(part: dict[str, Any], names: Sequence[str], value: object) -> None:
    for name in names[:-1]:
        inner = part.get(name)
        if not isinstance(inner, dict):
            inner = part[name] = {}
        part = inner
    part[names[-1]] = value


def _cast(value: Any, edit: live_wire.Edit) -> Any:
    try:
        match edit.to:
            case "string":
                if isinstance(value, str):
                    return value
                return msgspec.json.encode(value).decode()
            case "bool":
                return _as_bool(value)
            case "float64":
                return float(value)
            case _:
                return _as_int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{edit.path}: {str(value)[:80]!r} cannot become {edit.to}",
            hint="set the property, or choose fewer events",
        ) from error


def _as_int(value: Any) -> int:
    number = int(value)
    exact = isinstance(value, str) or number == value
    if not exact or not _LOW <= number < _HIGH:
        raise ValueError(value)
    return number


def _as_bool(value: Any) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if text not in known:
        raise ValueError(value)
    return known[text]


# --- the verdict


class _Planned:
    """A planned event, as admission needs it."""

    def __init__(self, body: bytes) -> None:
        spec = msgspec.json.decode(body, type=EventSpec)
        self.removed = spec.removed
        self.grade: Grade = spec.grade
        self.ends: int = end_of(spec.expires)
        self.validate: Validator = compile_validation(spec)


class _PlannedEvents(Mapping[str, _Planned]):
    """An app's planned events, compiled when asked for."""

    def __init__(self, snapshot: Snapshot, app: str) -> None:
        self._snapshot = snapshot
        self._app = app
        self._known: dict[str, _Planned | None] = {}

    def __getitem__(self, event: str) -> _Planned:
        if event not in self._known:
            resource = self._snapshot.get("event", f"{self._app}/{event}")
            self._known[event] = _Planned(resource.body) if resource is not None else None
        found = self._known[event]
        if found is None or found.removed:
            raise KeyError(event)
        return found

    def __iter__(self) -> Iterator[str]:
        prefix = f"{self._app}/"
        names = (resource.name for resource in self._snapshot.of_kind("event"))
        return (name.removeprefix(prefix) for name in names if name.startswith(prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Trial:
    """Tries mended events under one state of the configuration."""

    def __init__(self, snapshot: Snapshot, limits: Limits | None = None) -> None:
        self._snapshot = snapshot
        self._limits = limits or Limits()
        self._admitters: dict[tuple[str, str], Admitter | None] = {}
        self._engines: dict[str, tuple[Engine, str]] = {}
        tables = (
            msgspec.json.decode(r.body, type=ir.LookupTable) for r in snapshot.of_kind("table")
        )
        self._environment = Environment(tables={table.name: table for table in tables})

    def verdict(self, event: StoredDirty, mended: Bytes) -> Verdict:
        """Return what would become of a mended event now."""
        return self._run(event, mended) if event.stage == "rule" else self._admit(event, mended)

    def _admit(self, event: StoredDirty, mended: Bytes) -> Verdict:
        admitter = self._admitter(event.app, event.env)
        if admitter is None:
            return Verdict(good=False, disposition="refused", violations=_one("app", "no such app"))
        try:
            record = native.parse(body_of(mended), self._limits)
        except RecordError as error:
            return Verdict(
                good=False, disposition="refused", violations=_one(error.reason, error.message)
            )
        (outcome,) = admitter.admit(record, event.received, Round())
        return Verdict(
            good=outcome.disposition in ("accepted", "warned"),
            disposition=outcome.disposition,
            violations=tuple(
                live_wire.FixViolation(code=v.code, pointer=v.pointer, message=v.message)
                for v in outcome.violations
            ),
        )

    def _admitter(self, app: str, env: str) -> Admitter | None:
        if (app, env) not in self._admitters:
            resource = self._snapshot.get("app", app)
            if resource is None:
                self._admitters[app, env] = None
                return None
            settings = msgspec.json.decode(resource.body, type=AppSettings)
            policy = Policy(
                app=app,
                env=env,
                revision=settings.revision,
                validation=settings.validation,
                allow_list=settings.allow_list,
                blocked=frozenset(settings.blocked),
            )
            self._admitters[app, env] = Admitter(
                policy, _PlannedEvents(self._snapshot, app), partitions=1, new_id=lambda: "new"
            )
        return self._admitters[app, env]

    def _run(self, event: StoredDirty, mended: Bytes) -> Verdict:
        why = self.refusal(event)
        if why:
            return Verdict(good=False, disposition="refused", violations=_one("replay", why))
        engine, why = self._engine(event.rule)
        why = why or self._scripted(event.rule)
        if why:
            # Secrets, geo databases and scripts' processes are the nodes' alone.
            return Verdict(good=False, disposition="untried", violations=_one("trial", why))
        try:
            frame = frame_of([(event, mended, event.identity or bytes(16))])
        except InputError as error:
            return Verdict(good=False, disposition="dirty", violations=_one("json", error.message))
        outputs = engine.process([(Frame.decode(frame), None)])
        if outputs.dirty:
            found = [(failed.reason, failed.message) for failed in outputs.dirty]
            return Verdict(
                good=False,
                disposition="dirty",
                violations=tuple(v for code, text in found for v in _one(code, text)),
            )
        rows = [row.decode() for some in outputs.rows.values() for row in some.data]
        return Verdict(
            good=True, disposition="output" if rows else "no_output", outputs=tuple(rows)
        )

    def refusal(self, event: StoredDirty) -> str:
        """Return why an event that a rule failed on cannot be replayed; empty: it can be."""
        resource = self._snapshot.get("rule", event.rule)
        if resource is None:
            return f"the rule {event.rule!r} is not in force"
        rule = ir.decode_rule(resource.body)
        if any(isinstance(action, ir.Explode) for action in rule.actions):
            return "the rule explodes events: items that went well would be put out twice"
        for name in ir.targets(rule):
            dataset = self._snapshot.get("dataset", name)
            if dataset is None or ir.decode_dataset(dataset.body).kind != "table":
                return f"the rule writes to {name!r}, which is no table"
        return ""

    def _scripted(self, rule: str) -> str:
        resource = self._snapshot.get("rule", rule)
        actions = ir.decode_rule(resource.body).actions if resource is not None else ()
        scripts = [action.name for action in actions if isinstance(action, ir.Script)]
        return f"the script {scripts[0]!r} runs on workers only: replay it" if scripts else ""

    def _engine(self, rule: str) -> tuple[Engine, str]:
        """Return an engine of the rule and its canary, or why they cannot be run here."""
        if rule not in self._engines:
            names = (rule, rule + CANARY)
            found = [self._snapshot.get("rule", name) for name in names]
            bodies = {r.name: r.body for r in found if r is not None}
            datasets = {
                r.name: ir.decode_dataset(r.body) for r in self._snapshot.of_kind("dataset")
            }
            ruleset, rejected = Ruleset.empty().apply(
                1, changed=bodies, datasets=datasets, environment=self._environment
            )
            why = next(iter(rejected.values()), "")
            self._engines[rule] = (Engine(ruleset), why)
        return self._engines[rule]


def _one(code: str, message: str) -> tuple[live_wire.FixViolation, ...]:
    return (live_wire.FixViolation(code=code, pointer="", message=message),)


def body_of(mended: Bytes) -> bytes:
    """Return a native record of one event."""
    return b'{"header":' + mended[0] + b',"events":[' + mended[1] + b"]}"


def frame_of(events: Sequence[tuple[StoredDirty, Bytes, bytes]]) -> bytes:
    """Return a frame of mended events with these identities, all of one grade.

    Raises:
        InputError: an event or header is no JSON object.
    """
    builder = FrameBuilder(events[0][0].grade)
    for event, (header, data), identity in events:
        upload = builder.add_upload(event.app, event.env, event.revision, event.received, header)
        builder.add(
            upload,
            event=event.event,
            id=event.id,
            identity=identity,
            at=at_of(event, (header, data)),
            data=data,
            clean=False,
        )
    return builder.build()


def at_of(event: StoredDirty, mended: Bytes) -> int:
    """Return ``when.at`` of a mended event.

    Raises:
        InputError: event or header is no JSON object.
    """
    try:
        parts: list[Any] = [msgspec.json.decode(part) for part in mended]
        times = {**(parts[0].get("when") or {}), **(parts[1].get("when") or {})}
    except (msgspec.DecodeError, UnicodeError, RecursionError, AttributeError, TypeError) as error:
        raise InputError(f"the event is not JSON any more: {error}") from error
    client, sent = (
        value if isinstance(value := times.get(name), int) else None for name in ("client", "sent")
    )
    return event_time(client, sent, event.received)
