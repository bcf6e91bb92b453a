"""`windlass demo traffic`: one application, deployed three ways, under the same load (seed 000), for real.

As a Lambda function behind its URL, as an ECS service behind a load balancer with target tracking on requests
per target, and as an App Runner service. The load: a ramp, a burst of ten times that, silence. The same
requests are made to all three at the same instants. Only `--runner process`: it runs on this host.

Instances are those that run as the plane sees them, once a second; "open" are requests that were made and not
answered yet, wherever they wait. What is promised: everybody answers, nobody is lost but to the limits that
each way has (429 of App Runner's full queues, clients that give up, and in ECS what a task had not answered
that failed its health checks in the burst and was replaced: nothing limits how much a task is sent).
"""

from __future__ import annotations

import asyncio
import io
import math
import sys
import threading
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from windlass.cli.admin_client import AdminClient, aws_client
from windlass.cli.demos import traffic_costs, traffic_page
from windlass.cli.demos.own_plane import own_plane
from windlass.cli.demos.story import Story, verdict, wait_until
from windlass.cli.demos.traffic_load import Load, Target
from windlass.cli.output import fail
from windlass.sim.arrivals import Phase

ACCOUNT, REGION, NAME = "123456789012", "us-east-1", "traffic"
APPLICATION = Path(__file__).parent / "traffic_app.py"
FUNCTION, TASKS, INSTANCES = "Lambda", "ECS", "App Runner"
OWNERS = {"lambda": FUNCTION, "ecs": TASKS, "apprunner": INSTANCES}
MOST = 6
"""Tasks, and App Runner instances."""
CONCURRENCY = 4
"""Of an instance: as many threads as the application has."""
REQUESTS_PER_TARGET = 1_200
"""A minute: half of what one task manages."""
BURST = 10
WITHIN_S = 180.0


@dataclass(slots=True)
class Seen:
    """How many instances ran, and when that was looked at, in seconds since the load began."""

    at: list[float] = field(default_factory=list)
    running: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in OWNERS.values()})

    def lives_s(self, name: str) -> list[float]:
        """Seconds that instances ran, one after the other: together what was paid for."""
        if not self.at:
            return []
        step = self.at[-1] / len(self.at)
        counts = self.running[name]
        return [sum(count > number for count in counts) * step for number in range(max(counts, default=0))]


class Stage:
    """The three deployments on one plane, and the story."""

    def __init__(self, endpoint: str) -> None:
        self.say = Story().say
        self.admin = AdminClient(endpoint)
        self.seen = Seen()
        self._endpoint = endpoint
        self._over = threading.Event()

    def client(self, service: str) -> Any:
        return aws_client(service, self._endpoint, ACCOUNT, REGION)

    def watch(self, began: float) -> threading.Thread:
        """Count instances each second, until `look_away`."""

        def look() -> None:
            while not self._over.wait(1.0):
                units = [one for one in self.admin.get("units")["units"] if one["state"] == "running"]
                for owner, name in OWNERS.items():
                    self.seen.running[name].append(sum(one["service"] == owner for one in units))
                self.seen.at.append(time.monotonic() - began)

        thread = threading.Thread(target=look)
        thread.start()
        return thread

    def replaced(self) -> int:
        """Tasks of the service that failed the health checks of its load balancer."""
        [service] = self.client("ecs").describe_services(cluster=NAME, services=[NAME])["services"]
        return sum("is unhealthy in" in event["message"] for event in service["events"])

    def look_away(self) -> None:
        self._over.set()


def run(runner: str, *, rate: float, seconds: tuple[float, float, float], page: Path | None) -> int:
    """Tell the story; returns the exit code: 1 if anything was not as promised.

    `rate`: requests a second to each at the end of the ramp; `seconds` of ramp, burst and silence.
    """
    if runner not in ("auto", "process"):
        fail("the application runs on this host: only --runner process", 2)
    phases = [
        Phase(seconds[0], rate / 5, rate),
        Phase(seconds[1], rate * BURST, rate * BURST),
        Phase(seconds[2], 0, 0),
    ]
    print("One application, three ways to run it (after the Qiita article on concurrency)\n")
    with own_plane("process", lambda data: None) as (endpoint, _):
        stage = Stage(endpoint)
        targets = [
            Target(FUNCTION, deploy_function(stage)),
            Target(TASKS, deploy_service(stage)),
            Target(INSTANCES, deploy_app_runner(stage)),
        ]
        where = urlsplit(endpoint)
        load = Load((where.hostname or "", where.port or 0), targets)
        stage.say(f"to each: {rate / 5:g} → {rate:g} requests a second in {seconds[0]:g} s,")
        stage.say(f"then {rate * BURST:g} for {seconds[1]:g} s, then silence for {seconds[2]:g} s")
        watcher = stage.watch(time.monotonic())
        asyncio.run(load.offer(phases))
        stage.look_away()
        watcher.join()
        replaced = stage.replaced()
    elapsed = sum(seconds)
    costs = [cost(target, stage.seen, elapsed) for target in targets]
    if page is not None:
        page.write_text(traffic_page.page(targets, stage.seen.at, stage.seen.running, phases, costs))
        stage.say(f"the charts are in {page}")
    return report(targets, stage.seen, phases, costs, replaced)


