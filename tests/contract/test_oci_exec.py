"""ECS Exec in containers: a terminal of the container's own, as root, in its namespaces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.data_channel import DataChannel
from tests.contract.test_ecs_exec import Site, windlass_exec
from tests.contract.test_oci import IMAGE, windlass
from tests.image_build import busybox_root
from tests.process import PlaneProcess

ACCOUNT = "123456789012"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlaneProcess]:
    data = tmp_path_factory.mktemp("oci-exec") / "data"
    root = busybox_root(tmp_path_factory.mktemp("root") / "root")
    done = windlass("image", "import", str(root), "--name", IMAGE, "--data", str(data))
    assert done.returncode == 0, done.stderr
    running = PlaneProcess(data, "--runner", "oci").start()
    yield running
    assert running.stop() == 0, running.errors.read_text()[-3000:]
    assert list((data / "agent" / "oci" / "units").iterdir()) == []
    assert str(data) not in Path("/proc/mounts").read_text()


@pytest.fixture
def site(plane: PlaneProcess) -> Iterator[Site]:
    ecs = plane.client("ecs", ACCOUNT)
    ecs.create_cluster()
    made = Site(ecs)
    yield made
    made.close()


def test_a_shell_in_a_container(site: Site) -> None:
    """Its files, its processes, its environment; root although the container runs as somebody else."""
    site.run(image=IMAGE, user="1000", environment=[{"name": "COLOUR", "value": "green"}])
    shell = DataChannel(site.ask("sh")["session"]).handshake()
    shell.resize(90, 40)
    shell.type("echo $COLOUR-$(id -u); tty; ps | grep -c 'sleep 600'; stty size\r")
    shell.see("green-0\r\n/dev/pts/0\r\n")
    shell.see("40 90\r\n")
    shell.resize(91, 41)
    shell.type("stty size; exit 9\r")
    shell.see("41 91\r\n")
    assert shell.end()["ExitCode"] == 9


def test_a_command_that_is_not_in_the_container(site: Site) -> None:
    """The runtime says why."""
    site.run(image=IMAGE)
    closed = DataChannel(site.ask("bash -l")["session"]).handshake().end()
    assert "bash" in closed["Output"]


def test_ends(site: Site, plane: PlaneProcess) -> None:
    """A client that vanishes leaves no process; pipes carry bytes and a code; a stopped task ends all."""
    site.run(image=IMAGE, stopTimeout=2)
    shell = DataChannel(site.ask("sleep 1234")["session"]).handshake()
    gone = "while ps | grep -q '[s]leep 1234'; do sleep 0.1; done; cat; exit 4"
    shell.vanish()
    done = windlass_exec(plane, site.task, "sh", "-c", gone, input=b"\x00\xff bytes")
    assert (done.returncode, done.stdout) == (4, b"\x00\xff bytes")
    shell = DataChannel(site.ask("sh -c 'trap \"\" HUP TERM; echo ready; sleep 1000'")["session"]).handshake()
    shell.see("ready")
    site.ecs.stop_task(task=site.task)
    shell.end()
    site.reach("STOPPED")
