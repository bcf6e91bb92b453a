"""Ranges and addresses: what a subnet can give away, and which address is given next."""

from __future__ import annotations

from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.services.ec2.cidr import Block, block, block6, divided, free, text


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("10.0.0.0/16", "10.0.0.0/16"),
        ("10.0.0.1/24", "10.0.0.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("10.0.0.4/32", "10.0.0.4/32"),
    ],
)
def test_a_range_is_made_canonical(written: str, canonical: str) -> None:
    assert str(block(written)) == canonical


@pytest.mark.parametrize(
    "written",
    ["", "10.0.0.0", "10.0.0/16", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/¹", "a/8", "::/0", "1/1/1"],
)
def test_what_is_no_range(written: str) -> None:
    assert block(written) is None


@pytest.mark.parametrize("written", ["10.0.0.0/8", "::1", "fe80::%eth0/64", "::/129"])
def test_what_is_no_ipv6_range(written: str) -> None:
    assert block6(written) is None


def test_a_subnet_keeps_five_addresses() -> None:
    """VPC User Guide: the first four and the last; a /28 has 11 to give."""
    small = Block(0x0A000000, 28)
    assert small.usable_count == 11
    assert [text(address) for address in small.usable] == ["10.0.0.4", "10.0.0.14"]


def test_a_range_is_divided_no_further_than_it_goes() -> None:
    assert [str(part) for part in divided(Block(0x0A000000, 24), 25, 3)] == ["10.0.0.0/25", "10.0.0.128/25"]


@given(
    taken=st.sets(st.integers(10, 40)),
    bounds=st.tuples(st.integers(10, 40), st.integers(10, 40), st.integers(10, 40)),
)
def test_the_free_address_is_the_first_from_the_start_on(
    taken: set[int], bounds: tuple[int, int, int]
) -> None:
    """The same as a walk from the start to the end, and then from the beginning."""
    first, start, last = sorted(bounds)
    held = sorted(taken)
    walk = [address for address in (*range(start, last + 1), *range(first, start)) if address not in taken]
    found = free(lambda upto: bisect_right(held, upto), first, last, start)
    assert found == (walk[0] if walk else None)


@given(
    one=st.tuples(st.integers(0, 255), st.integers(24, 32)),
    other=st.tuples(st.integers(0, 255), st.integers(24, 32)),
)
def test_ranges_overlap_where_they_share_an_address(one: tuple[int, int], other: tuple[int, int]) -> None:
    a, b = (Block(first & -(1 << (32 - prefix)) & 0xFF, prefix) for first, prefix in (one, other))
    shared = set(range(a.first, a.last + 1)) & set(range(b.first, b.last + 1))
    assert a.overlaps(b) == bool(shared)
    assert a.holds(b) == (len(shared) == b.size)
