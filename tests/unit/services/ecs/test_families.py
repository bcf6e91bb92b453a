"""API buckets: every operation named is one of ECS's, every bucket is in the profiles."""

from __future__ import annotations

import pytest

from windlass.aws.models import Models
from windlass.aws.quotas import load_profile
from windlass.services.ecs.families import BUCKETS, FAMILIES


def test_operations_are_ecs_operations_and_in_one_family_only() -> None:
    models = Models(["ecs"])
    assert [name for name in BUCKETS if models.operation("ecs", name) is None] == []
    assert sum(map(len, FAMILIES.values())) == len(BUCKETS)


@pytest.mark.parametrize("name", ["aws", "aws-2022"])
def test_profiles_have_a_rate_for_each(name: str) -> None:
    assert set(BUCKETS.values()) <= set(load_profile(name).buckets)
