"""Rows as SQS shows them: queue URLs, queue attributes, received messages, move tasks. Reads only."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from windlass.kernel.clock import MILLISECOND, SECOND
from windlass.services.sqs import errors, md5, receipts
from windlass.services.sqs.contents import Counts
from windlass.services.sqs.model import Attribute, Content, Message, MoveTask, Queue, sequence_number

SYSTEM_ATTRIBUTES = (
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
)
_QUEUE_ATTRIBUTES = (
    *("QueueArn", "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"),
    *("ApproximateNumberOfMessagesDelayed", "CreatedTimestamp", "LastModifiedTimestamp"),
    *("VisibilityTimeout", "MaximumMessageSize", "MessageRetentionPeriod", "DelaySeconds"),
    *("ReceiveMessageWaitTimeSeconds", "Policy", "RedrivePolicy", "RedriveAllowPolicy", "FifoQueue"),
    *("ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit", "KmsMasterKeyId"),
    *("KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled"),
)


def queue_url(endpoint: str, queue: Queue) -> str:
    """`http://127.0.0.1:4566/123456789012/jobs`."""
    return f"{endpoint}/{queue.account}/{queue.name}"


def queue_attributes(queue: Queue, counts: Counts, names: Iterable[str]) -> dict[str, str]:
    """The asked attributes that apply to this queue; raises InvalidAttributeName for unknown ones."""
    asked = set(names)
    unknown = sorted(asked - {"All", *_QUEUE_ATTRIBUTES})
    if unknown:
        raise errors.unknown_attribute(unknown[0])
    every = _all_attributes(queue, counts)
    return every if "All" in asked else {name: value for name, value in every.items() if name in asked}


def _all_attributes(queue: Queue, counts: Counts) -> dict[str, str]:
    shown: dict[str, str] = {
        "QueueArn": queue.arn,
        "ApproximateNumberOfMessages": str(counts.visible),
        "ApproximateNumberOfMessagesNotVisible": str(counts.in_flight),
        "ApproximateNumberOfMessagesDelayed": str(counts.delayed),
        "CreatedTimestamp": str(queue.created_at // SECOND),
        "LastModifiedTimestamp": str(queue.modified_at // SECOND),
        "VisibilityTimeout": str(queue.visibility_s),
        "MaximumMessageSize": str(queue.message_bytes_max),
        "MessageRetentionPeriod": str(queue.retention_s),
        "DelaySeconds": str(queue.delay_s),
        "ReceiveMessageWaitTimeSeconds": str(queue.wait_s),
        "SqsManagedSseEnabled": _bool(queue.managed_sse),
    }
    if queue.policy:
        shown["Policy"] = queue.policy
    if queue.redrive_policy:
        shown["RedrivePolicy"] = queue.redrive_policy
    if queue.redrive_allow_policy:
        shown["RedriveAllowPolicy"] = queue.redrive_allow_policy
    if queue.kms_key:
        shown["KmsMasterKeyId"] = queue.kms_key
        shown["KmsDataKeyReusePeriodSeconds"] = str(queue.kms_reuse_s)
    if queue.fifo:
        shown["FifoQueue"] = "true"
        shown["ContentBasedDeduplication"] = _bool(queue.content_dedup)
        shown["DeduplicationScope"] = queue.dedup_scope
        shown["FifoThroughputLimit"] = queue.throughput_limit
    return shown


@dataclass(frozen=True, slots=True)
class Asked:
    """Which attributes a receiver wants: system names, attribute names, and prefixes of such."""

    system: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()


NOTHING = Asked()


def asked(params: Mapping[str, Any]) -> Asked:
    """From ReceiveMessage's three lists of names; raises InvalidAttributeName for an unknown system name."""
    system = {*(params.get("AttributeNames") or ()), *(params.get("MessageSystemAttributeNames") or ())}
    wanted = params.get("MessageAttributeNames") or ()
    if not system and not wanted:
        return NOTHING
    unknown = sorted(system - {"All", *SYSTEM_ATTRIBUTES})
    if unknown:
        raise errors.unknown_attribute(unknown[0])
    everything = "All" in wanted or ".*" in wanted
    prefixes = ("",) if everything else tuple(name[:-2] for name in wanted if name.endswith(".*"))
    return Asked(frozenset(SYSTEM_ATTRIBUTES if "All" in system else system), frozenset(wanted), prefixes)


