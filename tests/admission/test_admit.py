"""Dispositions, identity, time, place and ledger of every event."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackplane import dirty, ledger
from trackplane.admission.admit import Admitter, Outcome, Policy, _merge
from trackplane.admission.record import Limits
from trackplane.admission.round import Round
from trackplane.admission.wires.native import parse
from trackplane.event import NAMESPACES, identity, merge, partition_key, partition_of
from trackplane.frame import Frame

NOW = 1_795_376_614_990
DAY = 24 * 3600 * 1000


class Found(msgspec.Struct, frozen=True):
    code: str
    pointer: str
    message: str = "it is wrong"
    severity: str = "error"


class Planned:
    """A planned event that wants ``what.total`` to be a number and grumbles about ``what.extra``."""

    def __init__(self, grade: Any = "P0", ends: int = 1 << 62) -> None:
        self.grade = grade
        self.ends = ends
        self.seen: list[Any] = []

    def validate(self, merged: dict[str, Any]) -> list[Found]:
        self.seen.append(merged)
        what = merged.get("what") or {}
        found = []
        if type(what.get("total")) is not float:
            found.append(Found("type", "/what/total"))
        if "extra" in what:
            found.append(Found("additional", "/what/extra", severity="warning"))
        return found


def admit(
    events: list[Any],
    *,
    header: Any = None,
    validation: Any = "warn",
    allow_list: Any = "warn",
    blocked: tuple[str, ...] = (),
    planned: Planned | None = None,
    now: int = NOW,
) -> tuple[list[Outcome], list[Frame], list[dirty.DirtyEvent], Counter[tuple[str, str]]]:
    body = msgspec.json.encode({"header": header or {}, "events": events})
    return admit_body(body, validation, allow_list, blocked, planned, now)


def admit_body(
    body: bytes,
    validation: Any = "warn",
    allow_list: Any = "warn",
    blocked: tuple[str, ...] = (),
    planned: Planned | None = None,
    now: int = NOW,
) -> tuple[list[Outcome], list[Frame], list[dirty.DirtyEvent], Counter[tuple[str, str]]]:
    policy = Policy(
        app="shop",
        env="prod",
        revision=7,
        validation=validation,
        allow_list=allow_list,
        blocked=frozenset(blocked),
    )
    made = iter(range(10_000))
    admitter = Admitter(
        policy,
        {"order_pay": planned or Planned()},
        partitions=4,
        new_id=lambda: f"made-{next(made)}",
    )
    round_ = Round()
    outcomes = admitter.admit(parse(body, Limits()), now, round_)
    frames: list[Frame] = []
    dirties: list[dirty.DirtyEvent] = []
    counts: Counter[tuple[str, str]] = Counter()
    for (topic, _), messages in round_.messages().items():
        for message in messages:
            if topic == dirty.TOPIC:
                dirties += dirty.decode(message)
            elif topic == ledger.TOPIC:
                for entry in ledger.decode(message):
                    counts[entry.kind, entry.event] += entry.count
            else:
                frames.append(Frame.decode(message))
    return outcomes, frames, dirties, counts


PAY = {"id": "1", "event": "order_pay", "what": {"total": 1.5}}
BAD = {"id": "1", "event": "order_pay", "what": {"total": "a lot"}}
GRUMBLE = {"id": "1", "event": "order_pay", "what": {"total": 1.5, "extra": 1}}
UNKNOWN = {"id": "1", "event": "never_planned"}


@pytest.mark.parametrize(
    ("event", "modes", "disposition"),
    [
        (PAY, {"validation": "off"}, "accepted"),
        (PAY, {"validation": "warn"}, "accepted"),
        (PAY, {"validation": "enforce"}, "accepted"),
        (BAD, {"validation": "off"}, "accepted"),
        (BAD, {"validation": "warn"}, "warned"),
        (BAD, {"validation": "enforce"}, "dirty"),
        (GRUMBLE, {"validation": "off"}, "accepted"),
        (GRUMBLE, {"validation": "warn"}, "warned"),
        (GRUMBLE, {"validation": "enforce"}, "warned"),
        (UNKNOWN, {"allow_list": "off"}, "accepted"),
        (UNKNOWN, {"allow_list": "warn"}, "warned"),
        (UNKNOWN, {"allow_list": "enforce"}, "dirty"),
        (UNKNOWN, {"allow_list": "enforce", "blocked": ("never_planned",)}, "dropped"),
        (PAY, {"blocked": ("order_pay",)}, "dropped"),
        ({"id": "1", "event": "$identify"}, {"allow_list": "enforce"}, "accepted"),
        ({"id": "1"}, {}, "dirty"),
        ({"id": "1", "event": ""}, {}, "dirty"),
        ({"id": "1", "event": 5}, {}, "dirty"),
        ({"id": "1", "event": "é" * 101}, {}, "dirty"),
        ({"id": 1, "event": "order_pay"}, {}, "dirty"),
        ({"id": "1", "event": "order_pay", "who": []}, {}, "dirty"),
        ({"id": "1", "event": "order_pay", "when": {"client": "now"}}, {}, "dirty"),
        ({"id": "1", "event": "order_pay", "when": {"client": 1.5}}, {}, "dirty"),
        ({"id": "1", "event": "order_pay", "when": {"sent": True}}, {}, "dirty"),
        ({"id": "1", "event": "order_pay", "when": {"client": 1 << 63}}, {}, "dirty"),
    ],
)
def test_every_event_gets_the_disposition_of_the_table(
    event: dict[str, Any], modes: dict[str, Any], disposition: str
) -> None:
    """And is found in exactly the place that the disposition promises."""
    outcomes, frames, dirties, counts = admit([event], **modes)
    assert [o.disposition for o in outcomes] == [disposition]
    stored = sum(len(frame) for frame in frames)
    assert stored == (disposition in ("accepted", "warned"))
    assert len(dirties) == (disposition == "dirty")
    assert counts["dropped", str(event.get("event"))] == (disposition == "dropped")
    violations = [v for f in frames for v in f.violations.values()]
    assert bool(violations) == (disposition == "warned")
    assert bool(outcomes[0].violations) == (disposition in ("warned", "dirty"))


def test_an_event_that_its_validator_fails_on_goes_dirty_alone() -> None:
    """A fault of ours must not refuse its neighbours for ever."""

    class Failing(Planned):
        def validate(self, merged: dict[str, Any]) -> list[Found]:
            return [] if "what" in merged else [merged["nowhere"]]

    outcomes, _, dirties, _ = admit([PAY, {"id": "2", "event": "order_pay"}], planned=Failing())
    assert [o.disposition for o in outcomes] == ["accepted", "dirty"]
    assert [(d.id, d.reason) for d in dirties] == [("2", "validator_failed")]


def test_validation_sees_header_and_event_merged() -> None:
    """The event's value wins whole; an explicit null wins too."""
    planned = Planned()
    header = {"who": {"user_id": "u", "device_id": "d"}, "what": {"total": 1.5}}
    admit([{"event": "order_pay", "who": {"user_id": None}}], header=header, planned=planned)
    assert planned.seen == [
        {
            "event": "order_pay",
            "who": {"user_id": None, "device_id": "d"},
            "what": {"total": 1.5},
        }
    ]


