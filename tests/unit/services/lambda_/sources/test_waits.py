"""Waits that are ended early: nothing is lost, whatever happens in the same turn of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.build import NOW
from windlass.kernel.clock import SECOND, LoopClock
from windlass.services.lambda_.sources.waits import Waits
from windlass.sim.loop import VirtualLoop


def play(story: Callable[[Waits, LoopClock], Awaitable[None]]) -> None:
    loop = VirtualLoop.make()
    clock = LoopClock(loop, NOW)

    async def played() -> None:
        await story(Waits(clock), clock)

    loop.run(played())


def test_each_kind_is_ended_for_itself() -> None:
    """Idle receives, those with part of a batch, and pauses; a recall ends them all."""

    async def story(waits: Waits, clock: LoopClock) -> None:
        loop = asyncio.get_running_loop()
        idle, gathering = loop.create_future(), loop.create_future()
        ends: list[str] = []

        async def note(name: str, wait: Awaitable[object]) -> None:
            await wait
            ends.append(name)

        async with asyncio.TaskGroup() as group:
            group.create_task(note("idle", waits.receive(idle, None)))
            group.create_task(note("gathering", waits.receive(gathering, NOW + 9 * SECOND)))
            group.create_task(note("pause", waits.pause(None)))
            await clock.sleep(SECOND)
            waits.end("idle")
            await clock.sleep(SECOND)
            assert (ends, waits.turn) == (["idle"], 0)
            waits.recall()
        assert sorted(ends) == ["gathering", "idle", "pause"] and waits.turn == 1
        assert idle.cancelled() and gathering.cancelled()

    play(story)


@pytest.mark.parametrize("recalled_first", [False, True])
def test_ended_as_its_time_is_over(recalled_first: bool) -> None:
    """Both at one instant, in either order: one end."""

    async def story(waits: Waits, clock: LoopClock) -> None:
        loop = asyncio.get_running_loop()
        if recalled_first:
            loop.call_at(1, waits.recall)
        waiting = loop.create_task(waits.pause(NOW + SECOND))
        await asyncio.sleep(0)
        if not recalled_first:
            loop.call_at(1, waits.recall)
        await waiting
        assert loop.time() == 1

    play(story)


def test_what_arrived_is_not_given_up() -> None:
    """The answer is there when the wait is ended: it is the answer, or the wait never took it."""

    async def story(waits: Waits, clock: LoopClock) -> None:
        answer = asyncio.get_running_loop().create_future()
        taken: list[str] = []

        async def take() -> str:
            await answer
            taken.append("message")
            return "message"

        waiting = asyncio.get_running_loop().create_task(waits.receive(take(), None))
        await clock.sleep(SECOND)
        answer.set_result(None)
        waits.recall()
        found = await waiting
        assert taken == ([] if found is None else [found])

    play(story)
