"""Publishes the metrics of services and clusters, once in each period of the profile (a minute, as on AWS).

utilisation.py says what they are; nodes have told what their tasks use. A round is done in pieces, so that
no pass holds up calls for long. Nothing is published of a service while no node has told of its tasks.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

from windlass.aws.metrics import Metrics
from windlass.fleet.model import UNITS
from windlass.fleet.task_messages import Used
from windlass.kernel.clock import MINUTE, SECOND, Duration, Instant
from windlass.kernel.reconcile import Loop
from windlass.services.ecs import utilisation
from windlass.services.ecs.instance_model import INSTANCES, ContainerInstance
from windlass.services.ecs.model import CLUSTERS, TASKS, Cluster, Task
from windlass.services.ecs.rooms import Rooms
from windlass.services.ecs.service_model import DEPLOYMENTS, SERVICES, Service
from windlass.services.ecs.utilisation import Point, Reserved, Tally
from windlass.services.plane import Plane

PERIOD_QUOTA = "ecs.metrics_period_s"
PERIOD_S = 60
"""ECS Developer Guide, CloudWatch metrics: one point a minute."""
TASKS_AT_ONCE = 2_000
"""Tasks looked at in one pass."""
INSIGHTS_ON = ("enabled", "enhanced")


class Measuring:
    """A part with one loop."""

    def __init__(self, plane: Plane, rooms: Rooms) -> None:
        self._plane = plane
        self._rooms = rooms
        self._metrics = plane.calls.part(Metrics)
        self._period: Duration = int((plane.quotas.value(PERIOD_QUOTA) or PERIOD_S) * SECOND)
        self._at: Instant = self._begun(plane.clock.now())
        """The end of the period that was published last, or is now."""
        self._used: Mapping[str, Used] = {}
        self._left: list[Cluster | Service] = []
        self.loop = Loop("ecs.metrics", plane.clock, plane.journal, self.publish, period=self._period)

    def _begun(self, now: Instant) -> Instant:
        """When the period of that instant began."""
        return now - now % self._period

    async def publish(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """Begin a round when a period is over; go on with it until all is published."""
        if not self._left and self._begun(now) > self._at:
            self._at = self._begun(now)
            self._used = self._plane.links.usage()
            store = self._plane.store
            self._left = [*store[CLUSTERS].all(), *store[SERVICES].all()]
        looked_at = 0
        while self._left and looked_at < TASKS_AT_ONCE:
            one = self._left.pop()
            if one.status == "INACTIVE":
                continue
            looked_at += 1 + (self._service(one) if isinstance(one, Service) else self._cluster(one))
        return now if self._left else self._at + self._period

    def _service(self, service: Service) -> int:
        """Publish one service; returns how many tasks were looked at."""
        cluster = self._plane.store[CLUSTERS].get(service.cluster_key)
        insights = cluster is not None and _has_insights(cluster)
        tasks: Sequence[Task] = ()
        if self._used or insights:  # else there is nothing to add up
            tasks = self._plane.store[TASKS].by("service", (*service.cluster_key, service.name, "RUNNING"))
        tally = self._tally(tasks)
        points = utilisation.of_service(
            tally,
            service.desired_count,
            self._plane.store[DEPLOYMENTS].count("shown", service.id),
            insights=insights,
        )
        self._put(service, points, ClusterName=service.cluster, ServiceName=service.name)
        return len(tasks)

    def _cluster(self, cluster: Cluster) -> int:
        """Publish one cluster, and what runs on its EC2 instances; returns how many tasks were looked at."""
        store, key = self._plane.store, (cluster.account, cluster.region, cluster.name)
        instances: list[ContainerInstance] = store[INSTANCES].by("cluster", key)
        machines = [row for row in instances if row.launch_type == "EC2"]
        tasks: list[Task] = []
        tally = Tally(running=store[TASKS].count("phase", (*key, "EC2", "running")))
        if self._used:
            tasks = [task for row in machines for task in store[TASKS].by("on_instance", (row.id, "RUNNING"))]
            tally = self._tally(tasks)
        points: list[Point] = []
        if machines:
            taken = [self._rooms.taken(row) for row in machines]
            points += utilisation.of_instances(
                tally,
                _sum((t.cpu_units, t.memory_mib) for t in taken),
                _sum(map(_size, machines)),
            )
        if _has_insights(cluster):
            running = sum(
                store[TASKS].count("phase", (*key, kind, "running"))
                for kind in ("EC2", "FARGATE", "EXTERNAL")
            )
            services = store[SERVICES].count("cluster", key)
            points += utilisation.of_cluster(running, services, len(instances))
        self._put(cluster, points, ClusterName=cluster.name)
        return len(tasks)

    def _tally(self, tasks: Iterable[Task]) -> Tally:
        running, pending = [], 0
        for task in tasks:
            unit = self._plane.store[UNITS].get(task.id)
            if task.phase != "running" or unit is None:
                pending += 1
            else:
                reserved = Reserved(unit.cpu_units, unit.memory_mib)
                running.append((reserved, self._used.get(task.id)))
        return utilisation.tally(running, pending)

    def _put(self, row: Cluster | Service, points: Iterable[Point], **dimensions: str) -> None:
        for point in points:
            self._metrics.put(
                row.account,
                row.region,
                point.namespace,
                point.name,
                dimensions,
                point.value,
                point.unit,
                self._at - self._period,
                fine=self._period < MINUTE,
            )


def _has_insights(cluster: Cluster) -> bool:
    return cluster.settings.get("containerInsights") in INSIGHTS_ON


def _size(row: ContainerInstance) -> tuple[int, int]:
    return row.cpu_units, row.memory_mib


def _sum(sizes: Iterable[tuple[int, int]]) -> Reserved:
    return Reserved(*map(sum, zip(*sizes, strict=True)))
