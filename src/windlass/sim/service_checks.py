"""What must be true of ECS services: of their rows at any instant, and of each transaction that changes them.

Written from what AWS promises, not from the scheduler's own counts: it reads tasks one by one, where the
scheduler asks an index. Like checks.py it says what is wrong, as sentences; none is right.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from windlass.fleet.model import UNITS
from windlass.kernel.clock import Duration, Instant
from windlass.kernel.store import Change, Store
from windlass.services.ecs import describe_service, shift_turn
from windlass.services.ecs.instance_model import INSTANCES
from windlass.services.ecs.launch import OWNER
from windlass.services.ecs.limits import SERVICE_EVENTS_MAX
from windlass.services.ecs.model import TASKS, UP_TO_RUNNING, Task
from windlass.services.ecs.service_model import (
    DEPLOYMENTS,
    SERVICE_DEPLOYMENTS,
    SERVICE_EVENTS,
    SERVICES,
    TASK_SETS,
    Deployment,
    Service,
    ServiceDeployment,
    ServiceKey,
)

SCHEDULER = "ServiceSchedulerInitiated"
"""stopCode of what a service's scheduler stops; facts/ecs.md."""


def all_of(store: Store) -> list[str]:
    """Every check of rows."""
    services = list(store[SERVICES].all())
    tasks = list(store[TASKS].all())
    deployments = list(store[DEPLOYMENTS].all())
    return [
        *unowned(tasks, {unit.id for unit in store[UNITS].by("owner", OWNER)}),
        *stray(tasks, services, {row.id: row.service_id for row in deployments}, _task_sets(store)),
        *not_one_primary(services, deployments),
        *several_changes(services, store[SERVICE_DEPLOYMENTS].all()),
        *misnumbered(services, lambda id: [row.number for row in store[SERVICE_EVENTS].by("service", id)]),
        *miscounted(services, tasks, store),
    ]


def unowned(tasks: Iterable[Task], units: set[str]) -> list[str]:
    """A task has a unit until it has stopped; no unit is left over."""
    living = {task.id for task in tasks if task.last_status != "STOPPED"}
    return [
        *(f"task {task_id} has no unit" for task_id in sorted(living - units)),
        *(f"unit {unit_id} belongs to no task" for unit_id in sorted(units - living)),
    ]


def stray(
    tasks: Iterable[Task], services: Iterable[Service], deployments: dict[str, str], task_sets: dict[str, str]
) -> list[str]:
    """A task up to RUNNING is of a deployment (or task set) of the service that it names.

    A deleted service does not wait for those that are stopping already (ECS API reference, DeleteService).
    """
    ids = {row.key: row.id for row in services if row.status != "INACTIVE"}
    owners = deployments | task_sets
    return [
        f"task {task.id} of {task.service} is of {task.deployment}, which is of {owners.get(task.deployment)}"
        for task in tasks
        if task.service
        and task.last_status in UP_TO_RUNNING
        and (owners.get(task.deployment) or "nobody") != ids.get((*task.cluster_key, task.service))
    ]


def not_one_primary(services: Iterable[Service], deployments: Iterable[Deployment]) -> list[str]:
    """A service that lives has one PRIMARY deployment, which it names; one that is gone shows none."""
    shown: dict[str, list[Deployment]] = defaultdict(list)
    for row in deployments:
        if row.status != "INACTIVE":
            shown[row.service_id].append(row)
    wrong: list[str] = []
    for service in services:
        primaries = [row.id for row in shown.pop(service.id, []) if row.status == "PRIMARY"]
        expected = [] if service.status == "INACTIVE" else [service.deployment_id]
        if service.controller == "ECS" and primaries != expected:
            wrong.append(f"{service.status} service {service.name}: {primaries} PRIMARY, not {expected}")
    return wrong + [f"deployments of no service {gone} are shown" for gone in shown]


def several_changes(services: Iterable[Service], records: Iterable[ServiceDeployment]) -> list[str]:
    """At most one service deployment of a service goes on: the one that it names."""
    current = {row.id: row.service_deployment_id for row in services if row.status != "INACTIVE"}
    return [
        f"service deployment {row.id} of {row.service} is {row.status}, and not the service's own"
        for row in records
        if not row.ended and current.get(row.service_id) != row.id
    ]


def misnumbered(services: Iterable[Service], numbers: Callable[[str], Sequence[int]]) -> list[str]:
    """Events count up without a gap, the latest are kept."""
    wrong: list[str] = []
    for service in services:
        first = max(1, service.last_event - SERVICE_EVENTS_MAX + 1)
        if list(numbers(service.id)) != list(range(first, service.last_event + 1)):
            wrong.append(f"events of {service.name}: {numbers(service.id)}, not to {service.last_event}")
    return wrong


def miscounted(services: Iterable[Service], tasks: Iterable[Task], store: Store) -> list[str]:
    """What DescribeServices counts is what there is."""
    running: Counter[ServiceKey] = Counter()
    pending: Counter[ServiceKey] = Counter()
    for task in tasks:
        if task.service and task.last_status in UP_TO_RUNNING:
            counter = running if task.last_status == "RUNNING" else pending
            counter[(*task.cluster_key, task.service)] += 1
    wrong: list[str] = []
    for row in services:
        shown = describe_service.service(row, store)
        found = (running[row.key], pending[row.key])
        if row.status != "INACTIVE" and (shown["runningCount"], shown["pendingCount"]) != found:
            counts = f"{shown['runningCount']} running and {shown['pendingCount']} pending"
            wrong.append(f"service {row.name} shows {counts}, {found} are")
    return wrong


