"""Launch configurations: create, describe, delete. They cannot be changed."""

from __future__ import annotations

from typing import Any

from windlass.aws.calls import Call, Params, Result
from windlass.fleet.blueprints import Blueprint, Makers
from windlass.kernel.faults import Fault
from windlass.services.autoscaling import describe, find, limits
from windlass.services.autoscaling.find import invalid
from windlass.services.autoscaling.model import CONFIGURATIONS, GROUPS, LaunchConfiguration

_NOT_HERE = ("InstanceId", "SpotPrice", "ClassicLinkVPCId", "ClassicLinkVPCSecurityGroups")
_READ = frozenset({"LaunchConfigurationName", "ImageId", "InstanceType", "UserData"})


def create_launch_configuration(call: Call, params: Params) -> None:
    """EC2 Auto Scaling CreateLaunchConfiguration."""
    for member in _NOT_HERE:
        if params.get(member):
            raise invalid(f"Windlass does not have {member} of launch configurations.")
    name = params["LaunchConfigurationName"]
    wanted = params.get("InstanceType", "")
    if not params.get("ImageId") or not wanted:
        missing = "InstanceType" if params.get("ImageId") else "ImageId"
        raise invalid(f"Valid requests must contain either the InstanceID parameter or {missing}.")
    if call.part(Makers).maker().size(wanted) is None:
        raise invalid(f"Invalid instance type: {wanted}")
    row = LaunchConfiguration(
        *call.scope,
        name=name,
        id=call.ids.uuid(),
        created_at=call.now,
        blueprint=Blueprint(wanted, params["ImageId"], params.get("UserData", ""), _details(params)),
        shown={member: params[member] for member in params if member not in _READ},
    )
    with call.store.transact() as tx:
        if tx[CONFIGURATIONS].get((*call.scope, name)) is not None:
            raise Fault(
                "AlreadyExists",
                f"Launch Configuration by this name already exists - A launch configuration already exists "
                f"with the name {name}",
            )
        if tx[CONFIGURATIONS].count("scope", call.scope) >= limits.CONFIGURATIONS_MAX:
            raise Fault(
                "LimitExceeded", f"At most {limits.CONFIGURATIONS_MAX} launch configurations are allowed."
            )
        tx[CONFIGURATIONS].put(row)


def describe_launch_configurations(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling DescribeLaunchConfigurations: those named that are there, or all."""
    names = params.get("LaunchConfigurationNames")
    if names:
        rows = [call.store[CONFIGURATIONS].get((*call.scope, name)) for name in dict.fromkeys(names)]
        kept = [row for row in rows if row is not None]
        found, more = find.cut(call, params, kept, "DescribeLaunchConfigurations")
    else:
        found, more = find.page(call, params, CONFIGURATIONS, "DescribeLaunchConfigurations")
    return {"LaunchConfigurations": [describe.configuration(row) for row in found], **more}


def delete_launch_configuration(call: Call, params: Params) -> None:
    """EC2 Auto Scaling DeleteLaunchConfiguration; refused while a group names it."""
    key = (*call.scope, params["LaunchConfigurationName"])
    with call.store.transact() as tx:
        if tx[CONFIGURATIONS].get(key) is None:
            raise invalid(f"Launch configuration name not found - Launch configuration {key[2]} not found")
        if tx[GROUPS].count("configuration", key):
            raise Fault(
                "ResourceInUse",
                f"Cannot delete launch configuration {key[2]} because it is attached to an AutoScalingGroup",
            )
        tx[CONFIGURATIONS].delete(key)


def _details(params: Params) -> dict[str, str]:
    """What instances show of it (fleet/blueprints.py)."""
    given: dict[str, Any] = {
        "KeyName": params.get("KeyName", ""),
        "IamInstanceProfile": params.get("IamInstanceProfile", ""),
        "SecurityGroupIds": ",".join(params.get("SecurityGroups", ())),
    }
    return {name: text for name, text in given.items() if text}
