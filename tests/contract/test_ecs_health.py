"""Health checks, dependencies on health and restart policies with boto3, on tasks that really run.

The shortest interval that ECS takes is five seconds: tasks of several containers wait for it together.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.waiter import WaiterModel, create_waiter_with_client

from tests.fault.waiting import until

OFTEN = {"Delay": 0.05, "MaxAttempts": 600}
Client = Callable[..., Any]


def a_container(name: str, script: str, **members: Any) -> dict[str, Any]:
    entry = ["sh", "-c"]
    return {
        "name": name,
        "image": "busybox",
        "memory": 64,
        "entryPoint": entry,
        "command": [script],
        **members,
    }


def a_check(*command: str, **members: int) -> dict[str, Any]:
    return {"command": list(command), "interval": 5, "timeout": 2, **members}


def wait_for(ecs: Any, arn: str, path: str, expected: object) -> dict[str, Any]:
    """Describe the task until the JMESPath gives that."""
    acceptor = {"state": "success", "matcher": "path", "argument": path, "expected": expected}
    model = {"operation": "DescribeTasks", "delay": 0.1, "maxAttempts": 300, "acceptors": [acceptor]}
    waiter = create_waiter_with_client("W", WaiterModel({"version": 2, "waiters": {"W": model}}), ecs)
    waiter.wait(tasks=[arn])
    return dict(ecs.describe_tasks(tasks=[arn])["tasks"][0])


def health(task: dict[str, Any]) -> dict[str, str]:
    return {container["name"]: container["healthStatus"] for container in task["containers"]}


def test_healthy_unhealthy_and_who_waits(client: Client, tmp_path: Path) -> None:
    """1. `web` is HEALTHY after its first check, which sees its directory, environment and user.

    2. `app` waited for that. 3. `bad` fails once and is UNHEALTHY; not being essential, it does not make the
    task so. 4. `slow` never answers its check, which is killed. 5. Nobody checks `app`, so it is UNKNOWN, and
    so is the task. 6. StopTask: everything ends.
    """
    ecs = client("ecs")
    started, slept = tmp_path / "started", tmp_path / "slept"
    look = a_check("CMD-SHELL", 'test "$ROLE" = web && test -e here && test "$(id -u)" = "$(cat here)"')
    web = a_container("web", "id -u > here; exec sleep 600", healthCheck=look)
    web["environment"] = [{"name": "ROLE", "value": "web"}]
    wait = [{"containerName": "web", "condition": "HEALTHY"}]
    app = a_container("app", f"touch {started}; exec sleep 600", dependsOn=wait)
    bad = a_container(
        "bad", "exec sleep 600", essential=False, healthCheck=a_check("CMD", "false", retries=1)
    )
    hang = a_check("CMD-SHELL", f"echo $$ >> {slept}; exec sleep 600", retries=1)
    slow = a_container("slow", "exec sleep 600", essential=False, healthCheck=hang)
    ecs.register_task_definition(family="checked", containerDefinitions=[web, app, bad, slow])
    [task] = ecs.run_task(taskDefinition="checked")["tasks"]
    arn = task["taskArn"]
    assert health(task) == dict.fromkeys(("web", "app", "bad", "slow"), "UNKNOWN")
    seen = wait_for(ecs, arn, "tasks[0].containers[2].healthStatus", "UNHEALTHY")
    assert seen["lastStatus"] in ("PENDING", "RUNNING")
    running = wait_for(ecs, arn, "tasks[0].lastStatus", "RUNNING")
    until(started.exists, "its first command is over")
    assert (running["healthStatus"], health(running)["web"]) == ("UNKNOWN", "HEALTHY")
    late = wait_for(ecs, arn, "tasks[0].containers[3].healthStatus", "UNHEALTHY")
    assert health(late) == {"web": "HEALTHY", "app": "UNKNOWN", "bad": "UNHEALTHY", "slow": "UNHEALTHY"}
    checks = [Path("/proc") / pid for pid in slept.read_text().split()]
    ecs.stop_task(task=arn)
    ecs.get_waiter("tasks_stopped").wait(tasks=[arn], WaiterConfig=OFTEN)
    assert not any(check.exists() for check in checks)


def test_an_unhealthy_task_goes_on(client: Client, tmp_path: Path) -> None:
    """A task that no service runs goes on when an essential container is UNHEALTHY, and can recover."""
    ecs = client("ecs")
    well = tmp_path / "well"
    check = a_check("CMD", "test", "-e", str(well), retries=1)
    ecs.register_task_definition(
        family="ill", containerDefinitions=[a_container("app", "exec sleep 600", healthCheck=check)]
    )
    [task] = ecs.run_task(taskDefinition="ill")["tasks"]
    ill = wait_for(ecs, task["taskArn"], "tasks[0].healthStatus", "UNHEALTHY")
    assert (ill["lastStatus"], ill["desiredStatus"]) == ("RUNNING", "RUNNING")
    well.touch()
    fine = wait_for(ecs, task["taskArn"], "tasks[0].healthStatus", "HEALTHY")
    assert fine["version"] == ill["version"]
    ecs.stop_task(task=task["taskArn"])


def test_a_dependency_that_is_not_healthy_in_time(client: Client) -> None:
    """The startTimeout of the dependency is over before it is HEALTHY: who waits gives up, the task stops."""
    ecs = client("ecs")
    db = a_container("db", "exec sleep 600", startTimeout=2, healthCheck=a_check("CMD", "true"))
    wait = [{"containerName": "db", "condition": "HEALTHY"}]
    ecs.register_task_definition(
        family="late", containerDefinitions=[db, a_container("app", "exit 0", dependsOn=wait)]
    )
    [task] = ecs.run_task(taskDefinition="late")["tasks"]
    ecs.get_waiter("tasks_stopped").wait(tasks=[task["taskArn"]], WaiterConfig=OFTEN)
    [stopped] = ecs.describe_tasks(tasks=[task["taskArn"]])["tasks"]
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert "did not reach HEALTHY within its startTimeout of 2 s" in stopped["containers"][1]["reason"]


def test_an_exit_before_the_attempt_period_ends_the_task(client: Client) -> None:
    """A restart policy starts nothing again that ran for less than its attempt period."""
    ecs = client("ecs")
    policy = {"enabled": True, "restartAttemptPeriod": 60}
    definition = ecs.register_task_definition(
        family="again", containerDefinitions=[a_container("app", "exit 3", restartPolicy=policy)]
    )["taskDefinition"]
    assert definition["containerDefinitions"][0]["restartPolicy"] == policy
    [task] = ecs.run_task(taskDefinition="again")["tasks"]
    ecs.get_waiter("tasks_stopped").wait(tasks=[task["taskArn"]], WaiterConfig=OFTEN)
    [stopped] = ecs.describe_tasks(tasks=[task["taskArn"]])["tasks"]
    assert (stopped["stopCode"], stopped["containers"][0]["exitCode"]) == ("EssentialContainerExited", 3)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"dependsOn": [{"containerName": "db", "condition": "HEALTHY"}]}, "no health check"),
        ({"healthCheck": {"command": ["curl"]}}, "must start with CMD or CMD-SHELL"),
        ({"restartPolicy": {"enabled": True, "restartAttemptPeriod": 30}}, "between 60 and 1800"),
    ],
)
def test_refused_definitions(client: Client, members: dict[str, Any], why: str) -> None:
    """What could never work is refused at registration."""
    containers = [a_container("db", "exit 0"), a_container("app", "exit 0", **members)]
    with pytest.raises(ClientError, match=why):
        client("ecs").register_task_definition(family="no", containerDefinitions=containers)
