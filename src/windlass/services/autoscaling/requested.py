"""What a call says a group should be: sizes, what it launches, where. Raises ValidationError.

Rules and wordings: EC2 Auto Scaling API reference, CreateAutoScalingGroup and UpdateAutoScalingGroup.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from windlass.aws.calls import Call, Params
from windlass.fleet.blueprints import Makers, Site, TemplateName
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.autoscaling import launching, limits, plan
from windlass.services.autoscaling.find import invalid
from windlass.services.autoscaling.model import Group, Launch

_NAME = re.compile(r"[^:\x00-\x1f\x7f]{1,255}")
NOT_HERE = (
    "InstanceId", "CapacityReservationSpecification", "InstanceLifecyclePolicy", "DeletionProtection",
    "AvailabilityZoneIds",
)  # fmt: skip
STORED = (
    "LoadBalancerNames", "TargetGroupARNs", "PlacementGroup", "CapacityRebalance", "ServiceLinkedRoleARN",
    "MaxInstanceLifetime", "Context", "DesiredCapacityType", "DefaultInstanceWarmup", "TrafficSources",
    "InstanceMaintenancePolicy", "AvailabilityZoneDistribution", "AvailabilityZoneImpairmentPolicy",
)  # fmt: skip
"""Members that are shown again and not acted on."""


def name(given: str) -> str:
    if not _NAME.fullmatch(given):
        raise invalid("The name of an Auto Scaling group has 1 to 255 characters and no colons.")
    return given


def refuse(params: Params) -> None:
    """Refuse what would silently be left out."""
    for member in NOT_HERE:
        if params.get(member):
            raise invalid(f"Windlass does not have {member} of Auto Scaling groups yet.")


def changed(tx: Transaction, call: Call, group: Group, params: Params) -> Group:
    """The group with what the call says of it, checked as a whole."""
    columns: dict[str, Any] = {
        "cooldown_s": params.get("DefaultCooldown", group.cooldown_s),
        "grace_s": params.get("HealthCheckGracePeriod", group.grace_s),
        "health_check": params.get("HealthCheckType", group.health_check),
        "protects_new": params.get("NewInstancesProtectedFromScaleIn", group.protects_new),
        "policies": _policies(params.get("TerminationPolicies"), group.policies),
        "stored": {**group.stored, **{one: params[one] for one in STORED if one in params}},
    }
    wanted = launch(params)
    if wanted is not None:
        check_launch(tx, call, wanted)
        columns["launch"] = wanted
    if params.get("AvailabilityZones") or params.get("VPCZoneIdentifier"):
        columns["sites"] = sites(tx, call, params)
    return _sized(call, replace(group, **columns), params)


def launch(params: Params) -> Launch | None:
    """What the call says is to be launched, one way or another; None when it says nothing of it."""
    ways = [
        one
        for one in ("LaunchConfigurationName", "LaunchTemplate", "MixedInstancesPolicy")
        if params.get(one)
    ]
    if len(ways) > 1:
        raise invalid(
            "Valid requests must contain either launchTemplate, LaunchConfigurationName, InstanceId or "
            "MixedInstancesPolicy parameter."
        )
    match ways:
        case ["LaunchConfigurationName"]:
            return Launch(configuration=params["LaunchConfigurationName"])
        case ["LaunchTemplate"]:
            return Launch(template=_template(params["LaunchTemplate"]))
        case ["MixedInstancesPolicy"]:
            return _mixed(params["MixedInstancesPolicy"])
    return None


def check_launch(tx: Transaction, call: Call, wanted: Launch) -> None:
    """Refuse what no instance could be made of."""
    maker = call.part(Makers).maker()
    try:
        launching.blueprint(tx, call.scope, wanted, maker)
        for one in wanted.types:
            if maker.size(one) is None:
                raise invalid(f"Invalid instance type: {one}")
    except Fault as fault:
        if fault.code == "ValidationError" or wanted.template is None:
            raise
        raise invalid(
            f"You must use a valid fully-formed launch template. {fault.message}",
        ) from fault


def sites(tx: Transaction, call: Call, params: Params) -> tuple[Site, ...]:
    """Where it launches: its subnets, or each zone's default one."""
    maker = call.part(Makers).maker()
    zones = tuple(dict.fromkeys(params.get("AvailabilityZones", ())))
    known = maker.zones(call.region)
    for zone in zones:
        if zone not in known:
            raise invalid(f"Invalid availability zone: [{zone}]")
    ids = [one.strip() for one in params.get("VPCZoneIdentifier", "").split(",") if one.strip()]
    if not ids:
        return tuple(Site(zone) for zone in zones)
    try:
        found = maker.sites(tx, call.scope, dict.fromkeys(ids), call.now, call.ids)
    except Fault as fault:
        raise invalid(fault.message) from fault
    if zones and {site.zone for site in found} - set(zones):
        raise invalid(
            "The availability zones of the specified subnets and the Auto Scaling group do not match"
        )
    return tuple(found)


