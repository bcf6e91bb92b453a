"""What computeResources may say, when created and when updated."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.kernel.faults import Fault
from windlass.services.batch import environment_rules
from windlass.services.batch.resource_model import ComputeEnvironment

FARGATE = {"type": "FARGATE", "maxvCpus": 4, "subnets": ["subnet-1"], "securityGroupIds": ["sg-1"]}
EC2 = {
    "type": "EC2",
    "minvCpus": 0,
    "maxvCpus": 16,
    "subnets": ["subnet-1"],
    "instanceTypes": ["optimal"],
    "instanceRole": "arn:aws:iam::123456789012:instance-profile/ecs",
}
SPOT = {**EC2, "type": "SPOT", "allocationStrategy": "SPOT_CAPACITY_OPTIMIZED"}


def without(given: dict[str, Any], member: str) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name != member}


def row(resources: dict[str, Any], kind: str = "MANAGED") -> ComputeEnvironment:
    return ComputeEnvironment("1", "r", "ce", "u", kind, 0, "c", resources=resources)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [FARGATE, EC2, SPOT, {**FARGATE, "type": "FARGATE_SPOT"}])
def test_what_is_taken(given: dict[str, Any]) -> None:
    assert environment_rules.resources({"type": "MANAGED", "computeResources": given}) == given
    assert environment_rules.resources({"type": "UNMANAGED", "unmanagedvCpus": 3}) == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({**FARGATE, "maxvCpus": 0}, "maxvCpus must be positive."),
        ({**EC2, "maxvCpus": -1}, "maxvCpus must be 0 or more."),
        ({**FARGATE, "subnets": []}, "1 to 16 subnets must be provided."),
        ({**FARGATE, "subnets": [f"subnet-{n}" for n in range(17)]}, "1 to 16 subnets"),
        (without(FARGATE, "securityGroupIds"), "securityGroupIds must be provided for Fargate."),
        *(
            ({**FARGATE, member: 1}, f"{member} is not applicable for Fargate.")
            for member in environment_rules.NOT_FOR_FARGATE
        ),
        (without(EC2, "instanceRole"), "instanceRole must be provided for EC2 and SPOT."),
        (without(EC2, "minvCpus"), "minvCpus must be provided for EC2 and SPOT."),
        ({**EC2, "instanceTypes": []}, "instanceTypes must be provided for EC2 and SPOT."),
        ({**EC2, "minvCpus": 17}, "not greater than maxvCpus"),
        ({**EC2, "desiredvCpus": 17}, "desiredvCpus must be between minvCpus and maxvCpus."),
        ({**EC2, "allocationStrategy": "SPOT_CAPACITY_OPTIMIZED"}, "is only applicable for SPOT."),
        ({**EC2, "bidPercentage": 50}, "only applicable for SPOT."),
        ({**SPOT, "bidPercentage": 101}, "between 1 and 100"),
        ({**SPOT, "allocationStrategy": "BEST_FIT"}, "spotIamFleetRole is required"),
        ({**EC2, "launchTemplate": {}}, "either launchTemplateId or launchTemplateName"),
        ({**EC2, "ec2Configuration": [{}] * 3}, "at most 2 items"),
    ],
)
def test_what_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(Fault) as refused:
        environment_rules.resources({"type": "MANAGED", "computeResources": given})
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"type": "MANAGED"}, "must be provided for a MANAGED"),
        ({"type": "UNMANAGED", "computeResources": FARGATE}, "not applicable for an UNMANAGED"),
        (
            {"type": "MANAGED", "computeResources": FARGATE, "unmanagedvCpus": 1},
            "not applicable for a MANAGED",
        ),
        ({"type": "UNMANAGED", "unmanagedvCpus": -1}, "must not be negative"),
        (
            {"type": "MANAGED", "eksConfiguration": {}},
            "Windlass does not have compute environments on Amazon",
        ),
    ],
)
def test_kinds_of_environments(params: dict[str, Any], message: str) -> None:
    with pytest.raises(Fault) as refused:
        environment_rules.resources(params)
    assert message in refused.value.message


def test_an_update_changes_what_it_names() -> None:
    before = row(FARGATE)
    after = environment_rules.updated(before, {"computeResources": {"maxvCpus": 9}})
    assert after == {**FARGATE, "maxvCpus": 9}
    assert environment_rules.same_at_ec2(before.resources, after)
    moved = environment_rules.updated(before, {"computeResources": {"subnets": ["subnet-2"]}})
    assert not environment_rules.same_at_ec2(before.resources, moved)
    strategy = {"computeResources": {"instanceTypes": ["c5"], "updateToLatestImageVersion": True}}
    assert environment_rules.updated(row(SPOT), strategy) == {**SPOT, "instanceTypes": ["c5"]}


@pytest.mark.parametrize(
    ("before", "params", "message"),
    [
        (
            FARGATE,
            {"updatePolicy": {}},
            "One of [state | compute-resources | service-role | unmanaged-vcpus]",
        ),
        (FARGATE, {"computeResources": {"type": "EC2"}}, "cannot change from FARGATE to EC2"),
        (FARGATE, {"computeResources": {"minvCpus": 1}}, "minvCpus is not applicable for Fargate."),
        (FARGATE, {"unmanagedvCpus": 1}, "not applicable for a MANAGED"),
        (EC2, {"computeResources": {"instanceTypes": ["c5"]}}, "with the allocation strategy BEST_FIT"),
        (EC2, {"computeResources": {"maxvCpus": 1, "minvCpus": 2}}, "not greater than maxvCpus"),
    ],
)
def test_updates_that_are_refused(before: dict[str, Any], params: dict[str, Any], message: str) -> None:
    with pytest.raises(Fault) as refused:
        environment_rules.updated(row(before), params)
    assert message in refused.value.message


def test_an_unmanaged_environment_has_no_resources() -> None:
    assert environment_rules.updated(row({}, "UNMANAGED"), {"state": "DISABLED"}) == {}
    with pytest.raises(Fault, match="UNMANAGED"):
        environment_rules.updated(row({}, "UNMANAGED"), {"computeResources": {"maxvCpus": 1}})
