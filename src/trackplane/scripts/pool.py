"""The pool: one isolated process a script, batches in, rows or failures out.

A batch that is not answered costs its process and nothing else: it is searched by halves, each in a fresh
process, until the events at fault stand alone or the time for it is over. A script that fails
batch after batch is left alone for a while (``circuit``); what it was to get fails with a
reason of its own, so that it can be replayed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from trackplane.rules.ir import ScriptText
from trackplane.scripts import telemetry
from trackplane.scripts.circuit import Circuit
from trackplane.scripts.process import (
    IsolationError,
    Runner,
    RunnerError,
    Spawner,
    missing_layers,
)
from trackplane.scripts.protocol import (
    Answer,
    AnswerError,
    Flaw,
    decode_answers,
    decode_loaded,
    encode_events,
    encode_text,
)
from trackplane.scripts.settings import ScriptSettings
from trackplane.scripts.telemetry import Counts, ScriptStatistics

ABSENT: Final = "rule_script_absent"
REFUSED: Final = "rule_script_refused"
LOAD: Final = "rule_script_load"
CIRCUIT: Final = "rule_script_circuit"
OUTPUT: Final = "rule_script_output"
_PROBE: Final = 10  # events that try a script whose circuit was open
_LEAST_S: Final = 0.2  # what a part of a searched batch gets at least
_MARGIN: Final = 5.0  # how often the time of good batches a part of a searched one gets


class ScriptFailure(msgspec.Struct, frozen=True):
    """Why an event has no rows: the dirty event's reason, and a message without data."""

    code: str
    message: str


Result = list[msgspec.Raw] | ScriptFailure


class ScriptPool:
    """Runs scripts. Safe to use from several threads: each script answers one of them at a time.

    ``clock`` gives ms and measures only how long a circuit stays open. Nothing is started before the
    first batch. ``without`` names isolation layers to leave out, for tests of weaker kernels.
    """

    def __init__(
        self,
        settings: ScriptSettings | None = None,
        *,
        clock: Callable[[], int],
        without: Iterable[str] = (),
    ) -> None:
        self._settings = settings or ScriptSettings()
        self._clock = clock
        self._spawner = Spawner(without)
        self._lock = threading.Lock()
        self._slots: dict[str, _Slot] = {}
        self._refusal: str | None = None

    def configure(self, scripts: Mapping[str, ScriptText]) -> None:
        """Take a new set of scripts over; a changed one is swapped between two batches."""
        with self._lock:
            gone = [slot for name, slot in self._slots.items() if name not in scripts]
            self._slots = {
                name: self._slots.get(name) or _Slot(name, text, self._settings, self._clock)
                for name, text in scripts.items()
            }
            for name, text in scripts.items():
                self._slots[name].text = text
        for slot in gone:
            slot.close()

    def refusal(self) -> str | None:
        """Say why no script is run on this machine; None: they are.

        Starts the process that makes runners, if it does not run.
        """
        if self._refusal is None:
            self._refusal = self._why_refused()
        return self._refusal or None

    def run(self, script: str, rows: Sequence[bytes]) -> list[Result]:
        """Run a script over events (each one JSON object); return for each its rows or its failure.

        A returned row is JSON that was not looked into: see ``rows.RowShape``.
        """
        if not rows:
            return []
        slot = self._slots.get(script)
        if slot is None:
            return [ScriptFailure(ABSENT, f"there is no script {script}")] * len(rows)
        refusal = self.refusal()
        if refusal:
            return slot.refuse(rows, ScriptFailure(REFUSED, refusal))
        results: list[Result] = []
        size = self._settings.batch_events
        patience = Patience(self._settings.search_ms / 1000)
        for start in range(0, len(rows), size):
            results += slot.run(self._spawner, rows[start : start + size], patience)
        self._let_go(slot)
        return results

    def statistics(self) -> dict[str, ScriptStatistics]:
        """Return what each script did."""
        return {name: slot.statistics() for name, slot in list(self._slots.items())}

    def close(self) -> None:
        """End every process."""
        with self._lock:
            slots, self._slots = list(self._slots.values()), {}
        for slot in slots:
            slot.close()
        self._spawner.close()

    def _why_refused(self) -> str:
        try:
            missing = missing_layers(self._spawner.layers())
        except IsolationError as error:
            return str(error.message)
        if not missing:
            return ""
        accepted = self._settings.allow_weaker_isolation
        telemetry.isolation_missing(missing, accepted=accepted)
        if accepted:
            return ""
        return f"isolation is weaker here ({', '.join(missing)}): see `trackplane doctor`"

    def _let_go(self, used: _Slot) -> None:
        """End the process of the script unused for longest, if there are too many."""
        with self._lock:
            running = [slot for slot in self._slots.values() if slot.running]
            if len(running) <= self._settings.max_processes:
                return
            oldest = min((slot for slot in running if slot is not used), key=lambda s: s.used)
        oldest.end_process()


