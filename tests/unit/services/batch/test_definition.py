"""RegisterJobDefinition: what AWS refuses, and what is made of the rest."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.kernel.faults import Fault
from windlass.services.batch.definition import registered

ROLE = "arn:aws:iam::123456789012:role/execution"


def needs(vcpu: str = "1", memory: str = "2048", **more: str) -> list[dict[str, str]]:
    told = {"VCPU": vcpu, "MEMORY": memory, **more}
    return [{"type": name, "value": value} for name, value in told.items()]


def of(platform: str = "EC2", *, top: dict[str, Any] | None = None, **container: Any) -> dict[str, Any]:
    """RegisterJobDefinition's parameters with one container."""
    return {
        "jobDefinitionName": "job",
        "type": "container",
        "platformCapabilities": [platform],
        "containerProperties": {"image": "busybox", "resourceRequirements": needs(), **container},
        **(top or {}),
    }


def fargate(**container: Any) -> dict[str, Any]:
    return of("FARGATE", **{"executionRoleArn": ROLE, **container})


def several(*containers: dict[str, Any], platform: str = "EC2", **task: Any) -> dict[str, Any]:
    made = [{"image": "busybox", "resourceRequirements": needs(), **one} for one in containers]
    return {
        "jobDefinitionName": "job",
        "type": "container",
        "platformCapabilities": [platform],
        "ecsProperties": {"taskProperties": [{"containers": made, **task}]},
    }


def test_fargate_defaults() -> None:
    """Network and platform version are filled in, as DescribeJobDefinitions shows them."""
    kept = registered(fargate())["containerProperties"]
    assert kept["networkConfiguration"] == {"assignPublicIp": "DISABLED"}
    assert kept["fargatePlatformConfiguration"] == {"platformVersion": "LATEST"}
    assert (kept["command"], kept["secrets"]) == ([], [])


def test_old_members_still_count() -> None:
    """`vcpus` and `memory` are enough on EC2, and stay as they are."""
    asked = of()
    asked["containerProperties"] = {"image": "busybox", "vcpus": 2, "memory": 128}
    kept = registered(asked)["containerProperties"]
    assert (kept["vcpus"], kept["memory"], kept["resourceRequirements"]) == (2, 128, [])


