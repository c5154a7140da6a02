"""A frame's directory as Python lists, for generated code and for output rows."""

from __future__ import annotations

from functools import cached_property

from trackplane.frame import Frame


class FrameColumns:
    """One entry an event in each list, made only when it is read. Times are ms."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.ids = frame.ids
        self.grade = frame.grade

    @cached_property
    def uploads(self) -> list[int]:
        """Return each event's upload."""
        return list(self.frame.upload.tolist())

    @cached_property
    def event_names(self) -> list[str]:
        """Return each event's name."""
        names = self.frame.names
        return [names[index] for index in self.frame.name.tolist()]

    @cached_property
    def at(self) -> list[int]:
        """Return each event's ``when.at``."""
        return list(self.frame.at.tolist())

    @cached_property
    def received(self) -> list[int]:
        """Return each event's ``when.server``."""
        return [self.frame.uploads[index].received for index in self.uploads]

    @cached_property
    def apps(self) -> list[str]:
        """Return each event's app."""
        return [self.frame.uploads[index].app for index in self.uploads]

    @cached_property
    def envs(self) -> list[str]:
        """Return each event's environment."""
        return [self.frame.uploads[index].env for index in self.uploads]

    @cached_property
    def revisions(self) -> list[int]:
        """Return each event's plan revision."""
        return [self.frame.uploads[index].revision for index in self.uploads]

    def weight(self, index: int) -> float:
        """Return an event's weight."""
        return self.frame.weights.get(index, 1.0)
