"""One ExecuteCommand session: between a client's data channel and a command on a node.

A relay with a bound everywhere: output is taken from the node as the client acknowledges it, input as the
command takes it, and beyond that input is not acknowledged. One coroutine reads the client, one writes to
client and node; the node's words come in between. Knows the protocol's channel and the fleet's messages;
not sockets, and not who may ask (handlers/exec.py).
Sources: aws/session-manager-plugin, src/datachannel/streaming.go; aws/amazon-ssm-agent, agent/session.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import msgspec

from windlass.aws import session_message
from windlass.aws.session_channel import PAYLOAD_BYTES_MAX, Channel
from windlass.aws.session_message import (
    END_OF_INPUT,
    INPUT,
    OUTPUT,
    TERMINATE_SESSION,
    Action,
    AgentMessage,
    BadMessage,
    ChannelClosed,
    HandshakeComplete,
    HandshakeRequest,
    PayloadType,
)
from windlass.fleet.exec_messages import (
    EXEC_WINDOW_BYTES,
    ExecEnd,
    ExecEnded,
    ExecInput,
    ExecOutput,
    ExecRoom,
    ExecSize,
    ExecStart,
    ExecTaken,
    ExecToNode,
    ExecToPlane,
)
from windlass.fleet.link import Links
from windlass.kernel.clock import SECOND, Clock, Duration, Instant
from windlass.kernel.faults import Retry
from windlass.kernel.spawn import Spawn
from windlass.services.ecs import limits

AGENT_VERSION = "3.3.0.0"
"""What the handshake says: clients look for 2.3.722 and 3.1.1511 at most."""
SESSION_TYPE = "InteractiveCommands"
"""The session type of ECS Exec."""
HANDSHAKE_WITHIN: Duration = 15 * SECOND
"""amazon-ssm-agent: handshakeTimeout."""
ANSWERS_MAX = 2_000
"""Acknowledgements waiting for a client that does not read; beyond, its messages are not acknowledged."""
FIRST_SIZE_WITHIN: Duration = SECOND // 10
"""How long the command waits for the terminal's size after the handshake: clients send it at once. Ours."""


class Connection(Protocol):
    """A client's WebSocket."""

    async def receive(self) -> bytes | str | None:
        """The next message; None when the client has gone."""

    async def send(self, raw: bytes) -> None:
        """A binary message; waits while the client is slow. Raises OSError when it has gone."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be run where."""

    session_id: str
    node_id: str
    unit_id: str
    container: str
    command: tuple[str, ...]


