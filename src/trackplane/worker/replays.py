"""Replays of rules: only the named rule runs, over events that it failed on before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec
import structlog

from trackplane.engine.engine import Engine, Outputs
from trackplane.engine.intake import Mask
from trackplane.engine.ruleset import Ruleset
from trackplane.frame import Frame
from trackplane.lake.erase import erase_rows
from trackplane.lake.manifest import Manifest
from trackplane.replay import Replay
from trackplane.rules.ir import Dataset, decode_rule, targets
from trackplane.worker.scripts import Scripts

_log = structlog.get_logger(__name__)
CANARY = "~canary"


class Replays:
    """Runs and undoes replays under the configuration in force. Call from one thread.

    ``rules`` returns the bodies of those of some rules that are in force, ``number`` the ruleset's.
    """

    def __init__(
        self,
        manifest: Manifest,
        *,
        rules: Callable[[Iterable[str]], Mapping[str, bytes]],
        datasets: Callable[[], Mapping[str, Dataset]],
        number: Callable[[], int],
        scripts: Scripts,
    ) -> None:
        self._manifest = manifest
        self._rules = rules
        self._datasets = datasets
        self._number = number
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
                number, changed=bodies, datasets=self._datasets()
            )
            for name, reason in rejected.items():
                _log.error("replay_rule_rejected", rule=name, reason=reason)
            self._held = (number, replay.rule)
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
