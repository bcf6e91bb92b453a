"""What `windlass fuzz` tells, in small: stories that once failed, then 200 seeds over all kinds."""

from __future__ import annotations

import pytest

from tests.sim.seeds import FAILED
from windlass.sim.fuzz import STORIES, Kept, again, kept_in, search

SEEDS = {"services": 50, "batch": 50, "mappings": 80, "traffic": 10, "apprunner": 10}
"""Seeds told here; `windlass fuzz --story traffic --seeds 1000 --from 10` tells others."""
AT_A_TIME = 10


@pytest.mark.parametrize("kept", kept_in(FAILED.read_text()), ids=lambda kept: f"{kept.story}-{kept.seed}")
def test_what_once_failed(kept: Kept) -> None:
    assert not again(kept).what


@pytest.mark.parametrize(
    ("name", "first"), [(name, first) for name in STORIES for first in range(0, SEEDS[name], AT_A_TIME)]
)
def test_seeds(name: str, first: int) -> None:
    """Whatever happens, all promises hold; and what went wrong was more than nothing."""
    outcomes = list(search(STORIES[name], range(first, first + AT_A_TIME)))
    assert not [str(Kept(name, one.seed, one.steps, one.what)) for one in outcomes if one.what]
    assert sum(one.faults.total() for one in outcomes) > AT_A_TIME
