"""Sources: read whole lines, send them through a real collector, go on where they stood."""

import gzip
import threading
import time

import httpx
import msgspec
import pytest

from trackplane.errors import ConfigurationError
from trackplane.frame import Frame
from trackplane.queue.memory import MemoryQueue
from trackplane.sources import Chunk, Source, SourceError, SourceOptionsError
from trackplane.sources.file import FilePlugin
from trackplane.sources.plugins import source_plugin
from trackplane.sources.run import Cursor, SourceRunner
from trackplane.testing.collector import RunningCollector, app_resource, key_resource
from trackplane.testing.sources import SourceConformance

pytestmark = pytest.mark.integration


def file_source(path, **options):
    plugin = FilePlugin()
    return plugin.open(plugin.read({"path": str(path), **options}))


def lines(source, cursor=None):
    return [line for chunk in source.chunks(cursor, lambda: True) for line in chunk.events]


class TestFile(SourceConformance):
    @pytest.fixture
    def plugin(self):
        return FilePlugin()

    @pytest.fixture
    def expected(self):
        return [b'{"event":"a","what":{"n":%d}}' % n for n in range(1_100)]

    @pytest.fixture
    def options(self, tmp_path, expected):
        path = tmp_path / "expected.ndjson"
        path.write_bytes(b"\n".join(expected))
        return {"path": str(path)}

    def test_whole_lines_are_given_and_empty_ones_left_out(self, tmp_path):
        path = tmp_path / "a.ndjson"
        path.write_bytes(b'{"a":1}\n\n  {"a":2}\r\n{"a":3}')
        assert lines(file_source(path)) == [b'{"a":1}', b'{"a":2}', b'{"a":3}']

    def test_a_cursor_goes_on_after_what_was_read(self, tmp_path):
        path = tmp_path / "a.ndjson"
        path.write_bytes(b'{"a":1}\n')
        (chunk,) = file_source(path).chunks(None, lambda: True)
        with path.open("ab") as file:
            file.write(b'{"a":2}\n')
        assert lines(file_source(path), chunk.cursor) == [b'{"a":2}']

    def test_gzip_is_read_and_gone_on_with(self, tmp_path):
        path = tmp_path / "a.ndjson.gz"
        path.write_bytes(gzip.compress(b"".join(b'{"a":%d}\n' % n for n in range(1_200))))
        chunks = list(file_source(path).chunks(None, lambda: True))
        assert [len(chunk.events) for chunk in chunks] == [500, 500, 200]
        assert len(lines(file_source(path), chunks[0].cursor)) == 700

    def test_a_followed_file_waits_for_the_end_of_a_line_and_survives_rotation(self, tmp_path):
        path = tmp_path / "a.ndjson"
        path.write_bytes(b'{"a":1}\n{"a":')
        seen, stopping = [], threading.Event()

        def follow():
            for chunk in file_source(path, follow="true").chunks(None, stopping.is_set):
                seen.extend(chunk.events)

        thread = threading.Thread(target=follow)
        thread.start()
        try:
            until(lambda: seen == [b'{"a":1}'])
            with path.open("ab") as file:
                file.write(b"2}\n")
            until(lambda: seen[-1] == b'{"a":2}')
            path.rename(tmp_path / "old")
            path.write_bytes(b'{"a":3}\n')
            until(lambda: seen[-1] == b'{"a":3}')
        finally:
            stopping.set()
            thread.join()

    def test_a_file_that_was_cut_off_is_read_from_its_start(self, tmp_path):
        path = tmp_path / "a.ndjson"
        path.write_bytes(b'{"a":1}\n{"a":2}\n')
        (chunk,) = file_source(path).chunks(None, lambda: True)
        with path.open("r+b") as file:
            file.truncate(0)
            file.write(b'{"a":3}\n')
        assert lines(file_source(path), chunk.cursor) == [b'{"a":3}']

    def test_a_file_that_is_not_there_is_said_so(self, tmp_path):
        with pytest.raises(SourceOptionsError, match="missing"):
            file_source(tmp_path / "missing.ndjson")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"pat": "x"}, "no option 'pat'"),
            ({"follow": "true"}, "path"),
            ({"path": "x", "follow": "maybe"}, "follow"),
        ],
    )
    def test_wrong_options_are_named(self, options, message):
        with pytest.raises(SourceOptionsError, match=message):
            FilePlugin().read(options)

    def test_a_source_that_is_not_there_has_a_nearest_name(self):
        with pytest.raises(SourceOptionsError, match="did you mean 'file'"):
            source_plugin("fil")


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in 20 s"
        time.sleep(0.005)


