"""Kill -9 of the appending process, at random moments: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import os
import random
import select
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from trackplane.queue import TopicSpec
from trackplane.queue.disk import DiskQueue
from trackplane.testing.queue import read_all

KILLS = 20 * int(os.environ.get("TRACKPLANE_TEST_SCALE", "1"))
WRITER = Path(__file__).with_name("writer.py")


def run_and_kill(path: Path, life: int, lines: int) -> list[tuple[int, int, int]]:
    """Return what was acknowledged until the writer was killed after about so many bytes."""
    command = [sys.executable, str(WRITER), str(path), str(life)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        output = b""
        try:
            while len(output) < lines * 16:
                ready, _, _ = select.select([process.stdout], [], [], 60)
                assert ready, "the writer says nothing"
                read = os.read(process.stdout.fileno(), 65_536)
                assert read, "the writer ended by itself"
                output += read
        finally:
            process.kill()
        output += process.stdout.read()
    return [
        (int(partition), int(offset), int(checksum))
        for partition, offset, checksum in (line.split() for line in output.splitlines())
    ]


@pytest.mark.integration
@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_every_acknowledged_message_is_there_once_and_in_order(tmp_path: Path) -> None:
    """20 kills (200 in `make faults`), one queue folder, several threads in group commit."""
    path = tmp_path / "queue"
    queue = DiskQueue(path, clock=lambda: 1)
    queue.ensure_topics([TopicSpec(name="lane", partitions=3, retention_ms=None)])
    queue.close()
    moments = random.Random(5)
    acknowledged: list[tuple[int, int, int]] = []
    for life in range(KILLS):
        acknowledged += run_and_kill(path, life, moments.randrange(1, 1_500))
    reader = DiskQueue(path, clock=lambda: 1, writable=False)
    stored = {partition: read_all(reader, "lane", partition) for partition in range(3)}
    reader.close()
    assert len(acknowledged) > KILLS * 100
    assert len({(p, o) for p, o, _ in acknowledged}) == len(acknowledged)
    for partition, offset, checksum in acknowledged:
        assert zlib.crc32(stored[partition][offset]) == checksum
    for messages in stored.values():
        assert len(set(messages)) == len(messages)
        latest: dict[tuple[bytes, bytes], int] = {}
        for data in messages:
            life, thread, turn, *_ = data.split(b" ")
            assert latest.get((life, thread), 0) <= int(turn)
            latest[life, thread] = int(turn)
