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
    provisioned: bool = False
    """Made ahead of events, and kept however long there are none."""


class Pool:
    """The environments of one function."""

    def __init__(self) -> None:
        self._idle: dict[str, tuple[Warm, Instant]] = {}
        """By unit id, the one used last at the end, with the instant since when it is idle."""
        self._ahead: dict[str, Warm] = {}
        """Idle ones that are provisioned, the one used last at the end."""
        self._busy: dict[str, Warm] = {}
        self._busy_ahead: set[str] = set()
        """Those of the busy that are provisioned."""
        self._retired: set[str] = set()
        """Busy ones that are of no use once they `finished`."""
        self._closed = False

    def __len__(self) -> int:
        return len(self._idle) + len(self._ahead) + len(self._busy)

    def __contains__(self, unit_id: str) -> bool:
        return unit_id in self._idle or unit_id in self._ahead or unit_id in self._busy

    def used_at(self, now: Instant) -> Instant | None:
        """When one of them last had an event, or was initialised for events to come; None: there are none."""
        if self._busy or self._ahead:
            return now
        return max((since for _, since in self._idle.values()), default=None)

    @property
    def provisioned_idle(self) -> int:
        """Provisioned environments that take an event now."""
        return len(self._ahead)

    @property
    def provisioned_busy(self) -> int:
        return len(self._busy_ahead)

    def choose(self, generation: int, now: Instant, life: Duration) -> Warm | None:
        """Take the idle environment of that generation that was used last, not older than `life`.

        Idle a (used first), b (used last) → b, which is busy from now on; None: start another. Provisioned
        ones come first: they are paid for, and versions, which have them, have one generation only.
        """
        if self._ahead:
            unit_id, environment = self._ahead.popitem()
            self._busy[unit_id] = environment
            self._busy_ahead.add(unit_id)
            return environment
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
        """One that was there before this plane, or was made ahead of events: idle as far as we know."""
        if environment.provisioned:
            self._ahead[environment.unit_id] = environment
        else:
            self._idle[environment.unit_id] = (environment, now)

    def finished(self, unit_id: str, now: Instant) -> bool:
        """Its event is done and it takes another; False: it is of no use any more.

        Nothing happens to one that is gone meanwhile.
        """
        environment = self._busy.get(unit_id)
        of_use = not self._closed and unit_id not in self._retired
        self.drop(unit_id)
        if environment is not None and of_use:
            self.adopt(environment, now)
        return of_use

    def drop(self, unit_id: str) -> None:
        """It is gone, or about to be."""
        self._idle.pop(unit_id, None)
        self._ahead.pop(unit_id, None)
        self._busy.pop(unit_id, None)
        self._busy_ahead.discard(unit_id)
        self._retired.discard(unit_id)

    def retire(self, unit_id: str) -> bool:
        """It is of no more use: whether it can be stopped now. A busy one can once it `finished`."""
        if unit_id in self._busy:
            self._retired.add(unit_id)
            return False
        self.drop(unit_id)
        return True

    def is_leaving(self, unit_id: str) -> bool:
        """Whether it was retired and has an event still."""
        return unit_id in self._retired

    def spare(self, generation: int, now: Instant, idle: Duration, life: Duration) -> list[str]:
        """Take out the idle environments that are of no use: idle too long, too old, or of old settings.

        Not the provisioned ones, which provisioned.py plans for.
        """
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
        found = [*self._idle, *self._ahead]
        self._forget(found)
        return found

    def _forget(self, unit_ids: Iterable[str]) -> None:
        for unit_id in unit_ids:
            self.drop(unit_id)