def deploy_function(stage: Stage) -> str:
    """Returns the host of its URL."""
    aws = stage.client("lambda")
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", APPLICATION.read_text())
    aws.create_function(
        FunctionName=NAME,
        Runtime="python{}.{}".format(*sys.version_info),
        Role=f"arn:aws:iam::{ACCOUNT}:role/demo",
        Handler="app.handler",
        MemorySize=128,
        Code={"ZipFile": package.getvalue()},
    )
    aws.get_waiter("function_active_v2").wait(FunctionName=NAME)
    url = aws.create_function_url_config(FunctionName=NAME, AuthType="NONE")["FunctionUrl"]
    everybody = {"FunctionName": NAME, "Principal": "*"}
    aws.add_permission(
        **everybody, StatementId="url", Action="lambda:InvokeFunctionUrl", FunctionUrlAuthType="NONE"
    )
    aws.add_permission(
        **everybody, StatementId="invoke", Action="lambda:InvokeFunction", InvokedViaFunctionUrl=True
    )
    stage.say(f"Lambda: {url}, one event at a time in each environment")
    return str(urlsplit(url).netloc)


def deploy_service(stage: Stage) -> str:
    """Returns the host of its load balancer."""
    ecs, ec2, elb = stage.client("ecs"), stage.client("ec2"), stage.client("elbv2")
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]][:2]
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    [balancer] = elb.create_load_balancer(Name=NAME, Subnets=subnets)["LoadBalancers"]
    [group] = elb.create_target_group(
        Name=NAME, Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip", HealthCheckPath="/health",
        HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=4, HealthyThresholdCount=2,
    )["TargetGroups"]  # fmt: skip
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=8080,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}],
    )  # fmt: skip
    ecs.create_cluster(clusterName=NAME)
    ecs.register_task_definition(
        family=NAME, requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
        containerDefinitions=[
            {"name": "app", "image": NAME, "command": command(), "portMappings": [{"containerPort": 8080}]}
        ],
    )  # fmt: skip
    ecs.create_service(
        cluster=NAME, serviceName=NAME, taskDefinition=NAME, desiredCount=1, launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": subnets, "assignPublicIp": "ENABLED"}},
        loadBalancers=[
            {"targetGroupArn": group["TargetGroupArn"], "containerName": "app", "containerPort": 8080}
        ],
    )  # fmt: skip
    track(stage, balancer["LoadBalancerArn"], group["TargetGroupArn"])
    arn = group["TargetGroupArn"]

    def healthy() -> bool:
        found = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return bool(found) and found[0]["TargetHealth"]["State"] == "healthy"

    wait_until("the task is healthy", healthy, WITHIN_S)
    stage.say(f"ECS: {balancer['DNSName']}, 1 to {MOST} tasks, {REQUESTS_PER_TARGET} requests a minute each")
    return str(balancer["DNSName"])


def track(stage: Stage, balancer: str, group: str) -> None:
    """Scale the service to so many requests a minute for each target."""
    scaling = stage.client("application-autoscaling")
    of = {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{NAME}/{NAME}",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    scaling.register_scalable_target(**of, MinCapacity=1, MaxCapacity=MOST)
    label = f"{balancer.split(':loadbalancer/')[1]}/{group.split(':')[-1]}"
    scaling.put_scaling_policy(
        **of,
        PolicyName="requests",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": float(REQUESTS_PER_TARGET),
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ALBRequestCountPerTarget",
                "ResourceLabel": label,
            },
            "ScaleOutCooldown": 30,
            "ScaleInCooldown": 60,
        },
    )