def message(queue: Queue, row: Message, want: Asked) -> dict[str, Any]:
    """A received message. The MD5 of the attributes covers those that are returned."""
    content = row.content
    shown: dict[str, Any] = {
        "MessageId": content.id,
        "ReceiptHandle": receipts.handle(queue.name, row),
        "MD5OfBody": md5.of_bytes(content.body.encode()),
        "Body": content.body,
    }
    if want is NOTHING:
        return shown
    if want.system:
        every = _system_attributes(queue, row)
        picked = {name: value for name, value in every.items() if name in want.system}
        if picked:
            shown["Attributes"] = picked
    if content.attributes and (want.names or want.prefixes):
        attributes = [
            a for a in content.attributes if a.name in want.names or a.name.startswith(want.prefixes)
        ]
        if attributes:
            shown["MessageAttributes"] = {a.name: _attribute(a) for a in attributes}
            shown["MD5OfMessageAttributes"] = md5.of_attributes(attributes)
    return shown


def _attribute(attribute: Attribute) -> dict[str, Any]:
    if attribute.data is not None:
        return {"BinaryValue": attribute.data, "DataType": attribute.type}
    return {"StringValue": attribute.text, "DataType": attribute.type}


def _system_attributes(queue: Queue, row: Message) -> dict[str, str]:
    content = row.content
    shown = {
        "SenderId": content.sender,
        "SentTimestamp": str(content.sent_at // MILLISECOND),
        "ApproximateReceiveCount": str(row.receives),
        "ApproximateFirstReceiveTimestamp": str(row.first_received_at // MILLISECOND),
    }
    if queue.fifo:
        shown["SequenceNumber"] = sequence_number(row.number)
        shown["MessageDeduplicationId"] = content.dedup_id
    if content.group_id:
        shown["MessageGroupId"] = content.group_id
    if content.trace:
        shown["AWSTraceHeader"] = content.trace
    if content.source_arn:
        shown["DeadLetterQueueSourceArn"] = content.source_arn
    return shown


def sent(content: Content, body_md5: str, trace: str) -> dict[str, Any]:
    """SendMessage's answer, but for the sequence number. `trace`: what was sent as a system attribute."""
    shown = {"MessageId": content.id, "MD5OfMessageBody": body_md5}
    if content.attributes:
        shown["MD5OfMessageAttributes"] = md5.of_attributes(content.attributes)
    if trace:
        attribute = Attribute("AWSTraceHeader", "String", trace)
        shown["MD5OfMessageSystemAttributes"] = md5.of_attributes([attribute])
    return shown


def task_handle(task: MoveTask) -> str:
    shown = json.dumps({"taskId": task.id, "sourceArn": task.source_arn})
    return base64.b64encode(shown.encode()).decode()


def opened_task_handle(text: str) -> str:
    """The task's id in a handle; raises InvalidParameterValue for what is none."""
    try:
        task_id = json.loads(base64.b64decode(text, validate=True))["taskId"]
    except (ValueError, KeyError, TypeError):
        task_id = None
    if not isinstance(task_id, str):
        raise errors.invalid_value("Value for parameter TaskHandle is invalid.")
    return task_id


def move_task(task: MoveTask) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "Status": task.status,
        "SourceArn": task.source_arn,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "StartedTimestamp": task.started_at // MILLISECOND,
    }
    if task.status == "RUNNING":
        shown["TaskHandle"] = task_handle(task)
    if task.destination_arn:
        shown["DestinationArn"] = task.destination_arn
    if task.per_second:
        shown["MaxNumberOfMessagesPerSecond"] = task.per_second
    if task.failure:
        shown["FailureReason"] = task.failure
    return shown


def _bool(value: bool) -> str:
    return "true" if value else "false"
