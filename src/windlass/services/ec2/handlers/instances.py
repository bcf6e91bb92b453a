"""Instances: run, describe, terminate, and the types there are. They are machines of the fleet."""

from __future__ import annotations

from itertools import groupby

from windlass.aws.calls import Call, Params, Result
from windlass.aws.quotas import Quotas
from windlass.fleet import instances
from windlass.fleet.blueprints import Blueprint, Site, TemplateName
from windlass.fleet.model import INSTANCES, Instance
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.services.ec2 import describe_instances as describe
from windlass.services.ec2 import filters, instance_types, launch_data, limits, listing, templates, zones
from windlass.services.ec2.filters import Values
from windlass.services.ec2.find import INSTANCE, SUBNET
from windlass.services.ec2.handlers.serving import refuse
from windlass.services.ec2.machines import Machines

_NOT_HERE = ("InstanceMarketOptions", "HibernationOptions", "SecondaryInterfaces", "LicenseSpecifications")
FILTERS: dict[str, Values[Instance]] = {
    "availability-zone": lambda row: (row.zone,),
    "client-token": lambda row: (row.details.get("ClientToken", ""),),
    "image-id": lambda row: (row.details.get("ImageId", ""),),
    "instance-id": lambda row: (row.id,),
    "instance-state-code": lambda row: (str(describe.STATES[row.phase]),),
    "instance-state-name": lambda row: (row.phase,),
    "instance-type": lambda row: (row.instance_type,),
    "key-name": lambda row: (row.details.get("KeyName", ""),),
    "owner-id": lambda row: (row.account,),
    "reservation-id": lambda row: (row.details.get("ReservationId", ""),),
    "subnet-id": lambda row: (row.details.get("SubnetId", ""),),
    "vpc-id": lambda row: (row.details.get("VpcId", ""),),
}
TYPE_FILTERS: dict[str, Values[instance_types.InstanceType]] = {
    "bare-metal": lambda row: ("false",),
    "burstable-performance-supported": lambda row: (str(row.burstable).lower(),),
    "current-generation": lambda row: (str(row.current).lower(),),
    "instance-type": lambda row: (row.name,),
    "memory-info.size-in-mib": lambda row: (str(row.memory_mib),),
    "processor-info.supported-architecture": lambda row: (row.architecture,),
    "vcpu-info.default-vcpus": lambda row: (str(row.vcpus),),
}


def run_instances(call: Call, params: Params) -> Result:
    """EC2 RunInstances: all of MaxCount, since nothing here is short. A client token works once."""
    refuse(params, _NOT_HERE)
    count = _count(params)
    with call.store.transact() as tx:
        token = params.get("ClientToken", "")
        seen = tx[INSTANCES].by("token", (*call.scope, token)) if token else []
        if not seen:
            made, site = _wanted(tx, call, params)
            _check_quota(tx, call, count)
            reservation = {"ReservationId": f"r-0{call.ids.hex(16)}", "ClientToken": token}
            maker = call.part(Machines)
            seen = [maker.launch(tx, call.scope, made, site, "", call.now, reservation) for _ in range(count)]
    return describe.reservation(seen, call.store)


def describe_instances(call: Call, params: Params) -> Result:
    """EC2 DescribeInstances: instances of one RunInstances call together. Terminated ones for an hour."""
    rows, more = listing.rows(call, params, INSTANCE, "DescribeInstances", ids="InstanceIds", names=FILTERS)
    groups = groupby(rows, key=lambda row: row.details.get("ReservationId", row.id))
    return {"Reservations": [describe.reservation(list(some), call.store) for _, some in groups], **more}


def terminate_instances(call: Call, params: Params) -> Result:
    """EC2 TerminateInstances. Tasks on them are stopped; again changes nothing and succeeds."""
    changed = []
    with call.store.transact() as tx:
        for before in INSTANCE.several(tx, call.scope, params["InstanceIds"]):
            after = instances.terminate(tx, before.id, "User initiated")
            changed.append(
                {
                    "InstanceId": before.id,
                    "PreviousState": describe.state(before.phase),
                    "CurrentState": describe.state(after.phase),
                }
            )
    return {"TerminatingInstances": changed}


def describe_instance_types(call: Call, params: Params) -> Result:
    """EC2 DescribeInstanceTypes: of those that are known here."""
    wanted = filters.read(params.get("Filters", ()), TYPE_FILTERS, None)
    names = params.get("InstanceTypes") or instance_types.types()
    found = [launch_data.check_type(name) for name in dict.fromkeys(names)]
    page, more = listing.cut(call, params, "DescribeInstanceTypes", [one for one in found if wanted(one)])
    return {"InstanceTypes": [describe.instance_type(one) for one in page], **more}


def _count(params: Params) -> int:
    least, most = params["MinCount"], params["MaxCount"]
    if not 1 <= least <= most:
        raise Fault("InvalidParameterValue", f"Invalid value '{least}' for min/max instance count.")
    if most > limits.RUN_COUNT_MAX:
        raise Fault(
            "InvalidParameterValue", f"At most {limits.RUN_COUNT_MAX} instances can be run in a call."
        )
    return int(most)


def _wanted(tx: Transaction, call: Call, params: Params) -> tuple[Blueprint, Site]:
    """What the call and its launch template ask for, and where."""
    data, template = dict(params), None
    named = params.get("LaunchTemplate")
    if named:
        wanted = TemplateName(
            named.get("LaunchTemplateId", ""), named.get("LaunchTemplateName", ""), named.get("Version", "")
        )
        found, version = templates.resolve(tx, call.scope, wanted)
        data = launch_data.merged(version.data, params)
        template = TemplateName(found.id, found.name, str(version.number))
    if not data.get("ImageId"):
        raise Fault("MissingParameter", "The request must contain the parameter ImageId")
    return launch_data.blueprint(data, template), _site(tx, call, data)


def _site(tx: Transaction, call: Call, data: Params) -> Site:
    """The subnet that is named; else the zone, the first without one."""
    subnet = launch_data.subnet(data)
    if subnet:
        row = SUBNET.one(tx, call.scope, subnet)
        return Site(row.zone, row.id)
    known = zones.zones(call.region)
    zone = data.get("Placement", {}).get("AvailabilityZone") or known[0]
    if zone not in known:
        raise Fault("InvalidParameterValue", f"Invalid availability zone: [{zone}]")
    return Site(zone)


def _check_quota(tx: Transaction, call: Call, count: int) -> None:
    most = call.part(Quotas).value(limits.QUOTA_INSTANCES, call.scope)
    running = sum(row.phase in ("pending", "running") for row in tx[INSTANCES].by("scope", call.scope))
    if most is not None and running + count > most:
        raise Fault(
            "InstanceLimitExceeded", f"You have requested more instances than your limit of {most:.0f}."
        )
