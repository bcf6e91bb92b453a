"""The README's tour, run as it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.process import PlaneProcess

ROOT = Path(__file__).parents[2]


def blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text()
    return re.findall(rf"<!-- tour:[^>]*-->\n```{language}\n(.*?)```", text, re.DOTALL)


def environment(plane: PlaneProcess, programs: Path) -> dict[str, str]:
    """A user's, with the tour's settings and the plane of this test."""
    return {
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(plane.data.parent),
        "AWS_ENDPOINT_URL": plane.endpoint,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "123456789012",
        "AWS_SECRET_ACCESS_KEY": "anything",
    }


def test_the_shell_tour(plane: PlaneProcess, programs: Path) -> None:
    """Cluster, definition, task, its end and its output, by the aws CLI."""
    [script] = blocks("sh")
    script = script.replace("http://127.0.0.1:4566", plane.endpoint)
    done = subprocess.run(
        ["sh", "-euc", script], capture_output=True, text=True, env=environment(plane, programs), check=False
    )
    assert done.returncode == 0, done.stderr
    assert "STOPPED\tEssentialContainerExited\t3" in done.stdout
    assert "hello from eu-west-1" in done.stdout


def test_the_python_tour(plane: PlaneProcess, programs: Path) -> None:
    """A function that calls the plane from inside."""
    [script] = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment(plane, programs),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "'hello': 'world'" in done.stdout
