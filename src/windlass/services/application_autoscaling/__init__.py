"""Application Auto Scaling: counts of ECS services and provisioned concurrency, by policies and schedules.

What this decides: which capacity a target should have, and when. It must not know what a task or a function
is (capacity.py asks their services) nor how metrics are evaluated (alarms of CloudWatch are, and come
here). Known gaps: see docs/aws/application-autoscaling.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.services.application_autoscaling.follow import Follow
from windlass.services.application_autoscaling.handlers import (
    policies,
    scaling_activities,
    scheduled_actions,
    tags,
    targets,
)
from windlass.services.application_autoscaling.model import TABLES
from windlass.services.application_autoscaling.scaler import Scaler
from windlass.services.application_autoscaling.schedules import Schedules
from windlass.services.plane import Plane, Service


def _start(plane: Plane) -> Sequence[object]:
    scaler = Scaler(plane)
    follow, schedules = Follow(plane, scaler), Schedules(plane, scaler)
    for part in (follow, schedules):
        plane.spawn.start(part.loop.name, part.loop.run())
    return (scaler, follow, schedules)


SERVICE = Service(
    name="application-autoscaling",
    handlers={
        "DeleteScalingPolicy": policies.delete_scaling_policy,
        "DeleteScheduledAction": scheduled_actions.delete_scheduled_action,
        "DeregisterScalableTarget": targets.deregister_scalable_target,
        "DescribeScalableTargets": targets.describe_scalable_targets,
        "DescribeScalingActivities": scaling_activities.describe_scaling_activities,
        "DescribeScalingPolicies": policies.describe_scaling_policies,
        "DescribeScheduledActions": scheduled_actions.describe_scheduled_actions,
        "ListTagsForResource": tags.list_tags_for_resource,
        "PutScalingPolicy": policies.put_scaling_policy,
        "PutScheduledAction": scheduled_actions.put_scheduled_action,
        "RegisterScalableTarget": targets.register_scalable_target,
        "TagResource": tags.tag_resource,
        "UntagResource": tags.untag_resource,
    },
    tables=TABLES,
    start=_start,
    partial={
        "DescribeScalingActivities": "the last 100 of a target; those of deregistered targets are gone",
        "PutScalingPolicy": "predictive scaling is refused",
        "RegisterScalableTarget": (
            "namespaces ecs (ecs:service:DesiredCount) and lambda (lambda:function:ProvisionedConcurrency); "
            "RoleARN is stored, not assumed"
        ),
    },
)
