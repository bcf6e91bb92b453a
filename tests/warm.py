"""Programs that start warm: the real `aws` and `windlass`, in forks of a process that has imported them.

To start Python and to import the program is most of what a call of a CLI or the start of a plane costs; the
tests make hundreds of both. What is run here is the program's own main(), with the arguments, environment,
directory and files it was given, in a process of its own that has seen nothing of earlier ones, and that
ends as it would alone. Only its command line, as others see it, is the server's.

`warm().directory` is for PATH: what is called there waits for its program and ends with its exit code.
Known gap: a signal to such a caller does not reach the program.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

PROGRAMS = {
    "aws": ("awscli.clidriver", "awscli.handlers"),
    "windlass": ("windlass.cli.main", "windlass.app", "windlass.cli.inspect", "windlass.cli.ps"),
}
"""Program → the module that has its main(), and what else it would import when it is called."""
CALLER = Path(__file__).with_name("warm_caller.py")
NUMBER = struct.Struct("i")
"""The server answers a call with two: the process, with a handle of it, and in the end its exit code."""


@cache
def warm() -> Warm:
    """This test run's, started when it is first asked for."""
    return Warm()


class Warm:
    """A process that forks into programs. It ends with the one that started it."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="warm-"))
        for program in PROGRAMS:
            (self.directory / program).symlink_to(CALLER)
        self._server = subprocess.Popen(
            [sys.executable, "-P", __file__, str(self.directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._server.stdout is not None
        assert self._server.stdout.readline() == b"listening\n"
        atexit.register(self._server.communicate)  # closes its stdin, and waits

    def start(self, *words: str, environment: Mapping[str, str], stdout: int, stderr: int) -> WarmProcess:
        """Run a program of `PROGRAMS` with these arguments; stdin is empty."""
        call = socket.socket(socket.AF_UNIX)
        call.connect(str(self.directory / "socket"))
        with Path(os.devnull).open() as nothing:
            socket.send_fds(call, [b"."], [nothing.fileno(), stdout, stderr])
        asked = {"words": words, "directory": str(Path.cwd()), "environment": dict(environment)}
        call.sendall(json.dumps(asked).encode())
        call.shutdown(socket.SHUT_WR)
        return WarmProcess(call)


class WarmProcess:
    """A program that runs: what the tests need of subprocess.Popen."""

    def __init__(self, call: socket.socket) -> None:
        self._call = call
        said, [self._handle], _, _ = socket.recv_fds(call, NUMBER.size, 1)
        [self.pid] = NUMBER.unpack(said)

    def send_signal(self, number: int) -> None:
        signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, within_s: float) -> int:
        """Its exit code, or what killed it as a negative number; TimeoutError if it does not end in time."""
        self._call.settimeout(within_s)
        [code] = NUMBER.unpack(self._call.recv(NUMBER.size))
        self._call.close()
        os.close(self._handle)
        return int(code)


class Server:
    """Forks for every call, and tells each caller how its program ended."""

    def __init__(self, directory: Path) -> None:
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(directory / "socket"))
        self.listening.listen(64)
        self.running: dict[int, tuple[int, socket.socket]] = {}
        """Handle of a process → its number, and who called it."""

    def run(self) -> Callable[[], Any] | None:
        """Until stdin is closed, which happens however the starter ends. In a fork: what it is to do."""
        while 0 not in (ready := select.select([0, self.listening, *self.running], [], [])[0]):
            for file in ready:
                if file is not self.listening:
                    self.told(file)
                elif (main := self.called()) is not None:
                    return main
        return None

    def told(self, handle: int) -> None:
        """A program has ended."""
        pid, call = self.running.pop(handle)
        os.close(handle)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with call, suppress(BrokenPipeError):  # a caller that did not wait
            call.sendall(NUMBER.pack(code))

    def called(self) -> Callable[[], Any] | None:
        """Fork; in the fork, which has left all of the server behind: the program's main()."""
        call, _ = self.listening.accept()
        _, files, _, _ = socket.recv_fds(call, 1, 3)
        with call.makefile("rb") as said:
            asked = json.loads(said.read())
        main, set_by_imports = program(Path(asked["words"][0]).name)
        pid = os.fork()
        if pid == 0:
            self.listening.close()
            call.close()
            for handle, (_, other) in self.running.items():
                os.close(handle)
                other.close()
            become(files, asked["words"], asked["directory"], asked["environment"] | set_by_imports)
            return main
        for file in files:
            os.close(file)
        handle = os.pidfd_open(pid)
        socket.send_fds(call, [NUMBER.pack(pid)], [handle])
        self.running[handle] = pid, call
        return None


@cache
def program(name: str) -> tuple[Callable[[], Any], dict[str, str]]:
    """Its main(), and the environment variables that its modules set: awscli says where its data is."""
    before = dict(os.environ)
    main, *_ = [importlib.import_module(module) for module in PROGRAMS[name]]
    gc.freeze()  # forks need not look through what was imported
    return main.main, dict(os.environ.items() - before.items())


def become(files: list[int], words: list[str], directory: str, environment: dict[str, str]) -> None:
    """Make this process what exec would have made it."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = words
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    server = Server(directory)
    os.write(1, b"listening\n")
    if (main := server.run()) is not None:
        sys.exit(main())
    shutil.rmtree(directory)
