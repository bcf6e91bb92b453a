"""Environments as plain processes of the agent's own user: where no fork server can be, or none is wanted.

No isolation beyond a session and limits: the processes see the host's files, /tmp included. The interpreter
runs without `site` (-S): the packages of the plane's own interpreter, boto3 among them, come last on the
path, and start-up files of virtual environments are not read.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import resource
import subprocess
import sys
from functools import cache
from pathlib import Path

from windlass.node.function_launcher import Interpreter, Place, Process, Program
from windlass.node.function_process import clear_marked
from windlass.node.network.namespaces import inside_path

OPEN_FILES_MAX = 1024
"""File descriptors of an environment; Lambda quotas, "File descriptors"."""
RUNTIME_ROOT = str(Path(__file__).parent)
"""Where the Python runtime's own files are."""

_START = (
    "import sys; sys.path[0] = sys.argv[1]; import function_bootstrap as runtime; "
    "del sys.path[0], sys.argv[1]; runtime.main(sys.argv[1:])"
)


class SpawnLauncher:
    """Implements `Launcher` with one new process for each program."""

    def expect(self, python: Interpreter | None) -> None:
        """Nothing can be made ready."""

    async def open(self, place: Place) -> SpawnSandbox:
        return SpawnSandbox(place)

    async def close(self) -> None:
        """Nothing is kept."""


class SpawnSandbox:
    """Implements `Sandbox`: a directory to start in."""

    runtime_root = RUNTIME_ROOT
    restores = False

    def __init__(self, place: Place) -> None:
        self._unit_id = place.unit_id
        self._network = "" if place.network is None else str(place.network)
        self.task_root = str(place.code)
        self.opt = "" if place.layers is None else str(place.layers)

    async def start(self, program: Program) -> Process:
        return self._start(program)

    def _start(self, program: Program) -> Process:
        with inside_path(self._network):
            return self._born(program)

    def _born(self, program: Program) -> Process:
        """In the network that this thread is in for a moment."""
        reader, writer = os.pipe2(os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
        try:
            process = subprocess.Popen(
                python_command(program.python, RUNTIME_ROOT) if program.python else program.argv,
                cwd=program.directory or self.task_root,
                env=dict(program.environment),
                stdin=subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                start_new_session=True,
            )
        except OSError:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        process.returncode = 0  # its starter reaps it; subprocess must never wait for it
        _limit(process.pid)
        return Process(process.pid, reader)

    def memory_mib(self) -> int:
        return 0

    async def clear(self) -> None:
        await clear_marked(self._unit_id)

    def keep_snapshot(self) -> None:
        """What was started by a command cannot be forked from outside."""

    def freeze(self) -> bool:
        return False

    def thaw(self) -> None:
        """It was never frozen."""

    def close(self) -> None:
        """What was started is its starter's to kill."""


@cache
def libraries() -> list[str]:
    """Directories with packages that every function finds: where boto3 is installed."""
    found = importlib.util.find_spec("boto3")
    return [] if found is None or found.origin is None else [str(Path(found.origin).parent.parent)]


def python_command(python: Interpreter, runtime_root: str) -> list[str]:
    """The Python runtime in a fresh interpreter; its own files are in `runtime_root`."""
    return [python.path, "-S", "-c", _START, runtime_root, *libraries()]


def _limit(pid: int) -> None:
    """Set the quotas on a running process, where the system can; it has hardly started."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (OPEN_FILES_MAX, OPEN_FILES_MAX))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
