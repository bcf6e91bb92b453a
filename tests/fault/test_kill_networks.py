"""SIGKILL of the plane while tasks come and go: no address leaks, none is given twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.fault.waiting import until
from tests.process import PlaneProcess

ACCOUNT = "123456789012"


def test_interfaces_are_those_of_the_tasks(own_plane: Callable[..., PlaneProcess]) -> None:
    """1. Two threads run tasks and stop them. 2. The plane is killed. 3. Afterwards each task that goes on

    has its interface, no interface is without its task, and no address is there twice. 4. All stop: none is
    left.
    """
    plane = own_plane("--no-agent")
    port = plane.port
    clients = plane.client("ecs", ACCOUNT), plane.client("ec2", ACCOUNT)
    asked = prepared(*clients)
    acknowledged: list[str] = []
    enough = threading.Event()

    def work() -> None:
        ecs = plane.client("ecs", ACCOUNT)
        try:
            while True:
                for task in ecs.run_task(count=5, **asked)["tasks"]:
                    acknowledged.append(task["taskArn"])
                ecs.stop_task(task=acknowledged[-1])
                if len(acknowledged) >= 60:
                    enough.set()
        except (BotoCoreError, ClientError):
            return

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert enough.wait(60)
    plane.kill()
    for thread in threads:
        thread.join()
    plane.start(port)
    ecs, ec2 = plane.client("ecs", ACCOUNT), plane.client("ec2", ACCOUNT)
    until(lambda: set(interfaces(ec2)) == attachments(ecs), "interfaces are those of tasks")
    found = interfaces(ec2)
    assert len(set(found.values())) == len(found) > 0
    assert set(acknowledged) <= {task["taskArn"] for task in described(ecs, acknowledged)}
    for arn in tasks_listed(ecs, "RUNNING"):
        ecs.stop_task(task=arn)
    until(lambda: not interfaces(ec2), "no interface is left")


def prepared(ecs: Any, ec2: Any) -> dict[str, Any]:
    ecs.register_task_definition(
        family="work",
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "app", "image": "busybox", "command": ["true"]}],
    )
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
    network = {"awsvpcConfiguration": {"subnets": subnets}}
    return {"taskDefinition": "work", "launchType": "FARGATE", "networkConfiguration": network}


def tasks_listed(ecs: Any, status: str) -> list[str]:
    pages = ecs.get_paginator("list_tasks").paginate(desiredStatus=status)
    return [arn for page in pages for arn in page["taskArns"]]


def described(ecs: Any, arns: list[str]) -> list[Any]:
    parts = [arns[start : start + 100] for start in range(0, len(arns), 100)]
    return [task for part in parts for task in ecs.describe_tasks(tasks=part)["tasks"]]


def attachments(ecs: Any) -> set[str]:
    """Those of tasks that have not stopped."""
    tasks = described(ecs, [*tasks_listed(ecs, "RUNNING"), *tasks_listed(ecs, "STOPPED")])
    return {one["id"] for task in tasks if task["lastStatus"] != "STOPPED" for one in task["attachments"]}


def interfaces(ec2: Any) -> dict[str, str]:
    """Attachment → address, of all interfaces."""
    pages = ec2.get_paginator("describe_network_interfaces").paginate()
    return {
        interface["Description"].rpartition("/")[2]: interface["PrivateIpAddress"]
        for page in pages
        for interface in page["NetworkInterfaces"]
    }
