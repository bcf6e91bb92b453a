"""What the containers of simulated units do while they run, where that is more than to pass time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from windlass.kernel.clock import Duration
from windlass.kernel.spawn import Spawn


class Work(Protocol):
    """Of one unit."""

    async def run(self) -> None:
        """To its end, of itself or after `stop`; cancelled when the unit is killed."""

    def stop(self) -> Duration | None:
        """It is told to stop; returns how long it needs, None: it ends at once."""


class Works:
    """Of one node."""

    def __init__(self, spawn: Spawn) -> None:
        self._spawn = spawn
        self._tasks: dict[str, tuple[Work, asyncio.Task[None]]] = {}

    def begin(self, unit_id: str, work: Work, then: Callable[[], None]) -> None:
        """Let the unit do that; `then` is called when it ends of itself."""

        async def do() -> None:
            await work.run()
            del self._tasks[unit_id]
            then()

        self._tasks[unit_id] = (work, self._spawn.start(f"work of {unit_id}", do()))

    def stop(self, unit_id: str) -> Duration:
        """Tell what the unit does to stop; returns how long it needs: 0 for what ends at once, now."""
        if unit_id not in self._tasks:
            return 0
        needs = self._tasks[unit_id][0].stop()
        if needs is None:
            self.give_up(unit_id)
        return needs or 0

    def give_up(self, unit_id: str) -> None:
        """What the unit does is over, wherever it is; it may do nothing."""
        found = self._tasks.pop(unit_id, None)
        if found is not None:
            found[1].cancel()

    def give_up_all(self) -> None:
        for unit_id in [*self._tasks]:
            self.give_up(unit_id)
