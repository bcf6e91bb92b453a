"""Members of a container definition that only containers can honour: init, devices, volumes of others, …"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.test_oci import IMAGE, Tasks, windlass
from tests.fault.waiting import until
from tests.image_build import busybox_root
from tests.process import PlaneProcess


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlaneProcess]:
    data = tmp_path_factory.mktemp("settings") / "data"
    root = busybox_root(tmp_path_factory.mktemp("root") / "root")
    assert windlass("image", "import", str(root), "--name", IMAGE, "--data", str(data)).returncode == 0
    running = PlaneProcess(data, "--runner", "oci").start()
    yield running
    assert running.stop() == 0, running.errors.read_text()[-3000:]


@pytest.fixture
def tasks(plane: PlaneProcess, account: str) -> Tasks:
    return Tasks(plane, account)


def test_init(tasks: Tasks) -> None:
    """Without an init the command is process 1, and deaf to SIGTERM; with one it is not."""
    assert tasks.run("echo $$")[2] == ["1"]
    linux = {"initProcessEnabled": True}
    arn = tasks.start(command=["sleep", "600"], linuxParameters=linux)
    tasks.reach(arn, "RUNNING")
    tasks.ecs.stop_task(task=arn)
    assert tasks.reach(arn, "STOPPED")["containers"][0]["exitCode"] == 143
    code, _, lines = tasks.run("cat /proc/1/comm; exit 9", linuxParameters=linux)
    assert (code, lines) == (9, ["docker-init"])


def test_devices(tasks: Tasks) -> None:
    """The device works at its new place; without it the container cannot make one that does."""
    linux = {"devices": [{"hostPath": "/dev/zero", "containerPath": "/dev/nothing", "permissions": ["read"]}]}
    assert tasks.run("head -c 3 /dev/nothing | wc -c; ls -l /dev/nothing", linuxParameters=linux)[2][0] == "3"
    linux = {"devices": [{"hostPath": "/etc/hostname"}]}
    assert "not a device node" in tasks.run("true", linuxParameters=linux)[1]


def test_privileged(tasks: Tasks) -> None:
    """It may mount; others may not."""
    script = "mount -t tmpfs none /etc && echo mounted"
    assert tasks.run(script)[0] != 0
    assert tasks.run(script, privileged=True)[2] == ["mounted"]


def test_sysctls(tasks: Tasks) -> None:
    """Its own are set; the node's are refused."""
    control = [{"namespace": "kernel.msgmax", "value": "4097"}]
    assert tasks.run("cat /proc/sys/kernel/msgmax", systemControls=control)[2] == ["4097"]
    control = [{"namespace": "kernel.panic", "value": "1"}]
    assert "kernel.panic" in tasks.run("true", systemControls=control)[1]


def test_shared_docker_volumes(tasks: Tasks) -> None:
    """A volume with scope "shared" outlives its task; one that nobody provisions is missing."""
    point = [{"sourceVolume": "kept", "containerPath": "/v"}]
    docker = {"scope": "shared", "autoprovision": True}
    kept = ({"name": "kept", "dockerVolumeConfiguration": docker},)
    assert tasks.run("echo x > /v/file", volumes=kept, mountPoints=point)[0] == 0
    assert tasks.run("cat /v/file", volumes=kept, mountPoints=point)[2] == ["x"]
    lost = ({"name": "lost", "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": False}},)
    point = [{"sourceVolume": "lost", "containerPath": "/v"}]
    assert "autoprovision" in tasks.run("true", volumes=lost, mountPoints=point)[1]


def test_volumes_from_another_container(tasks: Tasks) -> None:
    """All that the other has, at the same places, and read-only where that was asked for."""
    point = [{"sourceVolume": "v", "containerPath": "/v"}]
    other = {"name": "other", "image": IMAGE, "memory": 32, "mountPoints": point, "essential": False,
             "command": ["sh", "-c", "echo 6 > /v/code"]}  # fmt: skip
    main = {"name": "main", "image": IMAGE, "memory": 32,
            "volumesFrom": [{"sourceContainer": "other", "readOnly": True}],
            "dependsOn": [{"containerName": "other", "condition": "SUCCESS"}],
            "command": ["sh", "-c", "echo no > /v/code || exit $(cat /v/code)"]}  # fmt: skip
    ecs: Any = tasks.ecs
    ecs.register_task_definition(family="f", containerDefinitions=[other, main], volumes=[{"name": "v"}])
    arn = ecs.run_task(taskDefinition="f")["tasks"][0]["taskArn"]
    until(lambda: tasks.show(arn)["lastStatus"] == "STOPPED", "it ends")
    assert {c["name"]: c["exitCode"] for c in tasks.show(arn)["containers"]} == {"other": 0, "main": 6}
