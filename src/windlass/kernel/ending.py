"""Why a process of ours ends: it is told to, or one of its parts crashed. For composition roots."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

Told = Callable[[str, BaseException], None]


class Ending:
    """One per process, made on its running loop. `tell` hears of a crash at once."""

    def __init__(self, tell: Told) -> None:
        self.asked = asyncio.Event()
        self.crash = ""
        """The part that crashed and why; "" for an end in order."""
        self._tell = tell
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.asked.set)

    def on_crash(self, name: str, error: BaseException) -> None:
        """For `Spawn`: the process ends, and says so with its exit code."""
        self._tell(name, error)
        self.crash = f"{name}: {error}"
        self.asked.set()
