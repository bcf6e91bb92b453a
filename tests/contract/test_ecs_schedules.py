"""Scheduled tasks (seed 004): EventBridge rules whose targets are clusters, on schedules and on events."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.contract.test_events import a_queue, receive
from tests.fault.waiting import until
from tests.process import REGION, PlaneProcess
from windlass.cli.admin_client import AdminClient

Client = Callable[..., Any]
OFTEN = {"Delay": 0.05, "MaxAttempts": 600}


def a_target(client: Client, account: str, **parameters: Any) -> dict[str, Any]:
    """The cluster `default`, and tasks that print their variable WORD."""
    definition = client("ecs").register_task_definition(
        family="prints",
        containerDefinitions=[
            {
                "name": "app",
                "image": "busybox",
                "memory": 32,
                "entryPoint": ["sh", "-c"],
                "command": ["echo $WORD"],
            }
        ],
        tags=[{"key": "team", "value": "blue"}],
    )["taskDefinition"]["taskDefinitionArn"]
    return {
        "Id": "1",
        "Arn": f"arn:aws:ecs:{REGION}:{account}:cluster/default",
        "RoleArn": f"arn:aws:iam::{account}:role/events",
        "EcsParameters": {"TaskDefinitionArn": definition, **parameters},
    }


def stopped_tasks(ecs: Any, count: int, started_by: str) -> list[dict[str, Any]]:
    """So many tasks of the rule, when all of them have stopped."""

    def found() -> list[str]:
        arns = [arn for s in ("RUNNING", "STOPPED") for arn in ecs.list_tasks(desiredStatus=s)["taskArns"]]
        return arns if len(arns) == count else []

    arns = until(found, f"{count} tasks")
    ecs.get_waiter("tasks_stopped").wait(tasks=arns, WaiterConfig=OFTEN)
    tasks = ecs.describe_tasks(tasks=arns, include=["TAGS"])["tasks"]
    assert {task["startedBy"] for task in tasks} == {started_by}
    return list(tasks)


def test_a_schedule_runs_tasks(client: Client, plane: PlaneProcess, account: str) -> None:
    """A rate rule with a task count, group, tags and a constant input: AWS's own example, fired by hand."""
    events, ecs = client("events"), client("ecs")
    target = a_target(
        client,
        account,
        TaskCount=3,
        LaunchType="EC2",
        Group="nightly",
        PropagateTags="TASK_DEFINITION",
        EnableECSManagedTags=True,
        Tags=[{"Key": "run", "Value": "night"}],
        PlacementStrategy=[{"type": "random"}],
    )
    word = {"containerOverrides": [{"name": "app", "environment": [{"name": "WORD", "value": "hello"}]}]}
    events.put_rule(Name="nightly", ScheduleExpression="rate(1 day)")
    events.put_targets(Rule="nightly", Targets=[target | {"Input": json.dumps(word)}])
    AdminClient(plane.endpoint).post("events/fire", rule="nightly", account=account, region=REGION)
    tasks = stopped_tasks(ecs, 3, "events-rule/nightly")
    for task in tasks:
        assert (task["group"], task["launchType"]) == ("nightly", "EC2")
        assert {(tag["key"], tag["value"]) for tag in task["tags"]} >= {("run", "night"), ("team", "blue")}
        assert task["overrides"]["containerOverrides"] == word["containerOverrides"]
    streams = [f"ecs/app/{task['taskArn'].rpartition('/')[2]}" for task in tasks]
    logs = client("logs")
    said = logs.filter_log_events(logGroupName="/ecs/prints", logStreamNames=streams)["events"]
    assert [event["message"] for event in said] == ["hello"] * 3


def test_an_event_runs_a_task_with_its_detail(client: Client, account: str) -> None:
    """An event pattern, and an input transformer that hands the task a part of the event."""
    events, ecs = client("events"), client("ecs")
    events.put_rule(Name="on.upload", EventPattern='{"source": ["my.app"]}')
    template = '{"containerOverrides": [{"name": "app", "environment": [{"name": "WORD", "value": <key>}]}]}'
    transformer = {"InputPathsMap": {"key": "$.detail.key"}, "InputTemplate": template}
    events.put_targets(
        Rule="on.upload", Targets=[a_target(client, account) | {"InputTransformer": transformer}]
    )
    events.put_events(Entries=[{"Source": "my.app", "DetailType": "t", "Detail": '{"key": "a/b.png"}'}])
    [task] = stopped_tasks(ecs, 1, "events-rule/on_upload")
    [change] = task["overrides"]["containerOverrides"]
    assert change == {"name": "app", "environment": [{"name": "WORD", "value": "a/b.png"}]}


def test_a_task_that_cannot_run_is_a_dead_letter(client: Client, account: str) -> None:
    events, sqs = client("events"), client("sqs")
    url, queue = a_queue(sqs, "dead")
    target = a_target(client, account, TaskCount=2)
    target["EcsParameters"]["TaskDefinitionArn"] = "prints:9"
    events.put_rule(Name="r", EventPattern='{"source": ["my.app"]}')
    events.put_targets(Rule="r", Targets=[target | {"DeadLetterConfig": {"Arn": queue}}])
    events.put_events(Entries=[{"Source": "my.app", "DetailType": "t", "Detail": "{}"}])
    [letter] = receive(sqs, url)
    told = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert (told["ERROR_CODE"], told["TARGET_ARN"]) == ("SDK_CLIENT_ERROR", target["Arn"])
    assert "TaskDefinition not found." in told["ERROR_MESSAGE"]
