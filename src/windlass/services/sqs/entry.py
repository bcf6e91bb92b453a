"""One message to send, checked: SendMessage's parameters, or one entry of a batch. Pure.

The same rules serve both; AWS words a few of them differently inside a batch, which `batch` says.
"""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from windlass.services.sqs import errors
from windlass.services.sqs.limits import (
    ATTRIBUTE_NAME_MAX,
    ATTRIBUTE_TYPE_MAX,
    DELAY_S_MAX,
    MESSAGE_ATTRIBUTES_MAX,
    TOKEN_ID_MAX,
)
from windlass.services.sqs.model import Attribute, Queue

_FORBIDDEN = re.compile(r"[\x00-\x08\x0B\x0C\x0E-\x1F\uD800-\uDFFF\uFFFE\uFFFF]")
# What XML 1.0 has not (API SendMessage). The other way round, ranges up to U+10FFFF, takes 10 ms to compile.
_TOKEN_CHARACTERS = frozenset(string.ascii_letters + string.digits + string.punctuation)
_TRACE = re.compile(r"[\x20-\x7e]{0,512}")
"""What a trace header looks like; longer than AWS's own are, by far."""
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_ATTRIBUTE_TYPE = re.compile(r"(String|Number|Binary)(\..*)?", re.DOTALL)
_NUMBER_DIGITS_MAX = 38
_NUMBER_EXPONENTS = range(-128, 127)  # DG sqs-message-metadata: 10^-128 to 10^126


@dataclass(frozen=True, slots=True)
class Entry:
    """What a sender asks for, checked. `size` is what counts against the limits, in bytes."""

    body: str
    data: bytes
    """The body in UTF-8."""
    size: int
    delay_s: int | None
    attributes: tuple[Attribute, ...]
    trace: str
    group_id: str
    dedup_id: str


def read(params: Mapping[str, Any], queue: Queue, *, batch: bool = False) -> Entry:
    """The entry in these parameters; raises the fault that AWS answers."""
    body = params["MessageBody"]
    data = _body_bytes(body)
    attributes: tuple[Attribute, ...] = ()
    size = len(data)
    if params.get("MessageAttributes"):
        attributes = read_attributes(params["MessageAttributes"])
        size += sum(map(_size, attributes))
    if size > queue.message_bytes_max:
        _too_large(queue.message_bytes_max, batch)
    group_id = _token(params, "MessageGroupId")
    dedup_id = _token(params, "MessageDeduplicationId")
    if queue.fifo:
        dedup_id = _fifo(queue, data, group_id, dedup_id, batch)
    elif dedup_id:
        raise errors.invalid_parameter(
            "MessageDeduplicationId",
            dedup_id,
            "The request include parameter that is not valid for this queue type.",
        )
    trace = _trace(params["MessageSystemAttributes"]) if params.get("MessageSystemAttributes") else ""
    return Entry(body, data, size, _delay(params, queue), attributes, trace, group_id, dedup_id)


def read_attributes(given: Mapping[str, Mapping[str, Any]]) -> tuple[Attribute, ...]:
    """Message attributes, checked, sorted by name."""
    if len(given) > MESSAGE_ATTRIBUTES_MAX:
        raise errors.invalid_value(
            f"Number of message attributes [{len(given)}] exceeds the allowed maximum "
            f"[{MESSAGE_ATTRIBUTES_MAX}]."
        )
    return tuple(_attribute(name, given[name]) for name in sorted(given))


def _body_bytes(body: str) -> bytes:
    if not body:
        raise errors.missing_parameter("MessageBody")
    if not body.isprintable() and _FORBIDDEN.search(body):  # printable text has none of them
        raise errors.invalid_contents()
    return body.encode()


def _size(attribute: Attribute) -> int:
    value = attribute.data if attribute.data is not None else (attribute.text or "").encode()
    return len(attribute.name.encode()) + len(attribute.type.encode()) + len(value)


def _too_large(limit: int, batch: bool) -> None:
    start = "cannot be validated" if batch else "are invalid"
    raise errors.invalid_value(
        f"One or more parameters {start}. Reason: Message must be shorter than {limit} bytes."
    )


def _delay(params: Mapping[str, Any], queue: Queue) -> int | None:
    delay_s = params.get("DelaySeconds")
    if delay_s is None:
        return None
    if not 0 <= delay_s <= DELAY_S_MAX:
        raise errors.invalid_parameter(
            "DelaySeconds", delay_s, f"DelaySeconds must be >= 0 and <= {DELAY_S_MAX}."
        )
    if queue.fifo and delay_s != 0:
        raise errors.invalid_parameter(
            "DelaySeconds", delay_s, "The request include parameter that is not valid for this queue type."
        )
    return int(delay_s)


