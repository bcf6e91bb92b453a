"""Lifecycle hooks, and the actions of those who act on them."""

from __future__ import annotations

import re

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.clock import SECOND
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.autoscaling import describe, find, limits
from windlass.services.autoscaling.find import invalid
from windlass.services.autoscaling.model import (
    HOOKS,
    LAUNCHING,
    MEMBERS,
    TERMINATING,
    Group,
    Hook,
    Member,
    Wait,
)

_NAME = re.compile(r"[A-Za-z0-9\-_/]{1,255}", re.ASCII)


def put_lifecycle_hook(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling PutLifecycleHook. Instances that wait already go on as they began."""
    with call.store.transact() as tx:
        group = find.group(tx, call.scope, params["AutoScalingGroupName"])
        before = tx[HOOKS].get((*group.key, params["LifecycleHookName"]))
        if before is None and tx[HOOKS].count("group", group.key) >= limits.HOOKS_MAX:
            raise Fault("LimitExceeded", f"A group can have at most {limits.HOOKS_MAX} lifecycle hooks.")
        tx[HOOKS].put(made(group, params, before))
    return {}


def made(group: Group, params: Params, before: Hook | None) -> Hook:
    """The hook that a call asks for, on top of the one that is there. Raises ValidationError."""
    name = params["LifecycleHookName"]
    if not _NAME.fullmatch(name):
        raise invalid("Lifecycle hook names have letters, digits, hyphens, underscores and slashes only.")
    transition = params.get("LifecycleTransition") or (before.transition if before else "")
    if transition not in (LAUNCHING, TERMINATING):
        raise invalid(f"Lifecycle transition must be one of {LAUNCHING}, {TERMINATING}.")
    heartbeat = params.get("HeartbeatTimeout", before.heartbeat_s if before else limits.HEARTBEAT_S_DEFAULT)
    low, high = limits.HEARTBEAT_S
    if not low <= heartbeat <= high:
        raise invalid(f"Heartbeat timeout must be from {low} to {high} seconds.")
    default = params.get("DefaultResult", before.default if before else "ABANDON")
    if default not in ("CONTINUE", "ABANDON"):
        raise invalid("DefaultResult must be CONTINUE or ABANDON.")
    return Hook(
        *group.key,
        name=name,
        transition=transition,
        heartbeat_s=heartbeat,
        default=default,
        role_arn=params.get("RoleARN", before.role_arn if before else ""),
        target_arn=params.get("NotificationTargetARN", before.target_arn if before else ""),
        metadata=params.get("NotificationMetadata", before.metadata if before else ""),
    )


def describe_lifecycle_hooks(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling DescribeLifecycleHooks."""
    group = find.group(call.store, call.scope, params["AutoScalingGroupName"])
    names = params.get("LifecycleHookNames")
    rows = call.store[HOOKS].by("group", group.key)
    return {"LifecycleHooks": [describe.hook(row) for row in rows if not names or row.name in names]}


def describe_lifecycle_hook_types(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling DescribeLifecycleHookTypes."""
    return {"LifecycleHookTypes": [LAUNCHING, TERMINATING]}


def delete_lifecycle_hook(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling DeleteLifecycleHook. Instances that wait for it go on by its default."""
    with call.store.transact() as tx:
        group = find.group(tx, call.scope, params["AutoScalingGroupName"])
        hook = tx[HOOKS].get((*group.key, params["LifecycleHookName"]))
        if hook is None:
            raise invalid(f"No lifecycle hook {params['LifecycleHookName']} in group {group.name}.")
        tx[HOOKS].delete((*group.key, hook.name))
        for member in tx[MEMBERS].by("group", group.key):
            after = [
                replace(one, result=hook.default) if one.hook == hook.name and not one.result else one
                for one in member.waits
            ]
            tx[MEMBERS].put(replace(member, waits=tuple(after)))
    return {}


def complete_lifecycle_action(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling CompleteLifecycleAction: CONTINUE or ABANDON."""
    result = params["LifecycleActionResult"]
    if result not in ("CONTINUE", "ABANDON"):
        raise invalid("LifecycleActionResult must be CONTINUE or ABANDON.")
    with call.store.transact() as tx:
        member, wait = _waiting(tx, call, params)
        _put(tx, member, replace(wait, result=result))
    return {}


def record_lifecycle_action_heartbeat(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling RecordLifecycleActionHeartbeat: once more as long, within the global timeout."""
    with call.store.transact() as tx:
        member, wait = _waiting(tx, call, params)
        deadline = min(call.now + wait.heartbeat_s * SECOND, wait.limit)
        _put(tx, member, replace(wait, deadline=deadline))
    return {}


def _waiting(tx: Transaction, call: Call, params: Params) -> tuple[Member, Wait]:
    """The instance that waits for that hook: by id, or by the token of its wait."""
    group = find.group(tx, call.scope, params["AutoScalingGroupName"])
    token, instance_id = params.get("LifecycleActionToken"), params.get("InstanceId")
    if not token and not instance_id:
        raise invalid("Either the instance ID or the lifecycle action token is required.")
    named = [instance_id] if instance_id else []
    for member in find.members(tx, group, named) or tx[MEMBERS].by("group", group.key):
        for wait in member.waits:
            same = wait.hook == params["LifecycleHookName"] and token in (None, "", wait.token)
            if same and not wait.result:
                return member, wait
    raise invalid(
        "No active Lifecycle Action found with "
        + (f"instance ID {instance_id}" if instance_id else f"token {token}")
    )


def _put(tx: Transaction, member: Member, wait: Wait) -> None:
    waits = tuple(wait if one.token == wait.token else one for one in member.waits)
    tx[MEMBERS].put(replace(member, waits=waits))
