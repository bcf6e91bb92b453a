"""Instances of groups: describe, protect, terminate, attach, detach, health."""

from __future__ import annotations

from windlass.aws.bus import Bus
from windlass.aws.calls import Call, Params, Result
from windlass.fleet.model import INSTANCES
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.autoscaling import activities, describe, ending, find, launching, limits
from windlass.services.autoscaling.find import invalid
from windlass.services.autoscaling.model import GROUPS, MEMBERS, Group
from windlass.services.autoscaling.transitions import ACTIVE


def describe_auto_scaling_instances(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling DescribeAutoScalingInstances: those named that are there, or all."""
    ids = params.get("InstanceIds")
    if ids:
        rows = [row for one in dict.fromkeys(ids) if (row := call.store[MEMBERS].get(one)) is not None]
        kept = [row for row in rows if (row.account, row.region) == call.scope]
        found, more = find.cut(call, params, kept, "DescribeAutoScalingInstances")
    else:
        found, more = find.page(call, params, MEMBERS, "DescribeAutoScalingInstances")
    return {"AutoScalingInstances": [describe.instance(row) for row in found], **more}


def set_instance_protection(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling SetInstanceProtection: on all of the instances, or on none."""
    _check_count(params["InstanceIds"], limits.PROTECTED_MAX)
    with call.store.transact() as tx:
        group = find.group(tx, call.scope, params["AutoScalingGroupName"])
        for member in find.members(tx, group, params["InstanceIds"]):
            if member.state not in ACTIVE:
                raise invalid(f"The instance {member.id} is not in a state that can be protected.")
            tx[MEMBERS].put(replace(member, protected=params["ProtectedFromScaleIn"]))
    return {}


def terminate_instance_in_auto_scaling_group(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling TerminateInstanceInAutoScalingGroup; it is replaced unless the capacity shrinks."""
    with call.store.transact() as tx:
        member = find.member(tx, call.scope, params["InstanceId"])
        group = find.group(tx, call.scope, member.group)
        if params["ShouldDecrementDesiredCapacity"]:
            group = _smaller(tx, call, group, 1)
        if member.state not in ACTIVE:
            raise Fault("ScalingActivityInProgress", f"Instance {member.id} is being terminated already.")
        why = "instance was taken out of service in response to a user request"
        activity = ending.end(tx, call.part(Bus), call.ids, group, member, why, call.now)
    return {"Activity": describe.activity(activity)}


def set_instance_health(call: Call, params: Params) -> None:
    """EC2 Auto Scaling SetInstanceHealth: an unhealthy instance is replaced."""
    if params["HealthStatus"] not in ("Healthy", "Unhealthy"):
        raise invalid("Valid instance health states are: [Healthy, Unhealthy].")
    with call.store.transact() as tx:
        member = find.member(tx, call.scope, params["InstanceId"])
        tx[MEMBERS].put(replace(member, healthy=params["HealthStatus"] == "Healthy"))


def attach_instances(call: Call, params: Params) -> None:
    """EC2 Auto Scaling AttachInstances: running ones of no other group; the desired capacity grows."""
    ids = list(dict.fromkeys(params.get("InstanceIds", ())))
    _check_count(ids, limits.ATTACHED_MAX)
    with call.store.transact() as tx:
        group = find.group(tx, call.scope, params["AutoScalingGroupName"])
        if group.desired + len(ids) > group.max_size:
            raise invalid(
                f"AutoScalingGroup {group.name} has min-size={group.min_size}, max-size={group.max_size}, "
                f"and desired-size={group.desired}. {len(ids)} more instances would exceed its max-size."
            )
        for one in ids:
            _attach(tx, call, group, one)
        tx[GROUPS].put(replace(group, desired=group.desired + len(ids)))


def detach_instances(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling DetachInstances: they run on, and are replaced unless the capacity shrinks."""
    ids = list(dict.fromkeys(params.get("InstanceIds", ())))
    _check_count(ids, limits.ATTACHED_MAX)
    made = []
    with call.store.transact() as tx:
        group = find.group(tx, call.scope, params["AutoScalingGroupName"])
        members = find.members(tx, group, ids)
        if any(member.state != "InService" for member in members):
            raise invalid("Only instances that are InService can be detached.")
        if params["ShouldDecrementDesiredCapacity"]:
            group = _smaller(tx, call, group, len(ids))
        for member in members:
            tx[MEMBERS].delete(member.id)
            tx[INSTANCES].put(replace(tx[INSTANCES].require(member.id), group=""))
            told = f"Detaching EC2 instance: {member.id}"
            why = "instance was detached in response to a user request"
            done = {"ended_at": call.now, "status": "Successful"}
            made.append(activities.begin(tx, group, call.ids, told, why, call.now, **done))
    return {"Activities": [describe.activity(one) for one in made]}


def _attach(tx: Transaction, call: Call, group: Group, instance_id: str) -> None:
    machine = tx[INSTANCES].get(instance_id)
    known = machine is not None and machine.kind == "EC2" and (machine.account, machine.region) == call.scope
    if machine is None or not known:
        raise invalid(f"Invalid Instance ID(s): [{instance_id}] specified")
    if machine.phase != "running":
        raise invalid(
            f"Instance {instance_id} is not in correct state. Instance(s) must be in 'running' state."
        )
    if machine.zone not in group.zones:
        raise invalid(f"Instance {instance_id} is in {machine.zone}, where group {group.name} is not.")
    if tx[MEMBERS].get(instance_id) is not None:
        raise invalid(f"Instance {instance_id} is already part of an Auto Scaling group.")
    tx[INSTANCES].put(replace(machine, group=group.arn))
    tx[MEMBERS].put(replace(launching.member(group, machine, call.now), state="InService"))


def _smaller(tx: Transaction, call: Call, group: Group, by: int) -> Group:
    """The group with so much less desired capacity."""
    if group.desired - by < group.min_size:
        raise invalid(
            f"Currently, desiredSize equals minSize ({group.min_size}). Terminating instance without "
            "replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity "
            "flag to false or lower group's min size."
        )
    return tx[GROUPS].put(replace(group, desired=group.desired - by, scaled_at=call.now, cause=""))


def _check_count(ids: list[str], most: int) -> None:
    if not 1 <= len(ids) <= most:
        raise invalid(f"InstanceIds must have 1 to {most} items.")
