"""A simulation under a profiler: the edge of planner/results/hot_spots.py, which knows no clock."""

from __future__ import annotations

import cProfile
import time
from collections.abc import Iterator

from windlass.planner.playing.play import play
from windlass.planner.results.hot_spots import Spent, hot_spots
from windlass.planner.scenario.model import Scenario


def profiled(scenario: Scenario, seed: int) -> Iterator[str]:
    """Lines for people: one run as it is, for its time, then the same under a profiler, for its shares.

    Raises CannotPlay.
    """
    began = time.perf_counter()
    played = play(scenario, seed)
    took_s = time.perf_counter() - began
    profile = cProfile.Profile()
    profile.runcall(play, scenario, seed)
    profile.create_stats()
    rows = [
        Spent(file, function, calls, own_s, whole_s)
        for (file, _, function), (_, calls, own_s, whole_s, _) in profile.stats.items()
    ]
    yield from hot_spots(rows, took_s, played.virtual_s)
