"""Workers of a queue in virtual time, scaled in several ways: docs/queue-workers.md has what comes out.

A worker takes a message, is at it for 20 s, deletes it, and so on. One that is stopped in mid-work leaves its
message to the visibility timeout, unless it protects itself while it works.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

from tests.sim.services import LASTING
from tests.sim.services import SERVICES as OF_ECS
from windlass.aws.quotas import load_profile
from windlass.kernel.clock import MINUTE, SECOND, Duration, Instant
from windlass.kernel.store import Change
from windlass.services import application_autoscaling, cloudwatch, sqs
from windlass.services.ecs.model import TASKS, Task
from windlass.sim.world import ACCOUNT, World

SERVICES = (*OF_ECS, application_autoscaling.SERVICE, cloudwatch.SERVICE, sqs.SERVICE)
URL = f"http://127.0.0.1:4566/{ACCOUNT}/jobs"
WORK: Duration = 20 * SECOND
VISIBILITY_S = 60
BURST = 600
TRICKLE: Duration = 5 * SECOND
"""Between two messages, for as long as the world lasts: work for four."""
MOST = 20
PER_TASK = 10
"""Messages of backlog that one worker is to have."""
LASTS: Duration = 60 * MINUTE
HOUR_USD = 0.04048 / 4 + 0.004445 / 2
"""A Fargate task of 0.25 vCPU and 0.5 GB; us-east-1, Linux on x86, 2026."""
TARGET = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/default/web",
    "ScalableDimension": "ecs:service:DesiredCount",
}
HELD = {"Namespace": "AWS/SQS", "Dimensions": [{"Name": "QueueName", "Value": "jobs"}]}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an hour came to."""

    drained_s: float
    """Until all of the burst was done."""
    cut: int
    """Messages whose worker was stopped in mid-work."""
    task_minutes: float

    @property
    def usd(self) -> float:
        return self.task_minutes / 60 * HOUR_USD

    def row(self) -> str:
        """As the page's table has it."""
        drained = f"{self.drained_s / 60:.1f} min"
        return f"{drained} | {self.cut} | {self.task_minutes:.0f} | ${self.usd:.3f}"


class Shop:
    """One world with a queue and its workers."""

    def __init__(self, world: World, *, protects: bool, leaves: bool) -> None:
        self.world = world
        self.protects = protects
        self.leaves = leaves
        """Workers end when there is nothing to do."""
        self.done: dict[str, Instant] = {}
        self.cut = 0
        self.seconds = 0.0
        self._working: dict[str, asyncio.Task[None]] = {}
        world.add_node("n1", course=lambda spec: LASTING)
        world.plane.store.watch((TASKS,), self._changed)

    async def call(self, service: str, operation: str, **params: Any) -> Any:
        return await self.world.call(service, operation, **params)

    def _changed(self, change: Change) -> None:
        task: Task | None = change.new
        if task is None:
            return
        if task.last_status == "RUNNING" and task.desired_status == "RUNNING":
            if task.id not in self._working:
                self._working[task.id] = self.world.begin(f"worker {task.id}", self._work(task))
        elif task.id in self._working:
            self._working.pop(task.id).cancel()

    async def _work(self, task: Task) -> None:
        """The life of one worker."""
        begun, busy = self.world.clock.now(), ""
        try:
            while True:
                answer = await self.call("sqs", "ReceiveMessage", QueueUrl=URL, WaitTimeSeconds=20)
                for message in answer.get("Messages", ()):
                    busy = message["Body"]
                    await self._protect(task, True)
                    await self.world.clock.sleep(WORK)
                    await self.call(
                        "sqs", "DeleteMessage", QueueUrl=URL, ReceiptHandle=message["ReceiptHandle"]
                    )
                    self.done[busy], busy = self.world.clock.now(), ""
                    await self._protect(task, False)
                if not answer.get("Messages") and self.leaves:
                    self._working.pop(task.id)
                    await self.call("ecs", "StopTask", task=task.id)
                    return
        finally:
            self.cut += bool(busy) and task.id not in self._working
            self.seconds += (self.world.clock.now() - begun) / SECOND

    async def _protect(self, task: Task, enabled: bool) -> None:
        if self.protects:
            await self.call(
                "ecs", "UpdateTaskProtection", cluster="default", tasks=[task.id], protectionEnabled=enabled
            )

    async def feed(self) -> None:
        """The burst at once, then the trickle."""
        for first in range(0, BURST, 10):
            entries = [{"Id": str(n), "MessageBody": f"burst {first + n}"} for n in range(10)]
            await self.call("sqs", "SendMessageBatch", QueueUrl=URL, Entries=entries)
        number = 0
        while True:
            await self.world.clock.sleep(TRICKLE)
            number += 1
            await self.call("sqs", "SendMessage", QueueUrl=URL, MessageBody=f"trickle {number}")

    async def close(self) -> None:
        """Stop the clock of all workers that are left."""
        for work in list(self._working.values()):
            work.cancel()
        await asyncio.gather(*self._working.values(), return_exceptions=True)