def _sized(call: Call, group: Group, params: Params) -> Group:
    """With the sizes of the call; a desired capacity that it does not name is moved within the bounds."""
    least, most = params.get("MinSize", group.min_size), params.get("MaxSize", group.max_size)
    if not 0 <= least <= limits.SIZE_MAX or not 0 <= most <= limits.SIZE_MAX:
        raise invalid(f"Sizes of an Auto Scaling group are from 0 to {limits.SIZE_MAX}.")
    if least > most:
        raise invalid(f"Max bound, {most}, must be greater than or equal to min bound, {least}")
    desired = params.get("DesiredCapacity", max(least, min(group.desired, most)))
    if not least <= desired <= most:
        raise invalid(
            f"Desired capacity:{desired} must be between the specified min size:{least} and max size:{most}"
        )
    if (least, most, desired) == (group.min_size, group.max_size, group.desired):
        return group
    cause = (
        f"a user request update of AutoScalingGroup constraints to min: {least}, max: {most}, desired: "
        f"{desired} changing the desired capacity from {group.desired} to {desired}."
    )
    scaled_at = call.now if desired != group.desired else group.scaled_at
    return replace(group, min_size=least, max_size=most, desired=desired, scaled_at=scaled_at, cause=cause)


def _policies(given: Sequence[str] | None, before: tuple[str, ...]) -> tuple[str, ...]:
    if given is None:
        return before
    for one in given:
        if one not in plan.POLICIES:
            raise invalid(f"Windlass does not have the termination policy {one}.")
    return tuple(given) or ("Default",)


def _template(named: Mapping[str, Any]) -> TemplateName:
    found = TemplateName(
        named.get("LaunchTemplateId", ""), named.get("LaunchTemplateName", ""), named.get("Version", "")
    )
    if bool(found.id) == bool(found.name):
        raise invalid("Valid requests must contain either LaunchTemplateId or LaunchTemplateName")
    return found


def _mixed(policy: Mapping[str, Any]) -> Launch:
    """A mixed policy: its template, and the types of its overrides in their order."""
    template = policy.get("LaunchTemplate", {})
    overrides = template.get("Overrides", ())
    for one in overrides:
        for member in ("InstanceRequirements", "LaunchTemplateSpecification", "WeightedCapacity"):
            if one.get(member):
                raise invalid(f"Windlass does not have {member} in overrides.")
    spot = policy.get("InstancesDistribution", {}).get("OnDemandPercentageAboveBaseCapacity", 100)
    if spot < 100:
        raise invalid("Windlass has no Spot Instances: OnDemandPercentageAboveBaseCapacity must be 100.")
    types = tuple(one["InstanceType"] for one in overrides if one.get("InstanceType"))
    return Launch(
        template=_template(template.get("LaunchTemplateSpecification", {})), types=types, mixed=policy
    )
