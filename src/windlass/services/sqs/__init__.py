"""Amazon SQS: standard and FIFO queues. docs/aws/sqs.md lists the facts and what is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from windlass.aws.calls import Handler
from windlass.services.plane import Plane, Service
from windlass.services.sqs.contents import Sequences, load
from windlass.services.sqs.expiry import Expiry
from windlass.services.sqs.handlers import messages, permissions, queues, redrive, tags
from windlass.services.sqs.measuring import Measuring
from windlass.services.sqs.model import TABLES
from windlass.services.sqs.moving import Moving
from windlass.services.sqs.required import checked
from windlass.services.sqs.waiting import Waiting

_NOT_ENFORCED = "the policy is stored and shown, not enforced"
_NOT_ENCRYPTED = "KmsMasterKeyId and SqsManagedSseEnabled are stored and shown, nothing is encrypted"


def _start(plane: Plane) -> Sequence[object]:
    sequences = Sequences()
    load(plane.store, sequences)
    waiting, measuring = Waiting(plane.store, plane.clock), Measuring(plane)
    plane.spawn.start(measuring.loop.name, measuring.loop.run())
    return (sequences, waiting, measuring, Expiry(plane, sequences), Moving(plane, sequences))


_HANDLERS: Mapping[str, Handler] = {
    "AddPermission": permissions.add_permission,
    "CancelMessageMoveTask": redrive.cancel_message_move_task,
    "ChangeMessageVisibility": messages.change_message_visibility,
    "ChangeMessageVisibilityBatch": messages.change_message_visibility_batch,
    "CreateQueue": queues.create_queue,
    "DeleteMessage": messages.delete_message,
    "DeleteMessageBatch": messages.delete_message_batch,
    "DeleteQueue": queues.delete_queue,
    "GetQueueAttributes": queues.get_queue_attributes,
    "GetQueueUrl": queues.get_queue_url,
    "ListDeadLetterSourceQueues": queues.list_dead_letter_source_queues,
    "ListMessageMoveTasks": redrive.list_message_move_tasks,
    "ListQueueTags": tags.list_queue_tags,
    "ListQueues": queues.list_queues,
    "PurgeQueue": queues.purge_queue,
    "ReceiveMessage": messages.receive_message,
    "RemovePermission": permissions.remove_permission,
    "SendMessage": messages.send_message,
    "SendMessageBatch": messages.send_message_batch,
    "SetQueueAttributes": queues.set_queue_attributes,
    "StartMessageMoveTask": redrive.start_message_move_task,
    "TagQueue": tags.tag_queue,
    "UntagQueue": tags.untag_queue,
}

SERVICE = Service(
    name="sqs",
    handlers=checked(_HANDLERS),
    tables=TABLES,
    start=_start,
    partial={
        "AddPermission": _NOT_ENFORCED,
        "CreateQueue": f"{_NOT_ENCRYPTED}; Policy: {_NOT_ENFORCED}",
        "SetQueueAttributes": f"{_NOT_ENCRYPTED}; Policy: {_NOT_ENFORCED}",
        "StartMessageMoveTask": "without a rate the task moves at the maximum instead of adapting",
    },
    invalid="InvalidParameterValue",
    own_checks=frozenset({"required", "range", "enum", "pattern"}),
    throttled="RequestThrottled",
    dropped_when_gone=frozenset({"ReceiveMessage"}),
)
