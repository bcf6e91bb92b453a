"""Load balancers in virtual time: what proxies are told, what becomes of what they say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.sim.load_balancers import Balanced, play
from windlass.aws.metrics import Metrics
from windlass.aws.target_groups import UNUSED, Target, TargetGroups
from windlass.fleet.proxy_messages import (
    AccessLines,
    Bind,
    Count,
    Counted,
    Fixed,
    Forward,
    FunctionCall,
)
from windlass.kernel.clock import MINUTE, SECOND
from windlass.kernel.faults import Fault
from windlass.sim.disk import SimulatedDisk
from windlass.sim.world import ACCOUNT, REGION


def test_proxies_are_told_of_listeners_and_of_groups_in_use() -> None:
    async def story(told: Balanced) -> None:
        await told.register(8080)
        await told.a_group("unused")
        await told.settle()
        shown = (await told.elb("DescribeLoadBalancers"))["LoadBalancers"][0]
        address = shown["AvailabilityZones"][0]["LoadBalancerAddresses"][0]["IpAddress"]
        frontend = told.proxy.frontends[told.listener]
        assert frontend.binds == (Bind(address, 80),)
        assert shown["DNSName"] in frontend.hosts
        assert set(told.proxy.pools) == {told.group}
        assert told.endpoints()[8080].host == "127.0.0.1"
        other = await told.a_listener(8080, told.group)
        await told.settle()
        assert told.proxy.frontends[other].hosts == tuple(
            f"{host}:8080" for host in frontend.hosts if ":" not in host
        )
        await told.elb("DeleteListener", ListenerArn=told.listener)
        await told.settle()
        assert set(told.proxy.frontends) == {other}
        assert shown["DNSName"] in told.proxy.frontends[other].hosts
        await told.elb("DeleteLoadBalancer", LoadBalancerArn=told.balancer)
        await told.settle()
        assert not told.proxy.frontends
        assert not told.proxy.pools

    play(story)


def test_a_target_is_as_proxies_see_it() -> None:
    """Registered, checked, healthy, unhealthy; a proxy that comes anew knows; what nobody uses is unused."""

    async def story(told: Balanced) -> None:
        await told.register(8080)
        assert await told.health(8080) == ("initial", "Elb.RegistrationInProgress")
        await told.world.pass_time(3 * SECOND)
        assert await told.health(8080) == ("initial", "Elb.InitialHealthChecking")
        await told.probe(8080, "healthy")
        assert await told.health(8080) == ("healthy", "")
        await told.probe(8080, "unhealthy", "Target.Timeout", "Request timed out")
        assert await told.health(8080) == ("unhealthy", "Target.Timeout")
        told.proxy.close()
        await told.settle()
        told.connect()
        await told.settle()
        assert told.endpoints()[8080].health == "unhealthy"
        await told.elb("DeleteListener", ListenerArn=told.listener)
        assert await told.health(8080) == ("unused", "Target.NotInUse")
        await told.settle()
        assert not told.proxy.pools
        await told.a_listener(80, told.group)
        assert (await told.health(8080))[0] == "initial"

    play(story)


@pytest.mark.parametrize(("profile", "early"), [("local", True), ("aws", False)])
def test_a_target_that_leaves_drains(profile: str, early: bool) -> None:
    """No new requests at once; gone when nothing is open, or on AWS when the delay is over."""

    async def story(told: Balanced) -> None:
        await told.world.pass_time(10 * MINUTE)  # provisioned by then
        groups = told.world.plane.calls.part(TargetGroups)
        heard: list[Target] = []
        groups.watch(heard.append)
        await told.register(8080, 8081)
        await told.world.pass_time(MINUTE)  # registered by then
        await told.deregister(8080)
        await told.deregister(8080)
        await told.settle()
        assert told.endpoints()[8080].draining
        assert not told.endpoints()[8081].draining
        assert await told.health(8080) == ("draining", "Target.DeregistrationInProgress")
        await told.probe(8080, "healthy")
        await told.idle(8081)
        await told.idle(8080)
        expected = ("unused", "Target.NotRegistered") if early else ("draining", "Target.Deregistration")
        state, reason = await told.health(8080)
        assert (state, reason[: len(expected[1])]) == expected
        await told.world.pass_time(301 * SECOND)
        assert (await told.health(8080))[0] == "unused"
        assert set(told.endpoints()) == {8081}
        assert groups.health(told.group, Target("127.0.0.1", 8080)) == UNUSED
        assert Target("127.0.0.1", 8080) in heard

    play(story, profile)


def test_a_target_that_comes_back_stays() -> None:
    async def story(told: Balanced) -> None:
        await told.register(8080)
        await told.deregister(8080)
        await told.settle()
        await told.register(8080)
        await told.idle(8080)
        await told.world.pass_time(301 * SECOND)
        assert (await told.health(8080))[0] == "initial"
        assert not told.endpoints()[8080].draining

    play(story)


def test_traffic_is_shifted_between_groups() -> None:
    """`forward` changes a listener's default action, or a rule; what cannot be is refused."""

    async def story(told: Balanced) -> None:
        groups = told.world.plane.calls.part(TargetGroups)
        green, store = await told.a_group("green"), told.world.plane.store
        now = told.world.clock.now()
        assert groups.shares(told.listener) == ((told.group, 1),)
        assert groups.target_type(green) is None
        with store.transact() as tx:
            groups.forward(tx, told.listener, [(told.group, 90), (green, 10)], now)
        assert groups.shares(told.listener) == ((told.group, 90), (green, 10))
        assert groups.target_type(green) == "ip"
        await told.settle()
        action = told.proxy.frontends[told.listener].rules[-1].action
        assert isinstance(action, Forward)
        assert [share.weight for share in action.shares] == [90, 10]
        assert set(told.proxy.pools) == {told.group, green}
        for arn, shares in (("arn:no", [(green, 1)]), (told.listener, [("arn:no", 1)])):
            with pytest.raises(Fault), store.transact() as tx:
                groups.forward(tx, arn, shares, now)
        assert groups.shares(told.listener) == ((told.group, 90), (green, 10))
        assert [groups.rule_exists(arn) for arn in (told.listener, "arn:no")] == [True, False]

    play(story)


