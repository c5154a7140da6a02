"""Frames and small messages: round trips, damage, bounds, limits."""

from __future__ import annotations

import json
import struct
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isal import isal_zlib

from trackplane import dirty, envelope, frame, ledger
from trackplane.dirty import DirtyEvent
from trackplane.errors import CorruptionError
from trackplane.event import GRADES, identity, merge
from trackplane.frame import MAX_BYTES, MAX_EVENTS, Flaw, Frame, FrameBuilder, FrameError
from trackplane.ledger import LedgerEntry

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SPACE = st.dictionaries(TEXT, st.none() | st.integers(-(2**53), 2**53) | TEXT, max_size=3)
OBJECT = st.fixed_dictionaries({}, optional={"who": SPACE, "what": SPACE, "when": SPACE})
FLAWS = st.lists(st.builds(Flaw, TEXT, TEXT), max_size=3)
EVENT = st.fixed_dictionaries(
    {
        "upload": st.integers(0, 3),
        "event": TEXT,
        "id": TEXT,
        "at": st.integers(-(2**63), 2**63 - 1),
        "data": OBJECT,
        "clean": st.booleans(),
        "weight": st.sampled_from([1.0, 0.5, 20.0]),
        "violations": FLAWS,
    }
)


def dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def build(headers: list[dict[str, Any]], events: list[dict[str, Any]], grade: Any = "P1") -> bytes:
    builder = FrameBuilder(grade)
    for number, header in enumerate(headers):
        builder.add_upload(f"app{number}", "prod", number, 1_000 + number, dump(header))
    for event in events:
        fields = {**event, "data": dump(event["data"])}
        fields["identity"] = identity("app", event["id"], event["event"], None)
        builder.add(**fields)
    message = builder.build()
    assert len(message) <= builder.size
    return message


def sample() -> bytes:
    event = {"upload": 0, "event": "pay", "id": "1", "at": 5, "clean": True}
    data = {"what": {"total": 1.5}}
    return build(
        [{"who": {"user_id": "u"}}],
        [
            {**event, "data": data},
            {
                **event,
                "id": "2",
                "data": data,
                "weight": 2.0,
                "violations": [Flaw("type", "/what")],
            },
        ],
    )


@settings(max_examples=60)
@given(
    st.lists(OBJECT, min_size=4, max_size=4), st.lists(EVENT, max_size=12), st.sampled_from(GRADES)
)
def test_what_was_built_is_decoded(
    headers: list[dict[str, Any]], events: list[dict[str, Any]], grade: str
) -> None:
    """Every column, header and event, and the merged view of each."""
    got = Frame.decode(build(headers, events, grade))
    assert (len(got), got.grade) == (len(events), grade)
    assert msgspec.json.decode(got.headers) == headers
    assert msgspec.json.decode(got.events) == [event["data"] for event in events]
    for index, event in enumerate(events):
        number = event["upload"]
        assert got.ids[index] == event["id"]
        assert got.names[got.name[index]] == event["event"]
        assert got.at[index] == event["at"]
        assert bool(got.flags[index] & frame.CLEAN) == event["clean"]
        assert json.loads(got.event_bytes(index)) == event["data"]
        assert json.loads(got.header_bytes(number)) == headers[number]
        halves = struct.unpack(">QQ", identity("app", event["id"], event["event"], None))
        assert tuple(got.identities[index].tolist()) == halves
        merged = got.merged(index)
        plain = merge(headers[number], event["data"])
        when = {**plain.get("when", {}), "server": 1_000 + number, "at": event["at"]}
        assert merged["when"] == when
        assert {k: merged[k] for k in ("who", "what") if k in merged} == {
            k: plain[k] for k in ("who", "what") if k in plain
        }
        assert merged["meta"] == {
            "app": f"app{number}",
            "env": "prod",
            "grade": grade,
            "revision": number,
            "weight": event["weight"],
            "violations": [{"code": f.code, "pointer": f.pointer} for f in event["violations"]],
        }


