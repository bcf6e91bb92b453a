"""Which of what was read for one log stream the plane has by now, so that the spool can forget it.

Reads are bytes and acknowledgements are of lines; between them lie unfinished lines and events. So everyone
who holds something back says so, and a batch of lines that is sent covers all reads before the first of
which somebody still has something. Knows no file and no message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from windlass.fleet.messages import LogOptions, LogTarget
from windlass.kernel.clock import Instant
from windlass.node.spool import Spool
from windlass.node.spool_format import Taken


class Reads:
    """The reads of one stream that are in the spool. `most`: bytes; what is beyond is not kept."""

    def __init__(self, spool: Spool, target: LogTarget, options: LogOptions, most: int) -> None:
        self.spool = spool
        self.target = target
        self.options = options
        self._most = most
        self._held = 0
        self._kept: deque[tuple[int, int, int]] = deque()
        """(position, number in the spool, bytes)."""
        self.last = 0
        """Position of the last read: they are counted."""
        self.since = 0
        """Position of the read that began what is being handed on now."""
        self.begun: dict[object, int] = {}
        """Who holds something back → position of the read that it began in."""

    @property
    def covered(self) -> int:
        """Of the reads up to this position everything was handed on."""
        return min(self.begun.values(), default=self.last + 1) - 1

    def keep(self, pipe: int, data: bytes, at: Instant, carry: int) -> None:
        if self._held < self._most:
            number = self.spool.keep(pipe, carry, at, data, self.target, self.options)
            self.count(number, len(data))

    def count(self, number: int, size: int) -> None:
        """A read that is in the spool under that number; 0: it is not."""
        if number:
            self.last += 1
            self._kept.append((self.last, number, size))
            self._held += size

    def forget(self, covered: int) -> None:
        """The plane has everything of the reads up to that position."""
        gone: list[int] = []
        while self._kept and self._kept[0][0] <= covered:
            _, number, size = self._kept.popleft()
            self._held -= size
            gone.append(number)
        if gone:
            self.spool.forget(gone)


class PipeTap:
    """Implements runner.Tap for one who reads a pipe."""

    def __init__(self, reads: Reads, pipe: int) -> None:
        self._reads = reads
        self._pipe = pipe

    def left(self) -> Iterator[Taken]:
        for taken in self._reads.spool.claim(self._pipe, self._reads.target):
            self._reads.count(taken.number, len(taken.data))
            yield taken

    def took(self, data: bytes, at: Instant, carry: int) -> None:
        self._reads.keep(self._pipe, data, at, carry)

    def passes(self, some: bool, left: bool) -> None:
        reads = self._reads
        reads.since = reads.begun.get(self, reads.last)
        if not left:
            reads.begun.pop(self, None)
        elif some or self not in reads.begun:
            reads.begun[self] = reads.last


class LineTap:
    """Implements runner.Tap for one who gets lines and holds some back."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    def left(self) -> Iterator[Taken]:
        return iter(())

    def took(self, data: bytes, at: Instant, carry: int) -> None:
        """Lines were read by somebody else."""

    def passes(self, some: bool, left: bool) -> None:
        begun = self._reads.begun
        if not left:
            begun.pop(self, None)
        elif some or self not in begun:
            begun[self] = self._reads.since


class NoTap:
    """Implements runner.Tap for streams that nothing is kept of."""

    def left(self) -> Iterator[Taken]:
        return iter(())

    def took(self, data: bytes, at: Instant, carry: int) -> None:
        pass

    def passes(self, some: bool, left: bool) -> None:
        pass
