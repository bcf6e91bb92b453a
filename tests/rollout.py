"""An HTTP service behind a real load balancer, rolled out under load: which requests are lost.

The application ends at SIGTERM at once, whatever it is doing: only what the load balancer and ECS do for it
keeps requests from being lost. Some requests take long, so that there are always open ones.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.fault.waiting import until

ACCOUNT = "123456789012"
PORT = 8080
QUICK_S, SLOW_S = 0.002, 0.4
DRAIN_S = 5
"""Deregistration delay: longer than the slowest request."""
EVERY_S = 5
"""Seconds between two health checks: as few as there may be (ELB API reference)."""
STABLE_WITHIN_S = 180
ROLE = f"arn:aws:iam::{ACCOUNT}:role/lb"
APPLICATION = f"""
import asyncio, json, os, signal, urllib.request

BODY = os.environ["VERSION"].encode()
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(BODY), BODY)

async def serve(reader, writer):
    try:
        while head := await reader.readuntil(b"\\r\\n\\r\\n"):
            await asyncio.sleep({SLOW_S} if head.startswith(b"GET /slow") else {QUICK_S})
            writer.write(ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()

async def main():
    told = json.load(urllib.request.urlopen(os.environ["ECS_CONTAINER_METADATA_URI_V4"]))
    await asyncio.start_server(serve, told["Networks"][0]["IPv4Addresses"][0], {PORT})
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, os._exit, 0)
    await over.wait()

asyncio.run(main())
"""


class Web:
    """The service `web` with its load balancer. `client` makes boto3 clients by service name."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self.ecs, self.elb = client("ecs"), client("elbv2")
        found = client("ec2").describe_subnets()["Subnets"]
        self.subnets = [subnet["SubnetId"] for subnet in found[:2]]
        self.vpc = found[0]["VpcId"]
        made = self.elb.create_load_balancer(Name="web", Subnets=self.subnets)["LoadBalancers"][0]
        self.balancer = made["LoadBalancerArn"]
        self.groups = [self._group(name) for name in ("blue", "green")]
        listener = self.elb.create_listener(
            LoadBalancerArn=self.balancer,
            Protocol="HTTP",
            Port=PORT,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.groups[0]}],
        )
        self.listener = listener["Listeners"][0]["ListenerArn"]

    def _group(self, name: str) -> str:
        made = self.elb.create_target_group(
            Name=name,
            Protocol="HTTP",
            Port=PORT,
            VpcId=self.vpc,
            TargetType="ip",
            HealthCheckIntervalSeconds=EVERY_S,
            HealthCheckTimeoutSeconds=EVERY_S - 1,
        )
        arn = str(made["TargetGroups"][0]["TargetGroupArn"])
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": str(DRAIN_S)}
        self.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[delay])
        return arn

    @property
    def address(self) -> str:
        """The load balancer's own."""
        [found] = self.elb.describe_load_balancers(LoadBalancerArns=[self.balancer])["LoadBalancers"]
        zones = found["AvailabilityZones"]
        return str(zones[0]["LoadBalancerAddresses"][0]["IpAddress"])

    def define(self, version: str) -> str:
        main = {
            "name": "main",
            "image": "web",
            "command": [sys.executable, "-c", APPLICATION],
            "environment": [{"name": "VERSION", "value": version}],
            "portMappings": [{"containerPort": PORT}],
        }
        made = self.ecs.register_task_definition(
            family="web",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[main],
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def create(self, count: int, **configuration: Any) -> None:
        """The service at version 1, stable."""
        balancer = {
            "targetGroupArn": self.groups[0],
            "containerName": "main",
            "containerPort": PORT,
            "advancedConfiguration": {
                "alternateTargetGroupArn": self.groups[1],
                "productionListenerRule": self.listener,
                "roleArn": ROLE,
            },
        }
        self.ecs.create_service(
            serviceName="web",
            taskDefinition=self.define("1"),
            desiredCount=count,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": self.subnets}},
            loadBalancers=[balancer],
            deploymentConfiguration=configuration,
        )
        self.stable()

    def update(self, version: str) -> None:
        """That version, stable."""
        self.ecs.update_service(service="web", taskDefinition=self.define(version))
        self.stable()

    def stable(self) -> None:
        """Return when its deployment is over, and was a success. boto3's waiter looks at counts alone."""

        def over() -> bool:
            [service] = self.ecs.describe_services(services=["web"])["services"]
            states = [one["rolloutState"] for one in service["deployments"]]
            assert "FAILED" not in states, service["events"]
            return states == ["COMPLETED"]

        until(over, "the service web is stable", STABLE_WITHIN_S)

    def delete(self) -> None:
        self.ecs.delete_service(service="web", force=True)
        self.ecs.get_waiter("services_inactive").wait(
            services=["web"], WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )


class Load:
    """Clients that ask one request after the other, on connections they keep."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.answered: Counter[str] = Counter()
        """Version → requests that it answered."""
        self.lost: list[str] = []
        self.slowest_s = 0.0
        self._over = False
        self._at_least = sys.maxsize
        self._enough = asyncio.Event()

    async def during(self, work: Callable[[], None], *, clients: int, slow: int, at_least: int) -> None:
        """Ask until that work is done and there were so many answers; then every client has its last one."""
        paths = ["/"] * clients + ["/slow"] * slow
        asking = [asyncio.create_task(self._client(path)) for path in paths]
        try:
            await asyncio.to_thread(work)
            self._at_least = at_least
            self._look()
            await self._enough.wait()
        finally:
            self._over = True
            await asyncio.gather(*asking)

    def _look(self) -> None:
        if self.answered.total() + len(self.lost) >= self._at_least:
            self._enough.set()

    async def _client(self, path: str) -> None:
        request = f"GET {path} HTTP/1.1\r\nHost: web\r\n\r\n".encode()
        writer: asyncio.StreamWriter | None = None
        while not self._over:
            began = time.monotonic()
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection(self.address, PORT)
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
                body = await reader.readexactly(int(fields[b"content-length"]))
                if head.startswith(b"HTTP/1.1 200 "):
                    self.answered[body.decode()] += 1
                else:
                    self.lost.append(head.partition(b"\r\n")[0].decode())
            except (OSError, asyncio.IncompleteReadError) as error:
                self.lost.append(repr(error))
                writer = None
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            self._look()
        if writer is not None:
            writer.close()
