"""SIGKILL of the plane in the middle of things: what was acknowledged is there, what runs goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.fault.soak import agents_of
from tests.fault.waiting import until
from tests.process import REGION, PlaneProcess
from windlass.node import proc

ACCOUNT = "123456789012"
Make = Callable[..., PlaneProcess]


def a_definition(ecs: Any, family: str, command: list[str]) -> None:
    container = {"name": "main", "image": "host", "memory": 64, "cpu": 1, "command": command}
    ecs.register_task_definition(family=family, containerDefinitions=[container])


def run(ecs: Any, family: str, count: int = 1) -> list[str]:
    answer = ecs.run_task(taskDefinition=family, count=count)
    assert answer["failures"] == []
    return [task["taskArn"] for task in answer["tasks"]]


def statuses(ecs: Any, arns: list[str]) -> list[str]:
    found: list[str] = []
    for start in range(0, len(arns), 100):
        answer = ecs.describe_tasks(tasks=arns[start : start + 100])
        found += [task["lastStatus"] for task in answer["tasks"]]
    return found


def test_running_tasks_go_on_and_their_end_is_known(own_plane: Make, tmp_path: Path) -> None:
    """1. Three tasks run. 2. The plane is killed. 3. One ends. 4. The next plane knows all three."""
    plane = own_plane()
    ecs = plane.client("ecs", ACCOUNT)
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    a_definition(ecs, "waits", ["sh", "-c", f"read line < {gate}; exit 7"])
    a_definition(ecs, "stays", ["sleep", "600"])
    [waits] = run(ecs, "waits")
    stays = run(ecs, "stays", 2)
    until(lambda: set(statuses(ecs, [waits, *stays])) == {"RUNNING"}, "all run")
    plane.kill()
    with gate.open("w") as writer:
        writer.write("go\n")
    plane.start()
    ecs = plane.client("ecs", ACCOUNT)
    until(lambda: statuses(ecs, [waits]) == ["STOPPED"], "the end is known")
    [task] = ecs.describe_tasks(tasks=[waits])["tasks"]
    assert task["containers"][0]["exitCode"] == 7
    assert task["stopCode"] == "EssentialContainerExited"
    assert statuses(ecs, stays) == ["RUNNING", "RUNNING"]
    for arn in stays:
        ecs.stop_task(task=arn)
    until(lambda: set(statuses(ecs, stays)) == {"STOPPED"}, "they stop")
    for task in ecs.describe_tasks(tasks=stays)["tasks"]:
        assert (task["stopCode"], task["containers"][0]["exitCode"]) == ("UserInitiated", 143)


def test_every_acknowledged_message_survives(own_plane: Make) -> None:
    """Four threads send until the kill: what was answered is in the queue, once."""
    plane = own_plane()
    sqs = plane.client("sqs", ACCOUNT)
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    acknowledged: list[str] = []
    enough = threading.Event()

    def send() -> None:
        mine = plane.client("sqs", ACCOUNT)
        try:
            for number in range(100_000):
                acknowledged.append(mine.send_message(QueueUrl=queue, MessageBody=str(number))["MessageId"])
                if len(acknowledged) >= 300:
                    enough.set()
        except (BotoCoreError, ClientError):
            return

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert enough.wait(60)
    port = plane.port
    plane.kill()
    for thread in threads:
        thread.join()
    sqs = plane.start(port).client("sqs", ACCOUNT)
    found: list[str] = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        found += [message["MessageId"] for message in messages]
    assert len(found) == len(set(found))
    assert set(acknowledged) <= set(found)


def test_killed_in_the_middle_of_two_hundred_launches(own_plane: Make) -> None:
    """Every task that RunTask acknowledged ends STOPPED with exit code 0, and none that it did not exists."""
    plane = own_plane()
    ecs = plane.client("ecs", ACCOUNT)
    a_definition(ecs, "quick", ["true"])
    arns = [arn for _ in range(20) for arn in run(ecs, "quick", 10)]
    port = plane.port
    plane.kill()
    plane.start(port)
    ecs = plane.client("ecs", ACCOUNT)
    until(lambda: set(statuses(ecs, arns)) == {"STOPPED"}, "all 200 stopped")
    codes = [
        container.get("exitCode")
        for start in (0, 100)
        for task in ecs.describe_tasks(tasks=arns[start : start + 100])["tasks"]
        for container in task["containers"]
    ]
    assert codes == [0] * 200
    pages = ecs.get_paginator("list_tasks").paginate(desiredStatus="STOPPED")
    assert sorted(arn for page in pages for arn in page["taskArns"]) == sorted(arns)


def test_every_change_of_a_task_is_told(own_plane: Make) -> None:
    """Killed among launches and ends: rules hear of every version of every task all the same."""
    plane = own_plane()
    ecs, events, sqs = (plane.client(name, ACCOUNT) for name in ("ecs", "events", "sqs"))
    url = sqs.create_queue(QueueName="changes")["QueueUrl"]
    pattern = {"source": ["aws.ecs"], "detail-type": ["ECS Task State Change"]}
    events.put_rule(Name="changes", EventPattern=json.dumps(pattern))
    target = {"Id": "1", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:changes"}
    events.put_targets(Rule="changes", Targets=[target])
    a_definition(ecs, "short", ["true"])
    arns = [arn for _ in range(5) for arn in run(ecs, "short", 10)]
    until(lambda: "STOPPED" in statuses(ecs, arns), "some have ended")
    plane.kill()
    plane.start()
    ecs, sqs = plane.client("ecs", ACCOUNT), plane.client("sqs", ACCOUNT)
    until(lambda: set(statuses(ecs, arns)) == {"STOPPED"}, "all have ended")
    tasks = ecs.describe_tasks(tasks=arns)["tasks"]
    wanted = {(task["taskArn"], n + 1) for task in tasks for n in range(task["version"])}
    told: set[tuple[str, int]] = set()

    def all_told() -> bool:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        details = [json.loads(message["Body"])["detail"] for message in answer.get("Messages", ())]
        told.update((detail["taskArn"], detail["version"]) for detail in details)
        return told >= wanted

    until(all_told, "every version is told")
    assert told == wanted


def test_a_task_stopped_just_before_the_kill_stops(own_plane: Make) -> None:
    """StopTask was acknowledged, the plane died: the next one carries it out."""
    plane = own_plane()
    ecs = plane.client("ecs", ACCOUNT)
    a_definition(ecs, "stays", ["sleep", "600"])
    [arn] = run(ecs, "stays")
    until(lambda: statuses(ecs, [arn]) == ["RUNNING"], "it runs")
    ecs.stop_task(task=arn, reason="enough")
    plane.kill()
    plane.start()
    ecs = plane.client("ecs", ACCOUNT)
    until(lambda: statuses(ecs, [arn]) == ["STOPPED"], "it stopped")
    [task] = ecs.describe_tasks(tasks=[arn])["tasks"]
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "enough")


def test_a_directory_copied_from_a_crash_opens(own_plane: Make, tmp_path: Path) -> None:
    """The copy has what was acknowledged; the units of the dead plane's agent are not run a second time."""
    plane = own_plane()
    sqs = plane.client("sqs", ACCOUNT)
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="kept")
    plane.kill()
    shutil.copytree(
        plane.data,
        tmp_path / "copy",
        ignore=lambda directory, names: [n for n in names if n.endswith(".sock") or n == "agent"],
    )
    copy = own_plane(data=tmp_path / "copy")
    sqs = copy.client("sqs", ACCOUNT)
    [message] = sqs.receive_message(QueueUrl=sqs.get_queue_url(QueueName="q")["QueueUrl"])["Messages"]
    assert message["Body"] == "kept"


