"""What DescribeTargetHealth says, first match wins."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.kernel.clock import SECOND
from windlass.services.elbv2.model import Target
from windlass.services.elbv2.target_health import Surroundings, shown

AT = 1_800_000_000 * SECOND


@pytest.mark.parametrize(
    ("columns", "around", "expected"),
    [
        ({"state": "draining"}, {"machine": "terminated"}, ("draining", "Target.DeregistrationInProgress")),
        ({"state": "healthy"}, {"machine": "terminated"}, ("unused", "Target.InvalidState")),
        ({"state": "healthy"}, {"in_use": False}, ("unused", "Target.NotInUse")),
        ({"state": "healthy"}, {"zone_enabled": False}, ("unused", "Target.NotInUse")),
        ({"state": "healthy"}, {"checked": False}, ("unavailable", "Target.HealthCheckDisabled")),
        ({}, {}, ("initial", "Elb.InitialHealthChecking")),
        ({"since": AT}, {}, ("initial", "Elb.RegistrationInProgress")),
        ({"state": "healthy"}, {}, ("healthy", "")),
        (
            {"state": "unhealthy", "reason": "Target.Timeout", "description": "Request timed out"},
            {"machine": "running"},
            ("unhealthy", "Target.Timeout"),
        ),
    ],
)
def test_a_target(columns: Any, around: Any, expected: tuple[str, str]) -> None:
    target = Target("arn:group", "10.0.0.1", 80, AT - 60 * SECOND, **columns)
    surroundings = Surroundings(**{"in_use": True, "checked": True, **around})
    health = shown(target, surroundings, AT)
    assert (health.state, health.code) == expected
    assert bool(health.reason) == bool(health.code)


def test_one_that_is_not_there() -> None:
    health = shown(None, Surroundings(in_use=True, checked=True), AT)
    assert (health.state, health.code) == ("unused", "Target.NotRegistered")
