"""Tasks that misbehave, on a real plane: what AWS would say of them, and that nothing is left of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fault.waiting import until

Client = Callable[..., Any]


def run_to_end(ecs: Any, command: list[str], **container: Any) -> dict[str, Any]:
    """The task, STOPPED, of one container with that command."""
    main = {"name": "main", "image": "host", "memory": 64, "command": command} | container
    ecs.register_task_definition(family="f", containerDefinitions=[main])
    [task] = ecs.run_task(taskDefinition="f")["tasks"]
    return stopped(ecs, task["taskArn"])


def stopped(ecs: Any, arn: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        [task] = ecs.describe_tasks(tasks=[arn])["tasks"]
        return task if task["lastStatus"] == "STOPPED" else None

    return until(look, f"{arn} stops")


@pytest.mark.parametrize("command", [["no-such-command-anywhere"], ["/etc/passwd"], ["/"]])
def test_a_command_that_does_not_exist(client: Client, command: list[str]) -> None:
    """The task fails to start, with the container's reason and without an exit code."""
    task = run_to_end(client("ecs"), command)
    assert task["stopCode"] == "TaskFailedToStart"
    [container] = task["containers"]
    assert container["reason"].startswith("CannotStartContainerError")
    assert "exitCode" not in container
    assert "startedAt" not in task


def test_a_task_that_ignores_sigterm_is_killed_after_its_stop_timeout(client: Client) -> None:
    """StopTask: SIGTERM, two seconds, SIGKILL: exit code 137."""
    ecs, logs = client("ecs"), client("logs")
    command = ["sh", "-c", 'trap "" TERM; echo deaf; while :; do sleep 0.1; done']
    main = {"name": "main", "image": "host", "memory": 64, "command": command, "stopTimeout": 2}
    ecs.register_task_definition(family="deaf", containerDefinitions=[main])
    [task] = ecs.run_task(taskDefinition="deaf")["tasks"]
    stream = f"ecs/main/{task['taskArn'].rsplit('/', 1)[1]}"

    def deaf() -> bool:
        groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
        if "/ecs/deaf" not in groups:
            return False
        return bool(logs.get_log_events(logGroupName="/ecs/deaf", logStreamName=stream)["events"])

    until(deaf, "it ignores SIGTERM by now")
    ecs.stop_task(task=task["taskArn"])
    ended = stopped(ecs, task["taskArn"])
    assert ended["containers"][0]["exitCode"] == 137
    assert 2 <= (ended["stoppedAt"] - ended["stoppingAt"]).total_seconds() < 10


def test_what_a_task_leaves_behind_is_killed(client: Client, tmp_path: Path) -> None:
    """A daemon that left its session and process group ends with the task."""
    script = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        f"        open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()) + '.')\n"
        "        time.sleep(600)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        f"while not os.path.exists({str(tmp_path / 'pid')!r}): time.sleep(0.01)\n"
    )
    import sys

    task = run_to_end(client("ecs"), [sys.executable, "-c", script])
    assert task["containers"][0]["exitCode"] == 0
    pid = (tmp_path / "pid").read_text().rstrip(".")
    until(lambda: not Path(f"/proc/{pid}").exists(), "the daemon is gone")


def test_a_task_that_prints_megabytes_loses_no_line(client: Client) -> None:
    """20,000 numbered lines, all there and in order."""
    run_to_end(client("ecs"), ["seq", "1", "20000"])
    pages = client("logs").get_paginator("filter_log_events").paginate(logGroupName="/ecs/f")
    assert [event["message"] for page in pages for event in page["events"]] == [
        str(n) for n in range(1, 20_001)
    ]


def test_memory_beyond_the_limit_is_an_oom_kill(client: Client) -> None:
    import sys

    hog = "data = b'x' * (300 * 2**20); import time; time.sleep(600)"
    task = run_to_end(client("ecs"), [sys.executable, "-c", hog])
    [container] = task["containers"]
    assert container["exitCode"] == 137
    assert container["reason"] == "OutOfMemoryError: Container killed due to memory usage"


def test_two_hundred_tasks_at_once(client: Client) -> None:
    """All run, all end with 0, none is lost or doubled."""
    ecs = client("ecs")
    main = {"name": "main", "image": "host", "memory": 16, "command": ["true"]}
    ecs.register_task_definition(family="many", containerDefinitions=[main])
    arns = [
        task["taskArn"] for _ in range(20) for task in ecs.run_task(taskDefinition="many", count=10)["tasks"]
    ]
    assert len(set(arns)) == 200

    def ended() -> list[dict[str, Any]] | None:
        tasks = [
            t for start in (0, 100) for t in ecs.describe_tasks(tasks=arns[start : start + 100])["tasks"]
        ]
        return tasks if all(task["lastStatus"] == "STOPPED" for task in tasks) else None

    codes = [
        container["exitCode"] for task in until(ended, "all 200 stop") for container in task["containers"]
    ]
    assert codes == [0] * 200
