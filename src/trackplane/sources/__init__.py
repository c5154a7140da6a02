"""Sources: plug-ins that bring events in from elsewhere, through the collector like any client.

So they meet the plan, the limits and the ledger as everybody does. A source gives *chunks* with a
cursor; the cursor is stored once the collector has answered for the chunk, and an event without an id
gets one made of the source, where its chunk began and its place: reading again doubles nothing.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from trackplane.errors import InputError, TrackplaneError


class SourceError(TrackplaneError):
    """A source cannot be read now; it is tried again, later and later."""

    code = "source_unreadable"
    retryable = True


class SourceOptionsError(InputError):
    """A source's options are wrong; ``findings`` lists everything."""

    code = "source_options"


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """Events read together: each the JSON of one event as in a record, not yet checked.

    ``cursor`` is where to go on after them; it is stored as text and given back as it was.
    """

    events: Sequence[bytes]
    cursor: str


class Source(abc.ABC):
    """Reads from one place."""

    @abc.abstractmethod
    def chunks(self, cursor: str | None, stopped: Callable[[], bool]) -> Iterator[Chunk]:
        """Return chunks after ``cursor`` (None: from the beginning), in order, until the end.

        A source without an end (a file that is followed) asks ``stopped`` at least every second and
        returns when it says so. Reading from the same cursor gives the same events again.

        Raises:
            SourceError: it cannot be read now.
        """

    def close(self) -> None:  # noqa: B027
        """Release connections and files."""


class SourcePlugin(abc.ABC):
    """A kind of source, found by the entry point group ``trackplane.sources`` under its name."""

    name: ClassVar[str]
    options: ClassVar[type[msgspec.Struct]]

    @abc.abstractmethod
    def open(self, options: Any) -> Source:
        """Open a source; ``options`` is an instance of ``self.options``.

        Raises:
            SourceOptionsError: an option is wrong in a way its type does not say.
        """

    def read(self, options: Mapping[str, str]) -> Any:
        """Return options given as texts (``follow=true``) as the struct.

        Raises:
            SourceOptionsError: an option is unknown, missing or of a wrong type.
        """
        known = [field.name for field in msgspec.structs.fields(self.options)]
        for name in options:
            if name not in known:
                raise SourceOptionsError(
                    f"the source {self.name!r} has no option {name!r}",
                    hint=f"it has {', '.join(known) or 'none'}",
                )
        try:
            return msgspec.convert(dict(options), self.options, strict=False)
        except msgspec.ValidationError as error:
            raise SourceOptionsError(f"options of the source {self.name!r}: {error}") from error
