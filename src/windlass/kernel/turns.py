"""Turns between owners who want the same thread, so that one who wants much does not hold up one who wants
little.

The loop runs what is ready in the order it became so: of a hundred requests that came in together, all of one
account's may stand before another's. Here each owner has a line, and one of each line goes on per turn of the
loop. While all is one owner's there are no turns. Knows neither requests nor accounts.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


SHARED_S = 60.0
"""How long after the last change of owners turns are taken: one owner alone pays nothing for fairness."""


class Turns:
    """Lives on one loop. `full` says that what went on is not worked off yet.

    Nobody goes on until `resume()`.
    """

    def __init__(self, full: Callable[[], bool] = lambda: False) -> None:
        self._full = full
        self._lines: dict[Hashable, deque[asyncio.Future[None]]] = {}
        self._taken = False
        """Whether somebody went on in this turn of the loop, or will in the next."""
        self._last: Hashable = None
        self._shared_until = 0.0

    async def take(self, owner: Hashable) -> None:
        """Return when it is that owner's turn; at once when nobody else goes on in this turn of the loop."""
        loop = asyncio.get_running_loop()
        if not self._shared(owner, loop.time()):
            return
        if not self._taken and not self._full():
            self._taken = True
            loop.call_soon(self._next)
            return
        place: asyncio.Future[None] = loop.create_future()
        line = self._lines.get(owner)
        if line is None:
            line = self._lines[owner] = deque()
        line.append(place)
        await place

    def resume(self) -> None:
        """Look again whether it is full. May be called at any time."""
        if self._lines and not self._taken:
            self._next()

    def _shared(self, owner: Hashable, now: float) -> bool:
        """Whether there was another owner lately."""
        if owner != self._last:
            if self._last is not None:
                self._shared_until = now + SHARED_S
            self._last = owner
        return now < self._shared_until

    def waiting(self) -> int:
        """How many stand in line."""
        return sum(map(len, self._lines.values()))

    def _next(self) -> None:
        """One of each line goes on."""
        self._taken = bool(self._lines) and not self._full()
        if not self._taken:
            return
        asyncio.get_running_loop().call_soon(self._next)
        for owner, line in list(self._lines.items()):
            _go(line)
            if not line:
                del self._lines[owner]


def _go(line: deque[asyncio.Future[None]]) -> None:
    """Let the first go on that is still there."""
    while line:
        place = line.popleft()
        if not place.done():
            place.set_result(None)
            return


class Lines(Generic[T]):
    """Work that waits, by owner.

    Each item once, taken one of each owner at a time, each owner's in its order.
    """

    def __init__(self) -> None:
        self._lines: OrderedDict[Hashable, OrderedDict[T, None]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, owner: Hashable, item: T) -> None:
        """Put it at the end of the owner's line, unless it is in it."""
        line = self._lines.get(owner)
        if line is None:
            line = self._lines[owner] = OrderedDict()
        if item not in line:
            line[item] = None
            self._count += 1

    def take(self, most: int) -> list[T]:
        """The next items, at most so many. An owner whose items were taken goes behind the others.

        >>> lines = Lines[str]()
        >>> for item in ("a1", "a2", "a3", "b1"):
        ...     lines.add(item[0], item)
        >>> lines.take(3), lines.take(3)
        (['a1', 'b1', 'a2'], ['a3'])
        """
        taken: list[T] = []
        while self._lines and len(taken) < most:
            owner, line = self._lines.popitem(last=False)
            several = 1 if self._lines else min(len(line), most - len(taken))  # it is the only one left
            taken += [line.popitem(last=False)[0] for _ in range(several)]
            if line:
                self._lines[owner] = line
        self._count -= len(taken)
        return taken