WRONG = [
    (of(resourceRequirements=[]), "vCPU is not provided."),
    (of(resourceRequirements=needs()[:1]), "Memory is not provided."),
    (of(resourceRequirements=needs("0.5")), "VCPU must be a whole number for EC2."),
    (of(resourceRequirements=needs("one")), "Value one for type VCPU in resourceRequirement is not valid. "),
    (of(resourceRequirements=needs("0.0001")), "Value 0.0001 for type VCPU"),
    (of(resourceRequirements=needs(memory="3")), "MEMORY must be at least 4 MiB."),
    (of(resourceRequirements=needs(memory="1.5")), "Value 1.5 for type MEMORY"),
    (of(resourceRequirements=needs(memory="-1")), "Value -1 for type MEMORY"),
    (of(resourceRequirements=[*needs(), *needs()]), "resourceRequirements must not have VCPU twice."),
    (
        fargate(resourceRequirements=needs("2", "1024")),
        "Fargate resource requirements (2.00 vCPU, 1024 MiB) not valid.",
    ),
    (fargate(resourceRequirements=needs(GPU="1")), "GPU is not applicable for Fargate."),
    (fargate(vcpus=1), "vcpus is not applicable for Fargate"),
    (fargate(executionRoleArn=""), "executionRoleArn is required for Fargate."),
    (fargate(privileged=True), "the 'privileged' setting be 'false'"),
    (fargate(linuxParameters={"maxSwap": 1}), "maxSwap is not applicable for Fargate."),
    (fargate(logConfiguration={"logDriver": "syslog"}), "logDriver syslog is not applicable"),
    (
        of(logConfiguration={"logDriver": "awslogs", "options": {"awslogs-x": "1"}}),
        "Log driver awslogs disallows options: awslogs-x",
    ),
    (
        fargate(ulimits=[{"name": "core", "softLimit": 0, "hardLimit": 0}]),
        "ulimit core is not applicable for Fargate.",
    ),
    (
        fargate(volumes=[{"name": "v", "host": {"sourcePath": "/x"}}]),
        "sourcePath of a volume's host is not applicable for Fargate.",
    ),
    (of(networkConfiguration={}), "networkConfiguration not applicable for EC2."),
    (of(fargatePlatformConfiguration={}), "fargatePlatformConfiguration not applicable for EC2."),
    (of(instanceType="c5.large"), "instanceType is only applicable for multi-node parallel jobs."),
    (fargate(ephemeralStorage={"sizeInGiB": 20}), "Ephemeral storage must be between 21 and 200 GiB."),
    (of(image=""), "Container image is required."),
    (of(environment=[{"name": "AWS_BATCH_X", "value": ""}]), "must not begin with AWS_BATCH"),
    (of(environment=[{"name": "A=B", "value": ""}]), "'A=B' is not valid"),
    (of(environment=[{"name": "A", "value": "\0"}]), "'A' is not valid"),
    (of(environment=[{"value": "x"}]), "'' is not valid"),
    (of(secrets=[{"name": "P", "valueFrom": "p"}]), "you must also specify a value for 'executionRoleArn'"),
    (of(executionRoleArn=ROLE, secrets=[{"name": "P", "valueFrom": ""}]), "has no name or no valueFrom"),
    (
        of(
            executionRoleArn=ROLE,
            environment=[{"name": "P", "value": "x"}],
            secrets=[{"name": "P", "valueFrom": "p"}],
        ),
        "The secret name must be unique",
    ),
    (of(ulimits=[{"name": "cores", "softLimit": 1, "hardLimit": 1}]), "ulimit name 'cores' is not valid."),
    (fargate(instanceType="c5.large"), "instanceType is only applicable for multi-node parallel jobs."),
    (several({"name": "a", "stopTimeout": -1}), "stopTimeout must be at least 0 seconds."),
    (
        several({"name": "a", "startTimeout": 121}, platform="FARGATE", executionRoleArn=ROLE),
        "startTimeout must be at most 120 seconds.",
    ),
    (several({"name": "a"}, pidMode="none"), "pidMode must be one of task, host."),
    (several({"name": "a"}, platformVersion="LATEST"), "platformVersion not applicable for EC2."),
    (
        of(
            logConfiguration={
                "logDriver": "splunk",
                "secretOptions": [{"name": "", "valueFrom": "x"}],
            }
        ),
        "secretOptions are not applicable",
    ),
    (of(ulimits=[{"name": "core", "softLimit": 2, "hardLimit": 1}]), "softLimit of ulimit core"),
    (of(linuxParameters={"swappiness": 101}), "swappiness must be between 0 and 100."),
    (of(linuxParameters={"sharedMemorySize": 0}), "sharedMemorySize must be positive."),
    (of(volumes=[{"name": "a b"}]), "Volume name 'a b' is not valid."),
    (of(volumes=[{"name": "v"}, {"name": "v"}]), "Volume name 'v' is given twice."),
    (of(volumes=[{"name": "v", "s3filesVolumeConfiguration": {}}]), "does not have volumes of Amazon S3"),
    (of(mountPoints=[{"sourceVolume": "v", "containerPath": "/x"}]), "Unknown volume 'v'"),
    (
        of(volumes=[{"name": "v"}], mountPoints=[{"sourceVolume": "v", "containerPath": "x"}]),
        "containerPath of a mount point must be an absolute path.",
    ),
    (of(top={"timeout": {"attemptDurationSeconds": 59}}), "must be at least 60 seconds."),
    (of(top={"retryStrategy": {}}), "RetryAttempts must be provided with retry strategy"),
    (of(top={"schedulingPriority": 10_000}), "schedulingPriority must be between 0 and 9999."),
    (of(top={"platformCapabilities": ["EC2", "FARGATE"]}), "must be either EC2 or FARGATE."),
    (of(top={"eksProperties": {}}), "Windlass does not have jobs on Amazon EKS"),
    (of(top={"nodeProperties": {}}), "only applicable for job definitions of the type multinode"),
    (of(top={"ecsProperties": {}}), "Either containerProperties or ecsProperties must be provided"),
    (of(command=["x" * 30_000]), "must be at most 24576 bytes."),
    (
        of(top={"consumableResourceProperties": {"consumableResourceList": [{}]}}),
        "Windlass does not have consumable resources",
    ),
    (several(), "must have 1 to 10 containers"),
    (several(*[{"name": f"c{n}"} for n in range(11)]), "must have 1 to 10 containers"),
    (several({"name": "a"}, {}), "must have a name of its own"),
    (several({"name": "a"}, {"name": "a"}), "must have a name of its own"),
    (several({"name": "a", "essential": False}), "must be essential"),
    (
        several({"name": "a", "dependsOn": [{"containerName": "b", "condition": "START"}]}),
        "dependsOn of container 'a' is not valid.",
    ),
    (
        several({"name": "a", "dependsOn": [{"containerName": "b", "condition": "SUCCESS"}]}, {"name": "b"}),
        "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
    ),
    (
        several(
            {"name": "a", "dependsOn": [{"containerName": "b", "condition": "START"}]},
            {"name": "b", "dependsOn": [{"containerName": "a", "condition": "START"}]},
        ),
        "Container dependencies form a cycle: a → b → a.",
    ),
    (
        several({"name": "a"}, {"name": "b"}, platform="FARGATE", executionRoleArn=ROLE),
        "",
    ),
    (
        several({"name": "a", "resourceRequirements": needs("0.75")}, {"name": "b"}, platform="FARGATE"),
        "Fargate resource requirements (1.75 vCPU, 4096 MiB) not valid.",
    ),
]