def test_a_planned_event_takes_its_lane_and_an_unplanned_one_p2() -> None:
    """The lane is the frame's grade."""
    _, frames, _, _ = admit([PAY, UNKNOWN])
    assert sorted(frame.grade for frame in frames) == ["P0", "P2"]


def test_an_event_without_id_gets_one_and_is_counted() -> None:
    """An empty id is none."""
    outcomes, _, _, counts = admit([{"event": "order_pay"}, {"id": "", "event": "x"}])
    assert [o.id for o in outcomes] == ["made-0", "made-1"]
    assert counts["id_made", "order_pay"] == 1
    assert counts["id_made", ""] == 1  # an unplanned name is no label of the ledger


def test_a_long_id_is_replaced_by_its_digest_and_counted() -> None:
    """Up to 200 UTF-8 bytes it is kept."""
    long, short = "é" * 101, "é" * 100
    outcomes, frames, _, counts = admit(
        [{"id": long, "event": "order_pay"}, {"id": short, "event": "order_pay"}]
    )
    assert [o.id for o in outcomes] == [hashlib.sha256(long.encode()).hexdigest(), short]
    assert sorted(frames[0].ids + (frames[1].ids if len(frames) > 1 else [])) == sorted(
        o.id for o in outcomes
    )
    assert counts["id_hashed", "order_pay"] == 1


