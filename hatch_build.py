"""Put the built console into the wheel; without one, say so, or refuse if it is required."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ConsoleHook(BuildHookInterface):  # type: ignore[type-arg]
    """Checks for the console's files before a wheel is built; ``make console`` makes them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Look for the console."""
        del build_data
        if version == "editable":
            return
        if (Path(self.root) / "src/trackplane/control/static/index.html").is_file():
            return
        if os.environ.get("TRACKPLANE_REQUIRE_CONSOLE") == "1":
            raise RuntimeError("no console in this tree: run `make console` first")
        sys.stderr.write("trackplane: building without the console (run `make console` first)\n")
