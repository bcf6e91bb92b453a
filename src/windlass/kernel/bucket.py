"""Token bucket arithmetic on integers: pure, so the simulator and the plane cannot disagree.

Levels are kept in nano-tokens; a bucket that refills 20 per second gains 20 nano-tokens per nanosecond.
Time never runs backwards in here: an earlier `now` than the last one refills nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from windlass.kernel.clock import Duration, Instant

_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` tokens at most, `per_second` tokens refilled each second (both whole numbers)."""

    burst: int
    per_second: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket's level at an instant. Make a full one with `full()`."""

    nano_tokens: int
    at: Instant


def full(rate: Rate, now: Instant) -> Bucket:
    return Bucket(rate.burst * _NANO, now)


def refill(bucket: Bucket, rate: Rate, now: Instant) -> Bucket:
    """The bucket as it stands at `now`."""
    passed = max(0, now - bucket.at)
    level = min(rate.burst * _NANO, bucket.nano_tokens + passed * rate.per_second)
    return Bucket(level, max(now, bucket.at))


def take(bucket: Bucket, rate: Rate, count: int, now: Instant) -> tuple[Bucket, bool]:
    """Take `count` tokens or none. Returns the bucket afterwards and whether they were taken."""
    filled = refill(bucket, rate, now)
    if filled.nano_tokens < count * _NANO:
        return filled, False
    return replace(filled, nano_tokens=filled.nano_tokens - count * _NANO), True


def take_up_to(bucket: Bucket, rate: Rate, count: int, now: Instant) -> tuple[Bucket, int]:
    """Take as many of `count` tokens as there are. Returns the bucket afterwards and how many."""
    filled = refill(bucket, rate, now)
    taken = min(count, filled.nano_tokens // _NANO)
    return replace(filled, nano_tokens=filled.nano_tokens - taken * _NANO), taken


def wait_for(bucket: Bucket, rate: Rate, count: int, now: Instant) -> Duration | None:
    """How long until `count` tokens are there; None when the bucket can never hold that many."""
    if count > rate.burst:
        return None
    missing = count * _NANO - refill(bucket, rate, now).nano_tokens
    if missing <= 0:
        return 0
    return None if rate.per_second == 0 else -(-missing // rate.per_second)
