"""What a machine is made of, by RunInstances or a launch template: one shape, read. Pure.

Source: EC2 API reference, RequestLaunchTemplateData. Known gap: of what is not read here nothing is acted on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windlass.fleet.blueprints import Blueprint, TemplateName
from windlass.kernel.faults import Fault
from windlass.services.ec2 import instance_types, tagging

TYPE_DEFAULT = "m1.small"
"""What RunInstances takes without a type; it is not among those that are known here."""


def blueprint(data: Mapping[str, Any], template: TemplateName | None = None) -> Blueprint:
    """What the shape asks for. Raises Fault for an instance type that is not known."""
    wanted = data.get("InstanceType") or TYPE_DEFAULT
    profile = data.get("IamInstanceProfile", {})
    interfaces = data.get("NetworkInterfaces") or [{}]
    groups = data.get("SecurityGroupIds") or interfaces[0].get("Groups") or ()
    details = {
        "KeyName": data.get("KeyName", ""),
        "IamInstanceProfile": profile.get("Arn") or profile.get("Name", ""),
        "SecurityGroupIds": ",".join(groups),
    }
    return Blueprint(
        instance_type=wanted,
        image_id=data.get("ImageId", ""),
        user_data=data.get("UserData", ""),
        details={name: text for name, text in details.items() if text},
        tags=_tags(data),
        template=template,
    )


def check_type(name: str) -> instance_types.InstanceType:
    """The type, if it is known here. Raises InvalidInstanceType."""
    found = instance_types.find(name)
    if found is None:
        raise Fault(
            "InvalidInstanceType",
            f"Invalid instance type: {name}. Windlass knows "
            f"{', '.join(sorted({one.family for one in instance_types.types().values()}))}.",
        )
    return found


def subnet(data: Mapping[str, Any]) -> str:
    """The subnet that the shape names, "" for none."""
    interfaces = data.get("NetworkInterfaces") or [{}]
    return str(data.get("SubnetId") or interfaces[0].get("SubnetId") or "")


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A template's data with that of a call, or of a new version, on top, member by member."""
    return {**below, **{name: value for name, value in above.items() if value not in (None, "", [])}}


def _tags(data: Mapping[str, Any]) -> dict[str, str]:
    """Those of instances; a template may have tags for volumes too, of which there are none."""
    kept = [one for one in data.get("TagSpecifications", ()) if one.get("ResourceType") == "instance"]
    return tagging.specified(kept, "instance")
