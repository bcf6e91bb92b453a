"""CreateComputeEnvironment, UpdateComputeEnvironment, DeleteComputeEnvironment, DescribeComputeEnvironments.

They write what is wanted; environments.py settles the status.
"""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.rows import replace
from windlass.services.batch import describe_resources, environment_rules, find, limits, settling, tagging
from windlass.services.batch.environments import Environments
from windlass.services.batch.faults import refuse
from windlass.services.batch.resource_model import ENVIRONMENTS, QUEUES, ComputeEnvironment, Reads


async def create_compute_environment(call: Call, params: Params) -> Result:
    """Batch CreateComputeEnvironment: CREATING until it has been looked at."""
    name = find.check_name(params["computeEnvironmentName"], "computeEnvironmentName")
    resources = environment_rules.resources(params)
    uuid = call.ids.uuid()
    with call.store.transact() as tx:
        settling.check_new(call, tx, ENVIRONMENTS, name, limits.QUOTA_ENVIRONMENTS)
        row = tx[ENVIRONMENTS].put(
            ComputeEnvironment(
                *call.scope,
                name=name,
                uuid=uuid,
                type=params["type"],
                created_at=call.now,
                cluster=environment_rules.cluster_name(name, uuid),
                state=params.get("state", "ENABLED"),
                resources=resources,
                unmanaged_vcpus=params.get("unmanagedvCpus", 0),
                service_role=params.get("serviceRole", ""),
                context=params.get("context", ""),
                tags=tagging.read(params.get("tags", {})),
                desired_vcpus=resources.get("desiredvCpus", resources.get("minvCpus", 0)),
                changed_at=call.now,
            )
        )
    await call.part(Environments).settle(row)
    return {"computeEnvironmentName": row.name, "computeEnvironmentArn": row.arn}


async def update_compute_environment(call: Call, params: Params) -> Result:
    """Batch UpdateComputeEnvironment: what is wanted counts at once, the status is UPDATING meanwhile."""
    with call.store.transact() as tx:
        row = find.environment(tx, call.scope, params["computeEnvironment"])
        settling.check_settled(row, "update")
        resources = environment_rules.updated(row, params)
        known = row.status == "VALID" and row.checked
        row = tx[ENVIRONMENTS].put(
            replace(
                row,
                state=params.get("state", row.state),
                resources=resources,
                unmanaged_vcpus=params.get("unmanagedvCpus", row.unmanaged_vcpus),
                service_role=params.get("serviceRole", row.service_role),
                update_policy=params.get("updatePolicy", row.update_policy),
                context=params.get("context", row.context),
                desired_vcpus=_desired(row, resources),
                status="UPDATING",
                changed_at=call.now,
                checked=known and environment_rules.same_at_ec2(row.resources, resources),
            )
        )
    await call.part(Environments).settle(row)
    return {"computeEnvironmentName": row.name, "computeEnvironmentArn": row.arn}


async def delete_compute_environment(call: Call, params: Params) -> Result:
    """Batch DeleteComputeEnvironment: of one that is DISABLED and in no queue."""
    with call.store.transact() as tx:
        row = find.environment(tx, call.scope, params["computeEnvironment"])
        settling.check_deletable(row)
        if _in_queue(tx, row):
            raise refuse("Cannot delete, found existing JobQueue relationship")
        row = tx[ENVIRONMENTS].put(replace(row, status="DELETING", changed_at=call.now))
    await call.part(Environments).settle(row)
    return {}


def describe_compute_environments(call: Call, params: Params) -> Result:
    """Batch DescribeComputeEnvironments: those named, or all by name. Unknown ones are left out."""
    rows, token = find.named_or_all(call, params, ENVIRONMENTS, "computeEnvironments", find.environment)
    return {"computeEnvironments": [describe_resources.environment(row) for row in rows], **token}


def _in_queue(reads: Reads, row: ComputeEnvironment) -> bool:
    """Whether some queue has it. An account has few queues (limits.QUOTA_QUEUES)."""
    return any(row.name in queue.environments for queue in reads[QUEUES].by("scope", row.key[:2]))


def _desired(row: ComputeEnvironment, resources: Params) -> int:
    """What the caller wants of it, within the new bounds."""
    asked = row.desired_vcpus
    if resources.get("desiredvCpus") != row.resources.get("desiredvCpus"):
        asked = resources["desiredvCpus"]
    return int(min(max(asked, resources.get("minvCpus", 0)), resources.get("maxvCpus", asked)))