def test_what_proxies_count_becomes_metrics() -> None:
    """Under AWS's names, of the load balancer and of the group in it; hosts that are healthy each minute."""

    async def story(told: Balanced) -> None:
        await told.register(8080, 8081)
        await told.probe(8080, "healthy")
        await told.probe(8081, "healthy")
        now = told.world.clock.now()
        count = Count(
            told.listener, told.group, requests=10, target_2xx=9, target_5xx=1, bytes=999,
            times=((0.01, 9), (2.0, 1)),
        )  # fmt: skip
        errors = Count(told.listener, requests=1, elb_5xx=1, elb_503=1)
        await told.count(Counted(now - SECOND, now, (count, errors)))
        await told.world.pass_time(MINUTE)
        balancer = told.balancer.split("loadbalancer/")[1]
        of_balancer = {"LoadBalancer": balancer}
        of_group = of_balancer | {"TargetGroup": told.group.rsplit(":", 1)[1]}

        async def said(name: str, of: dict[str, str], **asked: Any) -> Any:
            dimensions = [{"Name": key, "Value": value} for key, value in of.items()]
            begin = datetime.fromtimestamp(now // MINUTE * 60, UTC)
            of_time = {"StartTime": begin, "EndTime": begin + timedelta(minutes=5), "Period": 300}
            asked = asked or {"Statistics": ["Sum", "Maximum"]}
            wanted = {"Namespace": "AWS/ApplicationELB", "MetricName": name, "Dimensions": dimensions}
            found = await told.world.call("cloudwatch", "GetMetricStatistics", **wanted, **of_time, **asked)
            return found["Datapoints"][0]

        assert (await said("RequestCount", of_balancer))["Sum"] == 11
        assert (await said("RequestCount", of_group))["Sum"] == 10
        assert (await said("RequestCountPerTarget", of_group))["Sum"] == 5
        assert (await said("HTTPCode_Target_5XX_Count", of_group))["Sum"] == 1
        assert (await said("HTTPCode_ELB_503_Count", of_balancer))["Sum"] == 1
        assert (await said("HealthyHostCount", of_group))["Maximum"] == 2
        slow = await said("TargetResponseTime", of_group, ExtendedStatistics=["p99"])
        assert slow["ExtendedStatistics"]["p99"] > 1
        names = {row.name for row in told.world.plane.calls.part(Metrics).listed(ACCOUNT, REGION)}
        assert "HTTPCode_Target_4XX_Count" not in names

    play(story)


def test_the_table_is_there_again_after_a_restart() -> None:
    """Rows are put back; a provisioning load balancer takes no requests until it is active."""

    async def story(told: Balanced) -> None:
        assert told.listener not in told.proxy.frontends
        fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "MessageBody": "hi"}}
        conditions = [{"Field": "path-pattern", "Values": ["/hi"]}]
        await told.elb(
            "CreateRule", ListenerArn=told.listener, Priority=1, Conditions=conditions, Actions=[fixed]
        )
        await told.register(8080)
        await told.world.pass_time(10 * MINUTE)
        before = told.proxy.frontends[told.listener], told.proxy.pools[told.group]
        assert before[0].rules[0].action == Fixed(200, body="hi")
        told.world.kill()
        await told.world.revive()
        told.connect()
        await told.settle()
        assert (told.proxy.frontends[told.listener], told.proxy.pools[told.group]) == before

    play(story, "aws", SimulatedDisk())


