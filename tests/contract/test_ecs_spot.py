"""A Fargate Spot interruption as its task and its operator see it: a real process, the CLI, an event rule."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.contract.test_cli import refused, windlass
from tests.contract.test_events import a_queue, receive
from tests.fault.waiting import until
from tests.process import PlaneProcess

Client = Callable[..., Any]
OFTEN = {"Delay": 0.05, "MaxAttempts": 600}
FARGATE = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
STUBBORN = "trap 'echo told' TERM; echo up; while :; do sleep 0.05; done"


def a_fargate_task(client: Client, provider: str) -> str:
    """A task that runs and takes no notice of SIGTERM; its ARN."""
    ecs = client("ecs")
    stubborn = {
        "name": "app",
        "image": "busybox",
        "entryPoint": ["sh", "-c"],
        "command": [STUBBORN],
        "stopTimeout": 2,
    }
    ecs.register_task_definition(
        family="stubborn",
        containerDefinitions=[stubborn],
        **FARGATE,
    )
    subnets = [subnet["SubnetId"] for subnet in client("ec2").describe_subnets()["Subnets"]]
    [task] = ecs.run_task(
        taskDefinition="stubborn",
        capacityProviderStrategy=[{"capacityProvider": provider, "weight": 1}],
        networkConfiguration={"awsvpcConfiguration": {"subnets": subnets}},
    )["tasks"]
    ecs.get_waiter("tasks_running").wait(tasks=[task["taskArn"]], WaiterConfig=OFTEN)
    return str(task["taskArn"])


def test_a_spot_task_is_interrupted(client: Client, plane: PlaneProcess) -> None:
    """1. The warning is an event of a task that runs. 2. SIGTERM with it. 3. SIGKILL after stopTimeout."""
    ecs, events, sqs, logs = client("ecs"), client("events"), client("sqs"), client("logs")
    url, queue = a_queue(sqs)
    pattern = {"source": ["aws.ecs"], "detail": {"stopCode": ["SpotInterruption"], "lastStatus": ["RUNNING"]}}
    events.put_rule(Name="interrupted", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="interrupted", Targets=[{"Id": "1", "Arn": queue}])
    task = a_fargate_task(client, "FARGATE_SPOT")
    stream = f"ecs/app/{task.rpartition('/')[2]}"

    def said() -> list[str]:
        try:
            page = logs.filter_log_events(logGroupName="/ecs/stubborn", logStreamNames=[stream])
        except logs.exceptions.ResourceNotFoundException:  # made with the first line
            return []
        return [event["message"] for event in page["events"]]

    until(lambda: said() == ["up"], "its first line")
    done = windlass("chaos", "spot-interrupt", task, endpoint=plane.endpoint)
    assert done.stdout == f"{task}: SpotInterruption: Your Spot Task was interrupted.\n", done.stderr
    told = json.loads(receive(sqs, url)[0]["Body"])
    assert (told["detail-type"], told["resources"]) == ("ECS Task State Change", [task])
    detail = told["detail"]
    assert (detail["lastStatus"], detail["desiredStatus"]) == ("RUNNING", "STOPPED")
    assert (detail["stopCode"], detail["stoppedReason"]) == (
        "SpotInterruption",
        "Your Spot Task was interrupted.",
    )
    ecs.get_waiter("tasks_stopped").wait(tasks=[task], WaiterConfig=OFTEN)
    [over] = ecs.describe_tasks(tasks=[task])["tasks"]
    assert (over["stopCode"], over["containers"][0]["exitCode"]) == ("SpotInterruption", 137)
    lasted = (over["executionStoppedAt"] - over["stoppingAt"]).total_seconds()
    assert 1.9 <= lasted <= 20
    until(lambda: said() == ["up", "told"], "its last line")
    assert "was to stop already" in refused(
        windlass("chaos", "spot-interrupt", task, endpoint=plane.endpoint)
    )


def test_other_tasks_are_not(client: Client, plane: PlaneProcess) -> None:
    task = a_fargate_task(client, "FARGATE")
    said = refused(windlass("chaos", "spot-interrupt", task, endpoint=plane.endpoint))
    assert "does not run on FARGATE_SPOT" in said
    client("ecs").stop_task(task=task)


def test_a_service_replaces_what_is_interrupted(client: Client, plane: PlaneProcess) -> None:
    """The service has its task again on Fargate Spot, and counts no failure."""
    ecs = client("ecs")
    sleeper = {"name": "app", "image": "busybox", "command": ["sleep", "600"]}
    ecs.register_task_definition(family="sleeper", containerDefinitions=[sleeper], **FARGATE)
    subnets = [subnet["SubnetId"] for subnet in client("ec2").describe_subnets()["Subnets"]]
    ecs.create_service(
        serviceName="cheap",
        taskDefinition="sleeper",
        desiredCount=1,
        capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
        networkConfiguration={"awsvpcConfiguration": {"subnets": subnets}},
    )

    def service() -> dict[str, Any]:
        return dict(ecs.describe_services(services=["cheap"])["services"][0])

    until(lambda: service()["runningCount"] == 1, "its first task")
    [first] = ecs.list_tasks(serviceName="cheap")["taskArns"]
    assert windlass("chaos", "spot-interrupt", first, endpoint=plane.endpoint).returncode == 0

    def replaced() -> bool:
        running = ecs.list_tasks(serviceName="cheap")["taskArns"]
        return len(running) == 1 and first not in running and service()["runningCount"] == 1

    until(replaced, "another one in its place")
    assert service()["deployments"][0]["failedTasks"] == 0
    ecs.delete_service(service="cheap", force=True)
