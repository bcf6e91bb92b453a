"""The agent's side of a fork server (function_zygote.py): starts it, asks it for children, notices its end.

One server per interpreter. Knows descriptors and datagrams; no sandbox, no function. When the server ends,
what was asked of it fails with ServerGone and may be asked of the next one. Children outlive their server.
"""

from __future__ import annotations

import array
import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windlass.kernel.priority import go_first
from windlass.node.function_launcher import Interpreter
from windlass.node.runner import Watch

SOURCES = Path(__file__).parent
RUNTIME_FILES = tuple(
    str(SOURCES / name) for name in ("function_bootstrap.py", "function_bootstrap.mjs", "function_hooks.py")
)
"""What is in /var/runtime."""
READY_WITHIN_S = 30.0
ROOM_BYTES = 8192
"""Of the server's environment: a child's own is written over it, for /proc to show. Lambda allows 4 KB."""
ASKED_AT_ONCE = 16
"""Requests in the socket's buffer at a time; it holds about 200 KB."""
_START = (
    "import sys; sys.path[0] = sys.argv[1]; import function_zygote as server; "
    "del sys.path[0], sys.argv[1]; server.main(sys.argv[1:])"
)


class ServerGone(OSError):
    """The fork server ended before it answered."""


class NoServer(OSError):
    """There can be no fork server with that interpreter, or not as isolated as it should be."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How a server is to be. `data`: the function host's directory; `shown`: directories with packages."""

    isolated: bool
    data: Path
    shown: Sequence[str]

    def command(self, interpreter: Interpreter, descriptor: int) -> list[str]:
        prefix = str(Path(interpreter.path).parent.parent)  # of a virtual environment, too
        fields = {
            "isolated": self.isolated,
            "data": str(self.data),
            "shown": [prefix, *self.shown],
            "runtime": RUNTIME_FILES,
        }
        return [interpreter.path, "-S", "-c", _START, str(SOURCES), str(descriptor), json.dumps(fields)]


@dataclass(frozen=True, slots=True)
class Forked:
    """The child's pid, 0 when there is none; its mount namespace is ours to close, -1: none."""

    pid: int
    namespace: int


class ForkServer:
    """A running one. `ask` from one loop; `close` ends it."""

    def __init__(self, end: socket.socket, pid: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = end
        self.pid = pid
        self._number = 0
        self._asked: dict[int, asyncio.Future[Forked]] = {}
        self._room = asyncio.Semaphore(ASKED_AT_ONCE)
        self._ready: asyncio.Future[str] = self._loop.create_future()
        self.ended = False
        self._loop.add_reader(end, self._readable)

    @staticmethod
    async def start(interpreter: Interpreter, setup: Setup, watch: Watch) -> ForkServer:
        """Start one and wait until it serves. Raises NoServer."""
        own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        own.setblocking(False)
        try:
            pid = _spawn(setup.command(interpreter, other.fileno()), other)
        except OSError as error:
            own.close()
            raise NoServer(f"no fork server with {interpreter.path}: {error}") from error
        finally:
            other.close()
        server = ForkServer(own, pid)
        watch(pid, lambda code: server.close())
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                why = await server._ready
        except TimeoutError:
            why = f"it was not ready within {READY_WITHIN_S:g} s"
        if why:
            server.close()
            raise NoServer(f"no fork server with {interpreter.path}: {why}")
        return server

    async def ask(self, fields: Mapping[str, Any], descriptors: Sequence[int]) -> Forked:
        """Have a child forked; see function_zygote.Place. Descriptors are copied. Raises ServerGone."""
        async with self._room:
            if self.ended:
                raise ServerGone("the fork server ended")
            self._number += 1
            number = self._number
            answer: asyncio.Future[Forked] = self._loop.create_future()
            self._asked[number] = answer
            passed = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
            try:
                self._socket.sendmsg([json.dumps({"id": number, **fields}).encode()], [passed])
                return await answer
            except (BrokenPipeError, ConnectionError) as error:
                self.close()
                raise ServerGone("the fork server ended") from error
            finally:
                self._asked.pop(number, None)

    def close(self) -> None:
        """End it; its children go on. Called again, nothing happens."""
        if self.ended:
            return
        self.ended = True
        self._loop.remove_reader(self._socket)
        self._socket.close()
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        if not self._ready.done():
            self._ready.set_result("it ended at once")
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(ServerGone("the fork server ended"))

    def _readable(self) -> None:
        try:
            data, ancillary, _, _ = self._socket.recvmsg(65536, socket.CMSG_SPACE(4))
        except BlockingIOError:
            return
        except OSError:
            data, ancillary = b"", []
        numbers = array.array("i")
        for _, _, payload in ancillary:
            numbers.frombytes(payload)
        if not data:
            self.close()
            return
        told = json.loads(data)
        if "ready" in told:
            self._ready.set_result(told["why"])
            return
        answer = self._asked.get(told["id"])
        if answer is not None and not answer.done():
            answer.set_result(Forked(told["pid"], numbers[0] if numbers else -1))
        else:  # nobody waits any more
            for number in numbers:
                os.close(number)


def _spawn(command: Sequence[str], end: socket.socket) -> int:
    process = subprocess.Popen(
        command,
        pass_fds=[end.fileno()],
        env={
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "en_US.UTF-8",
            "LC_CTYPE": "C.UTF-8",
            "TZ": ":UTC",
            "WINDLASS_ROOM": "-" * ROOM_BYTES,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    process.returncode = 0  # its starter reaps it; subprocess must never wait for it
    go_first(Path(f"/proc/{process.pid}/autogroup"))  # its children leave it for sessions of their own
    return process.pid
