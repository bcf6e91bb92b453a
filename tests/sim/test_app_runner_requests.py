"""Requests to an App Runner service in virtual time: the proxy's own queue, the plane's own scaler."""

from __future__ import annotations

from typing import Any

from windlass.aws.quotas import load_profile
from windlass.kernel.clock import MILLISECOND, SECOND
from windlass.services import apprunner, ec2, logs
from windlass.services.apprunner.instance_model import INSTANCES
from windlass.sim.arrivals import Phase, silence, steady
from windlass.sim.course import Course
from windlass.sim.proxy import SimulatedProxy
from windlass.sim.requests import offer, to_host
from windlass.sim.world import World

SERVICES = (apprunner.SERVICE, ec2.SERVICE, logs.SERVICE)
IMAGE = {
    "ImageRepository": {"ImageIdentifier": "public.ecr.aws/shop/web:1", "ImageRepositoryType": "ECR_PUBLIC"},
    "AutoDeploymentsEnabled": False,
}


async def service(world: World, *, concurrency: int, most: int) -> tuple[SimulatedProxy, str]:
    """A running service, and its host."""
    world.add_node("n1", course=lambda spec: Course(start=2 * SECOND))
    proxy = world.add_proxy()
    scaling = await world.call(
        "apprunner",
        "CreateAutoScalingConfiguration",
        AutoScalingConfigurationName="tight",
        MaxConcurrency=concurrency,
        MaxSize=most,
    )
    arn = scaling["AutoScalingConfiguration"]["AutoScalingConfigurationArn"]
    made: Any = await world.call(
        "apprunner",
        "CreateService",
        ServiceName="web-shop",
        SourceConfiguration=IMAGE,
        AutoScalingConfigurationArn=arn,
    )
    while made["Service"]["Status"] == "OPERATION_IN_PROGRESS":
        await world.pass_time(SECOND)
        found = await world.call("apprunner", "DescribeService", ServiceArn=made["Service"]["ServiceArn"])
        made = {"Service": found["Service"]}
    assert made["Service"]["Status"] == "RUNNING"
    return proxy, made["Service"]["ServiceUrl"].partition(":")[0]


def active(world: World) -> int:
    return sum(row.state == "active" for row in world.plane.store[INSTANCES].all())


def test_a_burst_waits_in_the_queue_until_instances_are_there() -> None:
    """1. More than one instance takes, for a moment: who waits is served, nobody is refused.

    2. After silence one instance is left, and idle.
    """

    async def story(world: World) -> None:
        proxy, host = await service(world, concurrency=10, most=10)
        send = to_host(proxy, host, lambda: 100 * MILLISECOND)
        calm = await offer(world, [steady(20, for_s=10)], send)
        assert (calm.lost, calm.latency(100), active(world)) == (0, 0.1, 1)
        burst = await offer(world, [steady(115, for_s=0.5), steady(20, for_s=10)], send)
        assert burst.lost == 0
        assert burst.latency(99) > 0.1 and burst.latency(20) == 0.1
        assert active(world) > 1
        await offer(world, [silence(600)], send)
        assert [row.state for row in world.plane.store[INSTANCES].all()] == ["provisioned"]

    World(SERVICES, load_profile("local"), 1).run(story)


def test_more_than_the_queue_holds_is_refused_until_there_are_enough() -> None:
    """A wall of requests: 429 while every queue is full, none once instances have come."""

    async def story(world: World) -> None:
        proxy, host = await service(world, concurrency=5, most=20)
        send = to_host(proxy, host, lambda: 200 * MILLISECOND)
        wall = await offer(world, [steady(200, for_s=60)], send, chance="load")
        assert wall.statuses[429] > 0 and {*wall.statuses} == {200, 429}
        began = wall.outcomes[0].arrived
        assert all(one.arrived < began + 30 * SECOND for one in wall.outcomes if one.status == 429)
        assert active(world) >= 8

    World(SERVICES, load_profile("local"), 1).run(story)


def test_the_plane_s_end_changes_nothing_for_requests() -> None:
    """A session that breaks: what is served is served on; the next session takes the table again."""

    async def story(world: World) -> None:
        proxy, host = await service(world, concurrency=10, most=5)
        send = to_host(proxy, host, lambda: 100 * MILLISECOND)
        generation = proxy.current.generation
        proxy.disconnect()
        alone = await offer(world, [Phase(5, 10, 60)], send)
        assert alone.lost == 0
        world.connect_proxy(proxy)
        await world.pass_time(SECOND)
        again = await offer(world, [steady(60, for_s=5)], send)
        assert again.lost == 0
        assert proxy.current.generation >= generation

    World(SERVICES, load_profile("local"), 1).run(story)
