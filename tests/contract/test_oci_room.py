"""Tasks and instances are held to their sizes as a whole: with a real runtime, in real control groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.contract.test_oci import IMAGE, Tasks, kill_agent, root, survivors
from tests.fault.waiting import until
from windlass.cli.admin_client import AdminClient
from windlass.node.cgroups import parent_group, read_hierarchies
from windlass.node.task_room import Level, settings

__all__ = ["root", "survivors"]
OUT_OF_MEMORY = (137, "OutOfMemoryError: Container killed due to memory usage")


def run(tasks: Tasks, containers: list[dict[str, Any]], **more: Any) -> str:
    """Start a task of these containers, which are deaf to SIGTERM; returns its ARN."""
    shapes = [
        {"image": IMAGE, "memoryReservation": 6, "stopTimeout": 2, **container} for container in containers
    ]
    tasks.ecs.register_task_definition(family="t", containerDefinitions=shapes, **more)
    answer = tasks.ecs.run_task(taskDefinition="t")
    assert answer["failures"] == []
    return str(answer["tasks"][0]["taskArn"])


def sh(script: str, name: str = "main", **more: Any) -> dict[str, Any]:
    return {"name": name, "command": ["sh", "-c", script], **more}


def taking(mebibytes: int) -> str:
    """A command that has so much memory at once; it ends with 0 where it may."""
    return f"exec busybox dd if=/dev/zero of=/dev/null bs={mebibytes}M count=1"


def groups_of(tasks: Tasks, name: str) -> list[Path]:
    """Directories of that task's or instance's group, in all hierarchies."""
    group = parent_group(tasks.plane.data / "agent").lstrip("/")
    return [found for top in read_hierarchies().roots for found in (top / group).rglob(name)]


def assert_held(tasks: Tasks, level: Level) -> None:
    """The group is there, in each hierarchy, with all of its limits."""
    found, host = groups_of(tasks, level.name), read_hierarchies()
    assert len(found) == len(host.roots)
    for setting in settings(level, host.version, host.swap):
        [file] = [group / setting.file for group in found if (group / setting.file).exists()]
        assert file.read_text().strip() == setting.value, setting


def until_gone(tasks: Tasks, *names: str) -> None:
    until(lambda: not [path for name in names for path in groups_of(tasks, name)], f"{names} are gone")


def test_a_task_is_held_to_its_size(survivors: Tasks, tmp_path: Path) -> None:
    """1. One container takes some of the task's memory. 2. The agent is killed, the next one adopts the task.

    3. What another container takes would be allowed by its own limit; together it is too much. 4. The task's
    group goes with it. Alone, the same container gets what it takes.
    """
    tasks = survivors
    (tmp_path / "v").mkdir()
    volumes = [{"name": "v", "host": {"sourcePath": str(tmp_path / "v")}}]
    point = [{"sourceVolume": "v", "containerPath": "/v"}]
    holds = sh(
        "busybox head -c 16777216 /dev/zero > /dev/shm/x; echo > /v/held; exec sleep 600", "holds",
        essential=False, mountPoints=point,
    )  # fmt: skip
    grows = sh(f"until test -e /v/go; do sleep 0.05; done; {taking(28)}", mountPoints=point, cpu=10)
    task = {"cpu": "512", "memory": "40", "volumes": volumes}
    arn = run(tasks, [holds, grows], **task)
    tasks.reach(arn, "RUNNING")
    until((tmp_path / "v" / "held").exists, "memory is held")
    name = arn.rpartition("/")[2]
    assert_held(tasks, Level(name, 512, 40, 512, 0))
    kill_agent(tasks.plane)
    (tmp_path / "v" / "go").touch()
    ended = {container["name"]: container for container in tasks.reach(arn, "STOPPED")["containers"]}
    assert (ended["main"]["exitCode"], ended["main"]["reason"]) == OUT_OF_MEMORY
    assert "reason" not in ended["holds"]
    until_gone(tasks, name)
    [alone] = tasks.reach(run(tasks, [grows], **task), "STOPPED")["containers"]
    assert alone["exitCode"] == 0


@pytest.fixture
def on_an_instance(survivors: Tasks) -> Tasks:
    """The cluster has one instance, of a vCPU and 128 MiB."""
    asked = {"cpu": "1024", "memory": "128", "cluster": "default", "count": "1", "account": survivors.account}
    region = survivors.ecs.meta.region_name
    AdminClient(survivors.plane.endpoint).post("instances/run", region=region, **asked)
    until(lambda: survivors.ecs.list_container_instances()["containerInstanceArns"], "it is registered")
    return survivors


def test_an_instance_is_held_to_its_size(on_an_instance: Tasks) -> None:
    """1. A task without limits of its own takes more than its instance has. 2. Another one runs on.

    3. The instance's group is there as long as one of its tasks is.
    """
    tasks = on_an_instance
    stays = run(tasks, [sh("exec sleep 600")])
    tasks.reach(stays, "RUNNING")
    [instance] = {path.parent.name for path in groups_of(tasks, stays.rpartition("/")[2])}
    assert instance.startswith("instance-i-")
    greedy = run(tasks, [sh(taking(140))])
    [main] = tasks.reach(greedy, "STOPPED")["containers"]
    assert (main["exitCode"], main["reason"]) == OUT_OF_MEMORY
    until_gone(tasks, greedy.rpartition("/")[2])
    assert tasks.show(stays)["lastStatus"] == "RUNNING"
    assert_held(tasks, Level(instance, 1024, 128, 1024))
    tasks.ecs.stop_task(task=stays)
    tasks.reach(stays, "STOPPED")
    until_gone(tasks, instance)
