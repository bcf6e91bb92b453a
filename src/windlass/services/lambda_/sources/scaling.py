"""How many batches of a mapping may run at once, and how long it pauses when they fail. Pure.

It starts with five; while every place is taken, places are added at 300 a minute up to 1,250; while some are
free they go back to five at the same rate. Each batch that failed or was refused halves the places, and there
are no more until one succeeds; from the second in a row on, the next receive waits too, doubling. Sources:
Lambda Developer Guide, "Configuring scaling behavior for SQS event source mappings" (the figures); that
failures reduce the concurrency is stated there, how is not published: those curves are settings (unverified).
Arithmetic is on integers, in kernel/bucket's parts: nothing is rounded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from windlass.kernel.bucket import PARTS
from windlass.kernel.clock import Duration, Instant


@dataclass(frozen=True, slots=True)
class Scaling:
    """The figures in force. `ceiling` is the mapping's maximum concurrency where that is lower."""

    start: int
    per_minute: int
    ceiling: int
    pause_first: Duration
    pause_max: Duration


@dataclass(frozen=True, slots=True)
class Places:
    """A mapping's places at an instant, and whether all were taken since. `failures`: batches in a row."""

    parts: int
    at: Instant
    taken: int = 0
    failures: int = 0

    @property
    def count(self) -> int:
        return self.parts // PARTS


def opening(scaling: Scaling, now: Instant) -> Places:
    """A mapping that was just switched on."""
    return Places(min(scaling.start, scaling.ceiling) * PARTS, now)


def observed(places: Places, taken: int, scaling: Scaling, now: Instant) -> Places:
    """The places now that so many are taken; what passed since was with as many taken as before."""
    moved = 0 if places.failures else max(0, now - places.at) * scaling.per_minute
    ceiling, rest = scaling.ceiling * PARTS, min(scaling.start, scaling.ceiling) * PARTS
    if places.taken >= places.count:
        parts = min(ceiling, places.parts + moved)
    elif places.parts < rest:
        parts = min(rest, places.parts + moved)
    else:
        parts = min(ceiling, max(rest, places.parts - moved))
    return replace(places, parts=parts, at=max(now, places.at), taken=taken)


def failed(places: Places) -> Places:
    """After a batch that failed or was refused: half the places, but one."""
    return replace(places, parts=max(PARTS, places.parts // 2), failures=places.failures + 1)


def succeeded(places: Places) -> Places:
    return replace(places, failures=0)


def next_place_at(places: Places, scaling: Scaling) -> Instant | None:
    """When there is one more place if all stay taken; None when there never is."""
    if (
        places.failures
        or places.count >= scaling.ceiling
        or places.taken < places.count
        or not scaling.per_minute
    ):
        return None
    missing = (places.count + 1) * PARTS - places.parts
    return places.at + -(-missing // scaling.per_minute)


def pause(failures: int, scaling: Scaling) -> Duration:
    """Before the next receive: none after one failure, then doubling. First 1 s: 0, 0, 1 s, 2 s, 4 s."""
    if failures < 2:
        return 0
    return min(scaling.pause_max, scaling.pause_first << min(failures - 2, 20))


def retry_wait(refusals: int, scaling: Scaling) -> Duration:
    """Before a refused invocation is tried again with the same batch, after so many refusals."""
    return min(scaling.pause_max, scaling.pause_first << min(refusals - 1, 20))
