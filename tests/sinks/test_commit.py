"""From outputs to a sink and a commit, call by call."""

from trackplane.engine.engine import DatasetRows, Outputs
from trackplane.lake.manifest import Manifest
from trackplane.lake.settings import RawStoreSettings
from trackplane.rules import ir
from trackplane.sinks import Sink, SinkError
from trackplane.sinks.commit import DeadLetters, SinkCommitter

DATASET = ir.Dataset(name="out", kind="sink", connector="it", columns={"n": "int64"})
FIRST, SECOND = ("events.p2", 0), ("events.p2", 1)


class Picky(Sink):
    """Keeps the last delivery of each key, as files do; takes none of a partition that is down."""

    def __init__(self):
        self.down = set()
        self.kept = {}

    def write(self, delivery):
        if delivery.partition in self.down:
            raise SinkError("nobody answers")
        self.kept[delivery.key] = list(delivery.rows)


def outputs(number):
    rows = DatasetRows()
    rows.data.append(b'{"n":%d}' % number)
    for column in (rows.id, rows.event, rows.rule, rows.app, rows.env):
        column.append("x")
    rows.at.append(0)
    rows.server.append(0)
    rows.weight.append(1.0)
    found = Outputs()
    found.rows["out"] = rows
    return found


def test_rows_that_were_delivered_are_committed_before_more_is_read(tmp_path):
    """Else the next delivery has the key of the one before, and takes its place."""
    now = [0]
    sink = Picky()
    manifest = Manifest(tmp_path / "manifest.db", lambda: now[0])
    committer = SinkCommitter(
        manifest,
        RawStoreSettings(),
        dataset=DATASET,
        connector="it",
        sink=sink,
        start=lambda _: 0,
        dead=DeadLetters(tmp_path / "refused"),
        clock=lambda: now[0],
    )
    committer.assign([FIRST, SECOND], 1)
    committer.add(FIRST, 0, outputs(1))
    committer.add(SECOND, 0, outputs(2))
    sink.down = {SECOND}
    assert committer.flush({}, 1).positions == {}
    assert committer.waiting
    committer.drop([SECOND])
    now[0] += 60_000
    if not committer.waiting:
        committer.add(FIRST, 1, outputs(3))
    committer.flush({}, 1)
    assert not committer.waiting
    committer.add(FIRST, 1, outputs(3))
    committer.flush({}, 1)
    rows = [row.split(b",")[0] for _, some in sorted(sink.kept.items()) for row in some]
    assert rows == [b'{"n":1', b'{"n":3']
    manifest.close()
