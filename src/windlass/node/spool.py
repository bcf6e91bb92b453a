"""What was taken from pipes and the plane has not acknowledged, on disk: the next agent sends it.

One file in the agent's directory, for its user only. Each read of a pipe is written to it at once, with one
call, and is crossed out when the plane has it; when nothing is left the file is emptied, and when little of
it counts it is written anew. Not synced: it has to outlive the agent, not the host. What it may hold is
bounded by who puts into it (logs.py) and by `most`. A disk that is full stops nobody: output then goes on
without the spool, and the agent's log says so once.
Known gap: between read(2) and write(2) only the agent has the data, for some microseconds.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from windlass.fleet.messages import LogOptions, LogTarget
from windlass.kernel.clock import Instant
from windlass.node.spool_format import Gone, Taken, decode, encode, live

REWRITE_BYTES_MIN = 4 * 2**20
"""The file is written anew when it is larger than this and than twice what counts in it."""

log = logging.getLogger("windlass.agent")


class Spool(Protocol):
    """Where output is kept until the plane has it."""

    def keep(
        self, pipe: int, carry: int, at: Instant, data: bytes, target: LogTarget, options: LogOptions
    ) -> int:
        """Keep what was read from that pipe, see Taken; returns its number, 0 when it is not kept."""

    def forget(self, numbers: Iterable[int]) -> None:
        """The plane has these."""

    def claim(self, pipe: int, target: LogTarget) -> list[Taken]:
        """What an agent before this one took from that pipe; handed out once."""

    def unclaimed(self) -> list[Taken]:
        """The last of each pipe that is still to be claimed."""


class NoSpool:
    """Keeps nothing."""

    def keep(
        self, pipe: int, carry: int, at: Instant, data: bytes, target: LogTarget, options: LogOptions
    ) -> int:
        return 0

    def forget(self, numbers: Iterable[int]) -> None:
        pass

    def claim(self, pipe: int, target: LogTarget) -> list[Taken]:
        return []

    def unclaimed(self) -> list[Taken]:
        return []


class FileSpool:
    """The spool in a file. Raises OSError when that cannot be read, and nothing later."""

    def __init__(self, path: Path, most: int) -> None:
        self._path = path
        self._most = most
        found = live(decode(path.read_bytes() if path.exists() else b""))
        self._last = max(found, default=0)
        self._left: dict[tuple[int, LogTarget], list[Taken]] = {}
        for taken in found.values():
            self._left.setdefault((taken.pipe, taken.target), []).append(taken)
        self._failing = False
        self._places: dict[int, tuple[int, int]] = {}
        """Number → (offset, size) of its frame."""
        self._file = -1
        self._size = self._live = 0
        try:
            self._replace((number, encode(taken)) for number, taken in found.items())
        except OSError as error:
            self._fails(error)  # what was found is sent; it stays in the file, and is then sent once more

    def keep(
        self, pipe: int, carry: int, at: Instant, data: bytes, target: LogTarget, options: LogOptions
    ) -> int:
        if self._live >= self._most:
            return 0
        frame = encode(Taken(self._last + 1, pipe, carry, at, data, target, options))
        place = (self._size, len(frame))
        if not self._append(frame):
            return 0
        self._last += 1
        self._live += len(frame)
        self._places[self._last] = place
        return self._last

    def forget(self, numbers: Iterable[int]) -> None:
        gone = tuple(number for number in numbers if number in self._places)
        for number in gone:
            self._live -= self._places.pop(number)[1]
        if not gone:
            return
        if not self._places:
            self._truncate(0)
        else:
            self._append(encode(Gone(gone)))
            if self._size > REWRITE_BYTES_MIN and self._size > 2 * self._live:
                self._rewrite()

    def claim(self, pipe: int, target: LogTarget) -> list[Taken]:
        return self._left.pop((pipe, target), [])

    def unclaimed(self) -> list[Taken]:
        return [left[-1] for left in self._left.values()]

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)

    def _append(self, frame: bytes) -> bool:
        """Whether it is in the file, whole. Half a frame would hide all that come after it."""
        if self._file < 0:
            return False
        try:
            if os.write(self._file, frame) != len(frame):
                raise OSError(errno.ENOSPC, "the disk is full")
        except OSError as error:
            self._truncate(self._size)
            self._fails(error)
            return False
        self._failing = False
        self._size += len(frame)
        return True

    def _fails(self, error: OSError) -> None:
        """Once for each time that the disk fills."""
        if not self._failing:
            self._failing = True
            log.error("output is not kept for a next agent, should this one be killed: %s", error)

    def _truncate(self, size: int) -> None:
        try:
            os.ftruncate(self._file, size)
        except OSError as error:
            self._fails(error)  # what was acknowledged is then sent once more, at worst
        else:
            self._size = size

    def _rewrite(self) -> None:
        try:
            self._replace((n, os.pread(self._file, size, at)) for n, (at, size) in self._places.items())
        except OSError as error:
            self._fails(error)

    def _replace(self, frames: Iterable[tuple[int, bytes]]) -> None:
        """Write these frames to a new file, which takes the place of the old one once it is whole."""
        fresh = self._path.with_suffix(".new")
        file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        places: dict[int, tuple[int, int]] = {}
        size = 0
        try:
            for number, frame in frames:
                if os.write(file, frame) != len(frame):
                    raise OSError(errno.ENOSPC, "the disk is full")
                places[number] = (size, len(frame))
                size += len(frame)
            fresh.replace(self._path)
        except OSError:
            os.close(file)
            fresh.unlink(missing_ok=True)
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file, self._places, self._size, self._live = file, places, size, size
