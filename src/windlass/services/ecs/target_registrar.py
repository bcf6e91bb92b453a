"""The loop that keeps target groups and tasks together: targets.py decides, this acts.

Writes `Task.targets` and `Task.target_health`, and lets a task's unit stop once its targets have drained.
Woken by changes of tasks and of targets' health; works on those alone. Everything it does for a task is one
transaction, so that a task is registered exactly as its row says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

from windlass.aws.calls import Principal
from windlass.aws.target_groups import Target, TargetGroups, TargetHealth
from windlass.fleet.model import UNITS
from windlass.kernel.alarm import Alarm
from windlass.kernel.clock import MINUTE, Duration, Instant, seconds
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Transaction
from windlass.services.ecs import service_events, targets, traffic
from windlass.services.ecs.instance_model import INSTANCES
from windlass.services.ecs.model import TASKS, Registered, Shape, Task
from windlass.services.ecs.service_model import DEPLOYMENTS, REVISIONS, SERVICES, TASK_SETS
from windlass.services.plane import Plane

LOOK_PERIOD: Duration = MINUTE
"""How often every balanced task is looked at, in case a wake-up was lost."""
TASKS_MAX = 100
"""Tasks per transaction."""
CYCLE = "ecs.target_cycle"
"""Of the profile: how far apart ECS looks at tasks to register, and at the health of their targets."""
PRINCIPAL = "ecs.amazonaws.com"
_REGISTERED = "registered {count} targets in (target-group {about})"
_DEREGISTERED = "deregistered {count} targets in (target-group {about})"
_DRAINING = "has begun draining connections on {count} tasks"
_UNHEALTHY = "{about}"

Subject = tuple[str, str, str, str, str, str, str]
Told = defaultdict[Subject, list[str]]
"""(account, region, cluster, service, task set, text, what it is about) → ids of the tasks it is told of."""


class TargetRegistrar:
    """Lives beside the scheduler."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._groups = plane.calls.part(TargetGroups)
        self._tasks = plane.worklist(
            "ecs.targets", self._work, self._everything, most=TASKS_MAX, period=LOOK_PERIOD
        )
        self.loop = self._tasks.loop
        self._cycle = seconds(plane.quotas.delay_s(CYCLE))
        self._due: list[tuple[Instant, str, str]] = []
        """A heap: when to look at which task of which account."""
        self._alarm = Alarm(plane.clock, self._look_at_due)
        plane.store.watch((TASKS,), self._on_task)
        self._groups.watch(self._on_target)

    def leave(self, tx: Transaction, task: Task, now: Instant) -> None:
        """Deregister the task before it is told to stop (Interruptions.before_each)."""
        if task.targets:
            told: Told = defaultdict(list)
            self._deregister(tx, task, now, told)
            self._tell(tx, told)

    def _on_task(self, change: Change) -> None:
        task: Task | None = change.new
        if task is not None and task.target_health and task.started_at:
            old: Task | None = change.old
            if old is None or _what(old) != _what(task):
                self._add(task)

    def _on_target(self, target: Target) -> None:
        for task in self._plane.store[TASKS].by("target", target.id):
            self._add(task)

    def _add(self, task: Task) -> None:
        """Look at it: now, or, where the profile has cycles, in its turn; at who leaves always now."""
        if not self._cycle or task.desired_status == "STOPPED":
            self._tasks.add(task.account, task.id)
            return
        now, phase = self._plane.clock.now(), int(task.id[-12:], 16) % self._cycle
        heappush(self._due, (now + self._cycle - (now - phase) % self._cycle, task.account, task.id))
        self._alarm.set(self._due[0][0])

    def _look_at_due(self) -> None:
        now = self._plane.clock.now()
        while self._due and self._due[0][0] <= now:
            _, account, task_id = heappop(self._due)
            self._tasks.add(account, task_id)
        self._alarm.set(self._due[0][0] if self._due else None)

    def _everything(self) -> Iterator[tuple[str, str]]:
        return ((task.account, task.id) for task in self._plane.store[TASKS].by("balanced", True))

    def _work(self, tx: Transaction, ids: Sequence[str], now: Instant) -> None:
        told: Told = defaultdict(list)
        for task_id in ids:
            if (row := tx[TASKS].get(task_id)) is not None:
                self._step(tx, row, now, told)
        self._tell(tx, told)

    def _step(self, tx: Transaction, task: Task, now: Instant, told: Told) -> None:
        seen = {one: self._groups.health(one.group, targets.target(one)) for one in task.targets}
        match targets.step(task, [health.state for health in seen.values()]):
            case "register":
                self._register(tx, task, now, told)
            case "deregister":
                self._deregister(tx, task, now, told)
            case "drained":
                tx[TASKS].put(replace(task, targets=()))
                tx[UNITS].put(replace(tx[UNITS].require(task.id), desired="stop"))
            case "forget":
                tx[TASKS].put(replace(task, targets=()))
            case "look":
                self._look(tx, task, seen, told)

    def _register(self, tx: Transaction, task: Task, now: Instant, told: Told) -> None:
        balancers = _balancers(tx, task)
        instance = tx[INSTANCES].get(task.instance) if task.instance else None
        found = targets.of(task, balancers, instance.machine_id if instance is not None else "")
        for one in found:
            self._groups.register(tx, one.group, targets.target(one), now)
            told[_to_tell(tx, task, _REGISTERED, one.group)].append(task.id)
        if found:
            tx[TASKS].put(replace(task, targets=found))

    def _deregister(self, tx: Transaction, task: Task, now: Instant, told: Told) -> None:
        """Its requests end. One that has stopped already has nothing to wait for."""
        for one in task.targets:
            self._groups.deregister(tx, one.group, targets.target(one), now)
            told[_to_tell(tx, task, _DEREGISTERED, one.group)].append(task.id)
        if task.last_status == "STOPPED":
            tx[TASKS].put(replace(task, targets=()))
            return
        tx[TASKS].put(replace(task, target_health="draining"))
        told[_to_tell(tx, task, _DRAINING)].append(task.id)
        self._tasks.add(
            task.account, task.id
        )  # a group that drains nothing says so at once, and tells nobody

    def _look(self, tx: Transaction, task: Task, seen: dict[Registered, TargetHealth], told: Told) -> None:
        health = targets.combined(one.state for one in seen.values())
        if health == task.target_health:
            return
        tx[TASKS].put(replace(task, target_health=health))
        for one, said in seen.items():
            if said.state == "unhealthy":
                told[_to_tell(tx, task, _UNHEALTHY, _unhealthy(task, one, said.reason))].append(task.id)

    def _tell(self, tx: Transaction, told: Told) -> None:
        for (account, region, cluster, name, task_set, text, about), ids in told.items():
            service = tx[SERVICES].get((account, region, cluster, name))
            if service is not None:
                call = self._plane.calls.on_behalf(Principal(account, region, PRINCIPAL))
                service_events.say(tx, call, service, text.format(count=len(ids), about=about), task_set)


