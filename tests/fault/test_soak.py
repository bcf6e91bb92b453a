"""Hundreds of tasks, started and stopped in a random order, with the checks of soak.py.

`--soak-s 120` is the long run; the one of every day is shorter.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.dockerd import Dockerd, a_dockerd
from tests.fault.leaks import Leaks
from tests.fault.soak import Soak
from tests.image_build import busybox_root
from tests.process import PlaneProcess
from windlass.node.images import sources
from windlass.node.images.places import AGENT, open_store

IMAGE = "busybox:soak"


@pytest.fixture
def dockerd(runner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dockerd | None]:
    """A daemon where one is needed; the image is where the runner looks for it."""
    root = busybox_root(tmp_path / "root")
    with ExitStack() as stack:
        daemon = None
        if runner == "docker":
            daemon = stack.enter_context(a_dockerd())
            daemon.add_image(root, IMAGE)
            monkeypatch.setenv("DOCKER_HOST", daemon.host)
            monkeypatch.setenv("ECS_IMAGE_PULL_BEHAVIOR", "prefer-cached")
        elif runner == "oci":
            sources.add(open_store(tmp_path / "data"), root, IMAGE)
        yield daemon


@pytest.mark.parametrize("runner", ["process", "oci", "docker"])
def test_tasks_come_and_go_in_any_order(
    runner: str, dockerd: Dockerd | None, tmp_path: Path, soak_s: float
) -> None:
    """1. Start and stop tasks, kill agents and planes, at random. 2. Stop the rest. 3. None ran twice."""
    data, tasks = tmp_path / "data", tmp_path / "tasks"
    data.mkdir(mode=0o700, exist_ok=True)
    leaks = Leaks(data / AGENT, dockerd, mark=str(tasks))
    plane = PlaneProcess(data, "--runner", runner).start()
    soak = Soak(plane, leaks, tasks, IMAGE, seed=1, kills=True)
    try:
        soak.run(soak_s)
        soak.finish()
        print(f"{len(soak.started)} tasks, killed: {soak.killed}")
    finally:
        code = plane.stop()
    assert code == 0, plane.errors.read_text()[-3000:]
    leaks.none()
