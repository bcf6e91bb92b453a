"""Rows of App Runner come back from the log as they were written."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from windlass.kernel.store import Table
from windlass.services.apprunner.configuration_model import (
    CONNECTORS,
    DOMAINS,
    OBSERVABILITIES,
    SCALINGS,
    AutoScalingConfiguration,
    CustomDomain,
    ObservabilityConfiguration,
    VpcConnector,
)
from windlass.services.apprunner.model import DEPLOYMENTS, Deployment, Scaling

SCOPE = ("123456789012", "eu-west-1")
WHERE = {"name": "busy", "revision": 2, "id": "0" * 32, "created_at": 1}


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (SCALINGS, AutoScalingConfiguration(*SCOPE, **WHERE, scaling=Scaling(1, 2, 3), tags={"a": "b"})),
        (OBSERVABILITIES, ObservabilityConfiguration(*SCOPE, **WHERE, trace={"Vendor": "AWSXRAY"})),
        (CONNECTORS, VpcConnector(*SCOPE, **WHERE, subnets=("s",), status="INACTIVE", deleted_at=3)),
        (DOMAINS, CustomDomain("arn", "a.b", True, 1, "ACTIVE", ({"Name": "x"},))),
        (DEPLOYMENTS, Deployment("arn", "id", 1, 1, {"CodeRepository": {}}, {}, Scaling(), {}, {})),
    ],
)
def test_rows_survive_the_log(table: Table[Any], row: Any) -> None:
    read = msgspec.json.decode(msgspec.json.encode(row), type=table.row)
    assert read == row
    assert table.key(read) == table.key(row)


def test_what_arns_say() -> None:
    row = VpcConnector(*SCOPE, **WHERE)
    assert row.arn == f"arn:aws:apprunner:eu-west-1:123456789012:vpcconnector/busy/2/{'0' * 32}"
