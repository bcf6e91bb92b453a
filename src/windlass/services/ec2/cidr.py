"""IPv4 ranges and addresses as integers: what fits, what overlaps, what a subnet may give away. Pure.

Rules: VPC User Guide, "VPC CIDR blocks" and "Subnet sizing". IPv6 ranges exist in security group rules only,
as text. Worked example: 172.31.0.0/20 has 4,096 addresses; the first four and the last are AWS's, so
4,091 are free.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from windlass.services.ec2 import limits

ADDRESSES = 1 << 32


@dataclass(frozen=True, slots=True)
class Block:
    """A range: its first address and the length of its mask."""

    first: int
    prefix: int

    @property
    def size(self) -> int:
        return 1 << (32 - self.prefix)

    @property
    def last(self) -> int:
        return self.first + self.size - 1

    @property
    def usable(self) -> tuple[int, int]:
        """The first and last address that an interface may have."""
        return self.first + limits.RESERVED_FIRST, self.last - limits.RESERVED_LAST

    @property
    def usable_count(self) -> int:
        low, high = self.usable
        return high - low + 1

    def holds(self, other: Block) -> bool:
        return self.first <= other.first and other.last <= self.last

    def overlaps(self, other: Block) -> bool:
        return self.first <= other.last and other.first <= self.last

    def __str__(self) -> str:
        return _written(self.first, self.prefix)


def block(written: str) -> Block | None:
    """A range as written, in its canonical form, as AWS takes it; None for what is none.

    >>> str(block("100.68.0.18/18"))
    '100.68.0.0/18'
    """
    address, slash, mask = written.partition("/")
    first = number(address)
    if first is None or not slash or not mask.isascii() or not mask.isdecimal() or int(mask) > 32:
        return None
    prefix = int(mask)
    return Block(first & (ADDRESSES - (1 << (32 - prefix))), prefix)


def block6(written: str) -> str | None:
    """An IPv6 range in its canonical form, as text; None for what is none.

    >>> block6("2001:DB8:0::1/32")
    '2001:db8::/32'
    """
    if "/" not in written or "%" in written:
        return None
    try:
        return str(ipaddress.IPv6Network(written, strict=False))
    except ValueError:
        return None


def number(written: str) -> int | None:
    """An address as an integer; None for what is none."""
    try:
        return int(ipaddress.IPv4Address(written))
    except ValueError:
        return None


@lru_cache(maxsize=4_096)
def text(address: int) -> str:
    """An address in dotted form: the same text for all who ask within a transaction, and keep it.

    >>> text(0xAC1F0004)
    '172.31.0.4'
    """
    return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"


@lru_cache(maxsize=4_096)
def _written(first: int, prefix: int) -> str:
    """The same text for all who ask: each interface has that of its subnet, and of its VPC."""
    return f"{text(first)}/{prefix}"


def divided(whole: Block, prefix: int, count: int) -> list[Block]:
    """The first `count` parts of that size, side by side.

    >>> [str(part) for part in divided(block("172.31.0.0/16"), 20, 3)]
    ['172.31.0.0/20', '172.31.16.0/20', '172.31.32.0/20']
    """
    size = 1 << (32 - prefix)
    return [Block(whole.first + n * size, prefix) for n in range(min(count, whole.size // size))]


def free(taken_upto: Callable[[int], int], first: int, last: int, start: int) -> int | None:
    """The first free address from `start` on, going round at `last`; None when all are taken.

    `taken_upto(a)` counts the taken addresses of the range up to `a`, itself included: an address index
    gives it in O(log n), so that this costs O(log² n) and no walk.
    """
    if first <= start <= last and taken_upto(start) == taken_upto(start - 1):
        return start  # nearly always, when the start is drawn and the range not full
    after = _gap(taken_upto, start, last)
    return _gap(taken_upto, first, start - 1) if after is None else after


def _gap(taken_upto: Callable[[int], int], first: int, last: int) -> int | None:
    """The first free address of first…last, by halving: up to it, everything is taken."""
    before = taken_upto(first - 1)
    if first > last or taken_upto(last) - before == last - first + 1:
        return None
    low, high = first, last
    while low < high:
        middle = (low + high) // 2
        if taken_upto(middle) - before == middle - first + 1:
            low = middle + 1
        else:
            high = middle
    return low
