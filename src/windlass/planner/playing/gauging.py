"""What stands at a value in a scenario's world at some time: queues, functions, instances, jobs.

A reading costs a step for each queue, function, service and job queue, never one for each message or task:
what there may be many of is counted as rows change. The samples' numbers of workloads are load.py's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from windlass.fleet.model import INSTANCES
from windlass.kernel.store import Change, Table
from windlass.services.apprunner.instance_model import INSTANCES as APP_RUNNER_INSTANCES
from windlass.services.apprunner.model import SERVICES as APP_RUNNER
from windlass.services.batch import describe
from windlass.services.batch.model import JOBS, JobStatus
from windlass.services.batch.resource_model import QUEUES as JOB_QUEUES
from windlass.services.elbv2.model import TARGETS
from windlass.services.lambda_.measuring import Measuring
from windlass.services.lambda_.model import ENVIRONMENTS, FUNCTIONS
from windlass.services.plane import Plane
from windlass.services.sqs import contents
from windlass.services.sqs.model import MESSAGES, QUEUES

Gauge: TypeAlias = tuple[str, str]
"""(kind, subject): ("messages", "jobs")."""
JOB_STATUSES: tuple[JobStatus, ...] = ("RUNNABLE", "RUNNING")
EC2 = "EC2"
"""Subject of the machines of all Auto Scaling groups and capacity providers together."""


class Gauges:
    """Of one plane, from its begin on."""

    def __init__(self, plane: Plane) -> None:
        self._store = plane.store
        self._clock = plane.clock
        self._functions = plane.calls.part(Measuring)
        self.started: Counter[str] = Counter()
        """Function → environments that were started because an event waited for one."""
        self._machines = 0
        self._active: Counter[str] = Counter()
        """ARN of an App Runner service → instances that take requests."""
        self._count(INSTANCES, lambda row: row.kind == EC2 and row.phase == "running", self._add_machine)
        self._count(APP_RUNNER_INSTANCES, lambda row: row.state == "active", self._add_instance)
        self._healthy: dict[str, int] = {}
        """ARN of a target group → targets that the load balancer found healthy."""
        self._count(TARGETS, lambda row: row.state == "healthy", self._add_healthy)
        plane.store.watch((ENVIRONMENTS,), self._on_environment)

    def read(self) -> dict[Gauge, float]:
        """All of them now; what accounts have by the same name is added up."""
        found: dict[Gauge, float] = {}
        for gauge, value in self._all():
            found[gauge] = found.get(gauge, 0) + value
        return found

    def _all(self) -> Iterator[tuple[Gauge, float]]:
        store, now = self._store, self._clock.now()
        for queue in store[QUEUES].all():
            counts = contents.counts(store[MESSAGES], queue.id, now)
            yield ("messages", queue.name), counts.visible
            yield ("in_flight", queue.name), counts.in_flight
        for function in store[FUNCTIONS].all():
            yield ("concurrency", function.name), 0
            yield ("environments", function.name), store[ENVIRONMENTS].count("uid", function.uid)
        for subject, name, value in self._functions.levels():
            if subject.function and not subject.qualifier and name == "ConcurrentExecutions":
                yield ("concurrency", subject.function), value
        for service in store[APP_RUNNER].all():
            yield ("instances", service.name), self._active[service.arn]
        for arn, count in self._healthy.items():
            yield ("healthy", arn.split("/")[1]), count
        if self._machines:
            yield ("instances", EC2), self._machines
        yield from self._jobs()

    def _jobs(self) -> Iterator[tuple[Gauge, float]]:
        view = self._store[JOBS]
        for queue in self._store[JOB_QUEUES].all():
            counts: Counter[str] = Counter()
            of = (queue.account, queue.region, queue.name)
            for status in JOB_STATUSES:
                counts[status] += view.count("status", (*of, status))
            for status in ("PENDING", *JOB_STATUSES):
                for array in view.by("array", (*of, status)):
                    counts[status] -= 1
                    counts.update(describe.summary(self._store, array))
            for status in JOB_STATUSES:
                yield ("jobs", f"{queue.name} {status}"), counts[status]

    def _count(
        self, table: Table[Any], counts: Callable[[Any], bool], add: Callable[[Any, int], None]
    ) -> None:
        """Have `add` told of each row that begins to count, by 1, and that ceases to, by -1."""

        def on_change(change: Change) -> None:
            if change.old is not None and counts(change.old):
                add(change.old, -1)
            if change.new is not None and counts(change.new):
                add(change.new, 1)

        for row in self._store[table].all():
            if counts(row):
                add(row, 1)
        self._store.watch((table,), on_change)

    def _add_machine(self, row: Any, by: int) -> None:
        self._machines += by

    def _add_instance(self, row: Any, by: int) -> None:
        self._active[row.service] += by

    def _add_healthy(self, row: Any, by: int) -> None:
        self._healthy[row.group] = self._healthy.get(row.group, 0) + by

    def _on_environment(self, change: Change) -> None:
        new = change.new
        if change.old is None and new is not None and not new.provisioned and not new.template:
            function = self._store[FUNCTIONS].first("uid", new.uid)
            self.started["" if function is None else function.name] += 1
