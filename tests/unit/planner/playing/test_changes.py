"""What scenarios change of a profile, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.aws.quotas import load_profile
from windlass.kernel.bucket import Rate
from windlass.planner.playing.changes import CannotPlay, changed, profile_of, throttled
from windlass.planner.scenario.model import Scenario

PROFILE = load_profile("aws-2022")


def test_numbers_and_buckets() -> None:
    """What is not said stays; a bucket that work cycles fill has the burst of one cycle."""
    found = changed(
        PROFILE, {"fargate.on_demand.tasks": 50, "ecs.deployment.fargate": {"refill": "1000/min"}}
    )
    assert found.quotas["fargate.on_demand.tasks"] == 50
    assert found.buckets["ecs.deployment.fargate"] == Rate(burst=168, per_minute=1_000)
    assert found.buckets["fargate.spot"] == PROFILE.buckets["fargate.spot"]


def test_a_throttled_bucket_has_hardly_a_burst() -> None:
    found = throttled(PROFILE, {"fargate.on_demand": 0.5})
    assert found.buckets["fargate.on_demand"] == Rate(burst=1, per_minute=30)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"fargate.on_demnd": 5}, "did you mean fargate.on_demand?"),
        ({"fargate.on_demand": 5}, "is a bucket"),
        ({"fargate.on_demand": {"refil": "5/s"}}, "a bucket has refill and burst"),
        ({"fargate.on_demand": {"burst": {}}}, "fargate.on_demand.burst: {} is not a number"),
        ({"fargate.on_demand.tasks": float("inf")}, "inf is not a number"),
        ({"fargate.on_demand.tasks": "many"}, "'many' is not a number"),
        ({"fargate.on_demand.tasks": -1}, "-1 is not a number from 0 on"),
    ],
)
def test_refused_quotas(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("?", r"\?")):
        changed(PROFILE, given)


def test_refused_elsewhere() -> None:
    with pytest.raises(ValueError, match="no bucket"):
        throttled(PROFILE, {"fargate.on_demand.tasks": 1})
    with pytest.raises(CannotPlay, match="did you mean image"):
        profile_of(Scenario("x", [], models={"image.pull_mb": 3}))
    with pytest.raises(CannotPlay, match="/dev/zero: this is no file"):
        profile_of(Scenario("x", [], profile="/dev/zero"))
