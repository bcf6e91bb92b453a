"""docs/ecs.md, run as it is written: every command, and what it prints."""

from __future__ import annotations

from pathlib import Path

from tests.process import PlaneProcess
from tests.tour import run_tour


def test_the_tour(plane: PlaneProcess, programs: Path) -> None:
    assert run_tour("ecs.md", plane, programs) > 30
