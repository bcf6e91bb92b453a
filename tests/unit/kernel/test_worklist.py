"""Loops over single items: what is added is worked on, in lots, and again when the world refused it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from windlass.kernel.clock import HOUR, WallClock
from windlass.kernel.durable import DurableLog, MemoryLog
from windlass.kernel.faults import Retry
from windlass.kernel.journal import Journal
from windlass.kernel.spawn import Spawn
from windlass.kernel.store import Store
from windlass.kernel.worklist import Worklist


def lots(
    added: Sequence[str],
    everything: Sequence[str] = (),
    refused: Callable[[int], bool] = lambda lot: False,
    until: int = 1,
) -> list[list[str]]:
    """The lots that were worked on, until so many items have been; the first letter is the owner.

    `refused` says which lots, by number, the world refuses.
    """
    crashes: list[BaseException] = []

    async def play() -> list[list[str]]:
        clock, done = WallClock(), asyncio.Event()
        found: list[list[str]] = []
        count = 0

        def work(tx: object, items: Sequence[str], now: int) -> None:
            nonlocal count
            found.append(list(items))
            if refused(len(found)):
                raise Retry(at=0, why="the world is wrong")
            count += len(items)
            if count >= until:
                done.set()

        store = Store((), DurableLog(MemoryLog()))
        worklist = Worklist[str](
            "test",
            store,
            clock,
            Journal(clock.now),
            work=work,
            everything=lambda: ((item[0], item) for item in everything),
            most=2,
            period=HOUR,
        )
        for item in added:
            worklist.add(item[0], item)
        spawn = Spawn(lambda name, error: crashes.append(error))
        spawn.start("worklist", worklist.loop.run())
        await done.wait()
        await spawn.close()
        return found

    found = asyncio.run(play())
    assert not crashes
    return found


def test_the_first_pass_looks_at_everything() -> None:
    """Whoever starts knows nothing of what changed before. An item that was added too comes once."""
    assert lots(["a2"], everything=["a1", "a2"], until=2) == [["a2", "a1"]]


def test_lots_are_bounded_and_owners_take_turns() -> None:
    """b's only item is in the first lot, though a's three came before it."""
    assert lots(["a1", "a2", "a3", "b1"], until=4) == [["a1", "b1"], ["a2", "a3"]]


def test_what_the_world_refused_comes_again() -> None:
    """Behind those that wait, so that no item that always fails holds up the others."""
    found = lots(["a1", "a2", "a3"], refused=lambda lot: lot == 1, until=3)
    assert found[0] == ["a1", "a2"]
    assert sorted(item for lot in found[1:] for item in lot) == ["a1", "a2", "a3"]
    assert found[1][0] == "a3"
