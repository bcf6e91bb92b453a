"""The plane is killed with each transaction of a deployment in turn; another one brings it to its end."""

from __future__ import annotations

import pytest

from windlass.kernel.clock import SECOND
from windlass.kernel.faults import Retry
from windlass.sim.stories.services import Estate
from windlass.sim.stories.telling import tell
from windlass.sim.world import ACCOUNT

BREAKER = {"enable": True, "rollback": True}


async def update(estate: Estate) -> None:
    """A rolling update of two tasks."""
    definition = await estate.define(ACCOUNT, "well", "EC2")
    await estate.call(ACCOUNT, "UpdateService", service="a", taskDefinition=definition)


async def break_down(estate: Estate) -> None:
    """An update that is rolled back."""
    definition = await estate.define(ACCOUNT, "broken", "EC2")
    await estate.call(ACCOUNT, "UpdateService", service="a", taskDefinition=definition)


async def delete(estate: Estate) -> None:
    """The service goes, with its tasks."""
    await estate.call(ACCOUNT, "DeleteService", service="a", force=True)


DEEDS = {"update": update, "roll-back": break_down, "delete": delete}
ROLLING = {"deploymentCircuitBreaker": BREAKER}
WAYS = {
    "rolling": ROLLING,
    "blue-green": {**ROLLING, "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0},
}


def run(deed: str, way: str, kill_at: int) -> int:
    """The deed in a world in which the plane is killed with that transaction of it; how many it has."""
    counted = 0

    async def story(estate: Estate) -> None:
        nonlocal counted
        good = await estate.define(ACCOUNT, "good", "EC2")
        await estate.call(
            ACCOUNT,
            "CreateService",
            serviceName="a",
            taskDefinition=good,
            desiredCount=2,
            deploymentConfiguration=WAYS[way],
        )
        await estate.world.pass_time(10 * SECOND)
        begun = estate.disk.commits
        if kill_at:
            estate.world.kill_at(begun + kill_at)
        for _ in range(40):
            try:
                await DEEDS[deed](estate)
                break
            except Retry:  # nobody knows whether it was heard
                await estate.world.pass_time(SECOND)
                await estate.revive()
        await estate.world.pass_time(20 * SECOND)
        counted = estate.disk.commits - begun
        await estate.end_faults()
        await estate.world.pass_time(40 * SECOND)
        assert not estate.unfinished()
        assert estate.world.lives == (2 if kill_at else 1)
        up = [task for task in estate.tasks() if task.last_status == "RUNNING"]
        images = {task.containers[0].image for task in up}
        expected = {"update": {"well"}, "roll-back": {"good"}, "delete": set()}
        assert images == expected[deed] and len(up) == 2 * len(images)
        estate.check_settled()

    tell(Estate, story, 1)
    return counted


@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("deed", sorted(DEEDS))
def test_killed_at_each_transaction(deed: str, way: str) -> None:
    """Each of them, the first to the last."""
    count = run(deed, way, 0)
    assert count > 5
    for transaction in range(1, count + 1):
        run(deed, way, transaction)
