"""Counts a lake in a process of its own, to be killed: folder of the metadata, folder of the lake."""

from __future__ import annotations

import sys
from pathlib import Path

from trackplane.control.insight import observations
from trackplane.control.local import LocalData
from trackplane.control.server import ControlPlane
from trackplane.control.settings import ControlSettings
from trackplane.lake.manifest import ManifestReader
from trackplane.queue.memory import MemoryQueue


def main() -> None:
    """Step by a few rows at a time until all is counted; say so after each step."""
    data = LocalData(
        MemoryQueue(clock=lambda: 0), ManifestReader(Path(sys.argv[2]) / "manifest.db")
    )
    plane = ControlPlane(ControlSettings(port=0, grpc_port=0), Path(sys.argv[1]), data=data)
    print("ready", flush=True)
    while observations.step(plane.platform, most_rows=1):
        print("step", flush=True)
    print("done", flush=True)


if __name__ == "__main__":
    main()
