"""Fargate Spot in virtual time: tasks are interrupted at the profile's rate, and no others are."""

from __future__ import annotations

import pytest

from windlass.aws.quotas import Profile
from windlass.fleet.spot_hazard import RATE, WARNING
from windlass.kernel.clock import HOUR, SECOND
from windlass.services import ec2, ecs
from windlass.services.ecs.interruptions import Interruptions
from windlass.services.ecs.model import TASKS
from windlass.sim.world import ACCOUNT, World

TASKS_OF_A_KIND = 40
PROVIDERS = ("FARGATE", "FARGATE_SPOT")
FARGATE = {"networkMode": "awsvpc", "cpu": "256", "memory": "512", "requiresCompatibilities": ["FARGATE"]}


async def run_tasks(world: World, provider: str, count: int) -> list[str]:
    """So many tasks of that provider; their ARNs."""
    subnets = (await world.call("ec2", "DescribeSubnets"))["Subnets"]
    answer = await world.call(
        "ecs",
        "RunTask",
        taskDefinition="w",
        count=count,
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnets[0]["SubnetId"]]}},
        capacityProviderStrategy=[{"capacityProvider": provider, "weight": 1}],
    )
    return [task["taskArn"] for task in answer["tasks"]]


async def prepare(world: World) -> None:
    world.add_node("n1")
    await world.call("ecs", "CreateCluster", clusterName="default", capacityProviders=list(PROVIDERS))
    containers = [{"name": "main", "image": "worker"}]
    await world.call("ecs", "RegisterTaskDefinition", family="w", containerDefinitions=containers, **FARGATE)


def test_two_minutes_are_all_there_is() -> None:
    """A task that would take ten minutes to end is killed two minutes after its warning."""
    profile = Profile("test", delays={WARNING: 120.0, "task.stop": 600.0})
    world = World((ec2.SERVICE, ecs.SERVICE), profile, 1)

    async def story(world: World) -> None:
        await prepare(world)
        [arn] = await run_tasks(world, "FARGATE_SPOT", 1)
        await world.pass_time(10 * SECOND)
        await world.plane.calls.part(Interruptions).interrupt(arn)
        for after, status, exit_code in ((119, "STOPPING", None), (2, "STOPPED", 137)):
            await world.pass_time(after * SECOND)
            [task] = (await world.call("ecs", "DescribeTasks", tasks=[arn]))["tasks"]
            assert (task["lastStatus"], task["containers"][0].get("exitCode")) == (status, exit_code)

    world.run(story)


@pytest.mark.parametrize("seed", range(3))
def test_spot_tasks_are_interrupted_at_the_rate(seed: int) -> None:
    """40 Spot tasks at 0.25 an hour each: about half of them are gone after three hours, and nothing else."""
    profile = Profile("test", quotas={RATE: 0.25}, delays={WARNING: 120.0, "task.stop": 1.0})
    world = World((ec2.SERVICE, ecs.SERVICE), profile, seed, check_every=HOUR)

    async def story(world: World) -> None:
        await prepare(world)
        for provider in PROVIDERS:
            for _ in range(TASKS_OF_A_KIND // 10):
                await run_tasks(world, provider, 10)
        await world.pass_time(3 * HOUR - 10 * SECOND)
        tasks = world.plane.store[TASKS].all()
        ended = [task for task in tasks if task.desired_status == "STOPPED"]
        left = dict.fromkeys(("FARGATE", "FARGATE_SPOT"), 0)
        for provider in left:
            key = (ACCOUNT, "us-east-1", "default", provider)
            left[provider] = world.plane.store[TASKS].count("provider", key)
        assert left["FARGATE"] == TASKS_OF_A_KIND
        assert {task.stop_code for task in ended} == {"SpotInterruption"}
        assert 8 <= left["FARGATE_SPOT"] <= 31  # e^-0.75 of 40 is 19, four sigmas of 3

    world.run(story)
