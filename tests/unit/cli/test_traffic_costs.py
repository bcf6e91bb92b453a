from __future__ import annotations

import pytest

from windlass.cli.demos.traffic_costs import active_s, of_function, of_instances, of_tasks


def test_functions_are_billed_by_the_millisecond() -> None:
    """A million events of 100 ms in 128 MB: 0.20 for the requests, 0.208 for 12,500 GB-seconds."""
    assert 10_000 * of_function([0.0991] * 100) == pytest.approx(0.20 + 12_500 * 0.0000166667)


def test_tasks_are_billed_for_a_minute_at_least_beside_their_load_balancer() -> None:
    an_hour = of_tasks([3600.0], 3600.0, 3600 * 25)
    assert an_hour == pytest.approx(0.25 * 0.04048 + 0.5 * 0.004445 + 0.0225 + 0.008)
    assert of_tasks([1.0], 3600.0, 0) == of_tasks([60.0], 3600.0, 0)


def test_instances_cost_memory_always_and_a_cpu_while_active() -> None:
    assert of_instances([3600.0, 3600.0], 0) == pytest.approx(2 * 0.5 * 0.007)
    assert of_instances([], 3600.0) == pytest.approx(0.25 * 0.064)


@pytest.mark.parametrize(
    ("answered", "active"),
    [([], 0), ([5.0], 60), ([0.0, 30.0], 90), ([300.0, 0.0, 30.0], 150), ([0.0, 60.0], 120)],
)
def test_an_instance_is_active_for_a_minute_after_each_answer(answered: list[float], active: float) -> None:
    assert active_s(answered) == active
