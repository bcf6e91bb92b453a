"""The catalogue of quotas: codes that stay, and nothing of the AWS profiles left out."""

from __future__ import annotations

import re

import pytest

from windlass.aws.quotas import load_profile
from windlass.services.service_quotas import catalogue
from windlass.services.service_quotas.catalogue import BY_CODE, QUOTAS, UNLIMITED, value

CODE = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{1,128}")
NOT_AWS = (
    "fleet.",
    "sqs.queue_deleted_recently_s",
    "fargate.spot.interruptions_per_task_hour",
    "ecs.metrics_period_s",
    "lambda.inactive_after_s",
    "lambda.mapping_pause_",
    "lambda.mapping_pollers_",
    "lambda.metrics_period_s",
    "lambda.unreserved_concurrency_min",
    "batch.",
)
"""Settings of ours, and a service that is not there yet."""


def test_codes_and_keys_are_unique_and_well_formed() -> None:
    assert len(BY_CODE) == len(QUOTAS) == len({quota.key for quota in QUOTAS})
    assert all(CODE.fullmatch(quota.code) for quota in QUOTAS)
    assert {quota.service for quota in QUOTAS} == set(catalogue.SERVICES)


@pytest.mark.parametrize("name", ["aws", "aws-2022"])
def test_every_limit_of_a_profile_can_be_raised(name: str) -> None:
    profile, keys = load_profile(name), {quota.key for quota in QUOTAS}
    limits = [key for key in (*profile.quotas, *profile.buckets) if not key.startswith(NOT_AWS)]
    assert [key for key in limits if key not in keys and f"{key}.burst" not in keys] == []


def test_values_of_profiles() -> None:
    """Numbers, both parts of a rate, and the largest number where there is no limit."""

    def read(key: str, profile: str) -> float:
        [quota] = [quota for quota in QUOTAS if quota.key == key]
        loaded = load_profile(profile)
        return value(quota, loaded.quotas, loaded.buckets)

    assert read("fargate.spot.tasks", "aws-2022") == 1_000
    assert read("fargate.spot.tasks", "aws") == UNLIMITED
    assert (read("fargate.spot.burst", "aws"), read("fargate.spot.per_second", "aws")) == (100, 20)
    assert read("ecs.deployment.fargate.per_minute", "aws") == 500
    assert read("ecs.deployment.fargate.per_minute", "local") == UNLIMITED
