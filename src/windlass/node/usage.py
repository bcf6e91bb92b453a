"""What tasks use, for the plane's metrics: CPU time and memory of each, by one walk over /proc for all.

CPU is the average since the sample before; memory is what is resident when the sample is taken, pages that
are shared counted several times. Known gaps: CPU time of processes that ended unwaited for is lost; nothing
is seen of containers of a Docker daemon on another machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from windlass.fleet.task_messages import Usage, Used
from windlass.kernel.clock import SECOND, Clock, Instant
from windlass.node import proc
from windlass.node.memory import trees

CPU_UNITS = 1024
"""Of a whole CPU."""
MEBIBYTE = 2**20
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class UsageMeter:
    """`leaders` has the first process of each container that runs, and the unit that it is of."""

    def __init__(self, clock: Clock, leaders: Callable[[], Mapping[int, str]]) -> None:
        self._clock = clock
        self._leaders = leaders
        self._at: Instant = 0
        self._ticks: dict[int, int] = {}

    def read(self) -> Usage | None:
        """What each unit used since the last reading; None for the first, and when time stood still."""
        now, leaders = self._clock.now(), self._leaders()
        elapsed, before = (now - self._at) / SECOND, self._ticks
        first = not self._at
        self._at, self._ticks = now, {}
        cpu, memory = dict.fromkeys(leaders.values(), 0.0), dict.fromkeys(leaders.values(), 0)
        members = trees(set(leaders))
        for pid, unit_id in leaders.items():
            found = members.get(pid, [])
            if proc.keeps(pid) is None and (own := proc.stat(pid)) is not None:
                found = [*found, own]  # no keeper, which would not count, but the container's own process
            self._ticks[pid] = sum(stat.user_ticks + stat.kernel_ticks for stat in found)
            cpu[unit_id] += max(0, self._ticks[pid] - before.get(pid, 0))
            memory[unit_id] += sum(stat.resident_pages for stat in found)
        if first or elapsed <= 0:
            return None
        a_unit = CPU_UNITS / _TICKS_A_SECOND / elapsed
        return Usage(
            tuple(
                Used(unit_id, round(ticks * a_unit, 2), round(memory[unit_id] * _PAGE / MEBIBYTE, 2))
                for unit_id, ticks in cpu.items()
            )
        )
