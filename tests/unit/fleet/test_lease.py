"""A lease ends what waits for a peer that is silent, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from windlass.fleet.lease import Lease
from windlass.kernel.clock import SECOND, Clock, Duration
from windlass.sim.loop import VirtualClock, VirtualLoop

LEASE = 15 * SECOND


def play(story: Callable[[Clock], Awaitable[None]]) -> Duration:
    """How long it took."""
    loop = VirtualLoop.make()

    async def run() -> None:
        await story(VirtualClock(loop, 0))

    loop.run(run())
    return loop.elapsed


def test_silence_ends_it_once_it_lasts() -> None:
    async def story(clock: Clock) -> None:
        with pytest.raises(TimeoutError):
            async with Lease(LEASE) as lease:
                for _ in range(5):
                    await clock.sleep(10 * SECOND)
                    lease.heard()
                await asyncio.get_running_loop().create_future()

    assert play(story) == 65 * SECOND


def test_a_peer_that_nobody_listens_to_is_not_silent() -> None:
    async def story(clock: Clock) -> None:
        with pytest.raises(TimeoutError):
            async with Lease(LEASE) as lease:
                lease.deaf = True
                await clock.sleep(100 * SECOND)
                lease.deaf = False
                await clock.sleep(100 * SECOND)

    assert 105 * SECOND <= play(story) <= 115 * SECOND


def test_what_ends_in_time_goes_on() -> None:
    async def story(clock: Clock) -> None:
        async with Lease(LEASE):
            await clock.sleep(SECOND)
        await clock.sleep(20 * SECOND)

    assert play(story) == 21 * SECOND


def test_a_moment_that_rounding_leaves_over() -> None:
    """Less than a timer can wait: it is over, and the loop does not go round at that instant for ever."""

    async def story(clock: Clock) -> None:
        with pytest.raises(TimeoutError):
            async with Lease(LEASE) as lease:
                for nanoseconds in (1_234_567_891, 3_141_592_653, 2_718_281_829, 999_999_937):
                    await clock.sleep(nanoseconds)
                    lease.heard()
                await asyncio.get_running_loop().create_future()

    assert play(story) > LEASE
