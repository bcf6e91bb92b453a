"""Token bucket arithmetic on integers: pure, so the simulator and the plane cannot disagree.

Levels are kept in parts, sixty thousand million to a token: a bucket that refills 20 per second gains 1,200
parts in a nanosecond, one that refills 500 per minute gains 500, and nothing is ever rounded. Time never runs
backwards in here: an earlier `now` than the last one refills nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from windlass.kernel.clock import Duration, Instant

PARTS = 60_000_000_000
"""Parts of a token: nanoseconds of a minute, so that rates per second and per minute are both whole."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` tokens at most; refilled at so many per second and per minute together (whole numbers)."""

    burst: int
    per_second: int = 0
    per_minute: int = 0

    @property
    def parts(self) -> int:
        """Parts that come in each nanosecond."""
        return 60 * self.per_second + self.per_minute


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket's level at an instant. Make a full one with `full()`."""

    parts: int
    at: Instant


def full(rate: Rate, now: Instant) -> Bucket:
    return Bucket(rate.burst * PARTS, now)


def is_full(bucket: Bucket, rate: Rate, now: Instant) -> bool:
    """Whether it holds its burst: nobody need remember it then."""
    return refill(bucket, rate, now).parts >= rate.burst * PARTS


def level(bucket: Bucket, rate: Rate, now: Instant) -> int:
    """Whole tokens that are there."""
    return refill(bucket, rate, now).parts // PARTS


def refill(bucket: Bucket, rate: Rate, now: Instant) -> Bucket:
    """The bucket as it stands at `now`."""
    passed = max(0, now - bucket.at)
    parts = min(rate.burst * PARTS, bucket.parts + passed * rate.parts)
    return Bucket(parts, max(now, bucket.at))


def take(bucket: Bucket, rate: Rate, count: int, now: Instant) -> tuple[Bucket, bool]:
    """Take `count` tokens or none. Returns the bucket afterwards and whether they were taken."""
    filled = refill(bucket, rate, now)
    if filled.parts < count * PARTS:
        return filled, False
    return replace(filled, parts=filled.parts - count * PARTS), True


def take_up_to(bucket: Bucket, rate: Rate, count: int, now: Instant) -> tuple[Bucket, int]:
    """Take as many of `count` tokens as there are. Returns the bucket afterwards and how many."""
    filled = refill(bucket, rate, now)
    taken = min(count, filled.parts // PARTS)
    return replace(filled, parts=filled.parts - taken * PARTS), taken


def give_back(bucket: Bucket, rate: Rate, count: int, now: Instant) -> Bucket:
    """Put `count` tokens back that were taken and not used; what does not fit is lost."""
    filled = refill(bucket, rate, now)
    return replace(filled, parts=min(rate.burst * PARTS, filled.parts + count * PARTS))


def wait_for(bucket: Bucket, rate: Rate, count: int, now: Instant) -> Duration | None:
    """How long until `count` tokens are there; None when the bucket can never hold that many."""
    if count > rate.burst:
        return None
    missing = count * PARTS - refill(bucket, rate, now).parts
    if missing <= 0:
        return 0
    return None if rate.parts == 0 else -(-missing // rate.parts)
