"""ECS rows as the API shows them. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from windlass.aws.calls import Result
from windlass.fleet.networks import Binding
from windlass.kernel.clock import Instant, in_seconds
from windlass.kernel.store import Store
from windlass.services.ecs import attachments, references, required_attributes
from windlass.services.ecs.instance_model import INSTANCES
from windlass.services.ecs.model import TASKS, Cluster, Container, Tags, Task, TaskDefinition
from windlass.services.ecs.service_model import SERVICES

COUNTED_LAUNCH_TYPES = ("EC2", "FARGATE", "EXTERNAL")


def tags(row: Tags) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in row.items()]


def failure(arn: str, reason: str, detail: str = "") -> dict[str, str]:
    """One entry of a `failures` list (ECS API reference, Failure)."""
    shown = {"arn": arn, "reason": reason}
    return {**shown, "detail": detail} if detail else shown


def cluster(row: Cluster, store: Store, include: Iterable[str] = ()) -> Result:
    """A cluster with its live counters; `include` as in DescribeClusters."""
    tasks, key = store[TASKS], (row.account, row.region, row.name)
    counts = {
        (kind, phase): tasks.count("phase", (*key, kind, phase))
        for kind in COUNTED_LAUNCH_TYPES
        for phase in ("running", "pending")
    }
    wanted = set(include)
    shown: Result = {
        "clusterArn": row.arn,
        "clusterName": row.name,
        "status": row.status,
        "registeredContainerInstancesCount": store[INSTANCES].count("cluster", key),
        "runningTasksCount": sum(count for (_, phase), count in counts.items() if phase == "running"),
        "pendingTasksCount": sum(count for (_, phase), count in counts.items() if phase == "pending"),
        "activeServicesCount": store[SERVICES].count("status", (*key, "ACTIVE")),
        "statistics": _statistics(counts, _services(store, key)) if "STATISTICS" in wanted else [],
        "tags": tags(row.tags) if "TAGS" in wanted else [],
        "settings": settings(row) if "SETTINGS" in wanted else [],
        "capacityProviders": list(row.capacity_providers),
        "defaultCapacityProviderStrategy": [dict(item) for item in row.default_strategy],
    }
    if "CONFIGURATIONS" in wanted and row.configuration is not None:
        shown["configuration"] = dict(row.configuration)
    if "ATTACHMENTS" in wanted:
        found = attachments.attachments(row, store)
        shown |= (
            {"attachments": found, "attachmentsStatus": "UPDATE_COMPLETE"} if found else {"attachments": []}
        )
    return shown


def settings(row: Cluster) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in row.settings.items()]


def _services(store: Store, key: tuple[str, str, str]) -> Mapping[tuple[str, str], int]:
    """Services of the cluster by launch type and status."""
    return {
        (kind, status): store[SERVICES].count("kind", (*key, status, kind))
        for kind in COUNTED_LAUNCH_TYPES
        for status in ("ACTIVE", "DRAINING")
    }


def _statistics(
    counts: Mapping[tuple[str, str], int], services: Mapping[tuple[str, str], int]
) -> list[dict[str, str]]:
    """Names as in the ECS API reference, Cluster, statistics."""
    figures = {
        "runningEC2TasksCount": counts["EC2", "running"],
        "runningFargateTasksCount": counts["FARGATE", "running"],
        "runningExternalTasksCount": counts["EXTERNAL", "running"],
        "pendingEC2TasksCount": counts["EC2", "pending"],
        "pendingFargateTasksCount": counts["FARGATE", "pending"],
        "pendingExternalTasksCount": counts["EXTERNAL", "pending"],
        "activeEC2ServiceCount": services["EC2", "ACTIVE"],
        "activeFargateServiceCount": services["FARGATE", "ACTIVE"],
        "activeExternalServiceCount": services["EXTERNAL", "ACTIVE"],
        "drainingEC2ServiceCount": services["EC2", "DRAINING"],
        "drainingFargateServiceCount": services["FARGATE", "DRAINING"],
        "drainingExternalServiceCount": services["EXTERNAL", "DRAINING"],
    }
    return [{"name": name, "value": str(value)} for name, value in figures.items()]


def task_definition(row: TaskDefinition) -> Result:
    shown: Result = {
        "taskDefinitionArn": row.arn,
        "family": row.family,
        "revision": row.revision,
        "status": row.status,
        **row.definition,
        "requiresAttributes": [{"name": name} for name in required_attributes.names(row.definition)],
        "compatibilities": list(row.compatibilities),
        "registeredAt": in_seconds(row.registered_at),
        "registeredBy": row.registered_by,
    }
    put_instants(
        shown, {"deregisteredAt": row.deregistered_at or 0, "deleteRequestedAt": row.delete_requested_at or 0}
    )
    return shown


def task(row: Task, *, with_tags: bool) -> Result:
    """A task as RunTask, StopTask and DescribeTasks show it."""
    cluster_arn = references.cluster_arn(row.account, row.region, row.cluster)
    arn = row.arn
    shown: Result = {
        "taskArn": arn,
        "clusterArn": cluster_arn,
        "taskDefinitionArn": row.definition_arn,
        "group": row.group,
        "launchType": row.launch_type,
        "desiredStatus": row.desired_status,
        "lastStatus": row.last_status,
        "version": row.version,
        "createdAt": in_seconds(row.created_at),
        "containers": [container(c, row, arn) for c in row.containers],
        "overrides": overrides(row),
        "attachments": interface_attachments(row),
        "attributes": [{"name": "ecs.cpu-architecture", "value": row.architecture}],
        "inferenceAccelerators": [],
        "enableExecuteCommand": row.exec_enabled,
        "healthStatus": row.health,
        "tags": tags(row.tags) if with_tags else [],
    }
    for name, text in (
        ("availabilityZone", row.zone),
        ("capacityProviderName", row.capacity_provider),
        ("platformVersion", row.platform_version),
        ("startedBy", row.started_by),
        ("cpu", row.cpu),
        ("memory", row.memory),
        ("stopCode", row.stop_code),
        ("stoppedReason", row.stopped_reason),
    ):
        if text:
            shown[name] = text
    if row.instance:
        shown["containerInstanceArn"] = references.instance_arn(*row.cluster_key, row.instance)
    if row.platform_version:
        shown["platformFamily"] = "Linux"
    if row.ephemeral_gib is not None:
        shown["ephemeralStorage"] = {"sizeInGiB": row.ephemeral_gib}
    if row.connected_at:
        shown["connectivity"] = "CONNECTED"
    put_instants(
        shown,
        {
            "connectivityAt": row.connected_at,
            "pullStartedAt": row.pull_started_at,
            "pullStoppedAt": row.pull_stopped_at,
            "startedAt": row.started_at,
            "stoppingAt": row.stopping_at,
            "executionStoppedAt": row.execution_stopped_at,
            "stoppedAt": row.stopped_at,
        },
    )
    return shown


def overrides(row: Task) -> Result:
    """What the call changed, with an entry for each container, as ECS tells it."""
    given = {change["name"]: dict(change) for change in row.overrides.get("containerOverrides", ())}
    names = (container.name for container in row.containers)
    return {
        "inferenceAcceleratorOverrides": [],
        **row.overrides,
        "containerOverrides": [given.get(name, {"name": name}) for name in names],
    }


def container(row: Container, within: Task, task_arn: str) -> Result:
    shown: Result = {
        "containerArn": within.container_arn(row),
        "taskArn": task_arn,
        "name": row.name,
        "image": row.image,
        "lastStatus": row.last_status,
        "networkBindings": [] if within.attachment else [binding(one) for one in row.bindings],
        "networkInterfaces": _interfaces(within),
        "healthStatus": row.health,
        "cpu": row.cpu,
    }
    for name, text in (("memory", row.memory), ("memoryReservation", row.memory_reservation)):
        if text is not None:
            shown[name] = text
    if row.last_status != "PENDING":
        shown["runtimeId"] = row.runtime_id
    if within.exec_enabled:
        shown["managedAgents"] = [_exec_agent(row, within)]
    if row.exit_code is not None:
        shown["exitCode"] = row.exit_code
    for name, text in (("reason", row.reason), ("imageDigest", row.image_digest)):
        if text:
            shown[name] = text
    return shown


ATTACHMENT_STATUS = {
    "PROVISIONING": "PRECREATED",
    "PENDING": "ATTACHING",
    "DEPROVISIONING": "DETACHING",
    "STOPPED": "DELETED",
}
"""A task's lastStatus → its attachment's status, ATTACHED in all others (ECS API, Attachment)."""


def interface_attachments(row: Task) -> list[Result]:
    """The task's network interface; before it is placed only the subnet is told, as on AWS."""
    held = row.attachment
    if held is None:
        return []
    details = {"subnetId": held.subnet_id}
    if row.last_status != "PROVISIONING":
        details |= {
            "networkInterfaceId": held.interface_id,
            "macAddress": held.mac,
            "privateDnsName": held.hostname,
            "privateIPv4Address": held.address,
        }
    return [
        {
            "id": held.id,
            "type": "ElasticNetworkInterface",
            "status": ATTACHMENT_STATUS.get(row.last_status, "ATTACHED"),
            "details": [{"name": name, "value": value} for name, value in details.items()],
        }
    ]


def _interfaces(row: Task) -> list[Result]:
    held = row.attachment
    if held is None or row.last_status == "PROVISIONING":
        return []
    return [{"attachmentId": held.id, "privateIpv4Address": held.address}]


def binding(row: Binding) -> Result:
    return {
        "bindIP": row.address,
        "containerPort": row.container_port,
        "hostPort": row.host_port,
        "protocol": row.protocol,
    }


def _exec_agent(row: Container, within: Task) -> Result:
    """The agent that runs ExecuteCommand's commands: here it is the node's own, so it runs when they can."""
    shown: Result = {"name": "ExecuteCommandAgent", "lastStatus": row.last_status}
    put_instants(shown, {"lastStartedAt": within.started_at})
    return shown


def put_instants(shown: dict[str, Any], instants: Mapping[str, Instant]) -> None:
    """Add those that have come: 0 is none."""
    for name, instant in instants.items():
        if instant:
            shown[name] = in_seconds(instant)
