"""Rows of environments, queues, policies and definitions to API shapes. Reads only."""

from __future__ import annotations

from windlass.aws.arn import arn
from windlass.aws.calls import Result
from windlass.services.batch.resource_model import (
    ENVIRONMENTS,
    FARGATE_KINDS,
    ComputeEnvironment,
    JobDefinition,
    JobQueue,
    Reads,
    SchedulingPolicy,
)


def environment(row: ComputeEnvironment) -> Result:
    """ComputeEnvironmentDetail. Its cluster is shown once it is there."""
    shown: Result = {
        "computeEnvironmentName": row.name,
        "computeEnvironmentArn": row.arn,
        "type": row.type,
        "state": row.state,
        "status": row.status,
        "statusReason": row.status_reason,
        "containerOrchestrationType": "ECS",
        "uuid": row.uuid,
        "tags": dict(row.tags),
    }
    if row.status != "CREATING":
        shown["ecsClusterArn"] = arn("ecs", row.region, row.account, f"cluster/{row.cluster}")
    if row.type == "UNMANAGED":
        shown["unmanagedvCpus"] = row.unmanaged_vcpus
    else:
        shown["computeResources"] = {**row.resources, **_desired(row)}
    if row.update_policy:
        shown["updatePolicy"] = dict(row.update_policy)
    if row.service_role:
        shown["serviceRole"] = row.service_role
    if row.context:
        shown["context"] = row.context
    return shown


def queue_type(row: JobQueue, reads: Reads) -> str:
    """What its environments are: ECS_FARGATE, or ECS for those with instances."""
    held = [reads[ENVIRONMENTS].get((row.account, row.region, name)) for name in row.environments]
    kinds = [environment.kind for environment in held if environment is not None]
    return "ECS_FARGATE" if kinds and kinds[0] in FARGATE_KINDS else "ECS"


def queue(row: JobQueue, reads: Reads) -> Result:
    """JobQueueDetail."""
    shown: Result = {
        "jobQueueName": row.name,
        "jobQueueArn": row.arn,
        "state": row.state,
        "status": row.status,
        "statusReason": row.status_reason,
        "priority": row.priority,
        "computeEnvironmentOrder": [
            {"order": order, "computeEnvironment": _environment_arn(row, name)}
            for order, name in zip(row.orders, row.environments, strict=True)
        ],
        "jobQueueType": queue_type(row, reads),
        "tags": dict(row.tags),
        "jobStateTimeLimitActions": [dict(action) for action in row.time_limits],
    }
    if row.policy:
        shown["schedulingPolicyArn"] = arn(
            "batch", row.region, row.account, f"scheduling-policy/{row.policy}"
        )
    return shown


def policy(row: SchedulingPolicy) -> Result:
    """SchedulingPolicyDetail."""
    return {"name": row.name, "arn": row.arn, "fairsharePolicy": dict(row.given), "tags": dict(row.tags)}


def definition(row: JobDefinition) -> Result:
    """JobDefinition."""
    return {
        "jobDefinitionName": row.name,
        "jobDefinitionArn": row.arn,
        "revision": row.revision,
        "status": row.status,
        "type": row.type,
        "containerOrchestrationType": "ECS",
        **row.given,
        "tags": dict(row.tags),
    }


def _desired(row: ComputeEnvironment) -> Result:
    """EC2 and SPOT: how many vCPUs their instances are to have now."""
    return {} if row.kind in FARGATE_KINDS else {"desiredvCpus": row.desired_vcpus}


def _environment_arn(row: JobQueue, name: str) -> str:
    return arn("batch", row.region, row.account, f"compute-environment/{name}")
