"""One look at one service: counts in, deployment.py decides, rows out. In a transaction of scheduler.py.

In this order: what has ended is reckoned, the deployment moves on (progress.py), tasks are started and
stopped. What a turn cannot do now is done in a later one, which it asks for: `again`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from windlass.aws.bus import Bus
from windlass.aws.calls import Call
from windlass.aws.target_groups import TargetGroups
from windlass.kernel.clock import SECOND, Duration, Instant
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs import (
    backoff,
    circuit_breaker,
    daemon,
    deployment,
    image_versions,
    placing,
    progress,
    scale_in,
    service_events,
    sparing,
    standing,
    starting,
    stopping,
    targets,
    zone_balance,
)
from windlass.services.ecs.backoff import Backoff, Ended, Policy
from windlass.services.ecs.daemon import Held
from windlass.services.ecs.deployment import Blocked, Complete, Counts, Start, Stop, Wanted
from windlass.services.ecs.instance_model import INSTANCES
from windlass.services.ecs.model import TASKS, Standing, Task, deployment_of, drained
from windlass.services.ecs.service_model import (
    DEPLOYMENTS,
    REVISIONS,
    SERVICES,
    Deployment,
    Service,
    ServiceRevision,
    TaskSet,
)
from windlass.services.ecs.standing import Patience, Stand
from windlass.services.ecs.starting import Started

Group = TypeVar("Group", Deployment, TaskSet)
"""What tasks of a service belong to: most of a turn is the same for both."""
ENDED_MAX = 500
"""Ended tasks of one cohort that one turn reckons."""
LATE_MAX = 100
"""Tasks of older attempts that one turn looks past, to see whether the newest has succeeded."""
STARTS_MAX = 100
STOPS_MAX = 200
"""Tasks per turn, so that no turn holds up calls for long; the next one comes at once."""
SCHEDULER = "ServiceSchedulerInitiated"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the profile says."""

    healthy_after: Duration
    """How long a task must run that nothing checks until it counts as healthy."""
    backoff: Policy
    task_look: Duration = 0
    """How far apart two looks of a service at its tasks are."""


