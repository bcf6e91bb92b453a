"""Which environment takes the next event: the idle one used last, or a new one when all are busy.

One Pool per function, in memory: which environments exist are rows, which are busy is not. Decides from what
it was told; holds no clock, store or loop. Costs O(1) per event. Whether an event may run at all is
concurrency.py's business.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from windlass.kernel.clock import Duration, Instant
from windlass.kernel.faults import Bug


@dataclass(frozen=True, slots=True)
class Warm:
    """An environment as the pool knows it: `generation` of the settings it was made from.

    `attached`: how long an interface of its own took, before the environment was created.
    """

    unit_id: str
    node_id: str
    generation: int
    created_at: Instant
    attached: Duration = 0


class Pool:
    """The environments of one function."""

    def __init__(self) -> None:
        self._idle: dict[str, tuple[Warm, Instant]] = {}
        """By unit id, the one used last at the end, with the instant since when it is idle."""
        self._busy: dict[str, Warm] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._idle) + len(self._busy)

    def choose(self, generation: int, now: Instant, life: Duration) -> Warm | None:
        """Take the idle environment of that generation that was used last, not older than `life`.

        Idle a (used first), b (used last) → b, which is busy from now on; None: start another.
        """
        for unit_id in reversed(self._idle):
            environment, _ = self._idle[unit_id]
            if environment.generation == generation and now - environment.created_at < life:
                del self._idle[unit_id]
                self._busy[unit_id] = environment
                return environment
        return None

    def started(self, environment: Warm) -> None:
        """A new one is ready, and busy with the event that it was started for."""
        if environment.unit_id in self._idle or environment.unit_id in self._busy:
            raise Bug("an environment was started twice", environment)
        self._busy[environment.unit_id] = environment

    def adopt(self, environment: Warm, now: Instant) -> None:
        """One that was there before this plane: idle as far as we know."""
        self._idle[environment.unit_id] = (environment, now)

    def finished(self, unit_id: str, now: Instant) -> bool:
        """Its event is done and it takes another; False: it is of no use any more.

        Nothing happens to one that is gone meanwhile.
        """
        environment = self._busy.pop(unit_id, None)
        if environment is not None and not self._closed:
            self._idle[unit_id] = (environment, now)
        return not self._closed

    def drop(self, unit_id: str) -> None:
        """It is gone, or about to be."""
        self._idle.pop(unit_id, None)
        self._busy.pop(unit_id, None)

    def spare(self, generation: int, now: Instant, idle: Duration, life: Duration) -> list[str]:
        """Take out the idle environments that are of no use: idle too long, too old, or of old settings."""
        found = [
            unit_id
            for unit_id, (environment, since) in self._idle.items()
            if now - since >= idle
            or now - environment.created_at >= life
            or environment.generation != generation
        ]
        self._forget(found)
        return found

    def close(self) -> list[str]:
        """The function is gone: take out the idle ones. The others are of no use once they `finished`."""
        self._closed = True
        found = list(self._idle)
        self._forget(found)
        return found

    def _forget(self, unit_ids: Iterable[str]) -> None:
        for unit_id in unit_ids:
            self.drop(unit_id)
