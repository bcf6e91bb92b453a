"""The simulator: 1,000 Fargate tasks at seed 003's launch rates, 50 virtual seconds, checks included."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.result import Result
from tests.sim.launch_rate import launch
from windlass.kernel.clock import SECOND

RUNS = 3


def results() -> Iterator[Result]:
    times = []
    for seed in range(RUNS):
        began = time.perf_counter()
        world, answers = launch(seed)
        times.append(time.perf_counter() - began)
    times.sort()
    tasks, throttled = sum(count for _, count in answers.accepted), answers.refused.total()
    note = f"{tasks} tasks, {throttled} calls throttled, {world.elapsed / SECOND:g} virtual seconds"
    yield Result(
        "1,000-task launch world (median)", times[RUNS // 2], "s", promise=1.0, at_least=False, note=note
    )
