"""Services through random stories: whatever happens, the promises of services hold, and all of it ends."""

from __future__ import annotations

from tests.sim import seeds
from windlass.kernel.clock import SECOND
from windlass.sim.disk import FSYNC
from windlass.sim.stories.services import Estate
from windlass.sim.stories.telling import tell
from windlass.sim.world import ACCOUNT

STEPS = 30


@seeds.each(20)
def test_users_change_their_minds(story_seed: int) -> None:
    """Services are created, updated, scaled, forced, deleted over each other; tasks are stopped."""

    async def story(estate: Estate) -> None:
        for _ in range(STEPS):
            await estate.step(estate.users())
        await estate.ends_well()

    tell(Estate, story, story_seed)


@seeds.each(20)
def test_machines_fail(story_seed: int) -> None:
    """The same, while nodes are cut, drained and forget, and Spot tasks are interrupted."""

    async def story(estate: Estate) -> None:
        for _ in range(STEPS):
            await estate.step([*estate.users(), *estate.trouble()])
        await estate.ends_well()

    tell(Estate, story, story_seed)


@seeds.each(20)
def test_the_disk_is_full(story_seed: int) -> None:
    """The same, and the disk takes its time, and is full for a while: what was undone did not happen."""

    async def story(estate: Estate) -> None:
        for _ in range(STEPS):
            await estate.step([*estate.users(), *estate.trouble(), estate.fill_or_empty])
        await estate.ends_well()

    tell(Estate, story, story_seed, FSYNC)


@seeds.each(25)
def test_the_plane_is_killed(story_seed: int) -> None:
    """The same, and the plane is killed at any transaction and starts again from what was durable."""

    async def story(estate: Estate) -> None:
        deeds = [*estate.users(), *estate.users(), *estate.trouble()]
        deeds += [estate.kill_soon] * 5 + [estate.revive] * 6
        for _ in range(STEPS + 10):
            await estate.step(deeds)
        await estate.ends_well()

    tell(Estate, story, story_seed, FSYNC if story_seed % 2 else 0)


def test_tasks_of_an_instance_that_drains_are_replaced() -> None:
    """Elsewhere, and never fewer than the minimum of them: the ledger looks. Then the instance is empty."""

    async def story(estate: Estate) -> None:
        good = await estate.define(ACCOUNT, "good", "EC2")
        await estate.call(ACCOUNT, "CreateService", serviceName="a", taskDefinition=good, desiredCount=4)
        await estate.world.pass_time(20 * SECOND)
        drained = estate.tasks()[0].instance
        await estate.call(
            ACCOUNT, "UpdateContainerInstancesState", containerInstances=[drained], status="DRAINING"
        )
        await estate.world.pass_time(20 * SECOND)
        up = [task for task in estate.tasks() if task.last_status == "RUNNING"]
        assert len(up) == 4 and drained not in {task.instance for task in up}

    tell(Estate, story, 1)
