"""SIGKILL of plane and agent while a service is deployed: no task is doubled or lost, the deployment ends."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fault.soak import agents_of
from tests.fault.waiting import until
from tests.process import PlaneProcess

ACCOUNT = "123456789012"
COUNT = 12
Make = Callable[..., PlaneProcess]


def deploy(ecs: Any, version: str, ran: Path) -> None:
    """A new revision, whose tasks write down that they began; the first call makes the service."""
    command = ["sh", "-c", f"echo {version} $WINDLASS_UNIT_ID >> {ran}; exec sleep 600"]
    main = {"name": "main", "image": "host", "memory": 32, "command": command, "stopTimeout": 2}
    definition = ecs.register_task_definition(family="web", containerDefinitions=[main])
    arn = definition["taskDefinition"]["taskDefinitionArn"]
    if version == "v1":
        ecs.create_service(serviceName="web", taskDefinition=arn, desiredCount=COUNT)
    else:
        ecs.update_service(service="web", taskDefinition=arn)


def service(ecs: Any) -> Any:
    return ecs.describe_services(services=["web"])["services"][0]


def completed(ecs: Any) -> bool:
    shown = service(ecs)
    [primary, *older] = shown["deployments"]
    return not older and primary["rolloutState"] == "COMPLETED" and shown["runningCount"] == COUNT


@pytest.mark.parametrize("with_agent", [False, True], ids=["plane", "plane and agent"])
def test_a_deployment_ends_whoever_is_killed(own_plane: Make, tmp_path: Path, with_agent: bool) -> None:
    """1. Up. 2. An update begins. 3. Killed in the middle of it, again and again. 4. It ends as it should."""
    plane = own_plane()
    ran = tmp_path / "ran"
    ecs = plane.client("ecs", ACCOUNT)
    deploy(ecs, "v1", ran)
    until(lambda: completed(ecs), "the service is up")
    deploy(ecs, "v2", ran)
    for least in (1, COUNT // 2, COUNT - 1):
        until(lambda least=least: begun(ran, "v2") >= least, f"{least} tasks of the update have begun")
        if with_agent:
            for agent in agents_of(plane.data):
                os.kill(agent, signal.SIGKILL)
        plane.kill()
        plane.start()
        ecs = plane.client("ecs", ACCOUNT)
    until(lambda: completed(ecs), "the update is complete")
    tasks = ecs.describe_tasks(tasks=ecs.list_tasks(serviceName="web")["taskArns"])["tasks"]
    assert len(tasks) == COUNT
    assert {task["taskDefinitionArn"].rpartition(":")[2] for task in tasks} == {"2"}
    assert (begun(ran, "v1"), begun(ran, "v2")) == (COUNT, COUNT), story(ecs, ran)
    ecs.delete_service(service="web", force=True)
    until(lambda: service(ecs)["status"] == "INACTIVE", "the service is gone")


def story(ecs: Any, ran: Path) -> str:
    """Units that began more than once, and every task that ended, with its stop code and reason."""
    units = Counter(line.split()[1] for line in ran.read_text().splitlines())
    twice = [unit for unit, count in units.items() if count > 1]
    arns = ecs.list_tasks(serviceName="web", desiredStatus="STOPPED")["taskArns"]
    tasks = ecs.describe_tasks(tasks=arns)["tasks"] if arns else []
    lines = [
        f"{t['taskArn'][-32:]} {t['taskDefinitionArn'][-2:]} {t.get('stopCode')}: {t.get('stoppedReason')}; "
        f"{[(c.get('exitCode'), c.get('reason')) for c in t['containers']]}"
        for t in tasks
    ]
    return "\n".join([f"began twice: {twice}", *lines])


def begun(ran: Path, version: str) -> int:
    """How many tasks of that version have begun, ever."""
    return sum(line.startswith(version) for line in ran.read_text().splitlines())
