"""The docs name what exists: files, commands, decisions; and their diagrams are drawn from the tables."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from windlass.fleet.transitions import UNIT_MOVES
from windlass.front.coverage import coverage, markdown
from windlass.kernel.machine import Moves, diagram
from windlass.planner.scenario.schema import schema
from windlass.services.apprunner.transitions import OPERATION_MOVES, SERVICE_MOVES
from windlass.services.catalogue import SERVICES
from windlass.services.lambda_.sources.transitions import MAPPING_MOVES

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "windlass"
MAPS = [
    ROOT / "README.md",
    ROOT / "docs" / "architecture.md",
    *sorted((ROOT / "docs" / "checklists").glob("*.md")),
]


def test_files_that_the_maps_name_exist() -> None:
    """`services/ecs/describe.py` is under src/windlass, `tests/…` and `docs/…` under the root."""
    wrong = [
        f"{page.relative_to(ROOT)}: {name}"
        for page in MAPS
        for name in re.findall(r"`([\w/]+/[\w.]+\.(?:py|md|toml|txt))(?::[^`]*)?`", page.read_text())
        if not (SRC / name).exists() and not (ROOT / name).exists()
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("page", "moves", "title"),
    [
        ("architecture.md", UNIT_MOVES, "fleet/transitions.py: UNIT_MOVES"),
        ("aws/apprunner.md", SERVICE_MOVES, "services/apprunner/transitions.py: SERVICE_MOVES"),
        ("aws/apprunner.md", OPERATION_MOVES, "services/apprunner/transitions.py: OPERATION_MOVES"),
        ("aws/lambda.md", MAPPING_MOVES, "services/lambda_/sources/transitions.py: MAPPING_MOVES"),
    ],
)
def test_diagrams_are_drawn_from_their_tables(page: str, moves: Moves, title: str) -> None:
    """Pages show the tables as they are; paste `machine.diagram(...)` when one changes."""
    assert f"```mermaid\n{diagram(moves, title)}```" in (ROOT / "docs" / page).read_text()


def test_the_coverage_list_tells_the_truth() -> None:
    """docs/coverage.md is what the declarations say: `windlass coverage --markdown > docs/coverage.md`."""
    assert markdown(coverage(SERVICES)) == (ROOT / "docs" / "coverage.md").read_text()


def test_the_schema_of_scenarios_is_published_as_it_is() -> None:
    """docs/scenario.schema.json is for editors: `windlass plan --schema > docs/scenario.schema.json`."""
    assert json.loads((ROOT / "docs" / "scenario.schema.json").read_text()) == schema()


def test_partial_operations_are_served() -> None:
    """What is missing can only be said of operations that are there."""
    wrong = [
        f"{service.name} {operation}"
        for service in SERVICES
        for operation in service.partial
        if operation not in service.handlers
    ]
    assert not wrong, "\n".join(wrong)


def test_decisions_are_numbered_once() -> None:
    numbers = [path.name[:4] for path in sorted((ROOT / "docs" / "decisions").glob("*.md"))]
    assert len(numbers) == len(set(numbers))
    assert all(number.isdigit() for number in numbers)


def test_fragments_have_a_kind() -> None:
    """`0123-topic.added.md`, so that they can be joined at a release."""
    names = [path.name for path in (ROOT / "CHANGELOG.d").glob("*.md") if path.name != "README.md"]
    assert names
    assert not [n for n in names if not re.fullmatch(r"\d{4}-[\w-]+\.(added|changed|fixed|removed)\.md", n)]
