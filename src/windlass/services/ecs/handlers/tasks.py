"""ECS tasks: RunTask, StopTask, DescribeTasks, ListTasks."""

from __future__ import annotations

import hashlib
import re

import msgspec

from windlass.aws import paging
from windlass.aws.bus import Bus
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.services.ecs import (
    describe,
    launch,
    launching,
    limits,
    lookup,
    placing,
    references,
    stopping,
    wiring,
)
from windlass.services.ecs.handlers import listing
from windlass.services.ecs.model import (
    RUN_TOKENS,
    TASKS,
    Cluster,
    RunToken,
    Task,
)

_PRINTED = re.compile(r"[!-~]*", re.ASCII)
"""Characters 33 to 126; ECS API reference, RunTask, clientToken."""


def run_task(call: Call, params: Params) -> Result:
    """ECS RunTask. One transaction writes the tasks and the units that the fleet is to run."""
    token = params.get("clientToken", "")
    if len(token) > limits.CLIENT_TOKEN_LENGTH_MAX or not _PRINTED.fullmatch(token):
        raise _invalid(
            f"clientToken can have at most {limits.CLIENT_TOKEN_LENGTH_MAX} characters, all of them in the "
            "range of 33-126."
        )
    with call.store.transact() as tx:
        cluster = lookup.cluster(tx, call.scope, params.get("cluster"))
        if token and (seen := tx[RUN_TOKENS].get((*call.scope, token))) is not None:
            return _again(tx, call, seen, params)
        definition = launching.runnable(tx, call, params["taskDefinition"])
        order = launch.order(params, cluster, definition)
        wires = wiring.begin(tx, call, order)
        launching.take_quotas(tx, call, order)
        order, failures = placing.place(tx, call, cluster, order, wires.zones)
        tasks = launching.write(tx, call, order, cluster, definition, wires)
        if token:
            ids = tuple(task.id for task in tasks)
            remember(tx, RunToken(*call.scope, token, _fingerprint(params), cluster.name, ids, call.now))
    return {"tasks": [describe.task(task, with_tags=True) for task in tasks], "failures": failures}


def start_task(call: Call, params: Params) -> Result:
    """ECS StartTask: one task on each of the container instances that the caller chose."""
    named = params["containerInstances"]
    if not 1 <= len(named) <= limits.START_INSTANCES_MAX:
        raise _invalid(f"containerInstances must have 1 to {limits.START_INSTANCES_MAX} items.")
    if len(params.get("startedBy", "")) > limits.START_STARTED_BY_LENGTH_MAX:
        raise _invalid(f"startedBy can have at most {limits.START_STARTED_BY_LENGTH_MAX} characters.")
    with call.store.transact() as tx:
        cluster = lookup.cluster(tx, call.scope, params.get("cluster"))
        definition = launching.runnable(tx, call, params["taskDefinition"])
        first = lookup.instance(tx, cluster, named[0])
        asked = {**params, "count": len(named), "launchType": first.launch_type if first else "EC2"}
        order = launch.order(asked, cluster, definition)
        wires = wiring.begin(tx, call, order)
        order, failures = placing.place_on(tx, call, cluster, order, named, wires.zones)
        tasks = launching.write(tx, call, order, cluster, definition, wires)
    return {"tasks": [describe.task(task, with_tags=True) for task in tasks], "failures": failures}


def stop_task(call: Call, params: Params) -> Result:
    """ECS StopTask. Marks the task; the node sends SIGTERM, then SIGKILL after the stop timeout (30 s).

    Stopping a task that stops already, or has stopped, changes nothing and succeeds.
    """
    reason = params.get("reason") or "Task stopped by user"
    if len(reason) > limits.STOP_REASON_LENGTH_MAX:
        raise _invalid(f"reason can have at most {limits.STOP_REASON_LENGTH_MAX} characters.")
    with call.store.transact() as tx:
        cluster = lookup.cluster(tx, call.scope, params.get("cluster"))
        task = lookup.task(tx, cluster, params["task"])
        if task is None:
            raise _invalid("The referenced task was not found.")
        task = stopping.stop(tx, call.part(Bus), task, "UserInitiated", reason, call.now)
    return {"task": describe.task(task, with_tags=True)}


