"""A plane of the demo's own: `windlass up` as a child process, on a free port, in a scratch directory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

READY = "windlass ready on "
ENDS_WITHIN_S = 60


@contextmanager
def own_plane(runner: str, prepare: Callable[[Path], None], *options: str) -> Iterator[tuple[str, Path]]:
    """(endpoint URL, scratch directory) of a running plane; stopped and removed afterwards.

    `prepare` is called with the data directory before the plane starts; `options` are further ones of `up`.
    """
    with tempfile.TemporaryDirectory(prefix="windlass-demo-") as scratch:
        prepare(Path(scratch) / "plane")
        command = [sys.executable, "-P", "-m", "windlass", "up", "--port", "0", "--runner", runner]
        command += ["--data", str(Path(scratch) / "plane"), *options]
        plane = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_clean_environment())
        try:
            assert plane.stdout is not None
            line = plane.stdout.readline()
            if not line.startswith(READY):
                raise RuntimeError(f"the plane did not start (it said {line!r})")
            yield line.removeprefix(READY).strip(), Path(scratch)
        finally:
            plane.send_signal(signal.SIGINT)
            plane.wait(ENDS_WITHIN_S)


def _clean_environment() -> dict[str, str]:
    """Ours, without AWS settings of the user's that would point elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