class ExecSession:
    """`make_id` gives 16 random bytes. `serve` once, when the client has shown its token."""

    def __init__(
        self, target: Target, links: Links, clock: Clock, spawn: Spawn, make_id: Callable[[], bytes]
    ) -> None:
        self.target = target
        self._links = links
        self._clock = clock
        self._spawn = spawn
        self._make_id = make_id
        self._channel = Channel(OUTPUT, INPUT, make_id)
        self._woken = asyncio.Event()
        self._answers: deque[bytes] = deque()
        self._to_node: deque[ExecToNode] = deque()
        self._output = bytearray()
        self._input = bytearray()
        self._input_room = EXEC_WINDOW_BYTES
        self._input_ends = False
        self._size: tuple[int, int] | None = None
        self._quiet = False
        self._handshaken_at: Instant = 0
        self._started = False
        self._ended: ExecEnded | None = None
        self._client_gone = False
        self._seen_at = clock.now()

    # the client

    async def serve(self, connection: Connection, *, quiet: bool) -> None:
        """From the handshake to the end, whoever ends it."""
        self._quiet = quiet
        began = self._clock.now()
        request = HandshakeRequest(
            AGENT_VERSION, (Action("SessionType", {"SessionType": SESSION_TYPE, "Properties": {}}),)
        )
        self._say(PayloadType.HANDSHAKE_REQUEST, msgspec.json.encode(request), began)
        pump = self._spawn.start(f"exec {self.target.session_id}", self._pump(connection, began))
        try:
            while not pump.done() and (raw := await connection.receive()) is not None:
                self._hear(raw)
        except (BadMessage, OSError):
            pass  # what speaks another protocol is treated as one that has gone
        finally:
            self._client_gone = True
            self._woken.set()
            await pump

    def _hear(self, raw: bytes | str) -> None:
        """One message of the client's. Raises BadMessage."""
        if isinstance(raw, str):
            raise BadMessage("a text message")
        now = self._clock.now()
        room = len(self._input) < limits.EXEC_INPUT_BYTES_MAX and len(self._answers) < ANSWERS_MAX
        received = self._channel.receive(raw, now, room=room)
        self._answers += received.answers
        for message in received.deliver:
            self._take(message, now)
        if received.taken:
            self._to_node.append(ExecRoom(self.target.session_id, received.taken))
        self._woken.set()

    def _take(self, message: AgentMessage, now: Instant) -> None:
        """One message of the client's stream, in its order."""
        match message.payload_type:
            case PayloadType.OUTPUT:
                self._input += message.payload
                self._seen_at = now
            case PayloadType.SIZE:
                size = session_message.read_size(message.payload)
                self._size = (size.cols, size.rows)
                if self._started:
                    self._to_node.append(ExecSize(self.target.session_id, *self._size))
            case PayloadType.HANDSHAKE_RESPONSE if not self._handshaken_at:
                self._shake(session_message.read_response(message.payload), now)
            case PayloadType.FLAG:
                flag = session_message.read_flag(message.payload)
                self._input_ends = self._input_ends or flag == END_OF_INPUT
                if flag == TERMINATE_SESSION and self._started:
                    self._to_node.append(ExecEnd(self.target.session_id))
                elif flag == TERMINATE_SESSION:
                    self.end("")
            case _:
                pass  # nothing that a shell needs

    def _shake(self, response: session_message.HandshakeResponse, now: Instant) -> None:
        """The client can do what is asked of it, or the session ends."""
        done = [action.action_status for action in response.processed_client_actions or ()]
        if response.errors or done != [session_message.SUCCESS]:
            why = "; ".join(response.errors or ()) or "the client does not know the session type"
            self._ended = ExecEnded(self.target.session_id, None, f"Handshake failed: {why}")
            return
        self._handshaken_at = now
        complete = HandshakeComplete(now - self._seen_at)
        self._say(PayloadType.HANDSHAKE_COMPLETE, msgspec.json.encode(complete), now)

    # the node

    def told(self, message: ExecToPlane) -> None:
        """What the node says of the command."""
        match message:
            case ExecOutput(data=data):
                self._output += data
                self._seen_at = self._clock.now()
            case ExecTaken(size=size):
                self._input_room += size
            case ExecEnded():
                self._ended = message
        self._woken.set()

    def end(self, why: str) -> None:
        """The node is lost, say."""
        if self._ended is None:
            self._ended = ExecEnded(self.target.session_id, None, why)
        self._woken.set()

    # both

    async def _pump(self, connection: Connection, began: Instant) -> None:
        """Write to client and node what there is room for, until one of them has gone."""
        with suppress(OSError):
            while not self._client_gone:
                self._woken.clear()
                now = self._clock.now()
                self._look(began, now)
                await self._tell_node(now)
                await self._tell_client(connection, now)
                if self._ended is not None and self._is_told():
                    break
                await self._wait(now, began)
        if self._ended is None and self._started:
            with suppress(Retry):
                await self._links.exec(self.target.node_id, ExecEnd(self.target.session_id))
        with suppress(OSError):
            if not self._client_gone:
                await connection.send(self._goodbye())
            await connection.close()

    def _is_told(self) -> bool:
        """Whether the client has all that the command wrote; one without a handshake is owed nothing."""
        return not self._handshaken_at or (not self._output and self._channel.is_empty)

    def _look(self, began: Instant, now: Instant) -> None:
        """Ends for which nobody's word is needed."""
        if not self._handshaken_at and now > began + HANDSHAKE_WITHIN:
            self.end("Handshake timed out.")
        if now > self._seen_at + limits.EXEC_IDLE:
            self.end("Session timed out: it was idle for 20 minutes.")
            self._to_node.append(ExecEnd(self.target.session_id))
            self._seen_at = now
        if self._channel.is_dead(now):
            self._client_gone = True

    async def _tell_node(self, now: Instant) -> None:
        try:
            if self._is_to_start(now):
                self._started = True
                await self._links.exec(self.target.node_id, self._start())
            while self._to_node:
                await self._links.exec(self.target.node_id, self._to_node.popleft())
            while self._started and self._input and self._input_room:
                data = bytes(self._input[: self._input_room])
                del self._input[: len(data)]
                self._input_room -= len(data)
                await self._links.exec(self.target.node_id, ExecInput(self.target.session_id, data))
            if self._started and self._input_ends and not self._input:
                self._input_ends = False
                await self._links.exec(self.target.node_id, ExecInput(self.target.session_id, b""))
        except Retry as error:
            self.end(error.why)

    def _is_to_start(self, now: Instant) -> bool:
        if self._started or self._ended is not None or not self._handshaken_at:
            return False
        return self._size is not None or self._quiet or now >= self._handshaken_at + FIRST_SIZE_WITHIN

    def _start(self) -> ExecStart:
        target = self.target
        columns, rows = self._size or (80, 24)
        return ExecStart(
            target.session_id, target.unit_id, target.container, target.command, columns, rows, self._quiet
        )

    async def _tell_client(self, connection: Connection, now: Instant) -> None:
        if (again := self._channel.repeat(now)) is not None:
            self._answers.append(again)
        while self._output and self._channel.has_room:
            piece = bytes(self._output[:PAYLOAD_BYTES_MAX])
            del self._output[: len(piece)]
            self._say(PayloadType.OUTPUT, piece, now)
        while self._answers and not self._client_gone:
            await connection.send(self._answers.popleft())

    def _say(self, payload_type: PayloadType, payload: bytes, now: Instant) -> None:
        self._answers.append(self._channel.send(payload_type, payload, now))

    async def _wait(self, now: Instant, began: Instant) -> None:
        """Until something comes, or something is due."""
        due = [self._seen_at + limits.EXEC_IDLE]
        if (repeat_at := self._channel.repeat_at()) is not None:
            due.append(repeat_at)
        if not self._handshaken_at:
            due.append(began + HANDSHAKE_WITHIN)
        elif not self._started:
            due.append(self._handshaken_at + FIRST_SIZE_WITHIN)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(1, min(due) - now + 1) / SECOND):
                await self._woken.wait()

    def _goodbye(self) -> bytes:
        ended = self._ended or ExecEnded(self.target.session_id)
        closed = ChannelClosed(self.target.session_id, ended.why, exit_code=ended.exit_code)
        return session_message.closing(closed, self._make_id(), self._clock.now())
