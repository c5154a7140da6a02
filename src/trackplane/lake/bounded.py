"""A workspace whose statements end when time is up."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from trackplane.lake.duckdb import Workspace

_AGAIN_S: Final = 0.1


@contextmanager
def bounded(*, memory_mb: int, timeout_s: float) -> Iterator[Workspace]:
    """Give a workspace; a statement that runs when ``timeout_s`` is over, or later, raises ``LakeError``."""
    spill = Path(tempfile.gettempdir()) / "trackplane-spill"
    done = threading.Event()
    with Workspace(memory_mb=memory_mb, threads=1, spill=spill) as workspace:

        def interrupt() -> None:
            # An interrupt between two statements is lost, so it is said until all are over.
            ends = time.monotonic() + timeout_s
            while not done.wait(max(_AGAIN_S, ends - time.monotonic())):
                workspace.interrupt()

        thread = threading.Thread(target=interrupt, name="lake-deadline", daemon=True)
        thread.start()
        try:
            yield workspace
        finally:
            done.set()
            thread.join()
