"""From definitions and overrides to what a node runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.ecs_build import a_container, a_definition
from windlass.fleet.container_shapes import Surroundings
from windlass.fleet.messages import (
    ContainerSpec,
    HealthCheck,
    LogOptions,
    LogTarget,
    Mount,
    RestartPolicy,
    Tmpfs,
    Ulimit,
)
from windlass.fleet.task_messages import TaskFacts
from windlass.services.ecs.containers import Reserve, blueprint, overridden, reserve
from windlass.services.ecs.task_definition import register

AROUND = Surroundings("123456789012", "eu-west-1", "123456789012", "windlass")
TOLD = {
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "123456789012",
    "AWS_SECRET_ACCESS_KEY": "windlass",
}


def built(
    container: dict[str, Any], overrides: dict[str, Any] | None = None, memory: int | None = None
) -> ContainerSpec:
    """The one container of a task with that definition and those overrides."""
    definition = register(a_definition(containerDefinitions=[container])).definition
    changes = {"containerOverrides": [{"name": container["name"], **(overrides or {})}]}
    facts = TaskFacts("arn:t1", "default", "work", 1, "EC2", memory_mib=memory or 0)
    names = {container["name"]: ("arn:c1", "r1")}
    plan = blueprint(overridden(definition, changes), "work", "EC2", memory or 0, AROUND)
    spec = plan.unit("t1", facts, names)
    assert spec.task is facts
    assert (spec.unit_id, spec.kind) == ("t1", "task")
    return spec.containers[0]


def test_every_member_that_acts() -> None:
    """All of a container definition that the process runner honours reaches the node."""
    spec = built(
        a_container(
            entryPoint=["sh", "-c"],
            command=["exit 3"],
            environment=[{"name": "A", "value": "1"}],
            workingDirectory="/tmp",
            user="nobody",
            stopTimeout=5,
            startTimeout=7,
            cpu=10,
            ulimits=[{"name": "nofile", "softLimit": 10, "hardLimit": 20}],
            healthCheck={"command": ["CMD", "test", "-e", "f"], "interval": 5, "startPeriod": 9},
            restartPolicy={"enabled": True, "ignoredExitCodes": [0, 3]},
            dockerLabels={"l": "v"},
        )
    )
    assert spec == ContainerSpec(
        name="app",
        image="busybox",
        entry_point=("sh", "-c"),
        command=("exit 3",),
        environment=(*TOLD.items(), ("A", "1")),
        working_directory="/tmp",
        user="nobody",
        essential=True,
        start_timeout_s=7,
        stop_timeout_s=5.0,
        memory_mib=128,
        cpu_units=10,
        ulimits=(Ulimit("nofile", 10, 20),),
        log=LogTarget("123456789012", "eu-west-1", "/ecs/work", "ecs/app/t1"),
        health_check=HealthCheck(("test", "-e", "f"), 5.0, 5.0, 3, 9.0),
        restart_policy=RestartPolicy((0, 3), 300.0),
        arn="arn:c1",
        runtime_id="r1",
        labels=(("l", "v"),),
    )


def test_what_runners_with_images_honour() -> None:
    """Mount points meet their volumes by name; Linux parameters are carried along."""
    volumes = [
        {"name": "here", "host": {"sourcePath": "/srv"}},
        {"name": "own"},
        {"name": "far", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}},
        {"name": "later", "configuredAtLaunch": True},
    ]
    points = [{"sourceVolume": v["name"], "containerPath": f"/{v['name']}"} for v in volumes]
    points[0]["readOnly"] = True
    container = a_container(
        environment=[],
        essential=True,
        cpu=0,
        mountPoints=points,
        readonlyRootFilesystem=True,
        linuxParameters={
            "tmpfs": [{"containerPath": "/run", "size": 8, "mountOptions": ["exec"]}],
            "sharedMemorySize": 32,
            "capabilities": {"add": ["SYS_PTRACE"], "drop": ["ALL"]},
        },
    )
    facts, names = TaskFacts("arn:t1", "default", "work", 1, "EC2"), {"app": ("arn:c1", "r1")}
    plan = blueprint([container], "work", "EC2", 0, AROUND, volumes)
    [spec] = plan.unit("t1", facts, names).containers
    assert spec.mounts == (
        Mount("host", "/srv", "/here", True),
        Mount("task", "own", "/own"),
        Mount("other", "efsVolumeConfiguration", "/far"),
        Mount("other", "configuredAtLaunch", "/later"),
    )
    assert spec.tmpfs == (Tmpfs("/run", 8, ("exec",)),)
    assert (spec.read_only_root, spec.shared_memory_mib) == (True, 32)
    assert (spec.capabilities_add, spec.capabilities_drop) == (("SYS_PTRACE",), ("ALL",))


def test_overrides() -> None:
    """Environments merge by name; command, cpu and memory replace; the rest stays."""
    spec = built(
        a_container(environment=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]),
        {
            "command": ["false"],
            "cpu": 99,
            "memory": 64,
            "environment": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}],
        },
    )
    assert spec.command == ("false",)
    assert (spec.cpu_units, spec.memory_mib) == (99, 64)
    assert dict(spec.environment) == {**TOLD, "A": "1", "B": "3", "C": "4"}


def test_the_users_environment_wins() -> None:
    """A definition that points elsewhere is left alone."""
    spec = built(a_container(environment=[{"name": "AWS_ENDPOINT_URL", "value": "http://other"}]))
    assert dict(spec.environment)["AWS_ENDPOINT_URL"] == "http://other"


def test_a_role_brings_no_credentials() -> None:
    """A task with a role asks its agent: in its environment they could not be renewed."""
    told = Surroundings("1", "r").told(a_container(environment=[]))
    assert told == {"AWS_REGION": "r", "AWS_DEFAULT_REGION": "r"}


def test_a_check_in_a_shell_and_a_policy_that_is_off() -> None:
    """CMD-SHELL is /bin/sh -c; a policy that is not enabled is none."""
    spec = built(
        a_container(
            healthCheck={"command": ["CMD-SHELL", "exit 0"]},
            restartPolicy={"enabled": False, "restartAttemptPeriod": 60},
        )
    )
    assert spec.health_check == HealthCheck(("/bin/sh", "-c", "exit 0"))
    assert spec.restart_policy is None


def test_a_task_limit_stands_in_for_the_containers() -> None:
    """Without a limit of its own a container may use what the task has."""
    container = {"name": "app", "image": "busybox", "memoryReservation": 16}
    assert built(container, memory=512).memory_mib == 512
    assert built(container).memory_mib is None


@pytest.mark.parametrize(
    ("options", "group", "stream", "region"),
    [
        ({"awslogs-stream-prefix": "p"}, "g", "p/app/t1", "us-east-1"),
        ({}, "g", "r1", "us-east-1"),
    ],
)
def test_awslogs(options: dict[str, str], group: str, stream: str, region: str) -> None:
    """The stream is prefix/container/task, else the runtime id, in the named group and Region."""
    options = {"awslogs-group": "g", "awslogs-region": "us-east-1", **options}
    spec = built(a_container(logConfiguration={"logDriver": "awslogs", "options": options}))
    assert spec.log == LogTarget("123456789012", region, group, stream, create_group=False)
    assert spec.log_options == LogOptions(blocking=False, buffer_bytes=10 * 2**20)
    assert not spec.cannot_start


@pytest.mark.parametrize(
    ("launch_type", "create", "reason"),
    [
        ("EC2", "false", "CannotStartContainerError: "),
        ("FARGATE", "false", "ResourceInitializationError: "),
        ("FARGATE", "true", ""),
    ],
)
def test_a_missing_log_group(launch_type: str, create: str, reason: str) -> None:
    """A container whose group is not there, and is not to be made, cannot start; the node says so."""
    options = {"awslogs-group": "g", "awslogs-region": "us-east-1", "awslogs-create-group": create}
    around = replace(AROUND, missing_groups=frozenset({("us-east-1", "g")}))
    container = a_container(logConfiguration={"logDriver": "awslogs", "options": options})
    definition = register(a_definition(containerDefinitions=[container])).definition
    facts = TaskFacts("arn:t1", "default", "work", 1, launch_type)
    plan = blueprint(overridden(definition, {}), "work", launch_type, 0, around)
    spec = plan.unit("t1", facts, {"app": ("arn:c1", "r1")})
    assert spec.containers[0].cannot_start.startswith(reason)
    assert ("The specified log group does not exist." in spec.containers[0].cannot_start) == bool(reason)


@pytest.mark.parametrize(
    ("cpu", "memory", "expected"),
    [
        ("", "", Reserve(30, 164)),
        ("256", "512", Reserve(256, 512)),
        ("", "512", Reserve(30, 512)),
    ],
)
def test_reserve(cpu: str, memory: str, expected: Reserve) -> None:
    """The task's own size, else the sum: reservations where there are any."""
    shapes = [{"cpu": 10, "memory": 100}, {"cpu": 20, "memory": 128, "memoryReservation": 64}]
    assert reserve(cpu, memory, shapes) == expected
