"""Amazon EC2 Auto Scaling: groups of instances, launched and terminated to a desired capacity.

What this decides: how many instances a group has and where, and which of them goes. It must not know what an
instance is made of (EC2 knows, fleet/blueprints.py), nor what a capacity provider wants (ECS does,
fleet/groups.py). Known gaps: predictive scaling, warm pools, instance refresh, standby, Spot; see
docs/aws/autoscaling.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.fleet.groups import Groups
from windlass.services.autoscaling.controller import Scaler
from windlass.services.autoscaling.groups_source import GroupSource
from windlass.services.autoscaling.handlers import (
    groups,
    hooks,
    instances,
    launch_configurations,
    policies,
    scaling_activities,
    scheduled_actions,
    tags,
)
from windlass.services.autoscaling.model import TABLES
from windlass.services.autoscaling.policy_model import POLICIES, UPDATES
from windlass.services.autoscaling.policy_scaler import PolicyScaler
from windlass.services.autoscaling.scheduled_updates import ScheduledUpdates
from windlass.services.plane import Plane, Service


def start(plane: Plane) -> Sequence[object]:
    """Start the loops, and let capacity providers see the groups and alarms their policies."""
    source, scaler, updates = GroupSource(plane), Scaler(plane), ScheduledUpdates(plane)
    plane.calls.part(Groups).come_from(source)
    plane.spawn.start(scaler.loop.name, scaler.loop.run())
    plane.spawn.start(updates.loop.name, updates.loop.run())
    return (source, scaler, updates, PolicyScaler(plane))


SERVICE = Service(
    name="autoscaling",
    handlers={
        "AttachInstances": instances.attach_instances,
        "BatchDeleteScheduledAction": scheduled_actions.batch_delete_scheduled_action,
        "BatchPutScheduledUpdateGroupAction": scheduled_actions.batch_put_scheduled_update_group_action,
        "CompleteLifecycleAction": hooks.complete_lifecycle_action,
        "CreateAutoScalingGroup": groups.create_auto_scaling_group,
        "CreateLaunchConfiguration": launch_configurations.create_launch_configuration,
        "CreateOrUpdateTags": tags.create_or_update_tags,
        "DeleteAutoScalingGroup": groups.delete_auto_scaling_group,
        "DeleteLaunchConfiguration": launch_configurations.delete_launch_configuration,
        "DeleteLifecycleHook": hooks.delete_lifecycle_hook,
        "DeletePolicy": policies.delete_policy,
        "DeleteScheduledAction": scheduled_actions.delete_scheduled_action,
        "DeleteTags": tags.delete_tags,
        "DescribeAdjustmentTypes": policies.describe_adjustment_types,
        "DescribeAutoScalingGroups": groups.describe_auto_scaling_groups,
        "DescribeAutoScalingInstances": instances.describe_auto_scaling_instances,
        "DescribeLaunchConfigurations": launch_configurations.describe_launch_configurations,
        "DescribeLifecycleHookTypes": hooks.describe_lifecycle_hook_types,
        "DescribeLifecycleHooks": hooks.describe_lifecycle_hooks,
        "DescribePolicies": policies.describe_policies,
        "DescribeScalingActivities": scaling_activities.describe_scaling_activities,
        "DescribeScalingProcessTypes": groups.describe_scaling_process_types,
        "DescribeScheduledActions": scheduled_actions.describe_scheduled_actions,
        "DescribeTags": tags.describe_tags,
        "DescribeTerminationPolicyTypes": groups.describe_termination_policy_types,
        "DetachInstances": instances.detach_instances,
        "ExecutePolicy": policies.execute_policy,
        "PutLifecycleHook": hooks.put_lifecycle_hook,
        "PutScalingPolicy": policies.put_scaling_policy,
        "PutScheduledUpdateGroupAction": scheduled_actions.put_scheduled_update_group_action,
        "RecordLifecycleActionHeartbeat": hooks.record_lifecycle_action_heartbeat,
        "ResumeProcesses": groups.resume_processes,
        "SetDesiredCapacity": groups.set_desired_capacity,
        "SetInstanceHealth": instances.set_instance_health,
        "SetInstanceProtection": instances.set_instance_protection,
        "SuspendProcesses": groups.suspend_processes,
        "TerminateInstanceInAutoScalingGroup": instances.terminate_instance_in_auto_scaling_group,
        "UpdateAutoScalingGroup": groups.update_auto_scaling_group,
    },
    tables=(*TABLES, POLICIES, UPDATES),
    start=start,
    partial={
        "CreateAutoScalingGroup": (
            "stored, not acted on: load balancers and target groups, HealthCheckType other than EC2, "
            "MaxInstanceLifetime, CapacityRebalance, DefaultInstanceWarmup, InstanceMaintenancePolicy and "
            "the like; of a MixedInstancesPolicy the first type is launched, Spot and weights are refused; "
            "zones are not balanced anew (AZRebalance)"
        ),
        "UpdateAutoScalingGroup": "as CreateAutoScalingGroup",
        "CreateLaunchConfiguration": (
            "what an instance is made of is stored; its type and what UserData says to the ECS agent count; "
            "InstanceId and SpotPrice are refused"
        ),
        "PutLifecycleHook": "NotificationTargetARN is stored: actions are told on EventBridge only",
        "DescribeScalingActivities": "the last 100 of a group; those of deleted groups are gone",
        "SetInstanceHealth": "ShouldRespectGracePeriod changes nothing",
        "PutScalingPolicy": (
            "predictive scaling is refused, and so are metrics of EC2 instances (ASGAverage...): there are "
            "none; ALBRequestCountPerTarget and customized metrics are followed"
        ),
        "SuspendProcesses": (
            "Launch, Terminate, ReplaceUnhealthy, AlarmNotification and ScheduledActions are kept to; the "
            "others are stored"
        ),
    },
    invalid="ValidationError",
    throttled="Throttling",
)
