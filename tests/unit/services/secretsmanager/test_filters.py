"""Which secrets a filter finds."""

from __future__ import annotations

import pytest

from windlass.kernel.faults import Fault
from windlass.services.secretsmanager import filters
from windlass.services.secretsmanager.model import Secret

DB = Secret("arn", "1", "us-east-1", "prod/db", 0, 0, description="Main database", tags=(("App", "Shop"),))


@pytest.mark.parametrize(
    ("key", "values", "fits"),
    [
        ("name", ["PROD"], True),
        ("name", ["db"], False),
        ("name", ["!test"], True),
        ("name", ["!prod"], False),
        ("name", ["x", "prod/d"], True),
        ("description", ["data"], True),
        ("tag-key", ["app"], True),
        ("tag-value", ["sh"], True),
        ("primary-region", ["eu-"], False),
        ("all", ["db"], True),
        ("owning-service", ["rds"], False),
    ],
)
def test_fits(key: str, values: list[str], fits: bool) -> None:
    assert filters.fit(DB, filters.read([{"Key": key, "Values": values}])) == fits


def test_all_filters_must_fit() -> None:
    both = [{"Key": "name", "Values": ["prod"]}, {"Key": "tag-key", "Values": ["none"]}]
    assert not filters.fit(DB, filters.read(both))


def test_a_filter_without_values() -> None:
    with pytest.raises(Fault) as refused:
        filters.read([{"Key": "name", "Values": []}])
    assert refused.value.code == "InvalidParameterException"