def test_a_function_that_cannot_be_invoked_is_a_bad_gateway() -> None:
    """The proxy is told why, and so is the journal."""

    async def story(told: Balanced) -> None:
        asked = await told.ask(FunctionCall(7, "arn:gone", told.listener, "GET", "/"))
        assert asked.id == 7
        assert "no function" in asked.error

    play(story)


def test_access_lines_go_to_a_log_group() -> None:
    async def story(told: Balanced) -> None:
        told.proxy.say(AccessLines(told.listener, ("http one", "http two")))
        told.proxy.say(AccessLines("arn:unknown", ("http three",)))
        await told.settle()
        told.proxy.say(AccessLines(told.listener, ("http four",)))
        await told.settle()
        group = "/aws/elasticloadbalancing/" + told.balancer.split("loadbalancer/")[1]
        found = await told.world.call("logs", "FilterLogEvents", logGroupName=group)
        assert [one["message"] for one in found["events"]] == ["http one", "http two", "http four"]

    play(story)


def test_what_is_known_of_targets_outlives_a_change_of_weights() -> None:
    """A rule that forwards to a group before and after begins nothing anew; one that is new to it does."""

    async def story(told: Balanced) -> None:
        await told.register(8080)
        await told.settle()
        await told.probe(8080, "healthy")
        groups = [told.group, await told.a_group("green")]
        for weight in (100, 0):
            shares = [
                {"TargetGroupArn": arn, "Weight": share}
                for arn, share in zip(groups, (weight, 100 - weight), strict=True)
            ]
            forward = [{"Type": "forward", "ForwardConfig": {"TargetGroups": shares}}]
            await told.elb("ModifyListener", ListenerArn=told.listener, DefaultActions=forward)
            assert await told.health(8080) == ("healthy", "")

    play(story)


def test_an_instance_that_nobody_knows_any_more_gets_nothing() -> None:
    """An instance is forgotten an hour after its end; a node that is lent to a cluster has no row at all."""

    async def story(told: Balanced) -> None:
        told.group = await told.a_group("machines", TargetType="instance")
        await told.a_listener(8080, told.group)
        groups, store = told.world.plane.calls.part(TargetGroups), told.world.plane.store
        gone, lent = Target("i-0123456789abcdef0", 80), Target("embedded", 81)
        with store.transact() as tx:
            for target in (gone, lent):
                groups.register(tx, told.group, target, told.world.clock.now())
        await told.settle()
        assert set(told.endpoints()) == {81}
        assert groups.health(told.group, gone).code == "Target.InvalidState"
        assert groups.health(told.group, lent).state == "initial"

    play(story)
