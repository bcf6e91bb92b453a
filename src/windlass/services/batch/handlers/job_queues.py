"""CreateJobQueue, UpdateJobQueue, DeleteJobQueue, DescribeJobQueues.

They write what is wanted; queues.py settles the status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.batch import describe_resources, find, limits, queue_rules, settling, tagging
from windlass.services.batch.queues import Queues
from windlass.services.batch.resource_model import QUEUES, JobQueue


def create_job_queue(call: Call, params: Params) -> Result:
    """Batch CreateJobQueue. Its environments must be VALID."""
    name = find.check_name(params["jobQueueName"], "jobQueueName")
    queue_rules.check_here(params)
    queue_rules.check_time_limits(params.get("jobStateTimeLimitActions", ()))
    policy = params.get("schedulingPolicyArn", "")
    with call.store.transact() as tx:
        settling.check_new(call, tx, QUEUES, name, limits.QUOTA_QUEUES)
        given = params.get("computeEnvironmentOrder", ())
        row = tx[QUEUES].put(
            JobQueue(
                *call.scope,
                name=name,
                created_at=call.now,
                priority=queue_rules.priority(params["priority"]),
                state=params.get("state", "ENABLED"),
                policy=find.policy(tx, call.scope, policy).name if policy else "",
                time_limits=tuple(params.get("jobStateTimeLimitActions", ())),
                tags=tagging.read(params.get("tags", {})),
                changed_at=call.now,
                **_environments(tx, call, given, params.get("jobQueueType", "")),
            )
        )
    call.part(Queues).settle(row)
    return {"jobQueueName": row.name, "jobQueueArn": row.arn}


def update_job_queue(call: Call, params: Params) -> Result:
    """Batch UpdateJobQueue: what is wanted counts at once, the status is UPDATING meanwhile."""
    queue_rules.check_here(params)
    queue_rules.check_time_limits(params.get("jobStateTimeLimitActions", ()))
    with call.store.transact() as tx:
        row = find.queue(tx, call.scope, params["jobQueue"])
        settling.check_settled(row, "update")
        policy = row.policy
        if "schedulingPolicyArn" in params:
            asked = params["schedulingPolicyArn"]
            policy = find.policy(tx, call.scope, asked).name if asked else ""
            queue_rules.check_policy_change(row.policy, policy)
        changed: dict[str, Any] = {}
        if "computeEnvironmentOrder" in params:
            kind = describe_resources.queue_type(row, tx)
            changed = _environments(tx, call, params["computeEnvironmentOrder"], kind)
        row = tx[QUEUES].put(
            replace(
                row,
                priority=queue_rules.priority(params.get("priority", row.priority)),
                state=params.get("state", row.state),
                policy=policy,
                time_limits=tuple(params.get("jobStateTimeLimitActions", row.time_limits)),
                status="UPDATING",
                changed_at=call.now,
                **changed,
            )
        )
    call.part(Queues).settle(row)
    return {"jobQueueName": row.name, "jobQueueArn": row.arn}


def delete_job_queue(call: Call, params: Params) -> Result:
    """Batch DeleteJobQueue: of one that is DISABLED. Its jobs end before it is gone (queues.py)."""
    with call.store.transact() as tx:
        row = find.queue(tx, call.scope, params["jobQueue"])
        settling.check_deletable(row)
        row = tx[QUEUES].put(replace(row, status="DELETING", changed_at=call.now))
    call.part(Queues).settle(row)
    return {}


def describe_job_queues(call: Call, params: Params) -> Result:
    """Batch DescribeJobQueues: those named, or all by name. Unknown ones are left out."""
    rows, token = find.named_or_all(call, params, QUEUES, "jobQueues", find.queue)
    return {"jobQueues": [describe_resources.queue(row, call.store) for row in rows], **token}


def _environments(
    tx: Transaction, call: Call, given: Sequence[Mapping[str, Any]], queue_type: str
) -> dict[str, Any]:
    """The columns that say which environments a queue has."""
    order = queue_rules.ordered(given)
    found = [find.environment(tx, call.scope, reference) for _, reference in order]
    queue_rules.check_environments(found, queue_type)
    return {
        "environments": tuple(row.name for row in found),
        "orders": tuple(number for number, _ in order),
    }
