"""From a consumer's outputs to a sink, then the commit: a sink that is down holds only itself up.

``SinkCommitter`` is a ``TableCommitter`` of a group of its own, so positions, identities, dirty events
and the ruleset's number are guarded as those of tables are; rows go to the sink first. While the sink
does not take them, nothing more is read (``waiting``): the queue is where the rest waits.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec
import structlog

from trackplane.engine.engine import DatasetRows, Outputs
from trackplane.errors import StorageError
from trackplane.lake.manifest import Manifest
from trackplane.lake.settings import RawStoreSettings
from trackplane.lake.tables import TableCommitter
from trackplane.lake.writer import FlushResult
from trackplane.rules.ir import Dataset
from trackplane.sinks import Delivery, Partition, RowsRefusedError, Sink, SinkError, lines_of

_log = structlog.get_logger(__name__)

State = Literal["ok", "retrying", "paused"]
_FIRST_WAIT_MS: Final = 250
_LAST_WAIT_MS: Final = 30_000
_PAUSED_AFTER: Final = 6  # failures in a row: about 15 s
_MESSAGE: Final = 300  # characters of an error that are kept


class SinkStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What a sink has done in this process; ``waiting`` rows are made but not delivered."""

    dataset: str
    connector: str
    state: State
    delivered: int
    refused: int
    waiting: int
    failures: int
    error: str = ""
    since: int = 0


class DeadLetters:
    """Rows that a receiver will never take: lines of JSON with the reason, one file a day."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, delivery: Delivery, refused: Mapping[int, str], now: int) -> None:
        """Keep rows durably.

        Raises:
            StorageError: the disk did not take them.
        """
        lines = [
            json.dumps({"key": delivery.key, "at": now, "reason": reason}).encode()[:-1]
            + b',"row":'
            + delivery.rows[index]
            + b"}\n"
            for index, reason in sorted(refused.items())
        ]
        path = self._folder / f"{now // 86_400_000}.ndjson"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(b"".join(lines))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(f"cannot keep refused rows in {path}: {error}") from error


class SinkCommitter(TableCommitter):
    """Delivers the rows of one dataset, and commits what was delivered. Call from one thread."""

    def __init__(
        self,
        manifest: Manifest,
        settings: RawStoreSettings,
        *,
        dataset: Dataset,
        connector: str,
        sink: Sink,
        start: Callable[[Partition], int],
        dead: DeadLetters,
        clock: Callable[[], int],
    ) -> None:
        super().__init__(manifest, settings, group=group_of(dataset.name), start=start)
        self._dataset = dataset
        self._connector = connector
        self._sink = sink
        self._dead = dead
        self._clock = clock
        self._rows: dict[Partition, list[bytes]] = {}
        self._delivered = self._refused = self._failures = 0
        self._in_a_row = 0
        self._retry_at = 0
        self._error = ""
        self._since = clock()

    @property
    def waiting(self) -> bool:
        """Say whether rows wait for a sink that did not take them."""
        return self._in_a_row > 0

    def add(self, partition: Partition, offset: int, outputs: Outputs) -> None:
        """Take what the messages up to ``offset`` (inclusive) gave."""
        rows = outputs.rows.pop(self._dataset.name, None) or DatasetRows()
        self._rows.setdefault(partition, []).extend(lines_of(rows))
        super().add(partition, offset, outputs)

    def drop(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions and their rows, and let another worker deliver them."""
        partitions = list(partitions)
        for partition in partitions:
            self._rows.pop(partition, None)
        self._sink.release(partitions)
        # Others' rows that were delivered wait for their commit: what is read before it would be
        # delivered under the same key.
        if not self._rows:
            self._in_a_row = 0
        super().drop(partitions)

    def flush(self, datasets: Mapping[str, Dataset], ruleset: int) -> FlushResult:
        """Deliver, then commit; nothing is committed while the sink does not take rows."""
        if self._clock() < self._retry_at:
            return FlushResult(positions={}, lost=())
        for partition, rows in self._rows.items():
            if not rows:
                continue
            start = self.start_of(partition)
            delivery = Delivery(
                dataset=self._dataset.name,
                key=f"{self._dataset.name}/{partition[0]}-{partition[1]}-{start}",
                partition=partition,
                rows=rows,
            )
            if not self._deliver(delivery):
                return FlushResult(positions={}, lost=())
            self._rows[partition] = []
        if self._in_a_row:
            _log.info("sink_takes_rows_again", dataset=self._dataset.name)
            self._in_a_row, self._error, self._since = 0, "", self._clock()
        result = super().flush(datasets, ruleset)
        self._rows.clear()
        return result

    def _deliver(self, delivery: Delivery) -> bool:
        try:
            self._sink.write(delivery)
            self._delivered += len(delivery.rows)
        except RowsRefusedError as error:
            self._dead.add(delivery, error.refused, self._clock())
            self._refused += len(error.refused)
            self._delivered += len(delivery.rows) - len(error.refused)
            self._error = str(error)[:_MESSAGE]
        except SinkError as error:
            self._failed(str(error))
            return False
        except Exception as error:  # noqa: BLE001 a stranger's sink may raise anything
            self._failed(f"{type(error).__name__}: {error}")
            return False
        return True

    def _failed(self, reason: str) -> None:
        now = self._clock()
        self._failures += 1
        self._in_a_row += 1
        if self._in_a_row == 1:
            self._since = now
        self._error = reason[:_MESSAGE]
        wait = min(_FIRST_WAIT_MS << min(self._in_a_row - 1, 16), _LAST_WAIT_MS)
        self._retry_at = now + wait
        _log.warning("sink_failed", dataset=self._dataset.name, error=self._error, again_in_ms=wait)

    def sink_statistics(self) -> SinkStatistics:
        """Return figures. Callable from any thread."""
        in_a_row = self._in_a_row
        state: State = "ok" if not in_a_row else "retrying"
        return SinkStatistics(
            dataset=self._dataset.name,
            connector=self._connector,
            state="paused" if in_a_row >= _PAUSED_AFTER else state,
            delivered=self._delivered,
            refused=self._refused,
            waiting=sum(len(rows) for rows in list(self._rows.values())),
            failures=self._failures,
            error=self._error,
            since=self._since,
        )


def group_of(dataset: str) -> str:
    """Return the consumer group that delivers a dataset."""
    return f"sink.{dataset}"
