"""Runs health check commands: each a process of its own session, killed when its time is over.

What a result means is health.py's; how a command gets into its container's surroundings is the runner's.
What a check leaves behind carries its container's marks, and ends with the container at the latest.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from windlass.fleet.messages import ContainerSpec, HealthCheck
from windlass.node.children import Children
from windlass.node.command import CannotStart

NOT_STARTED = 127
"""The exit code of a command that could not be started, as a shell has it."""
TIMED_OUT = -1
"""What Docker notes for a check that took too long (moby: daemon/health.go)."""

Key: TypeAlias = tuple[str, str]
"""(unit id, container name)."""
Kill: TypeAlias = Callable[[int], None]
"""Ends what the process of that pid does; asked again when it has ended and is not reaped yet."""


def kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


@dataclass(slots=True)
class _Check:
    popen: subprocess.Popen[bytes]
    deadline: asyncio.TimerHandle
    kill: Kill
    timed_out: bool = False


class HealthCommands:
    """At most one command for each container. `on_end(key, exit code)` is called once for each `run`,

    also from inside it when the command cannot be started; not after `stop`.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, children: Children, on_end: Callable[[Key, int], None]
    ) -> None:
        self._loop = loop
        self._children = children
        self._on_end = on_end
        self._running: dict[Key, _Check] = {}
        self._dying: dict[int, Key] = {}
        """Pids of commands that were given up and are not gone yet."""

    def run(
        self,
        key: Key,
        launch: Callable[[], subprocess.Popen[bytes]],
        timeout_s: float,
        kill: Kill = kill_group,
    ) -> None:
        """Start the command; a command of that container that is still there is given up first."""
        self.stop(key)
        try:
            popen = launch()
        except (CannotStart, OSError, ValueError):
            self._on_end(key, NOT_STARTED)
            return
        deadline = self._loop.call_later(timeout_s, self._time_out, key)
        check = self._running[key] = _Check(popen, deadline, kill)
        self._children.watch(popen.pid, lambda code: self._ended(key, check, code))

    def stop(self, key: Key) -> None:
        """Kill the container's command, if one runs; nothing more is heard of it."""
        check = self._running.pop(key, None)
        if check is not None:
            check.deadline.cancel()
            self._dying[check.popen.pid] = key
            check.kill(check.popen.pid)

    def is_gone(self, key: Key) -> bool:
        """Whether nothing runs of the container's command."""
        return key not in self._running and key not in self._dying.values()

    def close(self) -> None:
        for key in list(self._running):
            self.stop(key)

    def _time_out(self, key: Key) -> None:
        self._running[key].timed_out = True
        self._running[key].kill(self._running[key].popen.pid)

    def _ended(self, key: Key, check: _Check, exit_code: int) -> None:
        check.kill(
            check.popen.pid
        )  # what it left in its group; it is not reaped yet, so the group is its own
        check.popen.returncode = exit_code
        self._dying.pop(check.popen.pid, None)
        if self._running.get(key) is check:
            del self._running[key]
            check.deadline.cancel()
            self._on_end(key, TIMED_OUT if check.timed_out else exit_code)


def checked_by(container: ContainerSpec, check: HealthCheck) -> ContainerSpec:
    """The container with the check's command in place of its own."""
    return msgspec.structs.replace(container, entry_point=(), command=check.command)