def test_duplicate_keys_are_counted_and_the_event_is_not_clean() -> None:
    """Its neighbour is."""
    body = b'{"header":{},"events":[{"id":"a","event":"x","what":{"k":1,"k":2}},{"id":"b","event":"x"}]}'
    _, frames, _, counts = admit_body(body)
    flags = {f.ids[i]: int(f.flags[i]) for f in frames for i in range(len(f))}
    assert flags == {"a": 0, "b": 1}
    assert counts["duplicate_keys", ""] == 1


@pytest.mark.parametrize(
    ("when", "at", "replaced"),
    [
        ({"client": NOW - 500, "sent": NOW - 100}, NOW - 400, 0),
        ({"client": NOW - 10 * 365 * DAY, "sent": NOW - 10 * 365 * DAY}, NOW, 0),
        ({"client": NOW - 31 * DAY, "sent": NOW}, NOW, 1),
        ({"client": NOW + 10 * 365 * DAY, "sent": 1}, NOW, 1),
        ({"client": NOW - 500}, NOW, 0),
        ({"client": NOW, "sent": NOW}, NOW, 0),
        ({"client": -(1 << 63), "sent": (1 << 63) - 1}, NOW, 1),
    ],
)
def test_the_events_time_is_the_clients_moved_to_our_clock(
    when: dict[str, int], at: int, replaced: int
) -> None:
    """Where that cannot be, it is the server's, and counted."""
    _, frames, _, counts = admit([{**PAY, "when": when}])
    assert frames[0].at.tolist() == [at]
    assert counts["time_replaced", "order_pay"] == replaced


def test_times_of_the_header_are_defaults() -> None:
    """An event's explicit null takes them away."""
    header = {"when": {"client": NOW - 500, "sent": NOW - 100}}
    _, frames, _, _ = admit([PAY, {**PAY, "id": "2", "when": {"client": None}}], header=header)
    at = {f.ids[i]: int(f.at[i]) for f in frames for i in range(len(f))}
    assert at == {"1": NOW - 400, "2": NOW}
    keys = {f.ids[i]: f.identity[16 * i : 16 * i + 16] for f in frames for i in range(len(f))}
    assert keys["1"] == identity("shop", "1", "order_pay", NOW - 500)
    assert keys["2"] == identity("shop", "2", "order_pay", None)


def test_a_broken_event_is_known_by_what_can_be_read_of_it() -> None:
    """So a retry of it is no second event; unreadable ones are known by their bytes."""
    body = b'{"events":[{"id":"a","event":"order_pay","when":{"client":5},"what":{"k":1e400}},[}]}'
    _, _, first, _ = admit_body(body)
    _, _, again, _ = admit_body(body, now=NOW + 1000)
    assert [d.identity for d in first] == [d.identity for d in again]
    assert first[0].identity == identity("shop", "a", "order_pay", 5)
    assert (first[0].id, first[0].event, first[0].grade) == ("a", "order_pay", "P0")
    assert first[0].data == b'{"id":"a","event":"order_pay","when":{"client":5},"what":{"k":1e400}}'
    assert first[1].identity != first[0].identity


