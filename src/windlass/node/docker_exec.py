"""Commands beside a container's own by Docker's `exec`: as root, as ECS Exec has it.

One connection carries both directions: bytes as they are for a terminal, frames for pipes (Docker Engine API,
ContainerAttach, "Stream format"). Docker has no way to end an `exec`: it is signalled by its pid, on a daemon
of this machine; on another machine it goes on until its container ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import struct
from collections.abc import Iterator
from contextlib import suppress

from windlass.fleet.exec_messages import ExecStart
from windlass.kernel.spawn import Spawn
from windlass.node.conversation import KILL_AFTER_S
from windlass.node.docker_api import DaemonGone, Engine, Refused
from windlass.node.host_exec import TERMINAL_TYPE
from windlass.node.runner import ExecEvents

_ENDS_WITHIN_S = 5.0
_LOOK_S = 0.02
_SIZED_WITHIN_S = 1.0
_FRAME = struct.Struct(">BxxxI")


class DockerExec:
    """Implements runner.Execution; `run` is its life."""

    def __init__(self, engine: Engine, spawn: Spawn, container_id: str, events: ExecEvents) -> None:
        self._engine = engine
        self._spawn = spawn
        self._container_id = container_id
        self._events = events
        self._id = ""
        self._input: asyncio.Queue[bytes] = asyncio.Queue()
        self._room = asyncio.Event()
        self._size: tuple[int, int] | None = None
        self._hung_up = asyncio.Event()

    def write(self, data: bytes) -> None:
        """See runner.Execution."""
        self._input.put_nowait(data)

    def resume(self) -> None:
        self._room.set()

    def resize(self, columns: int, rows: int) -> None:
        self._size = (columns, rows)
        if self._id:
            self._spawn.start(f"exec size {self._id}", self._resize())

    def hang_up(self) -> None:
        self._hung_up.set()

    async def run(self, command: ExecStart) -> None:
        """From its start to its end, which is told in any case."""
        exit_code, why = None, ""
        try:
            exit_code = await self._run(command)
        except Refused as refused:
            why = str(refused)
        except (DaemonGone, TimeoutError, OSError) as error:
            why = str(error) or "the Docker daemon does not answer"
        self._events.ended(exit_code, why)

    async def _run(self, command: ExecStart) -> int | None:
        tty = not command.quiet
        body = {
            "Cmd": list(command.command),
            "User": "0",
            "Tty": tty,
            "Env": [f"TERM={TERMINAL_TYPE}"] if tty else [],
            "AttachStdin": True,
            "AttachStdout": True,
            "AttachStderr": True,
        }
        made = await self._engine.call("POST", f"/containers/{self._container_id}/exec", body=body)
        self._id = str(made["Id"])
        start = {"Detach": False, "Tty": tty}
        async with self._engine.conversation(f"/exec/{self._id}/start", start) as (pieces, writer):
            if tty:
                await self._resize_first(command)
            work = [
                self._spawn.start(f"exec input {self._id}", self._feed(writer)),
                self._spawn.start(f"exec end {self._id}", self._end_when_told()),
            ]
            frames = Frames()
            try:
                async for piece in pieces:
                    await self._take([piece] if tty else frames.feed(piece))
            finally:
                for task in work:
                    task.cancel()
        return await self._exit_code()

    async def _take(self, parts: Iterator[bytes] | list[bytes]) -> None:
        """Hand on what came; then wait, if need be, until there is room for more."""
        for part in parts:
            self._room.clear()
            if not self._events.output(part) and not self._hung_up.is_set():
                waiting = (self._room, self._hung_up)
                tasks = [self._spawn.start(f"exec room {self._id}", event.wait()) for event in waiting]
                try:
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in tasks:
                        task.cancel()

    async def _feed(self, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await self._input.get():
                writer.write(data)
                await writer.drain()
                self._events.wrote(len(data))
            if writer.can_write_eof():
                writer.write_eof()

    async def _end_when_told(self) -> None:
        await self._hung_up.wait()
        with suppress(Refused, DaemonGone, TimeoutError):
            await self._signal(signal.SIGHUP)
            await asyncio.sleep(KILL_AFTER_S)
            await self._signal(signal.SIGKILL)

    async def _signal(self, number: int) -> None:
        found = await self._engine.call("GET", f"/exec/{self._id}/json")
        if found["Running"] and found.get("Pid") and self._engine.address.is_local:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(int(found["Pid"]), number)

    async def _resize_first(self, command: ExecStart) -> None:
        """Before it gets any input. Docker answers a moment before the command runs, and has no size then."""
        self._size = self._size or (command.columns, command.rows)
        with suppress(TimeoutError):
            async with asyncio.timeout(_SIZED_WITHIN_S):
                while not await self._resize():  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_S)

    async def _resize(self) -> bool:
        columns, rows = self._size or (80, 24)
        try:
            await self._engine.call("POST", f"/exec/{self._id}/resize", {"h": rows, "w": columns})
        except (Refused, DaemonGone):
            return False
        return True

    async def _exit_code(self) -> int | None:
        """Its output may end a moment before it does."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_ENDS_WITHIN_S):
                while (found := await self._engine.call("GET", f"/exec/{self._id}/json"))["Running"]:  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_S)  # nobody tells when an exec ends
                return int(found["ExitCode"] or 0)
        return None


class Frames:
    """Takes stdout and stderr out of their frames; both are one to whoever listens."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The payloads of the frames that are complete now. A frame of Docker's has 32 KiB at most."""
        self._rest += data
        while len(self._rest) >= _FRAME.size:
            _, length = _FRAME.unpack_from(self._rest)
            end = _FRAME.size + length
            if len(self._rest) < end:
                return
            payload, self._rest = self._rest[_FRAME.size : end], self._rest[end:]
            yield payload
