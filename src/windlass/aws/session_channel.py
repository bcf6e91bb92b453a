"""One end of a Session Manager data channel: order, acknowledgements, repeats, a window. Pure.

Stream messages are numbered from 0; each is acknowledged, and sent again until it is. What comes twice is
acknowledged again and delivered once; what comes too early waits for what is missing. Both ends are the
same but for the name of their stream: the plane's is output_stream_data, the client's input_stream_data.
Source: aws/session-manager-plugin, src/datachannel/streaming.go, and its config.go for the numbers.
Only the oldest message is sent again, as by the plugin: others wait for it at the receiver anyway.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from windlass.aws.session_message import (
    ACKNOWLEDGE,
    CHANNEL_CLOSED,
    PAUSE_PUBLICATION,
    START_PUBLICATION,
    SYN,
    AgentMessage,
    BadMessage,
    ChannelClosed,
    PayloadType,
    acknowledgement,
    decode,
    encode,
    read_acknowledged,
    read_closed,
)
from windlass.kernel.clock import MILLISECOND, SECOND, Duration, Instant

PAYLOAD_BYTES_MAX = 1_024
"""Bytes of output or input in one message (StreamDataPayloadSize)."""
WINDOW_MESSAGES = 64
"""Messages sent and not acknowledged; ours: the plugin has no window, and room for 10,000."""
EARLY_MESSAGES_MAX = 1_024
"""Messages kept that came too early; ours. Beyond, they are not acknowledged, and so come again."""
RESEND_AFTER: Duration = 200 * MILLISECOND
"""Until the first repeat (DefaultTransmissionTimeout); each further one takes twice as long …"""
RESEND_AFTER_MAX: Duration = SECOND
"""… up to this (MaxTransmissionTimeout)."""
GIVE_UP_AFTER: Duration = 300 * SECOND
"""A peer that acknowledged nothing for so long is gone (ResendMaxAttempt, 5 minutes)."""


@dataclass(slots=True)
class _Sent:
    raw: bytes
    size: int
    first_at: Instant
    due_at: Instant
    wait: Duration = RESEND_AFTER


@dataclass(slots=True)
class Received:
    """What comes of one message: stream messages in their order, bytes to send back, what the peer took."""

    deliver: list[AgentMessage] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    taken: int = 0
    """Bytes of payloads of type OUTPUT, which also is what input is sent as, that were acknowledged."""
    closed: ChannelClosed | None = None


class Channel:
    """`stream` is the kind of our own stream messages, `theirs` the peer's; `make_id` gives 16 bytes."""

    def __init__(self, stream: str, theirs: str, make_id: Callable[[], bytes]) -> None:
        self._stream = stream
        self._theirs = theirs
        self._make_id = make_id
        self._sequence = 0
        self._expected = 0
        self._sent: OrderedDict[int, _Sent] = OrderedDict()
        self._early: dict[int, AgentMessage] = {}

    @property
    def has_room(self) -> bool:
        """Whether one more message may be sent."""
        return len(self._sent) < WINDOW_MESSAGES

    @property
    def is_empty(self) -> bool:
        """Whether the peer has acknowledged everything."""
        return not self._sent

    def send(self, payload_type: int, payload: bytes, now: Instant) -> bytes:
        """The next message of our stream, to be sent now; it is kept until it is acknowledged."""
        flags = SYN if self._sequence == 0 else 0
        size = len(payload) if payload_type == PayloadType.OUTPUT else 0
        raw = encode(
            AgentMessage(
                self._stream,
                self._make_id(),
                now // MILLISECOND,
                self._sequence,
                flags,
                payload_type,
                payload,
            )
        )
        self._sent[self._sequence] = _Sent(raw, size, now, now + RESEND_AFTER)
        self._sequence += 1
        return raw

    def receive(self, raw: bytes, now: Instant, *, room: bool = True) -> Received:
        """One message of the peer. Without `room` its stream is not taken, so that it comes again.

        Raises BadMessage; what is of no known kind is ignored.
        """
        message = decode(raw)
        result = Received()
        if message.kind == self._theirs:
            self._take(message, now, room, result)
        elif message.kind == ACKNOWLEDGE:
            result.taken = self._acknowledged(message)
        elif message.kind == CHANNEL_CLOSED:
            result.closed = read_closed(message)
        elif message.kind not in (START_PUBLICATION, PAUSE_PUBLICATION):
            raise BadMessage(f"a message of type {message.kind!r}")
        return result

    def repeat(self, now: Instant) -> bytes | None:
        """The oldest message when it has waited too long for its acknowledgement."""
        oldest = next(iter(self._sent.values()), None)
        if oldest is None or now < oldest.due_at:
            return None
        oldest.wait = min(2 * oldest.wait, RESEND_AFTER_MAX)
        oldest.due_at = now + oldest.wait
        return oldest.raw

    def repeat_at(self) -> Instant | None:
        """When to ask `repeat` again; None while nothing is unacknowledged."""
        oldest = next(iter(self._sent.values()), None)
        return None if oldest is None else oldest.due_at

    def is_dead(self, now: Instant) -> bool:
        """Whether the peer has left a message unacknowledged for too long."""
        oldest = next(iter(self._sent.values()), None)
        return oldest is not None and now > oldest.first_at + GIVE_UP_AFTER

    def _take(self, message: AgentMessage, now: Instant, room: bool, result: Received) -> None:
        number = message.sequence
        if number >= self._expected:
            if not room or (len(self._early) >= EARLY_MESSAGES_MAX and number != self._expected):
                return
            self._early.setdefault(number, message)
        result.answers.append(acknowledgement(message, self._make_id(), now))
        while (following := self._early.pop(self._expected, None)) is not None:
            result.deliver.append(following)
            self._expected += 1

    def _acknowledged(self, message: AgentMessage) -> int:
        found = self._sent.pop(read_acknowledged(message).sequence, None)
        return 0 if found is None else found.size
