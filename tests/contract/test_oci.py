"""Tasks in containers, made by a real OCI runtime from real images. Needs root and crun: setup-system."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fault.soak import agents_of
from tests.fault.waiting import until
from tests.image_build import busybox_root, config_of, saved
from tests.process import PlaneProcess
from tests.unit.node.fake_plane import a_want
from tests.unit.node.test_main import Site, at_site
from windlass.fleet.messages import (
    ContainerSpec,
    ContainerState,
    HealthCheck,
    Mount,
    RestartPolicy,
    Shutdown,
)
from windlass.node import proc
from windlass.node.cgroups import parent_group, read_hierarchies
from windlass.node.images import sources

IMAGE = "busybox:1"


def windlass(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "windlass", *words], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return busybox_root(tmp_path_factory.mktemp("root") / "root")


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[PlaneProcess]:
    """A plane with the oci runner; leaves no cgroup, mount, bundle or state behind."""
    data = tmp_path_factory.mktemp("oci") / "data"
    done = windlass("image", "import", str(root), "--name", IMAGE, "--data", str(data))
    assert done.returncode == 0, done.stderr
    running = PlaneProcess(data, "--runner", "oci").start()
    group = parent_group(data / "agent")
    yield running
    assert running.stop() == 0, running.errors.read_text()[-3000:]
    assert list((data / "agent" / "oci" / "units").iterdir()) == []
    assert list((data / "agent" / "oci" / "state").iterdir()) == []
    assert not [top for top in read_hierarchies().roots if (top / group.lstrip("/")).exists()]
    assert str(data) not in Path("/proc/mounts").read_text()


class Tasks:
    """Runs one-container tasks and waits for them."""

    def __init__(self, plane: PlaneProcess, account: str) -> None:
        self.plane, self.account = plane, account
        self.ecs: Any = plane.client("ecs", account)
        self.ecs.create_cluster()

    def start(self, volumes: tuple[Any, ...] = (), **container: Any) -> str:
        shape = {"name": "main", "image": IMAGE, "memory": 64, **container}
        self.ecs.register_task_definition(family="t", containerDefinitions=[shape], volumes=list(volumes))
        return str(self.ecs.run_task(taskDefinition="t")["tasks"][0]["taskArn"])

    def show(self, arn: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ecs.describe_tasks(tasks=[arn])["tasks"][0]
        return found

    def reach(self, arn: str, status: str) -> dict[str, Any]:
        until(lambda: self.show(arn)["lastStatus"] == status, f"the task is {status}")
        return self.show(arn)

    def run(self, script: str = "", **container: Any) -> tuple[int | None, str, list[str]]:
        """(exit code, reason, lines) of `sh -c script`, or of what `container` says."""
        command = {"command": ["sh", "-c", script]} if script else {}
        arn = self.start(**{**command, **container})
        main = self.reach(arn, "STOPPED")["containers"][0]
        return main.get("exitCode"), main.get("reason", ""), self.lines(arn)

    def fails_to_start(self, reason: str, **container: Any) -> None:
        """The task stops as TaskFailedToStart, for a reason that begins like this."""
        task = self.reach(self.start(**container), "STOPPED")
        assert task["stopCode"] == "TaskFailedToStart"
        assert task["containers"][0]["reason"].startswith(reason)
        assert "exitCode" not in task["containers"][0]

    def lines(self, arn: str) -> list[str]:
        logs: Any = self.plane.client("logs", self.account)
        try:
            found = logs.get_log_events(
                logGroupName="/ecs/t", logStreamName=f"ecs/main/{arn.rsplit('/', 1)[1]}", startFromHead=True
            )
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in found["events"]]


@pytest.fixture
def tasks(plane: PlaneProcess, account: str) -> Tasks:
    return Tasks(plane, account)


def test_a_container_is_a_world_of_its_own(tasks: Tasks) -> None:
    """Its files, processes and hostname's namespace are its own; output and exit code come back."""
    code, _, lines = tasks.run("echo $$; ls /; id; pwd; exit 7")
    assert code == 7
    assert lines[0] == "1", "the first process of its own"
    assert lines[1:-2] == ["bin", "dev", "etc", "proc", "sys"]
    assert lines[-2:] == ["uid=0(root) gid=0(root)", "/"]


