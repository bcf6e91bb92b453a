"""The process of one environment: what it uses, and killing it with all it started.

Knows nothing of events, nor how a process is started (function_launcher.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Collection

from windlass.node import proc

_STATUS_BYTES_MAX = 16 * 1024
"""More than /proc/PID/status ever says."""
_AGAIN_S, _TRIES = 0.01, 200
"""How soon after killing processes it is looked for more that they left, and how often."""


def kill_group(pid: int) -> None:
    """SIGKILL to the process and all that stayed in its group; also when the leader is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def kill_marked(unit_ids: Collection[str]) -> int:
    """Kill those children of ours that these units left in other sessions; returns how many.

    The agent adopts orphans. What they leave is adopted only once they are dead: call again until 0.
    """
    killed = 0
    for pid in proc.children():
        found = proc.mark(pid)
        if found is not None and found[0] in unit_ids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed


async def clear_marked(unit_id: str) -> None:
    """Kill what the unit left in other sessions: what such a process left is ours once it is dead."""
    for _ in range(_TRIES):
        if not kill_marked((unit_id,)):
            return
        await asyncio.sleep(_AGAIN_S)


def memory_mib(pid: int, field: str = "VmHWM") -> int:
    """Resident memory in MiB, rounded up: "VmHWM" the most so far, "VmRSS" now. 0 where /proc has none."""
    try:
        file = os.open(f"/proc/{pid}/status", os.O_RDONLY)
        try:
            text = os.read(file, _STATUS_BYTES_MAX)  # each event's REPORT asks: no more calls than needed
        finally:
            os.close(file)
    except OSError:
        return 0
    _, found, rest = text.partition(field.encode() + b":")
    return -(-int(rest.split(None, 1)[0]) // 1024) if found else 0
