"""Container instances as the API shows them. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from windlass.aws.calls import Result
from windlass.fleet.model import Port
from windlass.fleet.room import Taken
from windlass.kernel.clock import Instant, in_seconds
from windlass.kernel.store import View
from windlass.services.ecs import describe, registration
from windlass.services.ecs.instance_model import ContainerInstance
from windlass.services.ecs.model import Task

PENDING_STATUSES = ("PROVISIONING", "PENDING", "ACTIVATING")
HEALTH_TYPE = "CONTAINER_RUNTIME"
"""The only check that there is; ECS API reference, InstanceHealthCheckResult."""


def container_instance(
    row: ContainerInstance, taken: Taken, tasks: View[Task], include: Collection[str] = (), now: Instant = 0
) -> Result:
    """An instance with its live counters; `taken` is what its tasks reserve, `include` as in the call."""
    running = tasks.count("instance", (row.id, "RUNNING"))
    pending = sum(tasks.count("instance", (row.id, status)) for status in PENDING_STATUSES)
    shown: Result = {
        "containerInstanceArn": row.arn,
        "version": row.version,
        "versionInfo": version_info(row),
        "registeredResources": resources(row, Taken()),
        "remainingResources": resources(row, taken),
        "status": row.status,
        "agentConnected": row.connected,
        "runningTasksCount": running,
        "pendingTasksCount": pending,
        "attributes": [attribute(name, value) for name, value in row.all_attributes.items()],
        "registeredAt": in_seconds(row.registered_at),
        "attachments": [],
        "tags": describe.tags(row.tags) if "TAGS" in include else [],
    }
    if row.machine_id:
        shown["ec2InstanceId"] = row.machine_id
    if row.capacity_provider:
        shown["capacityProviderName"] = row.capacity_provider
    if "CONTAINER_INSTANCE_HEALTH" in include:
        shown["healthStatus"] = health(row, now)
    return shown


def version_info(row: ContainerInstance) -> dict[str, str]:
    shown = {"agentVersion": row.agent_version} if row.agent_version else {}
    return {**shown, "dockerVersion": row.runtime_version} if row.runtime_version else shown


def attribute(name: str, value: str) -> dict[str, str]:
    """One attribute of an instance; without a value it has none, not an empty one."""
    return {"name": name, "value": value} if value else {"name": name}


def resources(row: ContainerInstance, taken: Taken) -> list[dict[str, Any]]:
    """What is left of an instance. The port resources list what is taken, as on ECS.

    Which GPUs a task has is not told apart, so the first ones count as taken. An unbounded instance never has
    less than nothing left, whatever its tasks reserve.
    """
    ports = registration.reserved(row) | taken.ports
    return [
        _amount("CPU", max(0, row.cpu_units - taken.cpu_units)),
        _amount("MEMORY", max(0, row.memory_mib - taken.memory_mib)),
        _ports("PORTS", {port for port in ports if port[0] == "tcp"}),
        _ports("PORTS_UDP", {port for port in ports if port[0] == "udp"}),
        *([_strings("GPU", row.gpus[taken.gpus :])] if row.gpus else []),
    ]


def health(row: ContainerInstance, now: Instant) -> dict[str, Any]:
    """OK as long as its agent is there: an agent that cannot run containers ends (known gap)."""
    status = "OK" if row.connected else "INSUFFICIENT_DATA"
    detail = {"type": HEALTH_TYPE, "status": status, "lastUpdated": in_seconds(now)}
    return {"overallStatus": status, "details": [detail]}


def _amount(name: str, value: int) -> dict[str, Any]:
    return {"name": name, "type": "INTEGER", "doubleValue": 0.0, "longValue": 0, "integerValue": value}


def _ports(name: str, ports: Collection[Port]) -> dict[str, Any]:
    return _strings(name, [str(number) for _, number in sorted(ports)])


def _strings(name: str, values: Sequence[str]) -> dict[str, Any]:
    zero = {"doubleValue": 0.0, "longValue": 0, "integerValue": 0}
    return {"name": name, "type": "STRINGSET", **zero, "stringSetValue": list(values)}
