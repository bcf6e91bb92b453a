"""The Session Manager protocol: its bytes, and a channel over a link that loses, doubles and reorders."""

from __future__ import annotations

import hashlib
import json
import random
import struct
import uuid
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.aws import session_channel, session_message
from windlass.aws.session_channel import EARLY_MESSAGES_MAX, WINDOW_MESSAGES, Channel
from windlass.aws.session_message import (
    INPUT,
    OUTPUT,
    AgentMessage,
    BadMessage,
    ChannelClosed,
    PayloadType,
    decode,
    encode,
)
from windlass.kernel.clock import MILLISECOND, SECOND

NOW = 1_700_000_000_000 * MILLISECOND
ID = uuid.UUID("01234567-89ab-cdef-0011-223344556677")

messages = st.builds(
    AgentMessage,
    kind=st.sampled_from([INPUT, OUTPUT, "acknowledge", "channel_closed"]),
    id=st.binary(min_size=16, max_size=16),
    created_ms=st.integers(1, 2**63),
    sequence=st.integers(0, 2**62),
    flags=st.integers(0, 3),
    payload_type=st.integers(0, 12),
    payload=st.binary(max_size=2_000),
)


def test_the_layout_byte_by_byte() -> None:
    """Offsets, padding, the swapped halves of the id and the digest, as the plugin's parser reads them."""
    raw = encode(AgentMessage(OUTPUT, ID.bytes, 1_234, 7, 1, PayloadType.OUTPUT, b"hello"))
    assert len(raw) == 120 + 5
    assert struct.unpack_from(">I", raw, 0) == (116,)
    assert raw[4:36] == b"output_stream_data".ljust(32)
    assert struct.unpack_from(">IQqQ", raw, 36) == (1, 1_234, 7, 1)
    assert raw[64:80] == bytes.fromhex("0011223344556677") + bytes.fromhex("0123456789abcdef")
    assert raw[80:112] == hashlib.sha256(b"hello").digest()
    assert struct.unpack_from(">II", raw, 112) == (1, 5)
    assert raw[120:] == b"hello"
    assert session_message.uuid_text(ID.bytes) == str(ID)


@given(messages)
def test_what_is_written_is_read(message: AgentMessage) -> None:
    assert decode(encode(message)) == message


@given(messages, st.data())
def test_damage_is_found(message: AgentMessage, data: st.DataObject) -> None:
    """Cut off anywhere, or a byte of a payload changed: never taken for a message."""
    raw = encode(message)
    with pytest.raises(BadMessage):
        decode(raw[: data.draw(st.integers(0, len(raw) - 1))])
    if message.payload:
        at = data.draw(st.integers(120, len(raw) - 1))
        with pytest.raises(BadMessage, match="digest"):
            decode(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])


@given(st.binary(max_size=300))
def test_garbage_is_refused(raw: bytes) -> None:
    with pytest.raises(BadMessage):
        decode(raw)


def test_acknowledge_and_close() -> None:
    """Their payloads are JSON with the names that the plugin knows."""
    message = AgentMessage(INPUT, ID.bytes, 1, 9, 0, 1, b"x")
    raw = decode(session_message.acknowledgement(message, ID.bytes, NOW))
    assert json.loads(raw.payload) == {
        "AcknowledgedMessageType": "input_stream_data",
        "AcknowledgedMessageId": str(ID),
        "AcknowledgedMessageSequenceNumber": 9,
        "IsSequentialMessage": True,
    }
    closed = decode(session_message.closing(ChannelClosed("s", "why", exit_code=3), ID.bytes, NOW))
    said = json.loads(closed.payload)
    assert (said["SessionId"], said["Output"], said["ExitCode"]) == ("s", "why", 3)
    assert (said["MessageId"], said["CreatedDate"]) == (str(ID), "1700000000000")
    assert session_message.read_closed(closed).exit_code == 3


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"TokenValue": 1}', "\ud800", '{"TokenValue":"t","Quiet":0}']
)
def test_what_opens_no_channel(text: str) -> None:
    with pytest.raises(BadMessage):
        session_message.read_open(text.encode(errors="surrogatepass"))


