"""How many attempts may start on Fargate: its launch buckets, and the quota that ECS shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.batch_rows import a_compute_environment
from tests.build import ACCOUNT, NOW, REGION
from windlass.aws.fargate_use import FargateUse
from windlass.aws.quotas import Profile, Quotas, Rate
from windlass.kernel.clock import SECOND
from windlass.services.batch.launches import Launches

SCOPE = (ACCOUNT, REGION)


def launches(quotas: Quotas, *running: Callable[..., int], now: int = NOW) -> Launches:
    use = FargateUse()
    for count in running:
        use.counted_by(count)
    tx: Any = None  # counts here read nothing
    return Launches(tx, quotas, use, now)


def test_without_limits() -> None:
    """Profile local: everything starts at once."""
    made = launches(Quotas(Profile("local")))
    assert made.granted(a_compute_environment(), 10_000) == 10_000
    assert made.look_again is None


def test_a_burst_then_a_rate() -> None:
    """100 at once, then 20 a second; On-Demand and Spot apart; EC2 not at all."""
    rate = Rate(burst=100, per_second=20)
    quotas = Quotas(Profile("p", buckets={"fargate.on_demand": rate, "fargate.spot": rate}))
    made = launches(quotas)
    assert [made.granted(a_compute_environment(), 60) for _ in range(3)] == [60, 40, 0]
    assert made.look_again == NOW + SECOND
    assert made.granted(a_compute_environment("FARGATE_SPOT"), 60) == 60
    assert made.granted(a_compute_environment("EC2"), 1_000) == 1_000
    assert made.granted(a_compute_environment(region="us-east-1"), 60) == 60
    assert launches(quotas, now=NOW + SECOND).granted(a_compute_environment(), 60) == 20


@pytest.mark.parametrize(("ecs", "batch", "granted"), [(0, 0, 10), (4, 3, 3), (9, 5, 0)])
def test_tasks_at_once(ecs: int, batch: int, granted: int) -> None:
    """The quota counts ECS's tasks and Batch's attempts; and those that start in the same transaction."""
    quotas = Quotas(Profile("p", quotas={"fargate.on_demand.tasks": 10}))
    made = launches(quotas, lambda *asked: ecs, lambda *asked: batch)
    first = made.granted(a_compute_environment(), 2)
    assert first + made.granted(a_compute_environment(), 50) == granted
    assert made.look_again is not None
