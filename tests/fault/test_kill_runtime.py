"""SIGKILL of the OCI runtime, and of a container's monitor, in the middle of a launch.

The agent finds a program called crun that is ours: it does what a file says that the test writes, which is to
die or to kill, and else it is the real one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from tests.fault.leaks import Leaks
from tests.image_build import busybox_root
from tests.unit.node.fake_plane import a_want
from tests.unit.node.running import LOG, a_shell
from tests.unit.node.site import Site, at_site
from windlass.fleet.messages import Mount, Shutdown, UnitState
from windlass.node.images import sources
from windlass.node.images.places import store_of_agent

IMAGE = "busybox:1"
RUNTIME = """#!/bin/sh
case " $* " in
    *" create "*) step=create;;
    *" start "*) step=start;;
    *) exec {real} "$@";;
esac
. {orders}
exec {real} "$@"
"""
DIE = "kill -KILL $$; "
REAL = '{real} "$@"; '
CUT = 'timeout -s KILL {after} {real} "$@"; '
NOT_MADE = "CannotStartContainerError: the OCI runtime was killed, or failed without a word"
NOT_STARTED = "CannotStartContainerError: the OCI runtime was killed before the container was started"
DEATHS = [
    ("create", DIE, NOT_MADE),
    ("create", REAL + DIE, NOT_MADE),
    ("create", CUT.replace("{after}", "0.004") + DIE, NOT_MADE),
    ("create", CUT.replace("{after}", "0.012") + DIE, NOT_MADE),
    ("create", "kill -KILL $PPID; ", NOT_MADE),
    ("create", REAL + "kill -KILL $PPID; exit; ", NOT_MADE),
    ("start", DIE, NOT_STARTED),
    ("start", REAL + DIE, ""),
]
"""What the runtime is about to do, what it does instead, and why the container did not start ("": it did)."""


def test_a_runtime_that_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time the task stops and says why, it never runs twice, nothing is left, and the next one runs."""
    agent, programs, runs = tmp_path / "agent", tmp_path / "bin", tmp_path / "runs"
    orders = tmp_path / "orders"
    orders.touch()
    for directory in (agent, programs, runs):
        directory.mkdir(mode=0o700)
    real = shutil.which("crun")
    assert real is not None, "crun is missing: make setup-system"
    (programs / "crun").write_text(RUNTIME.format(real=real, orders=orders))
    (programs / "crun").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    sources.add(store_of_agent(agent), busybox_root(tmp_path / "root"), IMAGE)
    leaks = Leaks(agent)

    async def body(site: Site) -> None:
        await site.ensure("oci")
        plane = await site.plane()
        await plane.welcome()

        async def run(number: int) -> UnitState:
            unit = f"u{number}-{os.getpid()}"
            script = f"echo run >> {runs}/{number}; exit 7"
            mounts = (Mount("host", str(runs), str(runs)),)
            await plane.desire(number, a_want(unit, a_shell(script, image=IMAGE, mounts=mounts, log=LOG)))
            return await plane.until_status(unit, "stopped")

        for number, (step, deed, why) in enumerate(DEATHS, 1):
            deed = deed.replace("{real}", real)
            orders.write_text(f"if [ $step = {step} ]; then {deed} fi\n")
            state = await run(number)
            [main] = state.containers
            story = (step, deed, state)
            ran = (runs / str(number)).read_text() if (runs / str(number)).exists() else ""
            if why:
                assert (main.exit_code, state.stop_code, ran) == (None, "TaskFailedToStart", ""), story
                assert main.reason == why, story
            else:
                assert (main.exit_code, state.stop_code, ran) == (7, "EssentialContainerExited", "run\n")
        await asyncio.to_thread(leaks.none, agent_lives=True)
        orders.write_text("")
        assert (await run(100)).containers[0].exit_code == 7
        await plane.send(Shutdown())
        await plane.until_end()
        assert await site.exit() == 0

    at_site(tmp_path, body)
    leaks.none()
