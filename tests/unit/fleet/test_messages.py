"""What messages say of themselves."""

from __future__ import annotations

import pytest

from windlass.fleet.messages import Desired


@pytest.mark.parametrize(
    ("generation", "since", "held", "behind"),
    [
        (4, -1, 5, True),
        (4, 3, 5, True),
        (5, 4, 5, True),  # the same difference again
        (5, -1, 5, False),  # the whole set may be taken as often as it comes
        (6, 5, 5, False),
        (7, 6, 5, False),  # a gap, which is another matter
    ],
)
def test_what_a_node_holds_already(generation: int, since: int, held: int, behind: bool) -> None:
    assert Desired(generation, since, ()).is_behind(held) is behind
