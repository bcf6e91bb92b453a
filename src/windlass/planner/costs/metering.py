"""What a scenario's world uses, counted as rows change: what cost.py puts prices on.

A task or machine is counted when it ends, those that have not at the run's end. Lambda and SQS are read from
the metrics that they publish, by whole minutes; of SQS messages are counted for requests. Public
addresses are counted of interfaces and of load balancers, provisioned concurrency as it was asked for (AWS
rounds up to five minutes). What was deleted counts until then. Known gaps: calls of a queue in the minute in
which it was deleted; a function that was deleted and made anew counts as it was last; instances have no
addresses of their own here.
"""

from __future__ import annotations

from typing import Any

from windlass.aws.metrics import Metrics, Series
from windlass.aws.metrics import series as series_of
from windlass.fleet.instances import on_spot
from windlass.fleet.model import INSTANCES, Instance
from windlass.kernel.clock import SECOND, Instant
from windlass.kernel.store import Change
from windlass.planner.costs.cost import Usage
from windlass.planner.costs.metering_units import UnitsMetering
from windlass.services.ec2.model import INTERFACES, NetworkInterface
from windlass.services.ecs.model import FARGATE_SPOT, TASKS, Task
from windlass.services.elbv2.model import LOAD_BALANCERS, LoadBalancer
from windlass.services.lambda_.measuring import Measuring as FunctionsMeasuring
from windlass.services.lambda_.model import FUNCTIONS, Function
from windlass.services.lambda_.provisioned_model import PROVISIONED, Provisioned
from windlass.services.plane import Plane
from windlass.services.sqs.measuring import COUNTED
from windlass.services.sqs.measuring import Measuring as QueuesMeasuring
from windlass.services.sqs.model import QUEUES, Queue

MILLISECONDS = 1_000
FIFO = ".fifo"
UNITS_PER_VCPU = MIB_PER_GB = 1_024


class Metering:
    """Of one world's plane; `read` at the run's end, once."""

    def __init__(self, plane: Plane) -> None:
        store, clock = plane.store, plane.clock
        self._store = store
        self._metrics = plane.calls.part(Metrics)
        self._publishing = (plane.calls.part(FunctionsMeasuring), plane.calls.part(QueuesMeasuring))
        self._clock = clock
        self._began = clock.now()
        self._usage = Usage()
        self._kept_since: dict[Any, Instant] = {}
        """Provisioned concurrency → since when it is as it is."""
        self._functions: dict[Any, Function] = {one.key: one for one in store[FUNCTIONS].all()}
        """As they are, or were when they were deleted."""
        self._queues: dict[Any, Queue] = {one.key: one for one in store[QUEUES].all()}
        self._units = UnitsMetering(store, clock, self._usage)
        store.watch((TASKS,), self._on_task)
        store.watch((INSTANCES,), self._on_instance)
        store.watch((INTERFACES,), self._on_interface)
        store.watch((PROVISIONED,), self._on_provisioned)
        store.watch((LOAD_BALANCERS,), self._on_balancer)
        store.watch((FUNCTIONS,), lambda change: _keep(self._functions, change))
        store.watch((QUEUES,), lambda change: _keep(self._queues, change))

    def read(self) -> Usage:
        """All that was used until now."""
        usage, store, now = self._usage, self._store, self._clock.now()
        for part in self._publishing:
            part.publish()
        for task in store[TASKS].all():
            if task.last_status != "STOPPED":
                self._add_task(task, now)
        for instance in store[INSTANCES].all():
            if instance.phase != "terminated":
                self._add_instance(instance, now)
        for balancer in store[LOAD_BALANCERS].all():
            self._add_balancer(balancer, now)
        for interface in store[INTERFACES].all():
            self._add_address(interface, now)
        for provisioned in store[PROVISIONED].all():
            self._add_kept(provisioned, now)
        for function in self._functions.values():
            self._add_function(function)
        for queue in self._queues.values():
            for name_of_count in COUNTED:
                of_queue = series_of(
                    queue.account, queue.region, "AWS/SQS", name_of_count, {"QueueName": queue.name}
                )
                if queue.name.endswith(FIFO):
                    usage.fifo_messages += self._total(of_queue)
                else:
                    usage.messages += self._total(of_queue)
        self._units.close()
        return usage

    def _add_function(self, function: Function) -> None:
        """What it ran; on provisioned concurrency the share of its invocations that did."""
        of = (function.account, function.region, "AWS/Lambda")
        name, settings = {"FunctionName": function.name}, function.shown
        invocations = self._total(series_of(*of, "Invocations", name))
        provisioned = self._total(series_of(*of, "ProvisionedConcurrencyInvocations", name))
        ran_s = self._total(series_of(*of, "Duration", name)) / MILLISECONDS
        gb_s = ran_s * settings.memory_mib / MIB_PER_GB
        share = min(1.0, provisioned / invocations) if invocations else 0.0
        self._usage.requests += invocations
        self._usage.function_gb_s[settings.architecture] += gb_s * (1 - share)
        self._usage.provisioned_gb_s[settings.architecture] += gb_s * share

    def _on_provisioned(self, change: Change) -> None:
        if change.old is not None:
            self._add_kept(change.old, self._clock.now())
        self._kept_since[change.key] = self._clock.now()

    def _add_kept(self, row: Provisioned, end: Instant) -> None:
        function = self._functions.get((row.account, row.region, row.function))
        if function is not None:
            settings = function.shown
            seconds = (end - self._kept_since.get(row.key, self._began)) / SECOND
            gb_s = seconds * row.requested * settings.memory_mib / MIB_PER_GB
            self._usage.kept_gb_s[settings.architecture] += gb_s

    def _on_balancer(self, change: Change) -> None:
        if change.new is None:
            self._add_balancer(change.old, self._clock.now())

    def _add_balancer(self, balancer: LoadBalancer, end: Instant) -> None:
        seconds = (end - max(balancer.created_at, self._began)) / SECOND
        self._usage.balancer_s += seconds
        self._usage.address_s += seconds * len(balancer.zones) if not balancer.internal else 0

    def _on_interface(self, change: Change) -> None:
        if change.new is None:
            self._add_address(change.old, self._clock.now())

    def _add_address(self, interface: NetworkInterface, end: Instant) -> None:
        if interface.public:
            self._usage.address_s += (end - max(interface.created_at, self._began)) / SECOND

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
            self._usage.instance_s[instance.instance_type, on_spot(instance)] += (end - begin) / SECOND


def _keep(rows: dict[Any, Any], change: Change) -> None:
    """The row as it is, or as it was last."""
    rows[change.key] = change.new or change.old
