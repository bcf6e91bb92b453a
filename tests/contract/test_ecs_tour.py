"""docs/ecs.md, run as it is written: every command, and what it prints."""

from __future__ import annotations

from tests.process import PlaneProcess
from tests.tour import run_tour


def test_the_tour(plane: PlaneProcess) -> None:
    assert run_tour("ecs.md", plane) > 30
