"""Auto Scaling groups: create, update, delete, describe, their desired capacity and processes."""

from __future__ import annotations

from collections.abc import Callable

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.clock import SECOND
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.autoscaling import describe, find, limits, plan, requested
from windlass.services.autoscaling.find import invalid
from windlass.services.autoscaling.handlers import hooks, policies
from windlass.services.autoscaling.handlers.tags import tags_of
from windlass.services.autoscaling.model import GROUPS, HOOKS, MEMBERS, Group, Launch
from windlass.services.autoscaling.policy_model import POLICIES, UPDATES

PROCESSES = (
    "AddToLoadBalancer", "AlarmNotification", "AZRebalance", "HealthCheck", "InstanceRefresh", "Launch",
    "ReplaceUnhealthy", "ScheduledActions", "Terminate",
)  # fmt: skip
"""EC2 Auto Scaling User Guide, processes."""


def create_auto_scaling_group(call: Call, params: Params) -> None:
    """EC2 Auto Scaling CreateAutoScalingGroup."""
    requested.refuse(params)
    name = requested.name(params["AutoScalingGroupName"])
    if requested.launch(params) is None:
        raise invalid(
            "Valid requests must contain either launchTemplate, LaunchConfigurationName, InstanceId or "
            "MixedInstancesPolicy parameter."
        )
    if not params.get("AvailabilityZones") and not params.get("VPCZoneIdentifier"):
        raise invalid("At least one Availability Zone or VPC Subnet is required.")
    with call.store.transact() as tx:
        if tx[GROUPS].get((*call.scope, name)) is not None:
            raise Fault(
                "AlreadyExists",
                f"AutoScalingGroup by this name already exists - A group with the name {name} already exists",
            )
        if tx[GROUPS].count("scope", call.scope) >= limits.GROUPS_MAX:
            raise Fault("LimitExceeded", f"At most {limits.GROUPS_MAX} Auto Scaling groups are allowed.")
        bare = Group(
            account=call.account,
            region=call.region,
            name=name,
            id=call.ids.uuid(),
            created_at=call.now,
            min_size=0,
            max_size=0,
            desired=0,
            launch=Launch(),
            sites=(),
            cooldown_s=limits.COOLDOWN_S_DEFAULT,
            grace_s=limits.GRACE_S_DEFAULT,
            tags=tags_of(params.get("Tags", ())),
        )
        group = tx[GROUPS].put(requested.changed(tx, call, bare, params))
        for hook in params.get("LifecycleHookSpecificationList", ()):
            tx[HOOKS].put(hooks.made(group, hook, None))


def update_auto_scaling_group(call: Call, params: Params) -> None:
    """EC2 Auto Scaling UpdateAutoScalingGroup. What runs already is not changed."""
    requested.refuse(params)
    with call.store.transact() as tx:
        group = find.group(tx, call.scope, params["AutoScalingGroupName"])
        tx[GROUPS].put(requested.changed(tx, call, group, params))


async def delete_auto_scaling_group(call: Call, params: Params) -> None:
    """EC2 Auto Scaling DeleteAutoScalingGroup. By force its instances are terminated with it.

    Its policies, their alarms and its scheduled actions go at once.
    """
    named, forced = params["AutoScalingGroupName"], params.get("ForceDelete", False)
    group = find.group(call.store, call.scope, named)
    if forced or not call.store[MEMBERS].count("group", group.key):
        await policies.delete_all(call, call.store[POLICIES].by("group", group.key))
    with call.store.transact() as tx:
        group = find.group(tx, call.scope, named)
        if tx[MEMBERS].count("group", group.key) and not forced:
            raise Fault(
                "ResourceInUse",
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance "
                "request(s) still in the group.",
            )
        tx[GROUPS].put(replace(group, deleting=True, forced=forced, min_size=0, max_size=0, desired=0))
        for row in tx[POLICIES].by("group", group.key):
            tx[POLICIES].delete((*row.of, row.name))
        for update in tx[UPDATES].by("group", group.key):
            tx[UPDATES].delete((*group.key, update.name))