def test_nothing_of_one_container_is_seen_by_the_next(tasks: Tasks) -> None:
    """Layers are shared, what is written is not."""
    assert tasks.run("echo x > /bin/mine; ls /bin/mine")[0] == 0
    assert tasks.run("ls /bin/mine")[0] != 0


@pytest.mark.parametrize(
    ("container", "reason"),
    [
        ({"image": "127.0.0.1:1/python:3"}, 'CannotPullContainerError: Get "http://127.0.0.1:1/v2/python/man'),
        ({"image": "No Name"}, "CannotPullContainerError: invalid image reference 'No Name'"),
        ({"command": ["nosuch"]}, "CannotStartContainerError: executable file `nosuch` not found in $PATH"),
        ({"command": ["/etc/passwd"]}, "CannotStartContainerError: "),
        ({}, "CannotStartContainerError: no command specified, and the image has none"),
        ({"command": ["a\0b"]}, "CannotStartContainerError: a NUL character in the command"),
        ({"command": ["true"], "workingDirectory": "/a\0b"}, "CannotStartContainerError: "),
        ({"command": ["true"], "user": "nobody"}, "CannotStartContainerError: unable to find user nobody"),
    ],
)  # fmt: skip
def test_what_cannot_start(tasks: Tasks, container: dict[str, Any], reason: str) -> None:
    """The task stops as TaskFailedToStart; its container says why."""
    tasks.fails_to_start(reason, **container)


def test_users_of_the_image(tasks: Tasks) -> None:
    assert tasks.run("id; echo $HOME", user="app")[2] == [
        "uid=1001(app) gid=1002(app) groups=1003(extra)", "/srv",
    ]  # fmt: skip
    assert tasks.run("id -u; id -g", user="77:88")[2] == ["77", "88"]


def test_memory(tasks: Tasks) -> None:
    """A container that takes more than it may is killed, and the reason is AWS's."""
    code, reason, lines = tasks.run("echo begin; x=0123456789abcdef; while true; do x=$x$x; done")
    assert (code, reason) == (137, "OutOfMemoryError: Container killed due to memory usage")
    assert lines == ["begin"]


def test_confinement(tasks: Tasks) -> None:
    """Mounting and new user namespaces are refused; a read-only root is read-only; tmpfs is not."""
    code, _, lines = tasks.run("mount -t tmpfs none /etc || unshare -U true || echo kept")
    assert code == 0
    assert "kept" in lines
    linux = {"tmpfs": [{"containerPath": "/run", "size": 1}]}
    script = "echo x > /run/file && cat /run/file; echo x > /file || echo refused"
    found = tasks.run(script, readonlyRootFilesystem=True, linuxParameters=linux)
    assert {"x", "refused"} <= set(found[2])


def test_volumes(tasks: Tasks, tmp_path: Path) -> None:
    """A host directory, to be written and to be read only."""
    (tmp_path / "in").write_text("hello\n")
    volumes = ({"name": "here", "host": {"sourcePath": str(tmp_path)}},)
    points = [
        {"sourceVolume": "here", "containerPath": "/rw"},
        {"sourceVolume": "here", "containerPath": "/ro", "readOnly": True},
    ]
    script = "cat /ro/in > /rw/out; echo no > /ro/never"
    code, _, lines = tasks.run(script, volumes=volumes, mountPoints=points)
    assert code == 1
    assert "Read-only" in lines[-1]
    assert (tmp_path / "out").read_text() == "hello\n"
    assert not (tmp_path / "never").exists()


def test_a_volume_that_no_file_system_takes(tasks: Tasks) -> None:
    """The container fails to start; the agent goes on."""
    volumes = ({"name": "bad", "host": {"sourcePath": "/tmp/a\0b"}},)
    arn = tasks.start(volumes, command=["true"], mountPoints=[{"sourceVolume": "bad", "containerPath": "/v"}])
    ended = tasks.reach(arn, "STOPPED")["containers"][0]
    assert ended["reason"].startswith("CannotStartContainerError: ")
    assert tasks.run("exit 2")[0] == 2


