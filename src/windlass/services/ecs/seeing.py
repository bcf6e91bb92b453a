"""Gathers what people want to see of tasks and services: facts for why_task.py and why_service.py.

Reads only. Costs a few index look-ups for a task, some dozens for a service, whatever their number. For
everything that shows: the command line and the console, through front/fleet_view.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from windlass.aws.quotas import Quotas
from windlass.fleet.model import NODES, UNITS
from windlass.fleet.reasons import Reason
from windlass.kernel.clock import SECOND, Instant, seconds
from windlass.services.ecs import (
    circuit_breaker,
    scale_in,
    service_events,
    standing,
    unplaced,
    why_service,
    why_task,
)
from windlass.services.ecs.deployment import Counts
from windlass.services.ecs.launch_rates import DEPLOYMENT_EC2, DEPLOYMENT_FARGATE, LaunchRates
from windlass.services.ecs.lookup import Reads
from windlass.services.ecs.model import TASKS, Task, deployment_of, drained, fargate_bucket
from windlass.services.ecs.service_model import (
    DEPLOYMENTS,
    REVISIONS,
    SERVICE_DEPLOYMENTS,
    SERVICES,
    TASK_SETS,
    Deployment,
    Service,
    ServiceRevision,
    TaskSet,
)
from windlass.services.ecs.standing import Patience, Stand
from windlass.services.ecs.why_service import Empty, ServiceFacts
from windlass.services.ecs.why_task import TaskFacts
from windlass.services.plane import Plane

PENDING_LOOKED_AT_MAX = 50
"""Pending tasks of a service whose reasons are compared."""
PROTECTED_LOOKED_AT_MAX = 500
ENDED_LOOKED_AT_MAX = 50
"""Ended tasks among which the last failure is looked for."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A deployment or task set, with its tasks."""

    row: Deployment | TaskSet
    revision: ServiceRevision
    counts: Counts
    stopping: int
    healthy_at: Instant = 0


