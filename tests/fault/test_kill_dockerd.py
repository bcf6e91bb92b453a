"""SIGKILL of the Docker daemon, and of agents beside it: what ended is known, what runs goes on."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.test_oci import Tasks, windlass
from tests.dockerd import Dockerd, a_dockerd
from tests.fault.waiting import until
from tests.image_build import busybox_root
from tests.process import PlaneProcess
from windlass.node import proc

Make = Callable[..., PlaneProcess]
COUNTS = "trap 'exit 3' TERM; i=0; while true; do i=$((i+1)); echo $i; sleep 0.02; done"
TICKS_AWAY_MAX = 150
"""CPU time of the agent, in hundredths of a second, while its daemon is away for some seconds."""


@pytest.fixture
def dockerd(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Dockerd]:
    root = busybox_root(tmp_path / "root")
    with a_dockerd(*getattr(request, "param", ())) as daemon:
        daemon.add_image(root)
        monkeypatch.setenv("DOCKER_HOST", daemon.host)
        monkeypatch.setenv("ECS_IMAGE_PULL_BEHAVIOR", "prefer-cached")
        yield daemon


def agent_of(plane: PlaneProcess) -> int:
    return int((plane.data / "agent" / "agent.pid").read_text())


def used(pid: int) -> int:
    stat = proc.stat(pid)
    assert stat is not None
    return stat.user_ticks + stat.kernel_ticks


def counted(tasks: Tasks, arn: str) -> list[int]:
    """All that a task wrote, as numbers."""
    logs: Any = tasks.plane.client("logs", tasks.account)
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName="/ecs/t", logStreamNames=[f"ecs/main/{arn.rsplit('/', 1)[1]}"]
    )
    try:
        return [int(event["message"]) for page in pages for event in page["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return []


def in_order(numbers: list[int]) -> bool:
    """Every line once, none missing."""
    return numbers == list(range(1, len(numbers) + 1))


def test_a_daemon_that_is_killed(dockerd: Dockerd, own_plane: Make, account: str, tmp_path: Path) -> None:
    """1. Two tasks run, the daemon is killed. 2. One task ends. 3. The daemon is back, and ends the other.

    Both ends are known with their exit codes; the agent is the same and runs the next task.
    """
    plane = own_plane("--runner", "docker")
    tasks = Tasks(plane, account)
    (tmp_path / "v").mkdir()
    volumes = ({"name": "v", "host": {"sourcePath": str(tmp_path / "v")}},)
    points = [{"sourceVolume": "v", "containerPath": "/v"}]
    script = "echo 1; while ! test -e /v/go; do sleep 0.05; done; echo > /v/over; exit 5"
    ends = tasks.start(volumes, command=["sh", "-c", script], mountPoints=points)
    counts = tasks.start(command=["sh", "-c", COUNTS])
    for arn in (ends, counts):
        tasks.reach(arn, "RUNNING")
    until(lambda: len(counted(tasks, counts)) > 5 and counted(tasks, ends) == [1], "output")
    agent = agent_of(plane)
    dockerd.kill()
    before = used(agent)
    (tmp_path / "v" / "go").touch()
    until((tmp_path / "v" / "over").exists, "one ends by itself")
    until(
        lambda: "is away" in (plane.data / "agent" / "agent.log").read_text(), "the agent misses the daemon"
    )
    assert tasks.show(ends)["lastStatus"] == "RUNNING", "nobody can know yet"
    assert used(agent) - before < TICKS_AWAY_MAX, "it does not spin"
    dockerd.start()
    assert tasks.reach(ends, "STOPPED")["containers"][0]["exitCode"] == 5
    assert tasks.reach(counts, "STOPPED")["containers"][0]["exitCode"] == 3
    assert counted(tasks, ends) == [1]
    assert in_order(counted(tasks, counts))
    assert tasks.run("exit 4")[0] == 4
    assert agent_of(plane) == agent


@pytest.mark.parametrize("dockerd", [("--live-restore",)], indirect=True)
def test_a_daemon_that_leaves_its_containers(dockerd: Dockerd, own_plane: Make, account: str) -> None:
    """With live-restore: 1. The daemon is killed; two tasks write on, one is to stop. 2. Back, it stops it.

    No line is lost, none comes twice.
    """
    tasks = Tasks(own_plane("--runner", "docker"), account)
    counts = tasks.start(command=["sh", "-c", COUNTS])
    stays = tasks.start(command=["sh", "-c", COUNTS])
    for arn in (counts, stays):
        tasks.reach(arn, "RUNNING")
        until(lambda arn=arn: len(counted(tasks, arn)) > 5, "output")  # type: ignore[misc]
    dockerd.kill()
    seen = len(counted(tasks, stays))
    tasks.ecs.stop_task(task=counts)
    dockerd.start()
    assert tasks.reach(counts, "STOPPED")["containers"][0]["exitCode"] == 3
    until(lambda: len(counted(tasks, stays)) > seen + 50, "it writes on")
    assert tasks.show(stays)["lastStatus"] == "RUNNING"
    tasks.ecs.stop_task(task=stays)
    tasks.reach(stays, "STOPPED")
    assert in_order(counted(tasks, counts))
    assert in_order(counted(tasks, stays))


def test_a_daemon_that_is_away_at_a_start(dockerd: Dockerd, own_plane: Make, account: str) -> None:
    """A task that is asked for meanwhile runs when the daemon is back."""
    plane = own_plane("--runner", "docker")
    tasks = Tasks(plane, account)
    assert tasks.run("exit 0")[0] == 0
    dockerd.kill()
    arn = tasks.start(command=["sh", "-c", "exit 6"])
    until(
        lambda: "is away" in (plane.data / "agent" / "agent.log").read_text(), "the agent misses the daemon"
    )
    dockerd.start()
    assert tasks.reach(arn, "STOPPED")["containers"][0]["exitCode"] == 6


def test_a_killed_agent(dockerd: Dockerd, own_plane: Make, account: str, tmp_path: Path) -> None:
    """1. Two tasks run, the agent is killed. 2. One ends. 3. The next agent knows how; the other goes on.

    What was made in Docker goes with its task, whichever agent made it.
    """
    plane = own_plane("--runner", "docker")
    tasks = Tasks(plane, account)
    (tmp_path / "v").mkdir()
    volumes = ({"name": "v", "host": {"sourcePath": str(tmp_path / "v")}}, {"name": "own"})
    points = [{"sourceVolume": "v", "containerPath": "/v"}, {"sourceVolume": "own", "containerPath": "/own"}]
    script = "while ! test -e /v/go; do sleep 0.05; done; echo 1; exit 5"
    ends = tasks.start(volumes, command=["sh", "-c", script], mountPoints=points)
    counts = tasks.start(command=["sh", "-c", COUNTS])
    for arn in (ends, counts):
        tasks.reach(arn, "RUNNING")
    until(lambda: len(counted(tasks, counts)) > 5, "output")
    agent = agent_of(plane)
    os.kill(agent, signal.SIGKILL)
    (tmp_path / "v" / "go").touch()
    ended = tasks.reach(ends, "STOPPED")
    assert agent_of(plane) != agent
    assert (ended["containers"][0]["exitCode"], ended["stopCode"]) == (5, "EssentialContainerExited")
    assert counted(tasks, ends) == [1]
    seen = len(counted(tasks, counts))
    until(lambda: len(counted(tasks, counts)) > seen + 20, "it writes on")
    tasks.ecs.stop_task(task=counts)
    assert tasks.reach(counts, "STOPPED")["containers"][0]["exitCode"] == 3
    numbers = counted(tasks, counts)
    assert set(numbers) == set(range(1, max(numbers) + 1)), (
        "no line is lost; those of the last second may be doubled"
    )
    until(lambda: not dockerd.containers() and not dockerd.volumes(), "nothing is left in Docker")


def test_what_nobody_will_look_after(dockerd: Dockerd, own_plane: Make, account: str, tmp_path: Path) -> None:
    """Plane and agent are killed: `agent doctor` removes the container, and only now that both are dead."""
    plane = own_plane("--runner", "docker")
    tasks = Tasks(plane, account)
    arn = tasks.start(({"name": "own"},), command=["sleep", "600"],
                      mountPoints=[{"sourceVolume": "own", "containerPath": "/own"}])  # fmt: skip
    tasks.reach(arn, "RUNNING")
    assert (
        json.loads(windlass("agent", "doctor", "--json", "--data", str(plane.data)).stdout)["leftovers"] == []
    )
    agent = agent_of(plane)
    plane.kill()
    os.kill(agent, signal.SIGKILL)
    until(lambda: proc.stat(agent) is None or proc.stat(agent).state == "Z", "the agent is dead")  # type: ignore[union-attr]
    assert len(dockerd.containers()) >= 1
    done = windlass("agent", "doctor", "--json", "--data", str(plane.data))
    assert done.returncode == 0, done.stdout
    assert {left["why"] for left in json.loads(done.stdout)["leftovers"]} == {
        "neither its agent nor its plane runs"
    }
    assert (dockerd.containers(), dockerd.volumes()) == ([], [])
