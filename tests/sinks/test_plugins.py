"""Each kind of sink: what the conformance kit asks, and what is its own."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from trackplane.queue.disk import DiskQueue
from trackplane.rules.ir import Dataset
from trackplane.sinks import RowsRefusedError, SinkError, SinkOptionsError
from trackplane.sinks.file import FilePlugin
from trackplane.sinks.http import HttpPlugin
from trackplane.sinks.plugins import plugin_of, sink_plugins
from trackplane.sinks.topic import TopicPlugin, topic_of
from trackplane.testing.sinks import SinkConformance


class Receiver(ThreadingHTTPServer):
    """Takes rows; ``answer`` is what it says."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = 200
        self.rows: list[bytes] = []
        self.requests: list[dict[str, str]] = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/rows"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append(dict(self.headers))
        if self.server.answer == 200:
            self.server.rows += body.splitlines()
        text = b"no such column"
        self.send_response(self.server.answer)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class TestFiles(SinkConformance):
    exactly_once = True

    @pytest.fixture
    def plugin(self):
        return FilePlugin()

    @pytest.fixture
    def received(self, context):
        def rows():
            files = sorted(context.folder.rglob("*.ndjson"))
            return [line for file in files for line in file.read_bytes().splitlines()]

        return rows

    @pytest.mark.parametrize("path", ["..", "/etc", "a/../../b"])
    def test_a_path_outside_of_its_folder_is_refused(self, plugin, context, path):
        dataset = msgspec.structs.replace(context.dataset, options={"path": path})
        with pytest.raises(SinkOptionsError, match="leaves"):
            plugin.open(context, plugin.read(dataset))

    def test_a_folder_that_cannot_be_written_is_tried_again(self, plugin, context):
        sink = self.open(plugin, context)
        context.folder.write_text("a file stands here")
        with pytest.raises(SinkError, match="cannot write"):
            sink.write(self.delivery([b'{"_id":"1"}']))


class TestCompressedFiles(TestFiles):
    @pytest.fixture
    def options(self):
        return {"gzip": True, "path": "a/b"}

    @pytest.fixture
    def received(self, context):
        def rows():
            files = sorted((context.folder / "a" / "b").glob("*.ndjson.gz"))
            return [line for f in files for line in gzip.decompress(f.read_bytes()).splitlines()]

        return rows


class TestTopics(SinkConformance):
    @pytest.fixture
    def plugin(self):
        return TopicPlugin()

    @pytest.fixture
    def received(self, queue, context):
        def rows():
            topic = topic_of(context.dataset.name)
            return [
                line
                for number in range(queue.topics()[topic].partitions)
                for message in queue.read(topic, number, 0).messages
                for line in message.data.splitlines()
            ]

        return rows


class TestTopicsOnDisk(TestTopics):
    @pytest.fixture
    def queue(self, tmp_path):
        queue = DiskQueue(tmp_path / "queue", clock=lambda: 0)
        yield queue
        queue.close()

    def test_large_deliveries_become_several_messages(self, plugin, context, queue):
        sink = self.open(plugin, context)
        sink.write(
            self.delivery([b'{"_id":"%d","x":"%s"}' % (n, b"x" * 100_000) for n in range(20)])
        )
        messages = queue.read(topic_of("shop.orders"), 0, 0, max_bytes=1 << 30).messages
        assert len(messages) == 4
        assert max(len(message.data) for message in messages) <= 512 * 1024


class TestHttp(SinkConformance):
    @pytest.fixture
    def plugin(self):
        return HttpPlugin()

    @pytest.fixture
    def options(self, receiver):
        return {"url": receiver.url, "token": "token", "rows": 3}

    @pytest.fixture
    def received(self, receiver):
        return lambda: receiver.rows

    def test_requests_carry_token_and_idempotency_key(self, plugin, context, receiver):
        self.open(plugin, context).write(self.delivery([b'{"_id":"1"}'] * 4, start=7))
        keys = [request["Idempotency-Key"] for request in receiver.requests]
        assert keys == ["shop.orders/events.p0-0-7+0", "shop.orders/events.p0-0-7+3"]
        assert {request["Authorization"] for request in receiver.requests} == {"Bearer s3cret"}

    @pytest.mark.parametrize("status", [500, 503, 429, 401])
    def test_an_answer_that_may_change_is_tried_again(self, plugin, context, receiver, status):
        receiver.answer = status
        with pytest.raises(SinkError, match=str(status)):
            self.open(plugin, context).write(self.delivery([b'{"_id":"1"}']))

    def test_rows_that_will_never_be_taken_are_named(self, plugin, context, receiver):
        receiver.answer = 422
        with pytest.raises(RowsRefusedError, match="no such column") as caught:
            self.open(plugin, context).write(self.delivery([b'{"_id":"1"}'] * 4))
        assert sorted(caught.value.refused) == [0, 1, 2, 3]

    def test_nobody_there_is_tried_again_and_the_token_is_not_shown(
        self, plugin, context, receiver
    ):
        receiver.shutdown()
        receiver.server_close()
        with pytest.raises(SinkError) as caught:
            self.open(plugin, context).write(self.delivery([b'{"_id":"1"}']))
        assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize("url", ["ftp://x/", "http://", "http://user:pass@host/"])
    def test_an_address_that_is_none_is_refused(self, plugin, context, url):
        dataset = msgspec.structs.replace(context.dataset, options={"url": url})
        with pytest.raises(SinkOptionsError):
            plugin.open(context, plugin.read(dataset))

    def test_a_secret_that_is_not_there_is_named(self, plugin, context, receiver):
        options = {"url": receiver.url, "token": "other"}
        dataset = msgspec.structs.replace(context.dataset, options=options)
        with pytest.raises(SinkOptionsError, match="other"):
            plugin.open(context, plugin.read(dataset))


def test_a_connector_that_is_not_there_is_refused_with_the_nearest_name():
    dataset = Dataset(name="d", kind="sink", connector="htp")
    with pytest.raises(SinkOptionsError, match="did you mean 'http'"):
        plugin_of(dataset, sink_plugins())


def test_an_option_of_a_wrong_type_is_refused_with_its_path():
    dataset = Dataset(
        name="d", kind="sink", connector="http", options={"url": "http://x/", "rows": "many"}
    )
    with pytest.raises(SinkOptionsError, match=r"rows"):
        plugin_of(dataset, sink_plugins())
