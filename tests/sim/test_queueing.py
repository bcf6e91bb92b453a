"""Queues of scenarios wait as long as queueing theory says: the planner against formulas of a century."""

from __future__ import annotations

import pytest

from tests.sim.queueing import Case, cases, erlang_b, erlang_c, wait_in_turn, wait_of_many, wait_of_one

ARRIVE_S = {
    "one task behind a load balancer": 5_000,
    "one task with at_once 1": 5_000,
    "4 workers of a queue": 1_000,
    "reserved concurrency 10": 200,
}
"""Seconds: the fewer servers, the more a mean owes to chance."""
USUALLY_S = 400
CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=[f"{case.name} {case.where}" for case in CASES])
def test_waits_are_those_of_the_theory(case: Case) -> None:
    """As near as 11,000 to 35,000 requests can say: more of them come nearer (docs/planner/fidelity.md)."""
    found = case.play(ARRIVE_S.get(case.where, USUALLY_S), 1)
    assert found == pytest.approx(case.theory, rel=0.1)


def test_formulas_agree_where_they_are_of_the_same_queue() -> None:
    """And with tables: Erlang's B of 10 lines at 8 erlangs is 12.17 %, his C 40.9 %."""
    assert erlang_b(10, 8) == pytest.approx(0.1217, abs=1e-4)
    assert erlang_c(10, 8) == pytest.approx(0.409, abs=1e-3)
    assert wait_of_many(1, 0.7, 2) == pytest.approx(wait_of_one(0.7, 2, 1)) == pytest.approx(14 / 3)
    assert wait_in_turn(1, 0.7, 2) == pytest.approx(14 / 3)
    assert wait_in_turn(10_000, 7_000, 1) == pytest.approx(0.876, rel=0.01)  # D/M/1
