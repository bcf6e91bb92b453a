"""Parameters that a call must have, refused in SQS's words rather than the model's.

The model lists the same members as required; tests/unit/services/sqs/test_required.py compares.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from functools import wraps

from windlass.aws.calls import Call, Handler, Params, Result
from windlass.services.sqs import errors

_HANDLE = ("QueueUrl", "ReceiptHandle")
_BATCH = ("QueueUrl", "Entries")

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "AddPermission": ("QueueUrl", "Label", "AWSAccountIds", "Actions"),
    "CancelMessageMoveTask": ("TaskHandle",),
    "ChangeMessageVisibility": (*_HANDLE, "VisibilityTimeout"),
    "ChangeMessageVisibilityBatch": _BATCH,
    "CreateQueue": ("QueueName",),
    "DeleteMessage": _HANDLE,
    "DeleteMessageBatch": _BATCH,
    "DeleteQueue": ("QueueUrl",),
    "GetQueueAttributes": ("QueueUrl",),
    "GetQueueUrl": ("QueueName",),
    "ListDeadLetterSourceQueues": ("QueueUrl",),
    "ListMessageMoveTasks": ("SourceArn",),
    "ListQueueTags": ("QueueUrl",),
    "ListQueues": (),
    "PurgeQueue": ("QueueUrl",),
    "ReceiveMessage": ("QueueUrl",),
    "RemovePermission": ("QueueUrl", "Label"),
    "SendMessage": ("QueueUrl", "MessageBody"),
    "SendMessageBatch": _BATCH,
    "SetQueueAttributes": ("QueueUrl", "Attributes"),
    "StartMessageMoveTask": ("SourceArn",),
    "TagQueue": ("QueueUrl", "Tags"),
    "UntagQueue": ("QueueUrl", "TagKeys"),
}
IN_ENTRIES: Mapping[str, tuple[str, ...]] = {
    "ChangeMessageVisibilityBatch": ("Id", "ReceiptHandle"),
    "DeleteMessageBatch": ("Id", "ReceiptHandle"),
    "SendMessageBatch": ("Id", "MessageBody"),
}


def check(operation: str, params: Params) -> None:
    """Raise MissingParameter for the first member that is not there.

    An entry's is named as the query protocol has it: `SendMessageBatchRequestEntry.2.MessageBody`.
    """
    for name in REQUIRED[operation]:
        if params.get(name) is None:
            raise errors.missing_parameter(name)
    members = IN_ENTRIES.get(operation)
    if members is None:
        return
    for number, entry in enumerate(params["Entries"], 1):
        for name in members:
            if entry.get(name) is None:
                raise errors.missing_parameter(f"{operation}RequestEntry.{number}.{name}")


def checked(handlers: Mapping[str, Handler]) -> dict[str, Handler]:
    """The same operations, each behind its check."""
    return {operation: _behind(operation, handler) for operation, handler in handlers.items()}


def _behind(operation: str, handler: Handler) -> Handler:
    @wraps(handler)
    def run(call: Call, params: Params) -> Result | Awaitable[Result | None] | None:
        check(operation, params)
        return handler(call, params)

    return run
