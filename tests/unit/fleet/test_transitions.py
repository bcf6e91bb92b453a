from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fleet_build import a_state, a_unit
from windlass.fleet.messages import ContainerState
from windlass.fleet.model import Unit
from windlass.fleet.transitions import ENDED, UNIT_MOVES, apply_observed, assign, lose, occupies, withdraw
from windlass.kernel.faults import Bug

STATUSES = ("pending", "running", "stopping", "stopped")


def an_assigned(state: str = "assigned") -> Unit:
    return a_unit("u", state=state, node_id="n1")


@pytest.mark.parametrize(
    ("state", "report", "after"),
    [
        ("assigned", "pending", "starting"),
        ("assigned", "stopped", "stopped"),
        ("starting", "running", "running"),
        ("running", "pending", "running"),
        ("running", "stopping", "stopping"),
        ("stopping", "running", "stopping"),
        ("stopping", "stopped", "stopped"),
        ("stopped", "running", "stopped"),
        ("lost", "running", "lost"),
        ("waiting", "running", "waiting"),
    ],
)
def test_report_moves_unit(state: str, report: str, after: str) -> None:
    """A report moves a unit on, never back, and an ended unit not at all."""
    assert apply_observed(an_assigned(state), a_state("u", report)).state == after


def test_same_report_changes_nothing() -> None:
    """A doubled report gives the very same object, so that nothing is written."""
    unit = apply_observed(an_assigned(), a_state("u", "running"))
    assert apply_observed(unit, a_state("u", "running")) is unit


def test_late_report_keeps_stopped_container() -> None:
    """A report from before a sidecar stopped comes late: the sidecar stays stopped."""
    newer = a_state(
        "u", "running", containers=(ContainerState("a", "stopped", 0), ContainerState("b", "running"))
    )
    older = a_state(
        "u", "running", containers=(ContainerState("a", "running"), ContainerState("b", "running"))
    )
    unit = apply_observed(an_assigned(), newer)
    assert apply_observed(unit, older) is unit


@given(st.lists(st.sampled_from(STATUSES)))
def test_reports_in_any_order_never_go_back(reports: list[str]) -> None:
    """Whatever order reports come in, the state's rank never falls and an end is final."""
    order = ["assigned", "starting", "running", "stopping", "stopped"]
    unit = an_assigned()
    for report in reports:
        after = apply_observed(unit, a_state("u", report))
        assert order.index(after.state) >= order.index(unit.state)
        unit = after


def test_unlisted_move_is_a_bug() -> None:
    """Losing a unit that has ended is our mistake and says so."""
    with pytest.raises(Bug):
        lose(an_assigned("stopped"), "why")


def test_moves_of_the_controller() -> None:
    """Assign, withdraw and lose do what their names say."""
    placed = assign(a_unit("u", why="no room"), "n1", 7)
    assert (placed.state, placed.node_id, placed.generation, placed.why) == ("assigned", "n1", 7, "")
    assert withdraw(a_unit("u")).state == "stopped"
    assert lose(placed, "gone").why == "gone"
    assert not any(occupies(unit) for unit in (a_unit("u"), withdraw(a_unit("u")), lose(placed, "")))


def test_ended_states_have_no_way_out() -> None:
    """The table lists no move from an ended state."""
    assert not [move for move in UNIT_MOVES if move[0] in ENDED]
