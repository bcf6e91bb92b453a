"""What RegisterTaskDefinition refuses, and what it makes of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ecs_build import a_container, a_definition, a_fargate_definition
from windlass.aws.fargate_sizes import is_fargate_size
from windlass.kernel.faults import Fault
from windlass.services.ecs.task_definition import register

AWSLOGS = {"awslogs-group": "g", "awslogs-region": "eu-west-1"}


def of(*containers: dict[str, Any], **members: Any) -> dict[str, Any]:
    return a_definition(containerDefinitions=list(containers), **members)


def fargate(**members: Any) -> dict[str, Any]:
    """A Fargate definition whose one container has these members."""
    return a_fargate_definition(containerDefinitions=[{"name": "app", "image": "busybox", **members}])


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "family with a space": (a_definition(family="a b"), "family"),
    "family too long": (a_definition(family="a" * 256), "family"),
    "no containers": (of(), "Container list cannot be empty."),
    "eleven containers": (of(*[a_container(f"c{n}") for n in range(11)]), "at most 10"),
    "a container without a name": (of({"image": "busybox", "memory": 9}), "Container.name"),
    "a container with an odd name": (of(a_container("a.b")), "Invalid container name"),
    "a container without an image": (of({"name": "app", "memory": 9}), "Container.image"),
    "two of one name": (of(a_container(), a_container()), "unique"),
    "nothing essential": (of(a_container(essential=False)), "essential container"),
    "no memory anywhere": (of({"name": "app", "image": "x"}), "'memory' or 'memoryReservation'"),
    "soft limit above the hard one": (
        of(a_container(ulimits=[{"name": "nofile", "softLimit": 100, "hardLimit": 50}])),
        "Invalid ulimit 'nofile' of container 'app'",
    ),
    "soft limit without limit under a hard one": (
        of(a_container(ulimits=[{"name": "nproc", "softLimit": -1, "hardLimit": 50}])),
        "Invalid ulimit 'nproc'",
    ),
    "limit below none": (
        of(a_container(ulimits=[{"name": "core", "softLimit": -2, "hardLimit": -1}])),
        "Invalid ulimit 'core'",
    ),
    "too little memory": (of(a_container(memory=5)), "at least 6 MiB"),
    "memory not above the reservation": (of(a_container(memory=64, memoryReservation=64)), "greater than"),
    "memory above the task's": (of(a_container(memory=600), memory="512"), "greater than the memory of the"),
    "negative cpu": (of(a_container(cpu=-1)), "'cpu'"),
    "bad task cpu": (a_definition(cpu="much"), "Invalid 'cpu' setting for task."),
    "bad task memory": (a_definition(memory="0"), "Invalid 'memory' setting for task."),
    "task cpu too small for EC2": (
        a_definition(cpu="64", requiresCompatibilities=["EC2"]),
        "Invalid 'cpu' setting",
    ),
    "too small for anything": (a_definition(cpu="64"), "Invalid 'cpu' setting"),
    "secrets": (of(a_container(secrets=[{"name": "S", "valueFrom": "arn"}])), "'executionRoleArn'"),
    "secret log options": (
        of(a_container(logConfiguration={"logDriver": "splunk", "secretOptions": [{"name": "a"}]})),
        "secretOptions",
    ),
    "environment files": (of(a_container(environmentFiles=[{"value": "x", "type": "s3"}])), "no S3"),
    "a nameless variable": (of(a_container(environment=[{"value": "x"}])), "without a name"),
    "restarts too often": (
        of(a_container(restartPolicy={"enabled": True, "restartAttemptPeriod": 59})),
        "between 60 and 1800",
    ),
    "too many ignored codes": (
        of(a_container(restartPolicy={"enabled": True, "ignoredExitCodes": list(range(51))})),
        "at most 50",
    ),
    "a health check without its kind": (of(a_container(healthCheck={"command": ["curl"]})), "CMD-SHELL"),
    "a health check of nothing": (of(a_container(healthCheck={"command": ["CMD"]})), "CMD-SHELL"),
    "awslogs without a group": (
        of(a_container(logConfiguration={"logDriver": "awslogs", "options": {"awslogs-region": "x"}})),
        "awslogs-group",
    ),
    "a log driver that is not here": (
        of(a_container(logConfiguration={"logDriver": "fluentd"})),
        "does not have the log driver 'fluentd'",
    ),
    "ports without a network": (
        of(a_container(portMappings=[{"containerPort": 80}]), networkMode="none"),
        "network mode is none",
    ),
    "another host port in awsvpc": (
        of(a_container(portMappings=[{"containerPort": 80, "hostPort": 8080}]), networkMode="awsvpc"),
        "must match",
    ),
    "a port too high": (of(a_container(portMappings=[{"containerPort": 70000}])), "70000"),
    "a mapping of nothing": (of(a_container(portMappings=[{}])), "containerPort"),
    "a range upside down": (of(a_container(portMappings=[{"containerPortRange": "90-80"}])), "90-80"),
    "an unknown dependency": (
        of(a_container(dependsOn=[{"containerName": "db", "condition": "START"}])),
        "'db'",
    ),
    "a dependency on health": (
        of(a_container(dependsOn=[{"containerName": "db", "condition": "HEALTHY"}]), a_container("db")),
        "with condition HEALTHY, but 'db' has no health check",
    ),
    "waiting for the end of an essential one": (
        of(a_container(dependsOn=[{"containerName": "db", "condition": "SUCCESS"}]), a_container("db")),
        "cannot be essential",
    ),
    "depending on itself": (
        of(a_container(dependsOn=[{"containerName": "app", "condition": "START"}])),
        "app → app",
    ),
    "volumes from nowhere": (of(a_container(volumesFrom=[{"sourceContainer": "x"}])), "unknown container"),
    "an unknown volume": (of(a_container(mountPoints=[{"sourceVolume": "v"}])), "Unknown volume 'v'"),
    "a volume of two kinds": (
        a_definition(volumes=[{"name": "v", "host": {}, "configuredAtLaunch": True}]),
        "only one of",
    ),
    "a nameless volume": (a_definition(volumes=[{"host": {}}]), "Invalid volume name"),
    "two volumes of one name": (a_definition(volumes=[{"name": "v"}, {"name": "v"}]), "unique"),
    "too much storage": (a_definition(ephemeralStorage={"sizeInGiB": 201}), "between 21 and 200"),
    "health checks too often": (of(a_container(healthCheck={"command": ["CMD"], "interval": 1})), "interval"),
    "managed instances": (a_definition(requiresCompatibilities=["MANAGED_INSTANCES"]), "MANAGED_INSTANCES"),
    "awsvpc on external": (
        a_definition(networkMode="awsvpc", requiresCompatibilities=["EXTERNAL"]),
        "EXTERNAL",
    ),
    "too large": (of(a_container(command=["x" * 70_000])), "Max allowed length is '65536' bytes."),
    "Fargate in bridge mode": (a_fargate_definition(networkMode="bridge"), "network mode ‘awsvpc’"),
    "Fargate with an odd size": (
        a_fargate_definition(memory="256"),
        "No Fargate configuration exists for given values: 256 CPU, 256 memory.",
    ),
    "Fargate privileged": (fargate(privileged=True), "privileged"),
    "Fargate with syslog": (fargate(logConfiguration={"logDriver": "json-file"}), "'json-file'"),
    "Fargate logs without a prefix": (
        fargate(logConfiguration={"logDriver": "awslogs", "options": AWSLOGS}),
        "awslogs-stream-prefix",
    ),
    "Fargate stopping slowly": (fargate(stopTimeout=121), "stopTimeout"),
    "Fargate starting fast": (fargate(startTimeout=1), "startTimeout"),
    "Fargate with nproc": (fargate(ulimits=[{"name": "nproc", "softLimit": 1, "hardLimit": 1}]), "nofile"),
    "Fargate with links": (fargate(links=["x"]), "Links"),
    "Fargate with more cpu inside than outside": (fargate(cpu=512), "greater than the cpu of the task"),
    "Fargate with a host path": (
        a_fargate_definition(volumes=[{"name": "v", "host": {"sourcePath": "/x"}}]),
        "host paths",
    ),
    "Fargate in the host's processes": (a_fargate_definition(pidMode="host"), "pidMode"),
    "Fargate sharing memory": (a_fargate_definition(ipcMode="task"), "ipcMode"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    """Each rule that a definition can break is a ClientException that names it."""
    params, part = REFUSED[name]
    with pytest.raises(Fault) as caught:
        register(params)
    assert caught.value.code == "ClientException"
    assert part in caught.value.message


@pytest.mark.parametrize(
    ("params", "compatibilities"),
    [
        (a_definition(), ("EC2", "EXTERNAL")),
        (a_definition(networkMode="awsvpc"), ("EC2",)),
        (a_fargate_definition(), ("EC2", "FARGATE")),
        (a_fargate_definition(requiresCompatibilities=[]), ("EC2", "FARGATE")),
    ],
)
def test_compatibilities(params: dict[str, Any], compatibilities: tuple[str, ...]) -> None:
    """A definition may run wherever nothing speaks against it, asked for or not."""
    assert register(params).compatibilities == compatibilities


def test_defaults_are_filled_in() -> None:
    """What DescribeTaskDefinition shows of members that the caller left out."""
    made = register(a_definition(cpu="1 vCPU", memory="2GB")).definition
    assert (made["cpu"], made["memory"]) == ("1024", "2048")
    assert made["volumes"] == made["placementConstraints"] == []
    assert made["containerDefinitions"] == [
        {
            **a_container(),
            "cpu": 0,
            "essential": True,
            "environment": [],
            "mountPoints": [],
            "volumesFrom": [],
            "systemControls": [],
            "portMappings": [],
        }
    ]


@pytest.mark.parametrize(
    ("mode", "mapping", "host"),
    [
        ("bridge", {"containerPort": 80}, 0),
        ("bridge", {"containerPort": 80, "hostPort": 8080}, 8080),
        ("awsvpc", {"containerPort": 80}, 80),
        ("host", {"containerPort": 80, "hostPort": 0}, 80),
    ],
)
def test_host_ports(mode: str, mapping: dict[str, int], host: int) -> None:
    """Bridge mode leaves a port to chance; the other modes use the container's own."""
    made = register(of(a_container(portMappings=[mapping]), networkMode=mode)).definition
    assert made["containerDefinitions"][0]["portMappings"] == [
        {"containerPort": 80, "hostPort": host, "protocol": "tcp"}
    ]


def test_a_described_definition_registers_again() -> None:
    """Seed 004: describe, copy the container tenfold under new names, register."""
    described = register(a_fargate_definition(memory="1GB")).definition
    containers = [{**described["containerDefinitions"][0], "name": f"app{n}"} for n in range(10)]
    again = register({**described, "family": "work", "containerDefinitions": containers}).definition
    assert len(again["containerDefinitions"]) == 10
    assert register({**again, "family": "work"}).definition == again


@given(cpu=st.integers(1, 20_000), memory=st.integers(1, 130_000))
def test_fargate_pairs(cpu: int, memory: int) -> None:
    """Whatever the pair: it is in AWS's table and registers, or the refusal names it."""
    params = a_fargate_definition(cpu=str(cpu), memory=str(memory))
    if is_fargate_size(cpu, memory):
        assert "FARGATE" in register(params).compatibilities
        return
    with pytest.raises(Fault, match=f"given values: {cpu} CPU, {memory} memory"):
        register(params)
