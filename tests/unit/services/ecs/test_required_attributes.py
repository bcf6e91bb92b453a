"""What a definition requires of instances, as DescribeTaskDefinition shows it."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.services.ecs.required_attributes import names

ECS = "com.amazonaws.ecs.capability."
API = f"{ECS}docker-remote-api."
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1"


@pytest.mark.parametrize(
    ("of_task", "of_container", "required"),
    [
        ({}, {}, []),
        ({"networkMode": "awsvpc"}, {}, [f"{API}1.18", "ecs.capability.task-eni"]),
        ({"taskRoleArn": "r"}, {}, [f"{API}1.17", f"{ECS}task-iam-role"]),
        (
            {"taskRoleArn": "r", "networkMode": "host"},
            {},
            [f"{API}1.17", f"{ECS}task-iam-role", f"{ECS}task-iam-role-network-host"],
        ),
        (
            {"executionRoleArn": "r"},
            {"logConfiguration": {"logDriver": "awslogs"}, "image": ECR},
            [
                f"{API}1.19",
                f"{ECS}ecr-auth",
                f"{ECS}logging-driver.awslogs",
                "ecs.capability.execution-role-awslogs",
                "ecs.capability.execution-role-ecr-pull",
            ],
        ),
        ({}, {"privileged": True}, [f"{ECS}privileged-container"]),
        ({"cpu": "256"}, {"memoryReservation": 6}, [f"{API}1.21", "ecs.capability.task-cpu-mem-limit"]),
        (
            {},
            {"healthCheck": {"command": ["CMD", "x"]}},
            [f"{API}1.29", "ecs.capability.container-health-check"],
        ),
        ({}, {"dependsOn": [{}]}, ["ecs.capability.container-ordering"]),
        ({}, {"linuxParameters": {"initProcessEnabled": True}}, [f"{API}1.25"]),
        (
            {"volumes": [{"name": "v", "dockerVolumeConfiguration": {"scope": "task"}}]},
            {},
            [f"{API}1.25", "ecs.capability.docker-plugin.local"],
        ),
        ({"volumes": [{"dockerVolumeConfiguration": {"driver": "rexray"}}]}, {}, []),
    ],
)
def test_names(of_task: dict[str, Any], of_container: dict[str, Any], required: list[str]) -> None:
    assert names({**of_task, "containerDefinitions": [{"name": "app", **of_container}]}) == required
