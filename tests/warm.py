"""Programs that start warm: the real `aws` and `windlass`, in forks of a process that has imported them.

To start Python and to import the program is three quarters of what one call of a CLI costs, and a tour of the
docs makes sixty. `warm_programs()` gives a directory for PATH. What is called there hands its arguments,
environment, directory and files to a process that forks, and ends with the exit code of that fork. Each call
is the program's own main(), in a process of its own that has seen nothing of earlier calls.

Known gap: a signal to the caller does not reach the program.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = {"aws": "awscli.clidriver", "windlass": "windlass.cli.main"}
"""Program → the module that has its main()."""
IMPORTED_AT_FIRST_CALL = ("awscli.handlers", "boto3", "windlass.cli.inspect", "windlass.cli.ps")
CALLER = Path(__file__).with_name("warm_caller.py")
READY = b"warm\n"


@contextmanager
def warm_programs() -> Iterator[Path]:
    """The directory that has the programs while the block runs."""
    with tempfile.TemporaryDirectory(prefix="warm-") as made:
        directory = Path(made)
        for program in PROGRAMS:
            (directory / program).symlink_to(CALLER)
        command = [sys.executable, __file__, str(directory / "socket")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == READY
            yield directory
            server.communicate()  # closes its stdin
        assert server.returncode == 0


def serve(path: str) -> None:
    """Fork for every call until stdin is closed, which happens however the starter ends."""
    before = dict(os.environ)
    for module in (*PROGRAMS.values(), *IMPORTED_AT_FIRST_CALL):
        importlib.import_module(module)
    set_by_imports = dict(os.environ.items() - before.items())  # AWS_DATA_PATH, where the CLI's own data is
    gc.freeze()  # a fork need not look through what was imported
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(64)
        os.write(1, READY)
        while 0 not in (ready := select.select([0, listening], [], [])[0]):
            assert ready
            call, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                code = become(call, set_by_imports)
                call.sendall(bytes([code]))
                os._exit(code)
            call.close()


def become(call: socket.socket, set_by_imports: dict[str, str]) -> int:
    """Run the program in this process as it was called; returns its exit code."""
    _, files, _, _ = socket.recv_fds(call, 1, 3)
    with call.makefile("rb") as said:
        asked = json.loads(said.read())
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(asked["directory"])
    os.environ.clear()
    os.environ.update(asked["environment"] | set_by_imports)
    sys.argv = asked["arguments"]
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
    code = exit_code(Path(sys.argv[0]).name)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def exit_code(program: str) -> int:
    """What the interpreter would make of the end of main()."""
    try:
        sys.exit(sys.modules[PROGRAMS[program]].main())
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    return 1


if __name__ == "__main__":
    serve(sys.argv[1])
