"""The SHUTDOWN phase: what an environment's processes get before they are killed.

Nothing without extensions; 500 ms with internal ones only, 2,000 ms with an external one. Of that the
runtime has 30 % for its end after SIGTERM; external extensions that subscribed are handed a SHUTDOWN event
and have the rest (Lambda developer guide, "Lambda Extensions API"; the shares are those of AWS's agent).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from windlass.kernel.clock import MILLISECOND, SECOND, Duration, Instant
from windlass.node.extensions_api import ExtensionsApi
from windlass.node.function_extensions import Extensions
from windlass.node.function_telemetry import Telemetry
from windlass.node.sandbox_process import SandboxProcess

INTERNAL: Duration = 500 * MILLISECOND
EXTERNAL: Duration = 2000 * MILLISECOND
KILLED_WITHIN: Duration = 2000 * MILLISECOND
"""How long killed processes may take to die before they are left alone: they may hang in the kernel."""
_RUNTIME_SHARE_PERCENT = 30


@dataclass(frozen=True, slots=True)
class Occupants:
    """What runs in an environment. `changed` is set when one of its processes has ended."""

    runtime: SandboxProcess
    extensions: Extensions
    registered: ExtensionsApi
    telemetry: Telemetry
    changed: asyncio.Event
    now: Callable[[], Instant]

    @property
    def budget(self) -> Duration:
        """How long their farewell may take in all; 0 when there is none."""
        if not self.registered.all:
            return 0
        return EXTERNAL if any(extension.external for extension in self.registered.all) else INTERNAL

    async def shut_down(self, reason: str) -> None:
        """Have everything end, and kill what does not. `reason`: "spindown", "timeout" or "failure"."""
        budget = self.budget
        if budget:
            deadline = self.now() + budget
            self.runtime.terminate()
            await self._until(lambda: not self.runtime.pid, budget * _RUNTIME_SHARE_PERCENT // 100)
            self.runtime.kill()
            self.drain()
            self.telemetry.flush()
            self.extensions.say_goodbye(reason, deadline // MILLISECOND)
            await self._until(lambda: not self.extensions.running, deadline - self.now())
        self.runtime.kill()
        self.extensions.kill()
        await self._until(lambda: not self.runtime.pid and not self.extensions.running, KILLED_WITHIN)
        self.drop()

    def drop(self) -> None:
        """Kill everything at once, and hear no more of it."""
        self.runtime.drop()
        self.extensions.drop()
        self.telemetry.drop()

    def drain(self) -> None:
        """Take what they have written so far."""
        self.runtime.drain()
        self.extensions.drain()

    async def _until(self, condition: Callable[[], bool], within: Duration) -> None:
        try:
            async with asyncio.timeout(max(0, within) / SECOND):
                while not condition():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            return
