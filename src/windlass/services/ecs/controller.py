"""The ECS loops: what nodes report becomes the tasks' status; what is long over is forgotten.

`Observer` is woken by changes of units and works on those alone. `Retention` sleeps until the next row's
time has come. Neither decides anything: task_status.py and limits.py do.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from windlass.aws.bus import Bus
from windlass.fleet import model as fleet
from windlass.fleet import role_credentials
from windlass.fleet.interfaces import Interfaces
from windlass.fleet.model import UNITS, Unit
from windlass.kernel.clock import HOUR, MINUTE, SECOND, Duration, Instant
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change, Transaction
from windlass.services.ecs import limits, lookup, notices, services_gone, task_status
from windlass.services.ecs.instance_model import INSTANCES, ContainerInstance
from windlass.services.ecs.launch import OWNER
from windlass.services.ecs.model import DEFINITIONS, RUN_TOKENS, TASKS, Task
from windlass.services.ecs.service_model import SERVICES
from windlass.services.plane import Plane

OBSERVE_ALL_PERIOD: Duration = 10 * MINUTE
"""How often every unit is looked at, in case a wake-up was lost."""
RETENTION_PERIOD: Duration = HOUR
BATCH_MAX = 500
"""Rows per transaction, so that no pass holds up calls for long."""
OBSERVED_MAX = 40
"""Tasks per transaction of the observer: one writes half a dozen rows, with its events."""


class Observer:
    """Writes every observed column of tasks, and takes away the units of those that have stopped."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._bus = plane.calls.part(Bus)
        self._interfaces = plane.calls.part(Interfaces)
        self._units = plane.worklist(
            "ecs.observer", self._work, self._everything, most=OBSERVED_MAX, period=OBSERVE_ALL_PERIOD
        )
        self.loop = self._units.loop
        plane.store.watch((UNITS,), self._changed, topic=OWNER)

    def _changed(self, change: Change) -> None:
        unit: Unit | None = change.new
        if unit is None or unit.state == "waiting":  # that is how a task begins
            return
        if change.old is not None or unit.state != "assigned":  # or so: launching.py has seen to it
            self._units.add(unit.account, unit.id)

    def _everything(self) -> Iterator[tuple[str, str]]:
        return ((unit.account, unit.id) for unit in self._plane.store[UNITS].by("owner", OWNER))

    def _work(self, tx: Transaction, ids: Sequence[str], now: Instant) -> None:
        units, tasks = tx[UNITS], tx[TASKS]
        for unit_id in ids:
            unit, task = units.get(unit_id), tasks.get(unit_id)
            if unit is None:
                continue
            if task is None:
                units.delete(unit_id)
            else:
                self._observe(tx, task, unit, now)

    def _observe(self, tx: Transaction, task: Task, unit: Unit, now: Instant) -> None:
        after = task_status.derive(task, unit, now)
        if after is task and task.last_status != "STOPPED":
            return
        for step in task_status.steps(task, after):
            after = tx[TASKS].put(step)
            notices.tell(self._bus, tx, step, now)
        if after.version == task.version:  # nothing that is told
            tx[TASKS].put(after)
        if after.last_status == "STOPPED":
            tx[UNITS].delete(unit.id)
            if after.attachment is not None:
                self._interfaces.release(tx, after.attachment.interface_id)
            role_credentials.end(tx, after.access_keys)
        self._tell_pull(task, after)
        if after.last_status != task.last_status:
            self._plane.journal.note(OWNER, after.arn, after.last_status, after.stopped_reason)

    def _tell_pull(self, before: Task, after: Task) -> None:
        """Pulls take their time: who follows the events sees where a task is meanwhile."""
        note = self._plane.journal.note
        if after.pull_started_at and not before.pull_started_at:
            note(OWNER, after.arn, "pulling", ", ".join(sorted({c.image for c in after.containers})))
        if after.pull_stopped_at > before.pull_stopped_at:
            took = (after.pull_stopped_at - after.pull_started_at) / SECOND
            note(OWNER, after.arn, "pulled", f"{took:.1f} s after the first pull began")


class Retention:
    """Forgets what ended an hour ago (tasks, instances, services), old client tokens, deleted definitions."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self.loop = Loop("ecs.retention", plane.clock, plane.journal, self.forget, period=RETENTION_PERIOD)

    async def forget(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """One pass; returns when the next stopped task may be forgotten."""
        with self._plane.store.transact() as tx:
            tasks = tx[TASKS].upto("stopped", "yes", now - limits.STOPPED_KEPT, BATCH_MAX)
            for task in tasks:
                tx[TASKS].delete(task.id)
            tokens = tx[RUN_TOKENS].upto("age", "all", now - limits.CLIENT_TOKEN_KEPT, BATCH_MAX)
            for token in tokens:
                tx[RUN_TOKENS].delete((token.account, token.region, token.token))
            for instance in tx[INSTANCES].upto("gone", "yes", now - limits.STOPPED_KEPT, BATCH_MAX):
                if _forgettable(tx, instance):
                    tx[INSTANCES].delete(instance.id)
            for service in tx[SERVICES].upto("gone", "yes", now - limits.INACTIVE_SERVICES_KEPT, BATCH_MAX):
                services_gone.forget(tx, service)
            for row in tx[DEFINITIONS].upto("deleting", "yes", now - limits.STOPPED_KEPT, BATCH_MAX):
                if not tx[TASKS].count("definition", row.arn) and not lookup.in_service(tx, row.arn):
                    tx[DEFINITIONS].delete((row.account, row.region, row.family, row.revision))
            full = BATCH_MAX in (len(tasks), len(tokens))
            oldest = tx[TASKS].first("stopped", "yes")
        if full:
            return now
        return None if oldest is None else oldest.stopped_at + limits.STOPPED_KEPT


def _forgettable(tx: Transaction, instance: ContainerInstance) -> bool:
    """No task shows it any more, and no machine would take it for one that was never registered."""
    tasks = (tx[TASKS].count("on_instance", (instance.id, desired)) for desired in ("RUNNING", "STOPPED"))
    return not any(tasks) and tx[fleet.INSTANCES].get(instance.machine_id) is None
