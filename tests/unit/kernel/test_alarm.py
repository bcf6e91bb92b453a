"""Alarms: they ring once, at the time set last."""

from __future__ import annotations

import asyncio

from tests.build import NOW
from windlass.kernel.alarm import Alarm
from windlass.kernel.clock import MINUTE, SECOND, Instant, LoopClock
from windlass.sim.loop import VirtualLoop


def rings(*settings: Instant | None, until: Instant = NOW + 5 * MINUTE) -> list[Instant]:
    """When an alarm rings that is set to these instants one after the other, at the start."""
    loop = VirtualLoop()
    clock = LoopClock(loop, NOW)
    rung: list[Instant] = []

    async def play() -> None:
        alarm = Alarm(clock, lambda: rung.append(clock.now()))
        for at in settings:
            alarm.set(at)
        await clock.sleep_until(until)

    loop.run(play())
    return rung


def test_rings_once_at_the_last_setting() -> None:
    """Earlier, later, the same again, longer than one timer, in the past, and taken back."""
    assert rings(NOW + SECOND) == [NOW + SECOND]
    assert rings(NOW + 2 * SECOND, NOW + SECOND) == [NOW + SECOND]
    assert rings(NOW + SECOND, NOW + 2 * SECOND) == [NOW + 2 * SECOND]
    assert rings(NOW + SECOND, NOW + SECOND) == [NOW + SECOND]
    assert rings(NOW + 2 * MINUTE) == [NOW + 2 * MINUTE]
    assert rings(NOW - SECOND) == [NOW]
    assert rings(NOW + SECOND, None) == []


def test_a_ring_may_set_it_again() -> None:
    """Every second for three seconds."""
    loop = VirtualLoop()
    clock = LoopClock(loop, NOW)

    async def play() -> int:
        count = 0
        done = asyncio.get_running_loop().create_future()

        def ring() -> None:
            nonlocal count
            count += 1
            if count == 3:
                done.set_result(None)
            else:
                alarm.set(clock.now() + SECOND)

        alarm = Alarm(clock, ring)
        alarm.set(clock.now() + SECOND)
        await done
        return (clock.now() - NOW) // SECOND

    assert loop.run(play()) == 3
