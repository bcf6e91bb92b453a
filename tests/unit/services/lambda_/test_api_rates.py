"""API buckets of Lambda: every operation that is no invocation has one, and the profiles have its rate."""

from __future__ import annotations

import pytest

from windlass.aws.models import Models
from windlass.aws.quotas import load_profile
from windlass.services.lambda_ import SERVICE
from windlass.services.lambda_.api_rates import BUCKETS

INVOCATIONS = {"Invoke", "InvokeAsync", "InvokeWithResponseStream"}


def test_every_operation_but_invocations_has_a_bucket() -> None:
    models = Models(["lambda"])
    assert [name for name in BUCKETS if models.operation("lambda", name) is None] == []
    assert set(SERVICE.handlers) - set(BUCKETS) <= INVOCATIONS and not INVOCATIONS & set(BUCKETS)


@pytest.mark.parametrize("name", ["aws", "aws-2022"])
def test_profiles_have_a_rate_for_each(name: str) -> None:
    assert set(BUCKETS.values()) <= set(load_profile(name).buckets)