@pytest.mark.parametrize("operation", ["create_queue", "register", "create_log_group", "create_role"])
def test_writes_of_each_service_survive(own_plane: Make, operation: str) -> None:
    """One write, a kill at once, and it is there."""
    plane = own_plane()
    calls: dict[str, tuple[Callable[[PlaneProcess], Any], Callable[[PlaneProcess], Any]]] = {
        "create_queue": (
            lambda p: p.client("sqs", ACCOUNT).create_queue(QueueName="q"),
            lambda p: p.client("sqs", ACCOUNT).get_queue_url(QueueName="q"),
        ),
        "register": (
            lambda p: a_definition(p.client("ecs", ACCOUNT), "f", ["true"]),
            lambda p: p.client("ecs", ACCOUNT).describe_task_definition(taskDefinition="f"),
        ),
        "create_log_group": (
            lambda p: p.client("logs", ACCOUNT).create_log_group(logGroupName="g"),
            lambda p: p.client("logs", ACCOUNT).describe_log_groups(logGroupNamePrefix="g")["logGroups"][0],
        ),
        "create_role": (
            lambda p: p.client("iam", ACCOUNT).create_role(
                RoleName="r",
                AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow",'
                '"Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}',
            ),
            lambda p: p.client("iam", ACCOUNT).get_role(RoleName="r"),
        ),
    }
    write, read = calls[operation]
    write(plane)
    plane.kill()
    plane.start()
    assert read(plane)


def test_a_clean_stop_right_after_its_agent_was_killed(own_plane: Make, tmp_path: Path) -> None:
    """Stopping ends what runs, also what a killed agent left: the plane starts another one to do it."""
    plane = own_plane()
    ecs = plane.client("ecs", ACCOUNT)
    a_definition(ecs, "stays", ["sh", "-c", f"echo $$ > {tmp_path / 'pid'}; exec sleep 600"])
    stays = run(ecs, "stays")
    until(lambda: statuses(ecs, stays) == ["RUNNING"] and (tmp_path / "pid").exists(), "it runs")
    pid = int(until(lambda: (tmp_path / "pid").read_text(), "its pid"))
    for agent in agents_of(plane.data):
        os.kill(agent, signal.SIGKILL)
    assert plane.stop() == 0
    assert (found := proc.stat(pid)) is None or found.state == "Z"
