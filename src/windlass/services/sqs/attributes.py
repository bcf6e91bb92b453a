"""Queue attributes: reading them from strings onto a Queue, with bounds and AWS's wording. Pure.

`applied(queue, attributes)` is the one way in, for CreateQueue and SetQueueAttributes alike. Whether a
dead-letter queue exists is not known here: the caller looks it up and asks `check_dead_letter`.
Known gap: KMS keys and SSE settings are kept and shown, and encrypt nothing (docs/aws/sqs.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from windlass.aws.protocols.json_values import decode_json
from windlass.aws.protocols.shapes import Unreadable
from windlass.services.sqs import errors
from windlass.services.sqs.limits import (
    DELAY_S_MAX,
    LONG_POLL_WAIT_S_MAX,
    POLICY_BYTES_MAX,
    POLICY_STATEMENTS_MAX,
    QUEUE_NAME_MAX,
    RECEIVES_MAX,
    REDRIVE_SOURCES_MAX,
    VISIBILITY_S_MAX,
)
from windlass.services.sqs.model import Queue, queue_key_of

RECEIVES_DEFAULT = 10
"""maxReceiveCount of a RedrivePolicy that does not name it (API CreateQueue)."""

_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{QUEUE_NAME_MAX}}}")
_FIFO_NAME = re.compile(rf"(?=.{{1,{QUEUE_NAME_MAX}}}\Z)[A-Za-z0-9_-]+\.fifo")
_NAME_REASON = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
_FIFO_NAME_REASON = (
    "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, "
    "must end with .fifo suffix and be 1 to 80 in length."
)

Read = Callable[[str, str], object]
"""(attribute name, text) → value; raises the Fault of a bad one."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A settable attribute: the Queue field it lives in and how it is read."""

    field: str
    read: Read
    fifo_only: bool = False


def check_name(name: str, fifo: bool) -> None:
    """1 to 80 letters, digits, `-` and `_`; a FIFO queue's ends in `.fifo`, which counts."""
    if fifo and _FIFO_NAME.fullmatch(name) is None:
        raise errors.invalid_value(_FIFO_NAME_REASON)
    if not fifo and _NAME.fullmatch(name) is None:
        raise errors.invalid_value(_NAME_REASON)


def wants_fifo(attributes: Mapping[str, str]) -> bool:
    """Whether CreateQueue asks for a FIFO queue. `FifoQueue=false` is an unknown attribute to AWS."""
    value = attributes.get("FifoQueue")
    if value is None:
        return False
    if value != "true":
        raise errors.unknown_attribute("FifoQueue")
    return True


def applied(queue: Queue, attributes: Mapping[str, str]) -> Queue:
    """The queue with these attributes; raises InvalidAttributeName or InvalidAttributeValue."""
    changes: dict[str, Any] = {}
    for name, text in attributes.items():
        if name == "FifoQueue":
            _check_type_stays(queue, text)
            continue
        setting = SETTINGS.get(name)
        if setting is None:
            raise errors.unknown_attribute(name)
        if setting.fifo_only and not queue.fifo:
            raise _fifo_only(name)
        changes[setting.field] = setting.read(name, text)
    changed = _redriven(_encrypted(replace(queue, **changes), attributes), attributes)
    if changed.throughput_limit == "perMessageGroupId" and changed.dedup_scope != "messageGroup":
        raise errors.invalid_attribute_value(
            "FifoThroughputLimit",
            "The value perMessageGroupId is allowed only when DeduplicationScope is messageGroup.",
        )
    return changed


def difference(queue: Queue, attributes: Mapping[str, str]) -> str | None:
    """The first given attribute that the existing queue has another value for."""
    asked = applied(queue, attributes)
    for name in attributes:
        field = SETTINGS[name].field if name in SETTINGS else "fifo"
        if _comparable(getattr(asked, field)) != _comparable(getattr(queue, field)):
            return name
    return None


