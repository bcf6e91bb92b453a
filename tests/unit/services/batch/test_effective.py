"""From a definition, a call's overrides and its parameters to what an attempt is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.batch_rows import a_job, a_job_definition, some_sizes
from windlass.kernel.faults import Fault
from windlass.services.batch.effective import effective, sizes
from windlass.services.batch.requirements import Amounts

TWO = {
    "ecsProperties": {
        "taskProperties": [
            {
                "taskRoleArn": "arn:aws:iam::1:role/r",
                "volumes": [{"name": "v"}],
                "containers": [
                    {
                        "name": "main",
                        "image": "busybox",
                        "command": ["work", "Ref::what"],
                        "resourceRequirements": some_sizes("1", "512"),
                        "dependsOn": [{"containerName": "side", "condition": "START"}],
                    },
                    {
                        "name": "side",
                        "image": "busybox",
                        "essential": False,
                        "resourceRequirements": some_sizes("1", "256", "2"),
                    },
                ],
            }
        ]
    }
}


def pairs(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def test_a_plain_definition() -> None:
    """One container called default, with Batch's log group and the definition's name in its stream."""
    made = effective(
        a_job_definition(jobRoleArn="arn:aws:iam::1:role/r", user="1"), a_job(region="eu-west-1")
    )
    [container] = made.containers
    assert (made.name, made.revision, made.role_arn) == ("frames", 3, "arn:aws:iam::1:role/r")
    assert made.amounts == Amounts(1024, 2048)
    assert (container["name"], container["essential"], container["user"]) == ("default", True, "1")
    assert (container["cpu"], container["memory"], container["command"]) == (1024, 2048, ("true",))
    assert container["logConfiguration"]["options"] == {
        "awslogs-group": "/aws/batch/job",
        "awslogs-region": "eu-west-1",
        "awslogs-stream-prefix": "frames",
        "awslogs-create-group": "true",
        "mode": "blocking",
    }


def test_overrides_and_parameters() -> None:
    """The call's command replaces, its environment merges by name; only commands are substituted."""
    definition = a_job_definition(environment=pairs(A="1", B="Ref::x"), command=["old"])
    change = {"command": ["new", "Ref::x"], "environment": pairs(A="2", C="3")}
    job = a_job(overrides={"containerOverrides": change}, parameters={"x": "a; $(b) 'c'"})
    [container] = effective(definition, job).containers
    assert container["command"] == ("new", "a; $(b) 'c'")
    assert container["environment"] == pairs(A="2", B="Ref::x", C="3")


def test_several_containers() -> None:
    """ecsProperties: each has its own members, sizes add up, overrides go by name."""
    change = {"taskProperties": [{"containers": [{"name": "side", "command": ["Ref::what", "Ref::no"]}]}]}
    job = a_job(overrides={"ecsPropertiesOverride": change}, parameters={"what": "x y"})
    made = effective(a_job_definition(given=TWO), job)
    main, side = made.containers
    assert (main["command"], side["command"]) == (("work", "x y"), ("x y", "Ref::no"))
    assert (main["essential"], side["essential"]) == (True, False)
    assert main["dependsOn"] == [{"containerName": "side", "condition": "START"}]
    assert made.amounts == Amounts(2048, 768, 2)
    assert made.volumes == ({"name": "v"},)


def test_log_options_of_ones_own() -> None:
    """What is given stays; a group of one's own must be there unless it may be made."""
    given = {"awslogs-group": "mine", "awslogs-stream-prefix": "p"}
    [container] = effective(
        a_job_definition(logConfiguration={"logDriver": "awslogs", "options": given}), a_job()
    ).containers
    options = container["logConfiguration"]["options"]
    assert {name: options[name] for name in given} == given
    assert options["awslogs-create-group"] == "false"


@pytest.mark.parametrize(
    ("definition", "overrides", "expected"),
    [
        (a_job_definition(), {}, (1024, 2048, 0)),
        (a_job_definition(resourceRequirements=[], vcpus=2, memory=64), {}, (2048, 64, 0)),
        (
            a_job_definition(resourceRequirements=[], vcpus=2, memory=64),
            {"containerOverrides": {"vcpus": 3, "memory": 65}},
            (3072, 65, 0),
        ),
        (
            a_job_definition(),
            {"containerOverrides": {"resourceRequirements": some_sizes("4", "", "1")}},
            (4096, 2048, 1),
        ),
        (
            a_job_definition(fargate=True),
            {"containerOverrides": {"resourceRequirements": some_sizes("0.25", "512")}},
            (256, 512, 0),
        ),
        (a_job_definition(given=TWO), {}, (2048, 768, 2)),
        (
            a_job_definition(given=TWO),
            {
                "ecsPropertiesOverride": {
                    "taskProperties": [
                        {"containers": [{"name": "main", "resourceRequirements": some_sizes("3", "")}]}
                    ]
                }
            },
            (4096, 768, 2),
        ),
    ],
)
def test_sizes(definition: Any, overrides: dict[str, Any], expected: tuple[int, int, int]) -> None:
    assert sizes(definition, overrides) == expected


@pytest.mark.parametrize(
    ("definition", "overrides", "says"),
    [
        (
            a_job_definition(fargate=True),
            {"containerOverrides": {"resourceRequirements": some_sizes("1", "4000")}},
            "Fargate resource requirements (1.00 vCPU, 4000 MiB) not valid.",
        ),
        (
            a_job_definition(fargate=True),
            {"containerOverrides": {"vcpus": 1}},
            "vcpus is not applicable for Fargate. Use resource requirements instead.",
        ),
        (a_job_definition(), {"containerOverrides": {"memory": 64}}, "deprecated key memory"),
        (
            a_job_definition(),
            {"containerOverrides": {"resourceRequirements": some_sizes("0.5")}},
            "VCPU",
        ),
        (
            a_job_definition(),
            {"containerOverrides": {"resourceRequirements": some_sizes("much")}},
            "Value much for type VCPU",
        ),
        (a_job_definition(), {"containerOverrides": {"environment": pairs(AWS_BATCH_X="1")}}, "AWS_BATCH"),
        (a_job_definition(), {"containerOverrides": {"environment": pairs(**{"a=b": "1"})}}, "a=b"),
        (
            a_job_definition(),
            {"containerOverrides": {"command": ["x" * 8192]}},
            "Container Overrides length must be at most 8192",
        ),
        (
            a_job_definition(given=TWO),
            {"containerOverrides": {"command": ["x"]}},
            "containerOverrides is only applicable",
        ),
        (
            a_job_definition(given=TWO),
            {"ecsPropertiesOverride": {"taskProperties": [{"containers": [{"name": "no"}]}]}},
            "Container no",
        ),
    ],
)
def test_refused_overrides(definition: Any, overrides: dict[str, Any], says: str) -> None:
    with pytest.raises(Fault) as fault:
        sizes(definition, overrides)
    assert fault.value.code == "ClientException"
    assert says in fault.value.message
