"""The scaler of seed 004: a Lambda function on a schedule that looks at a queue and starts ECS tasks.

Ordinary boto3, no endpoint and no credentials in the code: it would run on AWS as it is.
"""

import copy
import os
from typing import Any

import boto3

sqs = boto3.client("sqs")
ecs = boto3.client("ecs")


def handler(event: Any, context: Any) -> dict[str, Any]:
    waiting = messages_waiting()
    count = tasks_for(waiting)
    if count == 0:
        print("nothing waits, nothing to start")
        return {"waiting": waiting, "started": 0}
    definition = task_definition(int(os.environ.get("CONTAINERS_PER_TASK", "1")))
    answer = ecs.run_task(
        cluster=os.environ["CLUSTER"], taskDefinition=definition, count=count, startedBy="backlog-scaler"
    )
    print(f"{waiting} messages wait: started {len(answer['tasks'])} tasks of {definition}")
    return {"waiting": waiting, "started": len(answer["tasks"]), "failures": answer["failures"]}


def messages_waiting() -> int:
    answer = sqs.get_queue_attributes(
        QueueUrl=os.environ["QUEUE_URL"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def tasks_for(waiting: int) -> int:
    """The article's three steps: none, one, or the ten that one RunTask call may start."""
    if waiting == 0:
        return 0
    return 1 if waiting < 10 else 10


def task_definition(containers: int) -> str:
    """The worker's definition; for more than ten workers, one with its container copied so many times."""
    family = os.environ["TASK_DEFINITION"]
    if containers == 1:
        return family
    found = ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]
    [original] = found["containerDefinitions"]
    copies = []
    for number in range(containers):
        container = copy.deepcopy(original)
        container["name"] = f"{original['name']}-{number}"
        copies.append(container)
    registered = ecs.register_task_definition(
        family=f"{family}-x{containers}",
        containerDefinitions=copies,
        volumes=found["volumes"],
        cpu=str(int(found["cpu"]) * containers),
        memory=str(int(found["memory"]) * containers),
    )["taskDefinition"]
    return f"{registered['family']}:{registered['revision']}"
