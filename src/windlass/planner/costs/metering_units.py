"""What App Runner's instances and Batch's jobs use, counted as rows change.

An instance of App Runner is paid by its memory from when it is provisioned, and by its vCPUs while it is
active, a minute at least each time (aws.amazon.com/apprunner/pricing). A job on Fargate is paid as a task of
Fargate is; one on EC2 is not paid, its machine is (metering.py). Known gaps: builds of App Runner, and
automatic deployments.
"""

from __future__ import annotations

from windlass.fleet.model import UNITS, Unit
from windlass.kernel.clock import SECOND, Clock, Instant
from windlass.kernel.store import Change, Store
from windlass.planner.costs.cost import Usage
from windlass.services.apprunner.instance_model import INSTANCES, Instance
from windlass.services.batch.resource_model import ENVIRONMENTS

MINIMUM_S = 60.0
JOBS = "batch"
SPOT = "FARGATE_SPOT"
ENVIRONMENT = "AWS_BATCH_CE_NAME"
"""Variable of a job's containers: the name of its compute environment."""
OVER = ("stopped", "lost")
UNITS_PER_VCPU = MIB_PER_GB = 1_024


class UnitsMetering:
    """Of one world's plane, into that usage; `close` at the run's end, once."""

    def __init__(self, store: Store, clock: Clock, usage: Usage) -> None:
        self._store = store
        self._clock = clock
        self._usage = usage
        self._sizes: dict[str, tuple[float, float]] = {}
        """Instance of App Runner that there is → vCPUs and GB."""
        store.watch((INSTANCES,), self._on_instance)
        store.watch((UNITS,), self._on_unit)

    def close(self) -> None:
        """Count what still runs."""
        for instance in self._store[INSTANCES].all():
            self._add_instance(instance, self._clock.now())
        for unit in self._store[UNITS].all():
            if unit.owner == JOBS and unit.state not in OVER:
                self._add_job(unit, self._clock.now())

    def _on_instance(self, change: Change) -> None:
        old: Instance | None = change.old
        new: Instance | None = change.new
        if new is not None and new.id not in self._sizes:
            unit = self._store[UNITS].get(new.id)
            if unit is not None:
                size = (unit.cpu_units / UNITS_PER_VCPU, unit.memory_mib / MIB_PER_GB)
                self._sizes[new.id] = size
        if old is not None and (new is None or new.state != old.state):
            self._add_instance(old, self._clock.now())
        if old is not None and new is None:
            self._sizes.pop(old.id, None)

    def _add_instance(self, instance: Instance, end: Instant) -> None:
        """The time in the state that it is in."""
        vcpu, gb = self._sizes.get(instance.id, (0.0, 0.0))
        seconds = (end - instance.since) / SECOND
        if instance.state in ("provisioned", "active"):
            self._usage.app_runner_gb_s += gb * seconds
        if instance.state == "active":
            self._usage.app_runner_vcpu_s += vcpu * max(MINIMUM_S, seconds)

    def _on_unit(self, change: Change) -> None:
        old: Unit | None = change.old
        new: Unit | None = change.new
        if new is not None and new.owner == JOBS and new.state in OVER and (old or new).state not in OVER:
            state = new.observed
            self._add_job(new, state.stopped_at if state and state.stopped_at else self._clock.now())

    def _add_job(self, unit: Unit, end: Instant) -> None:
        task, state = unit.spec.task, unit.observed
        if task is None or task.launch_type != "FARGATE" or state is None:
            return
        begin = state.pull_started_at or state.started_at
        if not begin:
            return
        told = dict(unit.spec.containers[0].environment)
        environment = self._store[ENVIRONMENTS].get((unit.account, unit.region, told.get(ENVIRONMENT, "")))
        spot = environment is not None and environment.kind == SPOT
        vcpu, gb = unit.cpu_units / UNITS_PER_VCPU, unit.memory_mib / MIB_PER_GB
        self._usage.add_task(vcpu, gb, max(0, end - begin) / SECOND, "x86_64", spot)
