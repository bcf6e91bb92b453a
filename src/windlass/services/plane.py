"""What the composition root gives to services, and what a service declares.

A service is a package with an `__init__.py` that exports one `Service` value named SERVICE. Services never
import each other; they meet in `calls`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from windlass.aws.calls import Calls, Handler
from windlass.aws.quotas import Quotas
from windlass.fleet.link import Links
from windlass.kernel.chance import Chance
from windlass.kernel.clock import Clock, Duration, Instant
from windlass.kernel.journal import Journal
from windlass.kernel.spawn import Spawn
from windlass.kernel.store import Store, Table, Transaction
from windlass.kernel.worklist import Worklist

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Plane:
    """Everything a service may hold on to. All of it is injected; two planes can live in one process."""

    clock: Clock
    chance: Chance
    store: Store
    journal: Journal
    spawn: Spawn
    calls: Calls
    links: Links
    """Sessions with nodes: for what cannot be a row, such as the payload of an invoke."""
    quotas: Quotas
    blobs: Path | None
    """Directory for large values by content (function code); None keeps them in memory."""

    def worklist(
        self,
        name: str,
        work: Callable[[Transaction, Sequence[T], Instant], None],
        everything: Callable[[], Iterable[tuple[Hashable, T]]],
        *,
        most: int,
        period: Duration,
    ) -> Worklist[T]:
        """A worklist of that name over the plane's store (kernel/worklist.py)."""
        return Worklist(
            name,
            self.store,
            self.clock,
            self.journal,
            work=work,
            everything=everything,
            most=most,
            period=period,
        )


@dataclass(frozen=True, slots=True)
class Service:
    """A service's declaration: what it serves, what it stores, what runs."""

    name: str
    """botocore's client name."""
    handlers: Mapping[str, Handler]
    tables: tuple[Table[Any], ...] = ()
    start: Callable[[Plane], Sequence[object]] = lambda plane: ()
    """Make the running parts (loops, pools, waiting rooms), start their tasks with `plane.spawn`."""
    partial: Mapping[str, str] = field(default_factory=dict)
    """Operation → what is missing, for those that are not full. Printed by `windlass coverage`."""
    invalid: str = "ValidationException"
    """Error code for parameters that break the model's constraints."""
    own_checks: frozenset[str] = frozenset()
    """Kinds of constraint that the service words itself: "required", "range", "enum", "pattern", "enum NAME".

    NAME is an enum's shape in the model.
    """
    throttled: str = "ThrottlingException"
    """Error code when an API bucket is empty."""
    throttled_members: Mapping[str, Any] = field(default_factory=dict)
    """Modelled members of that error."""
    buckets: Mapping[str, str] = field(default_factory=dict)
    """Operation → name of the API bucket it draws one token from, in the profile's `[buckets]`."""
    waits_itself: frozenset[str] = frozenset()
    """Operations whose answer mostly rests on no row: they wait for the log where they wrote something, and

    not for what others write meanwhile.
    """
    dropped_when_gone: frozenset[str] = frozenset()
    """Operations that only wait (a parked ReceiveMessage) and end when their client has gone."""
