"""How much waits to be delivered, and whether that is too much.

Deliveries live in the plane's memory for up to a day when their targets fail, so they have a limit of ours:
above it PutEvents is throttled, and fires of schedules and events of services are dropped and journaled.
"""

from __future__ import annotations

from windlass.kernel.store import Change, Store
from windlass.services.events.limits import BACKLOG_BYTES_MAX, DELIVERY_MEMORY_BYTES
from windlass.services.events.model import DELIVERIES, Delivery


class Backlog:
    """Weighs the deliveries under way. `most` is in bytes."""

    def __init__(self, store: Store, most: int = BACKLOG_BYTES_MAX) -> None:
        self._most = most
        self.held = sum(map(_weight, store[DELIVERIES].all()))
        store.watch((DELIVERIES,), self._weigh)

    @property
    def full(self) -> bool:
        """Whether nothing more should be taken."""
        return self.held >= self._most

    def _weigh(self, change: Change) -> None:
        self.held += _weight(change.new) if change.new is not None else 0
        self.held -= _weight(change.old) if change.old is not None else 0


def _weight(delivery: Delivery) -> int:
    """Roughly the bytes of memory that a delivery takes."""
    return DELIVERY_MEMORY_BYTES + len(delivery.event) + len(delivery.payload or "")
