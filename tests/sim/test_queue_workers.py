"""The table of docs/queue-workers.md is what its world comes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim import queue_workers
from tests.sim.queue_workers import Way, measure

PAGE = Path(__file__).parents[2] / "docs" / "queue-workers.md"


@pytest.mark.parametrize(
    ("named", "way", "protects"),
    [
        ("function on a schedule | end by themselves", queue_workers.scaler_function, False),
        ("step scaling | careless", queue_workers.step_scaling, False),
        ("step scaling | protected", queue_workers.step_scaling, True),
        ("target tracking | careless", queue_workers.target_tracking, False),
        ("target tracking | protected", queue_workers.target_tracking, True),
    ],
)
def test_the_table(named: str, way: Way, protects: bool) -> None:
    """Who protects itself is never cut off, whatever scales; who leaves by itself is not either."""
    outcome = measure(way, protects=protects)
    row = f"| {named} | {outcome.row()} |"
    assert row in PAGE.read_text(), f"write into {PAGE.name}: {row}"
    assert (outcome.cut > 0) == (named.endswith("careless"))
