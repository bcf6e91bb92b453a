"""A loop over single items that something happened to: some in each transaction, their owners in turn.

Whoever watches the store adds what changed; each pass takes the next items, works on them in one transaction
and waits for the log, so that no owner fills that alone. A pass that the world refused (`Retry`) puts its
items back. By period everything is looked at, in case a wake-up was lost. Knows neither rows nor services.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Generic, TypeVar

from windlass.kernel.clock import Clock, Duration, Instant
from windlass.kernel.faults import Retry
from windlass.kernel.journal import Journal
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Store, Transaction
from windlass.kernel.turns import Lines

T = TypeVar("T", bound=Hashable)

_ADDED = "added"
_PUT_BACK = ""
"""The owner of items that were taken once: they have one line for all."""


class Worklist(Generic[T]):
    """Run it with `spawn.start(list.loop.name, list.loop.run())`.

    `work` writes what becomes of some items; it gets each once, and those that are gone by then too.
    `everything` names all items there are, with their owners. `most` is how many items one transaction has,
    so that no pass holds up calls for long.
    """

    def __init__(
        self,
        name: str,
        store: Store,
        clock: Clock,
        journal: Journal,
        *,
        work: Callable[[Transaction, Sequence[T], Instant], None],
        everything: Callable[[], Iterable[tuple[Hashable, T]]],
        most: int,
        period: Duration,
    ) -> None:
        self._store = store
        self._work = work
        self._everything = everything
        self._most = most
        self._items = Lines[T]()
        self.loop = Loop(name, clock, journal, self._pass, period=period)

    def add(self, owner: Hashable, item: T) -> None:
        """Have it worked on soon. May be called at any time, also for an item that waits already."""
        self._items.add(owner, item)
        self.loop.wake(_ADDED)

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        if not keys:
            for owner, item in self._everything():
                self._items.add(owner, item)
        items = self._items.take(self._most)
        if not items:
            return None
        try:
            with self._store.transact() as tx:
                self._work(tx, items, now)
            await self._store.durable()
        except Retry:
            for item in items:
                self._items.add(_PUT_BACK, item)
            raise
        if len(self._items):
            self.loop.wake(_ADDED)
        return None
