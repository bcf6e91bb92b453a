"""The output of one environment: its pipe and the platform's own lines as one log, and the tail of it.

As for tasks the pipe is read only while the log has room (node/output.py); besides, what the function wrote
before its result must stand before END and REPORT, so `drain` reads on demand.
Must not know: processes, invocations, the wire.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

from windlass.kernel.clock import Instant
from windlass.node.function_lines import LOG_TAIL_BYTES_MAX
from windlass.node.output import READ_BYTES, Lines
from windlass.node.runner import LogStream

LAST_READS_MAX = 16
"""Reads at the end of a process: 1 MiB, should something that survived it hold its pipe and go on writing."""


class Output:
    """Reads the read end of a pipe that the environment writes to. Lives on one loop."""

    def __init__(self, log: LogStream | None, now: Callable[[], Instant]) -> None:
        self._log = log
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._pipe = -1
        self._reading = False
        self._lines = Lines()
        self._tail = bytearray()

    def attach(self, pipe: int) -> None:
        """Read from this descriptor from now on; it is ours to close."""
        self.detach()
        os.set_blocking(pipe, False)
        self._pipe = pipe
        self._resume()

    def detach(self) -> None:
        """Take what is there, then let go of the pipe."""
        if self._pipe < 0:
            return
        for _ in range(LAST_READS_MAX):
            if not self._take():
                break
        self._pause()
        os.close(self._pipe)
        self._pipe = -1
        self._emit(self._lines.rest())

    def platform(self, *lines: str) -> None:
        """Write lines of the platform itself, behind all that the function has written so far."""
        self._emit(lines)

    def drain(self) -> None:
        """Take what the pipe holds now: at most its capacity, so no child can hold us."""
        if self._pipe >= 0:
            self._take()

    def flush(self) -> None:
        """Have what was written so far on its way before anything that is reported from now on."""
        if self._log is not None:
            self._log.flush()

    def clear_tail(self) -> None:
        self._tail.clear()

    def tail(self) -> bytes:
        """The last bytes of the log since `clear_tail`, at most LOG_TAIL_BYTES_MAX."""
        return bytes(self._tail[-LOG_TAIL_BYTES_MAX:])

    def _readable(self) -> None:
        try:
            if not self._read():
                self._pause()
        except BlockingIOError:
            pass

    def _take(self) -> bool:
        """Read once, if there is something; False when there is nothing now, or never again."""
        try:
            return self._read()
        except BlockingIOError:
            return False

    def _read(self) -> bool:
        """Read once; False at the end of the stream."""
        data = os.read(self._pipe, READ_BYTES)
        self._emit(self._lines.feed(data))
        return bool(data)

    def _emit(self, lines: Sequence[str]) -> None:
        if not lines:
            return
        self._tail += ("\n".join(lines) + "\n").encode()
        if len(self._tail) > 4 * LOG_TAIL_BYTES_MAX:
            del self._tail[:-LOG_TAIL_BYTES_MAX]
        if self._log is not None and not self._log.write(lines, self._now()) and self._reading:
            self._pause()
            self._log.on_room(self._resume)

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._pipe)

    def _resume(self) -> None:
        if self._pipe >= 0 and not self._reading:
            self._reading = True
            self._loop.add_reader(self._pipe, self._readable)