def test_containers_share_the_tasks_volume(plane: PlaneProcess, account: str) -> None:
    """A volume without a host path is the task's: one container writes, the next one reads."""
    ecs: Any = plane.client("ecs", account)
    ecs.create_cluster()
    point = [{"sourceVolume": "shared", "containerPath": "/v"}]
    first = {"name": "first", "image": IMAGE, "memory": 32, "essential": False, "mountPoints": point,
             "command": ["sh", "-c", "echo 5 > /v/code"]}  # fmt: skip
    second = {"name": "second", "image": IMAGE, "memory": 32, "mountPoints": point,
              "dependsOn": [{"containerName": "first", "condition": "SUCCESS"}],
              "command": ["sh", "-c", "exit $(cat /v/code)"]}  # fmt: skip
    ecs.register_task_definition(
        family="v", containerDefinitions=[first, second], volumes=[{"name": "shared"}]
    )
    arn = ecs.run_task(taskDefinition="v")["tasks"][0]["taskArn"]
    until(lambda: ecs.describe_tasks(tasks=[arn])["tasks"][0]["lastStatus"] == "STOPPED", "it ends")
    ended = {c["name"]: c["exitCode"] for c in ecs.describe_tasks(tasks=[arn])["tasks"][0]["containers"]}
    assert ended == {"first": 0, "second": 5}


@pytest.mark.parametrize(("trap", "code"), [("trap 'exit 4' TERM; ", 4), ("trap '' TERM; ", 137)])
def test_stopping(tasks: Tasks, trap: str, code: int) -> None:
    """SIGTERM, and SIGKILL when that does not help."""
    arn = tasks.start(
        command=["sh", "-c", f"{trap}echo ready; while true; do sleep 0.05; done"], stopTimeout=1
    )
    tasks.reach(arn, "RUNNING")
    until(lambda: tasks.lines(arn) == ["ready"], "its output")
    tasks.ecs.stop_task(task=arn)
    assert tasks.reach(arn, "STOPPED")["containers"][0]["exitCode"] == code


def test_health_checks_in_the_container(tasks: Tasks) -> None:
    """The check is a process of the container: its user, environment, directory and files."""
    check = {"command": ["CMD-SHELL", "test $A$(id -u)$(pwd) = 177/etc && test ! -e /tmp/ill"], "interval": 5}
    arn = tasks.start(
        command=["sleep", "600"], user="77:88", workingDirectory="/etc", healthCheck=check, stopTimeout=1,
        environment=[{"name": "A", "value": "1"}],
    )  # fmt: skip
    until(lambda: tasks.show(arn)["healthStatus"] == "HEALTHY", "it is healthy")
    tasks.ecs.stop_task(task=arn)
    assert tasks.reach(arn, "STOPPED")["containers"][0]["exitCode"] == 137


@pytest.mark.parametrize("command", [["CMD", "nosuch"], ["CMD", "sleep", "600"], ["CMD", "false"]])
def test_checks_that_fail(tasks: Tasks, command: list[str]) -> None:
    """Unhealthy is whoever has no such command, whoever takes too long, and whoever says so; all can end."""
    check = {"command": command, "interval": 5, "timeout": 2, "retries": 1}
    script = "trap 'exit 4' TERM; while true; do sleep 0.05; done"
    arn = tasks.start(command=["sh", "-c", script], healthCheck=check)
    until(lambda: tasks.show(arn)["healthStatus"] == "UNHEALTHY", "it is unhealthy")
    tasks.ecs.stop_task(task=arn)
    assert tasks.reach(arn, "STOPPED")["containers"][0]["exitCode"] == 4