class Patience:
    """The time that may still be spent on searching failed batches, in seconds."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._until = 0.0

    def begin(self) -> None:
        """Let the time run."""
        self._until = time.monotonic() + self._left

    def end(self) -> None:
        """Keep what is left for another search."""
        self._left = max(0.0, self._until - time.monotonic())

    @property
    def over(self) -> bool:
        """Say whether it has been spent."""
        return time.monotonic() > self._until


class _Slot:
    """A script and its process."""

    def __init__(
        self, name: str, text: ScriptText, settings: ScriptSettings, clock: Callable[[], int]
    ) -> None:
        self.name = name
        self.text = text
        self.used = 0.0
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._runner: Runner | None = None
        self._loaded = text
        self._circuit = Circuit(settings)
        self._counts = Counts()
        self._slowest_s = 0.0
        self._closed = False

    @property
    def running(self) -> bool:
        return self._runner is not None

    def statistics(self) -> ScriptStatistics:
        circuit = self._circuit
        return self._counts.statistics(
            self.text.version, circuit.state(self._clock()), circuit.opened
        )

    def refuse(self, rows: Sequence[bytes], failure: ScriptFailure) -> list[Result]:
        with self._lock:
            return self._count(rows, [failure] * len(rows))

    def run(self, spawner: Spawner, rows: Sequence[bytes], patience: Patience) -> list[Result]:
        """Return the results of one batch."""
        with self._lock:
            self.used = started = time.monotonic()
            self._swap()
            state = self._circuit.state(self._clock())
            if state == "closed":
                results = self._batch(spawner, rows, patience)
            elif state == "open":
                results = self._left_alone(rows)
            else:
                results = self._probe(spawner, rows, patience)
            self._counts.wall_s += time.monotonic() - started
            return self._count(rows, results)

    def end_process(self) -> None:
        """End the process; the next batch starts another."""
        with self._lock:
            self._end()

    def close(self) -> None:
        """End the process for good: the script is gone."""
        with self._lock:
            self._closed = True
            self._end()

    def _swap(self) -> None:
        if self.text != self._loaded:
            self._end()
            self._loaded = self.text
            self._circuit = Circuit(self._settings)  # another text, another chance
            self._slowest_s = 0.0
        elif self._runner is not None and self._runner.cpu_s > self._settings.recycle_cpu_s:
            self._end()

    def _end(self) -> None:
        if self._runner is not None:
            self._runner.close()
            self._counts.cpu_s += self._runner.cpu_s
            self._runner = None

    def _count(self, rows: Sequence[bytes], results: list[Result]) -> list[Result]:
        counts = self._counts
        counts.batches += 1
        counts.events += len(rows)
        for result in results:
            if isinstance(result, ScriptFailure):
                counts.errors[result.code] += 1
                counts.note(result.message)
            else:
                counts.outputs += len(result)
        return results

    def _left_alone(self, rows: Sequence[bytes]) -> list[Result]:
        text = f"script {self.name} failed too often and is left alone for a while"
        return [ScriptFailure(CIRCUIT, text)] * len(rows)

    def _probe(self, spawner: Spawner, rows: Sequence[bytes], patience: Patience) -> list[Result]:
        some = rows[:_PROBE]
        results = self._try(spawner, some, self._wall_s(len(some)))
        if isinstance(results, ScriptFailure):
            self._circuit.failed(self._clock())
            return [*[results] * len(some), *self._left_alone(rows[_PROBE:])]
        self._circuit.succeeded()
        telemetry.circuit_closed(self.name, self._loaded.version)
        rest = rows[_PROBE:]
        return results + (self._batch(spawner, rest, patience) if rest else [])

    def _batch(self, spawner: Spawner, rows: Sequence[bytes], patience: Patience) -> list[Result]:
        started = time.monotonic()
        results = self._try(spawner, rows, self._loaded.wall_ms / 1000)
        if not isinstance(results, ScriptFailure):
            self._slowest_s = max(self._slowest_s, time.monotonic() - started)
            self._circuit.succeeded()
            return results
        if results.code in (LOAD, REFUSED):
            self._circuit.open_now(self._clock())
            telemetry.circuit_opened(self.name, self._loaded.version, results.message)
            return [results] * len(rows)
        if self._circuit.failed(self._clock()):
            telemetry.circuit_opened(self.name, self._loaded.version, results.message)
        patience.begin()
        try:
            return self._search(spawner, rows, results, patience)
        finally:
            patience.end()

    def _search(
        self, spawner: Spawner, rows: Sequence[bytes], failure: ScriptFailure, patience: Patience
    ) -> list[Result]:
        """Run the halves of a batch that failed, each in a fresh process."""
        if len(rows) == 1 or patience.over:
            return [failure] * len(rows)
        middle = len(rows) // 2
        found: list[Result] = []
        for part in (rows[:middle], rows[middle:]):
            results: list[Result] | ScriptFailure = failure
            if not patience.over:
                results = self._try(spawner, part, self._wall_s(len(part)))
            if isinstance(results, ScriptFailure):
                results = self._search(spawner, part, results, patience)
            found += results
        return found

    def _wall_s(self, events: int) -> float:
        """Return the time for a part: its share, or less where good batches took much less."""
        whole = self._loaded.wall_ms / 1000
        share = whole * events / self._settings.batch_events
        known = _MARGIN * self._slowest_s if self._slowest_s else whole
        return min(whole, max(_LEAST_S, min(share, known)))

    def _try(
        self, spawner: Spawner, rows: Sequence[bytes], wall_s: float
    ) -> list[Result] | ScriptFailure:
        """Return the results of a batch, or why there are none; then there is no process left."""
        settings = self._settings
        try:
            runner = self._runner
            if runner is None:
                runner = self._runner = self._start(spawner)
            body = runner.exchange(
                encode_events(rows),
                wall_s=wall_s,
                cpu_s=self._loaded.cpu_ms / 1000,
                output_bytes=settings.output_bytes,
            )
            answers = decode_answers(body, len(rows), settings.output_rows)
        except (RunnerError, AnswerError, _LoadError) as error:
            reason, text = OUTPUT, str(error)
            if isinstance(error, RunnerError | _LoadError):
                reason, text = error.reason, error.message
            return self._lost(reason, text)
        except IsolationError as error:
            return self._lost(REFUSED, error.message)
        return [_result(answer) for answer in answers]

    def _lost(self, reason: str, text: str) -> ScriptFailure:
        self._end()
        self._counts.restarts += 1
        telemetry.runner_lost(self.name, self._loaded.version, reason, text)
        return ScriptFailure(reason, f"script {self.name}: {text}")

    def _start(self, spawner: Spawner) -> Runner:
        settings, text = self._settings, self._loaded
        if self._closed:
            raise _LoadError(f"script {self.name} was removed", ABSENT)
        runner = spawner.start(
            memory_mb=text.memory_mb,
            cpu_s=settings.recycle_cpu_s + (text.cpu_ms + settings.load_ms) // 1000 + 1,
        )
        load_s = settings.load_ms / 1000
        try:
            body = runner.exchange(
                [encode_text(text.text)], wall_s=load_s, cpu_s=load_s, output_bytes=4096
            )
            flaw = decode_loaded(body)
        except (RunnerError, AnswerError) as error:
            runner.close()
            raise _LoadError(f"does not load: {error}") from error
        if flaw is not None:
            runner.close()
            raise _LoadError(f"does not load: {flaw.message}")
        return runner


class _LoadError(Exception):
    def __init__(self, message: str, reason: str = LOAD) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


def _result(answer: Answer) -> Result:
    return ScriptFailure(answer.code, answer.message) if isinstance(answer, Flaw) else answer
