"""Hundreds of tasks, started and stopped in a random order, with the checks of soak.py.

`--soak-s 120` is the long run; the one of every day is shorter.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fault.soak import Soak
from tests.image_build import busybox_root
from tests.process import PlaneProcess

IMAGE = "busybox:soak"


@pytest.mark.parametrize("runner", ["process", "oci"])
def test_tasks_come_and_go_in_any_order(runner: str, tmp_path: Path, soak_s: float) -> None:
    """1. Start and stop tasks, kill agents and planes, at random. 2. Stop the rest. 3. None ran twice."""
    data = tmp_path / "data"
    if runner == "oci":
        root = busybox_root(tmp_path / "root")
        words = ["image", "import", str(root), "--name", IMAGE, "--data", str(data)]
        subprocess.run([sys.executable, "-m", "windlass", *words], check=True, capture_output=True)
    plane = PlaneProcess(data, "--runner", runner).start()
    soak = Soak(plane, tmp_path / "tasks", IMAGE, seed=1, kills=True)
    try:
        soak.run(soak_s)
        soak.finish()
        print(f"{len(soak.started)} tasks, killed: {soak.killed}")
        assert len(soak.started) > 20
    finally:
        code = plane.stop()
    assert code == 0, plane.errors.read_text()[-3000:]
    soak.check_nothing_left()
