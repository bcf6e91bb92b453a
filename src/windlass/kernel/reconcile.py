"""A loop that looks at state, not at events: woken by change or by period; snapshot → plan → apply.

A wake-up carries at most a key, and may be lost or doubled. The pass returns when to look again at the
latest. A `Retry` backs off, doubling from BACK_OFF_FIRST to BACK_OFF_MAX; any other exception ends the loop
through Spawn, loudly. (kubernetes-sigs/controller-runtime: pkg/reconcile/reconcile.go)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable

from windlass.kernel.clock import MICROSECOND, MILLISECOND, RESOLUTION_S, SECOND, Clock, Duration, Instant
from windlass.kernel.faults import Retry
from windlass.kernel.journal import Journal

BACK_OFF_FIRST: Duration = 50 * MILLISECOND
BACK_OFF_MAX: Duration = 5 * SECOND

Pass = Callable[[Instant, frozenset[Hashable]], Awaitable[Instant | None]]
"""One pass: gets now and the keys that were woken (empty: look at everything); returns when to look again."""


class Loop:
    """Runs passes one after the other. `wake()` may be called from anywhere on the loop's thread."""

    def __init__(
        self, name: str, clock: Clock, journal: Journal, run_pass: Pass, *, period: Duration
    ) -> None:
        self.name = name
        self._clock = clock
        self._journal = journal
        self._pass = run_pass
        self._period = period
        self._keys: set[Hashable] = set()
        self._woken = asyncio.Event()
        """Set by a wake-up, or by the timer."""
        self._called = False
        """Whether it was a wake-up."""
        self._timer: asyncio.TimerHandle | None = None
        self._failures = 0

    def wake(self, *keys: Hashable) -> None:
        """Look again soon, at these keys. Without a key the next pass runs with those noted so far."""
        self._keys.update(keys)
        self._called = True
        self._woken.set()

    async def run(self) -> None:
        """For ever. The first pass comes at once and looks at everything."""
        try:
            await self._run()
        finally:
            if self._timer is not None:
                self._timer.cancel()

    async def _run(self) -> None:
        again: Instant | None = self._clock.now()
        periodic = self._clock.now()
        while True:
            await self._until(min(periodic, again) if again is not None else periodic)
            now = self._clock.now()
            keys = frozenset(self._keys)
            if now >= periodic:
                keys, periodic = frozenset(), now + self._period
            self._keys.clear()
            self._woken.clear()
            self._called = False
            again = await self._guarded(now, keys)
            if again is not None and again <= now:
                await asyncio.sleep(0)  # a loop that has more to do at once does not keep others from theirs

    async def _guarded(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        try:
            again = await self._pass(now, keys)
        except Retry as error:
            delay = min(BACK_OFF_MAX, BACK_OFF_FIRST * 2**self._failures)
            self._failures += 1
            self._keys.update(keys)
            self._journal.note(self.name, self.name, "retry", error.why)
            return error.at or self._clock.now() + delay
        self._failures = 0
        return again

    async def _until(self, at: Instant) -> None:
        """Until woken or that instant."""
        if self._called:
            await asyncio.sleep(0)  # let what woke us finish its burst, so that one pass serves it all
            return
        time = asyncio.get_running_loop().time
        left = min(at - self._clock.now(), self._period)  # longer only when the clock was set back
        if 0 < left < MICROSECOND:  # lost in the loop's floating point: no time would pass, for ever
            left = MICROSECOND
        until = time() + left / SECOND
        while not self._called and until - time() > RESOLUTION_S:
            self._ring_at(until)
            self._woken.clear()
            await self._woken.wait()

    def _ring_at(self, until: float) -> None:
        """Have the timer ring by then. One that rings sooner may: most loops are woken before it does."""
        if self._timer is not None:
            if self._timer.when() <= until:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(until, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._woken.set()
