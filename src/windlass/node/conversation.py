"""What goes into a command that runs beside a container's own, and what comes out: a terminal or two pipes.

Bytes only: no lines, no log. Output is read while whoever listens has room, input is kept until the command
takes it, so that neither grows: the sender of input keeps to a window (exec_sessions.py). How a command gets
into its container's surroundings is the runner's. Ends a command as a closed terminal does: SIGHUP, and
SIGKILL for those that do not mind it.
"""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from windlass.node.children import Children
from windlass.node.runner import ExecEvents

READ_BYTES = 16 * 1024
LAST_READS_MAX = 16
"""Reads after the command's end, should something that it left hold its output and go on writing."""
KILL_AFTER_S = 5.0
"""Seconds from SIGHUP to SIGKILL: ours."""
SIZE_MAX = 10_000
"""Columns or rows."""

Key: TypeAlias = tuple[str, str]
"""(unit id, container name)."""
Signal: TypeAlias = Callable[[int, int], None]
"""`signal(pid, number)`: to the command that the process of that pid is, or runs in a container."""


def signal_group(pid: int, number: int) -> None:
    """To the command and what is in its process group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


class Conversation:
    """Implements runner.Execution. `begin` when there are descriptors, `watch` when there is a process."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        children: Children,
        events: ExecEvents,
        send_signal: Signal = signal_group,
    ) -> None:
        self._loop = loop
        self._children = children
        self._events = events
        self._send_signal = send_signal
        self._source = -1
        self._sink = -1
        self._input = bytearray()
        self._no_more_input = False
        self._size: tuple[int, int] | None = None
        self._pid = 0
        self._killer: asyncio.TimerHandle | None = None
        self._hung_up = False
        self.has_ended = False
        self.on_end: Callable[[], None] = lambda: None
        self.on_exit: Callable[[], None] = lambda: None
        self.complaint: Callable[[], str] = lambda: ""
        """Asked at the end why the command was not started; "" when it was."""

    def begin(self, source: int, sink: int) -> None:
        """Read from one, write to the other; both are the same for a terminal. They are ours to close."""
        self._source, self._sink = source, sink
        for descriptor in {source, sink}:
            os.set_blocking(descriptor, False)
        if self._size is not None:
            self.resize(*self._size)
        self._loop.add_reader(source, self._readable)
        self._pour()
        if self._hung_up:
            self._close()

    def watch(self, pid: int) -> None:
        """The command's process, a child of ours in a session of its own."""
        self._pid = pid
        self._children.watch(pid, self._exited)

    def write(self, data: bytes) -> None:
        """See runner.Execution."""
        if not data:
            self._no_more_input = True
        self._input += data
        self._pour()

    def resume(self) -> None:
        if self._source >= 0:
            self._loop.add_reader(self._source, self._readable)

    def resize(self, columns: int, rows: int) -> None:
        columns, rows = (min(max(value, 1), SIZE_MAX) for value in (columns, rows))
        self._size = (columns, rows)
        if self._source >= 0:
            with suppress(termios.error):  # a pipe has no size
                termios.tcsetwinsize(self._source, (rows, columns))

    def hang_up(self) -> None:
        if self.has_ended or self._hung_up:
            return
        self._hung_up = True
        self._close()
        if self._pid:
            self._send_signal(self._pid, signal.SIGHUP)
        self._killer = self._loop.call_later(KILL_AFTER_S, self.kill)

    def kill(self) -> None:
        """At once: its container has ended, or it did not mind SIGHUP."""
        if self._pid and not self.has_ended:
            self._send_signal(self._pid, signal.SIGKILL)

    def _readable(self) -> None:
        if not self._read():
            self._loop.remove_reader(self._source)

    def _read(self) -> bool:
        """One read. False when whoever listens is full, or when there will be nothing more."""
        try:
            data = os.read(self._source, READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:  # EIO: nobody has the terminal open any more
            return False
        return bool(data) and self._events.output(data)

    def _pour(self) -> None:
        """Write what the command takes now, the rest when it takes more."""
        if self._sink < 0:
            return
        try:
            while self._input:
                written = os.write(self._sink, self._input[:READ_BYTES])
                del self._input[:written]
                self._events.wrote(written)
        except BlockingIOError:
            self._loop.add_writer(self._sink, self._pour)
            return
        except OSError:  # it takes no input any more
            self._events.wrote(len(self._input))
            self._input.clear()
        self._loop.remove_writer(self._sink)
        if self._no_more_input and self._sink != self._source:
            os.close(self._sink)
            self._sink = -1

    def _exited(self, exit_code: int) -> None:
        self._send_signal(
            self._pid, signal.SIGKILL
        )  # what it left in its group: not reaped, so still its own
        why = "" if self._hung_up else self.complaint()
        self._take_rest()
        self._close()
        if self._killer is not None:
            self._killer.cancel()
        self.has_ended = True
        self.on_exit()
        self.on_end()
        self._events.ended(exit_code, why)

    def _take_rest(self) -> None:
        """What is in the terminal or the pipe still; who listens has to take it, full or not."""
        for _ in range(LAST_READS_MAX):
            try:
                data = os.read(self._source, READ_BYTES) if self._source >= 0 else b""
            except OSError:
                return
            if not data:
                return
            self._events.output(data)

    def _close(self) -> None:
        for descriptor in {self._source, self._sink} - {-1}:
            self._loop.remove_reader(descriptor)
            self._loop.remove_writer(descriptor)
            os.close(descriptor)
        self._source = self._sink = -1


class Conversations:
    """All conversations of a runner, by container."""

    def __init__(self) -> None:
        self._open: dict[Key, set[Conversation]] = {}

    def add(self, key: Key, conversation: Conversation) -> None:
        found = self._open.setdefault(key, set())
        found.add(conversation)
        conversation.on_end = lambda: self._ended(key, conversation)

    def kill(self, key: Key) -> None:
        """The container has ended."""
        for conversation in list(self._open.get(key, ())):
            conversation.kill()

    def is_gone(self, key: Key) -> bool:
        """Whether no command runs beside that container's own."""
        return key not in self._open

    def close(self) -> None:
        """The agent ends: its terminals do."""
        for conversations in list(self._open.values()):
            for conversation in list(conversations):
                conversation.hang_up()

    def _ended(self, key: Key, conversation: Conversation) -> None:
        self._open[key].discard(conversation)
        if not self._open[key]:
            del self._open[key]


def make_terminal(columns: int, rows: int) -> tuple[int, int]:
    """(our end, the command's end) of a new pseudo terminal of that size."""
    ours, theirs = pty.openpty()
    with suppress(termios.error):
        termios.tcsetwinsize(ours, (min(max(rows, 1), SIZE_MAX), min(max(columns, 1), SIZE_MAX)))
    return ours, theirs
