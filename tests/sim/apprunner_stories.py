"""Worlds with an App Runner service in them, and a proxy that spreads so many requests as the story says.

The proxy is the simplest that can be: it fills active instances, then those on standby, then the queue;
probes find an instance healthy some time after it was published. What the real one does is tested beside it
(proxy/).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from windlass.aws.quotas import load_profile
from windlass.fleet.messages import UnitSpec
from windlass.fleet.proxies import Proxies
from windlass.fleet.proxy_messages import (
    Endpoint,
    Forward,
    FromProxy,
    Idle,
    Load,
    Pool,
    Probed,
    ProxyHello,
    Table,
    ToProxy,
)
from windlass.kernel.clock import MILLISECOND, SECOND, Duration
from windlass.services import apprunner, ec2, logs
from windlass.services.apprunner import pools
from windlass.services.apprunner.instance_model import INSTANCES, Instance
from windlass.services.apprunner.model import SERVICES
from windlass.sim.course import Course
from windlass.sim.disk import SimulatedDisk
from windlass.sim.world import World

ALL = (apprunner.SERVICE, ec2.SERVICE, logs.SERVICE)
Story = Callable[["Told"], Awaitable[None]]
IMAGE = {
    "ImageRepository": {
        "ImageIdentifier": "public.ecr.aws/shop/web:1",
        "ImageRepositoryType": "ECR_PUBLIC",
        "ImageConfiguration": {"StartCommand": "serve"},
    },
    "AutoDeploymentsEnabled": False,
}


class SpreadingProxy:
    """Implements ProxyTransport, and is the proxy behind it."""

    def __init__(self, world: World, healthy_after: Duration) -> None:
        self._world = world
        self._healthy_after = healthy_after
        self._says: asyncio.Queue[FromProxy | None] = asyncio.Queue()
        self._says.put_nowait(ProxyHello(0, 1, 0, "/ingress"))
        self.pools: dict[str, Pool] = {}
        self.serving = ""
        """The pool that the service's frontend forwards to."""
        self.requests = 0
        self.queued = 0
        self.refused = 0
        self.never_healthy = False
        self._probed: set[str] = set()
        self._told_idle: set[str] = set()

    async def send(self, message: ToProxy) -> None:
        assert isinstance(message, Table)
        for key in message.gone:
            self.pools.pop(key, None)
        self.pools.update((pool.key, pool) for pool in message.pools)
        for frontend in message.frontends:
            action = frontend.rules[-1].action
            self.serving = action.shares[0].pool if isinstance(action, Forward) else ""
        for pool in message.pools:
            for one in pool.endpoints:
                self._look(pool, one)
            if pool.key != self.serving:  # which tells nothing of the service
                self._says.put_nowait(Load(pool.key, 0, 0))
        self.spread()

    async def receive(self) -> FromProxy | None:
        return await self._says.get()

    def close(self) -> None:
        self._says.put_nowait(None)

    def offer(self, requests: int) -> None:
        """So many requests are there from now on."""
        self.requests = requests
        self.spread()

    def spread(self) -> None:
        """Give each its share; tell the plane."""
        pool = self.pools.get(self.serving)
        if pool is None:
            return
        left, taken = self.requests, {}
        ready = [one for one in pool.endpoints if one.health == "healthy" and not one.draining]
        for one in sorted(ready, key=lambda one: one.standby):
            taken[one.key] = min(left, pool.concurrency)
            left -= taken[one.key]
        room = len(ready) * pool.queue
        self.queued = min(left, room)
        self.refused = max(self.refused, left - room)
        load = tuple((key, count) for key, count in taken.items() if count)
        self._says.put_nowait(Load(pool.key, self.requests - left, self.queued, load))

    def fail(self, instance_id: str) -> None:
        """The checks of that instance fail from now on."""
        self._says.put_nowait(
            Probed(self.serving, instance_id, "unhealthy", "Target.Timeout", "Request timed out")
        )

    def _look(self, pool: Pool, one: Endpoint) -> None:
        if pool.key.endswith(pools.STARTING) and one.key not in self._probed:
            self._probed.add(one.key)
            self._world.begin("probe", self._probe(pool.key, one.key))
        if one.draining and one.key not in self._told_idle:
            self._told_idle.add(one.key)
            self._says.put_nowait(Idle(pool.key, one.key))

    async def _probe(self, pool: str, endpoint: str) -> None:
        await self._world.pass_time(self._healthy_after)
        if not self.never_healthy:
            self._says.put_nowait(Probed(pool, endpoint, "healthy"))


class Told:
    """One world with a node, a proxy and one service, `web`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.course = Course(start=SECOND)
        world.add_node("n1", course=lambda spec: self.course_of(spec))
        self.arn = ""
        self.proxy = self._a_proxy()

    def _a_proxy(self) -> SpreadingProxy:
        proxy = SpreadingProxy(self.world, 100 * MILLISECOND)
        self.world.begin("proxy", self.world.plane.calls.part(Proxies).serve(proxy))
        return proxy

    async def revive(self) -> None:
        """Another plane, if it was killed, and a proxy of its own."""
        if self.world.down:
            self.proxy.close()
            await self.world.revive()
            self.proxy = self._a_proxy()

    def course_of(self, spec: UnitSpec) -> Course:
        return self.course

    async def call(self, operation: str, **params: Any) -> Any:
        return await self.world.call("apprunner", operation, **params)

    async def create(
        self, concurrency: int = 10, least: int = 1, most: int = 5, status: str = "RUNNING"
    ) -> None:
        """The service, once it has that status."""
        scaling = await self.call(
            "CreateAutoScalingConfiguration",
            AutoScalingConfigurationName="tight", MaxConcurrency=concurrency, MinSize=least, MaxSize=most,
        )  # fmt: skip
        made = await self.call(
            "CreateService",
            ServiceName="web-shop",
            SourceConfiguration=IMAGE,
            AutoScalingConfigurationArn=scaling["AutoScalingConfiguration"]["AutoScalingConfigurationArn"],
        )
        self.arn = made["Service"]["ServiceArn"]
        await self.settled(status)

    async def do(self, operation: str, status: str, **params: Any) -> None:
        """That operation on the service, until it has led to that status."""
        await self.call(operation, ServiceArn=self.arn, **params)
        await self.settled(status)

    async def settled(self, status: str) -> None:
        """Wait until the operation that is on has led to that status."""
        while self.status() == "OPERATION_IN_PROGRESS":
            await self.world.pass_time(100 * MILLISECOND)
            await self.revive()
        assert self.status() == status

    def status(self) -> str:
        return self.world.plane.store[SERVICES].require(self.arn).status

    def instances(self) -> list[Instance]:
        return self.world.plane.store[INSTANCES].by("service", self.arn)

    def states(self) -> list[str]:
        return sorted(one.state for one in self.instances())


def play(story: Story, seed: int = 1, disk: SimulatedDisk | None = None) -> None:
    async def told(world: World) -> None:
        await story(Told(world))

    World(ALL, load_profile("local"), seed, disk=disk).run(told)
