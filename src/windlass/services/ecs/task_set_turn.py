"""One look at one service with the EXTERNAL controller: task_set_plan.py decides, set by set.

What is done for a task set is what service_turn.py does for a deployment; there is none here, and no roll-out
that could fail.
"""

from __future__ import annotations

from windlass.kernel.clock import Instant
from windlass.kernel.rows import replace
from windlass.services.ecs import circuit_breaker, progress, task_set_plan
from windlass.services.ecs.deployment import Start, Stop
from windlass.services.ecs.model import drained
from windlass.services.ecs.service_model import REVISIONS, SERVICES, TASK_SETS, TaskSet
from windlass.services.ecs.service_turn import Turn
from windlass.services.ecs.task_set_plan import Held, Plan

STEADY = "TASKSET_STEADY_STATE"
"""Name of a Service Action; ECS Developer Guide, ecs_service_events."""


class TaskSetTurn(Turn):
    """One service, one instant, one transaction."""

    def take(self) -> Instant | None:
        """Do it. Returns when to look again at the latest, None when only a change can change anything."""
        plans = [self._keep_set(row) for row in self._sets()]
        stable = all(plan.stable for plan in plans)
        if self._service.status == "DRAINING" and all(plan.empty for plan in plans):
            self._service = progress.inactive(self._tx, self._call, self._service)
        elif stable and plans and self._service.status == "ACTIVE":
            self._service = progress.settled(self._tx, self._call, self._service)
        elif self._service.steady_at and not stable:
            self._service = self._tx[SERVICES].put(replace(self._service, steady_at=0))
        return min(self._again, default=None)

    def _sets(self) -> list[TaskSet]:
        return self._tx[TASK_SETS].by("service", self._service.id)

    def _keep_set(self, row: TaskSet) -> Plan:
        """Do for the set what is planned, and write down how it stands."""
        self._task_set = row.id
        row = self._reckoned(row)
        stand, leaving = self._stand(row.id), self._stand(drained(row.id))
        self._ripen(stand, leaving)
        counts = stand.counts
        if row.backoff_failures and (counts.waiting or counts.healthy):
            row = self._forgiven(row)
        self._learn_images(row)
        ends = row.status == "DRAINING" or self._service.status != "ACTIVE"
        wanted = 0 if ends else row.desired_count
        planned = task_set_plan.plan(Held(wanted, counts, leaving.counts, stand.stopping + leaving.stopping))
        for action in planned.actions:
            match action:
                case Start(count):
                    self._start(row, count)
                case Stop(cohort, kind, count):
                    self._scale_in(cohort, kind, count)
        self._write(row, planned, gone=ends and planned.empty)
        return planned

    def _reckoned(self, row: TaskSet) -> TaskSet:
        """After its tasks that ended since the last turn."""
        for task in self._ended(row.id):
            if not circuit_breaker.told_to(task):
                row = self._backed_off(row, task)
        return row

    def _write(self, row: TaskSet, planned: Plan, *, gone: bool) -> None:
        table, now = self._tx[TASK_SETS], self._call.now
        if gone:
            table.delete(row.id)
            self._tx[REVISIONS].delete(row.revision_id)
            return
        if planned.stable and not row.stable_at:
            row = replace(row, stable_at=now, updated_at=now)
            self._act("INFO", STEADY, taskSetArns=[row.arn])
        elif not planned.stable and row.stable_at:
            row = replace(row, stable_at=0, unstable_at=now, updated_at=now)
        if row != table.get(row.id):
            table.put(row)
