"""The output of one environment: bytes from its pipe to log lines, with back-pressure and a tail.

The pipe is read only while the sink has room; a function that prints faster than its log is carried away
blocks in its own write, as on AWS. Lines are bounded; what has no newline is cut.
Must not know: processes, invocations, the wire.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

from windlass.kernel.clock import Instant
from windlass.node.function_lines import LOG_TAIL_BYTES_MAX
from windlass.node.runner import LogStream

LINE_BYTES_MAX = 256 * 1024 - 26
"""Bytes of one log event; CloudWatch Logs PutLogEvents, 256 KB with 26 bytes of overhead."""
READ_BYTES = 64 * 1024
"""Bytes taken from the pipe at once: its capacity on Linux."""


class Output:
    """Reads the read end of a pipe that the environment writes to. Lives on one loop."""

    def __init__(self, log: LogStream | None, now: Callable[[], Instant]) -> None:
        self._log = log
        self._now = now
        self._pipe = -1
        self._reading = False
        self._rest = b""
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
        self.drain()
        self._pause()
        os.close(self._pipe)
        self._pipe = -1
        if self._rest:
            rest, self._rest = self._rest, b""
            self._emit([rest])

    def platform(self, *lines: str) -> None:
        """Write lines of the platform itself, behind all that the function has written so far."""
        self._emit([line.encode() for line in lines])

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
        if not self._take():
            self._pause()

    def _take(self) -> bool:
        """Read once; False at the end of the stream."""
        try:
            data = os.read(self._pipe, READ_BYTES)
        except BlockingIOError:
            return True
        if not data:
            return False
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        while len(self._rest) > LINE_BYTES_MAX:
            lines.append(self._rest[:LINE_BYTES_MAX])
            self._rest = self._rest[LINE_BYTES_MAX:]
        self._emit(lines)
        return True

    def _emit(self, lines: Sequence[bytes]) -> None:
        if not lines:
            return
        self._tail += b"\n".join(lines) + b"\n"
        if len(self._tail) > 4 * LOG_TAIL_BYTES_MAX:
            del self._tail[:-LOG_TAIL_BYTES_MAX]
        if self._log is None:
            return
        now = self._now()
        room = True
        for line in lines:
            room = self._log.write(line.decode("utf-8", "replace"), now) and room
        if not room and self._reading:
            self._pause()
            self._log.on_room(self._resume)

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            asyncio.get_running_loop().remove_reader(self._pipe)

    def _resume(self) -> None:
        if self._pipe >= 0 and not self._reading:
            self._reading = True
            asyncio.get_running_loop().add_reader(self._pipe, self._readable)
