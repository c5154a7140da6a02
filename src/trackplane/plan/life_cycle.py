"""The life cycle of an event, derived from evidence and never typed in: per platform and release.

| state | when |
|---|---|
| `draft` | only in a change request that is a draft |
| `in_review` | only in a change request under review |
| `approved` | in the plan in force, or in an approved change request; nobody sends it yet |
| `implemented` | a client registered for the release can send it |
| `verified` | a verification session of the release saw it as planned |
| `online` | it arrived from the release within `idle_ms` |
| `deprecated` | it would be online, and the plan deprecates it |
| `offline` | removed, expired, or not seen from the release for longer than `idle_ms` |

A later row wins over an earlier one, except that `offline` by silence does not win over a client or a
verification newer than the silence.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

from trackplane.plan.model import EventSpec

State = Literal[
    "draft", "in_review", "approved", "implemented", "verified", "online", "deprecated", "offline"
]
Proposed = Literal["draft", "in_review", "approved"]
Release = tuple[str, str]  # platform and app version; "" where it is not known
STATES: Final[tuple[State, ...]] = State.__args__  # type: ignore[attr-defined]
IDLE_MS: Final = 30 * 24 * 3600 * 1000
_EPOCH: Final = dt.date(1970, 1, 1).toordinal()
_DAY_MS: Final = 24 * 3600 * 1000
# Which state stands for all releases: what is most alive.
_ALIVE: Final[tuple[State, ...]] = (
    "online",
    "deprecated",
    "verified",
    "implemented",
    "approved",
    "in_review",
    "draft",
    "offline",
)


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an event; times are ms.

    ``proposed`` is the furthest state of a change request that has it, ``planned`` whether it is in
    the plan in force. The mappings give the last time each thing was true of a release.
    """

    now: int
    planned: bool = True
    proposed: Proposed | None = None
    implemented: Mapping[Release, int] = {}
    verified: Mapping[Release, int] = {}
    seen: Mapping[Release, int] = {}
    idle_ms: int = IDLE_MS


def derive(spec: EventSpec, evidence: Evidence) -> dict[Release, State]:
    """Return the state of an event for each release there is evidence of, and each planned platform.

    A planned platform without a release stands as (platform, ""); an event without either as ("", "").
    """
    releases = {*evidence.implemented, *evidence.verified, *evidence.seen}
    platforms = {platform for platform, _ in releases}
    releases |= {(platform, "") for platform in spec.platforms if platform not in platforms}
    return {
        release: _state(spec, evidence, release)
        for release in sorted(releases or {("", "")}, key=_newest_first)
    }


def overall(states: Iterable[State]) -> State:
    """Return the state that stands for several: the most alive one; of none, ``draft``."""
    return min(states, key=_ALIVE.index, default="draft")


def _state(spec: EventSpec, evidence: Evidence, release: Release) -> State:
    if not evidence.planned:
        return evidence.proposed or "offline"
    if spec.removed or _is_past(spec.expires, evidence.now):
        return "offline"
    seen = evidence.seen.get(release)
    built = max(evidence.implemented.get(release, 0), evidence.verified.get(release, 0))
    if seen is not None and seen > evidence.now - evidence.idle_ms:
        return "deprecated" if spec.deprecated is not None else "online"
    if seen is not None and seen >= built:
        return "offline"
    if release in evidence.verified:
        return "verified"
    return "implemented" if release in evidence.implemented else "approved"


def _is_past(expires: str | None, now: int) -> bool:
    if expires is None:
        return False
    return now >= (dt.date.fromisoformat(expires).toordinal() + 1 - _EPOCH) * _DAY_MS


def _newest_first(release: Release) -> tuple[str, list[tuple[int, int, str]]]:
    """Order by platform, then by version, the newest first; what is no number comes last."""
    platform, version = release
    parts = [(0, -int(p), "") if p.isdecimal() else (1, 0, p) for p in version.split(".")]
    return platform, parts