def describe_tasks(call: Call, params: Params) -> Result:
    """ECS DescribeTasks. What is not there is a failure MISSING, not an error."""
    if not params["tasks"]:
        raise _invalid("Tasks cannot be empty.")
    if len(params["tasks"]) > limits.DESCRIBE_MAX:
        raise _invalid(f"tasks can have at most {limits.DESCRIBE_MAX} items.")
    cluster = lookup.cluster(call.store, call.scope, params.get("cluster"))
    with_tags = "TAGS" in params.get("include", ())
    found, failures = listing.described(
        params["tasks"],
        find=lambda reference: lookup.task(call.store, cluster, reference),
        show=lambda task: describe.task(task, with_tags=with_tags),
        arn=lambda task_id: references.task_arn(*call.scope, cluster.name, task_id),
    )
    return {"tasks": found, "failures": failures}


def list_tasks(call: Call, params: Params) -> Result:
    """ECS ListTasks: of one cluster and desired status (RUNNING unless asked), newest last."""
    cluster = lookup.cluster(call.store, call.scope, params.get("cluster"))
    index, key = _listing(call, cluster, params)
    launch_type, family = params.get("launchType"), params.get("family")
    rows, token = paging.page(
        call.store[TASKS],
        index,
        key,
        operation="ListTasks",
        filters=(*call.scope, cluster.name, index, key, launch_type, family),
        token=params.get("nextToken"),
        limit=listing.limit(params),
        fault=listing.bad_token,
        where=lambda task: launch_type in (None, task.launch_type) and family in (None, "", task.family),
    )
    return listing.answer("taskArns", [task.arn for task in rows], token)


def _listing(call: Call, cluster: Cluster, params: Params) -> tuple[str, tuple[str, ...]]:
    """The index that a ListTasks call walks, and its value there."""
    if params.get("daemonName"):
        raise Fault("ClientException", "Windlass does not have daemons.")
    desired = params.get("desiredStatus", "RUNNING")
    of_cluster = (*call.scope, cluster.name, desired)
    if params.get("startedBy"):
        if any(params.get(member) for member in ("family", "containerInstance", "serviceName")):
            raise _invalid("startedBy must be the only filter.")
        return "started_by", (*of_cluster, params["startedBy"])
    if params.get("containerInstance"):
        instance = lookup.instance(call.store, cluster, params["containerInstance"])
        if instance is None:
            raise _invalid(f"Referenced container instance {params['containerInstance']} not found.")
        return "on_instance", (instance.id, desired)
    if params.get("serviceName"):
        service = lookup.known_service(call.store, cluster, params["serviceName"])
        return "service", (*call.scope, cluster.name, service.name, desired)
    if params.get("family"):
        return "family", (*of_cluster, params["family"])
    return "cluster", of_cluster


def _again(tx: Transaction, call: Call, seen: RunToken, params: Params) -> Result:
    """The answer to a clientToken that was used before."""
    if seen.fingerprint != _fingerprint(params):
        arns = [references.task_arn(*call.scope, seen.cluster, task) for task in seen.tasks]
        raise Fault(
            "ConflictException",
            "The clientToken was used before with other parameters.",
            members={"resourceIds": arns},
        )
    tasks: list[Task] = [task for id in seen.tasks if (task := tx[TASKS].get(id)) is not None]
    return {"tasks": [describe.task(task, with_tags=True) for task in tasks], "failures": []}


def remember(tx: Transaction, seen: RunToken, most: int = limits.CLIENT_TOKENS_MAX) -> None:
    """Keep a clientToken; when there are `most` already the oldest makes room."""
    if len(tx[RUN_TOKENS]) >= most:
        [oldest] = tx[RUN_TOKENS].page("age", "all", limit=1)
        tx[RUN_TOKENS].delete((oldest.account, oldest.region, oldest.token))
    tx[RUN_TOKENS].put(seen)


def _fingerprint(params: Params) -> str:
    asked = {name: value for name, value in params.items() if name != "clientToken"}
    return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)
