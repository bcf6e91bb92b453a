"""The output of one process of an environment: its pipe, line by line into the environment's log.

As for tasks the pipe is read only while the log has room (node/output.py); besides, what the function wrote
before its result must stand before END and REPORT, so `drain` reads on demand.
Must not know: processes, invocations, the wire.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from windlass.node.function_log import FunctionLog, Source
from windlass.node.output import READ_BYTES, Lines

LAST_READS_MAX = 16
"""Reads at the end of a process: 1 MiB, should something that survived it hold its pipe and go on writing."""


class Output:
    """Reads the read end of a pipe that the process writes to. Lives on one loop."""

    def __init__(self, log: FunctionLog, source: Source) -> None:
        self._log = log
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._pipe = -1
        self._reading = False
        self._lines = Lines()

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

    def drain(self) -> None:
        """Take what the pipe holds now: at most its capacity, so no child can hold us."""
        if self._pipe >= 0:
            self._take()

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
        if lines and not self._log.lines(self._source, lines) and self._reading:
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
