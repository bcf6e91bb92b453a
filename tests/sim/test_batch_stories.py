"""Batch through random stories: whatever happens, its promises hold, and every job ends."""

from __future__ import annotations

from tests.sim import seeds
from windlass.kernel.clock import DAY, SECOND
from windlass.services.batch.model import CHILDREN, JOB_TABLES, JOBS
from windlass.services.batch.reasons import MAX_RESOURCE
from windlass.sim.disk import FSYNC
from windlass.sim.stories.batch import Farm
from windlass.sim.stories.telling import tell

STEPS = 30


class Wide(Farm):
    """With room for large arrays, and looked at seldom: for stories of days."""

    caps = (100, 100)
    check_every = DAY


@seeds.each(12)
def test_users_submit_and_stop_jobs(story_seed: int) -> None:
    """Jobs and arrays wait for each other, are cancelled, terminated; caps, queues, definitions change."""

    async def story(farm: Farm) -> None:
        for _ in range(STEPS):
            await farm.step(farm.users())
        await farm.ends_well()

    tell(Farm, story, story_seed)


@seeds.each(12)
def test_nodes_fail_under_jobs(story_seed: int) -> None:
    """The same, while nodes are cut off and forget what they ran."""

    async def story(farm: Farm) -> None:
        for _ in range(STEPS):
            await farm.step([*farm.users(), *farm.trouble()])
        await farm.ends_well()

    tell(Farm, story, story_seed)


@seeds.each(12)
def test_the_disk_is_full_under_jobs(story_seed: int) -> None:
    """The same, and the disk takes its time, and is full for a while: what was undone did not happen."""

    async def story(farm: Farm) -> None:
        for _ in range(STEPS):
            await farm.step([*farm.users(), *farm.trouble(), farm.fill_or_empty])
        await farm.ends_well()

    tell(Farm, story, story_seed, FSYNC)


@seeds.each(16)
def test_the_plane_is_killed_under_jobs(story_seed: int) -> None:
    """The same, and the plane is killed at any transaction and starts again from what was durable."""

    async def story(farm: Farm) -> None:
        deeds = [*farm.users(), *farm.users(), *farm.trouble()]
        deeds += [farm.kill_soon] * 5 + [farm.revive] * 6
        for _ in range(STEPS + 10):
            await farm.step(deeds)
        await farm.ends_well()

    tell(Farm, story, story_seed, FSYNC if story_seed % 2 else 0)


def test_a_time_limit_leaves_alone_what_runs() -> None:
    """Two children of an array run when the cap falls below their size: the others are cancelled."""

    async def story(farm: Farm) -> None:
        await farm.define("lasting", vcpus=2)
        action = {"state": "RUNNABLE", "maxTimeSeconds": 600, "action": "CANCEL", "reason": MAX_RESOURCE}
        await farm.add_queue("limited", 1, ["ce0"], jobStateTimeLimitActions=[action])
        await farm.world.pass_time(SECOND)
        array = await farm.submit("lasting", "limited", arrayProperties={"size": 5})
        await farm.world.pass_time(10 * SECOND)
        await farm.call(
            "UpdateComputeEnvironment", computeEnvironment="ce0", computeResources={"maxvCpus": 1}
        )
        await farm.world.pass_time(500 * SECOND)
        assert farm.job(array).reason.startswith(MAX_RESOURCE) and farm.job(array).status == "PENDING"
        await farm.ended()
        assert farm.ends() == {"SUCCEEDED": 2, "FAILED": 3}
        assert farm.job(array).reason.startswith("Canceled by JobStateTimeLimit action due to reason: ")

    tell(Farm, story, 1)


def test_children_that_are_to_be_tried_again_end_with_their_array() -> None:
    """They failed once, and nothing may start: cancelled, they are FAILED with the others."""

    async def story(farm: Farm) -> None:
        retry = {"attempts": 3}
        array = await farm.submit("flaky", "high", arrayProperties={"size": 6}, retryStrategy=retry)
        await farm.world.pass_time(SECOND)
        await farm.call("UpdateComputeEnvironment", computeEnvironment="ce0", state="DISABLED")
        await farm.world.pass_time(10 * SECOND)
        again = farm.world.plane.store[CHILDREN].by("status", (array, "RUNNABLE"))
        assert len(again) == 4
        await farm.call("CancelJob", jobId=array, reason="not needed")
        assert farm.ends() == {"FAILED": 6}
        children = [f"{array}:{index}" for index in range(6)]
        shown = (await farm.call("DescribeJobs", jobs=children))["jobs"]
        assert {(job["status"], job["statusReason"]) for job in shown} == {("FAILED", "not needed")}
        await farm.ended()

    tell(Farm, story, 1)


def test_a_deleted_queue_ends_what_a_cancelled_array_runs() -> None:
    """Children that a cancel left alone are terminated with the queue."""

    async def story(farm: Farm) -> None:
        await farm.define("lasting")
        array = await farm.submit("lasting", "high", arrayProperties={"size": 6})
        await farm.world.pass_time(10 * SECOND)
        await farm.call("CancelJob", jobId=array, reason="not needed")
        await farm.call("UpdateJobQueue", jobQueue="high", state="DISABLED")
        await farm.world.pass_time(SECOND)
        await farm.call("DeleteJobQueue", jobQueue="high")
        await farm.ended(60 * SECOND)
        assert farm.ends() == {"FAILED": 6}

    tell(Farm, story, 1)


def test_jobs_are_forgotten_in_time() -> None:
    """Eight days after their end nothing of them is left: arrays, their children, single jobs."""

    async def story(farm: Farm) -> None:
        await farm.submit("odd", arrayProperties={"size": 600})
        await farm.submit("good")
        await farm.ended()
        for node in sorted(farm.world.nodes):
            farm.world.disconnect(node)
        store = farm.world.plane.store
        await farm.world.pass_time(6 * DAY)
        assert (len(store[JOBS]), len(store[CHILDREN])) == (2, 600)
        await farm.world.pass_time(2 * DAY)
        assert not [table.name for table in JOB_TABLES if len(store[table])]

    tell(Wide, story, 1)