Way = Callable[[Shop], Awaitable[None]]


async def _service(shop: Shop, **cluster: Any) -> None:
    await shop.call("ecs", "CreateCluster", clusterName="default", **cluster)
    await shop.call("ecs", "CreateService", serviceName="web", taskDefinition="web", desiredCount=1)
    await shop.call(
        "application-autoscaling", "RegisterScalableTarget", **TARGET, MinCapacity=1, MaxCapacity=MOST
    )


async def scaler_function(shop: Shop) -> None:
    """Each minute: RunTask for what is visible, ten a call; workers end by themselves (seed 004)."""

    async def each_minute() -> None:
        while True:
            shown = await shop.call(
                "sqs", "GetQueueAttributes", QueueUrl=URL, AttributeNames=["ApproximateNumberOfMessages"]
            )
            running = len((await shop.call("ecs", "ListTasks"))["taskArns"])
            visible = int(shown["Attributes"]["ApproximateNumberOfMessages"])
            missing = min(ceil(visible / PER_TASK), MOST) - running
            while missing > 0:
                await shop.call("ecs", "RunTask", taskDefinition="web", count=min(10, missing))
                missing -= 10
            await shop.world.clock.sleep(MINUTE)

    shop.world.begin("scaler", each_minute())


async def step_scaling(shop: Shop) -> None:
    """Alarms on the queue's depth: up by the step that it is in, down by half when it is low."""
    await _service(shop)
    steps = {
        "deep": [
            {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 180, "ScalingAdjustment": 5},
            {"MetricIntervalLowerBound": 180, "ScalingAdjustment": 19},
        ],
        "shallow": [{"MetricIntervalUpperBound": 0, "ScalingAdjustment": -5}],
    }
    for name, adjustments in steps.items():
        put = await shop.call(
            "application-autoscaling",
            "PutScalingPolicy",
            **TARGET,
            PolicyName=name,
            StepScalingPolicyConfiguration={
                "AdjustmentType": "ChangeInCapacity",
                "StepAdjustments": adjustments,
                "Cooldown": 120,
            },
        )
        await shop.call(
            "cloudwatch",
            "PutMetricAlarm",
            **HELD,
            AlarmName=name,
            MetricName="ApproximateNumberOfMessagesVisible",
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1 if name == "deep" else 3,
            Threshold=20 if name == "deep" else 5,
            ComparisonOperator="GreaterThanThreshold" if name == "deep" else "LessThanThreshold",
            AlarmActions=[put["PolicyARN"]],
        )


async def target_tracking(shop: Shop) -> None:
    """A policy that keeps the backlog per running task at ten, by metric math."""
    await _service(shop, settings=[{"name": "containerInsights", "value": "enabled"}])
    visible = HELD | {"MetricName": "ApproximateNumberOfMessagesVisible"}
    running = {
        "Namespace": "ECS/ContainerInsights",
        "MetricName": "RunningTaskCount",
        "Dimensions": [{"Name": "ClusterName", "Value": "default"}, {"Name": "ServiceName", "Value": "web"}],
    }
    metrics = [
        {"Id": "m1", "MetricStat": {"Metric": visible, "Stat": "Maximum"}, "ReturnData": False},
        {"Id": "m2", "MetricStat": {"Metric": running, "Stat": "Average"}, "ReturnData": False},
        {"Id": "backlog", "Expression": "m1 / IF(m2 > 0, m2, 1)"},
    ]
    await shop.call(
        "application-autoscaling",
        "PutScalingPolicy",
        **TARGET,
        PolicyName="backlog",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": PER_TASK,
            "CustomizedMetricSpecification": {"Metrics": metrics},
            "ScaleOutCooldown": 60,
            "ScaleInCooldown": 60,
        },
    )


def measure(way: Way, *, protects: bool = False) -> Outcome:
    """An hour of it."""
    world = World(SERVICES, load_profile("local"), 7, traced=False, as_bytes=False, check_every=MINUTE)
    outcomes: list[Outcome] = []

    async def story(played: World) -> None:
        shop = Shop(played, protects=protects, leaves=way is scaler_function)
        await shop.call(
            "sqs", "CreateQueue", QueueName="jobs", Attributes={"VisibilityTimeout": str(VISIBILITY_S)}
        )
        main = {"name": "main", "image": "worker", "memory": 64}
        await shop.call("ecs", "RegisterTaskDefinition", family="web", containerDefinitions=[main])
        await way(shop)
        await played.pass_time(10 * MINUTE)
        begun = played.clock.now()
        played.begin("feed", shop.feed())
        await played.pass_time(LASTS)
        cut = shop.cut
        await shop.close()
        last = max(shop.done[f"burst {number}"] for number in range(BURST))
        outcomes.append(Outcome((last - begun) / SECOND, cut, shop.seconds / 60))

    world.run(story)
    return outcomes[0]
