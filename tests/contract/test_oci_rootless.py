"""The oci runner without root: a user namespace of one user, no cgroups. Run as a user who may nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import as_user
from tests.contract.test_ecs_exec import Site
from tests.contract.test_oci import IMAGE, Tasks
from tests.fault.waiting import until
from tests.image_build import busybox_root, config_of, entry, saved, tar_of
from tests.process import PlaneProcess

LAYERS = "layers:1"


def windlass(*words: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*as_user.PREFIX, *before, sys.executable, "-m", "windlass", *words],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A directory of the user's, with two images to import."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        root = busybox_root(home / "root")
        with tarfile.open(home / "root.tar", "w") as tar:
            tar.add(root, ".")
        lower = [entry("gone", b"x"), entry("dir/gone", b"x"), entry("kept", b"x", uid=77)]
        upper = [entry(".wh.gone"), entry("dir/.wh..wh..opq"), entry("dir/new", b"y")]
        layers = [(home / "root.tar").read_bytes(), tar_of(lower), tar_of(upper)]
        saved(home / "layers.tar", layers, [LAYERS], config_of(layers))
        home.chmod(0o755)
        for path in (home, *home.rglob("*")):
            os.chown(path, as_user.UID, as_user.UID, follow_symlinks=False)
        yield home


@pytest.fixture(scope="module")
def plane(home: Path) -> Iterator[PlaneProcess]:
    data = home / "data"
    for words in (("root", "--name", IMAGE), ("layers.tar",)):
        done = windlass("image", "import", str(home / words[0]), *words[1:], "--data", str(data))
        assert done.returncode == 0, done.stderr
    running = PlaneProcess(data, "--runner", "oci", prefix=as_user.PREFIX).start()
    yield running
    assert running.stop() == 0, running.errors.read_text()[-3000:]
    shutil.rmtree(Path(tempfile.gettempdir()) / f"windlass-{as_user.UID}", ignore_errors=True)


@pytest.fixture
def tasks(plane: PlaneProcess, account: str) -> Tasks:
    return Tasks(plane, account)


def test_a_container(tasks: Tasks, home: Path) -> None:
    """It is a world of its own, and root in it; outside it is the user, and may what the user may."""
    volumes = ({"name": "here", "host": {"sourcePath": str(home)}},)
    points = [{"sourceVolume": "here", "containerPath": "/here"}]
    script = "echo $$; id -u; echo x > /here/made; echo x > /file; exit 7"
    code, reason, lines = tasks.run(script, volumes=volumes, mountPoints=points)
    assert (code, reason, lines) == (7, "", ["1", "0"])
    assert (home / "made").stat().st_uid == as_user.UID
    assert tasks.run("cat /file")[0] == 1
    assert (tasks.plane.data / "agent" / "agent.log").stat().st_uid == as_user.UID


def test_layers(tasks: Tasks) -> None:
    """Deletions and opaque directories hold; owners that there are none of are the one user's."""
    assert tasks.run("ls / | grep -c gone; ls /dir; id -u", image=LAYERS)[2] == ["0", "new", "0"]


@pytest.mark.parametrize(
    ("container", "reason"),
    [
        ({"user": "app"}, "CannotStartContainerError: user 1001:1002 needs a node with root rights"),
        ({"linuxParameters": {"devices": [{"hostPath": "/dev/null"}]}},
         "CannotStartContainerError: devices need a node with root rights"),
        ({"command": ["nosuch"]}, "CannotStartContainerError: executable file `nosuch` not found"),
    ],
)  # fmt: skip
def test_what_is_refused(tasks: Tasks, container: dict[str, Any], reason: str) -> None:
    task = tasks.reach(tasks.start(**{"command": ["true"], **container}), "STOPPED")
    assert task["containers"][0]["reason"].startswith(reason)


def test_health_and_stopping(tasks: Tasks) -> None:
    """Checks run in the container; SIGTERM and SIGKILL reach it."""
    check = {"command": ["CMD-SHELL", "test $(id -u) = 0"], "interval": 5}
    arn = tasks.start(
        command=["sh", "-c", "trap 'exit 4' TERM; while true; do sleep 0.05; done"], healthCheck=check
    )
    until(lambda: tasks.show(arn)["healthStatus"] == "HEALTHY", "it is healthy")
    tasks.ecs.stop_task(task=arn)
    assert tasks.reach(arn, "STOPPED")["containers"][0]["exitCode"] == 4


def test_exec(tasks: Tasks) -> None:
    """ECS Exec has its terminal in the container."""
    site = Site(tasks.ecs)
    site.run(image=IMAGE, stopTimeout=1)
    site.open("sh -c 'echo I am $(id -u) of $(ls /)'").see("I am 0 of bin dev etc proc sys")
    site.close()


def test_an_agent_that_is_killed(tasks: Tasks) -> None:
    """Whatever becomes of its containers, the next agent starts new ones."""
    marked = str(1_000_000 + os.getpid())  # no other test on this machine sleeps so long
    arn = tasks.start(command=["sleep", marked], stopTimeout=1)
    tasks.reach(arn, "RUNNING")
    os.kill(int((tasks.plane.data / "agent" / "agent.pid").read_text()), signal.SIGKILL)
    assert tasks.run("exit 3")[0] == 3
    tasks.ecs.stop_task(task=arn)
    tasks.reach(arn, "STOPPED")
    assert [pid for pid in all_pids() if f"sleep\0{marked}".encode() in command_of(pid)] == []


def all_pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_without_a_runtime(home: Path) -> None:
    """The check names what is missing."""
    words = ("up", "--port", "0", "--runner", "oci", "--data", str(home / "other"))
    done = windlass(*words, before=("env", "PATH=/nowhere"))
    assert done.returncode != 0
    assert "without root the oci runner needs crun: apt-get install crun (Debian)" in done.stderr
