"""The reconcile loop and the supervisor of tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

import pytest

from windlass.kernel.clock import HOUR, MILLISECOND, SECOND, Duration, Instant, WallClock
from windlass.kernel.faults import Bug, Retry
from windlass.kernel.journal import Journal
from windlass.kernel.reconcile import Loop
from windlass.kernel.spawn import Spawn
from windlass.sim.loop import VirtualClock, VirtualLoop


def a_spawn(crashes: list[str]) -> Spawn:
    return Spawn(lambda name, error: crashes.append(f"{name}: {error}"))


def test_a_wake_up_brings_its_keys_and_many_share_a_pass() -> None:
    """The first pass looks at everything; two wake-ups in one turn are one pass with both keys."""

    async def scenario() -> list[frozenset[Hashable]]:
        clock = WallClock()
        passes: list[frozenset[Hashable]] = []
        seen = asyncio.Event()

        async def look(now: Instant, keys: frozenset[Hashable]) -> Instant | None:
            passes.append(keys)
            seen.set()
            return None

        loop = Loop("test", clock, Journal(clock.now), look, period=HOUR)
        spawn = a_spawn([])
        spawn.start("loop", loop.run())
        await seen.wait()
        seen.clear()
        loop.wake("a")
        loop.wake("b")
        await seen.wait()
        await spawn.close()
        return passes

    assert asyncio.run(scenario()) == [frozenset(), frozenset("ab")]


def test_a_nanosecond_passes() -> None:
    """Less than the loop's floating point can tell: time goes on all the same, and the next pass comes."""
    loop = VirtualLoop.make()
    clock = VirtualClock(loop, 0)

    async def scenario() -> list[Instant]:
        passes: list[Instant] = []
        done = asyncio.Event()

        async def look(now: Instant, keys: frozenset[Hashable]) -> Instant | None:
            passes.append(now)
            if len(passes) == 5:
                done.set()
            return now + 1

        await clock.sleep(1_000 * SECOND)
        spawn = a_spawn([])
        spawn.start("loop", Loop("test", clock, Journal(clock.now), look, period=HOUR).run())
        await done.wait()
        await spawn.close()
        return passes

    passes = loop.run(scenario())
    assert passes == sorted(set(passes))


def test_a_retry_backs_off_and_keeps_its_keys() -> None:
    """The world is wrong twice; the third pass still knows what was woken."""

    async def scenario() -> list[frozenset[Hashable]]:
        clock = WallClock()
        passes: list[frozenset[Hashable]] = []
        done = asyncio.Event()

        async def look(now: Instant, keys: frozenset[Hashable]) -> Instant | None:
            passes.append(keys)
            if len(passes) == 1:
                loop.wake("a")
            elif len(passes) < 4:
                raise Retry("disk full")
            else:
                done.set()
            return None

        loop = Loop("test", clock, Journal(clock.now), look, period=HOUR)
        spawn = a_spawn([])
        spawn.start("loop", loop.run())
        await done.wait()
        await spawn.close()
        return passes

    assert asyncio.run(scenario()) == [frozenset(), frozenset("a"), frozenset("a"), frozenset("a")]


def test_a_bug_ends_the_loop_loudly() -> None:
    async def scenario() -> list[str]:
        crashes: list[str] = []
        clock = WallClock()

        async def look(now: Instant, keys: frozenset[Hashable]) -> Instant | None:
            raise Bug("two rows disagree")

        spawn = a_spawn(crashes)
        task = spawn.start("loop", Loop("test", clock, Journal(clock.now), look, period=HOUR).run())
        await asyncio.wait([task])
        await spawn.close()
        return crashes

    assert asyncio.run(scenario()) == ["loop: two rows disagree"]


def test_tasks_end_newest_first_and_none_is_left() -> None:
    async def scenario() -> list[str]:
        ended: list[str] = []

        async def wait(name: str) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(name)

        spawn = a_spawn([])
        for name in ("first", "second", "third"):
            spawn.start(name, wait(name))
        await asyncio.sleep(0)
        assert spawn.names() == ["first", "second", "third"]
        await spawn.close()
        with pytest.raises(RuntimeError, match="closing"):
            spawn.start("late", wait("late"))
        return ended

    assert asyncio.run(scenario()) == ["third", "second", "first"]


def test_a_loop_goes_on_when_the_clock_is_set_back() -> None:
    """Its period is as long as ever, whatever the clock says."""

    class SetClock(WallClock):
        ahead: Duration = 0

        def now(self) -> Instant:
            return super().now() + self.ahead

    async def body() -> None:
        clock, passes = SetClock(), asyncio.Queue[Instant]()

        async def one_pass(now: Instant, keys: frozenset[Hashable]) -> Instant | None:
            passes.put_nowait(now)
            return None

        loop = Loop("loop", clock, Journal(clock.now), one_pass, period=10 * MILLISECOND)
        running = asyncio.ensure_future(loop.run())
        await passes.get()
        clock.ahead = -HOUR
        async with asyncio.timeout(20):
            while await passes.get() > WallClock().now() - HOUR // 2:
                pass
            await passes.get()
        running.cancel()

    asyncio.run(body())


def test_a_loop_that_goes_on_at_once_lets_others_run() -> None:
    """It looks again at once for ever; something else on the same thread still has its turn."""

    async def scenario() -> int:
        clock, passes = WallClock(), 0

        async def look(now: Instant, keys: frozenset[Hashable]) -> Instant | None:
            nonlocal passes
            passes += 1
            assert passes < 1_000, "nobody else ran"
            return now

        spawn = a_spawn([])
        spawn.start("loop", Loop("test", clock, Journal(clock.now), look, period=HOUR).run())
        for _ in range(10):
            await asyncio.sleep(0)
        await spawn.close()
        return passes

    assert asyncio.run(scenario()) > 1
