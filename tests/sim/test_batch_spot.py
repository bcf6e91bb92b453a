"""Batch on Fargate Spot, in virtual time: attempts are interrupted, and their jobs tried again."""

from __future__ import annotations

import pytest

from tests.sim.test_batch_launches import SERVICES, a_queue, submit
from windlass.aws.quotas import Profile
from windlass.fleet.spot_hazard import RATE, WARNING
from windlass.kernel.clock import HOUR, SECOND
from windlass.kernel.faults import Fault
from windlass.services.batch.interruptions import Interruptions
from windlass.services.batch.model import CHILDREN, JOBS
from windlass.sim.world import World

REASON = "Your Spot Task was interrupted."


def test_an_attempt_is_interrupted_by_hand() -> None:
    """1. A job runs on Spot. 2. It is interrupted: SIGTERM, two minutes. 3. Its second attempt runs."""
    profile = Profile("test", delays={WARNING: 120.0, "task.stop": 600.0})

    async def story(world: World) -> None:
        world.add_node("n1")
        await a_queue(world, "FARGATE_SPOT")
        job_id = await submit(
            world,
            retryStrategy={
                "attempts": 3,
                "evaluateOnExit": [
                    {"onStatusReason": "Your Spot Task*", "action": "RETRY"},
                    {"onReason": "*", "action": "EXIT"},
                ],
            },
        )
        await world.pass_time(10 * SECOND)
        interruptions = world.plane.calls.part(Interruptions)
        job = world.plane.store[JOBS].require(job_id)
        task_arn, reason = await interruptions.interrupt(job.id)
        assert (task_arn, reason) == (job.run.task_arn, REASON)
        with pytest.raises(Fault, match="was to stop already"):
            await interruptions.interrupt(task_arn)
        for after, status, attempts in ((119, "RUNNING", 0), (12, "RUNNING", 1)):
            await world.pass_time(after * SECOND)
            job = world.plane.store[JOBS].require(job.id)
            assert (job.status, len(job.run.attempts)) == (status, attempts)
        [ended] = job.run.attempts
        assert (ended.task_arn, ended.status_reason, ended.exit_code) == (task_arn, REASON, 137)
        assert job.run.task_arn != task_arn and not job.run.interrupted

    World(SERVICES, profile, 1).run(story)


@pytest.mark.parametrize("kind", ["FARGATE", "FARGATE_SPOT"])
def test_attempts_are_interrupted_at_the_rate(kind: str) -> None:
    """40 children at 0.25 an hour each: some 30 interruptions in three hours, after which they start anew."""
    profile = Profile("test", quotas={RATE: 0.25}, delays={WARNING: 120.0, "task.stop": 1.0})

    async def story(world: World) -> None:
        world.add_node("n1")
        await a_queue(world, kind)
        await submit(world, arrayProperties={"size": 40}, retryStrategy={"attempts": 10})
        await world.pass_time(3 * HOUR)
        children = list(world.plane.store[CHILDREN].all())
        reasons = [one.status_reason for child in children for one in child.run.attempts]
        assert {child.status for child in children} == {"RUNNING"}
        assert set(reasons) <= {REASON}
        assert len(reasons) == 0 if kind == "FARGATE" else 10 <= len(reasons) <= 55  # 30, 4.5 sigmas of 5.5

    World(SERVICES, profile, 1, check_every=HOUR).run(story)


def test_what_is_not_interrupted() -> None:
    """Unknown references, and jobs elsewhere than on Spot."""

    async def story(world: World) -> None:
        world.add_node("n1")
        await a_queue(world)
        job_id = await submit(world)
        await world.pass_time(10 * SECOND)
        interruptions = world.plane.calls.part(Interruptions)
        with pytest.raises(Fault, match="does not run on FARGATE_SPOT"):
            await interruptions.interrupt(job_id)
        for unknown in ("nothing", "nothing:1", "nothing:x", "arn:aws:ecs:us-east-1:1:task/c/no"):
            assert not interruptions.knows(unknown)
            with pytest.raises(Fault, match="there is no attempt"):
                await interruptions.interrupt(unknown)

    World(SERVICES, Profile("test"), 1).run(story)
