"""Columns say what the slow, obvious reading of the same frame says."""

import msgspec
import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from trackplane.event import identity
from trackplane.frame import Flaw, Frame, FrameBuilder
from trackplane.lake.columns import BUILT_IN_COLUMNS, EventColumns

INT64 = range(-(2**63), 2**63)
NAMES = {
    "who": ["user_id", "plan"],
    "when": ["client", "sent", "server"],
    "where": ["page", "store"],
    "how": ["platform", "seq", "beta"],
}
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**66), 2**66),
    st.integers(0, 50),
    st.just(3.0),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.lists(st.integers(0, 3), max_size=2),
)


def spaces():
    fields = {
        namespace: st.dictionaries(st.sampled_from(names), scalars, max_size=3)
        for namespace, names in NAMES.items()
    }
    fields["what"] = st.one_of(st.none(), st.dictionaries(st.text(max_size=3), scalars, max_size=2))
    return st.fixed_dictionaries({}, optional=fields)


records = st.lists(
    st.tuples(spaces(), st.lists(spaces(), min_size=1, max_size=3)), min_size=1, max_size=3
)


def frame_of(uploads, *, clean):
    builder = FrameBuilder("P1")
    count = 0
    for n, (header, events) in enumerate(uploads):
        at = builder.add_upload(f"app{n}", "prod", n, 1000 + n, msgspec.json.encode(header))
        for event in events:
            builder.add(
                at,
                event=f"e{count % 2}",
                id=f"id{count}",
                identity=identity("a", str(count), "e", None),
                at=2000 + count,
                data=msgspec.json.encode({"id": "x", "event": "y", **event}),
                clean=clean,
                weight=1.0 + count % 2,
                violations=[Flaw("code", "/p")] if count % 3 == 1 else [],
            )
            count += 1
    return Frame.decode(builder.build())


def utc(table):
    for name in ("server", "at"):
        column = table.schema.get_field_index(name)
        table = table.set_column(column, name, table[name].cast(pa.timestamp("ms", "UTC")))
    return table


def expected(merged):
    """Return the row that `merged` must become."""
    row = dict.fromkeys(BUILT_IN_COLUMNS.values())
    extra = {}
    for namespace in ("who", "when", "where", "how"):
        for name, value in merged.get(namespace, {}).items():
            if namespace == "when" and name in ("server", "at"):
                continue
            column = BUILT_IN_COLUMNS.get((namespace, name))
            whole = value
            if type(value) is float and value.is_integer():
                whole = int(value)
            if column and value is None:
                continue
            if column in ("when_client", "when_sent", "how_seq"):
                if type(whole) is int and whole in INT64:
                    row[column] = whole
                    continue
            elif column and isinstance(value, str):
                row[column] = value
                continue
            extra.setdefault(namespace, {})[name] = value
    row["extra"] = extra or None
    row["what"] = merged.get("what")
    return row


@given(records, st.booleans(), st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_every_row_is_the_merged_event_and_loses_nothing(uploads, clean, random):
    frame = frame_of(uploads, clean=clean)
    keep = np.array([random.random() < 0.8 for _ in range(len(frame))])
    columns = EventColumns()
    columns.add(frame, "events.p1", 3, 7, keep)
    columns.add(frame, "events.p1", 3, 8, np.ones(len(frame), bool))
    rows = utc(columns.build()).to_pylist()
    places = [*np.flatnonzero(keep).tolist(), *range(len(frame))]
    assert len(rows) == len(places)
    for row, index in zip(rows, places, strict=True):
        merged = frame.merged(index)
        want = expected(merged)
        got = {name: row[name] for name in want}
        for name in ("extra", "what"):
            got[name] = None if got[name] is None else msgspec.json.decode(got[name])
        assert got == want
        meta = merged["meta"]
        assert {
            k: row[k] for k in ("app", "env", "grade", "revision", "weight", "violations")
        } == meta
        assert (row["id"], row["event"]) == (merged["id"], merged["event"])
        assert [round(row[n].timestamp() * 1000) for n in ("server", "at")] == [
            merged["when"][n] for n in ("server", "at")
        ]
        assert (row["topic"], row["partition"], row["index"]) == ("events.p1", 3, index)
    assert [row["offset"] for row in rows] == [7] * int(keep.sum()) + [8] * len(frame)


def test_what_is_copied_as_the_client_wrote_it():
    builder = FrameBuilder("P1")
    at = builder.add_upload("a", "prod", 0, 0, b"{}")
    builder.add(
        at, event="e", id="1", identity=bytes(16), at=0, data=b'{"what": {"a" : 1.0}}', clean=True
    )
    builder.add(
        at,
        event="e",
        id="2",
        identity=bytes(16),
        at=0,
        data=b'{"what": {"a" : 1, "a": 2}}',
        clean=False,
    )
    builder.add(at, event="e", id="3", identity=bytes(16), at=0, data=b'{"what": null}', clean=True)
    columns = EventColumns()
    columns.add(Frame.decode(builder.build()), "t", 0, 0, np.ones(3, bool))
    assert columns.build()["what"].to_pylist() == ['{"a" : 1.0}', '{"a":2}', None]


def test_one_odd_event_harms_no_neighbour():
    builder = FrameBuilder("P1")
    at = builder.add_upload("a", "prod", 0, 0, b'{"who": {"user_id": "u"}}')
    for n, data in enumerate((b'{"who": 5}', b'{"what": {"a": 1}}', b"{nonsense", b"[1]")):
        builder.add(at, event="e", id=str(n), identity=bytes(16), at=0, data=data, clean=True)
    columns = EventColumns()
    columns.add(Frame.decode(builder.build()), "t", 0, 0, np.ones(4, bool))
    table = columns.build()
    assert table["what"].to_pylist() == [None, '{"a":1}', None, None]
    assert table["who_user_id"].to_pylist() == ["u"] * 4
    assert table["extra"].to_pylist() == [
        '{"who":5}',
        None,
        '{"undecodable":"e25vbnNlbnNl"}',
        '{"undecodable":"WzFd"}',
    ]


def test_bytes_that_lie_about_being_clean_stop_nothing():
    builder = FrameBuilder("P1")
    at = builder.add_upload("a", "prod", 0, 0, b'{"what": {"d": 1}}')
    other = builder.add_upload("a", "prod", 0, 0, b"not json")
    deep = b'{"what": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    for data, clean in (
        (b'{"what": {"a": "\xff"}}', True),
        (b'{"what": {"a": "\xff"}}', False),
        (b'{"what": {"a": 1e400}}', False),
        (deep, False),
        (deep, True),
        (b'{"what": {"a": 1}}', True),
    ):
        for upload in (at, other):
            builder.add(upload, event="e", id="1", identity=bytes(16), at=0, data=data, clean=clean)
    columns = EventColumns()
    frame = Frame.decode(builder.build())
    columns.add(frame, "t", 0, 0, np.ones(len(frame), bool))
    table = columns.build()
    assert table.num_rows == 12
    assert table["what"].to_pylist()[-2:] == ['{"d":1,"a":1}', '{"a":1}']


def test_an_empty_collection_is_an_empty_table():
    assert EventColumns().build().num_rows == 0
