"""A pipe's bytes as lines, read no faster than they are taken away.

When the log stream has no room the pipe is not read: the task's writes then wait in the kernel, as with
Docker's blocking log mode. Nothing is dropped but empty lines, and memory does not grow.
"""

from __future__ import annotations

import asyncio
import os

from windlass.kernel.clock import Clock, Instant
from windlass.node.runner import LogStream

LINE_BYTES_MAX = 256 * 1024 - 26
"""Longer lines are cut here: a CloudWatch Logs event is 256 KiB with its 26 bytes of overhead."""
PIECE_BYTES = 16 * 1024
"""A container's longer lines are cut here, as Docker does (moby: daemon/logger/copier.go)."""
READ_BYTES = 64 * 1024
"""One read, and the usual capacity of a pipe."""
LAST_READS_MAX = 64
"""Reads after a container's end: 4 MiB, should a stranger hold its pipe and go on writing."""


class Lines:
    """Cuts bytes into lines of at most `longest` bytes; keeps an unfinished last line until it is finished

    or `rest` asks for it.
    """

    def __init__(self, longest: int = LINE_BYTES_MAX) -> None:
        self._partial = b""
        self._longest = longest

    def feed(self, data: bytes) -> list[str]:
        """The lines that are finished now. b"a\\nb" → ["a"]; then b"c\\n" → ["bc"]."""
        head, newline, tail = (self._partial + data).rpartition(b"\n")
        if not newline:
            self._partial = tail
            return self._overlong()
        self._partial = tail
        lines = head.decode(errors="replace").split("\n")
        if len(head) > self._longest // 3:  # only then may one of them be too long
            lines = [piece for line in lines for piece in cut(line, self._longest)]
        return lines + self._overlong()

    @property
    def carry(self) -> int:
        """Bytes of the unfinished line."""
        return len(self._partial)

    def skip(self, carry: int) -> None:
        """Be in a line of which these many bytes are known, but not which."""
        self._partial = bytes(carry)

    def rest(self) -> list[str]:
        """The unfinished line, at the end of the output."""
        partial, self._partial = self._partial, b""
        return cut(partial.decode(errors="replace"), self._longest) if partial else []

    def _overlong(self) -> list[str]:
        lines: list[str] = []
        while len(self._partial) >= self._longest:
            end = _character_start(self._partial, self._longest)
            lines += cut(self._partial[:end].decode(errors="replace"), self._longest)
            self._partial = self._partial[end:]
        return lines


def cut(line: str, longest: int = LINE_BYTES_MAX) -> list[str]:
    """The line in pieces of at most `longest` bytes of UTF-8, between characters."""
    if len(line) <= longest // 4:
        return [line]
    pieces: list[str] = []
    raw = line.encode()
    while len(raw) > longest:
        end = _character_start(raw, longest)
        pieces.append(raw[:end].decode())
        raw = raw[end:]
    return [*pieces, raw.decode()]


def _character_start(raw: bytes, at: int) -> int:
    """The last start of a UTF-8 character at or before `at` (or `at` itself in what is no UTF-8)."""
    for end in range(at, at - 4, -1):
        if end >= len(raw) or raw[end] & 0xC0 != 0x80:
            return end
    return at


class Intake:
    """One pipe's bytes as lines, for its log stream; first what an agent before this one had taken."""

    def __init__(self, stream: LogStream, pipe: int) -> None:
        self._stream = stream
        self._tap = stream.tap(pipe)
        self._lines = Lines(PIECE_BYTES)
        self.room = self._resume()

    def take(self, data: bytes, at: Instant) -> bool:
        """These bytes were read at `at`. False: the stream has no room."""
        self._tap.took(data, at, self._lines.carry)
        return self._hand_on(self._lines.feed(data), at)

    def end(self, at: Instant) -> None:
        """No more will come."""
        rest = self._lines.rest()
        self._tap.passes(bool(rest), False)
        if rest:
            self._stream.write(rest, at)

    def _hand_on(self, lines: list[str], at: Instant) -> bool:
        self._tap.passes(bool(lines), self._lines.carry > 0)
        return not lines or self._stream.write(lines, at)

    def _resume(self) -> bool:
        """A line whose beginning is not there any more had been sent: what is left of it is left out."""
        room, headless = True, False
        for taken in self._tap.left():
            if self._lines.carry != taken.carry:
                self._lines.skip(taken.carry)
                headless = taken.carry > 0
            lines = self._lines.feed(taken.data)
            if headless and lines:
                headless, lines = False, lines[1:]
            room = self._hand_on(lines, taken.at)
        if headless:
            self._lines.skip(0)
        return room


class Output:
    """Reads one pipe of a container into its log stream. Owns the descriptor."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Clock, descriptor: int, stream: LogStream
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._descriptor = descriptor
        self._stream = stream
        self._intake = Intake(stream, os.fstat(descriptor).st_ino)
        self._open = True
        os.set_blocking(descriptor, False)
        if self._intake.room:
            loop.add_reader(descriptor, self._readable)
        else:
            stream.on_room(self._resume)

    def finish(self) -> None:
        """The container ended: take what is still in the pipe and close it."""
        for _ in range(LAST_READS_MAX):
            if not (self._open and self._read()):
                break
        self.close()
        self._intake.end(self._clock.now())

    def close(self) -> None:
        """Let go of the pipe without reading on."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)

    def _readable(self) -> None:
        self._read()

    def _read(self) -> bool:
        """One read. False when there is nothing (now, or ever again)."""
        try:
            data = os.read(self._descriptor, READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._loop.remove_reader(self._descriptor)  # all writers are gone; an end is always readable
            return False
        if not self._intake.take(data, self._clock.now()):
            self._loop.remove_reader(self._descriptor)
            self._stream.on_room(self._resume)
        return True

    def _resume(self) -> None:
        if self._open:
            self._loop.add_reader(self._descriptor, self._readable)
