"""Which nodes are told of which security groups, and when: two simulated nodes, a whole plane."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from windlass.aws.quotas import load_profile
from windlass.fleet.model import UNITS
from windlass.fleet.networks import Rule
from windlass.kernel.clock import SECOND
from windlass.services import ec2, ecs
from windlass.services.ec2.node_groups import Whereabouts
from windlass.sim.runner import SimulatedNode
from windlass.sim.world import World

ANYWHERE = Rule("egress", ranges=("0.0.0.0/0",))


class Vpc:
    """A world with two nodes, the groups web and app, and a way to run a task in one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.nodes = [world.add_node("n1"), world.add_node("n2")]
        self.groups: dict[str, str] = {}
        self.subnet = ""

    async def prepare(self) -> None:
        await self.world.call(
            "ecs",
            "RegisterTaskDefinition",
            family="work",
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": "main", "image": "i"}],
        )
        subnets = (await self.ec2("DescribeSubnets"))["Subnets"]
        self.subnet = subnets[0]["SubnetId"]
        for name in ("app", "web"):
            made = await self.ec2("CreateSecurityGroup", GroupName=name, Description=name)
            self.groups[name] = made["GroupId"]

    async def ec2(self, operation: str, **params: Any) -> Any:
        return await self.world.call("ec2", operation, **params)

    async def run(self, group: str) -> str:
        """A task in that group; returns its id when it runs."""
        network = {"subnets": [self.subnet], "securityGroups": [self.groups[group]]}
        answer = await self.world.call(
            "ecs",
            "RunTask",
            taskDefinition="work",
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": network},
        )
        await self.world.pass_time(SECOND)
        return str(answer["tasks"][0]["taskArn"]).rpartition("/")[2]

    async def let_in(self, into: str, peer: str) -> None:
        opening = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
        opening |= {"UserIdGroupPairs": [{"GroupId": self.groups[peer]}]}
        await self.ec2("AuthorizeSecurityGroupIngress", GroupId=self.groups[into], IpPermissions=[opening])
        await self.world.pass_time(SECOND)

    async def stop(self, task: str) -> None:
        await self.world.call("ecs", "StopTask", task=task)
        await self.world.pass_time(SECOND)

    def node_and_address(self, task: str) -> tuple[SimulatedNode, str]:
        unit = self.world.plane.store[UNITS].require(task)
        assert unit.spec.network.interface is not None
        return self.world.nodes[unit.node_id], unit.spec.network.interface.address


def in_vpc(story: Callable[[Vpc], Awaitable[None]]) -> None:
    async def play(world: World) -> None:
        vpc = Vpc(world)
        await vpc.prepare()
        await story(vpc)

    World((ec2.SERVICE, ecs.SERVICE), load_profile("local"), seed=3).run(play)


def test_members_are_told_where_a_rule_names_them() -> None:
    """web and app run on two nodes: app's node learns web's addresses, web's node nothing of app."""

    async def story(vpc: Vpc) -> None:
        first, second = await vpc.run("web"), await vpc.run("app")
        (web_node, web_address), (app_node, _) = vpc.node_and_address(first), vpc.node_and_address(second)
        web, app = vpc.groups["web"], vpc.groups["app"]
        assert web_node is not app_node
        assert set(web_node.groups) == {web}
        assert app_node.groups[app].rules == (ANYWHERE,)
        await vpc.let_in("app", peer="web")
        assert app_node.groups[app].rules == (ANYWHERE, Rule("ingress", "tcp", 80, 80, (), (web,)))
        assert (app_node.groups[web].members, app_node.groups[web].rules) == ((web_address,), ())
        assert (web_node.groups[web].members, web_node.groups[web].rules) == ((), (ANYWHERE,))
        third = await vpc.run("web")
        _, third_address = vpc.node_and_address(third)
        assert set(app_node.groups[web].members) == {web_address, third_address}
        await vpc.stop(first)
        assert app_node.groups[web].members == (third_address,)

    in_vpc(story)


def test_a_node_that_comes_back_is_told_everything() -> None:
    async def story(vpc: Vpc) -> None:
        node, _ = vpc.node_and_address(await vpc.run("app"))
        vpc.world.disconnect(node.node_id)
        await vpc.let_in("app", peer="app")
        assert node.groups[vpc.groups["app"]].rules == (ANYWHERE,)
        vpc.world.connect(node.node_id)
        await vpc.world.pass_time(SECOND)
        assert len(node.groups[vpc.groups["app"]].rules) == 2

    in_vpc(story)


def test_an_interface_of_ones_own_is_a_member_too() -> None:
    """And leaves the group when its groups are changed."""

    async def story(vpc: Vpc) -> None:
        await vpc.let_in("app", peer="web")
        node, _ = vpc.node_and_address(await vpc.run("app"))
        web = vpc.groups["web"]
        made = await vpc.ec2("CreateNetworkInterface", SubnetId=vpc.subnet, Groups=[web])
        interface = made["NetworkInterface"]
        await vpc.world.pass_time(SECOND)
        assert node.groups[web].members == (interface["PrivateIpAddress"],)
        await vpc.ec2(
            "ModifyNetworkInterfaceAttribute",
            NetworkInterfaceId=interface["NetworkInterfaceId"],
            Groups=[vpc.groups["app"]],
        )
        await vpc.world.pass_time(SECOND)
        assert node.groups[web].members == ()

    in_vpc(story)


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sets(st.sampled_from("abc"), min_size=1))))
def test_counts_go_back_to_nothing(moves: list[tuple[str, set[str]]]) -> None:
    """Whoever came is there until he goes; nothing is kept of those who have gone."""
    where = Whereabouts()
    for node, groups in moves:
        where.count(node, groups, 1)
    for node in "xyz":
        assert where.groups(node) == sorted({g for n, groups in moves if n == node for g in groups})
    for group in "abc":
        assert where.nodes(group) == sorted({n for n, groups in moves if group in groups})
    for node, groups in moves:
        where.count(node, groups, -1)
    assert [where.groups(node) for node in "xyz"] + [where.nodes(group) for group in "abc"] == [[]] * 6
