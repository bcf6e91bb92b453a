"""Services, their deployments and task sets as the API shows them. Reads only; counts come from an index."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from windlass.aws.calls import Result
from windlass.kernel.clock import in_seconds
from windlass.services.ecs import deployment_configuration, describe, launch, references, service_events
from windlass.services.ecs.express.model import EXPRESS
from windlass.services.ecs.lookup import Reads
from windlass.services.ecs.model import TASKS, Standing, drained
from windlass.services.ecs.service_model import (
    DEPLOYMENTS,
    REVISIONS,
    SERVICE_DEPLOYMENTS,
    TASK_SETS,
    Deployment,
    Service,
    ServiceEvent,
    ServiceRevision,
    TaskSet,
)

RUNNING: tuple[Standing, ...] = ("running", "healthy", "unhealthy", "leaving")
"""A task that was told to stop and still runs counts as running."""
PENDING: tuple[Standing, ...] = ("pending", "withdrawn")
"""So does one that was told to stop on its way."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Tasks of a deployment or task set."""

    running: int
    pending: int

    @property
    def held(self) -> int:
        return self.running + self.pending

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.running + other.running, self.pending + other.pending)


def counts(reads: Reads, deployment_id: str) -> Counts:
    """How many tasks of that deployment or task set run and are on their way."""
    count = reads[TASKS].count
    cohorts = (deployment_id, drained(deployment_id))

    def total(standings: tuple[Standing, ...]) -> int:
        return sum(count("standing", (id, standing)) for id in cohorts for standing in standings)

    return Counts(total(RUNNING), total(PENDING))


def service(row: Service, reads: Reads, include: Iterable[str] = ()) -> Result:
    """A service as DescribeServices shows it; `include` may have TAGS."""
    deployments = _newest_first(reads[DEPLOYMENTS].by("shown", row.id))
    task_sets = reads[TASK_SETS].by("service", row.id)
    named = [one.id for one in deployments] + [one.id for one in task_sets]
    groups = {one: counts(reads, one) for one in named}
    shown: Result = {
        "serviceArn": row.arn,
        "serviceName": row.name,
        "clusterArn": references.cluster_arn(*row.cluster_key),
        "status": row.status,
        "desiredCount": row.desired_count,
        "runningCount": sum(one.running for one in groups.values()),
        "pendingCount": sum(one.pending for one in groups.values()),
        "loadBalancers": [],
        "serviceRegistries": [],
        "deploymentConfiguration": deployment_configuration.show(row.rolling, row.controller),
        "deployments": [
            deployment(one, row, reads[REVISIONS].require(one.revision_id), groups[one.id])
            for one in deployments
        ],
        "events": [event(one) for one in service_events.latest(reads, row)],
        "createdAt": in_seconds(row.created_at),
        "createdBy": row.created_by,
        "placementConstraints": list(row.constraints),
        "placementStrategy": list(row.strategies),
        "schedulingStrategy": row.scheduling,
        "deploymentController": {"type": row.controller},
        "enableECSManagedTags": row.managed_tags,
        "propagateTags": row.propagate or "NONE",
        "enableExecuteCommand": row.exec_enabled,
        "availabilityZoneRebalancing": "ENABLED" if row.rebalances else "DISABLED",
        "resourceManagementType": "CUSTOMER" if reads[EXPRESS].get(row.key) is None else "ECS",
        "tags": describe.tags(row.tags) if "TAGS" in include else [],
    }
    if row.controller == "EXTERNAL":
        shown["taskSets"] = [
            task_set(one, reads[REVISIONS].require(one.revision_id), groups[one.id]) for one in task_sets
        ]
    if row.role_arn:
        shown["roleArn"] = row.role_arn
    if row.grace_s is not None:
        shown["healthCheckGracePeriodSeconds"] = row.grace_s
    wanted = reads[REVISIONS].get(row.revision_id)
    if wanted is not None:
        shown |= workload(wanted)
        shown["currentServiceRevisions"] = [
            _summary(row, one, reads[REVISIONS].require(one.revision_id), groups[one.id])
            for one in deployments
        ]
    record = reads[SERVICE_DEPLOYMENTS].get(row.service_deployment_id)
    if record is not None:
        shown["currentServiceDeployment"] = record.arn
    return shown


