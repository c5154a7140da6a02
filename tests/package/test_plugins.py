"""Plug-ins of installed packages: found by entry point; one that is wrong is named."""

import pytest

from trackplane.errors import ConfigurationError
from trackplane.plugins import load_plugins
from trackplane.sinks.plugins import sink_plugins
from trackplane.sources.plugins import source_plugins

SINK = """
import msgspec
from trackplane.sinks import Sink, SinkPlugin

class Options(msgspec.Struct):
    pass

class Nowhere(Sink):
    def write(self, delivery):
        pass

class NowherePlugin(SinkPlugin):
    name = "{name}"
    options = Options

    def open(self, context, options):
        return Nowhere()
"""


def test_an_installed_sink_is_there_beside_our_own(installed):
    installed(SINK.format(name="nowhere"), "sinks", {"nowhere": "NowherePlugin"})
    assert set(sink_plugins()) == {"file", "http", "topic", "nowhere"}


@pytest.mark.parametrize(
    ("text", "entry", "message"),
    [
        ("raise ImportError('no driver')", "Missing", "cannot be imported: ImportError: no driver"),
        ("Thing = 3", "Thing", "no subclass"),
        (SINK.format(name="other"), "NowherePlugin", "it calls itself 'other'"),
    ],
)
def test_a_sink_that_cannot_be_used_is_named_with_its_package(installed, text, entry, message):
    module = installed(text, "sinks", {"nowhere": entry})
    with pytest.raises(ConfigurationError) as caught:
        sink_plugins()
    assert message in str(caught.value)
    assert module in str(caught.value)


def test_nobody_takes_a_built_in_name(installed):
    installed(SINK.format(name="http"), "sinks", {"http": "NowherePlugin"})
    with pytest.raises(ConfigurationError, match="built in"):
        sink_plugins()


def test_all_that_is_wrong_is_named_at_once(installed):
    installed("raise ValueError('a')", "sources", {"one": "A"})
    installed("raise ValueError('b')", "sources", {"two": "B"})
    with pytest.raises(ConfigurationError) as caught:
        source_plugins()
    assert len(caught.value.findings) == 2


def test_two_packages_cannot_share_a_name(installed):
    installed("A = 1", "functions", {"same": "A"})
    installed("A = 2", "functions", {"same": "A"})
    with pytest.raises(ConfigurationError, match="taken"):
        load_plugins("functions", lambda *_: None)
