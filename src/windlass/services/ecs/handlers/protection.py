"""Task scale-in protection: GetTaskProtection, UpdateTaskProtection."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.clock import in_seconds
from windlass.kernel.faults import Fault
from windlass.services.ecs import describe, lookup, references, scale_in
from windlass.services.ecs.lookup import Reads
from windlass.services.ecs.model import TASKS, Cluster, Task
from windlass.services.ecs.task_protection import refusal


def get_task_protection(call: Call, params: Params) -> Result:
    """ECS GetTaskProtection."""
    named = _named(params, scale_in.GET_TASKS_MAX)
    cluster = lookup.cluster(call.store, call.scope, params["cluster"])
    tasks, failures = _found(call.store, cluster, named, scale_in.failure)
    return {"protectedTasks": [_shown(call, task) for task in tasks], "failures": failures}


def update_task_protection(call: Call, params: Params) -> Result:
    """ECS UpdateTaskProtection: of all tasks that can be protected, whatever becomes of the others."""
    named = _named(params, scale_in.UPDATE_TASKS_MAX)
    enabled, minutes = params["protectionEnabled"], params.get("expiresInMinutes")
    with call.store.transact() as tx:
        cluster = lookup.cluster(tx, call.scope, params["cluster"])
        tasks, failures = _found(tx, cluster, named, lambda task: refusal(tx, task, enabled, call.now))
        after = [tx[TASKS].put(scale_in.changed(task, enabled, minutes, call.now)) for task in tasks]
    return {"protectedTasks": [_shown(call, task) for task in after], "failures": failures}


def _named(params: Params, most: int) -> Sequence[str]:
    named: Sequence[str] = params.get("tasks", ())
    if not named:
        raise Fault("InvalidParameterException", "Tasks cannot be empty.")
    if len(named) > most:
        raise Fault("InvalidParameterException", f"tasks can have at most {most} items.")
    return named


def _found(
    reads: Reads, cluster: Cluster, named: Sequence[str], refused: Callable[[Task], str]
) -> tuple[list[Task], list[dict[str, str]]]:
    """The tasks that are there and not `refused` for a reason, and a failure for each of the others."""
    tasks, failures = [], []
    for reference in named:
        task = lookup.task(reads, cluster, reference)
        if task is None:
            arn = references.named_task_arn(reference, cluster.account, cluster.region, cluster.name)
            failures.append(describe.failure(arn, "MISSING"))
        elif reason := refused(task):
            failures.append(describe.failure(task.arn, reason))
        else:
            tasks.append(task)
    return tasks, failures


def _shown(call: Call, task: Task) -> Result:
    if not scale_in.is_protected(task, call.now):
        return {"taskArn": task.arn, "protectionEnabled": False}
    until = in_seconds(task.protected_until)
    return {"taskArn": task.arn, "protectionEnabled": True, "expirationDate": until}