def check_dead_letter(queue: Queue, target: Queue | None) -> None:
    """Whether `queue` may send its dead letters to `target` (None: there is no such queue)."""

    def refused(reason: str) -> Exception:
        return errors.invalid_parameter("RedrivePolicy", queue.redrive_policy, reason)

    key = queue_key_of(queue.dead_letter_arn)
    if key is None:
        raise refused(f"Invalid value for deadLetterTargetArn: {queue.dead_letter_arn}.")
    if key[0] != queue.account:
        raise refused("Dead-letter target owner should be same as the source.")
    if key[1] != queue.region:
        raise refused("Dead-letter target must be in the same region as the source.")
    if key == queue.key:
        raise refused("A queue cannot be its own dead letter target.")
    if target is None:
        raise refused("Dead letter target does not exist.")
    if target.fifo != queue.fifo:
        raise refused("Dead-letter queue must be same type of queue as the source.")
    if not allows_source(target, queue.arn):
        raise refused("The dead-letter target's RedriveAllowPolicy does not allow this source queue.")


def allows_source(target: Queue, source_arn: str) -> bool:
    """What the RedriveAllowPolicy of a dead-letter queue says of a source; absent: allowed."""
    policy = json.loads(target.redrive_allow_policy or "{}")
    permission = policy.get("redrivePermission", "allowAll")
    if permission == "byQueue":
        return source_arn in policy["sourceQueueArns"]
    return bool(permission == "allowAll")


def _check_type_stays(queue: Queue, text: str) -> None:
    if not queue.fifo and text != "true":
        raise errors.unknown_attribute("FifoQueue")
    if text != ("true" if queue.fifo else "false"):
        raise errors.invalid_attribute_value("FifoQueue", "Modifying queue type is not supported.")


def _fifo_only(name: str) -> Exception:
    if name == "ContentBasedDeduplication":
        return errors.unknown_attribute(name)
    return errors.invalid_attribute_name(f"You can specify the {name} only when FifoQueue is set to true.")


def _encrypted(queue: Queue, attributes: Mapping[str, str]) -> Queue:
    """One kind of server-side encryption at a time: naming a KMS key turns the managed one off."""
    if attributes.get("KmsMasterKeyId") and attributes.get("SqsManagedSseEnabled") == "true":
        raise errors.invalid_attribute_name(
            "You can use one type of server-side encryption (SSE) at one time. "
            "You can either enable KMS SSE or SQS SSE."
        )
    if attributes.get("KmsMasterKeyId"):
        return replace(queue, managed_sse=False)
    if attributes.get("SqsManagedSseEnabled") == "true":
        return replace(queue, kms_key="", kms_reuse_s=300)
    return queue


def _redriven(queue: Queue, attributes: Mapping[str, str]) -> Queue:
    """Take the RedrivePolicy apart into the fields that receiving uses."""
    if "RedrivePolicy" not in attributes:
        return queue
    if not queue.redrive_policy:
        return replace(queue, dead_letter_arn="", receives_max=0)
    policy = json.loads(queue.redrive_policy)
    return replace(
        queue,
        dead_letter_arn=policy["deadLetterTargetArn"],
        receives_max=int(policy.get("maxReceiveCount", RECEIVES_DEFAULT)),
    )


def _comparable(value: object) -> object:
    """Policies are compared as JSON, so that spacing and member order do not count."""
    if isinstance(value, str) and value.startswith("{"):
        return json.loads(value)
    return value


