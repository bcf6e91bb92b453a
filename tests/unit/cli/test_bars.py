"""Bars of text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from windlass.cli.bars import bar, shares

LENGTHS = st.lists(st.floats(0, 1e6), min_size=1, max_size=8)


def test_a_bar_is_as_long_as_its_share() -> None:
    assert (bar(0, 10, 8), bar(10, 10, 8), bar(5, 10, 8), bar(1e-9, 10, 8)) == ("", "█" * 8, "█" * 4, "▏")


@given(LENGTHS, st.integers(1, 80))
def test_shares_are_those_of_the_whole(parts: list[float], width: int) -> None:
    """Each within one character of its due, and together no longer than the whole bar."""
    most = sum(parts)
    found = shares(parts, most, width)
    assert sum(found) == (width if most > 0 else 0)
    assert all(abs(got - part / most * width) <= 1 for got, part in zip(found, parts, strict=True) if most)
