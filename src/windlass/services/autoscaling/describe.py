"""Auto Scaling rows as the API shows them. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from windlass.aws.calls import Result
from windlass.fleet.blueprints import TemplateName
from windlass.kernel.clock import in_seconds
from windlass.services.autoscaling import limits
from windlass.services.autoscaling.model import (
    Activity,
    Group,
    GroupTag,
    Hook,
    LaunchConfiguration,
    Member,
)

RESOURCE_TYPE = "auto-scaling-group"


def group(row: Group, members: Sequence[Member]) -> Result:
    shown: Result = {
        "AutoScalingGroupName": row.name,
        "AutoScalingGroupARN": row.arn,
        "MinSize": row.min_size,
        "MaxSize": row.max_size,
        "DesiredCapacity": row.desired,
        "DefaultCooldown": row.cooldown_s,
        "AvailabilityZones": list(row.zones),
        "LoadBalancerNames": [],
        "TargetGroupARNs": [],
        "HealthCheckType": row.health_check,
        "HealthCheckGracePeriod": row.grace_s,
        "Instances": [_instance(member) for member in members],
        "CreatedTime": in_seconds(row.created_at),
        "SuspendedProcesses": [
            {"ProcessName": name, "SuspensionReason": "User suspended"} for name in row.suspended
        ],
        "EnabledMetrics": [],
        "VPCZoneIdentifier": ",".join(site.subnet_id for site in row.sites if site.subnet_id),
        "Tags": [tag(row, one) for one in row.tags],
        "TerminationPolicies": list(row.policies),
        "NewInstancesProtectedFromScaleIn": row.protects_new,
        **row.stored,
        **launch(row.launch.configuration, row.launch.template if row.launch.mixed is None else None),
    }
    if row.launch.mixed is not None:
        shown["MixedInstancesPolicy"] = dict(row.launch.mixed)
    if row.deleting:
        shown["Status"] = "Delete in progress"
    return shown


def launch(configuration: str, template: TemplateName | None) -> dict[str, Any]:
    """What an instance or a group is made with."""
    if configuration:
        return {"LaunchConfigurationName": configuration}
    if template is None:
        return {}
    named = {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "Version": template.version,
    }
    return {"LaunchTemplate": {name: text for name, text in named.items() if text}}


def _instance(row: Member) -> Result:
    shown = {
        "InstanceId": row.id,
        "InstanceType": row.instance_type,
        "AvailabilityZone": row.zone,
        "LifecycleState": row.state,
        "HealthStatus": "Healthy" if row.healthy else "Unhealthy",
        "ProtectedFromScaleIn": row.protected,
        **launch(row.configuration, row.template),
    }
    return {**shown, "ImageId": row.image_id} if row.image_id else shown


def instance(row: Member) -> Result:
    """An instance by itself; here its health is in capitals (API reference, AutoScalingInstanceDetails)."""
    shown = _instance(row)
    return {**shown, "AutoScalingGroupName": row.group, "HealthStatus": shown["HealthStatus"].upper()}


def tag(row: Group, one: GroupTag) -> Result:
    return {
        "ResourceId": row.name,
        "ResourceType": RESOURCE_TYPE,
        "Key": one.key,
        "Value": one.value,
        "PropagateAtLaunch": one.at_launch,
    }


def configuration(row: LaunchConfiguration) -> Result:
    return {
        "LaunchConfigurationName": row.name,
        "LaunchConfigurationARN": row.arn,
        "ImageId": row.blueprint.image_id,
        "InstanceType": row.blueprint.instance_type,
        "UserData": row.blueprint.user_data,
        "KeyName": "",
        "SecurityGroups": [],
        "ClassicLinkVPCSecurityGroups": [],
        "KernelId": "",
        "RamdiskId": "",
        "BlockDeviceMappings": [],
        "InstanceMonitoring": {"Enabled": True},
        "EbsOptimized": False,
        **row.shown,
        "CreatedTime": in_seconds(row.created_at),
    }


def hook(row: Hook) -> Result:
    shown = {
        "LifecycleHookName": row.name,
        "AutoScalingGroupName": row.group,
        "LifecycleTransition": row.transition,
        "HeartbeatTimeout": row.heartbeat_s,
        "GlobalTimeout": min(
            row.heartbeat_s * limits.GLOBAL_HEARTBEATS,
            limits.GLOBAL_TIMEOUT_S_MAX,
        ),
        "DefaultResult": row.default,
    }
    further = {
        "RoleARN": row.role_arn,
        "NotificationTargetARN": row.target_arn,
        "NotificationMetadata": row.metadata,
    }
    return {**shown, **{name: text for name, text in further.items() if text}}


def activity(row: Activity) -> Result:
    shown: Result = {
        "ActivityId": row.id,
        "AutoScalingGroupName": row.group,
        "Description": row.description,
        "Cause": row.cause,
        "StartTime": in_seconds(row.started_at),
        "StatusCode": row.status,
        "Progress": 100 if row.ended_at else 50,
    }
    if row.ended_at:
        shown["EndTime"] = in_seconds(row.ended_at)
    return {**shown, "StatusMessage": row.message} if row.message else shown
