"""What a scenario's world uses, counted as rows change: what cost.py puts prices on.

A task or machine is counted when it ends, those that have not at the run's end. Lambda and SQS are read from
the metrics that they publish, by whole minutes: what they did in the last one is not counted.
"""

from __future__ import annotations

from windlass.aws.metrics import Metrics, Series
from windlass.aws.metrics import series as series_of
from windlass.fleet.model import INSTANCES, Instance
from windlass.kernel.clock import SECOND, Clock, Instant
from windlass.kernel.store import Change, Store
from windlass.planner.cost import Usage
from windlass.services.apprunner.instance_model import INSTANCES as APP_RUNNER
from windlass.services.batch.model import JOBS
from windlass.services.ecs.model import FARGATE_SPOT, TASKS, Task
from windlass.services.elbv2.model import LOAD_BALANCERS
from windlass.services.lambda_.model import FUNCTIONS
from windlass.services.sqs.measuring import COUNTED
from windlass.services.sqs.model import QUEUES

MILLISECONDS = 1_000
UNITS_PER_VCPU = MIB_PER_GB = 1_024


class Metering:
    """Of one world's plane; `read` at the run's end, once."""

    def __init__(self, store: Store, metrics: Metrics, clock: Clock) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._began = clock.now()
        self._usage = Usage()
        store.watch((TASKS,), self._on_task)
        store.watch((INSTANCES,), self._on_instance)

    def read(self) -> Usage:
        """All that was used until now."""
        usage, store, now = self._usage, self._store, self._clock.now()
        for task in store[TASKS].all():
            if task.last_status != "STOPPED":
                self._add_task(task, now)
        for instance in store[INSTANCES].all():
            if instance.phase != "terminated":
                self._add_instance(instance, now)
        usage.balancer_s = sum(
            (now - max(one.created_at, self._began)) / SECOND for one in store[LOAD_BALANCERS].all()
        )
        for function in store[FUNCTIONS].all():
            of = (function.account, function.region, "AWS/Lambda")
            name, settings = {"FunctionName": function.name}, function.shown
            usage.requests += self._total(series_of(*of, "Invocations", name))
            ran_s = self._total(series_of(*of, "Duration", name)) / MILLISECONDS
            usage.function_gb_s[settings.architecture] += ran_s * settings.memory_mib / MIB_PER_GB
        for queue in store[QUEUES].all():
            for name_of_count in COUNTED:
                of_queue = series_of(
                    queue.account, queue.region, "AWS/SQS", name_of_count, {"QueueName": queue.name}
                )
                usage.messages += self._total(of_queue)
        if any(True for _ in store[JOBS].all()):
            usage.unpriced.add("jobs of Batch")
        if any(True for _ in store[APP_RUNNER].all()):
            usage.unpriced.add("App Runner services")
        return usage

    def _total(self, of: Series) -> float:
        begin, end = self._began // SECOND // 60 * 60, self._clock.now() // SECOND + 60
        return sum(bucket.summary.total for bucket in self._metrics.read(of, begin, end, 60))

    def _on_task(self, change: Change) -> None:
        old: Task | None = change.old
        new: Task | None = change.new
        if new is not None and new.last_status == "STOPPED" and (old is None or old.last_status != "STOPPED"):
            self._add_task(new, new.stopped_at)

    def _add_task(self, task: Task, end: Instant) -> None:
        begin = task.pull_started_at or task.started_at
        if task.instance or not begin:
            return
        self._usage.add_task(
            int(task.cpu or 0) / UNITS_PER_VCPU,
            int(task.memory or 0) / MIB_PER_GB,
            max(0, end - begin) / SECOND,
            task.architecture,
            task.capacity_provider == FARGATE_SPOT,
        )

    def _on_instance(self, change: Change) -> None:
        old: Instance | None = change.old
        new: Instance | None = change.new
        if new is not None and old is not None and new.phase == "terminated" != old.phase:
            self._add_instance(new, self._clock.now())

    def _add_instance(self, instance: Instance, end: Instant) -> None:
        if instance.kind == "EC2":
            begin = max(instance.launched_at, self._began)
            self._usage.instance_s[instance.instance_type] += (end - begin) / SECOND
