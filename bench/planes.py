"""Servers to measure: a plane as users run it, one whose node is the simulator's, and bare uvicorn."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READY = " ready on "
ENDS_WITHIN_S = 60


@contextmanager
def server(*command: str) -> Iterator[tuple[str, int]]:
    """(endpoint, process id) of `python -m COMMAND`, which prints one line `… ready on URL`.

    Its modules are compiled once, as those of an installed package are, whatever our own environment says.
    """
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith("AWS_") and k != "PYTHONDONTWRITEBYTECODE"
    }
    process = subprocess.Popen(
        [sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if READY not in line:
            raise RuntimeError(f"{command} said {line!r}")
        yield line.split(READY)[1].strip(), process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(ENDS_WITHIN_S)


def plane_command(data: Path, *options: str) -> tuple[str, ...]:
    return ("windlass", "up", "--port", "0", "--data", str(data), *options)
