"""When an environment is frozen, and when not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from windlass.node.function_freezer import Freezer
from windlass.node.function_launcher import Process, Program


@dataclass
class Icebox:
    """A sandbox that notes what is done to it."""

    can: bool = True
    done: list[str] = field(default_factory=list)
    happened: asyncio.Event = field(default_factory=asyncio.Event)
    task_root = opt = runtime_root = ""

    async def start(self, program: Program) -> Process:
        raise AssertionError("a freezer starts nothing")

    async def clear(self) -> None:
        raise AssertionError("a freezer kills nothing")

    def close(self) -> None:
        raise AssertionError("a freezer ends nothing")

    def freeze(self) -> bool:
        self.done.append("freeze")
        self.happened.set()
        return self.can

    def thaw(self) -> None:
        self.done.append("thaw")

    async def frozen(self) -> None:
        async with asyncio.timeout(20):
            await self.happened.wait()
        self.happened.clear()


def test_at_rest_it_is_frozen_and_woken_once() -> None:
    async def story() -> None:
        box = Icebox()
        freezer = Freezer(lambda: True)
        freezer.sandbox = box
        freezer.rest()
        await box.frozen()
        assert freezer.frozen and freezer.wake() and not freezer.wake()
        assert box.done == ["freeze", "thaw"]

    asyncio.run(story())


def test_an_event_in_time_finds_it_awake() -> None:
    """And a runtime that still works after its answer is left to that."""

    async def story() -> None:
        looks: list[bool] = [True, False, False]
        box = Icebox()
        freezer = Freezer(lambda: not looks.pop())
        freezer.sandbox = box
        freezer.rest()
        assert not freezer.wake() and box.done == [] and len(looks) == 3
        looks.reverse()
        looks[:] = [False, True, True]
        freezer.rest()
        await box.frozen()
        assert looks == [] and freezer.frozen

    asyncio.run(story())


def test_where_it_cannot_be_frozen_nothing_is_thawed() -> None:
    async def story() -> None:
        box = Icebox(can=False)
        freezer = Freezer(lambda: True)
        freezer.sandbox = box
        freezer.rest()
        await box.frozen()
        assert not freezer.wake() and box.done == ["freeze"]

    asyncio.run(story())