class Given(Source):
    """Chunks that are given; breaks once before the one numbered ``breaks``."""

    def __init__(self, chunks, breaks=-1):
        self.given = chunks
        self.breaks = breaks

    def chunks(self, cursor, stopped):
        for number in range(int(cursor) if cursor else 0, len(self.given)):
            if number == self.breaks:
                self.breaks = -1
                raise SourceError("the line went dead")
            yield Chunk(events=self.given[number], cursor=str(number + 1))


@pytest.fixture
def queue():
    return MemoryQueue(clock=lambda: time.time_ns() // 1_000_000)


@pytest.fixture
def collector(queue):
    resources = [
        app_resource("shop", validation="off", allow_list="off"),
        key_resource("k", "shop"),
    ]
    with RunningCollector(
        queue, clock=lambda: time.time_ns() // 1_000_000, resources=resources
    ) as running:
        yield running


@pytest.fixture
def run(tmp_path):
    """Return what makes a runner of a source; its connections are closed."""
    clients = []

    def make(collector, source, key="k", wait=lambda _: False):
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{collector.port}",
            trust_env=False,
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        clients.append(client)
        cursor = Cursor(tmp_path / "import.cursor")
        return SourceRunner("import", source, client=client, cursor=cursor, wait=wait)

    yield make
    for client in clients:
        client.close()


def ids(queue):
    found = []
    for topic, spec in queue.topics().items():
        if topic.startswith("events."):
            for number in range(spec.partitions):
                for message in queue.read(topic, number, 0).messages:
                    found += Frame.decode(message.data).ids
    return found


def test_every_line_is_answered_for_and_a_second_run_sends_nothing(collector, queue, run):
    source = Given(
        [[b'{"event":"a"}', b'{"id":"mine","event":"b"}'], [b"not json", b'{"event":"c"}']]
    )
    progress = run(collector, source).run()
    assert progress.dispositions == {"accepted": 3, "dirty": 1}
    assert len(ids(queue)) == 3
    assert "mine" in ids(queue)
    assert run(collector, source).run().events == 0


def test_a_chunk_sent_again_has_the_same_ids(collector, queue, run, tmp_path):
    source = Given([[b'{"event":"a"}'], [b'{"event":"b"}', b"{}"]])
    run(collector, source).run()
    (tmp_path / "import.cursor").write_text("1")
    run(collector, source).run()
    found = ids(queue)
    assert len(found) == 3
    assert len(set(found)) == 2


def test_a_source_that_breaks_is_gone_on_with(collector, queue, run):
    source = Given([[b'{"id":"%d","event":"a"}' % n] for n in range(5)], breaks=3)
    assert run(collector, source).run().events == 5
    assert sorted(ids(queue)) == ["0", "1", "2", "3", "4"]


def test_an_upload_that_is_too_large_is_halved(collector, run):
    events = [
        msgspec.json.encode({"id": str(n), "event": "a", "what": {"x": "y" * 900_000}})
        for n in range(12)
    ]
    progress = run(collector, Given([events])).run()
    assert progress.events == 12


def test_a_wrong_key_ends_it(collector, run):
    with pytest.raises(ConfigurationError, match="write key"):
        run(collector, Given([[b'{"event":"a"}']]), key="other").run()


def test_a_collector_that_is_away_is_waited_for(queue, run, tmp_path):
    clock = lambda: time.time_ns() // 1_000_000  # noqa: E731
    with RunningCollector(queue, clock=clock) as running:  # not ready: it has no configuration
        stopped = []
        source = Given([[b'{"event":"a"}']])
        mine = run(running, source, wait=lambda _: bool(stopped.append(1) or len(stopped) > 3))
        assert mine.run().waits == 4
        assert not (tmp_path / "import.cursor").exists()
