"""The loop that moves operations on: looks at counts, asks `deployment.py`, and writes what follows.

One move is one transaction: phase, what is wanted of instances and builds, the service's status, the events
that tell of it. So wherever the plane is killed, the next one finds an operation in a phase, and goes on
from there.
"""

from __future__ import annotations

from collections.abc import Hashable

from windlass.aws.bus import Bus
from windlass.kernel.clock import SECOND, Duration, Instant, seconds
from windlass.kernel.machine import move
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Transaction
from windlass.services.apprunner import deployment as planning
from windlass.services.apprunner import limits, notices
from windlass.services.apprunner.configuration_model import DOMAINS
from windlass.services.apprunner.deployment import Event, Plan, Situation
from windlass.services.apprunner.model import (
    DEPLOYMENTS,
    OPERATIONS,
    SERVICES,
    Builds,
    Counts,
    Deployment,
    Instances,
    Operation,
    Service,
)
from windlass.services.apprunner.transitions import OPERATION_MOVES, SERVICE_MOVES
from windlass.services.plane import Plane

PERIOD: Duration = 30 * SECOND


class Operations:
    """Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane, instances: Instances, builds: Builds) -> None:
        self._plane = plane
        self._instances = instances
        self._builds = builds
        self._bus = plane.calls.part(Bus)
        self.loop = Loop("apprunner.operations", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.store.watch((OPERATIONS, *instances.TABLES, *builds.TABLES), self._on_change)

    def _on_change(self, change: Change) -> None:
        """Of an operation, an instance or a build; all of them have a service."""
        row = change.new if change.new is not None else change.old
        assert row is not None
        self.loop.wake(row.service)

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        dues = []
        for operation in self._plane.store[OPERATIONS].by("active", "yes"):
            with self._plane.store.transact() as tx:
                dues.append(self._move(tx, operation, now))
        return min((due for due in dues if due is not None), default=None)

    def _move(self, tx: Transaction, operation: Operation, now: Instant) -> Instant | None:
        """Do what is to be done of it now. Returns when to look again, if nothing changes before."""
        service = tx[SERVICES].require(operation.service)
        new = tx[DEPLOYMENTS].get((service.arn, operation.deployment))
        plan = planning.plan(self._situation(tx, service, operation, new, now))
        if plan.target:
            operation = tx[OPERATIONS].put(replace(operation, target=plan.target))
            self._instances.wanted(tx, service, operation.deployment, plan.target, now)
        if plan.event is None:
            return plan.look_again
        self._plane.journal.note("apprunner", service.arn, plan.event, plan.why)
        self._apply(tx, service, operation, new, plan, plan.event, now)
        return None

    def _situation(
        self, tx: Transaction, service: Service, operation: Operation, new: Deployment | None, now: Instant
    ) -> Situation:
        limit = seconds(self._plane.quotas.delay_s(limits.DELAY_START_LIMIT)) or limits.START_LIMIT
        count = self._instances.counts
        return Situation(
            operation,
            now,
            limit,
            scaling=planning.NO_SCALING if new is None else new.scaling,
            build=self._builds.state(tx, new) if new is not None and new.is_code else None,
            new=planning.NOTHING if new is None else count(tx, service, new.id),
            serving=count(tx, service, service.serving) if service.serving else planning.NOTHING,
            left=sum(_there(count(tx, service, one.id)) for one in _deployments(tx, service)),
        )

    def _apply(
        self,
        tx: Transaction,
        service: Service,
        operation: Operation,
        new: Deployment | None,
        plan: Plan,
        event: Event,
        now: Instant,
    ) -> None:
        operation = replace(
            operation,
            status=planning.status(operation, event),
            phase=move(OPERATION_MOVES, operation.phase, event, operation),
            since=now,
            updated_at=now,
            reason=plan.why if event == "fail" else operation.reason,
        )
        match event:
            case "build" if new is not None:
                self._builds.wanted(tx, service, new, now)
            case "serve":
                if service.serving:
                    self._instances.withdraw(tx, service, service.serving, now)
                service = replace(service, serving=operation.deployment, last_deployed=operation.deployment)
            case "fail":
                self._instances.withdraw(tx, service, operation.deployment, now)
            case "withdraw":
                service = replace(service, serving="")
                for one in _deployments(tx, service):
                    self._instances.withdraw(tx, service, one.id, now)
        tx[OPERATIONS].put(operation)
        tx[SERVICES].put(service)
        notices.moved(tx, service, operation, new, now)
        if operation.phase == "ended":
            self._end(tx, service, operation, now)

    def _end(self, tx: Transaction, service: Service, operation: Operation, now: Instant) -> None:
        end = planning.end(operation)
        if end == "rolled back":
            service = replace(service, **operation.before)
        status = move(SERVICE_MOVES, service.status, end, service, operation)
        service = replace(service, status=status, operation="", updated_at=now)
        if end == "deleted":
            service = replace(service, deleted_at=now, last_deployed="")
            for domain in tx[DOMAINS].by("service", service.arn):
                tx[DOMAINS].delete(domain.key)
        operation = replace(operation, ended_at=now, updated_at=now)
        tx[SERVICES].put(service)
        tx[OPERATIONS].put(operation)
        self._forget(tx, service, now)
        excess = tx[OPERATIONS].count("service", service.arn) - limits.OPERATIONS_KEPT
        for old in tx[OPERATIONS].page("service", service.arn, limit=max(0, excess)):
            tx[OPERATIONS].delete(old.key)
        notices.ended(self._bus, tx, service, operation, now)

    def _forget(self, tx: Transaction, service: Service, now: Instant) -> None:
        """Deployments that nothing will bring back, once their instances are gone."""
        for one in _deployments(tx, service):
            if one.id in (service.serving, service.last_deployed):
                continue
            if not _there(self._instances.counts(tx, service, one.id)):
                if one.is_code:
                    self._builds.cancel(tx, service, one, now)
                tx[DEPLOYMENTS].delete(one.key)


def _deployments(tx: Transaction, service: Service) -> list[Deployment]:
    return tx[DEPLOYMENTS].by("service", service.arn)


def _there(counts: Counts) -> int:
    """Instances that are, or are to be."""
    return counts.starting + counts.healthy + counts.stopping