def test_every_change_of_one_byte_is_found() -> None:
    """In the prefix, the directory, both blocks and the checksum; frames and envelopes."""
    messages = [
        (sample(), Frame.decode),
        (
            dirty.encode([DirtyEvent(app="a", env="e", stage="plan", reason="r", received=1)]),
            dirty.decode,
        ),
        (ledger.encode([LedgerEntry(1, "a", "e", "n", "stored", "", 2)]), ledger.decode),
    ]
    for message, decode in messages:
        decode(message)
        for place in range(len(message)):
            for change in (0x01, 0x80, 0xFF):
                damaged = bytearray(message)
                damaged[place] ^= change
                with pytest.raises(CorruptionError):
                    decode(bytes(damaged))


def test_a_message_that_is_cut_or_longer_is_refused() -> None:
    message = sample()
    for end in range(len(message)):
        with pytest.raises(FrameError):
            Frame.decode(message[:end])
    with pytest.raises(FrameError):
        Frame.decode(message + b"\0")


def test_a_newer_version_is_refused_by_name() -> None:
    message = bytearray(sample())
    message[4] = 2
    with pytest.raises(FrameError, match="version 2; this release reads 1"):
        Frame.decode(bytes(message))
    sealed = bytearray(envelope.seal(b"TPDE", b"x"))
    sealed[4] = 2
    with pytest.raises(CorruptionError, match="version 2; this release reads 1"):
        envelope.unseal(b"TPDE", sealed)


def forge(**changes: Any) -> bytes:
    """Return the sample frame with other directory fields and a checksum that is right."""
    message = sample()
    sizes = struct.unpack_from("<III", message, 8)
    fields = list(frame._Directory.__struct_fields__)
    directory = msgspec.msgpack.decode(message[20 : 20 + sizes[0]])
    for name, value in changes.items():
        directory[fields.index(name)] = value
    packed = msgspec.msgpack.encode(directory)
    body = message[:8] + struct.pack("<III", len(packed), *sizes[1:]) + packed
    body += message[20 + sizes[0] : -4]
    return body + struct.pack("<I", isal_zlib.crc32(body))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": struct.pack("<HH", 0, 1)},
        {"upload": struct.pack("<HH", 1, 0)},
        {"offset": struct.pack("<II", 1, 2**32 - 1)},
        {"length": struct.pack("<II", 1, 1_000)},
        {"length": struct.pack("<I", 1)},
        {"length": b"abc"},
        {"at": b"abc"},
        {"identity": bytes(31)},
        {"ids": ["1"]},
        {"uploads": []},
        {"uploads": [["a", "e", 0, 1, -1, 2]]},
        {"uploads": [["a", "e", 0, 1, 1, -2]]},
        {"uploads": [["a", "e", 0, 1, 1, 1_000]]},
        {"grade": "P9"},
        {"names": "pay"},
    ],
)
def test_a_directory_that_points_outside_or_is_no_directory_is_refused(
    changes: dict[str, Any],
) -> None:
    """Though the checksum is right: the writer was wrong, or hostile."""
    Frame.decode(forge())
    with pytest.raises(FrameError):
        Frame.decode(forge(**changes))


def test_a_field_appended_to_the_directory_is_passed_over() -> None:
    message = sample()
    sizes = struct.unpack_from("<III", message, 8)
    packed = msgspec.msgpack.encode([*msgspec.msgpack.decode(message[20 : 20 + sizes[0]]), "new"])
    body = message[:8] + struct.pack("<III", len(packed), *sizes[1:]) + packed
    body += message[20 + sizes[0] : -4]
    assert len(Frame.decode(body + struct.pack("<I", isal_zlib.crc32(body)))) == 2


