"""How scripts are run."""

from __future__ import annotations

import msgspec


class ScriptSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How scripts are run. A script's own limits (time, CPU, memory) stand in its definition.

    Attributes:
        allow_weaker_isolation: run scripts where the kernel lacks a layer that `trackplane doctor` names.
        batch_events: events handed to a script at a time.
        output_bytes: size of one batch's answer at most.
        output_rows: rows in one batch's answer at most.
        load_ms: longest time to start a process and load a script.
        search_ms: longest time spent, in one call, on searching failed batches for the events at fault.
        open_after: failed batches in a row after which a script is not run for a while.
        open_ms: how long it is not run the first time; doubles up to open_max_ms.
        open_max_ms: how long it is not run at most.
        max_processes: scripts that have a process at the same time; the longest unused ends first.
        recycle_cpu_s: CPU seconds after which a process is replaced by a fresh one.
    """

    allow_weaker_isolation: bool = False
    batch_events: int = 500
    output_bytes: int = 8 * 1024 * 1024
    output_rows: int = 100_000
    load_ms: int = 5_000
    search_ms: int = 3_000
    open_after: int = 3
    open_ms: int = 1_000
    open_max_ms: int = 60_000
    max_processes: int = 32
    recycle_cpu_s: int = 600
