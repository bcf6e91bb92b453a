"""Probes all targets of the table, in worker 0: the acting edge of probe.py.

Results count here at once, for picking, and are told to the plane, which tells the other workers.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from windlass.kernel.clock import SECOND, Duration
from windlass.proxy.pick import Draw
from windlass.proxy.probe import Probes, first_of
from windlass.proxy.probing import probe
from windlass.proxy.table import Changes
from windlass.proxy.worker import Worker

AT_ONCE_MAX = 256
"""Probes under way; others wait, which a target that answers does not notice."""


class Prober:
    """A part of a proxy (worker.py)."""

    def __init__(self, worker: Worker, draw: Draw) -> None:
        self._worker = worker
        self._draw = draw
        self._pools: dict[str, Probes] = {}
        self._changed = asyncio.Event()
        self._room = asyncio.Semaphore(AT_ONCE_MAX)
        if worker.index == 0:
            worker.current.on_change(self._take)

    async def open(self) -> None:
        if self._worker.index == 0:
            self._worker.spawn.start("prober", self._run())

    async def close(self) -> None:
        """Nothing is kept."""

    def _take(self, changes: Changes) -> None:
        now = _elapsed()
        for key in changes.gone_pools:
            self._pools.pop(key, None)
        for key in changes.pools:
            pool = self._worker.current.pools[key]
            if key in self._pools:
                self._pools[key].update(pool, now)
            elif pool.check is not None:
                self._pools[key] = Probes(pool, self._draw, now)
        self._changed.set()

    async def _run(self) -> None:
        """Begin what is due; wait until something is, or the table or a result changes that."""
        while True:
            self._changed.clear()
            for key, probes in [*self._pools.items()]:
                for endpoint in probes.due(_elapsed()):
                    await self._room.acquire()
                    self._worker.spawn.start(f"probe {endpoint}", self._probe(key, probes, endpoint))
            first = first_of(self._pools.values())
            wait = None if first is None else max(0, first - _elapsed()) / SECOND
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()

    async def _probe(self, key: str, probes: Probes, target: str) -> None:
        began, at, pool = _elapsed(), self._worker.clock.now(), probes.pool
        try:
            endpoint = probes.endpoints.get(target)
            if endpoint is None or pool.check is None:
                return
            found = await probe(pool, pool.check, endpoint, self._worker.dial)
        finally:
            self._room.release()
        if self._pools.get(key) is not probes:
            return
        told = probes.take(target, found, began, at)
        if told is not None:
            self._worker.standing.take(key, endpoint, told.state)
            self._worker.plane.tell(told)
        self._changed.set()


def _elapsed() -> Duration:
    """By the loop's time, which goes on as ever when somebody sets the clock of the host."""
    return int(asyncio.get_running_loop().time() * SECOND)
