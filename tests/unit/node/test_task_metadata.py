"""The metadata documents and statistics: pure shapes, and samples of a real process."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.fault.waiting import until
from windlass.fleet.messages import ContainerSpec, HealthCheck, LogTarget, RestartPolicy, UnitSpec, Want
from windlass.fleet.task_messages import TaskFacts
from windlass.kernel.clock import SECOND
from windlass.node import held as moves
from windlass.node.task_metadata import container, task, task_with_tags
from windlass.node.task_stats import Sample, TaskStats, shown

NOW = 1_800_000_000 * SECOND
APP = ContainerSpec(
    "app",
    image="busybox",
    memory_mib=64,
    cpu_units=10,
    log=LogTarget("1", "eu-west-1", "/ecs/f", "ecs/app/t1"),
    health_check=HealthCheck(("true",)),
    restart_policy=RestartPolicy(attempt_period_s=0.0),
    arn="arn:app",
    runtime_id="t1-0123456789",
    labels=(("team", "blue"),),
)
FACTS = TaskFacts("arn:t1", "default", "f", 7, "EC2", "family:f", "", 512, 0, 0, (("colour", "blue"),))
HELD = moves.fresh(UnitSpec("t1", "task", (APP, ContainerSpec("side", runtime_id="t1-9"))))


def test_a_container_before_it_runs() -> None:
    """What is not known yet is left out."""
    shown = container(HELD, FACTS, "side")
    assert (shown["KnownStatus"], shown["DesiredStatus"], shown["Limits"]) == ("NONE", "RUNNING", {"CPU": 2})
    absent = {"CreatedAt", "StartedAt", "FinishedAt", "ExitCode", "LogDriver", "Health", "RestartCount"}
    assert not absent & set(shown)


def test_a_container_that_was_started_again_and_checked() -> None:
    """Everything: health with its instant, the number of restarts, the last start, labels, log options."""
    held = moves.started(moves.asked(HELD, "app"), "app", 42, NOW)
    held = moves.started(moves.asked(moves.restarting(held, "app", 3), "app"), "app", 43, NOW + 5 * SECOND)
    held = moves.checked(moves.checking(held, "app", NOW + 9 * SECOND), "app", 0, NOW + 10 * SECOND)
    shown = container(held, FACTS, "app")
    assert shown["Health"] == {
        "status": "HEALTHY",
        "statusSince": "2027-01-15T08:00:10.000000000Z",
        "exitCode": 0,
    }
    assert (shown["RestartCount"], shown["CreatedAt"], shown["StartedAt"]) == (
        1,
        "2027-01-15T08:00:00.000000000Z",
        "2027-01-15T08:00:05.000000000Z",
    )
    assert shown["DockerName"] == "ecs-f-7-app-0123456789"
    assert (
        container(held, msgspec.structs.replace(FACTS, launch_type="FARGATE"), "app")["DockerName"] == "app"
    )
    assert shown["Labels"]["com.amazonaws.ecs.task-definition-version"] == "7"
    assert shown["LogOptions"]["awslogs-stream"] == "ecs/app/t1"


def test_a_task() -> None:
    """Its own limits where it has some, its tags only when asked for, STOPPED as desired once it ends."""
    document = task(HELD, FACTS)
    assert (document["Limits"], document["Revision"]) == ({"CPU": 0.5}, "7")
    assert "Limits" not in task(HELD, msgspec.structs.replace(FACTS, cpu_units=0))
    assert "ServiceName" not in document
    assert task(HELD, msgspec.structs.replace(FACTS, service="web"))["ServiceName"] == "web"
    assert "TaskTags" not in document and task_with_tags(HELD, FACTS)["TaskTags"] == {"colour": "blue"}
    ending = moves.observe(Want(HELD.spec, run=False), HELD, NOW)
    assert task(ending, FACTS)["DesiredStatus"] == "STOPPED"


def test_statistics_in_dockers_shape() -> None:
    """Totals, and those of the sample before; the first has none."""
    before = Sample(NOW, user=5, kernel=2, host=100, memory=2**20, processes=1)
    sample = replace(before, at=NOW + SECOND, user=9, host=300)
    first = shown(APP, before, None, limit=2**30, cpus=4)
    assert first["precpu_stats"]["cpu_usage"]["total_usage"] == 0
    then = shown(APP, sample, before, limit=2**30, cpus=4)
    assert then["cpu_stats"] == {
        "cpu_usage": {"total_usage": 11, "usage_in_kernelmode": 2, "usage_in_usermode": 9},
        "system_cpu_usage": 300,
        "online_cpus": 4,
    }
    assert then["precpu_stats"] == first["cpu_stats"] and then["preread"] == first["read"]
    assert then["memory_stats"] == {"usage": 2**20, "limit": 2**30, "stats": {"rss": 2**20}}


class Steps:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> int:
        return self.time

    async def sleep_until(self, at: int) -> None:
        raise AssertionError


@pytest.fixture
def session() -> Iterator[int]:
    """The pid of a process that leads a session and has a child there, as a keeper and its container.

    Not the tests' own session: in a pid namespace its leader may be outside, and its id is then 0.
    """
    script = "sleep 60 & echo $!; wait"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, start_new_session=True) as leader:
        assert leader.stdout is not None
        comm = Path(f"/proc/{int(leader.stdout.readline())}/comm")
        until(lambda: comm.read_text() == "sleep\n", "the child is there")  # amid exec it has no memory
        yield leader.pid
        os.killpg(leader.pid, signal.SIGKILL)


def test_one_walk_serves_for_a_second(session: int) -> None:
    """1. A sample. 2. Within a second it is the same. 3. Afterwards a new one, with the old before it."""
    walks: list[int] = []
    clock = Steps()

    def leaders() -> set[int]:
        walks.append(clock.time)
        return {session}

    stats = TaskStats(clock, leaders)
    first = stats.of(APP, session)
    assert first is not None and first["memory_stats"]["usage"] > 0 and first["pids_stats"]["current"] > 0
    clock.time += SECOND - 1
    assert stats.of(APP, session) == first
    clock.time += 1
    then = stats.of(APP, session)
    assert then is not None and then["precpu_stats"] == first["cpu_stats"]
    assert walks == [NOW, NOW + SECOND]
    assert stats.of(APP, 0) is None
