"""Starting the processes of execution environments: what may be asked for, whatever way it is done.

A `Sandbox` is the place of one environment: its files, limits and rights. Processes that are started in one
sandbox (the runtime, and each extension) share all of it. Nothing here knows events or the Runtime API.

    sandbox = await launcher.open(Place(unit_id, code=unpacked, memory_mib=128))
    process = await sandbox.start(Program((f"{sandbox.task_root}/bootstrap",), variables))
    output.attach(process.pipe)
    seat.watch(process.pid, on_exit)
    ...
    sandbox.close()

Paths that a program is told must be those that its sandbox shows: `task_root`, `opt`, `runtime_root`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python to run functions with; `version` is what it says of itself, "3.11.7"."""

    path: str
    version: str


@dataclass(frozen=True, slots=True)
class Place:
    """What an environment is to be given. Sizes in MiB.

    `code` is the unpacked package, `layers` what goes to /opt (None: nothing); both must be below the
    function host's own directory (Seat.data). `network` is the file of a network namespace to be in (None:
    the host's). `snapshot` is the key of a template: with `template` the place is for that, without it for an
    environment that is restored from it, if there is one in the same network.
    """

    unit_id: str
    code: Path
    layers: Path | None = None
    memory_mib: int = 128
    ephemeral_mib: int = 512
    network: Path | None = None
    snapshot: str = ""
    template: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """One process. `argv` is executed without a shell, `argv[0]` a path that the sandbox shows.

    With `python`, that interpreter runs the Python runtime (function_bootstrap.py) and `argv` is not needed.
    `directory` is where it starts, "": the task root. `environment` is all that it finds in its environment.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    python: Interpreter | None = None
    directory: str = ""


@dataclass(frozen=True, slots=True)
class Process:
    """A process that runs: a child of this process, to be watched (Seat.watch) and so reaped by its starter.

    It leads a session and a group of its own. `pipe` is the read end of its output, the starter's to close.
    """

    pid: int
    pipe: int


class Sandbox(Protocol):
    """The place of one environment."""

    @property
    def task_root(self) -> str:
        """Where its processes find the function's code: /var/task."""

    @property
    def opt(self) -> str:
        """Where they find layers: /opt. "" when it has none."""

    @property
    def runtime_root(self) -> str:
        """LAMBDA_RUNTIME_DIR: where they find the runtime's own files."""

    @property
    def restores(self) -> bool:
        """Whether its runtime is not started but goes on from a snapshot."""

    async def start(self, program: Program) -> Process:
        """Start a process in it; another one may run already. Raises OSError, with a sentence for people."""

    def keep_snapshot(self) -> None:
        """The runtime in it is initialised and holds still: environments may be restored from it."""

    def memory_mib(self) -> int:
        """What all its processes use now, files not counted; 0 where nobody counts."""

    async def clear(self) -> None:
        """Kill everything in it; its files stay, and programs may be started in it again."""

    def freeze(self) -> bool:
        """Let nothing in it run until `thaw`. False where that cannot be, or is not wanted."""

    def thaw(self) -> None:
        """Let it run again. What was killed while it was frozen may die only now."""

    def close(self) -> None:
        """Kill everything in it and take it away. To be called once, also when nothing was ever started."""


class Launcher(Protocol):
    """Makes sandboxes. One per function host."""

    def expect(self, python: Interpreter | None) -> None:
        """Programs will be started soon: make ready for them what takes time, in the background."""

    async def open(self, place: Place) -> Sandbox:
        """Have the place made. Raises OSError."""

    async def close(self) -> None:
        """End what the launcher itself keeps running."""
