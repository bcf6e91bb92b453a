"""Batch's resources in virtual time: delays of the aws profile, quotas, kills, and what is forgotten."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from windlass.aws.quotas import load_profile
from windlass.kernel.clock import DAY, SECOND
from windlass.kernel.faults import Fault, Retry
from windlass.kernel.rows import replace as changed
from windlass.services import batch, ec2, ecs
from windlass.services.batch.definitions_gone import DefinitionsGone
from windlass.services.batch.environments import Environments
from windlass.services.batch.hosts import Hosts
from windlass.services.batch.model import JOBS, Job, Run
from windlass.services.batch.queues import Queues
from windlass.services.batch.resource_model import DEFINITIONS, QUEUES, JobQueue
from windlass.services.batch.usage import Usage
from windlass.services.plane import Plane, Service
from windlass.sim.disk import SimulatedDisk
from windlass.sim.world import ACCOUNT, REGION, World

AWS = load_profile("aws")


def settle(plane: Plane) -> tuple[object, ...]:
    """What moves resources on."""
    usage = Usage(plane.store, plane.clock)
    environments = Environments(plane, usage, Hosts(plane.store))
    return (usage, *started(plane, environments, Queues(plane)))


def forget(plane: Plane) -> tuple[object, ...]:
    """Without what runs jobs, and what looks around more often than each half year needs."""
    return (Usage(plane.store, plane.clock), *started(plane, DefinitionsGone(plane)))


SETTLING = replace(batch.SERVICE, start=settle)
FORGETTING = replace(batch.SERVICE, start=forget)
SERVICES = (ecs.SERVICE, ec2.SERVICE, SETTLING)
NEEDS = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]


def started(plane: Plane, *parts: Any) -> tuple[object, ...]:
    for part in parts:
        plane.spawn.start(part.loop.name, part.loop.run())
    return parts


def play(
    story: Callable[[World], Awaitable[None]],
    *,
    quotas: Mapping[str, float] | None = None,
    disk: SimulatedDisk | None = None,
    services: tuple[Service, ...] = SERVICES,
) -> None:
    profile = replace(AWS, quotas={**AWS.quotas, **(quotas or {})})
    World(services, profile, 1, check_every=DAY, disk=disk).run(story)


async def environment(world: World, name: str = "ce", **params: Any) -> None:
    await world.call(
        "batch", "CreateComputeEnvironment", computeEnvironmentName=name, type="UNMANAGED", **params
    )


async def status(world: World, name: str = "ce") -> str:
    """ "" once it is gone."""
    found = await world.call("batch", "DescribeComputeEnvironments", computeEnvironments=[name])
    return next((str(one["status"]) for one in found["computeEnvironments"]), "")


def test_an_environment_takes_its_time() -> None:
    """5 s CREATING, 3 s UPDATING, 10 s DELETING; nothing else is taken meanwhile."""

    async def story(world: World) -> None:
        await environment(world)
        await world.pass_time(4 * SECOND)
        assert await status(world) == "CREATING"
        with pytest.raises(Fault, match="Cannot update, resource is being modified"):
            await world.call("batch", "UpdateComputeEnvironment", computeEnvironment="ce", state="DISABLED")
        await world.pass_time(2 * SECOND)
        assert await status(world) == "VALID"
        await world.call("batch", "UpdateComputeEnvironment", computeEnvironment="ce", state="DISABLED")
        await world.pass_time(2 * SECOND)
        assert await status(world) == "UPDATING"
        with pytest.raises(Fault, match="Cannot delete, resource is being modified"):
            await world.call("batch", "DeleteComputeEnvironment", computeEnvironment="ce")
        await world.pass_time(2 * SECOND)
        assert await status(world) == "VALID"
        await world.call("batch", "DeleteComputeEnvironment", computeEnvironment="ce")
        await world.pass_time(9 * SECOND)
        assert await status(world) == "DELETING"
        await world.pass_time(2 * SECOND)
        assert await status(world) == ""

    play(story)


def test_no_more_than_the_quota() -> None:
    async def story(world: World) -> None:
        await environment(world)
        with pytest.raises(Fault, match="reached its limit of 1"):
            await environment(world, "other")

    play(story, quotas={"batch.compute_environments": 1})


def killed_at(number: int) -> int:
    """An environment in a world whose plane is killed with that commit; how many commits it took."""
    disk, counted = SimulatedDisk(), 0

    async def story(world: World) -> None:
        nonlocal counted
        begun = disk.commits
        world.kill_at(begun + number)
        try:
            await environment(world)
            await world.pass_time(10 * SECOND)
        except Retry:  # nobody knows whether it was heard
            await world.pass_time(SECOND)
        if world.down:
            await world.revive()
        with suppress(Fault):  # it was
            await environment(world)
        await world.pass_time(30 * SECOND)
        counted = disk.commits - begun
        assert await status(world) == "VALID"
        clusters = (await world.call("ecs", "ListClusters"))["clusterArns"]
        assert len(clusters) == 1 and "/AWSBatch-ce-" in clusters[0]

    play(story, disk=disk)
    return counted


def test_a_kill_leaves_no_half_environment() -> None:
    """Whichever commit is the last one before: afterwards it is VALID, and has one cluster."""
    number = 1
    while killed_at(number) >= number:
        number += 1
    assert number > 3


def test_an_environment_in_which_jobs_run_is_not_deleted() -> None:
    """It becomes INVALID, and goes when they have ended and it is deleted again."""

    async def story(world: World) -> None:
        await environment(world, state="DISABLED")
        await world.pass_time(6 * SECOND)
        job = Job("j", ACCOUNT, REGION, "j", "q", "arn", 1, "RUNNING", run=Run(environment="ce"))
        with world.plane.store.transact() as tx:
            tx[JOBS].put(job)
        await world.call("batch", "DeleteComputeEnvironment", computeEnvironment="ce")
        await world.pass_time(11 * SECOND)
        assert await status(world) == "INVALID"
        with world.plane.store.transact() as tx:
            tx[JOBS].put(changed(job, status="SUCCEEDED"))
        await world.call("batch", "DeleteComputeEnvironment", computeEnvironment="ce")
        await world.pass_time(11 * SECOND)
        assert await status(world) == ""

    play(story)


OTHER = "222222222222"


async def define(world: World, account: str) -> int:
    container = {"image": "busybox", "resourceRequirements": NEEDS}
    asked = {"jobDefinitionName": "job", "type": "container", "containerProperties": container}
    return int((await world.call_as(account, "batch", "RegisterJobDefinition", **asked))["revision"])


async def revisions(world: World, account: str) -> list[int]:
    found = await world.call_as(account, "batch", "DescribeJobDefinitions", jobDefinitionName="job")
    return [one["revision"] for one in found["jobDefinitions"]]


def test_a_deregistered_definition_is_forgotten_after_180_days() -> None:
    """Unless an older job may need it. Not one that is ACTIVE; and no number is used again."""

    async def story(world: World) -> None:
        job = Job("j", ACCOUNT, REGION, "j", "q", "arn:aws:batch:x:1:job-definition/job:1", 1, "PENDING")
        with world.plane.store.transact() as tx:
            tx[QUEUES].put(JobQueue(ACCOUNT, REGION, "q", 1, 1, ("ce",)))
            tx[JOBS].put(job)
        for account in (ACCOUNT, OTHER):
            for _ in range(2):
                await define(world, account)
            await world.call_as(account, "batch", "DeregisterJobDefinition", jobDefinition="job:2")
            with world.plane.store.transact() as tx:
                row = tx[DEFINITIONS].require((account, REGION, "job", 2))
                tx[DEFINITIONS].put(changed(row, deregistered_at=row.deregistered_at - 178 * DAY))
        await world.pass_time(DAY)
        assert await revisions(world, OTHER) == [2, 1]
        await world.pass_time(2 * DAY)
        assert await revisions(world, OTHER) == [1]
        assert await define(world, OTHER) == 3
        assert await revisions(world, ACCOUNT) == [2, 1]
        with world.plane.store.transact() as tx:
            tx[JOBS].put(changed(job, status="SUCCEEDED"))
        await world.pass_time(2 * DAY)
        assert await revisions(world, ACCOUNT) == [1]

    play(story, services=(FORGETTING,))
