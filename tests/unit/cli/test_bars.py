"""Bars of text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from windlass.cli.bars import bar, columns, shares

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


@given(LENGTHS, st.integers(1, 20))
def test_columns_are_as_high_as_their_values(values: list[float], height: int) -> None:
    """As many lines as asked for; what is above 0 is seen, and the largest reaches the top."""
    lines = columns(values, height)
    assert len(lines) == height and all(len(line) == len(values) for line in lines)
    for place, value in enumerate(values):
        assert (lines[-1][place] != " ") == (value > 0)
        assert lines[0][place] == "█" or value < max(values) or value == 0
