"""Replay of dirty events: their original bytes through the collector again.

Only what never got in is replayed (stages hygiene and plan): it was not stored, so ordinary
deduplication keeps a second replay from doubling it. The way in is a write key of its own, made for
this replay and gone after it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import httpx
import msgspec

from trackplane.control import apps, wire
from trackplane.control.data import StoredDirty
from trackplane.control.operations import Call
from trackplane.errors import UnavailableError

STAGES: Final = ("hygiene", "plan")
_TIMEOUT_S: Final = 30.0


class ReplayError(UnavailableError):
    """The collector did not take the replay."""

    code = "replay"


def run(call: Call, wanted: wire.Replay) -> wire.Replayed:
    """Replay what is asked for and return how it ended.

    Raises:
        ReplayError: no collector is connected, or it does not answer.
    """
    found = call.platform.data.dirty(
        apps=[wanted.app],
        reason=wanted.reason,
        ids=wanted.ids,
        keys=wanted.keys,
        limit=wanted.limit,
    )
    events = [event for event in found if event.stage in STAGES]
    ended: Counter[str] = Counter()
    for env in sorted({event.env for event in events}):
        ended += _send(call, wanted.app, env, [event for event in events if event.env == env])
    result = wire.Replayed(
        selected=len(found), sent=sum(ended.values()), dispositions=dict(sorted(ended.items()))
    )
    with call.platform.publisher.change(call.actor, "dirty events replayed") as change:
        detail = {"reason": wanted.reason, **msgspec.structs.asdict(result)}
        change.audit("dirty.replay", wanted.app, app=wanted.app, detail=detail)
    return result


def _send(call: Call, app: str, env: str, events: Sequence[StoredDirty]) -> Counter[str]:
    ended: Counter[str] = Counter()
    key = apps.add_key(call, app, env, "replay of dirty events")
    try:
        _await_collectors(call, key.number)
        with httpx.Client(
            base_url=call.platform.settings.collector_url,
            headers={"Authorization": f"Bearer {key.key}", "Content-Type": "application/json"},
            timeout=_TIMEOUT_S,
            trust_env=False,
        ) as client:
            for event in events:
                ended[_post(client, event)] += 1
    finally:
        apps.delete_key(call, app, key.id)
    return ended


def _await_collectors(call: Call, number: int) -> None:
    deadline = time.monotonic() + call.platform.settings.replay_wait_ms / 1000
    while not call.platform.nodes.everywhere(number, "collector"):
        if time.monotonic() > deadline:
            raise ReplayError(
                "no connected collector has taken the replay's key", hint="is a collector running?"
            )
        time.sleep(0.005)


def _post(client: httpx.Client, event: StoredDirty) -> str:
    body = b'{"header":' + (event.header or b"{}") + b',"events":[' + event.data + b"]}"
    try:
        answer = client.post("/v1/records", content=body)
    except httpx.HTTPError as error:
        raise ReplayError(f"the collector does not answer: {error}") from error
    try:
        data: Any = msgspec.json.decode(answer.content)
        results = data["events"]
        return str(results[0]["disposition"])
    except (msgspec.DecodeError, KeyError, IndexError, TypeError):
        return "refused" if answer.status_code < 500 else "retry"
