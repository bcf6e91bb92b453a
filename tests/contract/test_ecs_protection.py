"""Scale-in protection with a real service: a worker protects itself, and outlives the scale-in."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fault.waiting import until

Client = Callable[..., Any]
WORKER = """
import json, os, pathlib, sys, time, urllib.request
state = os.environ["ECS_AGENT_URI"] + "/task-protection/v1/state"
me = os.environ["ECS_CONTAINER_METADATA_URI_V4"] + "/task"
desk = pathlib.Path(sys.argv[1]) / json.load(urllib.request.urlopen(me))["TaskARN"].rpartition("/")[2]
while True:
    if desk.with_suffix(".put").exists():
        body = desk.with_suffix(".put").read_bytes()
        desk.with_suffix(".put").unlink()
        with urllib.request.urlopen(urllib.request.Request(state, body, method="PUT")) as answer:
            desk.with_suffix(".new").write_bytes(answer.read())
        desk.with_suffix(".new").rename(desk.with_suffix(".said"))
    time.sleep(0.05)
"""


def test_a_worker_protects_itself(client: Client, account: str, tmp_path: Path) -> None:
    """1. One of two workers asks for protection. 2. Scaled to nothing, it alone stays, and events say why.

    3. A deployment that waits for it gives it no more time. 4. It gives its protection up, and is stopped.
    """
    ecs = client("ecs")
    worker = {
        "name": "app",
        "image": "python",
        "memory": 64,
        "command": [sys.executable, "-c", WORKER, str(tmp_path)],
    }
    ecs.register_task_definition(
        family="worker", containerDefinitions=[worker], taskRoleArn=f"arn:aws:iam::{account}:role/worker"
    )
    ecs.create_service(serviceName="work", taskDefinition="worker", desiredCount=2)

    def running() -> list[str]:
        return sorted(ecs.list_tasks(serviceName="work")["taskArns"])

    def service() -> dict[str, Any]:
        return dict(ecs.describe_services(services=["work"])["services"][0])

    until(lambda: service()["runningCount"] == 2, "two workers")
    busy, idle = running()

    desk = tmp_path / busy.rpartition("/")[2]

    def tell(**wanted: Any) -> None:
        desk.with_suffix(".wanted").write_text(json.dumps(wanted))
        desk.with_suffix(".wanted").rename(desk.with_suffix(".put"))

    def asks(**wanted: Any) -> dict[str, Any]:
        desk.with_suffix(".said").unlink(missing_ok=True)
        tell(**wanted)
        until(desk.with_suffix(".said").exists, "the endpoint's answer")
        return dict(json.loads(desk.with_suffix(".said").read_text()))

    said = asks(ProtectionEnabled=True, ExpiresInMinutes=60)["protection"]
    assert (said["TaskArn"], said["ProtectionEnabled"]) == (busy, True)
    [shown, other] = ecs.get_task_protection(cluster="default", tasks=[busy, idle])["protectedTasks"]
    assert (shown["protectionEnabled"], other["protectionEnabled"]) == (True, False)
    assert f"{shown['expirationDate']:%Y-%m-%dT%H:%M}"[-2:] == said["ExpirationDate"][14:16]

    ecs.update_service(service="work", desiredCount=0)
    until(lambda: running() == [busy], "the idle worker's end")
    why = "The number of protected tasks are more than the desired count of tasks"
    until(lambda: any(why in event["message"] for event in service()["events"]), "the service's word on it")

    ecs.update_service(service="work", desiredCount=1, forceNewDeployment=True)
    until(lambda: service()["runningCount"] == 2, "the new deployment's worker")
    failure = {"Arn": busy, "Reason": "DEPLOYMENT_BLOCKED", "Detail": None}
    assert asks(ProtectionEnabled=True) == {"failure": failure}
    tell(ProtectionEnabled=False)  # it may be stopped before it reads the answer
    until(lambda: busy not in running(), "its replacement")
    ecs.delete_service(service="work", force=True)
