"""Task state change events, member by member as AWS sends them.

The members are those of an event of 2024 that was published, and of the ECS Developer Guide (ecs_cwe_events).
"""

from __future__ import annotations

from typing import Any

from tests.build import NOW
from tests.ecs_build import a_task, an_instance
from windlass.fleet.room import Taken
from windlass.kernel.clock import SECOND
from windlass.kernel.rows import replace
from windlass.services.ecs import notices
from windlass.services.ecs.model import Attachment, Task

ENI = Attachment(
    "a-1", "eni-1", "subnet-1", "0a:ff:c6:fe:7f:0b", "172.31.68.200", "ip-172-31-68-200.ec2.internal"
)
TASK_MEMBERS = {
    "attachments", "attributes", "availabilityZone", "clusterArn", "connectivity", "connectivityAt",
    "containers", "cpu", "createdAt", "desiredStatus", "enableExecuteCommand", "ephemeralStorage",
    "executionStoppedAt", "group", "launchType", "lastStatus", "memory", "overrides", "platformVersion",
    "pullStartedAt", "pullStoppedAt", "startedAt", "startedBy", "stoppingAt", "stoppedAt", "stoppedReason",
    "stopCode", "taskArn", "taskDefinitionArn", "updatedAt", "version",
}  # fmt: skip
CONTAINER_MEMBERS = {
    "containerArn", "exitCode", "lastStatus", "name", "image", "imageDigest", "runtimeId", "taskArn",
    "networkInterfaces", "cpu", "managedAgents",
}  # fmt: skip


def a_stopped_task() -> Task:
    """Of Fargate, with everything that AWS's own sample has."""
    task = a_task(
        launch_type="FARGATE",
        platform_version="1.4.0",
        cpu="512",
        memory="1024",
        ephemeral_gib=20,
        exec_enabled=True,
        started_by="ecs-svc/2770844949256052681",
        group="service:Example",
        zone="us-east-1c",
        attachment=ENI,
        desired_status="STOPPED",
        last_status="STOPPED",
        stop_code="UserInitiated",
        stopped_reason="Task stopped by user",
        **{f"{name}_at": NOW + SECOND for name in ("connected", "pull_started", "pull_stopped", "started")},
        **{f"{name}_at": NOW + SECOND for name in ("stopping", "execution_stopped", "stopped")},
    )
    [container] = task.containers
    ended = replace(container, last_status="STOPPED", exit_code=0, image_digest="sha256:2f66")
    return replace(task, containers=(ended,))


def test_the_members_of_a_task_event() -> None:
    detail: Any = notices.notice(a_stopped_task(), NOW).detail
    assert set(detail) == TASK_MEMBERS
    [container] = detail["containers"]
    assert set(container) - {"networkBindings"} == CONTAINER_MEMBERS
    assert container["managedAgents"] == [{"name": "ExecuteCommandAgent", "status": "STOPPED"}]
    assert detail["attributes"] == [{"name": "ecs.cpu-architecture", "value": "x86_64"}]
    assert detail["overrides"] == {"containerOverrides": [{"name": "app"}]}
    [attachment] = detail["attachments"]
    assert (attachment["type"], attachment["status"]) == ("eni", "DELETED")
    names = [one["name"] for one in attachment["details"]]
    assert names == ["subnetId", "networkInterfaceId", "macAddress", "privateDnsName", "privateIPv4Address"]
    assert all(str(detail[name]).endswith("Z") for name in detail if name.endswith("At"))


def test_the_members_of_an_instance_event() -> None:
    """ECS Developer Guide, ecs_cwe_events: container instance state change."""

    class Tasks:
        def count(self, index: str, value: object) -> int:
            return 0

    told: list[Any] = []

    class Told:
        def publish(self, tx: object, account: str, region: str, source: str, notice: Any) -> None:
            told.append(notice())

    tx: Any = {notices.TASKS: Tasks()}
    bus: Any = Told()
    notices.tell_instance(bus, tx, an_instance(), Taken(), NOW)
    [notice] = told
    assert set(notice.detail) >= {
        "agentConnected", "attributes", "clusterArn", "containerInstanceArn", "ec2InstanceId",
        "registeredResources", "remainingResources", "status", "version", "versionInfo", "updatedAt",
    }  # fmt: skip
    names = [resource["name"] for resource in notice.detail["registeredResources"]]
    assert names == ["CPU", "MEMORY", "PORTS", "PORTS_UDP"]
