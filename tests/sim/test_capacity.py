"""Capacity providers in virtual time: a group grows from nothing for a thousand tasks, and goes with them."""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest

from tests.metric_values import means
from tests.sim.scaling_groups import make_group
from windlass.aws.metrics import Metrics
from windlass.aws.quotas import load_profile
from windlass.fleet.model import INSTANCES as MACHINES
from windlass.kernel.clock import MINUTE, SECOND
from windlass.kernel.faults import Fault
from windlass.services import autoscaling, ec2, ecs, logs
from windlass.services.autoscaling.model import MEMBERS
from windlass.services.ecs.capacity_scaling import METRIC, NAMESPACE
from windlass.services.ecs.instance_model import INSTANCES
from windlass.services.ecs.model import TASKS
from windlass.services.ecs.provider_model import WAITING
from windlass.sim.world import ACCOUNT, REGION, World

SERVICES = (autoscaling.SERVICE, ec2.SERVICE, ecs.SERVICE, logs.SERVICE)
TASKS_IN_ALL = 1_000
PER_INSTANCE = 16
"""Tasks of a quarter of a vCPU on an m5.xlarge."""
KEY = (ACCOUNT, REGION, "prod")


async def a_cluster(world: World, **provider: Any) -> None:
    """The cluster prod with a managed provider `web` on a group of m5.xlarge, and a task definition."""
    world.add_node("embedded")
    script = base64.b64encode(b"echo ECS_CLUSTER=prod >> /etc/ecs/ecs.config").decode()
    template = {"InstanceType": "m5.xlarge", "UserData": script}
    await make_group(world, "ab", 0, 200, template, NewInstancesProtectedFromScaleIn=True)
    await world.call(
        "ecs",
        "CreateCapacityProvider",
        name="web",
        autoScalingGroupProvider={
            "autoScalingGroupArn": "web",
            "managedScaling": {"status": "ENABLED"},
            "managedTerminationProtection": "ENABLED",
            **provider,
        },
    )
    await world.call("ecs", "CreateCluster", clusterName="prod")
    await world.call(
        "ecs",
        "PutClusterCapacityProviders",
        cluster="prod",
        capacityProviders=["web"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "web", "weight": 1}],
    )
    main = {"name": "main", "image": "worker", "cpu": 256, "memory": 512}
    await world.call("ecs", "RegisterTaskDefinition", family="work", containerDefinitions=[main])


async def run(world: World, count: int) -> list[str]:
    """So many tasks, ten a call, as fast as ECS takes them."""
    arns: list[str] = []
    while len(arns) < count:
        try:
            ran = await world.call("ecs", "RunTask", cluster="prod", taskDefinition="work", count=10)
        except Fault as fault:
            assert fault.code in ("ClientException", "ThrottlingException"), fault
            await world.pass_time(5 * SECOND)
            continue
        arns += [task["taskArn"] for task in ran["tasks"]]
    return arns


