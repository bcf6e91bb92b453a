"""SIGKILL of the agent at each step of a launch, with each runner: one table.

Wherever it dies, what it was to run runs once, how it ended is known, and nothing is left on the host: see
leaks.py.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dockerd import IMAGE, Dockerd, a_dockerd
from tests.fault.leaks import Leaks
from tests.image_build import busybox_root
from tests.network_build import an_interface
from tests.unit.node.fake_plane import FakePlane
from tests.unit.node.running import LOG, a_container, a_shell
from tests.unit.node.site import Site, at_site
from windlass.fleet.messages import LogTarget, Mount, Shutdown, UnitSpec, UnitState, Want
from windlass.fleet.networks import Network
from windlass.node.images import sources
from windlass.node.images.places import store_of_agent

DYING_AGENT = Path(__file__).with_name("dying_agent.py")
ENDS, NEVER = (f"{name}-{os.getpid()}" for name in ("ends", "never"))
"""Ids of this process's own: agents look for a unit's leftovers on the whole machine, other tests' too."""
STEPS = [
    ("before create", 1),
    ("after create", 1),
    ("after start", 1),
    ("after exit", 1),
    ("before report", 1),
    ("before report", 2),
]
"""Where the agent dies, and at the how manieth time that it gets there."""
NOT_FOUND = {
    "process": "CannotStartContainerError: ",
    "oci": "CannotStartContainerError: executable file `nosuch` not found in $PATH",
    "docker": "CannotStartContainerError: ",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return busybox_root(tmp_path_factory.mktemp("image") / "root")


@pytest.fixture(scope="module")
def dockerd(root: Path) -> Iterator[Dockerd]:
    with a_dockerd() as daemon:
        daemon.add_image(root)
        yield daemon


@pytest.fixture
def leaks(
    runner: str, tmp_path: Path, root: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Leaks:
    """The agent's host before there is one; its image is there."""
    agent = tmp_path / "agent"
    if runner == "docker":
        daemon: Dockerd = request.getfixturevalue("dockerd")
        monkeypatch.setenv("DOCKER_HOST", daemon.host)
        monkeypatch.setenv("ECS_IMAGE_PULL_BEHAVIOR", "prefer-cached")
        return Leaks(agent, daemon)
    if runner == "oci":
        sources.add(store_of_agent(agent), root, IMAGE)
    return Leaks(agent)


def wanted(directory: Path, log: LogTarget | None) -> tuple[Want, Want]:
    """A task that says in a file that it ran and exits with 7, and one whose command there is not."""
    mounts = (Mount("host", str(directory), str(directory)),)
    ends = a_shell(f"echo run >> {directory}/runs; echo out; exit 7", image=IMAGE, log=log, mounts=mounts)
    never = a_container("main", "nosuch", image=IMAGE, log=log)
    own = [Network("awsvpc", an_interface(number)) for number in (10, 11)]
    return (
        Want(UnitSpec(ENDS, "task", (ends,), network=own[0]), run=True),
        Want(UnitSpec(NEVER, "task", (never,), network=own[1]), run=True),
    )


@pytest.mark.parametrize(("step", "number"), STEPS)
@pytest.mark.parametrize(
    ("runner", "log"), [("process", LOG), ("process", None), ("oci", LOG), ("docker", LOG)]
)
def test_killed_at_each_step(
    runner: str, log: LogTarget | None, step: str, number: int, leaks: Leaks, tmp_path: Path
) -> None:
    """1. The agent dies at that step. 2. The next one: each task ran once at most, and its end is known."""
    volume = tmp_path / "volume"
    volume.mkdir()
    wants = wanted(volume, log)

    async def body(site: Site) -> None:
        dying = site.spawn(sys.executable, str(DYING_AGENT), step, str(number), runner=runner)
        plane = await site.plane()
        await plane.welcome()
        await plane.desire(1, *wants)
        await plane.until_end()
        assert dying.wait(20) == -signal.SIGKILL
        await site.ensure(runner)
        again = await site.plane()
        await again.welcome(observed=max(plane.numbers, default=0), epoch=2)
        await again.desire(1, *wants)
        for state in (await ended(again, ENDS), await ended(again, NEVER)):
            check(runner, state)
        assert (volume / "runs").read_text() == "run\n"
        await again.send(Shutdown())
        await again.until_end()
        assert await site.exit() == 0

    at_site(tmp_path, body)
    leaks.none()


async def ended(plane: FakePlane, unit_id: str) -> UnitState:
    return await plane.until_status(unit_id, "stopped")


def check(runner: str, state: UnitState) -> None:
    [main] = state.containers
    if state.unit_id == ENDS:
        assert (main.exit_code, state.stop_code) == (7, "EssentialContainerExited"), main.reason
    else:
        assert (main.exit_code, state.stop_code) == (None, "TaskFailedToStart")
        assert main.reason.startswith(NOT_FOUND[runner])