def _whole(low: int, high: int) -> Read:
    def read(name: str, text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not low <= int(text) <= high:
            raise errors.invalid_attribute_value(name)
        return int(text)

    return read


def _yes_or_no(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise errors.invalid_attribute_value(name)
    return text == "true"


def _one_of(*choices: str) -> Read:
    def read(name: str, text: str) -> str:
        if text not in choices:
            raise errors.invalid_attribute_value(name)
        return text

    return read


def _text(name: str, text: str) -> str:
    return text


def _json_object(name: str, text: str) -> dict[str, Any]:
    value = _read_json(text)
    if not isinstance(value, dict):
        raise errors.invalid_attribute_value(name)
    return value


def _read_json(text: str) -> Any:
    """A policy's JSON, bounded as a request's is, on every Python alike; None for what is none."""
    try:
        return decode_json(text.encode())
    except Unreadable:
        return None


def _policy(name: str, text: str) -> str:
    """An access policy: kept and shown, not enforced."""
    if not text:
        return ""
    statements = _json_object(name, text).get("Statement")
    count = len(statements) if isinstance(statements, list) else 1
    if statements is None or count > POLICY_STATEMENTS_MAX or len(text.encode()) > POLICY_BYTES_MAX:
        raise errors.invalid_attribute_value(name)
    return text


def _redrive_policy(name: str, text: str) -> str:
    if not text:
        return ""
    policy = _read_json(text)
    if not isinstance(policy, dict):
        raise errors.invalid_parameter(name, text, "Redrive policy is not a valid JSON map.")
    if not isinstance(policy.get("deadLetterTargetArn"), str):
        raise errors.invalid_parameter(
            name, text, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."
        )
    count = str(policy.get("maxReceiveCount", RECEIVES_DEFAULT))
    if not re.fullmatch(r"\d{1,4}", count, re.ASCII) or not 1 <= int(count) <= RECEIVES_MAX:
        raise errors.invalid_parameter(
            name,
            text,
            f"Invalid value for maxReceiveCount: {count}, "
            f"valid values are from 1 to {RECEIVES_MAX} both inclusive.",
        )
    return text


def _redrive_allow_policy(name: str, text: str) -> str:
    if not text:
        return ""
    policy = _json_object(name, text)
    permission, arns = policy.get("redrivePermission", "allowAll"), policy.get("sourceQueueArns")
    by_queue = permission == "byQueue"
    listed = isinstance(arns, list) and 1 <= len(arns) <= REDRIVE_SOURCES_MAX
    if permission not in ("allowAll", "denyAll", "byQueue") or (by_queue and not listed):
        raise errors.invalid_attribute_value(name)
    if not by_queue and arns is not None:
        raise errors.invalid_attribute_value(name)
    return text


SETTINGS: Mapping[str, Setting] = {
    "VisibilityTimeout": Setting("visibility_s", _whole(0, VISIBILITY_S_MAX)),
    "DelaySeconds": Setting("delay_s", _whole(0, DELAY_S_MAX)),
    "MaximumMessageSize": Setting("message_bytes_max", _whole(1_024, 1_048_576)),
    "MessageRetentionPeriod": Setting("retention_s", _whole(60, 1_209_600)),
    "ReceiveMessageWaitTimeSeconds": Setting("wait_s", _whole(0, LONG_POLL_WAIT_S_MAX)),
    "SqsManagedSseEnabled": Setting("managed_sse", _yes_or_no),
    "KmsMasterKeyId": Setting("kms_key", _text),
    "KmsDataKeyReusePeriodSeconds": Setting("kms_reuse_s", _whole(60, 86_400)),
    "RedrivePolicy": Setting("redrive_policy", _redrive_policy),
    "RedriveAllowPolicy": Setting("redrive_allow_policy", _redrive_allow_policy),
    "Policy": Setting("policy", _policy),
    "ContentBasedDeduplication": Setting("content_dedup", _yes_or_no, fifo_only=True),
    "DeduplicationScope": Setting("dedup_scope", _one_of("queue", "messageGroup"), fifo_only=True),
    "FifoThroughputLimit": Setting(
        "throughput_limit", _one_of("perQueue", "perMessageGroupId"), fifo_only=True
    ),
}
"""What can be set; defaults stand in `Queue`, bounds are of API CreateQueue. FifoQueue comes by creation."""
