"""The profiler's rows as a table: by module and function, most expensive first."""

from __future__ import annotations

import pytest

from windlass.planner.results.hot_spots import STEP, Spent, hot_spots, module

ROWS = [
    Spent("/a/src/windlass/kernel/store.py", "put", 1_000, 3.0, 4.0),
    Spent("/a/src/windlass/kernel/store.py", "get", 500, 1.0, 1.0),
    Spent("/a/src/windlass/sim/world.py", "run", 1, 0.5, 5.0),
    Spent("~", STEP, 20_000, 0.5, 5.0),
]


def test_time_by_module_and_function() -> None:
    lines = list(hot_spots(ROWS, took_s=2.0, virtual_s=3_600))
    assert lines[0] == "2.00 s for 3,600 virtual s: 20,000 steps, 10,000 a second; under the profiler 5.00 s"
    assert lines[2].split() == ["80.0%", "4.00", "1,500", "kernel.store"]
    functions = lines[lines.index(next(line for line in lines if line.endswith("  function"))) + 1 :]
    assert functions[0].split() == ["60.0%", "3.00", "1,000", "kernel.store:", "put"]
    assert max(map(len, lines)) <= 110


def test_nothing_was_profiled() -> None:
    assert next(hot_spots([], 0.0, 0.0)).startswith("0.00 s for 0 virtual s: 0 steps, 0 a second")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("/opt/venv/lib/python3.12/site-packages/windlass/services/ecs/pace.py", "services.ecs.pace"),
        ("/opt/venv/lib/python3.12/site-packages/botocore/model.py", "botocore"),
        ("/usr/lib/python3.11/heapq.py", "heapq"),
        ("<string>", "built in"),
    ],
)
def test_files_by_what_they_belong_to(file: str, name: str) -> None:
    assert module(file) == name
