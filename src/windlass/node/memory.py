"""Hard memory limits of containers, by looking at what their processes hold.

A container is what its keeper, the leader of its session, started, and the descendants of that. Resident
sizes are summed first (cheap, counts shared pages several times); only a sum over the limit is looked at
again by proportional sizes (smaps_rollup), and only that decides. One walk over /proc serves all containers;
walks come so seldom that they take at most half a hundredth of one CPU.
Not guaranteed: a container may pass its limit between two walks. The data limit (RLIMIT_DATA, set by the
process runner) bounds how far each single process can get.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

from windlass.node import proc

LOOK_S_MIN = 0.25
"""Seconds between two walks at the least."""
LOOK_SHARE_MAX = 200
"""A walk is followed by so many times its own duration without one."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


class MemoryWatch:
    """Calls `over(pid)` once for each watched process tree that holds more than it may."""

    def __init__(self, loop: asyncio.AbstractEventLoop, over: Callable[[int], None]) -> None:
        self._loop = loop
        self._over = over
        self._limits: dict[int, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, pid: int, limit_bytes: int) -> None:
        """Watch the tree below that session leader."""
        self._limits[pid] = limit_bytes
        if self._timer is None:
            self._timer = self._loop.call_later(LOOK_S_MIN, self.look)

    def discard(self, pid: int) -> None:
        self._limits.pop(pid, None)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def look(self) -> None:
        """One walk; sets the timer for the next."""
        self.close()
        if not self._limits:
            return
        began = time.thread_time()  # not by the clock: a busy host must not make us look less often
        for pid, members in sorted(trees(set(self._limits)).items()):
            limit = self._limits[pid]
            resident = sum(member.resident_pages for member in members) * _PAGE
            if resident > limit and proportional_bytes(members) > limit:
                self.discard(pid)
                self._over(pid)
        spent = time.thread_time() - began
        self._timer = self._loop.call_later(max(LOOK_S_MIN, spent * LOOK_SHARE_MAX), self.look)


def trees(leaders: set[int]) -> dict[int, list[proc.Stat]]:
    """The living processes that belong to each of these session leaders, by session or by descent.

    The leaders themselves are keepers, and do not count.
    """
    everyone = {pid: stat for pid in proc.everyone() if (stat := proc.stat(pid)) is not None}
    owners: dict[int, int] = {0: 0, 1: 0, os.getpid(): 0}
    members: dict[int, list[proc.Stat]] = {}
    for stat in everyone.values():
        path: list[int] = []
        at: proc.Stat | None = stat
        while at is not None and at.pid not in owners and at.session not in leaders:
            path.append(at.pid)
            at = everyone.get(at.parent)
        owner = 0 if at is None else at.session if at.session in leaders else owners[at.pid]
        owners.update(dict.fromkeys(path, owner))
        if owner and stat.pid != owner:
            members.setdefault(owner, []).append(stat)
    return members


def proportional_bytes(members: list[proc.Stat]) -> int:
    """What these processes hold together, shared pages counted once between those who share them."""
    return sum(proc.proportional_kib(m.pid) * 1024 or m.resident_pages * _PAGE for m in members)
