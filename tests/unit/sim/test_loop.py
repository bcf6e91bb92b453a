from __future__ import annotations

import asyncio
import time

import pytest

from tests.fleet_build import settle
from windlass.kernel.clock import DAY, LoopClock
from windlass.sim.loop import TIMERS_KEPT, Deadlock, Forbidden, Livelock, VirtualLoop


def test_time_jumps() -> None:
    """A day of sleep takes no time, and ends at the very nanosecond."""

    async def main() -> None:
        clock = LoopClock(asyncio.get_running_loop(), 7)
        await clock.sleep_until(7 + DAY + 1)
        assert clock.now() == 7 + DAY + 1

    began = time.monotonic()
    VirtualLoop.make().run(main())
    assert time.monotonic() - began < 1


def test_nanoseconds_are_kept() -> None:
    """A thousand odd sleeps add up exactly: no drift from floats."""

    async def main() -> None:
        clock = LoopClock(asyncio.get_running_loop(), 0)
        for _ in range(1_000):
            await clock.sleep_until(clock.now() + 333_333_333)
        assert clock.now() == 333_333_333_000

    VirtualLoop.make().run(main())


def order_of(loop: VirtualLoop) -> list[int]:
    order: list[int] = []

    async def sleeper(number: int) -> None:
        await settle(1)
        order.append(number)

    async def main() -> None:
        await asyncio.gather(*[sleeper(number) for number in range(20)])

    loop.run(main())
    return order


def test_ties() -> None:
    """Timers of one instant run in the order they were set; with a seed shuffled, the same each time."""
    assert order_of(VirtualLoop.make()) == list(range(20))
    shuffled = order_of(VirtualLoop.make(3))
    assert shuffled != list(range(20)) and sorted(shuffled) == list(range(20))
    assert order_of(VirtualLoop.make(3)) == shuffled
    assert order_of(VirtualLoop.make(4)) != shuffled


def test_deadlock() -> None:
    """Waiting for what nobody will do is an error, not a hang; what waits is cancelled cleanly."""
    ended = []

    async def main() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    with pytest.raises(Deadlock, match="after 0 s"):
        VirtualLoop.make().run(main())
    assert ended


def test_livelock() -> None:
    """Timers that are set for now, again and again, are an error too."""

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def again() -> None:
            loop.call_later(0, again)

        again()
        await asyncio.Event().wait()

    with pytest.raises(Livelock, match="stands still"):
        VirtualLoop.make().run(main())


def test_real_time_is_forbidden() -> None:
    """Threads, sockets, processes and signals raise at once."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(Forbidden, match="threads"):
            await asyncio.to_thread(print)
        with pytest.raises(Forbidden, match="threads"):
            loop.call_soon_threadsafe(print)
        with pytest.raises(Forbidden, match="sockets"):
            await asyncio.open_connection("127.0.0.1", 1)
        with pytest.raises(Forbidden, match="processes"):
            await asyncio.create_subprocess_exec("true")
        with pytest.raises(Forbidden, match="signals"):
            loop.add_signal_handler(2, print)

    VirtualLoop.make().run(main())


def test_timeouts_and_queues() -> None:
    """What the plane uses of asyncio works: timeout, wait_for, Queue, Event, cancellation."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        assert loop.time() == 5.0
        queue: asyncio.Queue[int] = asyncio.Queue()
        loop.call_later(2, queue.put_nowait, 42)
        assert await asyncio.wait_for(queue.get(), 10) == 42
        assert loop.time() == 7.0

    VirtualLoop.make().run(main())


def test_crash_ends_the_world() -> None:
    """An exception in a callback, or in a task that nobody awaits, ends the world with it."""

    def fail() -> None:
        raise ZeroDivisionError("in a callback")

    async def main() -> None:
        asyncio.get_running_loop().call_later(1, fail)
        await settle(100)

    with pytest.raises(ZeroDivisionError):
        VirtualLoop.make().run(main())


def test_leftovers_end_newest_first() -> None:
    """What still runs when main ends is cancelled, the newest first."""
    ended: list[int] = []

    async def lasting(number: int) -> None:
        try:
            await settle(1_000)
        finally:
            ended.append(number)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        kept.extend(loop.create_task(lasting(number)) for number in range(3))
        await settle(0.001)

    kept: list[asyncio.Task[None]] = []
    VirtualLoop.make().run(main())
    assert ended == [2, 1, 0]


def test_cancelled_timers_do_not_pile_up() -> None:
    """100,000 timeouts that never struck leave no heap behind."""

    async def main() -> None:
        for _ in range(100_000):
            loop.call_later(60, print).cancel()
        assert len(loop._timers) <= 2 * TIMERS_KEPT + 2

    loop = VirtualLoop.make()
    loop.run(main())


def test_one_use() -> None:
    """A loop that ran is closed."""

    async def main() -> None:
        pass

    loop = VirtualLoop.make()
    loop.run(main())
    assert loop.is_closed()
    again = main()
    with pytest.raises(RuntimeError):
        loop.run_until_complete(again)
    again.close()