def test_a_broken_header_stays_with_its_dirty_events() -> None:
    """Byte for byte, so that it can be mended."""
    _, _, dirties, _ = admit_body(b'{"header":[1],"events":[{"id":"a","event":"x"}]}')
    assert [(d.reason, d.header, d.id, d.event) for d in dirties] == [
        ("header_type", b"[1]", "a", "x")
    ]


def test_frames_are_split_before_they_grow_beyond_their_limits() -> None:
    """Nothing is lost over it."""
    events = [
        {"id": str(n), "event": "order_pay", "who": {"user_id": "u"}, "what": {"t": "x" * 9_000}}
        for n in range(400)
    ]
    outcomes, frames, _, _ = admit(events)
    assert len(frames) > 4
    assert sorted(i for f in frames for i in f.ids) == sorted(o.id for o in outcomes)


# --- properties --------------------------------------------------------------------------------------

scalars = st.none() | st.integers(-(2**70), 2**70) | st.text("aé\x00", max_size=3) | st.just(1.5)
namespaces = st.none() | st.dictionaries(
    st.sampled_from(["user_id", "install_id", "client", "sent", "total", "extra"]),
    scalars,
    max_size=3,
)
events = st.fixed_dictionaries(
    {},
    optional={
        "id": scalars,
        "event": st.sampled_from(["order_pay", "x", "blocked", "", None, 5]),
        "meta": scalars,
        **dict.fromkeys(NAMESPACES, namespaces | scalars),
    },
)
modes = st.sampled_from(["off", "warn", "enforce"])


@given(st.lists(events, max_size=8), namespaces, modes, modes)
def test_each_event_gets_exactly_one_disposition_and_the_ledger_adds_up(
    batch: list[dict[str, Any]], who: Any, validation: Any, allow_list: Any
) -> None:
    """What the answer says is what the queue gets."""
    outcomes, frames, dirties, counts = admit(
        batch,
        header={"who": who},
        validation=validation,
        allow_list=allow_list,
        blocked=("blocked",),
    )
    assert len(outcomes) == len(batch)
    said = Counter(o.disposition for o in outcomes)
    assert said["accepted"] + said["warned"] == sum(map(len, frames))
    assert said["warned"] == sum(len(f.violations) for f in frames)
    assert said["dirty"] == len(dirties)
    assert said["dropped"] == counts["dropped", "blocked"]
    kept = Counter(o.id for o in outcomes if o.disposition in ("accepted", "warned"))
    assert kept == Counter(i for f in frames for i in f.ids)


@given(st.lists(events, max_size=6), namespaces)
@settings(max_examples=60)
def test_every_event_lies_in_the_partition_of_its_key(
    batch: list[dict[str, Any]], who: Any
) -> None:
    """The key is of the merged event."""
    record = parse(msgspec.json.encode({"header": {"who": who}, "events": batch}), Limits())
    policy = Policy(
        app="a", env="e", revision=0, validation="off", allow_list="off", blocked=frozenset()
    )
    round_ = Round()
    Admitter(policy, {}, partitions=4, new_id=lambda: "made").admit(record, NOW, round_)
    for (topic, partition), messages in round_.messages().items():
        if topic.startswith("events."):
            for event in (e for m in messages for e in Frame.decode(m)):
                key = partition_key("a", event.get("who") or {}, event["id"])
                assert partition_of(key, 4) == partition


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(NAMESPACES, namespaces)),
    st.fixed_dictionaries({"event": st.just("x")}, optional=dict.fromkeys(NAMESPACES, namespaces)),
)
def test_the_quick_merge_is_the_merge(header: dict[str, Any], event: dict[str, Any]) -> None:
    """It only copies less."""
    assert _merge(header, event) == merge(header, event)
