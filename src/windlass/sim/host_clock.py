"""The clock of the plane's host in a world in which somebody sets it.

The loop's time, and that of nodes, which are other machines, goes on as ever: a clock that is set changes
what instants are, not how long anything takes. Like `WallClock` it looks again within RECHECK.
"""

from __future__ import annotations

from windlass.kernel.clock import RECHECK, Duration, Instant
from windlass.sim.loop import VirtualClock


class HostClock(VirtualClock):
    """Ahead of the world's time by `ahead`, behind it if that is negative."""

    ahead: Duration = 0

    def now(self) -> Instant:
        return super().now() + self.ahead

    async def sleep_until(self, at: Instant) -> None:
        while (left := at - self.now()) > 0:
            await self.sleep(min(left, RECHECK))
