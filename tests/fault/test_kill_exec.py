"""SIGKILL of the plane and of the agent while somebody has a shell in a container."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.contract.data_channel import DataChannel
from tests.contract.test_ecs_exec import Site
from tests.fault.waiting import until
from tests.process import PlaneProcess
from windlass.node import proc

ACCOUNT = "123456789012"
SCRIPT = "sh -c 'echo pid $$; exec sleep 777'"


def opened(site: Site) -> tuple[DataChannel, int]:
    """A session, and the process of its command."""
    shell = DataChannel(site.ask(SCRIPT)["session"]).handshake()
    shell.run_until(lambda: b"\n" in shell.output)
    return shell, int(shell.output.split()[1])


def is_gone(pid: int) -> bool:
    stat = proc.stat(pid)
    return stat is None or stat.state == "Z"


@pytest.fixture
def site(own_plane: Callable[..., PlaneProcess]) -> tuple[PlaneProcess, Site]:
    plane = own_plane()
    ecs = plane.client("ecs", ACCOUNT)
    ecs.create_cluster()
    made = Site(ecs)
    made.run()
    return plane, made


def test_the_plane_is_killed(site: tuple[PlaneProcess, Site]) -> None:
    """The command ends by SIGHUP, its task goes on; a token from before opens nothing; a new session does."""
    plane, made = site
    shell, pid = opened(made)
    waiting = made.ask("sh")["session"]
    port = plane.port
    plane.kill()
    with suppress(AssertionError):
        shell.end()
    until(lambda: is_gone(pid), "the command ends")
    plane.start(port)
    made.ecs = plane.client("ecs", ACCOUNT)
    assert DataChannel(waiting).hear() is None
    made.reach("RUNNING")
    again = until(lambda: reopened(made), "sessions open again")
    again.vanish()


def reopened(made: Site) -> DataChannel | None:
    """None until the agent is back at its plane."""
    with suppress(made.ecs.exceptions.TargetNotConnectedException):
        return opened(made)[0]
    return None


def test_the_agent_is_killed(site: tuple[PlaneProcess, Site]) -> None:
    """The client is told that the host was lost; nothing of the command is left."""
    plane, made = site
    shell, pid = opened(made)
    agent = json.loads((plane.data / "agent" / "agent.json").read_text())["pid"]
    os.kill(agent, signal.SIGKILL)
    assert "host" in shell.end()["Output"]
    until(lambda: is_gone(pid), "the command ends")
