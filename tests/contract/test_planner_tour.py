"""docs/planner.md and the pages of the library, run as they are written; and all scenarios are scenarios."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.test_readme import ROOT
from tests.process import PlaneProcess
from tests.tour import run_tour
from windlass.planner.playing.changes import profile_of
from windlass.planner.playing.happening import check
from windlass.planner.scenario.reading import files, read

PAGES = [
    page
    for page in [ROOT / "docs" / "planner.md", *sorted((ROOT / "docs" / "planner").glob("*.md"))]
    if Path(__file__).name in page.read_text()
]
WITHIN = 0.03
"""Runs are determined, but for a machine's libm: `python -m tests.pages` writes a page anew."""
LIBRARY = files(ROOT / "scenarios" / "library")


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_page(page: Path, plane: PlaneProcess, programs: Path) -> None:
    assert run_tour(str(page.relative_to(ROOT / "docs")), plane, programs, ROOT, WITHIN)


@pytest.mark.parametrize("path", LIBRARY, ids=[path.stem for path in LIBRARY])
def test_the_library(path: Path) -> None:
    """Each says what it is about, and names what the profile and the definitions have."""
    scenario = read(path)
    assert scenario.about and scenario.waits_for and profile_of(scenario).name == scenario.profile
    check(scenario)
