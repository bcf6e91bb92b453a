"""What a function waits for, in sentences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from windlass.services.lambda_.model import Function, Image, Settings, Version
from windlass.services.lambda_.provisioned import Standing
from windlass.services.lambda_.provisioned_model import Provisioned
from windlass.services.lambda_.vpc_model import VpcConfig
from windlass.services.lambda_.why_function import ACTIVE, why

PLAIN = Settings("arn:aws:iam::1:role/r", "app.handler", "python3.12", "00", 1)
FUNCTION = Function("1", "eu-west-1", "f", "u", PLAIN, 1, 0, 0, "r", served=PLAIN, state="Active")
VERSION = Version("1", "eu-west-1", "f", "u", 3, PLAIN, 0, "r", state="Active")
IN_VPC = replace(PLAIN, vpc=VpcConfig("vpc-1", ("subnet-1",), ("sg-1",)))
OF_IMAGE = replace(PLAIN, image=Image("repo:tag"))
SNAPPED = replace(IN_VPC, snap_start=True)


@pytest.mark.parametrize(
    ("changed", "code", "part"),
    [
        ({}, "NOTHING", "takes events"),
        ({"reserved": 0}, "RESERVED", "throttled until"),
        ({"reserved": 5}, "NOTHING", ""),
        ({"state": "Pending"}, "PENDING", "It is Pending: it is being created."),
        ({"state": "Pending", "wanted": IN_VPC}, "PENDING", "waits for its network interface."),
        ({"state": "Pending", "wanted": OF_IMAGE}, "PENDING", "waits for the image repo:tag."),
        ({"state": "Pending", "wanted": SNAPPED}, "PENDING", "waits for its network interface."),
        ({"state": "Inactive"}, "INACTIVE", "made ready again"),
        (
            {"state": "Failed", "state_code": "InvalidSubnet", "state_reason": "No such subnet."},
            "FAILED",
            "It is Failed, for good: No such subnet (InvalidSubnet).",
        ),
        (
            {"update_status": "InProgress", "wanted": IN_VPC},
            "UPDATING",
            "waits for its network interface)",
        ),
        (
            {"update_status": "Failed", "update_code": "C", "update_reason": "Not so."},
            "UPDATE_FAILED",
            "failed: Not so (C). The old",
        ),
    ],
)
def test_one_reason(changed: dict[str, Any], code: str, part: str) -> None:
    [found] = why(replace(FUNCTION, **changed), [VERSION])
    assert found.code == code and part in found.sentence


def test_versions_and_provisioned_concurrency_have_their_own() -> None:
    pending = replace(VERSION, settings=SNAPPED, state="Pending", state_code="Restoring")
    config = Provisioned("1", "eu-west-1", "f", "u", "3", 2, 0, Standing("FAILED", "WHY", 1, 1))
    ready = replace(config, qualifier="4", standing=Standing("READY", "", 2, 2))
    assert [one.sentence for one in why(FUNCTION, [pending], [config, ready])] == [
        "Version 3 is Pending again: it waits for its network interface, then its snapshot, for which its "
        "code is initialised.",
        "Provisioned concurrency of 3 is FAILED: WHY; 1 of 2 environments are initialised.",
    ]
    assert why(FUNCTION) == [ACTIVE]
