"""Whether what a workload asks is there and can serve: the plane is asked as by a client, past the buckets.

A load balancer is ready when the services behind it have as many tasks as they want and no target is being
registered; an App Runner service when it is RUNNING; a function when it is Active, with its provisioned
concurrency.
"""

from __future__ import annotations

import difflib
from typing import Any

from windlass.kernel.faults import Fault
from windlass.planner.playing.changes import CannotPlay
from windlass.planner.playing.happening import OBSERVER
from windlass.planner.scenario.workload import Target
from windlass.sim.world import REGION, World

AT_ONCE = 10
"""Services that DescribeServices takes."""


class Readiness:
    """Of one world."""

    def __init__(self, world: World) -> None:
        self._calls = world.plane.calls

    async def lacks(self, target: Target) -> str:
        """What is not ready; "" when all is."""
        if target.load_balancer is not None:
            return await self._balancer(target.load_balancer)
        if target.app_runner is not None:
            status = (await self.app_runner(target.app_runner))["Status"]
            return "" if status == "RUNNING" else f"{target.app_runner} is {status}"
        if target.function is not None:
            return await self._function(target.function)
        if target.queue is not None:
            await self.queue(target.queue)
        return ""

    async def host(self, target: Target) -> str:
        """Where requests to a load balancer or an App Runner service go."""
        if target.load_balancer is not None:
            return str((await self.balancer(target.load_balancer))["DNSName"]).lower()
        assert target.app_runner is not None
        return str((await self.app_runner(target.app_runner))["ServiceUrl"]).partition(":")[0]

    async def balancer(self, name: str) -> Any:
        """The load balancer of that name. Raises CannotPlay."""
        found = (await self._ask("elbv2", "DescribeLoadBalancers"))["LoadBalancers"]
        return _named("load balancer", name, {one["LoadBalancerName"]: one for one in found})

    async def app_runner(self, name: str) -> Any:
        """The App Runner service of that name. Raises CannotPlay."""
        found = (await self._ask("apprunner", "ListServices"))["ServiceSummaryList"]
        return _named("App Runner service", name, {one["ServiceName"]: one for one in found})

    async def queue(self, name: str) -> str:
        """The URL of the queue of that name. Raises CannotPlay."""
        urls = (await self._ask("sqs", "ListQueues")).get("QueueUrls", [])
        return str(_named("queue", name, {url.rpartition("/")[2]: url for url in urls}))

    async def _balancer(self, name: str) -> str:
        balancer = await self.balancer(name)
        if balancer["State"]["Code"] != "active":
            return f"{name} is {balancer['State']['Code']}"
        of = {"LoadBalancerArn": balancer["LoadBalancerArn"]}
        groups = [
            one["TargetGroupArn"]
            for one in (await self._ask("elbv2", "DescribeTargetGroups", **of))["TargetGroups"]
        ]
        for service in await self._services(set(groups)):
            running, wanted = service["runningCount"], service["desiredCount"]
            if running != wanted:
                return f"{running} of {wanted} tasks of {service['serviceName']} run"
        for group in groups:
            health = await self._ask("elbv2", "DescribeTargetHealth", TargetGroupArn=group)
            states = [one["TargetHealth"]["State"] for one in health["TargetHealthDescriptions"]]
            if "initial" in states:
                return f"{states.count('initial')} targets of {name} are being registered"
        return ""

    async def _services(self, groups: set[str]) -> list[Any]:
        """Those of ECS that have targets in these groups."""
        found: list[Any] = []
        for cluster in (await self._ask("ecs", "ListClusters"))["clusterArns"]:
            arns = (await self._ask("ecs", "ListServices", cluster=cluster, maxResults=100))["serviceArns"]
            for place in range(0, len(arns), AT_ONCE):
                named = {"cluster": cluster, "services": arns[place : place + AT_ONCE]}
                found += (await self._ask("ecs", "DescribeServices", **named))["services"]
        return [
            one
            for one in found
            if any(balancer.get("targetGroupArn") in groups for balancer in one["loadBalancers"])
        ]

    async def _function(self, name: str) -> str:
        try:
            shown = await self._ask("lambda", "GetFunctionConfiguration", FunctionName=name)
        except Fault:
            known = (await self._ask("lambda", "ListFunctions"))["Functions"]
            _named("function", name, {one["FunctionName"]: one for one in known})
            raise
        if shown["State"] != "Active":
            return f"{name} is {shown['State']}"
        kept = await self._ask(
            "lambda", "ListProvisionedConcurrencyConfigs", FunctionName=shown["FunctionName"]
        )
        late = [one for one in kept["ProvisionedConcurrencyConfigs"] if one["Status"] == "IN_PROGRESS"]
        return f"provisioned concurrency of {name} is being allocated" if late else ""

    async def _ask(self, service: str, operation: str, **params: Any) -> Any:
        return await self._calls.run(service, operation, params, caller=OBSERVER, region=REGION)


def _named(kind: str, name: str, known: dict[str, Any]) -> Any:
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, 1)
    hint = (
        f"did you mean {close[0]}?"
        if close
        else f"there are {', '.join(sorted(known))}"
        if known
        else "there are none"
    )
    raise CannotPlay(f"there is no {kind} {name!r}: {hint}")