def _newest_first(rows: Iterable[Deployment]) -> list[Deployment]:
    """The PRIMARY one, then the others."""
    return sorted(rows, key=lambda row: (row.status != "PRIMARY", -row.created_at))


def deployment(row: Deployment, of: Service, revision: ServiceRevision, held: Counts) -> Result:
    """An entry of `deployments`. One that is being replaced wants what it still has."""
    shown: Result = {
        "id": row.id,
        "status": row.status,
        "desiredCount": _wanted(of, row, held),
        "pendingCount": held.pending,
        "runningCount": held.running,
        "failedTasks": row.failed_tasks,
        "createdAt": in_seconds(row.created_at),
        "updatedAt": in_seconds(row.updated_at),
        "rolloutState": row.rollout,
        "rolloutStateReason": row.rollout_reason,
    }
    made_of = workload(revision, resolved=True)
    del made_of["loadBalancers"]
    return shown | made_of


def task_set(row: TaskSet, revision: ServiceRevision, held: Counts, include: Iterable[str] = ()) -> Result:
    """A task set as DescribeTaskSets and `taskSets` show it."""
    shown: Result = {
        "id": row.id,
        "taskSetArn": row.arn,
        "serviceArn": references.service_arn(row.account, row.region, row.cluster, row.service),
        "clusterArn": references.cluster_arn(row.account, row.region, row.cluster),
        "status": row.status,
        "computedDesiredCount": row.desired_count,
        "pendingCount": held.pending,
        "runningCount": held.running,
        "createdAt": in_seconds(row.created_at),
        "updatedAt": in_seconds(row.updated_at),
        "scale": {"value": row.scale_percent, "unit": "PERCENT"},
        "stabilityStatus": "STEADY_STATE" if row.stable_at else "STABILIZING",
        "stabilityStatusAt": in_seconds(row.stable_at or row.unstable_at or row.created_at),
        "serviceRegistries": [],
        "tags": describe.tags(row.tags) if "TAGS" in include else [],
        **workload(revision, resolved=True),
    }
    for name, text in (("externalId", row.external_id), ("startedBy", row.started_by)):
        if text:
            shown[name] = text
    return shown


def event(row: ServiceEvent) -> Result:
    """An entry of `events`."""
    return {"id": row.id, "createdAt": in_seconds(row.created_at), "message": row.message}


def workload(row: ServiceRevision, *, resolved: bool = False) -> Result:
    """What a revision's tasks are made of; `resolved` says which platform version LATEST was."""
    shown: Result = {"taskDefinition": row.definition_arn, "loadBalancers": list(row.load_balancers)}
    if row.launch_type:
        shown["launchType"] = row.launch_type
    if row.strategy:
        shown["capacityProviderStrategy"] = [{"weight": 0, "base": 0, **item} for item in row.strategy]
    if row.platform_version:
        latest = resolved and row.platform_version == "LATEST"
        shown["platformVersion"] = launch.FARGATE_PLATFORM if latest else row.platform_version
        shown["platformFamily"] = "Linux"
    if row.network:
        shown["networkConfiguration"] = dict(row.network)
    return shown


def _wanted(of: Service, row: Deployment, held: Counts) -> int:
    return of.desired_count if row.status == "PRIMARY" else held.held


def _summary(of: Service, row: Deployment, revision: ServiceRevision, held: Counts) -> Result:
    """An entry of `currentServiceRevisions`."""
    return {
        "arn": revision.arn,
        "requestedTaskCount": _wanted(of, row, held),
        "runningTaskCount": held.running,
        "pendingTaskCount": held.pending,
    }