async def stop(world: World, arns: list[str]) -> None:
    """All of them, no faster than ECS lets a caller."""
    for arn in arns:
        await world.call("ecs", "StopTask", cluster="prod", task=arn)
        await world.pass_time(SECOND // 10)


def running(world: World) -> int:
    return world.plane.store[TASKS].count("phase", (*KEY, "EC2", "running"))


def instances(world: World) -> int:
    return world.plane.store[INSTANCES].count("cluster", KEY)


async def desired(world: World) -> int:
    found = await world.call("autoscaling", "DescribeAutoScalingGroups", AutoScalingGroupNames=["web"])
    return int(found["AutoScalingGroups"][0]["DesiredCapacity"])


async def until_running(world: World, count: int) -> None:
    while running(world) < count:
        await world.pass_time(SECOND)


def test_from_nothing_to_a_thousand_tasks_and_back() -> None:
    """0 → 2 instances in the first minute → as many as the waiting tasks fill, warm-up by warm-up → 63;

    then the tasks end, and after 15 low minutes the group halves until nothing is left.
    """
    sizes: list[int] = []

    async def story(world: World) -> None:
        await a_cluster(world)
        arns = world.begin("client", run(world, TASKS_IN_ALL))
        while not sizes or running(world) < TASKS_IN_ALL:
            await world.pass_time(5 * SECOND)
            now = await desired(world)
            if not sizes or sizes[-1] != now:
                sizes.append(now)
        assert sizes[:2] == [0, 2]
        assert sizes == sorted(sizes)
        assert sizes[-1] == -(-TASKS_IN_ALL // PER_INSTANCE) == instances(world)
        took = world.elapsed / SECOND
        assert 900 < took < 1_500, took
        await shrink(world, await arns)

    async def shrink(world: World, arns: list[str]) -> None:
        ended = world.elapsed
        await stop(world, arns)
        before = sizes[-1]
        while instances(world):
            await world.pass_time(10 * SECOND)
            now = await desired(world)
            assert now >= before - max(1, before // 2), "at most half a step"
            if now < before:
                assert world.elapsed - ended > 14 * MINUTE
            before = now
        assert world.elapsed - ended < 30 * MINUTE
        of = {"CapacityProviderName": "web", "ClusterName": "prod"}
        points = means(world.plane.calls.part(Metrics), ACCOUNT, REGION, NAMESPACE, METRIC, of)
        assert points[-1] in (0.0, 100.0)

    World(SERVICES, load_profile("aws-2022"), seed=1, check_every=MINUTE).run(story)


FAMILIES = ("apart", "huge", "port", "work")
APART = [{"type": "distinctInstance"}]


async def a_mishap(world: World, stream: random.Random, running_tasks: list[str]) -> None:
    """One thing that somebody may do, or that may happen, drawn."""
    match stream.randrange(9):
        case 0 | 1 | 2:
            family = stream.choice(FAMILIES)
            try:
                ran = await world.call(
                    "ecs", "RunTask", cluster="prod", taskDefinition=family, count=stream.randint(1, 10),
                    placementConstraints=APART if family == "apart" else [],
                )  # fmt: skip
                running_tasks += [task["taskArn"] for task in ran["tasks"]]
            except Fault as fault:
                assert fault.code in ("ClientException", "ThrottlingException"), fault
        case 3 | 4 if running_tasks:
            arn = running_tasks.pop(stream.randrange(len(running_tasks)))
            await world.call("ecs", "StopTask", cluster="prod", task=arn)
        case 5:
            sizes = {"MinSize": stream.randint(0, 2), "MaxSize": stream.randint(2, 20)}
            await world.call("autoscaling", "UpdateAutoScalingGroup", AutoScalingGroupName="web", **sizes)
        case 6:
            machines = [m.id for m in world.plane.store[MACHINES].by("phase", "running")]
            if machines:
                await world.call("ec2", "TerminateInstances", InstanceIds=[stream.choice(sorted(machines))])
        case 7:
            world.disconnect("embedded")
            await world.pass_time(stream.randint(0, 10) * SECOND)
            world.connect("embedded")
        case _:
            await world.pass_time(stream.randint(1, 400) * SECOND)


@pytest.mark.parametrize("seed", range(15))
def test_whatever_happens_it_settles(seed: int) -> None:
    """Tasks come and go, sizes change, machines and sessions end; then nothing is left, and nothing waits."""

    async def story(world: World) -> None:
        stream = random.Random(seed)
        await a_cluster(world, managedDraining=stream.choice(["ENABLED", "DISABLED"]))
        await other_definitions(world)
        arns: list[str] = []
        for _ in range(40):
            await a_mishap(world, stream, arns)
        await world.call("autoscaling", "UpdateAutoScalingGroup", AutoScalingGroupName="web",
                         MinSize=0, MaxSize=200)  # fmt: skip
        await world.pass_time(40 * MINUTE)
        tasks = world.plane.store[TASKS]
        waits = [tasks.require(row.id).family for row in world.plane.store[WAITING].all()]
        assert set(waits) <= {"huge"}, "what fits on an instance of the group runs"
        await stop(world, [task.arn for task in tasks.all() if task.desired_status == "RUNNING"])
        await world.pass_time(40 * MINUTE)
        assert (instances(world), await desired(world)) == (0, 0)
        assert world.plane.store[WAITING].count("cluster", KEY) == 0
        assert world.plane.store[MEMBERS].count("scope", KEY[:2]) == 0

    World(SERVICES, load_profile("aws-2022"), seed, check_every=5 * SECOND, shuffle=True).run(story)


async def other_definitions(world: World) -> None:
    """One task to an instance by constraint and by host port, and one that fits nowhere."""
    main = {"name": "main", "image": "worker", "cpu": 256, "memory": 512}
    shapes: dict[str, dict[str, Any]] = {
        "apart": {},
        "port": {"portMappings": [{"containerPort": 80, "hostPort": 8080}]},
        "huge": {"cpu": 8_192},
    }
    for family, shape in shapes.items():
        containers = [{**main, **shape}]
        await world.call(
            "ecs", "RegisterTaskDefinition", family=family, networkMode="bridge",
            containerDefinitions=containers,
        )  # fmt: skip


def test_waiting_has_a_quota_and_may_end() -> None:
    """The 301st task of a cluster that would wait is refused; one that waits can be stopped."""

    async def story(world: World) -> None:
        await a_cluster(world)
        arns = await run(world, 300)
        with pytest.raises(Fault, match="PROVISIONING") as refused:
            await world.call("ecs", "RunTask", cluster="prod", taskDefinition="work")
        assert refused.value.code == "ClientException"
        await world.call("ecs", "StopTask", cluster="prod", task=arns[0], reason="enough")
        await world.pass_time(SECOND)
        [task] = (await world.call("ecs", "DescribeTasks", cluster="prod", tasks=arns[:1]))["tasks"]
        assert (task["lastStatus"], task["stoppedReason"]) == ("STOPPED", "enough")
        assert world.plane.store[WAITING].count("cluster", KEY) == 299
        await world.call("ecs", "RunTask", cluster="prod", taskDefinition="work")

    World(SERVICES, load_profile("aws-2022"), seed=2).run(story)


def test_instances_that_go_are_emptied_first() -> None:
    """The group is made smaller by hand: instances drain, their tasks run to their end, then they go."""

    async def story(world: World) -> None:
        await a_cluster(world, managedTerminationProtection="DISABLED")
        await world.call(
            "autoscaling", "UpdateAutoScalingGroup", AutoScalingGroupName="web",
            NewInstancesProtectedFromScaleIn=False, DesiredCapacity=2,
        )  # fmt: skip
        arns = await run(world, 20)
        await until_running(world, 20)
        await world.call("autoscaling", "UpdateAutoScalingGroup", AutoScalingGroupName="web", MaxSize=0)
        await world.pass_time(MINUTE)
        rows = world.plane.store[INSTANCES].by("cluster", KEY)
        assert {row.status for row in rows} == {"DRAINING"}
        assert running(world) == 20
        shown = await world.call("autoscaling", "DescribeAutoScalingInstances")
        states = {one["LifecycleState"] for one in shown["AutoScalingInstances"]}
        assert states == {"Terminating:Wait"}
        await stop(world, arns)
        await world.pass_time(MINUTE)
        assert instances(world) == 0
        assert (await world.call("autoscaling", "DescribeAutoScalingInstances"))["AutoScalingInstances"] == []

    World(SERVICES, load_profile("aws-2022"), seed=3).run(story)


def test_a_service_is_moved_off_instances_that_go() -> None:
    """Two instances of which one is to go: its tasks are replaced on the other before they are stopped."""

    async def story(world: World) -> None:
        await a_cluster(world, managedTerminationProtection="DISABLED")
        await world.call(
            "autoscaling", "UpdateAutoScalingGroup", AutoScalingGroupName="web", MinSize=2,
            NewInstancesProtectedFromScaleIn=False,
        )  # fmt: skip
        while instances(world) < 2:
            await world.pass_time(SECOND)
        await world.call("ecs", "CreateService", cluster="prod", serviceName="s", taskDefinition="work",
                         desiredCount=6)  # fmt: skip
        await until_running(world, 6)
        await world.call("autoscaling", "UpdateAutoScalingGroup", AutoScalingGroupName="web", MinSize=1,
                         DesiredCapacity=1)  # fmt: skip
        while instances(world) == 2:
            await world.pass_time(SECOND)
            assert running(world) >= 6
        [left] = world.plane.store[INSTANCES].by("cluster", KEY)
        on = {task.instance for task in world.plane.store[TASKS].by("cluster", (*KEY, "RUNNING"))}
        assert on == {left.id}

    World(SERVICES, load_profile("aws-2022"), seed=4).run(story)


def test_tasks_with_interfaces_wait_without_one() -> None:
    """In mode awsvpc a task is connected when it has an instance, in a subnet of the instance's zone."""

    async def story(world: World) -> None:
        await a_cluster(world)
        main = {"name": "main", "image": "worker", "cpu": 256, "memory": 512}
        await world.call("ecs", "RegisterTaskDefinition", family="own", networkMode="awsvpc",
                         containerDefinitions=[main])  # fmt: skip
        subnets = (await world.call("ec2", "DescribeSubnets"))["Subnets"]
        zones = {row["SubnetId"]: row["AvailabilityZone"] for row in subnets}
        ran = await world.call(
            "ecs", "RunTask", cluster="prod", taskDefinition="own", count=6,
            networkConfiguration={"awsvpcConfiguration": {"subnets": sorted(zones)}},
        )  # fmt: skip
        assert (await world.call("ec2", "DescribeNetworkInterfaces"))["NetworkInterfaces"] == []
        await until_running(world, 6)
        arns = [task["taskArn"] for task in ran["tasks"]]
        rows = {row.arn: row for row in world.plane.store[INSTANCES].by("cluster", KEY)}
        for task in (await world.call("ecs", "DescribeTasks", cluster="prod", tasks=arns))["tasks"]:
            details = {one["name"]: one["value"] for one in task["attachments"][0]["details"]}
            zone = rows[task["containerInstanceArn"]].all_attributes["ecs.availability-zone"]
            assert (zones[details["subnetId"]], task["availabilityZone"]) == (zone, zone)

    World(SERVICES, load_profile("aws-2022"), seed=5).run(story)