def _what(task: Task) -> tuple[object, ...]:
    """What a step depends on, of the task itself."""
    bound = tuple(container.bindings for container in task.containers)
    return (task.desired_status, task.last_status == "STOPPED", task.started_at, task.targets, bound)


def _balancers(tx: Transaction, task: Task) -> tuple[Shape, ...]:
    """With the target groups on the side that its deployment is on."""
    deployment = tx[DEPLOYMENTS].get(task.deployment)
    if deployment is None:
        return tx[REVISIONS].require(tx[TASK_SETS].require(task.deployment).revision_id).load_balancers
    balancers = tx[REVISIONS].require(deployment.revision_id).load_balancers
    return traffic.resolved(balancers, alternate=deployment.alternate)


def _to_tell(tx: Transaction, task: Task, text: str, about: str = "") -> Subject:
    task_set = task.deployment if tx[TASK_SETS].get(task.deployment) is not None else ""
    return (*task.cluster_key, task.service, task_set, text, about)


def _unhealthy(task: Task, one: Registered, reason: str) -> str:
    """As AWS tells it; on an instance with that (ECS Developer Guide, service event messages)."""
    where = f"(task {task.id})" if task.attachment is not None else f"(instance {one.id}) (task {task.id})"
    name = targets.group_name(one.group)
    why = f"due to (reason {reason or 'Health checks failed'})"
    return f"{where} (port {one.port}) is unhealthy in (target-group {name}) {why}"
