"""Whatever the model lets a definition say: it is refused, or it can be described and run."""

from __future__ import annotations

import random
from typing import Any

import pytest
from botocore.model import StructureShape

from tests.batch_rows import a_compute_environment, a_job, a_job_definition
from tests.unit.aws.values import Draw
from windlass.aws.models import Models
from windlass.fleet.container_shapes import Surroundings
from windlass.kernel.faults import Fault
from windlass.services.batch import environment_rules, queue_rules, unit
from windlass.services.batch.definition import registered
from windlass.services.batch.effective import effective

MODEL = Models(["batch"]).service("batch")
NEEDS = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}]
AROUND = Surroundings("123456789012", "eu-west-1")


def shape_of(operation: str, *path: str) -> StructureShape:
    shape: Any = MODEL.operation_model(operation).input_shape
    for name in path:
        shape = shape.members[name] if isinstance(shape, StructureShape) else shape.member.members[name]
    return shape


def changed(chance: random.Random, shape: StructureShape, usual: dict[str, Any]) -> dict[str, Any]:
    """The usual structure with a few members drawn from the model."""
    names = chance.sample(sorted(shape.members), chance.randint(1, 3))
    draw = Draw(chance)
    return {**usual, **{name: draw.value(shape.members[name], 2) for name in names}}


def container(chance: random.Random, shape: StructureShape) -> dict[str, Any]:
    return changed(chance, shape, {"name": "c", "image": "busybox", "resourceRequirements": NEEDS})


def a_task(chance: random.Random) -> dict[str, Any]:
    kept = {"containers": [container(chance, TASK_CONTAINER)], "executionRoleArn": "r"}
    return {"ecsProperties": {"taskProperties": [changed(chance, TASK, kept)]}}


CONTAINER = shape_of("RegisterJobDefinition", "containerProperties")
TASK = shape_of("RegisterJobDefinition", "ecsProperties", "taskProperties").member
TASK_CONTAINER = TASK.members["containers"].member


@pytest.mark.parametrize("platform", ["EC2", "FARGATE"])
@pytest.mark.parametrize("kind", ["containerProperties", "ecsProperties"])
def test_a_definition_that_is_taken_can_run(platform: str, kind: str) -> None:
    """Nothing that a caller sends may stop the loops that make units of it."""
    taken = 0
    for seed in range(400):
        chance = random.Random(f"{platform} {kind} {seed}")
        if kind == "ecsProperties":
            part = a_task(chance)
        else:
            part = {kind: {"executionRoleArn": "r", **container(chance, CONTAINER)}}
        params = {"jobDefinitionName": "x", "type": "container", "platformCapabilities": [platform], **part}
        try:
            given = registered(params)
        except Fault as refused:
            assert refused.code == "ClientException"
            continue
        taken += 1
        definition = a_job_definition(platform == "FARGATE", given=given)
        made = effective(definition, a_job())
        unit.blueprint(a_job(), made, a_compute_environment(), AROUND)
    assert taken > 20


@pytest.mark.parametrize(
    "operation", ["CreateComputeEnvironment", "CreateJobQueue", "CreateSchedulingPolicy"]
)
def test_nothing_breaks_a_rule(operation: str) -> None:
    """Parameters drawn whole from the model are taken or refused, whatever they are."""
    for seed in range(300):
        params = Draw(random.Random(f"{operation} {seed}")).value(shape_of(operation))
        try:
            if operation == "CreateComputeEnvironment":
                environment_rules.resources(params)
            elif operation == "CreateJobQueue":
                queue_rules.check_here(params)
                queue_rules.check_time_limits(params.get("jobStateTimeLimitActions", ()))
                queue_rules.ordered(params.get("computeEnvironmentOrder", ()))
            else:
                queue_rules.fair_share(params.get("fairsharePolicy", {}))
        except Fault as refused:
            assert refused.code == "ClientException"
