"""Replays of rules: only the named rule runs, over events that it failed on before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
import numpy as np
import structlog

from trackplane.dirty import DirtyEvent
from trackplane.engine.engine import Engine, Outputs
from trackplane.engine.intake import Mask
from trackplane.engine.outputs import CANARY
from trackplane.engine.ruleset import Ruleset
from trackplane.frame import Frame
from trackplane.lake.erase import erase_rows
from trackplane.lake.manifest import Manifest
from trackplane.replay import Replay
from trackplane.rules.ir import Dataset, decode_rule, targets
from trackplane.rules.library.environment import Environment
from trackplane.worker.scripts import Scripts

_log = structlog.get_logger(__name__)
REJECTED: Final = "rule_rejected"


class Replays:
    """Runs and undoes replays under the configuration in force. Call from one thread.

    ``rules`` returns the bodies of those of some rules that are in force, ``number`` the ruleset's,
    ``environment`` what functions need. A rule that cannot be run leaves its events dirty.
    """

    def __init__(
        self,
        manifest: Manifest,
        *,
        rules: Callable[[Iterable[str]], Mapping[str, bytes]],
        datasets: Callable[[], Mapping[str, Dataset]],
        number: Callable[[], int],
        environment: Callable[[], Environment],
        scripts: Scripts,
    ) -> None:
        self._manifest = manifest
        self._rules = rules
        self._datasets = datasets
        self._number = number
        self._environment = environment
        self._rejected = ""
        self._scripts = scripts
        self._engine = Engine()
        self._held: tuple[int, str] = (0, "")

    def run(self, replay: Replay, frame: Frame, keep: Mask) -> Outputs:
        """Return what the rule, with its canary, puts out now.

        What fails again is dirty again, under the event's own identity.
        """
        number = self._number()
        if self._held != (number, replay.rule):
            bodies = self._rules((replay.rule, replay.rule + CANARY))
            self._engine.ruleset, rejected = Ruleset.empty().apply(
                number,
                changed=bodies,
                datasets=self._datasets(),
                environment=self._environment(),
            )
            self._rejected = next(iter(rejected.values()), "" if bodies else "it is not in force")
            self._held = (number, replay.rule)
        if self._rejected:
            outputs = Outputs(number)
            outputs.dirty = _all_dirty(frame, keep, replay.rule, self._rejected)
        else:
            outputs = self._engine.process([(frame, keep)])
            self._scripts.process(outputs, self._datasets())
            outputs.number = number
        own = {
            frame.identity[start : start + 16]: replay.identities[start : start + 16]
            for start in range(0, len(frame.identity), 16)
        }
        outputs.dirty = [
            msgspec.structs.replace(event, identity=own.get(event.identity, event.identity))
            for event in outputs.dirty
        ]
        return outputs

    def erase(self, replay: Replay) -> int:
        """Take the rows of a replay out of the rule's tables; return how many."""
        names: set[str] = set()
        for body in self._rules((replay.rule, replay.rule + CANARY)).values():
            names.update(targets(decode_rule(body)))
        datasets = self._datasets()
        # The rule may write elsewhere now than it did then.
        tables = names or {name for name, dataset in datasets.items() if dataset.kind == "table"}
        count = erase_rows(self._manifest, sorted(tables), replay.rule, replay.erase)
        _log.info("replay_undone", replay=replay.id, rule=replay.rule, rows=count)
        return count


def _all_dirty(frame: Frame, keep: Mask, rule: str, reason: str) -> list[DirtyEvent]:
    """Return the events of a rule that cannot be run here, as dirty as they were."""
    found = []
    for index in np.flatnonzero(keep).tolist():
        number = int(frame.upload[index])
        upload = frame.uploads[number]
        found.append(
            DirtyEvent(
                app=upload.app,
                env=upload.env,
                stage="rule",
                reason=REJECTED,
                received=upload.received,
                id=frame.ids[index],
                event=frame.names[int(frame.name[index])],
                identity=frame.identity[16 * index : 16 * index + 16],
                grade=frame.grade,
                revision=upload.revision,
                message=f"the rule cannot be run: {reason}",
                header=frame.header_bytes(number),
                data=frame.event_bytes(index),
                rule=rule,
            )
        )
    return found
