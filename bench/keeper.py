"""What a container's keeper costs: the time until its command runs, and memory while it waits."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.result import Result
from windlass.node import proc
from windlass.node.command import Launch
from windlass.node.keeper import Keepers

TIMES = 100
PROGRAM = "/bin/true"
ENVIRONMENT = {f"VARIABLE_{number}": f"value {number}" for number in range(10)}


def results() -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as scratch:
        keepers = Keepers(Path(scratch, "keepers"))
        # In turns, so that whatever else the machine does falls on both.
        pairs = [(_bare(), _kept(keepers)) for _ in range(TIMES)]
        kib, private_kib = _memory(keepers)
        keepers.close()
    bare, kept = (statistics.quantiles(times, n=10)[0] for times in zip(*pairs, strict=True))
    note = f"{PROGRAM} with 10 variables, start to end, first decile of {TIMES}, less that of it alone"
    yield Result("start cost of a keeper", (kept - bare) * 1e3, "ms", 3, False, note=note)
    yield Result("memory of a keeper, resident", kib / 1024, "MiB", 2, False)
    yield Result("memory of a keeper, its own", private_kib / 1024, "MiB", 2, False, note="proportional set")


def _bare() -> float:
    """Seconds from start to end of the program alone."""
    began = time.perf_counter()
    null = subprocess.DEVNULL
    subprocess.Popen([PROGRAM], cwd="/", env=ENVIRONMENT, stdin=null, start_new_session=True).wait()
    return time.perf_counter() - began


def _kept(keepers: Keepers) -> float:
    began = time.perf_counter()
    launch = Launch(PROGRAM, (PROGRAM,), ENVIRONMENT, "/")
    os.waitpid(keepers.start(keepers.place("u", "main"), launch, 0, piped=False).pid, 0)
    return time.perf_counter() - began


def _memory(keepers: Keepers) -> tuple[int, int]:
    """(resident, proportional) KiB of a keeper whose command runs."""
    launch = Launch("/bin/sh", ("/bin/sh", "-c", "echo runs; exec sleep 600"), ENVIRONMENT, "/")
    place = keepers.place("waits", "main")
    kept = keepers.start(place, launch, 0, piped=True)
    os.read(kept.pipes[0], 16)
    stat = proc.stat(kept.pid)
    assert stat is not None
    found = stat.resident_pages * 4, proc.proportional_kib(kept.pid)
    os.killpg(kept.pid, signal.SIGKILL)
    os.waitpid(kept.pid, 0)
    for pipe in kept.pipes:
        os.close(pipe)
    return found
