"""Capacity providers as the API shows them."""

from __future__ import annotations

from windlass.aws.calls import Result
from windlass.services.ecs import describe, references
from windlass.services.ecs.lookup import Scope
from windlass.services.ecs.provider_model import CapacityProvider


def fargate(scope: Scope, name: str) -> Result:
    """One of the two that every account has."""
    arn = references.provider_arn(*scope, name)
    return {"capacityProviderArn": arn, "name": name, "status": "ACTIVE", "type": name, "tags": []}


def provider(row: CapacityProvider, *, with_tags: bool) -> Result:
    scaling: Result = {"status": "ENABLED" if row.scaling.enabled else "DISABLED"}
    scaling |= {
        "targetCapacity": row.scaling.target,
        "minimumScalingStepSize": row.scaling.step_min,
        "maximumScalingStepSize": row.scaling.step_max,
        "instanceWarmupPeriod": row.scaling.warmup_s,
    }
    return {
        "capacityProviderArn": row.arn,
        "name": row.name,
        "status": row.status,
        "type": "EC2_AUTOSCALING",
        "autoScalingGroupProvider": {
            "autoScalingGroupArn": row.group_arn,
            "managedScaling": scaling,
            "managedTerminationProtection": "ENABLED" if row.protects else "DISABLED",
            "managedDraining": "ENABLED" if row.drains else "DISABLED",
        },
        "updateStatus": row.update_status,
        "tags": describe.tags(row.tags) if with_tags else [],
    }
