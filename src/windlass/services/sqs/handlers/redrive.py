"""StartMessageMoveTask, CancelMessageMoveTask, ListMessageMoveTasks."""

from __future__ import annotations

from dataclasses import replace

from windlass.aws.calls import Call, Params, Result
from windlass.services.sqs import contents, describe, errors
from windlass.services.sqs.handlers.addressing import queue_of_arn
from windlass.services.sqs.limits import MOVE_RATE_MAX, MOVE_TASKS_ACTIVE_MAX, MOVE_TASKS_LISTED_MAX
from windlass.services.sqs.model import MESSAGES, MOVE_TASKS, QUEUES, MoveTask, queue_key_of
from windlass.services.sqs.moving import Moving


def start_message_move_task(call: Call, params: Params) -> Result:
    """Move a dead-letter queue's messages to a queue, or each back to where it came from."""
    source = queue_of_arn(call, params["SourceArn"], "SourceArn")
    destination_arn = params.get("DestinationArn") or ""
    rate = _rate(params)
    if not call.store[QUEUES].count("dead_letter", source.arn):
        raise errors.invalid_value("Source queue must be configured as a Dead Letter Queue.")
    if destination_arn:
        destination = queue_of_arn(call, destination_arn, "DestinationArn")
        if destination.key == source.key:
            raise errors.invalid_value("Source queue arn and destination queue arn cannot be the same.")
        if destination.fifo != source.fifo:
            raise errors.invalid_value("Source and destination queues must be of the same type.")
    task = MoveTask(
        id=call.ids.uuid(),
        source_arn=source.arn,
        destination_arn=destination_arn,
        per_second=rate,
        started_at=call.now,
        to_move=contents.counts(call.store[MESSAGES], source.id, call.now).visible,
    )
    with call.store.transact() as tx:
        _check_room(tx[MOVE_TASKS].by("active", source.account), source.arn)
        for old in tx[MOVE_TASKS].by("source", source.arn)[MOVE_TASKS_LISTED_MAX - 1 :]:
            tx[MOVE_TASKS].delete(old.id)
        tx[MOVE_TASKS].put(task)
    call.part(Moving).wake()
    return {"TaskHandle": describe.task_handle(task)}


def cancel_message_move_task(call: Call, params: Params) -> Result:
    """Ask a running task to stop; messages that it moved stay where they are."""
    task_id = describe.opened_task_handle(params["TaskHandle"])
    with call.store.transact() as tx:
        task = tx[MOVE_TASKS].get(task_id)
        if task is None or not _is_ours(call, task):
            raise errors.no_resource("Task does not exist.")
        if task.status != "RUNNING":
            raise errors.invalid_value("Only active tasks can be cancelled.")
        tx[MOVE_TASKS].put(replace(task, status="CANCELLING"))
    call.part(Moving).wake()
    return {"ApproximateNumberOfMessagesMoved": task.moved}


def list_message_move_tasks(call: Call, params: Params) -> Result:
    """The newest tasks of a source queue, 1 unless MaxResults says more."""
    source = queue_of_arn(call, params["SourceArn"], "SourceArn")
    limit = params.get("MaxResults")
    if limit is None:
        limit = 1
    if not 1 <= limit <= MOVE_TASKS_LISTED_MAX:
        raise errors.invalid_parameter(
            "MaxResults", limit, f"Must be between 1 and {MOVE_TASKS_LISTED_MAX}, if provided."
        )
    tasks = call.store[MOVE_TASKS].page("source", source.arn, limit=limit)
    return {"Results": [describe.move_task(task) for task in tasks]} if tasks else {}


def _rate(params: Params) -> int:
    rate = params.get("MaxNumberOfMessagesPerSecond")
    if rate is None:
        return 0
    if not 1 <= rate <= MOVE_RATE_MAX:
        raise errors.invalid_parameter(
            "MaxNumberOfMessagesPerSecond", rate, f"Must be between 1 and {MOVE_RATE_MAX}, if provided."
        )
    return int(rate)


def _check_room(active: list[MoveTask], source_arn: str) -> None:
    if any(task.source_arn == source_arn for task in active):
        raise errors.invalid_value(
            "There is already a task running. Only one active task is allowed for a source queue arn "
            "at a given time."
        )
    if len(active) >= MOVE_TASKS_ACTIVE_MAX:
        raise errors.over_limit(f"At most {MOVE_TASKS_ACTIVE_MAX} message move tasks can be active.")


def _is_ours(call: Call, task: MoveTask) -> bool:
    key = queue_key_of(task.source_arn)
    return key is not None and key[:2] == call.scope
