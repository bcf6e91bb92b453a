"""What a service's or cluster's tasks use of what they reserve, as CloudWatch names and counts it. Pure.

Source: ECS Developer Guide, CloudWatch metrics (facts/autoscaling-elb-events.md, section 3); the names of
ECS/ContainerInsights are its own page's. A metric without anything to divide by is not published, as on AWS.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from windlass.fleet.task_messages import Used

ECS = "AWS/ECS"
INSIGHTS = "ECS/ContainerInsights"


class Point(NamedTuple):
    """One value of one metric; its dimensions are those of what it is of."""

    namespace: str
    name: str
    value: float
    unit: str


class Reserved(NamedTuple):
    """CPU units and MiB that somebody set aside."""

    cpu_units: float = 0
    memory_mib: float = 0


NOTHING = Reserved()


@dataclass(frozen=True, slots=True)
class Tally:
    """Some tasks together. `reserved` and what they use are of those that a node has told of, `measured`."""

    running: int = 0
    pending: int = 0
    measured: int = 0
    reserved: Reserved = NOTHING
    cpu_units: float = 0
    memory_mib: float = 0


def tally(running: Iterable[tuple[Reserved, Used | None]], pending: int = 0) -> Tally:
    """Add up tasks that run; a task of which nothing was told yet is counted, and not measured."""
    count = measured = 0
    cpu_reserved = memory_reserved = cpu = memory = 0.0
    for reserved, used in running:
        count += 1
        if used is None:
            continue
        measured += 1
        cpu_reserved, memory_reserved = (
            cpu_reserved + reserved.cpu_units,
            memory_reserved + reserved.memory_mib,
        )
        cpu, memory = cpu + used.cpu_units, memory + used.memory_mib
    return Tally(count, pending, measured, Reserved(cpu_reserved, memory_reserved), cpu, memory)


def of_service(tasks: Tally, desired: int, deployments: int, *, insights: bool) -> list[Point]:
    """The metrics of one service; its task counts only where the cluster has Container Insights on."""
    points = _shares(
        "Utilization", Reserved(tasks.cpu_units, tasks.memory_mib), tasks.reserved, tasks.measured
    )
    if insights:
        points += [
            Point(INSIGHTS, "RunningTaskCount", tasks.running, "Count"),
            Point(INSIGHTS, "PendingTaskCount", tasks.pending, "Count"),
            Point(INSIGHTS, "DesiredTaskCount", desired, "Count"),
            Point(INSIGHTS, "DeploymentCount", deployments, "Count"),
        ]
    if insights and tasks.measured:
        points += [
            Point(INSIGHTS, "CpuUtilized", tasks.cpu_units, "None"),
            Point(INSIGHTS, "CpuReserved", tasks.reserved.cpu_units, "None"),
            Point(INSIGHTS, "MemoryUtilized", tasks.memory_mib, "Megabytes"),
            Point(INSIGHTS, "MemoryReserved", tasks.reserved.memory_mib, "Megabytes"),
        ]
    return points


def of_instances(tasks: Tally, taken: Reserved, registered: Reserved) -> list[Point]:
    """The metrics of a cluster's EC2 instances, those that drain included: what tasks use and reserve."""
    used = Reserved(tasks.cpu_units, tasks.memory_mib)
    return [
        *_shares("Utilization", used, registered, tasks.measured or not tasks.running),
        *_shares("Reservation", taken, registered, True),
    ]


def of_cluster(tasks: int, services: int, instances: int) -> list[Point]:
    """What Container Insights counts in a cluster."""
    return [
        Point(INSIGHTS, "TaskCount", tasks, "Count"),
        Point(INSIGHTS, "ServiceCount", services, "Count"),
        Point(INSIGHTS, "ContainerInstanceCount", instances, "Count"),
    ]


def _shares(what: str, of: Reserved, whole: Reserved, known: object) -> list[Point]:
    """CPU and memory in percent of a whole that there is."""
    shares = (("CPU", of.cpu_units, whole.cpu_units), ("Memory", of.memory_mib, whole.memory_mib))
    return [
        Point(ECS, f"{name}{what}", 100 * part / all_of_it, "Percent")
        for name, part, all_of_it in shares
        if known and all_of_it
    ]