def test_a_container_starts_again(root: Path, tmp_path: Path) -> None:
    """1. It exits: started again, its volumes as they were. 2. The third run stays, and is found HEALTHY."""
    done = windlass("image", "import", str(root), "--name", IMAGE, "--data", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (tmp_path / "v").mkdir()
    unit_id = f"u1-{os.getpid()}"
    again = ContainerSpec(
        "main",
        image=IMAGE,
        command=("sh", "-c", 'echo -n x >> /v/runs; test "$(cat /v/runs)" = xxx && exec sleep 600; exit 1'),
        mounts=(Mount("host", str(tmp_path / "v"), "/v"),),
        restart_policy=RestartPolicy((0,), attempt_period_s=0.0),
        health_check=HealthCheck(("ls", "/v/runs"), interval_s=0.05, retries=1),
    )

    async def body(site: Site) -> None:
        await site.ensure("oci")
        plane = await site.plane()
        await plane.welcome()
        await plane.desire(1, a_want(unit_id, again))

        def seen() -> tuple[int, str]:
            [main] = (
                plane.units[unit_id].containers
                if unit_id in plane.units
                else (ContainerState("main", "pending"),)
            )
            return main.restart_count, main.health

        await plane.until(lambda: seen() == (2, "HEALTHY"))
        await plane.send(Shutdown())
        await plane.until_status(unit_id, "stopped")
        await plane.until_end()
        assert await site.exit() == 0

    at_site(tmp_path, body)


def test_an_images_own_settings(plane: PlaneProcess, tasks: Tasks, root: Path, tmp_path: Path) -> None:
    """ENTRYPOINT, CMD, ENV, WORKDIR and USER of a docker save archive."""
    sources.pack(root, tmp_path / "layer.tar")
    layer = (tmp_path / "layer.tar").read_bytes()
    run = {"Entrypoint": ["sh", "-c"], "Cmd": ["echo $A; pwd; id -u"], "Env": ["A=1"], "WorkingDir": "/etc",
           "User": "app"}  # fmt: skip
    archive = saved(tmp_path / "a.tar", [layer], ["team/app:1"], config_of([layer], **run))
    done = windlass("image", "import", str(archive), "--data", str(plane.data))
    assert done.returncode == 0, done.stderr
    assert tasks.run(image="team/app:1")[2] == ["1", "/etc", "1001"]
    listed = json.loads(windlass("image", "ls", "--json", "--data", str(plane.data)).stdout)
    assert {image["name"] for image in listed} >= {IMAGE, "team/app:1"}
    assert windlass("image", "rm", "team/app:1", "--data", str(plane.data)).returncode == 0
    assert tasks.run(image="team/app:1")[1].startswith("CannotPullContainerError")


def test_status_tells_the_runner(plane: PlaneProcess) -> None:
    found = json.loads(windlass("status", "--json", "--endpoint", plane.endpoint).stdout)
    assert found["runner"] == "oci"


def kill_agent(plane: PlaneProcess) -> None:
    os.kill(int((plane.data / "agent" / "agent.pid").read_text()), signal.SIGKILL)


@pytest.fixture
def survivors(
    own_plane: Callable[..., PlaneProcess], root: Path, tmp_path: Path, account: str
) -> Iterator[Tasks]:
    """A plane whose agent may be killed; it leaves nothing behind."""
    data = tmp_path / "data"
    assert windlass("image", "import", str(root), "--name", IMAGE, "--data", str(data)).returncode == 0
    plane = own_plane("--runner", "oci", data=data)
    group = parent_group(data / "agent")
    yield Tasks(plane, account)
    assert plane.stop() == 0
    plane.start()
    assert plane.stop() == 0
    assert list((data / "agent" / "oci" / "units").iterdir()) == []
    assert list((data / "agent" / "oci" / "state").iterdir()) == []
    assert not [top for top in read_hierarchies().roots if (top / group.lstrip("/")).exists()]
    plane.start()  # own_plane stops it


def test_containers_outlive_their_agent(survivors: Tasks, tmp_path: Path) -> None:
    """Three run, their agent is killed: one ends, one takes too much memory, one stays; all is known."""
    tasks = survivors
    (tmp_path / "v").mkdir()
    volumes = ({"name": "v", "host": {"sourcePath": str(tmp_path / "v")}},)
    point = [{"sourceVolume": "v", "containerPath": "/v"}]
    wait = "echo before; until test -e /v/go; do sleep 0.05; done; "

    def started(script: str, **more: Any) -> str:
        arn = tasks.start(volumes, command=["sh", "-c", script], mountPoints=point, **more)
        tasks.reach(arn, "RUNNING")
        until(lambda: tasks.lines(arn) == ["before"], "its first line")
        return arn

    ends = started(f"{wait}echo after; exit 7")
    hungry = started(f"{wait}x=0123456789abcdef; while true; do x=$x$x; done")
    stays = started("trap 'echo told; exit 4' TERM; echo before; while true; do sleep 0.05; done")
    kill_agent(tasks.plane)
    (tmp_path / "v" / "go").touch()
    ended = tasks.reach(ends, "STOPPED")
    assert (ended["stopCode"], ended["containers"][0]["exitCode"]) == ("EssentialContainerExited", 7)
    until(lambda: sorted(set(tasks.lines(ends))) == ["after", "before"], "all its output")
    main = tasks.reach(hungry, "STOPPED")["containers"][0]
    assert (main["exitCode"], main["reason"]) == (
        137, "OutOfMemoryError: Container killed due to memory usage",
    )  # fmt: skip
    assert tasks.show(stays)["lastStatus"] == "RUNNING"
    kill_agent(tasks.plane)  # once more, and with the plane
    port = tasks.plane.port
    tasks.plane.kill()
    tasks.plane.start(port)
    assert tasks.show(stays)["lastStatus"] == "RUNNING"
    tasks.ecs.stop_task(task=stays)
    assert tasks.reach(stays, "STOPPED")["containers"][0]["exitCode"] == 4
    until(lambda: sorted(set(tasks.lines(stays))) == ["before", "told"], "its last line")


def test_the_doctor_ends_what_nobody_will_adopt(root: Path, tmp_path: Path, account: str) -> None:
    """Plane and agent are killed: the doctor ends the container, and then takes its empty cgroup away."""
    data = tmp_path / "data"
    assert windlass("image", "import", str(root), "--name", IMAGE, "--data", str(data)).returncode == 0
    plane = PlaneProcess(data, "--runner", "oci").start()
    living = Tasks(plane, account)
    arn = living.start(command=["sleep", "600"])
    living.reach(arn, "RUNNING")
    [pid_file] = (data / "agent" / "oci" / "units").glob("*/*/pid")
    child, group = int(pid_file.read_text()), parent_group(data / "agent")
    assert "nothing is left over" in windlass("agent", "doctor", "--data", str(data)).stdout
    kill_agent(plane)
    plane.kill()
    for agent in agents_of(data):  # the plane was quicker and has started another one
        os.kill(agent, signal.SIGKILL)
    assert windlass("agent", "doctor", "--data", str(data)).returncode == 0
    until(lambda: (found := proc.stat(child)) is None or found.state == "Z", "its process is gone")

    def is_gone() -> bool:
        windlass("agent", "doctor", "--data", str(data))
        return not [top for top in read_hierarchies().roots if (top / group.lstrip("/")).exists()]

    until(is_gone, "its cgroup is gone")


def test_a_killed_monitor_takes_its_container_along(survivors: Tasks) -> None:
    """Nobody could know its exit code any more: it is ended, and the reason says why."""
    arn = survivors.start(command=["sleep", "600"])
    survivors.reach(arn, "RUNNING")
    [pid_file] = (survivors.plane.data / "agent" / "oci" / "units").glob("*/*/pid")
    child = int(pid_file.read_text())
    found = proc.stat(child)
    assert found is not None
    os.kill(found.parent, signal.SIGKILL)
    main = survivors.reach(arn, "STOPPED")["containers"][0]
    assert "exitCode" not in main
    assert "keeper was killed" in main["reason"]
    until(lambda: (found := proc.stat(child)) is None or found.state == "Z", "its process is gone")
    assert survivors.run("exit 3")[0] == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("import", "/nowhere", "--name", "a"), "does not exist"),
        (("import", "/etc/hostname", "--name", "a"), "damaged or no image"),
        (("import",), "--from-host"),
        (("rm", "nobody"), "no image 'nobody'"),
        (("build-rootfs", "/nowhere", "--name", "Bad Name"), "does not exist"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    done = windlass("image", *words, "--data", str(tmp_path / "data"))
    assert done.returncode != 0
    [line] = done.stderr.splitlines()
    assert says in line