class Turn:
    """One service, one instant, one transaction."""

    def __init__(self, tx: Transaction, call: Call, service: Service, rules: Rules) -> None:
        self._tx = tx
        self._call = call
        self._service = service
        self._rules = rules
        self._bus = call.part(Bus)
        self._again: list[Instant] = []
        self._task_set = ""
        """Which one events tell of, where the controller is EXTERNAL."""
        self._patience = Patience(rules.healthy_after, (service.grace_s or 0) * SECOND)

    def take(self) -> Instant | None:
        """Do it. Returns when to look again at the latest, None when only a change can change anything."""
        rows = self._tx[DEPLOYMENTS].by("shown", self._service.id)
        for row in rows:
            self._reckon(row)
        self._service = progress.advance(self._tx, self._call, self._service)
        self._again += progress.look_again(self._tx, self._service, self._call.now)
        stands = self._stands()
        primary = self._tx[DEPLOYMENTS].require(self._service.deployment_id)
        self._forgive(primary, stands[primary.id])
        primary = self._tx[DEPLOYMENTS].require(primary.id)
        self._learn_images(primary)
        if not progress.may_scale(self._tx, self._service):
            return min(self._again, default=None)
        if self._service.scheduling == "DAEMON":
            complete = self._keep_daemons(primary, stands)
        else:
            complete = self._keep_replicas(primary, stands)
        self._settle(complete)
        self._ripen(*stands.values())
        return min(self._again, default=None)

    def _ripen(self, *stands: Stand) -> None:
        """Look again when time alone changes how tasks stand."""
        soonest = self._call.now + self._rules.task_look
        self._again += [max(soonest, one.changes_at) for one in stands if one.changes_at is not None]

    def _keep_replicas(self, primary: Deployment, stands: Mapping[str, Stand]) -> bool:
        """So many tasks somewhere. Returns whether that is so."""
        older = [stand.counts for id, stand in stands.items() if id != primary.id]
        counts = stands[primary.id].counts
        if not older and zone_balance.is_between(self._service, counts):
            return False
        complete = self._keep(primary, self._wanted(primary), counts, older)
        return complete and not self._rebalances(primary)

    def _keep(self, row: Deployment, wanted: Wanted, counts: Counts, older: Sequence[Counts]) -> bool:
        """So many tasks of that deployment, in the place of older ones. Returns whether that is so."""
        for action in deployment.plan(wanted, counts, older):
            match action:
                case Start(count):
                    self._start(row, count)
                case Stop(cohort, kind, count):
                    self._scale_in(cohort, kind, count)
                case Blocked(why):
                    self._say(why)
                case Complete():
                    return True
        return False

    def _rebalances(self, primary: Deployment) -> bool:
        """Start what the balance of its zones lacks. Returns whether it lacks any."""
        if primary.rollout == "IN_PROGRESS":
            return False
        self._service, lacking = zone_balance.look(self._tx, self._call, self._service)
        for zone, count in lacking.items():
            self._start(primary, count, zone)
        return bool(lacking)

    def _keep_daemons(self, primary: Deployment, stands: Mapping[str, Stand]) -> bool:
        """One task on each instance that is meant. Returns whether that is so."""
        revision = self._tx[REVISIONS].require(primary.revision_id)
        held = [task for cohort in stands for task in self._held(cohort, primary)]
        meant = self._meant(revision, held) if self._service.status == "ACTIVE" else []
        if self._service.desired_count != len(meant):
            self._service = self._tx[SERVICES].put(replace(self._service, desired_count=len(meant)))
        planned = daemon.plan(meant, held, self._service.rolling.percent_min)
        if planned.starts and primary.rollout != "FAILED" and self._may_start(primary):
            self._started(
                starting.start_on(
                    self._tx, self._call, self._service, revision, primary.id, planned.starts[:STARTS_MAX]
                )
            )
        self._stop([self._tx[TASKS].require(id) for id in planned.stops[:STOPS_MAX]], primary.id, "healthy")
        if planned.blocked:
            self._say(deployment.CONFIGURATION_BLOCKS)
        return planned.complete

    def _meant(self, revision: ServiceRevision, held: Sequence[Held]) -> list[str]:
        """Instances that are to have a daemon: the ACTIVE ones that match, and those that others still leave.

        On an instance that drains the daemon is the last to go (ECS Developer Guide, daemon).
        """
        meant = placing.matching(
            self._tx, self._service.cluster_key, revision.launch_type, self._service.constraints
        )
        tasks = self._tx[TASKS]
        served = dict.fromkeys(task.instance for task in held)
        return meant + [
            instance
            for instance in served
            if instance not in meant
            and self._tx[INSTANCES].require(instance).status == "DRAINING"
            and tasks.count("on_instance", (instance, "RUNNING")) > 1
        ]

    def _held(self, cohort: str, primary: Deployment) -> list[Held]:
        kinds: tuple[Standing, ...] = ("pending", "running", "healthy", "unhealthy", "leaving", "withdrawn")
        return [
            Held(
                task.id,
                task.instance,
                current=task.deployment == primary.id,
                healthy=kind == "healthy",
                leaving=kind in ("leaving", "withdrawn"),
                unhealthy=kind == "unhealthy",
            )
            for kind in kinds
            for task in standing.tasks(self._tx, cohort, kind, self._call.now, self._patience)
        ]

    # reading

    def _stands(self) -> dict[str, Stand]:
        """Cohort → its counts, the oldest deployment first; those that have no task any more are put away."""
        found: dict[str, Stand] = {}
        for row in self._tx[DEPLOYMENTS].by("shown", self._service.id):
            there = {cohort: self._stand(cohort) for cohort in (drained(row.id), row.id)}
            kept = {id: stand for id, stand in there.items() if stand.counts.held or stand.stopping}
            if row.id in self._lasting():
                kept[row.id] = there[row.id]
            if not kept:
                self._put(replace(row, status="INACTIVE"))
            found |= kept
        return found

    def _lasting(self) -> tuple[str, ...]:
        """Deployments that stay without tasks."""
        return (self._service.deployment_id,)

    def _stand(self, cohort: str) -> Stand:
        return standing.of(self._tx, cohort, self._call.now, self._patience)

    def _wanted(self, primary: Deployment) -> Wanted:
        rolling = self._service.rolling
        count = self._service.desired_count if self._service.status == "ACTIVE" else 0
        return Wanted(count, rolling.percent_min, rolling.percent_max, launches=primary.rollout != "FAILED")

    # what has ended

    def _reckon(self, row: Deployment) -> None:
        """Count the failures among the tasks that ended since the last turn."""
        after = row
        for task in self._ended(row.id):
            after = circuit_breaker.after_end(after, task)
            if not circuit_breaker.told_to(task):
                after = self._backed_off(after, task)
        if after != row:
            self._put(after)

    def _ended(self, group_id: str) -> list[Task]:
        """Tasks of a deployment or task set that ended since the last turn, drained ones too; each once."""
        page = self._tx[TASKS].page
        found = [
            task
            for cohort in (group_id, drained(group_id))
            for task in page("standing", (cohort, "ended"), limit=ENDED_MAX)
        ]
        for task in found:
            self._tx[TASKS].put(replace(task, reckoned=True))
        if len(found) >= ENDED_MAX:
            self._again.append(self._call.now)
        return found

    def _backed_off(self, row: Group, task: Task) -> Group:
        before = Backoff(row.backoff_failures, row.backoff_until)
        end = Ended(
            started_at=task.created_at,
            stopped_at=task.stopped_at,
            running_at=task.started_at or None,
            unhealthy=circuit_breaker.by_health_check(task),
        )
        after = backoff.after_failure(before, end, self._rules.backoff, self._call.now)
        if backoff.impaired(before, after):
            self._say(backoff.IMPAIRED.rstrip("."))
            service_events.act(
                self._tx, self._bus, self._service, "WARN", backoff.IMPAIRED_EVENT, self._call.now
            )
        return replace(row, backoff_failures=after.failures, backoff_until=after.until)

    def _forgive(self, primary: Deployment, stand: Stand) -> None:
        """A task that runs ends the count of failures, one that stays up ends the back-off."""
        counts = stand.counts
        if not counts.waiting and not counts.healthy:
            return
        after = primary
        if not after.has_run:
            after = replace(after, has_run=True, failures=0)
        if after.failed_tasks:
            after = replace(after, failed_tasks=0)
        if after.backoff_failures:
            after = self._forgiven(after)
        if after != primary:
            self._put(after)

    def _forgiven(self, row: Group) -> Group:
        """By the task of the newest attempt that has run longest."""
        kinds: tuple[Standing, ...] = ("healthy", "running")
        for kind in kinds:
            task = self._of_newest_attempt(row, kind)
            if task is None:
                continue
            left = backoff.after_success(
                Backoff(row.backoff_failures, row.backoff_until),
                task.created_at,
                task.started_at,
                self._rules.backoff,
                self._call.now,
            )
            if left == backoff.NONE:
                return replace(row, backoff_failures=0, backoff_until=0)
            self._again.append(backoff.succeeds_at(task.started_at, self._rules.backoff))
        return row

    def _of_newest_attempt(self, row: Group, kind: Standing) -> Task | None:
        """The first that came up after the pause, without those that were started before it and took long."""
        bound = row.backoff_until
        for _ in range(LATE_MAX):
            task = self._tx[TASKS].after("standing", (row.id, kind), bound)
            if task is None or task.created_at >= row.backoff_until:
                return task
            bound = task.started_at
        return None

    def _learn_images(self, row: Deployment | TaskSet) -> None:
        """What the tags of its images meant for a task of it that runs, for those that come."""
        revision = self._tx[REVISIONS].require(row.revision_id)
        if revision.digests:
            return
        for kind in ("running", "healthy"):
            task = self._tx[TASKS].first("standing", (row.id, kind))
            if task is not None and (after := image_versions.learned(revision, task)) != revision:
                self._tx[REVISIONS].put(after)
                return

    # acting

    def _may_start(self, row: Deployment | TaskSet) -> bool:
        """Not while it backs off."""
        if row.backoff_until > self._call.now:
            self._again.append(row.backoff_until)
            return False
        return True

    def _start(self, row: Deployment | TaskSet, count: int, zone: str = "") -> None:
        if not self._may_start(row):
            return
        revision = self._tx[REVISIONS].require(row.revision_id)
        self._started(
            starting.start(
                self._tx, self._call, self._service, revision, row.id, count, most=STARTS_MAX, zone=zone
            )
        )

    def _started(self, started: Started) -> None:
        if started.again is not None:
            self._again.append(started.again)
        if started.tasks:
            self._tell_tasks("has started {} tasks", [task.id for task in started.tasks])
        if started.why:
            self._say(started.why)
            reason = {"reason": started.reason} if started.reason else {}
            self._act("ERROR", started.event, **reason)

    def _scale_in(self, cohort: str, kind: Standing, count: int) -> None:
        """Some of that standing, without the protected ones (departures.py)."""
        most = min(count, STOPS_MAX)
        chosen = sparing.choose(self._tx, self._call, self._service, (cohort, kind), most, self._patience)
        if len(chosen) < most:
            tasks = standing.tasks(self._tx, cohort, kind, self._call.now, self._patience)
            self._again += scale_in.ends(tasks, self._call.now)[:1]
            self._say(_PROTECTED.format(deployment_of(cohort)))
        self._stop(chosen, deployment_of(cohort), kind)
        if len(chosen) == STOPS_MAX < count:
            self._again.append(self._call.now)

    def _stop(self, tasks: Sequence[Task], deployment_id: str, kind: Standing) -> None:
        if not tasks:
            return
        scaling = f"Scaling activity initiated by (deployment {deployment_id})"
        for task in tasks:
            reason = self._unhealthy(task) if kind == "unhealthy" else scaling
            stopping.stop(self._tx, self._bus, task, SCHEDULER, reason, self._call.now)
        self._tell_tasks("has stopped {} running tasks", [task.id for task in tasks])

    def _unhealthy(self, task: Task) -> str:
        """Who says so: its containers' checks, or else the first target group."""
        if task.target_health != "unhealthy" or (task.checked and task.health == "UNHEALTHY"):
            return circuit_breaker.CONTAINER_UNHEALTHY
        said = self._call.part(TargetGroups).health
        failed = (
            one.group for one in task.targets if said(one.group, targets.target(one)).state == "unhealthy"
        )
        return targets.FAILED.format(next(failed, task.targets[0].group if task.targets else ""))

    # what it comes to

    def _settle(self, complete: bool) -> None:
        if complete and self._service.status == "DRAINING":
            self._service = progress.inactive(self._tx, self._call, self._service)
        elif complete:
            primary = self._tx[DEPLOYMENTS].require(self._service.deployment_id)
            self._service = progress.steady(self._tx, self._call, self._service, primary)
        elif self._service.steady_at:
            self._service = self._tx[SERVICES].put(replace(self._service, steady_at=0))

    # telling

    def _tell_tasks(self, text: str, ids: Sequence[str]) -> None:
        told = text.format(len(ids)) + f": {service_events.tasks_named(ids)}"
        self._say(told)

    def _say(self, text: str) -> None:
        self._service = service_events.say(self._tx, self._call, self._service, text, self._task_set)

    def _act(self, level: service_events.Level, name: str, **more: Any) -> None:
        service_events.act(self._tx, self._bus, self._service, level, name, self._call.now, **more)

    def _put(self, row: Deployment) -> None:
        self._tx[DEPLOYMENTS].put(replace(row, updated_at=self._call.now))


_PROTECTED = (
    "was unable to reach steady state because task set ({}) was unable to scale in. "
    "Reason: The number of protected tasks are more than the desired count of tasks"
)
"""ECS Developer Guide, service event messages."""
