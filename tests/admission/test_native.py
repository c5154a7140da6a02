"""The native wire: what is cut, kept, found out and refused."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackplane.admission import hygiene
from trackplane.admission.cut import cut_array, cut_object
from trackplane.admission.record import PROBLEMS, Limits, Problem, RecordError
from trackplane.admission.wires.native import parse

LIMITS = Limits()
GOOD = b'{"id":"1","event":"home"}'


def record_of(*events: bytes, header: bytes = b"{}") -> bytes:
    return b'{"header":' + header + b',"events":[' + b",".join(events) + b"]}"


OFFENDERS = [
    ("invalid_utf8", b'{"id":"x","event":"home","what":{"a":"\xff\xfe"}}'),
    ("invalid_utf8", b'{"id":"x","event":"home","what":{"a":"\xed\xa0\x80"}}'),
    ("lone_surrogate", b'{"id":"x","event":"home","what":{"a":"\\ud800"}}'),
    ("lone_surrogate", b'{"id":"x","event":"home","what":{"\\udc00":1}}'),
    ("number_out_of_range", b'{"id":"x","event":"home","what":{"a":1e400}}'),
    ("number_out_of_range", b'{"id":"x","event":"home","what":{"a":-1e400}}'),
    ("number_out_of_range", b'{"id":"x","event":"home","what":{"a":NaN}}'),
    ("number_out_of_range", b'{"id":"x","event":"home","what":{"a":-Infinity}}'),
    ("number_out_of_range", b'{"id":"x","event":"home","what":{"a":' + b"1" * 5000 + b"}}"),
    ("too_deep", b'{"id":"x","event":"home","what":{"a":' + b"[" * 200 + b"]" * 200 + b"}}"),
    ("too_deep", b'{"id":"x","what":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}"),
    ("not_json", b'{"id":"x","event":"home","what":{"a":"\x00"}}'),
    ("not_json", b'{"id":"x","event":}'),
    ("not_json", b"[}"),
    ("event_not_object", b"5"),
    ("event_not_object", b'["id","x"]'),
    ("property_too_large", b'{"id":"x","event":"home","what":{"a":"' + b"x" * 70_000 + b'"}}'),
    ("event_too_large", b'{"id":"x","event":"home","what":{"a":"' + b"x" * 300_000 + b'"}}'),
]


@pytest.mark.parametrize(("code", "offender"), OFFENDERS, ids=lambda v: str(v)[:40])
def test_an_offender_goes_dirty_alone_and_keeps_its_bytes(code: str, offender: bytes) -> None:
    """Its neighbours on both sides keep their bytes and values."""
    record = parse(record_of(GOOD, offender, b'{"id":"2", "event":"home"}'), LIMITS)
    assert record.values[0] == {"id": "1", "event": "home"}
    assert record.values[2] == {"id": "2", "event": "home"}
    assert record.data == [GOOD, offender, b'{"id":"2", "event":"home"}']
    problem = record.values[1]
    assert isinstance(problem, Problem)
    assert problem.code == code
    assert code in PROBLEMS


@pytest.mark.parametrize(
    ("reason", "body"),
    [
        ("body_empty", b""),
        ("body_empty", b" \n"),
        ("record_malformed", b"purchase=1&total=2"),
        ("record_malformed", b"[]"),
        ("record_malformed", b"{}"),
        ("record_malformed", b'{"events":5}'),
        ("record_malformed", b'{"header":{},"events":[{"id":"x","ev'),
        ("record_malformed", b'{"header":{},"events":[]}{"header":{},"events":[]}'),
        ("record_malformed", b'{"header":{},"events":[],}'),
        ("record_malformed", b'{"header":{},"events":[{"a":NaN}'),
        ("record_malformed", b'\xef\xbb\xbf{"header":{},"events":[]}'),
        ("record_malformed", b"[" * 1_000_000),
        ("too_many_events", record_of(*[b"{}"] * 1001)),
        ("too_many_events", record_of(b"NaN", *[b"{}"] * 1001)),
    ],
    ids=lambda v: str(v)[:50],
)
def test_what_cannot_be_cut_is_refused(reason: str, body: bytes) -> None:
    """The reason is a stable code, the message says where."""
    with pytest.raises(RecordError) as caught:
        parse(body, LIMITS)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("code", "header"),
    [
        ("header_type", b"5"),
        ("namespace_type", b'{"who":5}'),
        ("time_type", b'{"when":{"sent":"now"}}'),
        ("time_type", b'{"when":{"client":9223372036854775808}}'),
        ("number_out_of_range", b'{"who":{"a":1e400}}'),
        ("too_deep", b'{"who":{"a":' + b"[" * 99 + b"]" * 99 + b"}}"),
    ],
)
def test_a_broken_header_makes_its_events_dirty_and_stays_with_them(
    code: str, header: bytes
) -> None:
    """Nothing is refused: the events can be mended and replayed."""
    record = parse(record_of(GOOD, header=header), LIMITS)
    assert record.header_problem is not None
    assert record.header_problem.code == code
    assert record.header_raw == header


def test_a_header_may_be_missing_or_null() -> None:
    """It then says nothing."""
    assert parse(b'{"events":[]}', LIMITS).header == {}
    assert parse(b'{"header":null,"events":[]}', LIMITS).header_problem is None


@pytest.mark.parametrize(
    "event",
    [
        b'{"id":"1","id":"2","event":"home"}',
        b'{"id":"2","event":"home","what":{"a":{"b":1,"b":2}}}',
        b'{"id":"2","event":"home","what":{"a":"\\"","b":[{"c":1,"c":"\\\\"}]}}',
        b'{"id" : "2", "event":"home","\\u0069d":"2"}',
        b'{"id":"2","event":"home","what":{"a":"\xc3\xa9","a":1e2}}',
        b'{"id":"2","event":"home","what":{"":1,"":123456789012345678901234567890}}',
    ],
)
def test_a_key_that_comes_twice_is_found(event: bytes) -> None:
    """The last wins, and the event's bytes are not clean."""
    record = parse(record_of(GOOD, event), LIMITS)
    assert record.duplicates == {1}
    assert record.values[1]["id"] == "2"
    assert record.data[1] == event


