"""Clocks that are set while they are read."""

from __future__ import annotations

from windlass.kernel.clock import HOUR, SECOND, Jumps

NOW = 1_800_000_000 * SECOND


def test_a_jump_is_found_once() -> None:
    """Forward and back, whatever time passes meanwhile; small steps are none."""
    jumps = Jumps(NOW, 100.0)
    assert jumps.look(NOW + 7 * SECOND, 107.0) == 0
    assert jumps.look(NOW + HOUR + 8 * SECOND, 108.0) == HOUR
    assert jumps.look(NOW + HOUR + 9 * SECOND, 109.0) == 0
    assert jumps.look(NOW + 10 * SECOND, 110.0) == -HOUR
    assert jumps.look(NOW + 11 * SECOND + SECOND // 2, 111.0) == 0
