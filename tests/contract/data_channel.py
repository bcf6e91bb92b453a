"""A client of ECS Exec's data channel, written from the protocol's documents and not from our code.

Layout and rules: aws/session-manager-plugin, src/message/clientmessage.go and src/datachannel/streaming.go.
What the plugin does by itself (acknowledge, answer the handshake) happens here when it is asked for, so that
a test may leave it out, do it twice or in another order.
"""

from __future__ import annotations

import hashlib
import json
import struct
import time
import uuid
from dataclasses import dataclass
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

WITHIN_S = 30.0
OUTPUT, SIZE, REQUEST, RESPONSE, COMPLETE, FLAG = 1, 3, 5, 6, 7, 10


@dataclass(frozen=True)
class Heard:
    """One message of the agent's side."""

    kind: str
    sequence: int
    id: str
    payload_type: int
    payload: bytes


class DataChannel:
    """One connection. `output` has all bytes that came in order."""

    def __init__(self, session: dict[str, str], token: str | None = None) -> None:
        self._connection = connect(
            session["streamUrl"], compression=None, proxy=None, max_queue=4, close_timeout=0.1, legacy=True
        )
        self._next = 0
        self._expected = 0
        self._early: dict[int, Heard] = {}
        self.output = b""
        self.closed: dict[str, Any] | None = None
        self.customer_ready = False
        self._connection.send(
            json.dumps(
                {
                    "MessageSchemaVersion": "1.0",
                    "RequestId": str(uuid.uuid4()),
                    "TokenValue": session["tokenValue"] if token is None else token,
                    "ClientId": str(uuid.uuid4()),
                    "ClientVersion": "1.2.650.0",
                }
            )
        )

    # out

    def message(self, payload_type: int, payload: bytes) -> bytes:
        """The next message of our stream; it is for the test to send it, once or more."""
        raw = serialized("input_stream_data", self._next, payload_type, payload)
        self._next += 1
        return raw

    def raw(self, *messages: bytes) -> None:
        for message in messages:
            self._connection.send(message)

    def type(self, text: str) -> None:
        self.raw(self.message(OUTPUT, text.encode()))

    def resize(self, columns: int, rows: int) -> None:
        self.raw(self.message(SIZE, json.dumps({"cols": columns, "rows": rows}).encode()))

    def acknowledge(self, heard: Heard) -> None:
        content = {
            "AcknowledgedMessageType": heard.kind,
            "AcknowledgedMessageId": heard.id,
            "AcknowledgedMessageSequenceNumber": heard.sequence,
            "IsSequentialMessage": True,
        }
        self.raw(serialized("acknowledge", 0, 0, json.dumps(content).encode(), flags=3))

    # in

    def hear(self, within_s: float = WITHIN_S) -> Heard | None:
        """The next message; None when the connection is closed. TimeoutError when none comes."""
        try:
            raw = self._connection.recv(within_s)
        except ConnectionClosed:
            return None
        except TimeoutError as error:
            raise TimeoutError(f"nothing after {self.output[-500:]!r}") from error
        assert isinstance(raw, bytes)
        return parsed(raw)

    def handshake(self) -> DataChannel:
        """Answer the request for a session type, and wait for the end of the handshake."""
        request = self.hear()
        assert request is not None
        assert (request.kind, request.payload_type, request.sequence) == ("output_stream_data", REQUEST, 0)
        self.acknowledge(request)
        self._expected = 1
        asked = json.loads(request.payload)["RequestedClientActions"]
        assert [action["ActionType"] for action in asked] == ["SessionType"]
        assert asked[0]["ActionParameters"]["SessionType"] == "InteractiveCommands"
        done = [{"ActionType": "SessionType", "ActionStatus": 1, "ActionResult": None, "Error": ""}]
        answer = {"ClientVersion": "1.2.650.0", "ProcessedClientActions": done, "Errors": None}
        self.raw(self.message(RESPONSE, json.dumps(answer).encode()))
        self.run_until(lambda: self.customer_ready)
        return self

    def step(self) -> bool:
        """Take one message as the plugin does. False when the connection is closed."""
        heard = self.hear()
        if heard is None:
            return False
        if heard.kind == "output_stream_data":
            self.acknowledge(heard)
            if heard.sequence >= self._expected:
                self._early[heard.sequence] = heard
            while (found := self._early.pop(self._expected, None)) is not None:
                self._expected += 1
                self._deliver(found)
        elif heard.kind == "channel_closed":
            self.closed = json.loads(heard.payload)
        return True

    def run_until(self, done: Any) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not done():
            assert time.monotonic() < deadline, f"only {self.output[-500:]!r} came"
            assert self.step(), f"closed after {self.output[-500:]!r}"

    def see(self, text: str) -> None:
        """Read on until that was written."""
        self.run_until(lambda: text.encode() in self.output)

    def end(self) -> dict[str, Any]:
        """Read on until the session is closed; what was said about it."""
        self.run_until(lambda: self.closed is not None)
        assert self.closed is not None
        return self.closed

    def output_or_end(self) -> str:
        """All that was said until the session was closed: output, and why."""
        closed = self.end()
        return self.output.decode() + str(closed["Output"])

    def vanish(self) -> None:
        """As a client that was killed."""
        self._connection.socket.close()

    def close(self) -> None:
        self._connection.close()

    def _deliver(self, heard: Heard) -> None:
        if heard.payload_type == COMPLETE:
            self.customer_ready = True
        elif heard.payload_type == OUTPUT:
            self.output += heard.payload


def serialized(kind: str, sequence: int, payload_type: int, payload: bytes, *, flags: int = 0) -> bytes:
    """A ClientMessage: header of 116 bytes, length of the payload, payload."""
    id = uuid.uuid4().bytes
    return b"".join(
        (
            struct.pack(">I", 116),
            kind.encode().ljust(32, b" "),
            struct.pack(">IQqQ", 1, int(time.time() * 1000), sequence, flags),
            id[8:16],
            id[0:8],
            hashlib.sha256(payload).digest(),
            struct.pack(">I", payload_type),
            struct.pack(">I", len(payload)),
            payload,
        )
    )


def parsed(raw: bytes) -> Heard:
    """Checks what the plugin checks, and the rest."""
    (header,) = struct.unpack(">I", raw[0:4])
    assert header == 116
    version, created, sequence, _ = struct.unpack(">IQqQ", raw[36:64])
    assert version == 1
    assert created > 1_600_000_000_000
    payload_type, length = struct.unpack(">II", raw[112:120])
    payload = raw[120:]
    assert len(payload) == length
    assert hashlib.sha256(payload).digest() == raw[80:112]
    id = uuid.UUID(bytes=raw[72:80] + raw[64:72])
    assert id.version is None or id.int
    return Heard(raw[4:36].strip(b" \0").decode(), sequence, str(id), payload_type, payload)
