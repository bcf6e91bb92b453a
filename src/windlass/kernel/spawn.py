"""The only place that makes asyncio tasks: supervised, named, cancelled in the reverse order of their start.

A task that ends by an exception is not lost: it is told to `on_crash`, which the composition root uses to
stop the plane (a Bug) or to log. (python-trio's nurseries are the idea.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Spawn:
    """Starts and ends the tasks of one composition root."""

    def __init__(self, on_crash: Callable[[str, BaseException], None]) -> None:
        self._on_crash = on_crash
        self._running: dict[asyncio.Task[Any], None] = {}
        self._closing = False

    def start(self, name: str, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` beside everything else under that name."""
        if self._closing:
            work.close()
            raise RuntimeError(f"{name}: the plane is closing")
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running[task] = None
        task.add_done_callback(self._ended)
        return task

    @property
    def closing(self) -> bool:
        """Whether nothing is started any more."""
        return self._closing

    def names(self) -> list[str]:
        """What runs now: for status pages and for tests that nothing was left behind."""
        return [task.get_name() for task in self._running]

    async def close(self) -> None:
        """Cancel newest first; each has ended before the next is told."""
        self._closing = True
        while self._running:
            task = next(reversed(self._running))
            task.cancel()
            await asyncio.wait([task])
            self._running.pop(task, None)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_crash(task.get_name(), error)