def _task_sets(store: Store) -> dict[str, str]:
    return {row.id: row.service_id for row in store[TASK_SETS].all()}


@dataclass(slots=True)
class _Moves:
    """What one transaction did to the tasks of one service."""

    started: list[Task] = field(default_factory=list)
    stopped: list[Task] = field(default_factory=list)
    """As they were before, those that the scheduler stopped."""


class ServiceLedger:
    """Looks at each transaction: did the scheduler keep to the service's percentages?"""

    def __init__(self, now: Callable[[], Instant], healthy_after: Duration) -> None:
        self._now = now
        self._healthy_after = healthy_after

    def after(self, changes: Iterable[Change], store: Store) -> list[str]:
        """What is wrong with a transaction that has just been written to that store."""
        moves: dict[ServiceKey, _Moves] = defaultdict(_Moves)
        wrong: list[str] = []
        for change in changes:
            if change.table != TASKS.name or change.new is None or not change.new.service:
                continue
            old: Task | None = change.old
            new: Task = change.new
            of = moves[(*new.cluster_key, new.service)]
            if old is None:
                of.started.append(new)
                continue
            wrong += _turned_back(old, new)
            if old.desired_status == "RUNNING" != new.desired_status and new.stop_code == SCHEDULER:
                of.stopped.append(old)
        for key, of in moves.items():
            if not of.started and not of.stopped:
                continue
            service = store[SERVICES].get(key)
            if service is None:
                wrong.append(f"tasks of {key} were started or stopped, which is no service")
                continue
            tasks = [task for task in store[TASKS].all() if (*task.cluster_key, task.service) == key]
            wrong += self._started(service, of.started, tasks, store) if of.started else []
            wrong += self._stopped(service, of.stopped, tasks, store) if of.stopped else []
        return wrong

    def _started(
        self, service: Service, started: Sequence[Task], tasks: Sequence[Task], store: Store
    ) -> list[str]:
        """Never more than maximumPercent by a start; on an instance never two daemons."""
        held = [task for task in tasks if task.last_status in UP_TO_RUNNING]
        kept = _kept(service, store)
        wrong = [
            f"task {task.id} was started for {task.deployment}; PRIMARY is {service.deployment_id}"
            for task in started
            if service.controller == "ECS" and task.deployment not in kept
        ]
        if service.status != "ACTIVE":
            wrong.append(f"{len(started)} tasks of {service.name} were started, it is {service.status}")
        if service.scheduling == "DAEMON":
            on = Counter(task.instance for task in held)
            return wrong + [
                f"{on[t.instance]} daemons on {t.instance}" for t in started if on[t.instance] > 1
            ]
        most = service.desired_count * service.rolling.percent_max // 100
        held_by = Counter(task.deployment for task in held)
        # Sets count apart (decision 0045): what leaves one makes no start in the other wait.
        begun = {task.deployment for task in started}
        stay_by = Counter(task.deployment for task in held if task.desired_status == "RUNNING")
        sets = ((held_by if id in begun else stay_by)[id] for id in kept)
        for count in sets if len(kept) > 1 else (len(held),):
            if count > most:
                wrong.append(
                    f"{len(started)} of {service.name} were started, now {count} are RUNNING or PENDING: "
                    f"{service.rolling.percent_max} % of {service.desired_count} let it have {most}"
                )
        return wrong

    def _stopped(
        self, service: Service, stopped: Sequence[Task], tasks: Sequence[Task], store: Store
    ) -> list[str]:
        """A healthy task is stopped only if enough healthy ones stay."""
        gone = [task for task in stopped if self._healthy(task) and not _daemon_of_none(service, task, store)]
        left = sum(self._healthy(task) for task in tasks)
        least = -(-service.desired_count * service.rolling.percent_min // 100)
        if service.status != "ACTIVE" or not gone or left >= least:
            return []
        return [
            f"{len(gone)} healthy tasks of {service.name} were stopped, {left} are left: "
            f"{service.rolling.percent_min} % of {service.desired_count} are {least}"
        ]

    def _healthy(self, task: Task) -> bool:
        """ECS API reference, DeploymentConfiguration: what minimumHealthyPercent counts."""
        if task.last_status != "RUNNING" or task.desired_status != "RUNNING":
            return False
        if not task.checked and not task.target_health:
            return self._now() - task.started_at >= self._healthy_after
        return (not task.checked or task.health == "HEALTHY") and task.target_health in ("", "healthy")


def _kept(service: Service, store: Store) -> tuple[str, ...]:
    """The deployments whose tasks are replaced: two while requests are shifted, which count apart."""
    if not shift_turn.concerns(store, service):
        return (service.deployment_id,)
    record = store[SERVICE_DEPLOYMENTS].require(service.service_deployment_id)
    return (service.deployment_id, record.source)


def _turned_back(old: Task, new: Task) -> list[str]:
    """A task that was told to stop never goes back, and is reckoned once."""
    wrong: list[str] = []
    if (old.desired_status, new.desired_status) == ("STOPPED", "RUNNING"):
        wrong.append(f"task {new.id} is wanted again after it was told to stop")
    if old.reckoned and not new.reckoned:
        wrong.append(f"task {new.id} is reckoned again")
    if (old.service, old.deployment) != (new.service, new.deployment):
        wrong.append(f"task {new.id} went from {old.deployment} to {new.deployment}")
    return wrong


def _daemon_of_none(service: Service, task: Task, store: Store) -> bool:
    """A daemon on an instance that is not to have one."""
    if service.scheduling != "DAEMON":
        return False
    instance = store[INSTANCES].get(task.instance)
    return instance is None or instance.status != "ACTIVE"
