"""What every source plug-in must do: subclass ``SourceConformance`` and give it its fixtures.

::

    class TestMine(SourceConformance):
        @pytest.fixture
        def plugin(self) -> SourcePlugin: ...

        @pytest.fixture
        def expected(self) -> list[bytes]: ...     # at least 3 events that the source holds, in order

        @pytest.fixture
        def options(self, expected) -> dict: ...   # options as texts, of a source that holds them
"""

from __future__ import annotations

import pytest

from trackplane.sources import Chunk, Source, SourceOptionsError, SourcePlugin

Options = dict[str, str]


def read(source: Source, cursor: str | None = None) -> list[Chunk]:
    """Return all chunks after a cursor; a source without an end stops where it waits."""
    return list(source.chunks(cursor, lambda: True))


def events(chunks: list[Chunk]) -> list[bytes]:
    """Return the events of chunks."""
    return [event for chunk in chunks for event in chunk.events]


class SourceConformance:
    """The suite."""

    def open(self, plugin: SourcePlugin, options: Options) -> Source:
        """Open the source as the command line does."""
        return plugin.open(plugin.read(options))

    def test_all_events_are_given_in_order(
        self, plugin: SourcePlugin, options: Options, expected: list[bytes]
    ) -> None:
        """Read from the beginning."""
        assert len(expected) >= 3
        source = self.open(plugin, options)
        assert events(read(source)) == expected
        source.close()

    def test_every_cursor_goes_on_without_loss_or_repetition(
        self, plugin: SourcePlugin, options: Options, expected: list[bytes]
    ) -> None:
        """Stop after each chunk, and go on in a source opened anew."""
        seen: list[bytes] = []
        for chunk in read(self.open(plugin, options)):
            seen += chunk.events
            rest = events(read(self.open(plugin, options), chunk.cursor))
            assert seen + rest == expected

    def test_reading_again_gives_the_same(
        self, plugin: SourcePlugin, options: Options, expected: list[bytes]
    ) -> None:
        """Read twice from the same cursor."""
        first, again = read(self.open(plugin, options)), read(self.open(plugin, options))
        assert first == again
        assert events(first) == expected

    def test_nothing_is_given_after_the_end(
        self, plugin: SourcePlugin, options: Options, expected: list[bytes]
    ) -> None:
        """Read from the last cursor."""
        chunks = read(self.open(plugin, options))
        assert events(chunks) == expected
        assert events(read(self.open(plugin, options), chunks[-1].cursor)) == []

    def test_an_unknown_option_is_refused_by_name(
        self, plugin: SourcePlugin, options: Options
    ) -> None:
        """Misspell an option."""
        with pytest.raises(SourceOptionsError, match="no_such_option"):
            plugin.read({**options, "no_such_option": "1"})

    def test_it_closes_twice(self, plugin: SourcePlugin, options: Options) -> None:
        """Close a source that never read."""
        source = self.open(plugin, options)
        source.close()
        source.close()
