"""The states of a mapping: which calls each takes, and that every one ends somewhere."""

from __future__ import annotations

import pytest

from windlass.kernel.machine import allows
from windlass.services.lambda_.sources.transitions import MAPPING_MOVES, SETTLED, change

CALLS = ("change", "enable", "disable", "delete")


def test_only_settled_mappings_take_calls() -> None:
    """The others are in use; and each of those is settled by the controller's next word, or deleted."""
    states = {state for state, _ in MAPPING_MOVES}
    for state in states - set(SETTLED):
        assert not any(allows(MAPPING_MOVES, state, call) for call in CALLS)
        after = {
            MAPPING_MOVES[state, event] for event in ("opened", "closed") if (state, event) in MAPPING_MOVES
        }
        assert after and after <= set(SETTLED)
    for state in SETTLED:
        assert {call for call in CALLS if allows(MAPPING_MOVES, state, call)} >= {"change", "delete"}


@pytest.mark.parametrize(
    ("enabled", "wanted", "event"),
    [(True, True, "change"), (False, False, "change"), (False, True, "enable"), (True, False, "disable")],
)
def test_events_of_updates(enabled: bool, wanted: bool, event: str) -> None:
    assert change(enabled, wanted) == event
