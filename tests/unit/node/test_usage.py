"""What a unit's processes use, measured on real ones."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.fault.waiting import until
from windlass.kernel.clock import WallClock
from windlass.node import proc
from windlass.node.usage import CPU_UNITS, UsageMeter

BUSY, IDLE = "while :; do :; done", "sleep 600"


@pytest.fixture
def sessions() -> Iterator[dict[int, str]]:
    """Two sessions as units of one container each: pid of the leader → unit id."""
    started = {
        subprocess.Popen(["sh", "-c", script], start_new_session=True): unit
        for unit, script in (("busy", BUSY), ("idle", IDLE))
    }
    yield {process.pid: unit for process, unit in started.items()}
    for process in started:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def cpu_ticks(pid: int) -> int:
    """The CPU time of a process so far."""
    stat = proc.stat(pid)
    assert stat is not None
    return stat.user_ticks + stat.kernel_ticks


def test_busy_and_idle(sessions: dict[int, str]) -> None:
    """The first reading only begins; then a busy loop has CPU, a sleeper has none, both have memory."""
    meter = UsageMeter(WallClock(), lambda: sessions)
    assert meter.read() is None
    [busy] = (pid for pid, unit in sessions.items() if unit == "busy")
    started = cpu_ticks(busy)
    until(lambda: cpu_ticks(busy) >= started + 50, "half a second of CPU time of the busy one")
    usage = meter.read()
    assert usage is not None
    found = {used.unit_id: (used.cpu_units, used.memory_mib) for used in usage.units}
    # A second loop would be needed for twice a CPU; what is between is the machine's delay between two looks.
    assert 0 < found["busy"][0] < 2 * CPU_UNITS
    assert found["idle"][0] < found["busy"][0]
    assert all(0.1 < memory < 100 for _, memory in found.values())


def test_units_that_are_gone(sessions: dict[int, str]) -> None:
    """A unit is told of while it has a container, even one whose process has ended meanwhile."""
    leaders = {**sessions, 2**22 + 1: "ended"}
    meter = UsageMeter(WallClock(), lambda: leaders)
    meter.read()
    usage = meter.read()
    assert usage is not None
    told = {used.unit_id: used for used in usage.units}
    assert (told["ended"].cpu_units, told["ended"].memory_mib) == (0, 0)
    leaders.clear()
    usage = meter.read()
    assert usage is not None and usage.units == ()
