"""The loop of managed scaling in process: what it counts, publishes and protects."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any

from tests.build import ACCOUNT, REGION, SetClock, a_plane, call, start_services
from tests.metric_values import means
from windlass.aws.metrics import Metrics
from windlass.aws.quotas import Profile
from windlass.fleet.model import NODES, Node
from windlass.kernel.clock import MINUTE, SECOND
from windlass.services import autoscaling, ec2, ecs
from windlass.services.autoscaling.model import GROUPS, MEMBERS
from windlass.services.ecs.capacity_scaling import METRIC, NAMESPACE, CapacityScaling
from windlass.services.ecs.instance_model import INSTANCES
from windlass.services.plane import Plane

SERVICES = (autoscaling.SERVICE, ec2.SERVICE, ecs.SERVICE)
SCRIPT = base64.b64encode(b"ECS_CLUSTER=default").decode()


def on_a_plane(scenario: Callable[[Plane, SetClock, CapacityScaling], Awaitable[None]]) -> None:
    """With a protected provider `web` on a group of two instances that have joined the default cluster."""

    async def run() -> None:
        clock = SetClock()
        plane = a_plane(*SERVICES, clock=clock, profile=Profile("test"))
        start_services(plane, SERVICES)
        with plane.store.transact() as tx:
            tx[NODES].put(Node("n1", 4096, 8192, True, "", connected=True))
        try:
            await a_group(plane)
            await scenario(plane, clock, CapacityScaling(plane))
        finally:
            await plane.spawn.close()

    asyncio.run(run())


async def a_group(plane: Plane) -> None:
    data = {"ImageId": "ami-1", "InstanceType": "t3.small", "UserData": SCRIPT}
    await call(plane, "ec2", "CreateLaunchTemplate", LaunchTemplateName="web", LaunchTemplateData=data)
    joined = asyncio.Event()

    def look(change: Any) -> None:
        if plane.store[INSTANCES].count("cluster", (ACCOUNT, REGION, "default")) == 2:
            joined.set()

    plane.store.watch((INSTANCES,), look)
    group: dict[str, Any] = {"AutoScalingGroupName": "web", "MinSize": 0, "MaxSize": 5, "DesiredCapacity": 2}
    await call(
        plane, "autoscaling", "CreateAutoScalingGroup", LaunchTemplate={"LaunchTemplateName": "web"},
        AvailabilityZones=[f"{REGION}a"], NewInstancesProtectedFromScaleIn=True, **group,
    )  # fmt: skip
    provider = {
        "autoScalingGroupArn": "web",
        "managedScaling": {"status": "ENABLED", "instanceWarmupPeriod": 0},
        "managedTerminationProtection": "ENABLED",
    }
    await call(plane, "ecs", "CreateCapacityProvider", name="web", autoScalingGroupProvider=provider)
    await call(
        plane, "ecs", "PutClusterCapacityProviders", cluster="default", capacityProviders=["web"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "web"}],
    )  # fmt: skip
    await asyncio.wait_for(joined.wait(), 5)


def points(plane: Plane) -> list[float]:
    dimensions = {"CapacityProviderName": "web", "ClusterName": "default"}
    return means(plane.calls.part(Metrics), ACCOUNT, REGION, NAMESPACE, METRIC, dimensions)


def size(plane: Plane) -> int:
    return plane.store[GROUPS].require((ACCOUNT, REGION, "web")).desired


def test_a_minute_is_counted_once() -> None:
    """However often a timer rings in it; after fifteen low ones the group is made smaller."""

    async def scenario(plane: Plane, clock: SetClock, scaling: CapacityScaling) -> None:
        clock.time += MINUTE  # the plane's own loop has published the one before
        for minute in range(15):
            assert size(plane) == 2, minute
            due = clock.time + MINUTE
            for rings in (clock.time, clock.time + SECOND, due - 1):
                assert await scaling._pass(rings, frozenset()) == due
            clock.time = due
        assert size(plane) == 1
        assert points(plane)[-15:] == [0.0] * 15

    on_a_plane(scenario)


def test_instances_with_tasks_are_protected_and_no_others() -> None:
    """From the minute on in which they have some."""

    async def scenario(plane: Plane, clock: SetClock, scaling: CapacityScaling) -> None:
        main = {"name": "main", "image": "x", "cpu": 256, "memory": 128}
        await call(plane, "ecs", "RegisterTaskDefinition", family="work", containerDefinitions=[main])
        [task] = (await call(plane, "ecs", "RunTask", taskDefinition="work"))["tasks"]
        await scaling._pass(clock.time + MINUTE, frozenset())
        [busy] = [row for row in plane.store[INSTANCES].all() if row.arn == task["containerInstanceArn"]]
        protected = [row.id for row in plane.store[MEMBERS].all() if row.protected]
        assert protected == [busy.machine_id]
        assert points(plane)[-1] == 50.0

    on_a_plane(scenario)
