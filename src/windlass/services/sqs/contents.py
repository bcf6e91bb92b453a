"""What a queue holds: the only module that reads and writes message rows.

Keeps `GROUPS` true: after every change of a FIFO message its group says when its head is visible. Decisions
are queue.py's. Every function costs O(log n) per message it touches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from windlass.kernel.clock import SECOND, Instant
from windlass.kernel.store import Store, Transaction, View
from windlass.services.sqs.limits import DELAY_S_MAX, IN_FLIGHT_MAX
from windlass.services.sqs.model import GROUPS, MESSAGES, QUEUES, Group, Message, Queue, queue_key_of
from windlass.services.sqs.queue import dead_letter, hand_out, yielded

LEAVING_PER_RECEIVE_MAX = 1_000
"""Dead or expired messages that one receive clears before it answers with what it has."""
_NEVER_RECEIVED, _RECEIVED = False, True
_NUMBER_MAX = 2**127


class Sequences:
    """Gives messages their numbers: rising per queue, and never twice, also not after a restart.

    A number is the time in nanoseconds, or one more than the last where that is not enough; so nothing
    needs storing but the messages themselves.
    """

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def next(self, queue_id: str, now: Instant) -> int:
        number = self._last[queue_id] = max(now, self._last.get(queue_id, 0) + 1)
        return number

    def seen(self, queue_id: str, number: int) -> None:
        """A stored message, at start."""
        self._last[queue_id] = max(number, self._last.get(queue_id, 0))

    def forget(self, queue_id: str) -> None:
        self._last.pop(queue_id, None)


@dataclass(frozen=True, slots=True)
class Counts:
    """The three approximate numbers of GetQueueAttributes; ours are exact."""

    visible: int
    in_flight: int
    delayed: int


def load(store: Store, sequences: Sequences) -> None:
    """At start: find the highest numbers, and make the group rows that the log does not keep."""
    heads: dict[tuple[str, str], Message] = {}
    for message in store[MESSAGES].all():
        sequences.seen(message.queue, message.number)
        if message.group:
            head = heads.setdefault((message.queue, message.group), message)
            if message.number < head.number:
                heads[message.queue, message.group] = message
    store.fill(GROUPS, (Group(*name, head.visible_at, head.number) for name, head in sorted(heads.items())))


def counts(messages: View[Message], queue_id: str, now: Instant) -> Counts:
    fresh, back = (queue_id, _NEVER_RECEIVED), (queue_id, _RECEIVED)
    fresh_due = messages.count_upto("due", fresh, now)
    back_due = messages.count_upto("due", back, now)
    return Counts(
        visible=fresh_due + back_due,
        in_flight=messages.count("due", back) - back_due,
        delayed=messages.count("due", fresh) - fresh_due,
    )


def in_flight_count(messages: View[Message], queue_id: str, now: Instant) -> int:
    back = (queue_id, _RECEIVED)
    return messages.count("due", back) - messages.count_upto("due", back, now)


def is_due(store: Store, queue: Queue, now: Instant) -> bool:
    """Whether a receiver would get something now (unless the in-flight limit is reached)."""
    if queue.fifo:
        group = store[GROUPS].first("ready", queue.id)
        return group is not None and group.ready_at <= now
    messages = store[MESSAGES]
    for received in (_NEVER_RECEIVED, _RECEIVED):
        message = messages.first("due", (queue.id, received))
        if message is not None and message.visible_at <= now:
            return True
    return False


def due_after(store: Store, queue: Queue, now: Instant) -> Instant | None:
    """When the next message becomes visible by the passing of time alone."""
    if queue.fifo:
        group = store[GROUPS].after("ready", queue.id, (now, _NUMBER_MAX))
        return None if group is None else group.ready_at
    messages = store[MESSAGES]
    found = [messages.after("due", (queue.id, received), now) for received in (_NEVER_RECEIVED, _RECEIVED)]
    return min((message.visible_at for message in found if message is not None), default=None)


def take(
    tx: Transaction,
    sequences: Sequences,
    queue: Queue,
    wanted: int,
    until: Instant,
    now: Instant,
    in_flight_max: int = IN_FLIGHT_MAX,
) -> list[Message]:
    """Hand out at most `wanted` messages; dead ones go to the dead-letter queue, expired ones go."""
    messages = tx[MESSAGES]
    wanted = min(wanted, in_flight_max - in_flight_count(messages, queue.id, now))
    target = _dead_letter_queue(tx, queue)
    dead_after = queue.receives_max if target is not None else None
    taken: list[Message] = []
    left = 0
    while len(taken) < wanted and left < LEAVING_PER_RECEIVE_MAX:
        handout = hand_out(
            _candidates(tx, queue, wanted, now),
            wanted - len(taken),
            until,
            now,
            retention=queue.retention_s * SECOND,
            dead_after=dead_after,
        )
        for message in handout.taken:
            messages.put(message)
        for message in handout.dead:
            assert target is not None
            messages.put(dead_letter(message, queue, target, sequences.next(target.id, now), now))
        for message in (*handout.dead, *handout.expired):
            messages.delete((message.queue, message.number))
        if queue.fifo:
            _refresh_moved(tx, queue, target, handout.taken, handout.dead, handout.expired)
        taken += handout.taken
        gone = len(handout.dead) + len(handout.expired)
        left += gone
        if not gone:
            break
    return taken


def put(tx: Transaction, message: Message) -> None:
    """A new or changed message."""
    tx[MESSAGES].put(message)
    if message.group:
        refresh(tx, [(message.queue, message.group)])


def append(tx: Transaction, message: Message) -> None:
    """A newly sent message: as `put`, but an existing group need not be looked at, its head stays."""
    tx[MESSAGES].put(message)
    if message.group and tx[GROUPS].get((message.queue, message.group)) is None:
        tx[GROUPS].put(Group(message.queue, message.group, message.visible_at, message.number))


def remove(tx: Transaction, message: Message) -> None:
    tx[MESSAGES].delete((message.queue, message.number))
    if message.group:
        refresh(tx, [(message.queue, message.group)])


def visible(tx: Transaction, queue: Queue, limit: int, now: Instant) -> list[Message]:
    """Up to `limit` visible messages, for moving; FIFO groups only yield what a receiver would get."""
    return list(_candidates(tx, queue, limit, now))[:limit]


def recently_sent(tx: Transaction, queue: Queue, now: Instant) -> list[Message]:
    """Messages that nobody received, young enough for any delay to matter; for a change of DelaySeconds."""
    oldest = now - (DELAY_S_MAX + 1) * SECOND
    young = tx[MESSAGES].page("sent", queue.id, after=(oldest, ()))
    return [message for message in young if not message.receives]


def expire(tx: Transaction, queue: Queue, limit: int, now: Instant) -> int:
    """Delete up to `limit` messages past their retention, in flight or not; returns how many."""
    old = tx[MESSAGES].upto("sent", queue.id, now - queue.retention_s * SECOND, limit)
    for message in old:
        tx[MESSAGES].delete((message.queue, message.number))
    refresh(tx, {(m.queue, m.group): None for m in old if m.group})
    return len(old)


def refresh(tx: Transaction, groups: Iterable[tuple[str, str]]) -> None:
    """Make these group rows say what the messages say."""
    for queue_id, name in groups:
        head = tx[MESSAGES].first("group", (queue_id, name))
        if head is None:
            tx[GROUPS].delete((queue_id, name))
            continue
        known = tx[GROUPS].get((queue_id, name))
        if known is None or (known.ready_at, known.head) != (head.visible_at, head.number):
            tx[GROUPS].put(Group(queue_id, name, head.visible_at, head.number))


def _candidates(tx: Transaction, queue: Queue, wanted: int, now: Instant) -> Iterable[Message]:
    """Visible messages in the order they should be tried: at least `wanted`, if there are so many."""
    if queue.fifo:
        return _fifo_candidates(tx, queue, wanted, now)
    messages = tx[MESSAGES]
    fresh = messages.upto("due", (queue.id, _NEVER_RECEIVED), now, wanted)
    back = messages.upto("due", (queue.id, _RECEIVED), now, wanted)
    if not back or not fresh:
        return fresh or back
    return sorted((*fresh, *back), key=lambda message: message.visible_at)[:wanted]


def _fifo_candidates(tx: Transaction, queue: Queue, wanted: int, now: Instant) -> Iterator[Message]:
    """The group that was ready first as far as it yields, then the next: fill from one group first."""
    for group in tx[GROUPS].upto("ready", queue.id, (now, _NUMBER_MAX), wanted):
        ahead = tx[MESSAGES].page("group", (queue.id, group.group), limit=wanted)
        yield from yielded(ahead, now)


def _dead_letter_queue(tx: Transaction, queue: Queue) -> Queue | None:
    """Where dead letters go; None also when that queue is gone, and then they stay."""
    key = queue_key_of(queue.dead_letter_arn) if queue.dead_letter_arn else None
    return None if key is None else tx[QUEUES].get(key)


def _refresh_moved(tx: Transaction, queue: Queue, target: Queue | None, *moved: list[Message]) -> None:
    taken, dead, expired = moved
    refresh(tx, {(queue.id, m.group): None for m in (*taken, *dead, *expired)})
    if target is not None:
        refresh(tx, {(target.id, m.group): None for m in dead})
