"""SendMessage, ReceiveMessage, DeleteMessage, ChangeMessageVisibility, and their batches.

A batch is one transaction. A receive that finds nothing and may wait parks in the waiting room.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from windlass.aws.calls import Call, Params, Result
from windlass.aws.quotas import Quotas
from windlass.kernel.clock import SECOND, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.services.sqs import batch, contents, describe, entry, errors, md5, receipts
from windlass.services.sqs.contents import Sequences
from windlass.services.sqs.handlers.addressing import queue_of
from windlass.services.sqs.limits import (
    ATTEMPT_WINDOW,
    BATCH_BYTES_MAX,
    IN_FLIGHT_MAX,
    LONG_POLL_WAIT_S_MAX,
    QUOTA_IN_FLIGHT,
    RECEIVE_MESSAGES_MAX,
    VISIBILITY_S_MAX,
)
from windlass.services.sqs.measuring import Counted, Measuring
from windlass.services.sqs.model import (
    ATTEMPTS,
    DEDUPS,
    MESSAGES,
    QUEUES,
    Attempt,
    Content,
    Message,
    Queue,
    QueueKey,
    sequence_number,
)
from windlass.services.sqs.queue import (
    arrival,
    dedup_scope,
    hidden_until,
    in_flight,
    is_duplicate,
    rehanded,
    rehidden,
    remembered,
)
from windlass.services.sqs.waiting import Waiting


def send_message(call: Call, params: Params) -> Result:
    queue = queue_of(call, params["QueueUrl"])
    asked = entry.read(params, queue)
    with call.store.transact() as tx:
        return _send(tx, call, queue, asked)


def send_message_batch(call: Call, params: Params) -> Result:
    """Up to 10 messages in one transaction; bad entries fail one by one."""
    queue = queue_of(call, params["QueueUrl"])
    entries = params["Entries"]
    batch.check(entries, "SendMessageBatch")
    size = sum(_sent_size(one) for one in entries)
    if size > BATCH_BYTES_MAX:
        raise errors.batch_too_long(size, BATCH_BYTES_MAX)
    with call.store.transact() as tx:
        return batch.each(entries, lambda one: _send(tx, call, queue, entry.read(one, queue, batch=True)))


def receive_message(call: Call, params: Params) -> Result | Awaitable[Result]:
    """Up to 10 messages, hidden from others for the visibility timeout; waits if it may and must."""
    queue = queue_of(call, params["QueueUrl"])
    receive = _receive(queue, params)
    wait_s = _wait_s(queue, params)
    received = _take(call, receive, call.now, wait_s == 0)
    if received or wait_s == 0:
        return {"Messages": received} if received else {}
    return _poll(call, queue, receive, call.now + wait_s * SECOND)


def delete_message(call: Call, params: Params) -> None:
    queue = queue_of(call, params["QueueUrl"])
    with call.store.transact() as tx:
        _delete(tx, call, queue, params)


def delete_message_batch(call: Call, params: Params) -> Result:
    queue = queue_of(call, params["QueueUrl"])
    batch.check(params["Entries"], "DeleteMessageBatch")
    with call.store.transact() as tx:
        return batch.each(params["Entries"], lambda one: _delete(tx, call, queue, one))


def change_message_visibility(call: Call, params: Params) -> None:
    queue = queue_of(call, params["QueueUrl"])
    with call.store.transact() as tx:
        _change_visibility(tx, call, queue, params)


def change_message_visibility_batch(call: Call, params: Params) -> Result:
    queue = queue_of(call, params["QueueUrl"])
    batch.check(params["Entries"], "ChangeMessageVisibilityBatch")
    with call.store.transact() as tx:
        return batch.each(params["Entries"], lambda one: _change_visibility(tx, call, queue, one))


def _sent_size(one: Mapping[str, Any]) -> int:
    """Bytes of an entry that count for the batch; entries that are wrong are told so one by one."""
    size = len(one["MessageBody"].encode(errors="replace"))
    for name, value in (one.get("MessageAttributes") or {}).items():
        text = value.get("StringValue")
        data = value.get("BinaryValue") or (text.encode(errors="replace") if text else b"")
        size += len(name.encode(errors="replace")) + len(value.get("DataType") or "") + len(data)
    return size


def _send(tx: Transaction, call: Call, queue: Queue, asked: entry.Entry) -> Result:
    """Append one message, or find that a FIFO queue had it already."""
    now = call.now
    content = Content(
        call.ids.uuid(),
        asked.body,
        now,
        call.caller.user_id,
        asked.attributes,
        asked.trace or entry.passed_on(call.trace_id),
        asked.group_id,
        asked.dedup_id,
    )
    answer = describe.sent(content, md5.of_bytes(asked.data), asked.trace)
    call.part(Measuring).sent(queue.key, len(asked.data))
    if not queue.fifo:
        contents.append(
            tx, arrival(queue, call.part(Sequences).next(queue.id, now), content, asked.delay_s, now)
        )
        return answer
    scope = dedup_scope(queue, asked.group_id)
    known = tx[DEDUPS].get((queue.id, scope, asked.dedup_id))
    if known is not None and is_duplicate(known, now):
        return {
            **answer,
            "MessageId": known.message_id,
            "SequenceNumber": sequence_number(known.number),
        }
    message = arrival(queue, call.part(Sequences).next(queue.id, now), content, asked.delay_s, now)
    contents.append(tx, message)
    tx[DEDUPS].put(remembered(message, scope, now))
    return {**answer, "SequenceNumber": sequence_number(message.number)}


@dataclass(frozen=True, slots=True)
class _Receive:
    """A receive, checked."""

    queue: QueueKey
    count: int
    timeout_s: int | None
    attempt: str
    want: describe.Asked


def _receive(queue: Queue, params: Params) -> _Receive:
    count = params.get("MaxNumberOfMessages")
    if count is None:
        count = 1
    elif not 1 <= count <= RECEIVE_MESSAGES_MAX:
        raise errors.invalid_parameter(
            "MaxNumberOfMessages", count, f"Must be between 1 and {RECEIVE_MESSAGES_MAX}, if provided."
        )
    timeout_s = params.get("VisibilityTimeout")
    if timeout_s is not None and not 0 <= timeout_s <= VISIBILITY_S_MAX:
        raise _bad_timeout(timeout_s)
    attempt = params.get("ReceiveRequestAttemptId") or ""
    if attempt:
        if not queue.fifo:
            raise errors.invalid_parameter(
                "ReceiveRequestAttemptId",
                attempt,
                "The request include parameter that is not valid for this queue type.",
            )
        entry.check_token("ReceiveRequestAttemptId", attempt)
    return _Receive(queue.key, count, timeout_s, attempt, describe.asked(params))


def _wait_s(queue: Queue, params: Params) -> int:
    """Seconds to wait for the first message: the call's, else the queue's."""
    wait_s = params.get("WaitTimeSeconds")
    if wait_s is None:
        return queue.wait_s
    if not 0 <= wait_s <= LONG_POLL_WAIT_S_MAX:
        raise errors.invalid_parameter(
            "WaitTimeSeconds", wait_s, f"Must be >= 0 and <= {LONG_POLL_WAIT_S_MAX}, if provided."
        )
    return int(wait_s)


def _bad_timeout(timeout_s: int) -> Fault:
    return errors.invalid_parameter(
        "VisibilityTimeout", timeout_s, f"Must be >= 0 and <= {VISIBILITY_S_MAX}, if provided."
    )


def _take(call: Call, receive: _Receive, now: Instant, short: bool) -> list[dict[str, Any]]:
    """Take what is there, in one transaction. A short poll is told when too much is in flight."""
    limit = round(call.part(Quotas).value(QUOTA_IN_FLIGHT, call.scope) or IN_FLIGHT_MAX)
    with call.store.transact() as tx:
        queue = tx[QUEUES].require(receive.queue, errors.no_queue)
        until = hidden_until(queue, receive.timeout_s, now)
        taken = _again(tx, queue, receive, until, now) if receive.attempt else None
        if taken is None:
            taken = contents.take(tx, call.part(Sequences), queue, receive.count, until, now, limit)
            if receive.attempt and taken:
                handed = tuple((message.number, message.receives) for message in taken)
                tx[ATTEMPTS].put(Attempt(queue.id, receive.attempt, handed, now + ATTEMPT_WINDOW))
        if not taken and short and not queue.fifo:
            _check_in_flight(tx, queue, limit, now)
    if taken or short:
        name: Counted = "NumberOfMessagesReceived" if taken else "NumberOfEmptyReceives"
        call.part(Measuring).count(receive.queue, name, len(taken) or 1)
    return [describe.message(queue, message, receive.want) for message in taken]


def _again(
    tx: Transaction, queue: Queue, receive: _Receive, until: Instant, now: Instant
) -> list[Message] | None:
    """The messages that this attempt id was given before, hidden anew; None when it was not, or they moved.

    They moved when one was deleted, became visible, or was received or changed by someone else.
    """
    attempt = tx[ATTEMPTS].get((queue.id, receive.attempt))
    if attempt is None or now >= attempt.expires_at:
        return None
    found = [tx[MESSAGES].get((queue.id, number)) for number, _ in attempt.handed]
    same = [
        message
        for message, (_, receives) in zip(found, attempt.handed, strict=True)
        if message is not None and message.receives == receives and in_flight(message, now)
    ]
    if len(same) != len(found):
        return None
    for message in same:
        contents.put(tx, rehanded(message, until))
    return same


def _check_in_flight(tx: Transaction, queue: Queue, limit: int, now: Instant) -> None:
    if contents.in_flight_count(tx[MESSAGES], queue.id, now) >= limit:
        raise errors.over_limit(f"Too many messages are in flight: the limit is {limit}.")


async def _poll(call: Call, queue: Queue, receive: _Receive, until: Instant) -> Result:
    """Park until there is a message or the wait is over.

    Nothing is taken while parked: a caller who goes away (this coroutine is cancelled) loses no message.
    """
    with call.part(Waiting).seat(queue, until) as seat:
        while True:
            now = await seat.wait()
            received = _take(call, receive, now, short=False)
            if received:
                return {"Messages": received}
            if now >= until:
                call.part(Measuring).count(receive.queue, "NumberOfEmptyReceives")
                return {}


def _delete(tx: Transaction, call: Call, queue: Queue, params: Mapping[str, Any]) -> None:
    """Delete by receipt. What is gone stays gone; standard queues ignore the receipt of an older receive."""
    handle = params["ReceiptHandle"]
    number, receives = receipts.opened(handle, queue.name)
    message = tx[MESSAGES].get((queue.id, number))
    if message is None:
        return
    if queue.fifo and (message.receives != receives or not in_flight(message, call.now)):
        raise errors.expired_handle(handle)
    if message.receives == receives:
        contents.remove(tx, message)
        call.part(Measuring).count(queue.key, "NumberOfMessagesDeleted")


def _change_visibility(tx: Transaction, call: Call, queue: Queue, params: Mapping[str, Any]) -> None:
    """Hide a received message for so long from now; 0 shows it at once."""
    handle = params["ReceiptHandle"]
    timeout_s = params.get("VisibilityTimeout")
    if timeout_s is None:
        timeout_s = queue.visibility_s
    if not 0 <= timeout_s <= VISIBILITY_S_MAX:
        raise _bad_timeout(timeout_s)
    number, receives = receipts.opened(handle, queue.name)
    message = tx[MESSAGES].get((queue.id, number))
    if message is None or message.receives != receives:
        raise errors.not_available(handle)
    if queue.fifo and not in_flight(message, call.now):
        raise errors.not_in_flight()
    changed = rehidden(message, timeout_s, call.now)
    if changed is None:
        raise errors.invalid_parameter(
            "VisibilityTimeout",
            timeout_s,
            f"Total VisibilityTimeout for the message is beyond the limit [{VISIBILITY_S_MAX} seconds].",
        )
    contents.put(tx, changed)
