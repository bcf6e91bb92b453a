"""A process of one environment, its runtime or an extension: started, watched, killed, its end told once.

Between a process's end and the word of it comes what it said last: output in its pipe, a request on its way.
Decides nothing about events or initialisations; how it is started is the sandbox's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from functools import partial

from windlass.kernel.clock import MILLISECOND, SECOND, Duration
from windlass.node import proc
from windlass.node.function_launcher import Program, Sandbox
from windlass.node.function_output import Output
from windlass.node.function_process import kill_group, memory_mib
from windlass.node.runner import Seat

MEMORY_LOOK: Duration = 250 * MILLISECOND
"""How often the memory of a busy environment is looked at; shorter events are not looked at at all."""
LAST_WORDS: Duration = 100 * MILLISECOND
"""How long after the end of a process its last request may still be on the way."""
_KILLED = 128 + signal.SIGKILL


class SandboxProcess:
    """At most one process at a time. `ended` is called with its exit code (128 + n for signal n), unless

    it was dropped. `connected` says whether a request may still be on its way.
    """

    def __init__(
        self, seat: Seat, output: Output, connected: Callable[[], bool], ended: Callable[[int], None]
    ) -> None:
        self._seat = seat
        self._output = output
        self._connected = connected
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._exit: int | None = None
        self._look: asyncio.TimerHandle | None = None
        self._sandbox: Sandbox | None = None
        self._most_mib = 0
        """The most that it, or everything in the sandbox, was seen to use since this process was started."""
        self._was_killed = False
        self._starts = 0
        self.pid = 0
        """0: no process."""

    async def start(self, sandbox: Sandbox, program: Program) -> None:
        """Start it. Raises OSError when it cannot be started. Dropped meanwhile, it is killed at once."""
        self._exit = None
        self._sandbox, self._most_mib, self._was_killed = sandbox, 0, False
        self._starts += 1
        this = self._starts
        process = await sandbox.start(program)
        self._seat.watch(process.pid, partial(self._exited, process.pid))
        if this != self._starts:
            kill_group(process.pid)
            os.close(process.pipe)
            return
        self.pid = process.pid
        self._output.attach(process.pipe)

    def drain(self) -> None:
        """Take what it has written so far."""
        self._output.drain()

    def kill(self) -> None:
        """Kill it with all that it started; `ended` follows. Nothing happens without a process."""
        if self.pid:
            kill_group(self.pid)

    def terminate(self) -> None:
        """Ask it to end: SIGTERM."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGTERM)

    def drop(self) -> None:
        """Kill it, and hear no more of it: another takes its place, or none."""
        pid, self.pid = self.pid, 0
        self._exit = None
        self._starts += 1
        if pid:
            kill_group(pid)
        self._output.detach()

    def is_dead(self) -> bool:
        """Whether there is none, or it ends now, even if nobody was told of it yet, or nothing could run."""
        return not self.pid or proc.is_dying(self.pid)

    def heard_all(self) -> None:
        """The last connection is closed: of a dead process, all that it said has been heard."""
        if self._exit is not None:
            code, self._exit = self._exit, None
            self._output.detach()
            self._ended(code)

    def watch_memory(self, limit_mib: int) -> None:
        """Look until `unwatch_memory` at what it uses, with all else in its sandbox; kill it above the limit,

        as AWS does.
        """
        self.unwatch_memory()
        self._look = self._after(MEMORY_LOOK, self._look_at_memory, limit_mib)

    def unwatch_memory(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def most_memory_mib(self) -> int | None:
        """The most that it used so far, or that all in its sandbox was seen to use.

        Of one that ended by itself, up to the last look. None when nobody knows, and of one that was killed:
        most often that is why.
        """
        if self.pid:
            self._most_mib = max(memory_mib(self.pid), self._most_mib)
        return None if self._was_killed else self._most_mib or None

    def _look_at_memory(self, limit_mib: int) -> None:
        """Pages that it shares with the interpreter it was forked from count as its own, and for no other."""
        if not self.pid or self._sandbox is None:
            return
        used = max(memory_mib(self.pid, "VmRSS"), self._sandbox.memory_mib())
        self._most_mib = max(self._most_mib, used)
        if used > limit_mib:
            kill_group(self.pid)
        else:
            self.watch_memory(limit_mib)

    def _exited(self, pid: int, code: int) -> None:
        """The process was reaped: kill what it left, and hear its last words before judging."""
        kill_group(pid)
        if pid != self.pid:
            return
        self.pid = 0
        self._exit, self._was_killed = code, code == _KILLED
        if self._connected():
            self._after(LAST_WORDS, self.heard_all)
        else:
            self.heard_all()

    def _after(self, wait: Duration, call: Callable[..., None], *arguments: object) -> asyncio.TimerHandle:
        return self._loop.call_later(wait / SECOND, call, *arguments)