@settings(max_examples=25)
@given(
    st.integers(1, 60_000),
    st.integers(0, 20_000),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(["one header", "a header each"]),
)
def test_a_builder_that_says_it_has_room_keeps_the_limits(
    event_bytes: int, header_bytes: int, name: str, headers: str
) -> None:
    """Events, and a header each or one for all, are added until it says no."""
    many = headers == "a header each"
    builder = FrameBuilder("P2")
    header, data = b"h" * header_bytes, b"e" * event_bytes
    if not many:
        builder.add_upload("app", "prod", 1, 1, header)
    while builder.has_room(len(data), len(header) if many else 0):
        index = builder.add_upload("app", "prod", 1, 1, header) if many else 0
        builder.add(
            index,
            event=name,
            id=f"{name[:10]}{len(builder)}",
            identity=bytes(16),
            at=1,
            data=data,
            clean=True,
            weight=2.0,
        )
    message = builder.build()
    assert len(message) <= builder.size
    assert len(message) <= MAX_BYTES
    assert len(builder) <= MAX_EVENTS
    # Nor does it stop long before: by count, or with little room left.
    left = MAX_BYTES - len(message)
    assert len(builder) == MAX_EVENTS or left < event_bytes + header_bytes + 1_000 + 500 * len(
        builder
    )


def test_a_frame_of_ordinary_events_is_filled_to_nine_tenths() -> None:
    """The estimate is an upper one, and not far off."""
    builder = FrameBuilder("P2")
    builder.add_upload("app", "prod", 1, 1, b"{}")
    while builder.has_room(923):
        builder.add(
            0,
            event="order_pay",
            id="0192f1c2-0000-7000-8000-000000000000",
            identity=bytes(16),
            at=1_795_376_614_842,
            data=b"e" * 923,
            clean=True,
        )
    assert len(builder.build()) > 0.9 * MAX_BYTES


def test_the_first_event_fits_whatever_its_size() -> None:
    assert FrameBuilder("P0").has_room(10 * MAX_BYTES)


BYTES = st.binary(max_size=40)
DIRTY = st.builds(
    DirtyEvent,
    app=TEXT,
    env=TEXT,
    stage=st.sampled_from(["hygiene", "plan", "rule"]),
    reason=TEXT,
    received=st.integers(0, 2**53),
    id=TEXT,
    event=TEXT,
    identity=BYTES,
    grade=st.sampled_from(GRADES),
    violations=FLAWS.map(tuple),
    header=BYTES,
    data=BYTES,
    rule=TEXT,
)
ENTRY = st.builds(
    LedgerEntry,
    st.integers(0, 50_000),
    TEXT,
    TEXT,
    TEXT,
    st.sampled_from(get_args(ledger.Kind)),
    TEXT,
    st.integers(0, 2**53),
)


@settings(max_examples=50)
@given(st.lists(DIRTY, max_size=5), st.lists(ENTRY, max_size=5))
def test_dirty_events_and_ledger_entries_come_back_as_they_were(
    events: list[DirtyEvent], entries: list[LedgerEntry]
) -> None:
    assert dirty.decode(dirty.encode(events)) == events
    assert ledger.decode(ledger.encode(entries)) == entries


def test_a_message_of_another_kind_is_refused() -> None:
    with pytest.raises(CorruptionError, match="not a TPDE"):
        dirty.decode(ledger.encode([]))
    with pytest.raises(FrameError, match="not a frame"):
        Frame.decode(dirty.encode([]))


@pytest.mark.parametrize("decode", [dirty.decode, ledger.decode])
def test_a_sealed_body_that_is_no_list_of_ours_is_corruption(decode: Any) -> None:
    """Though the checksum is right."""
    magic = b"TPDE" if decode is dirty.decode else b"TPLE"
    for body in (b"", b"\xc1", msgspec.msgpack.encode({"a": 1}), msgspec.msgpack.encode([[1]])):
        with pytest.raises(CorruptionError):
            decode(envelope.seal(magic, body))
