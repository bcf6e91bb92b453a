"""Instances and their types as the API shows them. Reads only.

Known gaps: no addresses, no volumes, no interfaces.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.aws.calls import Result
from windlass.fleet.model import Instance, InstancePhase
from windlass.kernel.clock import in_seconds
from windlass.services.ec2 import describe, instance_types, zones
from windlass.services.ec2.instance_types import InstanceType
from windlass.services.ec2.model import GROUPS, Reads, tags_of

STATES: dict[InstancePhase, int] = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48}
"""EC2 API reference, InstanceState."""
USER = "Client.UserInitiatedShutdown"
AUTO_SCALING = "autoscaling.amazonaws.com"


def state(phase: InstancePhase) -> Result:
    return {"Code": STATES[phase], "Name": phase}


def reservation(rows: Sequence[Instance], reads: Reads) -> Result:
    """Instances that were launched together."""
    first = rows[0]
    shown: Result = {
        "ReservationId": first.details.get("ReservationId", ""),
        "OwnerId": first.account,
        "Groups": [],
        "Instances": [instance(row, place, reads) for place, row in enumerate(rows)],
    }
    return {**shown, "RequesterId": AUTO_SCALING} if first.group else shown


def instance(row: Instance, place: int, reads: Reads) -> Result:
    kind = instance_types.find(row.instance_type)
    shown: Result = {
        "InstanceId": row.id,
        "InstanceType": row.instance_type,
        "State": state(row.phase),
        "AmiLaunchIndex": place,
        "LaunchTime": in_seconds(row.launched_at),
        "Placement": {"AvailabilityZone": row.zone, "GroupName": "", "Tenancy": "default"},
        "Monitoring": {"State": "disabled"},
        "Architecture": kind.architecture if kind else "x86_64",
        "RootDeviceType": "ebs",
        "VirtualizationType": "hvm",
        "Hypervisor": "xen",
        "PrivateDnsName": "",
        "PublicDnsName": "",
        "StateTransitionReason": row.why,
        "BlockDeviceMappings": [],
        "NetworkInterfaces": [],
        "ProductCodes": [],
        "SecurityGroups": _groups(row, reads),
        "CpuOptions": {"CoreCount": max(1, row.cpu_units // 2_048), "ThreadsPerCore": 2},
        "Tags": describe.tags(tags_of(reads, row.id)),
    }
    if row.zone:
        shown["Placement"]["AvailabilityZoneId"] = zones.zone_id(row.zone)
    for name in ("ImageId", "SubnetId", "VpcId", "KeyName", "ClientToken", "InstanceLifecycle"):
        if name in row.details:
            shown[name] = row.details[name]
    if "IamInstanceProfile" in row.details:
        shown["IamInstanceProfile"] = {"Arn": row.details["IamInstanceProfile"]}
    if row.why:
        shown["StateReason"] = {"Code": USER, "Message": row.why}
    return shown


def instance_type(row: InstanceType) -> Result:
    shown: Result = {
        "InstanceType": row.name,
        "CurrentGeneration": row.current,
        "BareMetal": False,
        "SupportedUsageClasses": ["on-demand"],
        "BurstablePerformanceSupported": row.burstable,
        "ProcessorInfo": {"SupportedArchitectures": [row.architecture]},
        "VCpuInfo": {"DefaultVCpus": row.vcpus},
        "MemoryInfo": {"SizeInMiB": row.memory_mib},
    }
    if row.gpus:
        shown["GpuInfo"] = {"Gpus": [{"Manufacturer": "NVIDIA", "Count": row.gpus}]}
    return shown


def _groups(row: Instance, reads: Reads) -> list[dict[str, str]]:
    ids = [one for one in row.details.get("SecurityGroupIds", "").split(",") if one]
    named = ((one, reads[GROUPS].get(one)) for one in ids)
    return [{"GroupId": one, "GroupName": found.name if found else ""} for one, found in named]
