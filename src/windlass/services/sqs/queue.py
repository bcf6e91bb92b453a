"""What happens to messages: visibility, FIFO groups, deduplication, redrive. Pure; times are arguments.

Decides which of the candidates a receiver gets and which leave the queue on the way, and gives the changed
rows. Knows nothing of tables, parked receivers or wire formats.

A message is hidden until `visible_at`. A FIFO group yields the messages ahead of its first hidden one, so a
group with messages in flight yields nothing (fact sheet: "Partial visibility").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import takewhile

from windlass.kernel.clock import SECOND, Duration, Instant
from windlass.kernel.faults import Bug
from windlass.services.sqs.limits import DEDUP_WINDOW, VISIBILITY_S_MAX
from windlass.services.sqs.model import Content, Dedup, Message, Queue


@dataclass(slots=True)
class Handout:
    """What one receive does. `taken` are the messages as they are afterwards, in order of handing out."""

    taken: list[Message] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    """Received too often: to the dead-letter queue."""
    expired: list[Message] = field(default_factory=list)


def arrival(queue: Queue, number: int, content: Content, delay_s: int | None, now: Instant) -> Message:
    """A sent message. Its own delay beats the queue's; on FIFO queues 0 means unset (fact sheet)."""
    if delay_s is None or (queue.fifo and delay_s == 0):
        delay_s = queue.delay_s
    group = content.group_id if queue.fifo else ""
    return Message(queue.id, number, content, now + delay_s * SECOND if delay_s else now, group)


def hand_out(
    candidates: Iterable[Message],
    wanted: int,
    until: Instant,
    now: Instant,
    *,
    retention: Duration,
    dead_after: int | None = None,
) -> Handout:
    """Hand out visible candidates, in their order, hidden until `until`.

    `dead_after` is maxReceiveCount: with 3, a message that was received three times is dead at the fourth
    receive. None hands out for ever.
    """
    oldest = now - retention
    handout = Handout()
    for message in candidates:
        if len(handout.taken) >= wanted:
            break
        if message.visible_at > now:
            raise Bug("a hidden message is no candidate", message, now)
        if message.content.sent_at <= oldest:
            handout.expired.append(message)
        elif dead_after is not None and message.receives >= dead_after:
            handout.dead.append(message)
        else:
            handout.taken.append(received(message, until, now))
    return handout


def received(message: Message, until: Instant, now: Instant) -> Message:
    """The message in flight. Written out, as `replace` costs twice as much and this is the hot path."""
    return Message(
        message.queue,
        message.number,
        message.content,
        until,
        message.group,
        message.receives + 1,
        message.first_received_at or now,
        now,
    )


def yielded(group: Iterable[Message], now: Instant) -> Iterator[Message]:
    """What a FIFO group yields: its messages ahead of the first hidden one. `group` is in order."""
    return takewhile(lambda message: message.visible_at <= now, group)


def in_flight(message: Message, now: Instant) -> bool:
    return message.receives > 0 and message.visible_at > now


def rehidden(message: Message, timeout_s: int, now: Instant) -> Message | None:
    """The message hidden for `timeout_s` from now; None when that is past 12 h since its receive."""
    visible_at = now + timeout_s * SECOND
    if timeout_s and visible_at > message.received_at + VISIBILITY_S_MAX * SECOND:
        return None
    return replace(message, visible_at=visible_at)


def rehanded(message: Message, until: Instant) -> Message:
    """A message in flight, hidden anew for a repeated receive attempt."""
    return replace(message, visible_at=until)


def redelayed(queue: Queue, message: Message, now: Instant) -> Message:
    """A FIFO message that nobody received yet, after the queue's DelaySeconds changed (retroactive)."""
    return replace(message, visible_at=max(now, message.content.sent_at + queue.delay_s * SECOND))


def dead_letter(message: Message, source: Queue, target: Queue, number: int, now: Instant) -> Message:
    """The message in its dead-letter queue.

    Id, body, times and receive count stay; on FIFO queues the deduplication id becomes the message id.
    """
    content = message.content
    dedup_id = content.id if target.fifo else content.dedup_id
    return replace(
        message,
        queue=target.id,
        number=number,
        content=replace(content, source_arn=source.arn, dedup_id=dedup_id),
        visible_at=now,
    )


def redriven(message: Message, target: Queue, number: int, message_id: str, now: Instant) -> Message:
    """The message moved by a task: a new one with the old body (DG: new id, enqueue time, retention)."""
    content = replace(message.content, id=message_id, sent_at=now, source_arn="")
    return arrival(target, number, content, None, now)


def dedup_scope(queue: Queue, group: str) -> str:
    """Where a deduplication id counts: "" is the whole queue, else the group."""
    return group if queue.dedup_scope == "messageGroup" else ""


def remembered(message: Message, scope: str, now: Instant) -> Dedup:
    """The deduplication id of a message that was just sent: five minutes from now."""
    content = message.content
    return Dedup(message.queue, scope, content.dedup_id, content.id, message.number, now + DEDUP_WINDOW)


def is_duplicate(found: Dedup | None, now: Instant) -> bool:
    return found is not None and now < found.expires_at


def hidden_until(queue: Queue, timeout_s: int | None, now: Instant) -> Instant:
    """When a message received now is visible again: the call's timeout, else the queue's."""
    return now + (queue.visibility_s if timeout_s is None else timeout_s) * SECOND
