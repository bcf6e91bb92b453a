"""Which templates a version needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.function_messages import INIT_FAILURE, INIT_TIMEOUT
from windlass.services.lambda_.snap_start import Held, Plan, failure, plan

HELD = st.lists(
    st.builds(Held, st.uuids().map(str), st.integers(0, 5), st.booleans()), unique_by=lambda one: one.unit_id
)


@pytest.mark.parametrize(
    ("wanted", "held", "expected"),
    [
        (True, [], Plan(make=True)),
        (True, [Held("a", 1)], Plan()),
        (True, [Held("a", 1, ready=True), Held("b", 2)], Plan(stop=("b",))),
        (True, [Held("a", 1, ready=True), Held("b", 2, ready=True)], Plan(stop=("a",))),
        (False, [Held("a", 1, ready=True)], Plan(stop=("a",))),
        (False, [], Plan()),
    ],
)
def test_one_is_enough(wanted: bool, held: list[Held], expected: Plan) -> None:
    assert plan(wanted, held) == expected


@given(st.booleans(), HELD)
def test_what_is_planned_is_what_is_there_afterwards(wanted: bool, held: list[Held]) -> None:
    """Exactly one is left or made if one is wanted, ready if one is, and none else."""
    found = plan(wanted, held)
    left = [one for one in held if one.unit_id not in found.stop]
    assert len(left) + found.make == wanted
    assert not left or left[0].ready == any(one.ready for one in held)


@pytest.mark.parametrize(
    ("reason", "code"),
    [(INIT_FAILURE, "FunctionError"), (INIT_TIMEOUT, "FunctionError.InitTimeout"), ("", "InternalError")],
)
def test_a_failure_has_awss_code(reason: str, code: str) -> None:
    assert failure(reason).code == code and failure(reason).text
