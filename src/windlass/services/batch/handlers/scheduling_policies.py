"""CreateSchedulingPolicy, UpdateSchedulingPolicy, DeleteSchedulingPolicy, and how they are listed."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.rows import replace
from windlass.services.batch import describe_resources, find, limits, queue_rules, settling, tagging
from windlass.services.batch.faults import invalid, not_here, refuse
from windlass.services.batch.resource_model import POLICIES, QUEUES, SchedulingPolicy


def create_scheduling_policy(call: Call, params: Params) -> Result:
    """Batch CreateSchedulingPolicy."""
    if "quotaSharePolicy" in params:
        raise not_here("quota shares")
    name = find.check_name(params["name"], "name")
    columns = queue_rules.fair_share(params.get("fairsharePolicy", {}))
    with call.store.transact() as tx:
        settling.check_new(call, tx, POLICIES, name, limits.QUOTA_POLICIES)
        row = tx[POLICIES].put(
            SchedulingPolicy(
                *call.scope,
                name=name,
                created_at=call.now,
                tags=tagging.read(params.get("tags", {})),
                **columns,
            )
        )
    return {"name": row.name, "arn": row.arn}


def update_scheduling_policy(call: Call, params: Params) -> Result:
    """Batch UpdateSchedulingPolicy: the whole policy anew; its queues keep to it at once."""
    if "quotaSharePolicy" in params:
        raise not_here("quota shares")
    with call.store.transact() as tx:
        row = find.policy(tx, call.scope, params["arn"])
        if "fairsharePolicy" in params:
            tx[POLICIES].put(replace(row, **queue_rules.fair_share(params["fairsharePolicy"])))
    return {}


def delete_scheduling_policy(call: Call, params: Params) -> Result:
    """Batch DeleteSchedulingPolicy: of one that no queue has."""
    with call.store.transact() as tx:
        row = find.policy(tx, call.scope, params["arn"])
        if any(queue.policy == row.name for queue in tx[QUEUES].by("scope", call.scope)):
            raise refuse("Cannot delete, found existing JobQueue relationship")
        tx[POLICIES].delete(row.key)
    return {}


def describe_scheduling_policies(call: Call, params: Params) -> Result:
    """Batch DescribeSchedulingPolicies. Unknown ones are left out."""
    if len(params["arns"]) > limits.DESCRIBED_POLICIES_MAX:
        raise invalid(f"arns can have at most {limits.DESCRIBED_POLICIES_MAX} items.")
    rows = find.known(call, params["arns"], find.policy)
    return {"schedulingPolicies": [describe_resources.policy(row) for row in rows]}


def list_scheduling_policies(call: Call, params: Params) -> Result:
    """Batch ListSchedulingPolicies: their ARNs, by name."""
    rows, token = find.page(call, params, POLICIES, "ListSchedulingPolicies", ("scope", call.scope))
    return {"schedulingPolicies": [{"arn": row.arn} for row in rows], **token}
