"""The plane is killed with each transaction of some jobs in turn; another one brings them to their end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from windlass.kernel.clock import SECOND
from windlass.kernel.faults import Retry
from windlass.sim.stories.batch import Farm
from windlass.sim.stories.telling import tell

Deed = Callable[[Farm], Awaitable[None]]
TWICE = {"retryStrategy": {"attempts": 3}}


async def arrays(farm: Farm) -> None:
    """A sequential array, one that follows it child by child, and a job behind both."""
    first = await farm.submit("good", arrayProperties={"size": 3}, dependsOn=[{"type": "SEQUENTIAL"}])
    second = await farm.submit(
        "good", arrayProperties={"size": 3}, dependsOn=[{"jobId": first, "type": "N_TO_N"}]
    )
    await farm.submit("good", dependsOn=[{"jobId": second}, {"jobId": f"{first}:1"}])


async def retries(farm: Farm) -> None:
    """An array whose children fail twice, and a job that fails for good with its dependent."""
    await farm.submit("flaky", arrayProperties={"size": 2}, **TWICE)
    fails = await farm.submit("fails", "high", **TWICE)
    await farm.submit("good", dependsOn=[{"jobId": fails}])


async def stops(farm: Farm) -> None:
    """Some of an array is told to end while it runs, and all of a job that waits."""
    array = await farm.submit("long", arrayProperties={"size": 8})
    await farm.submit("good", dependsOn=[{"jobId": array}])
    await farm.world.pass_time(5 * SECOND)
    await farm.call("TerminateJob", jobId=f"{array}:1", reason="this one")
    await farm.call("CancelJob", jobId=f"{array}:7", reason="this one, too")
    await farm.call("TerminateJob", jobId=array, reason="all")


async def times_out(farm: Farm) -> None:
    """Jobs that run too long, and a queue that is deleted with what is in it."""
    await farm.submit("long", "high", timeout={"attemptDurationSeconds": 60}, **TWICE)
    await farm.submit("long", arrayProperties={"size": 3})
    await farm.world.pass_time(20 * SECOND)
    await farm.call("UpdateJobQueue", jobQueue="low", state="DISABLED")
    await farm.world.pass_time(SECOND)
    await farm.call("DeleteJobQueue", jobQueue="low")


DEEDS: dict[str, tuple[Deed, dict[str, int]]] = {
    "arrays": (arrays, {"SUCCEEDED": 7}),
    "retries": (retries, {"SUCCEEDED": 2, "FAILED": 2}),
    "stops": (stops, {"FAILED": 9}),
    "times-out": (times_out, {"FAILED": 4}),
}
"""Each with how its jobs end, children counted one by one, unless it was killed half said."""


def run(name: str, kill_at: int) -> int:
    """The deed in a world in which the plane is killed with that transaction of it; how many it has."""
    counted = 0
    deed, expected = DEEDS[name]

    async def story(farm: Farm) -> None:
        nonlocal counted
        begun = farm.disk.commits
        if kill_at:
            farm.world.kill_at(begun + kill_at)
        said = True
        try:
            await deed(farm)
        except Retry:  # nobody knows whether the last word was heard
            said = False
        for _ in range(30):
            await farm.world.pass_time(5 * SECOND)
            await farm.revive()
        counted = farm.disk.commits - begun
        await farm.end_faults()
        await farm.ended()
        assert farm.world.lives == (2 if kill_at else 1)
        if said:
            assert farm.ends() == expected

    tell(Farm, story, 1)
    return counted


@pytest.mark.parametrize("name", sorted(DEEDS))
def test_killed_at_each_transaction(name: str) -> None:
    """Each of them, the first to the last."""
    count = run(name, 0)
    assert count > 15
    for transaction in range(1, count + 1):
        run(name, transaction)
