"""Pure decisions about messages: tables of situations, and properties of any situation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.build import NOW
from tests.sqs_build import a_message, a_queue
from windlass.kernel.clock import HOUR, MINUTE, SECOND
from windlass.services.sqs import queue
from windlass.services.sqs.model import Content, Message

LATER = NOW + 30 * SECOND


def content(**fields: object) -> Content:
    return Content(**{"id": "m", "body": "b", "sent_at": NOW, "sender": "s"} | fields)  # type: ignore[arg-type]


def test_delay_of_the_message_beats_the_queue() -> None:
    """A queue with 10 s delay: unset gives 10 s, 3 gives 3 s, 0 gives none."""
    delayed = a_queue(delay_s=10)
    hidden = [queue.arrival(delayed, 1, content(), delay, NOW).visible_at - NOW for delay in (None, 3, 0)]
    assert hidden == [10 * SECOND, 3 * SECOND, 0]


def test_a_delay_of_zero_is_unset_on_fifo_queues() -> None:
    """On FIFO queues the queue's delay applies to a message sent with delay 0."""
    fifo = a_queue(fifo=True, delay_s=10)
    assert queue.arrival(fifo, 1, content(group_id="g"), 0, NOW).visible_at == NOW + 10 * SECOND


def test_hand_out_marks_each_receive() -> None:
    """Two receives of a message: the count rises, the first receive's time stays."""
    message = a_message()
    first = queue.received(message, LATER, NOW)
    second = queue.received(first, LATER + 60 * SECOND, LATER)
    assert (second.receives, second.first_received_at, second.received_at) == (2, NOW, LATER)
    assert second.visible_at == LATER + 60 * SECOND


def test_hand_out_sorts_out_the_dead_and_the_expired() -> None:
    """One expired, one received twice with maxReceiveCount 2, one good: only the good one is taken."""
    expired = a_message(1, sent_at=NOW - HOUR)
    dead = a_message(2, receives=2)
    good = a_message(3, receives=1)
    handout = queue.hand_out([expired, dead, good], 10, LATER, NOW, retention=HOUR, dead_after=2)
    assert (handout.expired, handout.dead) == ([expired], [dead])
    assert handout.taken == [queue.received(good, LATER, NOW)]


def test_a_group_yields_what_is_ahead_of_its_first_hidden_message() -> None:
    """visible, hidden, visible → only the first; hidden, visible → none."""
    one, two, three = a_message(1), a_message(2, visible_at=LATER), a_message(3)
    assert list(queue.yielded([one, two, three], NOW)) == [one]
    assert list(queue.yielded([two, three], NOW)) == []


def test_visibility_ends_twelve_hours_after_the_receive() -> None:
    """11 h after the receive one hour more is granted, one second above it is not."""
    message = queue.received(a_message(), LATER, NOW)
    now = NOW + 11 * HOUR
    assert queue.rehidden(message, 3_600, now) is not None
    assert queue.rehidden(message, 3_601, now) is None
    assert queue.rehidden(message, 0, NOW + 13 * HOUR) is not None


def test_a_dead_letter_keeps_its_past() -> None:
    """Id, times and receive count stay; the FIFO deduplication id becomes the message id."""
    source, target = a_queue(fifo=True, id="s"), a_queue(fifo=True, id="t", name="dead.fifo")
    message = a_message(5, receives=3, first_received_at=NOW - 1, group="g")
    dead = queue.dead_letter(message, source, target, 9, LATER)
    assert (dead.queue, dead.number, dead.receives, dead.group) == ("t", 9, 3, "g")
    assert (dead.content.id, dead.content.sent_at) == (message.content.id, message.content.sent_at)
    assert (dead.content.dedup_id, dead.content.source_arn) == (message.content.id, source.arn)


def test_a_redriven_message_is_new() -> None:
    """A move task gives it a new id, enqueue time and receive count."""
    moved = queue.redriven(a_message(5, receives=3), a_queue(id="t"), 9, "new", LATER)
    assert (moved.content.id, moved.content.sent_at, moved.receives) == ("new", LATER, 0)


def test_deduplication_lasts_five_minutes() -> None:
    """A nanosecond before the end it is a duplicate, then not."""
    known = queue.remembered(a_message(), "", NOW)
    assert queue.is_duplicate(known, NOW + 5 * MINUTE - 1)
    assert not queue.is_duplicate(known, NOW + 5 * MINUTE)
    assert not queue.is_duplicate(None, NOW)


@st.composite
def candidates(draw: st.DrawFn) -> list[Message]:
    rows = draw(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7_200)), max_size=30))
    return [
        a_message(i, receives=receives, sent_at=NOW - age * SECOND) for i, (receives, age) in enumerate(rows)
    ]


@given(candidates(), st.integers(0, 10), st.none() | st.integers(1, 5))
def test_hand_out_loses_and_doubles_nothing(
    messages: list[Message], wanted: int, dead_after: int | None
) -> None:
    """From any candidates: at most what was wanted, in order, and every message in one place at most."""
    handout = queue.hand_out(messages, wanted, LATER, NOW, retention=HOUR, dead_after=dead_after)
    taken = [message.number for message in handout.taken]
    touched = sorted([*taken, *(m.number for m in (*handout.dead, *handout.expired))])
    assert len(taken) <= wanted
    assert taken == sorted(taken)
    assert touched == list(range(len(touched)))  # a prefix of the candidates, none skipped
    assert len(taken) == wanted or len(touched) == len(messages)
    assert all(dead_after is None or message.receives <= dead_after for message in handout.taken)