@pytest.mark.parametrize(("params", "message"), WRONG)
def test_refusals(params: dict[str, Any], message: str) -> None:
    """Each rule with the words that tell it; "" for what is right after all."""
    if not message:
        assert registered(params)["ecsProperties"]["taskProperties"][0]["platformVersion"] == "LATEST"
        return
    with pytest.raises(Fault) as refused:
        registered(params, timeout_s_min=60)
    assert refused.value.code == "ClientException"
    assert message in refused.value.message


def multinode(*targets: str, count: int = 4, main: int = 0, **more: Any) -> dict[str, Any]:
    container = {"image": "busybox", "resourceRequirements": needs()}
    return {
        "jobDefinitionName": "job",
        "type": "multinode",
        "nodeProperties": {
            "numNodes": count,
            "mainNode": main,
            "nodeRangeProperties": [{"targetNodes": one, "container": container} for one in targets],
        },
        **more,
    }


@pytest.mark.parametrize(
    "targets", [("0:3",), ("0:0", "1:"), (":1", "2:3"), ("0:", "1:2", "2:2"), ("0:2", "3")]
)
def test_ranges_of_nodes(targets: tuple[str, ...]) -> None:
    """Together they are all nodes; they may nest."""
    kept = registered(multinode(*targets))["nodeProperties"]
    assert [one["container"]["command"] for one in kept["nodeRangeProperties"]] == [[]] * len(targets)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (multinode("0:1", "3:3"), "node 2 has none"),
        (multinode("0:2", "1:3"), "may nest, and not cross"),
        (multinode("0:3", "0:3"), "may nest, and not cross"),
        (multinode("0:4"), "is not within nodes 0 to 3"),
        (multinode("3:1"), "is not within nodes 0 to 3"),
        (multinode("all"), "is not a range of nodes"),
        (multinode("0:", main=4), "mainNode must be"),
        (multinode("0:", count=1001), "numNodes must be between 1 and 1000."),
        (multinode(*"012345", count=6), "must have 1 to 5 items"),
        (multinode("0:", platformCapabilities=["FARGATE"]), "not applicable for Fargate"),
        (multinode("0:", containerProperties={}), "nodeProperties, and no others"),
    ],
)
def test_nodes_that_do_not_add_up(params: dict[str, Any], message: str) -> None:
    with pytest.raises(Fault) as refused:
        registered(params)
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eksProperties": {}}, "jobs on Amazon EKS"),
        ({"consumableResourceProperties": {"consumableResourceList": [{}]}}, "consumable resources"),
        ({"ecsProperties": {"taskProperties": []}}, "Either container or ecsProperties"),
    ],
)
def test_what_a_range_may_not_have(change: dict[str, Any], message: str) -> None:
    params = multinode("0:")
    params["nodeProperties"]["nodeRangeProperties"][0] |= change
    with pytest.raises(Fault) as refused:
        registered(params)
    assert message in refused.value.message


def test_one_instance_type_for_all_nodes() -> None:
    params = multinode("0:0", "1:")
    params["nodeProperties"]["nodeRangeProperties"][1]["container"] = {
        "image": "busybox",
        "resourceRequirements": needs(),
        "instanceType": "c5.large",
    }
    with pytest.raises(Fault, match="same instanceType"):
        registered(params)
