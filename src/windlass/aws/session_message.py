"""Messages of a Session Manager data channel, as `session-manager-plugin` speaks it for ECS Exec. Pure.

A binary message is a header of 116 bytes, four bytes of the payload's length, and the payload; integers are
big-endian. Decides nothing about order and repeats: session_channel.py does. Sources: message formats in
aws/session-manager-plugin (src/message/clientmessage.go, messageparser.go, handshakemessage.go) and
aws/amazon-ssm-agent (agent/session/contracts). Known gap: KMS encryption of payloads.

    | header length 4 | type 32, padded | schema 4 | created 8, ms | sequence 8 | flags 8 |
    | id 16: its halves swapped | SHA-256 of the payload 32 | payload type 4 | payload length 4 | payload |
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

import msgspec

from windlass.kernel.clock import MILLISECOND, Instant

T = TypeVar("T")

INPUT = "input_stream_data"
OUTPUT = "output_stream_data"
ACKNOWLEDGE = "acknowledge"
CHANNEL_CLOSED = "channel_closed"
START_PUBLICATION = "start_publication"
PAUSE_PUBLICATION = "pause_publication"
SYN = 1
"""Flag of the first message of a stream."""
FIN = 2
"""Flag of the last one."""
SCHEMA_VERSION = 1
MESSAGE_BYTES_MAX = 256 * 1024
"""Longest message taken: ours. The plugin and the agent put 1,024 bytes into one."""

_HEADER = struct.Struct(">I32sIQqQ16s32sI")
_LENGTH = struct.Struct(">I")
_FLAG = struct.Struct(">I")


class PayloadType(IntEnum):
    """What a stream message carries."""

    OUTPUT = 1
    ERROR = 2
    SIZE = 3
    PARAMETER = 4
    HANDSHAKE_REQUEST = 5
    HANDSHAKE_RESPONSE = 6
    HANDSHAKE_COMPLETE = 7
    ENCRYPTION_CHALLENGE_REQUEST = 8
    ENCRYPTION_CHALLENGE_RESPONSE = 9
    FLAG = 10
    STDERR = 11
    EXIT_CODE = 12


TERMINATE_SESSION = 2
"""What a payload of type FLAG says when the client wants the session to end."""
END_OF_INPUT = 0x57494E44
"""Windlass's own flag, "WIND": a client without a terminal has no more input."""
SUCCESS, FAILED, UNSUPPORTED = 1, 2, 3
"""ActionStatus of a client's answer in the handshake."""


class BadMessage(Exception):
    """The peer sent something that is no message of this protocol."""


@dataclass(frozen=True, slots=True)
class AgentMessage:
    """One message. `id` is the 16 bytes of a UUID in their usual order."""

    kind: str
    id: bytes
    created_ms: int
    sequence: int = 0
    flags: int = 0
    payload_type: int = 0
    payload: bytes = b""


class OpenDataChannel(msgspec.Struct, frozen=True, rename="pascal"):
    """The first message of a client, a text one (OpenDataChannelInput). Further members are ignored."""

    token_value: str
    client_id: str = ""
    quiet: bool = False
    """Windlass's own: the client has no terminal, so nothing is echoed and no newline is changed."""


class Size(msgspec.Struct, frozen=True):
    """A terminal's size (SizeData)."""

    cols: int
    rows: int


class Acknowledged(msgspec.Struct, frozen=True):
    """Which message was received (AcknowledgeContent)."""

    kind: str = msgspec.field(name="AcknowledgedMessageType")
    id: str = msgspec.field(name="AcknowledgedMessageId")
    sequence: int = msgspec.field(name="AcknowledgedMessageSequenceNumber")
    is_sequential: bool = msgspec.field(name="IsSequentialMessage", default=True)


class ChannelClosed(msgspec.Struct, frozen=True, rename="pascal"):
    """The session has ended; `output` says why when it was no ordinary end."""

    session_id: str
    output: str = ""
    message_type: str = CHANNEL_CLOSED
    message_id: str = ""
    created_date: str = ""
    destination_id: str = ""
    schema_version: int = 0
    exit_code: int | None = None
    """Windlass's own: the command's; other clients ignore it."""


class Action(msgspec.Struct, frozen=True, rename="pascal"):
    """What a client is to do in the handshake."""

    action_type: str
    action_parameters: dict[str, object]


class HandshakeRequest(msgspec.Struct, frozen=True, rename="pascal"):
    """The agent's first stream message."""

    agent_version: str
    requested_client_actions: tuple[Action, ...]