def ids(seed: int) -> Callable[[], bytes]:
    stream = random.Random(seed)
    return lambda: stream.randbytes(16)


def pair() -> tuple[Channel, Channel]:
    return Channel(OUTPUT, INPUT, ids(1)), Channel(INPUT, OUTPUT, ids(2))


@given(st.integers(0, 2**32), st.lists(st.binary(min_size=1, max_size=5), max_size=100))
def test_over_a_bad_link_everything_arrives_once_and_in_order(seed: int, payloads: list[bytes]) -> None:
    """Messages and acknowledgements get lost, come twice and out of order; the window is kept."""
    chance = random.Random(seed)
    here, there = pair()
    todo, arrived, now = list(payloads), [], NOW
    to_there: list[bytes] = []
    to_here: list[bytes] = []
    taken = 0
    for _ in range(20_000):
        now += 50 * MILLISECOND
        while todo and here.has_room:
            to_there.append(here.send(PayloadType.OUTPUT, todo.pop(0), now))
        if (again := here.repeat(now)) is not None:
            to_there.append(again)
        for raw in carried(chance, to_there):
            received = there.receive(raw, now)
            arrived += [message.payload for message in received.deliver]
            to_here += received.answers
        for raw in carried(chance, to_here):
            taken += here.receive(raw, now).taken
        assert len(here._sent) <= WINDOW_MESSAGES
        if not todo and here.is_empty:
            break
    assert arrived == payloads
    assert taken == sum(map(len, payloads))
    assert here.repeat_at() is None


def carried(chance: random.Random, link: list[bytes]) -> list[bytes]:
    """What comes out of a bad link now; what stays in it comes later."""
    chance.shuffle(link)
    out = [raw for raw in link if chance.random() < 0.7]
    link[:] = [raw for raw in link if chance.random() < 0.2]
    return [raw for raw in out for _ in range(chance.choice((0, 1, 1, 2)))]


def test_repeats_wait_longer_and_end() -> None:
    """200 ms, 400 ms, 800 ms, then each second; after five minutes the peer is given up."""
    channel, _ = pair()
    channel.send(1, b"x", NOW)
    waits, at = [], NOW
    for _ in range(5):
        due = channel.repeat_at()
        assert due is not None
        assert channel.repeat(due - 1) is None
        waits.append((due - at) // MILLISECOND)
        at = due
        assert channel.repeat(due) is not None
    assert waits == [200, 400, 800, 1_000, 1_000]
    assert not channel.is_dead(NOW + session_channel.GIVE_UP_AFTER)
    assert channel.is_dead(NOW + session_channel.GIVE_UP_AFTER + SECOND)


def test_without_room_nothing_is_acknowledged() -> None:
    """What was not taken comes again; early messages are bounded too."""
    here, there = pair()
    raws = [here.send(1, b"%d" % number, NOW) for number in range(EARLY_MESSAGES_MAX + 2)]
    assert there.receive(raws[0], NOW, room=False).answers == []
    for raw in raws[1:-1]:
        assert there.receive(raw, NOW).deliver == []
    assert there.receive(raws[-1], NOW).answers == [], "no room for one more"
    assert len(there.receive(raws[0], NOW).deliver) == EARLY_MESSAGES_MAX + 1
    again = there.receive(raws[0], NOW)
    assert (again.deliver, len(again.answers)) == ([], 1), "twice: acknowledged, not delivered"


def test_other_kinds() -> None:
    """Publication messages mean nothing here; unknown kinds are refused; an end is told."""
    channel, _ = pair()
    for kind in (session_message.START_PUBLICATION, session_message.PAUSE_PUBLICATION):
        assert channel.receive(encode(AgentMessage(kind, ID.bytes, 1)), NOW).deliver == []
    with pytest.raises(BadMessage, match="nonsense"):
        channel.receive(encode(AgentMessage("nonsense", ID.bytes, 1)), NOW)
    raw = session_message.closing(ChannelClosed("s"), ID.bytes, NOW)
    closed = channel.receive(raw, NOW).closed
    assert closed is not None
    assert closed.session_id == "s"
