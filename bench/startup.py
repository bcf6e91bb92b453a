"""Start-up and idling: `windlass up` to its ready line on empty data; memory and CPU when nothing happens."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.planes import plane_command, server
from bench.result import Result

IDLE_S = 5.0
RUNS = 5


def results() -> Iterator[Result]:
    bare = min(_timed(["-c", "import uvicorn, botocore.model"]) for _ in range(3))
    times = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as scratch:
            began = time.perf_counter()
            with server(*plane_command(Path(scratch) / "data")) as (_, pid):
                times.append(time.perf_counter() - began)
                if len(times) == RUNS:
                    idle = _idle(pid)
    times.sort()
    yield Result(
        "start to ready (median)", times[RUNS // 2], "s", promise=1.0, at_least=False, bare=bare,
        note="bare: python importing uvicorn and botocore.model",
    )  # fmt: skip
    yield Result("idle memory, plane", idle[0], "MB", promise=120, at_least=False)
    yield Result("idle CPU, plane", idle[1], "%", promise=1.0, at_least=False, note="no tasks running")


def _timed(arguments: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True)
    return time.perf_counter() - began


def _idle(pid: int) -> tuple[float, float]:
    """(resident MB, CPU %) of a process over some seconds."""
    before = _cpu_ticks(pid)
    time.sleep(IDLE_S)
    used = (_cpu_ticks(pid) - before) / os.sysconf("SC_CLK_TCK")
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 100 * used / IDLE_S


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])