class Processed(msgspec.Struct, frozen=True, rename="pascal"):
    """What became of one action."""

    action_type: str
    action_status: int = 0
    error: str = ""


class HandshakeResponse(msgspec.Struct, frozen=True, rename="pascal"):
    """The client's answer."""

    client_version: str = ""
    processed_client_actions: tuple[Processed, ...] | None = ()
    errors: tuple[str, ...] | None = ()


class HandshakeComplete(msgspec.Struct, frozen=True, rename="pascal"):
    """The handshake is over. Nanoseconds."""

    handshake_time_to_complete: int
    customer_message: str = ""


def encode(message: AgentMessage) -> bytes:
    """The message as bytes; raises ValueError for a kind that is too long."""
    kind = message.kind.encode("ascii")
    if len(kind) > 32:
        raise ValueError(f"a message type of {len(kind)} bytes")
    header = _HEADER.pack(
        _HEADER.size,
        kind.ljust(32),
        SCHEMA_VERSION,
        message.created_ms,
        message.sequence,
        message.flags,
        message.id[8:] + message.id[:8],
        hashlib.sha256(message.payload).digest(),
        message.payload_type,
    )
    return header + _LENGTH.pack(len(message.payload)) + message.payload


def decode(raw: bytes) -> AgentMessage:
    """Raises BadMessage for what is cut off, has a wrong digest, or is too long."""
    if len(raw) < _HEADER.size + _LENGTH.size:
        raise BadMessage(f"{len(raw)} bytes are no message")
    if len(raw) > MESSAGE_BYTES_MAX:
        raise BadMessage(f"a message of {len(raw)} bytes; at most {MESSAGE_BYTES_MAX} are taken")
    header, kind, _, created, sequence, flags, id, digest, payload_type = _HEADER.unpack_from(raw)
    if header != _HEADER.size:
        raise BadMessage(f"a header of {header} bytes instead of {_HEADER.size}")
    (length,) = _LENGTH.unpack_from(raw, _HEADER.size)
    payload = raw[_HEADER.size + _LENGTH.size :]
    if length != len(payload):
        raise BadMessage(f"a payload of {len(payload)} bytes instead of {length}")
    if payload and not hmac.compare_digest(hashlib.sha256(payload).digest(), digest):
        raise BadMessage("the payload does not fit its digest")
    name = kind.strip(b" \0").decode("ascii", errors="replace")
    return AgentMessage(name, id[8:] + id[:8], created, sequence, flags, payload_type, payload)


def acknowledgement(of: AgentMessage, id: bytes, now: Instant) -> bytes:
    """Tell the sender that its message was taken."""
    content = Acknowledged(of.kind, uuid_text(of.id), of.sequence)
    return encode(
        AgentMessage(ACKNOWLEDGE, id, now // MILLISECOND, 0, SYN | FIN, 0, msgspec.json.encode(content))
    )


def closing(closed: ChannelClosed, id: bytes, now: Instant) -> bytes:
    """Tell the client that its session has ended."""
    whole = msgspec.structs.replace(
        closed, message_id=uuid_text(id), created_date=str(now // MILLISECOND), schema_version=SCHEMA_VERSION
    )
    return encode(
        AgentMessage(CHANNEL_CLOSED, id, now // MILLISECOND, 0, SYN | FIN, 0, msgspec.json.encode(whole))
    )


def read_acknowledged(message: AgentMessage) -> Acknowledged:
    """Raises BadMessage, as all that read a payload."""
    return _read(message.payload, Acknowledged)


def read_closed(message: AgentMessage) -> ChannelClosed:
    return _read(message.payload, ChannelClosed)


def read_size(payload: bytes) -> Size:
    return _read(payload, Size)


def read_response(payload: bytes) -> HandshakeResponse:
    return _read(payload, HandshakeResponse)


def read_request(payload: bytes) -> HandshakeRequest:
    return _read(payload, HandshakeRequest)


def read_open(text: str | bytes) -> OpenDataChannel:
    return _read(text, OpenDataChannel)


def read_flag(payload: bytes) -> int:
    """A flag is four bytes; 0 for what is none."""
    return int(_FLAG.unpack(payload)[0]) if len(payload) == _FLAG.size else 0


def flag(value: int) -> bytes:
    return _FLAG.pack(value)


def uuid_text(id: bytes) -> str:
    """16 bytes as a UUID is written."""
    text = id.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _read(payload: str | bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"no {kind.__name__}: {error}") from error
