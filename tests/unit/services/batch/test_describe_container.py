"""Containers of jobs as DescribeJobs shows them."""

from __future__ import annotations

from tests.batch_rows import a_job, a_job_definition, some_sizes
from tests.unit.services.batch.test_effective import TWO, pairs
from windlass.services.batch.describe_container import attempt, shown
from windlass.services.batch.model import Attempt, ContainerEnd, Run

TASK = "arn:aws:ecs:eu-west-1:123456789012:task/farm/0123"
STREAM = "frames/default/0123"


def ended(**members: object) -> Attempt:
    return Attempt(TASK, STREAM, 10, 20, **{"exit_code": 1, "reason": "why", **members})  # type: ignore[arg-type]


def test_before_it_runs() -> None:
    """The definition with the call's overrides; what it does not have is shown as empty lists."""
    definition = a_job_definition(environment=pairs(A="1"), command=["echo", "Ref::x"], user="1")
    change = {"environment": pairs(B="2"), "resourceRequirements": some_sizes("4", "")}
    job = a_job(overrides={"containerOverrides": change}, parameters={"x": "y"})
    assert shown(definition, job, Run()) == {
        "container": {
            "image": "busybox",
            "command": ["echo", "Ref::x"],
            "user": "1",
            "environment": pairs(A="1", B="2"),
            "resourceRequirements": some_sizes("4", "2048"),
            "volumes": [],
            "mountPoints": [],
            "ulimits": [],
            "secrets": [],
            "networkInterfaces": [],
        }
    }
    assert shown(definition, job, None) == shown(definition, job, Run())


def test_while_it_runs_and_afterwards() -> None:
    """The log stream once it runs; exit code and reason while no attempt is on."""
    definition, job = a_job_definition(), a_job()
    on = Run(unit_id="0123", task_arn=TASK, log_stream=STREAM, attempts=(ended(),))
    container = shown(definition, job, on)["container"]
    assert container["taskArn"] == TASK
    assert not {"logStreamName", "exitCode", "reason"} & container.keys()
    running = Run(unit_id="0123", task_arn=TASK, log_stream=STREAM, started_at=5)
    assert shown(definition, job, running)["container"]["logStreamName"] == STREAM
    over = shown(definition, job, Run(task_arn=TASK, attempts=(ended(), ended(exit_code=0, reason=""))))
    assert over["container"]["exitCode"] == 0
    assert "reason" not in over["container"]


def test_attempts() -> None:
    assert attempt(a_job_definition(), ended(instance_arn="arn:i")) == {
        "container": {
            "taskArn": TASK,
            "containerInstanceArn": "arn:i",
            "logStreamName": STREAM,
            "networkInterfaces": [],
            "exitCode": 1,
            "reason": "why",
        }
    }


def test_several_containers() -> None:
    """Of a job with ecsProperties each container has its own end and its own stream."""
    definition, job = a_job_definition(given=TWO), a_job()
    last = ended(containers=(ContainerEnd("main", 0), ContainerEnd("side", 137, "killed")))
    run = Run(task_arn=TASK, started_at=10, attempts=(last,))
    [task] = shown(definition, job, run)["ecsProperties"]["taskProperties"]
    main, side = task["containers"]
    assert (task["taskArn"], task["taskRoleArn"]) == (TASK, "arn:aws:iam::1:role/r")
    assert (main["exitCode"], main["logStreamName"]) == (0, "frames/main/0123")
    assert (side["exitCode"], side["reason"], side["essential"]) == (137, "killed", False)
    [ended_task] = attempt(definition, last)["taskProperties"]
    assert [one["logStreamName"] for one in ended_task["containers"]] == [
        "frames/main/0123",
        "frames/side/0123",
    ]


def test_without_a_definition() -> None:
    """It was deregistered long ago: what became of the job is known all the same."""
    run = Run(task_arn=TASK, attempts=(ended(),))
    assert shown(None, a_job(), run) == {"container": {"taskArn": TASK, "exitCode": 1, "reason": "why"}}
    assert "container" in attempt(None, ended())