def _token(params: Mapping[str, Any], name: str) -> str:
    """A group or deduplication id: 1 to 128 letters, digits and punctuation; "" when there is none."""
    value = params.get(name)
    if value is None:
        return ""
    check_token(name, value)
    return str(value)


def check_token(name: str, value: str) -> None:
    if not 1 <= len(value) <= TOKEN_ID_MAX or not _TOKEN_CHARACTERS.issuperset(value):
        raise errors.invalid_parameter(
            name,
            value,
            f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length.",
        )


def _fifo(queue: Queue, data: bytes, group_id: str, dedup_id: str, batch: bool) -> str:
    """A FIFO message needs a group and, one way or the other, a deduplication id; returns the latter."""
    if not group_id:
        missing = errors.missing_parameter("MessageGroupId")
        raise errors.invalid_value(missing.message) if batch else missing
    if dedup_id:
        return dedup_id
    if not queue.content_dedup:
        raise errors.invalid_value(
            "The queue should either have ContentBasedDeduplication enabled or "
            "MessageDeduplicationId provided explicitly"
        )
    return hashlib.sha256(data).hexdigest()


def _trace(given: Mapping[str, Mapping[str, Any]]) -> str:
    """The only system attribute that may be sent: AWSTraceHeader, a String."""
    for name, value in given.items():
        if name != "AWSTraceHeader":
            raise errors.invalid_value(f"Message system attribute name '{name}' is invalid.")
        if value.get("DataType") != "String" or not value.get("StringValue"):
            raise errors.invalid_value(
                "Message system attribute 'AWSTraceHeader' must contain a non-empty value of type 'String'."
            )
    return str(given["AWSTraceHeader"]["StringValue"])


def passed_on(header: str) -> str:
    """The trace header of the request itself, which counts when the message has none of its own.

    SQS developer guide, "Tracing Amazon SQS queues with AWS X-Ray". What is no such header is dropped.
    """
    return header if _TRACE.fullmatch(header) else ""


def _attribute(name: str, value: Mapping[str, Any]) -> Attribute:
    _check_attribute_name(name)
    if value.get("StringListValues") or value.get("BinaryListValues"):
        raise errors.unsupported("Message attribute list values in SendMessage operation are not supported.")
    kind = value.get("DataType") or ""
    if not kind:
        raise errors.invalid_value(
            f"Message (user) attribute '{name}' must contain a non-empty attribute type."
        )
    matched = _ATTRIBUTE_TYPE.fullmatch(kind)
    if matched is None or len(kind) > ATTRIBUTE_TYPE_MAX:
        raise errors.invalid_value(
            f"The type of message (user) attribute '{name}' is invalid. You must use only the following "
            "supported type prefixes: Binary, Number, String."
        )
    base = matched[1]
    if base == "Binary":
        data = value.get("BinaryValue")
        if not data or value.get("StringValue") is not None:
            raise _empty_value(name, base)
        return Attribute(name, kind, data=bytes(data))
    text = value.get("StringValue")
    if not text or value.get("BinaryValue") is not None:
        raise _empty_value(name, base)
    if not text.isprintable() and _FORBIDDEN.search(text):
        raise errors.invalid_contents()
    if base == "Number":
        _check_number(name, text)
    return Attribute(name, kind, text=text)


def _empty_value(name: str, base: str) -> Exception:
    return errors.invalid_value(
        f"Message (user) attribute '{name}' must contain a non-empty value of type '{base}'."
    )


def _check_attribute_name(name: str) -> None:
    reserved = name.lower().startswith(("aws.", "amazon."))
    if reserved or len(name) > ATTRIBUTE_NAME_MAX or _ATTRIBUTE_NAME.fullmatch(name) is None:
        raise errors.invalid_value(f"Message (user) attribute name '{name}' is invalid.")


def _check_number(name: str, text: str) -> None:
    """Up to 38 digits, 10^-128 to 10^126."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    fits = number == 0 or (
        number.is_finite()
        and _digits(number) <= _NUMBER_DIGITS_MAX
        and number.adjusted() in _NUMBER_EXPONENTS
    )
    if not fits or not text.isascii() or "_" in text:
        raise errors.invalid_value(f"Can't cast the value of message (user) attribute '{name}' to a number.")


def _digits(number: Decimal) -> int:
    """Significant digits; `normalize()` would round to the context's precision."""
    return len("".join(map(str, number.as_tuple().digits)).strip("0"))