def test_an_event_over_several_lines_is_laid_on_one() -> None:
    """Consumers copy events into NDJSON, where a line break would end the row."""
    record = parse(record_of(b'{"id":"1",\n\r"event":"home","what":{"a":1.50}}'), LIMITS)
    assert record.data == [b'{"id":"1","event":"home","what":{"a":1.5}}']
    assert not record.duplicates


# --- properties --------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


class Pairs(list):  # type: ignore[type-arg]
    """A JSON object as pairs, so that a key can come twice."""


pair_values = st.recursive(
    st.none() | st.integers() | st.text('ab"\\:é ', max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(st.tuples(st.text('ab"\\', max_size=2), inner), max_size=4).map(Pairs)
    ),
    max_leaves=10,
)


def write(value: object, separators: tuple[str, str], *, ascii_only: bool) -> str:
    comma, colon = separators
    if isinstance(value, Pairs):
        parts = (
            json.dumps(k, ensure_ascii=ascii_only)
            + colon
            + write(v, separators, ascii_only=ascii_only)
            for k, v in value
        )
        return "{" + comma.join(parts) + "}"
    if isinstance(value, list):
        return "[" + comma.join(write(v, separators, ascii_only=ascii_only) for v in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def repeats(value: object) -> bool:
    if isinstance(value, Pairs):
        keys = [k for k, _ in value]
        return len(set(keys)) < len(keys) or any(repeats(v) for _, v in value)
    return isinstance(value, list) and any(map(repeats, value))


@given(pair_values, st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t:")]), st.booleans())
def test_duplicate_keys_are_found_exactly(
    value: object,
    separators: tuple[str, str],
    ascii_only: bool,  # noqa: FBT001 - drawn
) -> None:
    """However the text is spaced and escaped, and whatever is lost with the first value."""
    text = write(value, separators, ascii_only=ascii_only).encode()
    encoded = hygiene.encode(hygiene.decode(text))
    # A repeated key hides what its first value held, so the text's own pairs are the oracle.
    assert hygiene.has_duplicate_keys(text, encoded) == repeats(value)


@given(st.lists(st.dictionaries(st.text(max_size=3), json_values, max_size=3), max_size=4))
@settings(max_examples=60)
def test_a_sound_record_keeps_every_byte_of_its_events(events: list[object]) -> None:
    """Compact or spaced: the bytes are the client's own, and mean what they meant."""
    for separators in ((",", ":"), (", ", ": ")):
        try:
            texts = [
                json.dumps(e, separators=separators, ensure_ascii=False).encode() for e in events
            ]
        except UnicodeEncodeError:
            return
        record = parse(record_of(*texts), LIMITS)
        assert record.data == texts
        assert record.values == [msgspec.json.decode(text) for text in texts]
        assert not record.duplicates


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_crash(body: bytes) -> None:
    """They are a record or a refusal."""
    for text in (body, b'{"events":[' + body, record_of(GOOD, body, GOOD)):
        try:
            record = parse(text, LIMITS)
        except RecordError:
            continue
        assert len(record.data) == len(record.values)


@given(
    st.lists(st.sampled_from([GOOD, *[o for _, o in OFFENDERS if len(o) < 1000]]), max_size=12),
    st.sampled_from([b"", b" ", b"\n"]),
)
@settings(max_examples=60)
def test_neighbours_of_offenders_are_unharmed(events: list[bytes], space: bytes) -> None:
    """Each event is judged by its own bytes alone."""
    record = parse(record_of(*[space + event + space for event in events]), LIMITS)
    assert [v == {"id": "1", "event": "home"} for v in record.values] == [
        event == GOOD for event in events
    ]


@given(st.dictionaries(st.text("ab", max_size=3), json_values, max_size=4), st.booleans())
@settings(max_examples=60)
def test_the_cutter_agrees_with_the_decoder(value: dict[str, object], spaced: bool) -> None:  # noqa: FBT001 - drawn
    """On sound JSON it finds the same members and elements."""
    text = json.dumps(value, indent=1 if spaced else None, ensure_ascii=False).encode()
    members = cut_object(text)
    assert {k.decode(): json.loads(v) for k, v in members.items()} == value
    items = list(value.values())
    array = json.dumps(items, indent=1 if spaced else None, ensure_ascii=False).encode()
    assert [json.loads(item) for item in cut_array(array, 1000)] == items


@given(json_values, st.integers(1, 6))
@settings(max_examples=60)
def test_depth_is_measured_exactly(value: object, limit: int) -> None:
    """Brackets in strings do not count."""

    def depth(v: object) -> int:
        if isinstance(v, dict):
            return 1 + max(map(depth, v.values()), default=0)
        return 1 + max(map(depth, v), default=0) if isinstance(v, list) else 0

    text = json.dumps(value, ensure_ascii=False).encode()
    assert hygiene.depth_exceeds(text, limit) == (depth(value) > limit)