def describe_auto_scaling_groups(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling DescribeAutoScalingGroups: those named that are there, or all."""
    names = params.get("AutoScalingGroupNames")
    tests = [_tag_test(one) for one in params.get("Filters", ())]
    if names:
        wanted = dict.fromkeys(find.plain(name) for name in names)
        rows = [row for name in wanted if (row := call.store[GROUPS].get((*call.scope, name))) is not None]
        kept = [row for row in rows if all(test(row) for test in tests)]
        found, more = find.cut(call, params, kept, "DescribeAutoScalingGroups")
    else:
        found, more = find.page(
            call, params, GROUPS, "DescribeAutoScalingGroups", lambda row: all(test(row) for test in tests)
        )
    with_instances = params.get("IncludeInstances", True)
    members = call.store[MEMBERS]
    shown = [describe.group(row, members.by("group", row.key) if with_instances else ()) for row in found]
    return {"AutoScalingGroups": shown, **more}


def set_desired_capacity(call: Call, params: Params) -> None:
    """EC2 Auto Scaling SetDesiredCapacity, within the group's bounds."""
    desired = params["DesiredCapacity"]
    with call.store.transact() as tx:
        group = find.group(tx, call.scope, params["AutoScalingGroupName"])
        if desired > group.max_size:
            raise invalid(
                f"New SetDesiredCapacity value {desired} is above max value {group.max_size} for the "
                "AutoScalingGroup."
            )
        if desired < group.min_size:
            raise invalid(
                f"New SetDesiredCapacity value {desired} is below min value {group.min_size} for the "
                "AutoScalingGroup."
            )
        cooling = call.now < group.scaled_at + group.cooldown_s * SECOND and bool(group.scaled_at)
        if params.get("HonorCooldown") and cooling:
            raise Fault("ScalingActivityInProgress", f"Scaling activity for {group.name} is in cooldown.")
        if desired != group.desired:
            cause = (
                "a user request explicitly set group desired capacity changing the desired capacity from "
                f"{group.desired} to {desired}."
            )
            tx[GROUPS].put(replace(group, desired=desired, scaled_at=call.now, cause=cause))


def suspend_processes(call: Call, params: Params) -> None:
    """EC2 Auto Scaling SuspendProcesses: these, or all."""
    _change_processes(call, params, lambda before, named: before | named)


def resume_processes(call: Call, params: Params) -> None:
    """EC2 Auto Scaling ResumeProcesses: these, or all."""
    _change_processes(call, params, lambda before, named: before - named)


def describe_scaling_process_types(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling DescribeScalingProcessTypes."""
    return {"Processes": [{"ProcessName": name} for name in PROCESSES]}


def describe_termination_policy_types(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling DescribeTerminationPolicyTypes."""
    return {"TerminationPolicyTypes": sorted(plan.POLICIES)}


def _change_processes(call: Call, params: Params, change: Callable[[set[str], set[str]], set[str]]) -> None:
    named = set(params.get("ScalingProcesses") or PROCESSES)
    unknown = sorted(named - set(PROCESSES))
    if unknown:
        raise invalid(f"{unknown[0]} is not a valid scaling process.")
    with call.store.transact() as tx:
        group = find.group(tx, call.scope, params["AutoScalingGroupName"])
        after = tuple(sorted(change(set(group.suspended), named)))
        tx[GROUPS].put(replace(group, suspended=after))


def _tag_test(one: Params) -> Callable[[Group], bool]:
    """Whether a group passes one filter."""
    name, values = one.get("Name", ""), set(one.get("Values", ()))
    if name == "tag-key":
        return lambda row: any(tag.key in values for tag in row.tags)
    if name == "tag-value":
        return lambda row: any(tag.value in values for tag in row.tags)
    if name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return lambda row: any(tag.key == key and tag.value in values for tag in row.tags)
    raise invalid(
        f"Filter type {name} is not correct. Allowed Filter types are: tag-key, tag-value, tag:<key>"
    )
