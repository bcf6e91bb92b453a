"""What a compute environment may be when it is created and updated. Pure.

Whether its subnets and security groups exist is not asked here: AWS takes the call all the same, and the
environment becomes INVALID (environments.py). Rules: Batch API reference, ComputeResource and
ComputeResourceUpdate, unless a line names another source.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windlass.services.batch import limits
from windlass.services.batch.faults import invalid, not_here, refuse
from windlass.services.batch.resource_model import EC2_KINDS, FARGATE_KINDS, ComputeEnvironment, Shape

NOT_FOR_FARGATE = (
    "minvCpus",
    "desiredvCpus",
    "allocationStrategy",
    "instanceTypes",
    "imageId",
    "ec2KeyPair",
    "instanceRole",
    "tags",
    "placementGroup",
    "bidPercentage",
    "spotIamFleetRole",
    "launchTemplate",
    "ec2Configuration",
    "scalingPolicy",
)
SPOT_STRATEGIES = ("SPOT_CAPACITY_OPTIMIZED", "SPOT_PRICE_CAPACITY_OPTIMIZED")
BEST_FIT = "BEST_FIT"
"""The strategy of those that name none; its environments take no update of what their instances are."""
UPDATED_IN_PLACE = frozenset({"minvCpus", "maxvCpus", "desiredvCpus", "scalingPolicy"})
"""What may be updated in an environment with BEST_FIT (UG, updating-compute-environments)."""
LOOKED_UP = ("subnets", "securityGroupIds", "launchTemplate")
EC2_CONFIGURATIONS_MAX = 2
"""BC, ComputeResource, ec2Configuration."""


def resources(params: Mapping[str, Any]) -> Shape:
    """The checked computeResources of CreateComputeEnvironment; empty for UNMANAGED.

    Raises ClientException.
    """
    given: Shape | None = params.get("computeResources")
    if "eksConfiguration" in params:
        raise not_here("compute environments on Amazon EKS")
    if params["type"] == "UNMANAGED":
        if given is not None:
            raise invalid("computeResources is not applicable for an UNMANAGED compute environment.")
        if params.get("unmanagedvCpus", 0) < 0:
            raise invalid("unmanagedvCpus must not be negative.")
        return {}
    if given is None:
        raise invalid("computeResources must be provided for a MANAGED compute environment.")
    if "unmanagedvCpus" in params:
        raise invalid("unmanagedvCpus is not applicable for a MANAGED compute environment.")
    check(given)
    return given


def check(given: Shape) -> None:
    """Raises ClientException for computeResources, whole ones, that AWS refuses at once."""
    kind, most = given["type"], given["maxvCpus"]
    if most < 0 or (most == 0 and kind in FARGATE_KINDS):
        raise invalid(f"maxvCpus must be {'positive' if kind in FARGATE_KINDS else '0 or more'}.")
    if not 1 <= len(given["subnets"]) <= limits.SUBNETS_MAX or not all(given["subnets"]):
        raise invalid(f"1 to {limits.SUBNETS_MAX} subnets must be provided.")
    (_check_fargate if kind in FARGATE_KINDS else _check_ec2)(given)


def updated(row: ComputeEnvironment, params: Mapping[str, Any]) -> Shape:
    """The environment's computeResources after UpdateComputeEnvironment. Raises ClientException."""
    if not {"state", "computeResources", "serviceRole", "unmanagedvCpus"} & set(params):
        raise refuse("One of [state | compute-resources | service-role | unmanaged-vcpus] is required.")
    given = params.get("computeResources")
    if row.type == "UNMANAGED":
        if given is not None:
            raise invalid("computeResources is not applicable for an UNMANAGED compute environment.")
        return row.resources
    if "unmanagedvCpus" in params:
        raise invalid("unmanagedvCpus is not applicable for a MANAGED compute environment.")
    if given is None:
        return row.resources
    after = {**row.resources, **{name: given[name] for name in given if name != "updateToLatestImageVersion"}}
    _check_change(row, given, after)
    check(after)
    return after


def cluster_name(name: str, uuid: str) -> str:
    """The ECS cluster of an environment.

    >>> cluster_name("render", "0f8fad5b-d9cb-469f-a165-70867728950e")
    'AWSBatch-render-0f8fad5b-d9cb-469f-a165-70867728950e'
    """
    return f"AWSBatch-{name}-{uuid}"


def same_at_ec2(before: Shape, after: Shape) -> bool:
    """Whether what is to be looked up at EC2 stayed as it was."""
    return all(before.get(member) == after.get(member) for member in LOOKED_UP)


def _check_change(row: ComputeEnvironment, given: Shape, after: Shape) -> None:
    if (row.kind in FARGATE_KINDS) != (after["type"] in FARGATE_KINDS):
        raise invalid(f"The type of a compute environment cannot change from {row.kind} to {after['type']}.")
    infrastructure = set(given) - UPDATED_IN_PLACE
    fits = row.resources.get("allocationStrategy", BEST_FIT) == BEST_FIT
    if row.kind in EC2_KINDS and infrastructure and fits:
        raise invalid(
            f"{sorted(infrastructure)[0]} cannot be updated in a compute environment with the allocation "
            "strategy BEST_FIT."
        )


def _check_fargate(given: Shape) -> None:
    for member in NOT_FOR_FARGATE:
        if member in given:
            raise invalid(f"{member} is not applicable for Fargate.")
    if not given.get("securityGroupIds"):
        raise invalid("securityGroupIds must be provided for Fargate.")


def _check_ec2(given: Shape) -> None:
    spot = given["type"] == "SPOT"
    if not given.get("instanceRole"):
        raise invalid("instanceRole must be provided for EC2 and SPOT.")
    for member in ("minvCpus", "instanceTypes"):
        if given.get(member) in (None, []):
            raise invalid(f"{member} must be provided for EC2 and SPOT.")
    low, high = given["minvCpus"], given["maxvCpus"]
    if not 0 <= low <= high:
        raise invalid("minvCpus must be 0 or more, and not greater than maxvCpus.")
    if not low <= given.get("desiredvCpus", low) <= high:
        raise invalid("desiredvCpus must be between minvCpus and maxvCpus.")
    strategy = given.get("allocationStrategy", BEST_FIT)
    if strategy in SPOT_STRATEGIES and not spot:
        raise invalid(f"allocationStrategy {strategy} is only applicable for SPOT.")
    if "bidPercentage" in given and not (spot and 0 < given["bidPercentage"] <= 100):
        raise invalid("bidPercentage must be between 1 and 100, and is only applicable for SPOT.")
    if spot and strategy == BEST_FIT and not given.get("spotIamFleetRole"):
        raise invalid("spotIamFleetRole is required for SPOT with the allocation strategy BEST_FIT.")
    _check_launch(given)


def _check_launch(given: Shape) -> None:
    template = given.get("launchTemplate")
    if template is not None and ("launchTemplateId" in template) == ("launchTemplateName" in template):
        raise invalid("launchTemplate must have either launchTemplateId or launchTemplateName.")
    if len(given.get("ec2Configuration", ())) > EC2_CONFIGURATIONS_MAX:
        raise invalid(f"ec2Configuration can have at most {EC2_CONFIGURATIONS_MAX} items.")
