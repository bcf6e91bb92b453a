from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sim.launch_rate import launch
from windlass.fleet.model import UNITS
from windlass.kernel.clock import SECOND
from windlass.sim.world import EPOCH

ROOT = Path(__file__).parents[2]
HASH = "from tests.sim.launch_rate import launch; print(launch({seed}, tasks=150)[0].trace.hash())"


@pytest.mark.parametrize("per_call", [1, 10])
def test_a_hundred_at_once_then_twenty_a_second(per_call: int) -> None:
    """1,000 Fargate tasks through RunTask: the burst at once, then the refill, the rest refused."""
    world, answers = launch(7, per_call=per_call)
    for second in range(50):
        assert answers.accepted_by(EPOCH + second * SECOND) == min(1_000, 100 + 20 * second)
    assert set(answers.refused) == {"ThrottlingException: Rate exceeded"}
    assert world.plane.store[UNITS].count("state", "running") > 400


REFERENCES_MAX = 11
"""The launch takes about 6 times as long as `reference`, which takes 0.11 s where nothing else runs."""


def reference() -> None:
    """A fixed piece of work, to tell a slow machine from a slow simulator."""
    kept: dict[int, tuple[int, str]] = {}
    for number in range(1_000_000):
        kept[number & 1023] = (number, str(number & 255))


def processor_time_s(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def test_fifty_virtual_seconds_take_under_a_second() -> None:
    """The same world again, with the models loaded: the best of three runs, in processor time."""
    runs = [(processor_time_s(lambda: launch(7)), processor_time_s(reference)) for _ in range(3)]
    launch_s, reference_s = min(run for run, _ in runs), min(run for _, run in runs)
    assert launch_s < 1 or launch_s < REFERENCES_MAX * reference_s


def test_same_seed_same_trace_in_separate_processes() -> None:
    """The trace's hash depends on the seed alone: not on the process, nor on its hash seed."""

    def trace_hash(seed: int, hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
        run = subprocess.run(
            [sys.executable, "-c", HASH.format(seed=seed)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return run.stdout.strip()

    first = trace_hash(7, "1")
    assert len(first) == 64
    assert trace_hash(7, "random") == first
    assert trace_hash(8, "1") != first


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_ties(seed: int) -> None:
    """Whatever runs first among things of one instant: the client gets its tasks, and the rows agree."""
    world, answers = launch(seed, tasks=200, shuffle=True, lasts_s=90)
    assert answers.accepted_by(EPOCH + 50 * SECOND) == 200
    assert world.plane.store[UNITS].count("state", "running") == 200
