"""`windlass exec`: a command in a container of a running task, over ECS ExecuteCommand and its data channel.

On a terminal it is a terminal of its own there, raw, that follows resizes; in a pipe it is two pipes, and
input may end. Ends with the command's exit code, 255 when the session ended otherwise.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import signal
import sys
import termios
import time
import tty
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from windlass.aws import session_message
from windlass.aws.session_channel import PAYLOAD_BYTES_MAX, Channel
from windlass.aws.session_message import (
    END_OF_INPUT,
    INPUT,
    OUTPUT,
    SUCCESS,
    AgentMessage,
    BadMessage,
    ChannelClosed,
    HandshakeResponse,
    OpenDataChannel,
    PayloadType,
    Processed,
)
from windlass.cli.admin_client import AdminClient, aws_client
from windlass.cli.output import fail

NO_EXIT_CODE = 255
"""As ssh(1) ends when the connection broke."""
REPEAT_LOOK_S = 0.1
"""Seconds between two looks for messages that nobody acknowledged (ResendSleepInterval)."""
INPUT_BYTES_MAX = 64 * 1024
"""Bytes of input that wait; beyond, stdin is not read."""


def exec(endpoint: str, task: str, container: str | None, cluster: str | None, command: Sequence[str]) -> int:
    """Run it; returns the exit code."""
    unit = _unit(endpoint, task)
    arn = unit["task_arn"] or fail(f"{task!r} is no ECS task")
    client: Any = aws_client("ecs", endpoint, unit["account"], unit["region"])
    named = {"container": container} if container else {}
    try:
        answer = client.execute_command(
            cluster=cluster or arn.split("/")[-2],
            task=arn,
            command=shlex.join(command),
            interactive=True,
            **named,
        )
        return asyncio.run(_converse(answer["session"]))
    except (ClientError, BotoCoreError) as error:
        fail(str(error))
    except (OSError, WebSocketException, BadMessage) as error:
        fail(f"the session broke: {error}", NO_EXIT_CODE)


def _unit(endpoint: str, task: str) -> dict[str, Any]:
    """The task by its ARN or id, or by the beginning of its id if that is the only one."""
    wanted = task.rsplit("/", 1)[-1]
    units = AdminClient(endpoint).get("units")["units"]
    found = [unit for unit in units if wanted and unit["id"].startswith(wanted)]
    if len(found) != 1:
        fail(f"{len(found) or 'no'} tasks are called {task!r}; see windlass ps")
    chosen: dict[str, Any] = found[0]
    return chosen


async def _converse(session: dict[str, str]) -> int:
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    async with connect(session["streamUrl"], compression=None, proxy=None, max_size=2**20) as connection:
        opening = OpenDataChannel(session["tokenValue"], str(uuid.uuid4()), quiet=not on_terminal)
        await connection.send(msgspec.json.encode(opening).decode())
        with _raw(on_terminal):
            return await _Client(connection, on_terminal).run()


class _Client:
    """The client's end of one data channel."""

    def __init__(self, connection: ClientConnection, on_terminal: bool) -> None:
        self._connection = connection
        self._on_terminal = on_terminal
        self._channel = Channel(INPUT, OUTPUT, lambda: uuid.uuid4().bytes)
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._input = bytearray()
        self._input_ended = False
        self._reading = False
        self._resized = on_terminal
        self._ready = False

    async def run(self) -> int:
        """Until the session ends; returns the command's exit code."""
        sender = self._loop.create_task(self._send_always())
        if self._on_terminal:
            self._loop.add_signal_handler(signal.SIGWINCH, self._on_resize)
        try:
            while True:
                raw = await self._connection.recv()
                if isinstance(raw, str):
                    raise BadMessage("a text message")
                if (closed := await self._take(raw)) is not None:
                    return _exit_code(closed)
        except ConnectionClosed:
            print("windlass: the plane ended the session", file=sys.stderr)
            return NO_EXIT_CODE
        finally:
            self._stop_reading()
            sender.cancel()
            with suppress(asyncio.CancelledError, ConnectionClosed):
                await sender

    async def _take(self, raw: bytes) -> ChannelClosed | None:
        received = self._channel.receive(raw, time.time_ns())
        for message in received.deliver:
            await self._deliver(message)
        for answer in received.answers:
            await self._connection.send(answer)
        self._woken.set()
        return received.closed

    async def _deliver(self, message: AgentMessage) -> None:
        match message.payload_type:
            case PayloadType.HANDSHAKE_REQUEST:
                await self._shake(message)
            case PayloadType.HANDSHAKE_COMPLETE:
                self._ready = True
                self._read_on()
            case PayloadType.OUTPUT | PayloadType.STDERR:
                _write_all(message.payload)

    async def _shake(self, message: AgentMessage) -> None:
        asked = session_message.read_request(message.payload).requested_client_actions
        done = tuple(
            Processed(action.action_type, SUCCESS if action.action_type == "SessionType" else 2)
            for action in asked
        )
        errors = tuple(f"Unsupported action {a.action_type}" for a in asked if a.action_type != "SessionType")
        payload = msgspec.json.encode(HandshakeResponse("windlass", done, errors))
        await self._say(PayloadType.HANDSHAKE_RESPONSE, payload)

    async def _say(self, payload_type: PayloadType, payload: bytes) -> None:
        await self._connection.send(self._channel.send(payload_type, payload, time.time_ns()))

    async def _send_always(self) -> None:
        """Sizes, input as far as there is room, and what has to be said again."""
        while True:
            self._woken.clear()
            if self._ready and self._resized:
                self._resized = False
                size = shutil.get_terminal_size()
                await self._say(
                    PayloadType.SIZE, json.dumps({"cols": size.columns, "rows": size.lines}).encode()
                )
            while self._ready and self._input and self._channel.has_room:
                piece = bytes(self._input[:PAYLOAD_BYTES_MAX])
                del self._input[: len(piece)]
                await self._say(PayloadType.OUTPUT, piece)
            if self._ready and self._input_ended and not self._input:
                self._input_ended = False
                await self._say(PayloadType.FLAG, session_message.flag(END_OF_INPUT))
            elif not self._input_ended and len(self._input) < INPUT_BYTES_MAX:
                self._read_on()
            if (again := self._channel.repeat(time.time_ns())) is not None:
                await self._connection.send(again)
            with suppress(TimeoutError):
                async with asyncio.timeout(REPEAT_LOOK_S):
                    await self._woken.wait()

    def _on_resize(self) -> None:
        self._resized = True
        self._woken.set()

    def _read_on(self) -> None:
        """Read stdin. A file, which no loop can watch, is read when there is room for more of it."""
        if self._reading or not self._ready:
            return
        self._reading = True
        try:
            self._loop.add_reader(sys.stdin.fileno(), self._readable)
        except PermissionError:
            self._reading = False
            self._take_input()

    def _readable(self) -> None:
        self._take_input()
        if self._input_ended or len(self._input) >= INPUT_BYTES_MAX:
            self._stop_reading()

    def _take_input(self) -> None:
        try:
            data = os.read(sys.stdin.fileno(), PAYLOAD_BYTES_MAX * 16)
        except OSError:
            data = b""
        self._input += data
        self._input_ended = not data
        self._woken.set()

    def _stop_reading(self) -> None:
        if self._reading:
            self._loop.remove_reader(sys.stdin.fileno())
        self._reading = False


def _exit_code(closed: ChannelClosed) -> int:
    if closed.output:
        print(f"windlass: {closed.output}", file=sys.stderr)
    return NO_EXIT_CODE if closed.exit_code is None else closed.exit_code


def _write_all(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


@contextmanager
def _raw(on_terminal: bool) -> Iterator[None]:
    """Every key goes to the command; the terminal is as it was before afterwards."""
    if not on_terminal:
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
