"""Attempts as units of the fleet."""

from __future__ import annotations

from typing import Any

import pytest

from tests.batch_rows import JOB_ID, a_compute_environment, a_job, a_job_definition, some_sizes
from tests.build import ACCOUNT, NOW, REGION
from windlass.aws.container_secrets import Read
from windlass.fleet.container_shapes import Surroundings
from windlass.fleet.messages import LogTarget, Mount, Tmpfs, Ulimit
from windlass.services.batch.effective import effective
from windlass.services.batch.unit import Blueprint, blueprint

TASK = "0123456789abcdef0123456789abcdef"
AROUND = Surroundings(ACCOUNT, REGION, ACCOUNT, "windlass")


def a_blueprint(
    kind: str = "FARGATE", around: Surroundings = AROUND, job: dict[str, Any] | None = None, **container: Any
) -> Blueprint:
    made, definition = a_job(**(job or {})), a_job_definition(**container)
    return blueprint(made, effective(definition, made), a_compute_environment(kind), around)


def test_one_attempt() -> None:
    """What it runs, what it is told, where its output goes, and what it says of itself."""
    plan = a_blueprint(command=["echo", "Ref::x"], job={"parameters": {"x": "1 2"}}, user="nobody")
    unit = plan.unit(TASK, None, 1, NOW)
    [container] = unit.spec.containers
    assert (unit.id, unit.owner, unit.account, unit.region) == (TASK, "batch", ACCOUNT, REGION)
    assert (unit.cpu_units, unit.memory_mib, unit.created_at, unit.state) == (1024, 2048, NOW, "waiting")
    assert (container.name, container.command, container.user) == ("default", ("echo", "1 2"), "nobody")
    assert container.memory_mib == 2048
    told = dict(container.environment)
    assert {name: told[name] for name in told if name.startswith("AWS_BATCH")} == {
        "AWS_BATCH_JOB_ID": JOB_ID,
        "AWS_BATCH_JOB_ATTEMPT": "1",
        "AWS_BATCH_CE_NAME": "farm",
        "AWS_BATCH_JQ_NAME": "line",
    }
    assert container.log == LogTarget(ACCOUNT, REGION, "/aws/batch/job", f"frames/default/{TASK}")
    assert plan.log_stream(TASK) == f"frames/default/{TASK}"
    assert unit.spec.task is not None
    assert unit.spec.task.task_arn == f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/farm_Batch_0c5e8f3e/{TASK}"
    assert unit.spec.task.launch_type == "FARGATE"


def test_children() -> None:
    """Children share everything but ids, index and number."""
    plan = a_blueprint(job={"size": 10})
    one, two = plan.unit(TASK, 0, 1, NOW), plan.unit("f" * 32, 9, 3, NOW + 1)
    told = dict(two.spec.containers[0].environment)
    assert (told["AWS_BATCH_JOB_ID"], told["AWS_BATCH_JOB_ARRAY_INDEX"]) == (f"{JOB_ID}:9", "9")
    assert told["AWS_BATCH_JOB_ATTEMPT"] == "3"
    assert one.spec.containers[0].arn != two.spec.containers[0].arn
    assert one.spec.containers[0].image == two.spec.containers[0].image


def test_what_runners_with_images_honour() -> None:
    """Volumes, Linux parameters and limits of a job definition reach the node."""
    plan = a_blueprint(
        "EC2",
        volumes=[
            {"name": "here", "host": {"sourcePath": "/srv"}},
            {"name": "far", "efsVolumeConfiguration": {}},
        ],
        mountPoints=[
            {"sourceVolume": "here", "containerPath": "/in", "readOnly": True},
            {"sourceVolume": "far", "containerPath": "/far"},
        ],
        ulimits=[{"name": "nofile", "softLimit": 1, "hardLimit": 2}],
        privileged=True,
        readonlyRootFilesystem=True,
        linuxParameters={
            "initProcessEnabled": True,
            "sharedMemorySize": 8,
            "maxSwap": 16,
            "tmpfs": [{"containerPath": "/t", "size": 4}],
        },
        resourceRequirements=some_sizes("2", "128", "1"),
    )
    unit = plan.unit(TASK, None, 1, NOW)
    [container] = unit.spec.containers
    assert container.mounts == (
        Mount("host", "/srv", "/in", True), Mount("other", "efsVolumeConfiguration", "/far"),
    )  # fmt: skip
    assert container.ulimits == (Ulimit("nofile", 1, 2),)
    assert container.tmpfs == (Tmpfs("/t", 4),)
    assert (container.privileged, container.read_only_root, container.init) == (True, True, True)
    assert (container.shared_memory_mib, container.swap_mib, unit.gpus) == (8, 16, 1)
    assert unit.spec.task is not None
    assert (unit.spec.task.launch_type, unit.spec.task.ephemeral_gib) == ("EC2", 0)


def test_secrets_and_missing_groups() -> None:
    """Secrets are variables; what cannot be read, or logged to, keeps the container from starting."""
    secret = {"name": "P", "valueFrom": "/p"}
    around = Surroundings(ACCOUNT, REGION, secrets=Read(values={"default": {"P": "hush"}}))
    [container] = a_blueprint(around=around, secrets=[secret]).unit(TASK, None, 1, NOW).spec.containers
    assert dict(container.environment)["P"] == "hush"
    broken = Surroundings(
        ACCOUNT, REGION, secrets=Read(faults={"default": "ResourceInitializationError: no"})
    )
    [container] = a_blueprint(around=broken, secrets=[secret]).unit(TASK, None, 1, NOW).spec.containers
    assert container.cannot_start == "ResourceInitializationError: no"
    log = {"logDriver": "awslogs", "options": {"awslogs-group": "gone"}}
    missing = Surroundings(ACCOUNT, REGION, missing_groups=frozenset({(REGION, "gone")}))
    [container] = a_blueprint(around=missing, logConfiguration=log).unit(TASK, None, 1, NOW).spec.containers
    assert "log group does not exist" in container.cannot_start


@pytest.mark.parametrize(("propagate", "tags"), [(True, (("team", "a"),)), (False, ())])
def test_tags(propagate: bool, tags: tuple[tuple[str, str], ...]) -> None:
    """Tags of the job are the task's when they are to be propagated."""
    unit = a_blueprint(job={"tags": {"team": "a"}, "propagate_tags": propagate}).unit(TASK, None, 1, NOW)
    assert unit.spec.task is not None
    assert unit.spec.task.tags == tags
