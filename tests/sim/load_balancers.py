"""A load balancer in virtual time, before a proxy of which a test says everything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from windlass.aws.quotas import load_profile
from windlass.fleet.proxies import Proxies
from windlass.fleet.proxy_messages import (
    Counted,
    FromProxy,
    Frontend,
    FunctionAnswer,
    FunctionCall,
    Idle,
    Pool,
    Probed,
    ProxyHello,
    Table,
    ToProxy,
)
from windlass.kernel.clock import SECOND
from windlass.services import cloudwatch, ec2, elbv2, lambda_, logs
from windlass.sim.disk import SimulatedDisk
from windlass.sim.world import World


@dataclass
class ScriptedProxy:
    """A session of worker 0: keeps the table that it is told, and says what a test has it say."""

    said: asyncio.Queue[FromProxy | None] = field(default_factory=asyncio.Queue)
    frontends: dict[str, Frontend] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    answers: list[FunctionAnswer] = field(default_factory=list)

    async def send(self, message: ToProxy) -> None:
        if isinstance(message, FunctionAnswer):
            self.answers.append(message)
        if isinstance(message, Table):
            if message.whole:
                self.frontends.clear()
                self.pools.clear()
            self.frontends.update({one.key: one for one in message.frontends})
            self.pools.update({one.key: one for one in message.pools})
            for key in message.gone:
                self.frontends.pop(key, None)
                self.pools.pop(key, None)

    async def receive(self) -> FromProxy | None:
        return await self.said.get()

    def close(self) -> None:
        self.said.put_nowait(None)

    def say(self, message: FromProxy) -> None:
        self.said.put_nowait(message)


class Balanced:
    """The world, with a load balancer `web`, a listener, and a group of address targets behind it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.proxy = ScriptedProxy()
        self.balancer = self.listener = self.group = self.vpc = ""

    async def begin(self) -> None:
        self.connect()
        subnets = (await self.world.call("ec2", "DescribeSubnets"))["Subnets"]
        self.vpc = subnets[0]["VpcId"]
        zones = [one["SubnetId"] for one in subnets[:2]]
        made = await self.elb("CreateLoadBalancer", Name="web", Subnets=zones)
        self.balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
        self.group = await self.a_group("web")
        self.listener = await self.a_listener(80, self.group)

    def connect(self) -> None:
        """Open a session, of a proxy that knows nothing."""
        self.proxy = ScriptedProxy()
        self.proxy.say(ProxyHello(0, 1, 0, ""))
        proxies = self.world.plane.calls.part(Proxies)
        self.world.begin("proxy 0", proxies.serve(self.proxy))

    async def elb(self, operation: str, **params: Any) -> Any:
        return await self.world.call("elbv2", operation, **params)

    async def a_group(self, name: str, **asked: Any) -> str:
        wanted = {"Protocol": "HTTP", "Port": 80, "VpcId": self.vpc, "TargetType": "ip", **asked}
        made = await self.elb("CreateTargetGroup", Name=name, **wanted)
        return str(made["TargetGroups"][0]["TargetGroupArn"])

    async def a_listener(self, port: int, group: str) -> str:
        actions = [{"Type": "forward", "TargetGroupArn": group}]
        of = {"LoadBalancerArn": self.balancer, "Protocol": "HTTP", "Port": port}
        made = await self.elb("CreateListener", **of, DefaultActions=actions)
        return str(made["Listeners"][0]["ListenerArn"])

    async def register(self, *ports: int) -> None:
        targets = [{"Id": "127.0.0.1", "Port": port} for port in ports]
        await self.elb("RegisterTargets", TargetGroupArn=self.group, Targets=targets)

    async def deregister(self, *ports: int) -> None:
        targets = [{"Id": "127.0.0.1", "Port": port} for port in ports]
        await self.elb("DeregisterTargets", TargetGroupArn=self.group, Targets=targets)

    async def health(self, port: int) -> tuple[str, str]:
        """(state, reason) of a target."""
        asked = [{"Id": "127.0.0.1", "Port": port}]
        said = await self.elb("DescribeTargetHealth", TargetGroupArn=self.group, Targets=asked)
        one = said["TargetHealthDescriptions"][0]["TargetHealth"]
        return one["State"], one.get("Reason", "")

    async def probe(self, port: int, state: Any, reason: str = "", description: str = "") -> None:
        at = self.world.clock.now()
        self.proxy.say(Probed(self.group, f"127.0.0.1:{port}", state, reason, description, at))
        await self.settle()

    async def idle(self, port: int) -> None:
        self.proxy.say(Idle(self.group, f"127.0.0.1:{port}"))
        await self.settle()

    async def count(self, counted: Counted) -> None:
        self.proxy.say(counted)
        await self.settle()

    async def ask(self, call: FunctionCall) -> FunctionAnswer:
        self.proxy.say(call)
        while not self.proxy.answers:
            await self.settle()
        return self.proxy.answers.pop()

    async def settle(self) -> None:
        """Time for loops to do what they have to."""
        await self.world.pass_time(SECOND // 10)

    def endpoints(self) -> dict[int, Any]:
        """Port → endpoint that the proxy has of the group."""
        pool = self.proxy.pools.get(self.group)
        return {} if pool is None else {one.port: one for one in pool.endpoints}


def play(
    story: Callable[[Balanced], Awaitable[None]], profile: str = "local", disk: SimulatedDisk | None = None
) -> None:
    services = (ec2.SERVICE, elbv2.SERVICE, cloudwatch.SERVICE, lambda_.SERVICE, logs.SERVICE)
    world = World(services, load_profile(profile), 7, disk=disk)

    async def told(world: World) -> None:
        balanced = Balanced(world)
        await balanced.begin()
        await story(balanced)

    world.run(told)