def deploy_app_runner(stage: Stage) -> str:
    """Returns the host of its URL."""
    aws = stage.client("apprunner")
    scaling = aws.create_auto_scaling_configuration(
        AutoScalingConfigurationName=NAME, MaxConcurrency=CONCURRENCY, MinSize=1, MaxSize=MOST
    )["AutoScalingConfiguration"]
    image = {
        "ImageIdentifier": "public.ecr.aws/demo/traffic:1",
        "ImageRepositoryType": "ECR_PUBLIC",
        "ImageConfiguration": {"Port": "8080", "StartCommand": " ".join(command())},
    }
    service = aws.create_service(
        ServiceName=NAME,
        SourceConfiguration={"ImageRepository": image, "AutoDeploymentsEnabled": False},
        InstanceConfiguration={"Cpu": "256", "Memory": "512"},
        HealthCheckConfiguration={"Protocol": "HTTP", "Path": "/health"},
        AutoScalingConfigurationArn=scaling["AutoScalingConfigurationArn"],
    )["Service"]

    def running() -> Any:
        found = aws.describe_service(ServiceArn=service["ServiceArn"])["Service"]
        return found if found["Status"] != "OPERATION_IN_PROGRESS" else None

    service = wait_until("the App Runner service runs", running, WITHIN_S)
    if service["Status"] != "RUNNING":
        fail(f"the App Runner service is {service['Status']}")
    url = str(service["ServiceUrl"])
    stage.say(f"App Runner: {url}, 1 to {MOST} instances, {CONCURRENCY} requests at a time in each")
    return url


def command() -> list[str]:
    """How the server is started on this host."""
    return [sys.executable, "-I", "-S", str(APPLICATION)]


def cost(target: Target, seen: Seen, elapsed: float) -> float:
    """USD, as AWS would charge for this use."""
    if target.name == FUNCTION:
        return traffic_costs.of_function(one.took for one in target.answers if one.status == 200)
    if target.name == TASKS:
        return traffic_costs.of_tasks(seen.lives_s(TASKS), elapsed, len(target.answers))
    by_instance: dict[str, list[float]] = {}
    for one in target.answers:
        by_instance.setdefault(one.instance, []).append(one.at)
    active = sum(traffic_costs.active_s(times) for name, times in by_instance.items() if name)
    return traffic_costs.of_instances(seen.lives_s(INSTANCES), active)


def report(
    targets: Sequence[Target], seen: Seen, phases: Sequence[Phase], costs: Sequence[float], replaced: int
) -> int:
    """The table that the story ends with; returns the exit code."""
    columns = (
        "", "requests", "answered", "429", "4xx", "5xx", "gave up", "p50 ms", "p90 ms", "p99 ms",
        "p99 of the ramp", "most open", "instances", "new", "USD", "as promised",
    )  # fmt: skip
    rows, problems = [], {}
    ramp = phases[0].seconds
    for target, usd in zip(targets, costs, strict=True):
        statuses = target.statuses
        problems[target.name] = problems_of(target, replaced if target.name == TASKS else 0)
        rows.append(
            [
                target.name,
                str(len(target.answers)),
                str(statuses[200]),
                str(statuses[429]),
                str(sum(many for status, many in statuses.items() if status // 100 == 4)),
                str(sum(many for status, many in statuses.items() if status // 100 == 5)),
                str(statuses[0]),
                *(f"{target.latency(percent) * 1000:.0f}" for percent in (50, 90, 99)),
                f"{target.latency(99, until=ramp) * 1000:.0f}",
                str(max(target.open_at(seen.at), default=0)),
                str(max(seen.running[target.name], default=0)),
                str(sum(one.fresh for one in target.answers)),
                f"{usd:.6f}",
                "no" if problems[target.name] else "yes",
            ]
        )
    if replaced:
        tasks = f"{replaced} task{'s' if replaced > 1 else ''}"
        print(f"\nECS replaced {tasks} that failed health checks under the load:")
        print("what they had not answered is lost")
    print(f"\nnew: first answers of instances; for Lambda these are cold starts. USD: {traffic_costs.PRICED}")
    return verdict(columns, rows, problems)


def problems_of(target: Target, replaced: int = 0) -> list[str]:
    """What is otherwise than promised: answers of 5xx, unless instances were replaced, or none at all."""
    found = []
    for status, many in sorted(target.statuses.items()):
        if status // 100 == 5 and not replaced:
            found.append(f"{many} requests were answered by {status}")
    if math.isnan(target.latency(50)):
        found.append("nobody was answered")
    return found
