"""The agent as a process of its own: started by a plane, left alone, killed, told to end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.node.fake_plane import a_want
from tests.unit.node.running import LOG
from tests.unit.node.site import SLEEPER, Site, at_site
from windlass.fleet.messages import ContainerSpec, HealthCheck, RestartPolicy, Shutdown
from windlass.node import proc
from windlass.node.launch import AgentFailed

U1, U2, U3 = (f"u{number}-{os.getpid()}" for number in (1, 2, 3))
"""Ids of this process's own: an agent that recovers looks for them on the whole machine, other tests' too."""


def test_found_again(tmp_path: Path) -> None:
    """1. An agent runs a task. 2. A second start finds it. 3. Its plane goes. 4. The next plane sees all."""

    async def body(site: Site) -> None:
        pid = await site.ensure()
        plane = await site.plane()
        await plane.welcome()
        assert plane.hello.token == "secret"
        await plane.desire(1, a_want(U1, SLEEPER))
        state = await plane.until_status(U1, "running")
        assert await site.ensure() == pid
        plane.close()
        again = await site.plane()
        await again.welcome(observed=plane.numbers[-1], epoch=2)
        assert again.hello.units == (state,)
        await again.send(Shutdown())
        assert (await again.until_status(U1, "stopped")).reason == "Host agent stopped"
        await again.until_end()
        assert await site.exit() == 0
        assert proc.stat(state.containers[0].pid) is None
        assert "secret" not in (site.data / "agent" / "agent.log").read_text()

    at_site(tmp_path, body)


def test_a_real_container_starts_again(tmp_path: Path) -> None:
    """1. It exits: started again in its own directory. 2. The third run stays, and is found HEALTHY."""

    async def body(site: Site) -> None:
        await site.ensure()
        plane = await site.plane()
        await plane.welcome()
        script = "echo run >> runs; test $(wc -l < runs) -lt 3 && exit 7; touch well; exec sleep 600"
        again = ContainerSpec(
            "main",
            command=("sh", "-c", script),
            log=LOG,
            restart_policy=RestartPolicy((0,), attempt_period_s=0.0),
            health_check=HealthCheck(("test", "-e", "well"), interval_s=0.05, retries=1),
        )
        await plane.desire(1, a_want(U1, again))
        await plane.until(lambda: U1 in plane.units and plane.units[U1].containers[0].health == "HEALTHY")
        state = plane.units[U1].containers[0]
        assert (state.status, state.restart_count) == ("running", 2)
        await plane.send(Shutdown())
        assert (await plane.until_status(U1, "stopped")).containers[0].exit_code == 143
        await plane.until_end()
        assert await site.exit() == 0

    at_site(tmp_path, body)


def test_sigterm(tmp_path: Path) -> None:
    """SIGTERM ends an agent cleanly, also without a plane."""

    async def body(site: Site) -> None:
        pid = await site.ensure()
        plane = await site.plane()
        await plane.welcome()
        await plane.desire(1, a_want(U1, SLEEPER))
        state = await plane.until_status(U1, "running")
        site.server.close()
        plane.close()
        os.kill(pid, signal.SIGTERM)
        assert await site.exit() == 0
        assert proc.stat(state.containers[0].pid) is None

    at_site(tmp_path, body)


def test_agent_is_killed(tmp_path: Path) -> None:
    """1. An agent is killed with SIGKILL. 2. Its tasks go on. 3. The next agent has them, and ends them."""

    async def body(site: Site) -> None:
        pid = await site.ensure()
        plane = await site.plane()
        await plane.welcome()
        await plane.desire(1, a_want(U1, SLEEPER), a_want(U2))
        await plane.until_status(U2, "stopped")
        running = await plane.until_status(U1, "running")
        os.kill(pid, signal.SIGKILL)
        assert await site.exit() == 137
        assert proc.stat(running.containers[0].pid) is not None
        assert await site.ensure() != pid
        again = await site.plane()
        await again.welcome(observed=plane.numbers[-1], epoch=2)
        units = {unit.unit_id: unit for unit in again.hello.units}
        assert units == {U1: running, U2: plane.units[U2]}
        await again.desire(9, a_want(U1, SLEEPER, run=False), a_want(U2), a_want(U3))
        await again.until_status(U3, "stopped")
        state = await again.until_status(U1, "stopped")
        assert (state.containers[0].exit_code, state.started_at) == (143, running.started_at)
        left = proc.stat(running.containers[0].pid)
        assert left is None or left.state == "Z"  # it is not the agent's child any more
        await again.send(Shutdown())
        await again.until_end()
        assert await site.exit() == 0

    at_site(tmp_path, body)


def test_deleted_directory(tmp_path: Path) -> None:
    """An agent without a plane whose data directory was deleted ends, and its tasks with it."""

    async def body(site: Site) -> None:
        await site.ensure()
        plane = await site.plane()
        await plane.welcome()
        await plane.desire(1, a_want(U1, SLEEPER))
        state = await plane.until_status(U1, "running")
        shutil.rmtree(site.data / "agent")
        plane.close()
        await site.exit()
        assert proc.stat(state.containers[0].pid) is None

    at_site(tmp_path, body)


def test_cannot_start(tmp_path: Path) -> None:
    """An agent that cannot come up says where to read why."""

    async def body(site: Site) -> None:
        (site.data / "token").unlink()
        with pytest.raises(AgentFailed, match=r"the agent did not start; see .*agent\.log"):
            await site.ensure()

    at_site(tmp_path, body)


def test_imports_little() -> None:
    """The agent imports nothing of AWS and no store: every node pays for what it imports."""
    script = "import sys, windlass.node.main; print(' '.join(sys.modules))"
    environment = {"PYTHONPATH": ":".join(sys.path)}
    loaded = subprocess.check_output([sys.executable, "-c", script], env=environment, text=True).split()
    top = {"botocore", "boto3", "sqlite3", "uvicorn", "typer"}
    parts = ("windlass.aws", "windlass.services", "windlass.front", "windlass.kernel.store")
    assert [name for name in loaded if name.split(".")[0] in top or name.startswith(parts)] == []
