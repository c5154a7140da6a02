"""The error tree, and the finding: one thing wrong with what a user gave us.

::

    TrackplaneError
    ├── InputError            the user's text or request is wrong; carries every finding
    ├── ConfigurationError    settings or environment; the operator's to mend
    ├── StorageError          a disk, database or broker did not do its work
    │   └── FullError         there is no room (disk, quota, bounded buffer)
    ├── UnavailableError      a peer is not there now; try again
    ├── ConflictError         somebody else changed it first
    └── CorruptionError       stored bytes are not what was written

Packages subclass these; nothing raises a bare ``Exception``. Foreign errors are wrapped once,
``raise … from``, in the file that bears the vendor's name.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar, Literal

import msgspec

Severity = Literal["error", "warning"]


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing wrong: what, where, why and what to do.

    ``line`` and ``column`` count from 1. ``pointer`` is a JSON pointer (RFC 6901). ``input`` is the
    offending text, already masked if it may be personal.
    """

    code: str
    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    pointer: str | None = None
    input: str | None = None
    hint: str | None = None
    severity: Severity = "error"

    def __str__(self) -> str:
        place = ":".join(str(p) for p in (self.file, self.line, self.column) if p is not None)
        text = f"{place}: " if place else ""
        text += f"{self.severity}[{self.code}]: {self.message}"
        if self.pointer and not place:
            text += f" (at {self.pointer or '/'})"
        if self.hint:
            text += f"\n  hint: {self.hint}"
        return text


class TrackplaneError(Exception):
    """Root of every error Trackplane raises on purpose.

    ``code`` is stable and documented; ``retryable`` says whether the same call may succeed later
    without anybody changing anything.
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(
        self, message: str, *, hint: str | None = None, findings: Iterable[Finding] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.findings = tuple(findings)

    def __str__(self) -> str:
        lines = [self.message]
        lines += [str(finding) for finding in self.findings]
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


class InputError(TrackplaneError):
    """What the user gave is wrong; ``findings`` lists everything, not the first thing."""

    code = "input"


class ConfigurationError(TrackplaneError):
    """A setting or the environment is wrong; the operator can mend it."""

    code = "configuration"


class StorageError(TrackplaneError):
    """A disk, database or broker did not do its work; nothing was acknowledged."""

    code = "storage"
    retryable = True


class FullError(StorageError):
    """There is no room: disk, quota or a bounded buffer."""

    code = "full"


class UnavailableError(TrackplaneError):
    """A peer is not there now; nobody's fault here."""

    code = "unavailable"
    retryable = True


class ConflictError(TrackplaneError):
    """Somebody else changed it first; read again and decide."""

    code = "conflict"


class CorruptionError(TrackplaneError):
    """Stored bytes are not what was written, or not what a writer of ours would write."""

    code = "corruption"


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate a person most likely meant by ``name``, or None."""
    found = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str | None:
    """Return the hint ``did you mean 'x'?`` for the nearest candidate, or None."""
    match = nearest(name, candidates)
    return f"did you mean '{match}'?" if match is not None else None
