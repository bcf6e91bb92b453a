"""docs/load-balancers.md, run as it is written: every command, and what it prints."""

from __future__ import annotations

from pathlib import Path

from tests.process import PlaneProcess
from tests.tour import run_tour


def test_the_tour(plane: PlaneProcess, programs: Path, tmp_path: Path) -> None:
    assert run_tour("load-balancers.md", plane, programs, tmp_path) > 30