class Seeing:
    """What there is to see at one instant."""

    def __init__(self, plane: Plane) -> None:
        self._reads: Reads = plane.store
        self._quotas: Quotas = plane.quotas
        self._rates = plane.calls.part(LaunchRates)
        self.now = plane.clock.now()
        self._healthy_after = seconds(plane.quotas.delay_s("ecs.healthy_after"))

    def why_task(self, task: Task) -> Reason:
        unit = self._reads[UNITS].get(task.id)
        node = self._reads[NODES].get(unit.node_id) if unit is not None and unit.node_id else None
        facts = TaskFacts(task, unit, node is None or node.connected, self._healthy_after)
        return why_task.why(facts, self.now)

    def why_service(self, service: Service) -> list[Reason]:
        return why_service.why(self.facts(service), self.now)

    def deployments(self, service: Service) -> list[Seen]:
        """Those that are shown, the newest first; task sets with the EXTERNAL controller."""
        rows: list[Deployment | TaskSet] = [
            *self._reads[DEPLOYMENTS].by("shown", service.id),
            *self._reads[TASK_SETS].by("service", service.id),
        ]
        return [self._seen(service, row) for row in reversed(rows)]

    def facts(self, service: Service) -> ServiceFacts:
        """All that why_service.py asks of a service."""
        seen = self.deployments(service)
        primary = next((one for one in seen if one.row.id == service.deployment_id), None)
        current = [primary] if primary else seen
        counts = total([one.counts for one in current])
        due, lines = self._rates.held_up((service.account, service.region), service.id)
        return ServiceFacts(
            service,
            primary=self._reads[DEPLOYMENTS].get(service.deployment_id),
            record=self._reads[SERVICE_DEPLOYMENTS].get(service.service_deployment_id),
            counts=counts,
            older=[one.counts for one in reversed(seen) if primary and one is not primary],
            stopping=sum(one.stopping for one in seen),
            empty=list(self._empty(service, current, lines)),
            cycle_at=due,
            pending=[reason for one in current for reason in self._why_pending(one.row.id)],
            protected=self._protected(seen) if len(seen) > 1 or counts.good > service.desired_count else 0,
            healthy_at=min((one.healthy_at for one in seen if one.healthy_at), default=0),
            last_failure=self._last_failure(service),
            refused=self._refused(service, counts),
            backoff_failures=max((one.row.backoff_failures for one in current), default=0),
            backoff_until=max((one.row.backoff_until for one in current), default=0),
        )

    def _seen(self, service: Service, row: Deployment | TaskSet) -> Seen:
        patience = Patience(self._healthy_after, (service.grace_s or 0) * SECOND)
        stands: list[Stand] = [
            standing.of(self._reads, cohort, self.now, patience) for cohort in (row.id, drained(row.id))
        ]
        return Seen(
            row,
            self._reads[REVISIONS].require(row.revision_id),
            total([stand.counts for stand in stands]),
            sum(stand.stopping for stand in stands),
            min((stand.changes_at for stand in stands if stand.changes_at is not None), default=0),
        )

    def _empty(self, service: Service, seen: list[Seen], lines: dict[str, int]) -> Iterator[Empty]:
        """Buckets that the next tasks would draw on and that have nothing, or that it stands in line for."""
        scope = (service.account, service.region)
        names = {(name, "") for name in lines}
        for one in seen:
            strategy = one.revision.strategy or ({"capacityProvider": ""},)
            if one.revision.on_fargate:
                names |= {(f"fargate.{fargate_bucket(i['capacityProvider'])}", "") for i in strategy}
            names.add((DEPLOYMENT_FARGATE if one.revision.on_fargate else DEPLOYMENT_EC2, service.id))
        for name, subject in sorted(names):
            rate = self._quotas.rate(name, scope)
            if rate is not None and (name in lines or not self._quotas.level(name, scope, self.now, subject)):
                wait = self._quotas.wait_for(name, scope, 1, self.now, subject)
                yield Empty(name, rate, wait, lines.get(name, 0))

    def _why_pending(self, deployment_id: str) -> list[Reason]:
        page = self._reads[TASKS].page("standing", (deployment_id, "pending"), limit=PENDING_LOOKED_AT_MAX)
        return [self.why_task(task) for task in page]

    def _protected(self, seen: list[Seen]) -> int:
        return sum(
            scale_in.is_protected(task, self.now)
            for one in seen
            for kind in ("running", "healthy")
            for task in self._reads[TASKS].page("standing", (one.row.id, kind), limit=PROTECTED_LOOKED_AT_MAX)
        )

    def _last_failure(self, service: Service) -> str:
        ended = self._reads[TASKS].page(
            "service", (*service.key, "STOPPED"), limit=ENDED_LOOKED_AT_MAX, reverse=True
        )
        failed = (t for t in ended if t.last_status == "STOPPED" and not circuit_breaker.told_to(t))
        return next((_ending(task) for task in failed), "")

    def _refused(self, service: Service, counts: Counts) -> str:
        """Its latest event of a task without a place, unless tasks were started since."""
        primary = self._reads[DEPLOYMENTS].get(service.deployment_id)
        since = primary.created_at if primary is not None else 0
        for event in service_events.latest(self._reads, service):
            text = event.message.partition(") ")[2]
            if event.created_at < since or (text.startswith("has started") and counts.pending):
                return ""
            if text.startswith(_UNABLE):
                return text
        return ""


_UNABLE = ("was unable to place a task", unplaced.UNABLE)


def total(counts: list[Counts]) -> Counts:
    """All of them together, in the name of the first."""
    return Counts(
        counts[0].deployment if counts else "",
        pending=sum(one.pending for one in counts),
        waiting=sum(one.waiting for one in counts),
        healthy=sum(one.healthy for one in counts),
        unhealthy=sum(one.unhealthy for one in counts),
        leaving=sum(one.leaving for one in counts),
    )


def find(reads: Reads, subject: str) -> tuple[list[Task], list[Service]]:
    """Tasks and services that somebody may mean by that: an id, an ARN, CLUSTER/NAME, a service's name.

    Of every account and Region; a task id may be shortened to eight digits or more.
    """
    name = subject.partition("/")[2] if subject.startswith("arn:") else subject
    last = name.rpartition("/")[2]
    task = reads[TASKS].get(last)
    tasks = [task] if task is not None else []
    if not tasks and len(last) >= _SHORT_ID_MIN:
        tasks = [row for row in reads[TASKS].all() if row.id.startswith(last)]
    services = [
        row
        for row in reads[SERVICES].all()
        if subject in (row.name, row.arn, f"{row.cluster}/{row.name}")
        or (subject.startswith("ecs-svc/") and deployment_of(subject) == row.deployment_id)
    ]
    return tasks, sorted(services, key=lambda row: row.key)


_SHORT_ID_MIN = 8


def _ending(task: Task) -> str:
    reasons = [f"{c.name}: {c.reason}" for c in task.containers if c.reason]
    codes = [f"{c.name} exited with {c.exit_code}" for c in task.containers if c.exit_code]
    return "; ".join(part for part in (task.stopped_reason.rstrip("."), *(reasons or codes)) if part)
