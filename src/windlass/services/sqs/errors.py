"""SQS's faults: shape name for JSON, query code for the header and the query protocol, AWS's wording.

The model gives no query codes (they left it with the move to JSON), so each fault carries its own.
Texts and codes: docs/aws/sqs.md, "Errors".
"""

from __future__ import annotations

from windlass.kernel.faults import Fault

_PREFIX = "AWS.SimpleQueueService."


def invalid_value(message: str) -> Fault:
    return Fault("InvalidParameterValueException", message, query_code="InvalidParameterValue")


def invalid_parameter(name: str, value: object, reason: str) -> Fault:
    """`Value 11 for parameter MaxNumberOfMessages is invalid. Reason: …`"""
    return invalid_value(f"Value {value} for parameter {name} is invalid. Reason: {reason}")


def missing_parameter(name: str) -> Fault:
    return Fault(
        "MissingRequiredParameterException",
        f"The request must contain the parameter {name}.",
        query_code="MissingParameter",
    )


def no_queue() -> Fault:
    return Fault(
        "QueueDoesNotExist", "The specified queue does not exist.", query_code=f"{_PREFIX}NonExistentQueue"
    )


def queue_exists(attribute: str) -> Fault:
    return Fault(
        "QueueNameExists",
        f"A queue already exists with the same name and a different value for attribute {attribute}",
        query_code="QueueAlreadyExists",
    )


def deleted_recently(pause_s: float) -> Fault:
    return Fault(
        "QueueDeletedRecently",
        f"You must wait {pause_s:g} seconds after deleting a queue before you can create another "
        "with the same name.",
        query_code=f"{_PREFIX}QueueDeletedRecently",
    )


def purge_in_progress(name: str) -> Fault:
    return Fault(
        "PurgeQueueInProgress",
        f"Only one PurgeQueue operation on {name} is allowed every 60 seconds.",
        status=403,
        query_code=f"{_PREFIX}PurgeQueueInProgress",
    )


def unknown_attribute(name: str) -> Fault:
    return invalid_attribute_name(f"Unknown Attribute {name}.")


def invalid_attribute_name(message: str) -> Fault:
    return Fault("InvalidAttributeName", message, query_code="InvalidAttributeName")


def invalid_attribute_value(name: str, reason: str = "") -> Fault:
    tail = f" Reason: {reason}" if reason else ""
    return Fault(
        "InvalidAttributeValue",
        f"Invalid value for the parameter {name}.{tail}",
        query_code="InvalidAttributeValue",
    )


def too_many_entries(count: int, limit: int) -> Fault:
    return Fault(
        "TooManyEntriesInBatchRequest",
        f"Maximum number of entries per request are {limit}. You have sent {count}.",
        query_code=f"{_PREFIX}TooManyEntriesInBatchRequest",
    )


def empty_batch(operation: str) -> Fault:
    return Fault(
        "EmptyBatchRequest",
        f"There should be at least one {operation}RequestEntry in the request.",
        query_code=f"{_PREFIX}EmptyBatchRequest",
    )


def repeated_id(entry_id: str) -> Fault:
    return Fault(
        "BatchEntryIdsNotDistinct",
        f"Id {entry_id} repeated.",
        query_code=f"{_PREFIX}BatchEntryIdsNotDistinct",
    )


def invalid_entry_id() -> Fault:
    return Fault(
        "InvalidBatchEntryId",
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
        "It can be at most 80 letters long.",
        query_code=f"{_PREFIX}InvalidBatchEntryId",
    )


def batch_too_long(size: int, limit: int) -> Fault:
    return Fault(
        "BatchRequestTooLong",
        f"Batch requests cannot be longer than {limit} bytes. You have sent {size} bytes.",
        query_code=f"{_PREFIX}BatchRequestTooLong",
    )


def invalid_contents() -> Fault:
    return Fault(
        "InvalidMessageContents",
        "Invalid characters found. Valid unicode characters are "
        "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
        query_code="InvalidMessageContents",
    )


def invalid_handle(handle: str) -> Fault:
    return Fault(
        "ReceiptHandleIsInvalid",
        f'The input receipt handle "{handle}" is not a valid receipt handle.',
        query_code="ReceiptHandleIsInvalid",
    )


def expired_handle(handle: str) -> Fault:
    return invalid_parameter("ReceiptHandle", handle, "The receipt handle has expired.")


def not_available(handle: str) -> Fault:
    return invalid_parameter(
        "ReceiptHandle",
        handle,
        "Message does not exist or is not available for visibility timeout change.",
    )


def not_in_flight() -> Fault:
    return Fault(
        "MessageNotInflight",
        "The specified message is not in flight.",
        query_code=f"{_PREFIX}MessageNotInflight",
    )


def over_limit(message: str) -> Fault:
    return Fault("OverLimit", message, status=403, query_code="OverLimit")


def unsupported(message: str) -> Fault:
    return Fault("UnsupportedOperation", message, query_code=f"{_PREFIX}UnsupportedOperation")


def no_resource(message: str) -> Fault:
    return Fault("ResourceNotFoundException", message, status=404, query_code="ResourceNotFoundException")
