"""A fork server: a warmed interpreter that becomes one process of an execution environment after another.

Started by the agent (function_forks.py) under the interpreter of a function's runtime (3.8 and later, so no
newer syntax), with a socket and how to set up. It has imported what the Python
runtime needs and nothing of Windlass, has no threads, and knows no function: what a child may know comes with
the request for it. One request, one process: it forks twice, so that the child is the agent's (a child
subreaper), which reaps it and sees its true exit status. Between the forks the child's place is made: its
mount namespace, its network. It ends when the agent does: its end of the socket closes.

Talks in datagrams of JSON on a Unix socket (SOCK_SEQPACKET): {"id", ...} in, {"id", "pid"} back; see
`Request`. What goes wrong in a child before it is what it should be is a sentence in its status pipe.
Known gaps: all environments of one server have its hash seed (PYTHONHASHSEED); root and Linux for isolation.
"""

from __future__ import annotations

import array
import ctypes
import gc
import json
import os
import resource
import socket
import sys
import time
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself would be a slow import
    from typing import Any, NoReturn

    from windlass.node import function_bootstrap, function_root
else:  # they stand beside this file, and there is no package for the interpreters of functions
    import function_bootstrap
    import function_root

LIKE_THE_RUNTIME = ("datetime", "decimal", "http.client", "logging", "traceback", "urllib.parse", "warnings")
"""What AWS's own Python runtime has imported before it imports the handler, as far as it costs time."""
REQUEST_BYTES_MAX = 256 * 1024
DESCRIPTORS_MAX = 16
NOT_STARTED = 127

_PR_SET_DUMPABLE, _PR_SET_NAME, _PR_SET_NO_NEW_PRIVS = 4, 15, 38
_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)


class Request:
    """What to become. `descriptors`: output, status, then the groups to join, a namespace, a network.

    Descriptors are by place: `groups` says how many control groups there are; then, if `entered`, the mount
    namespace to be in (made otherwise, if the server isolates), and if `networked` the network namespace.
    """

    def __init__(self, fields: dict[str, Any], descriptors: list[int]) -> None:
        self.id: int = fields["id"]
        self.argv: list[str] = fields["argv"]
        """To be executed; empty: be the Python runtime."""
        self.environment: dict[str, str] = fields["environment"]
        self.directory: str = fields["directory"]
        self.title: str = fields["title"]
        self.libraries: list[str] = fields["libraries"]
        self.user: int = fields["user"]
        """-1: stay who we are."""
        self.limits: dict[str, int] = fields["limits"]
        """rlimits: "NOFILE": 1024."""
        self.code: str = fields["code"]
        self.opt: str = fields["opt"]
        self.ephemeral_mib: int = fields["ephemeral_mib"]
        groups = fields["groups"]
        self.output, self.status = descriptors[:2]
        self.groups = descriptors[2 : 2 + groups]
        rest = descriptors[2 + groups :]
        self.namespace = rest.pop(0) if fields["entered"] else -1
        self.network = rest.pop(0) if fields["networked"] else -1
        self.descriptors = descriptors


class Region:
    """The memory where the kernel looks for a process's arguments or its environment (proc(5), stat).

    What forks without executing anything shows what its server was started with: so it is written over.
    """

    def __init__(self, start: int, end: int) -> None:
        self._start = start
        self._size = end - start

    def write(self, words: list[bytes]) -> None:
        """As many of these as there is room for, each ended by a zero byte."""
        text = b""
        for word in words:
            if len(text) + len(word) + 2 < self._size:
                text += word + b"\0"
        ctypes.memmove(self._start, text.ljust(self._size, b"\0"), self._size)


class Places:
    """Makes the places of environments; see function_root.py."""

    def __init__(self, setup: dict[str, Any]) -> None:
        """Leave the host's file system. Raises OSError."""
        shown = [*setup["shown"], sys.prefix, sys.base_prefix]
        self._kept = function_root.enter(setup["data"], shown, setup["runtime"])

    def make(self, request: Request) -> int:
        """Be in the environment's own file system; returns the mount namespace's descriptor, if it is new."""
        if request.namespace >= 0:
            function_root.enter_mounts(request.namespace)
            return -1
        function_root.furnish(request.code, request.opt, request.ephemeral_mib, self._kept)
        return os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)


def regions() -> tuple[Region, Region]:
    """(arguments, environment) of this process."""
    stat = os.open("/proc/self/stat", os.O_RDONLY)
    fields = os.read(stat, 4096).rpartition(b")")[2].split()
    os.close(stat)
    start, end, environment_start, environment_end = map(int, fields[45:49])
    return Region(start, end), Region(environment_start, environment_end)


def main(arguments: list[str]) -> NoReturn:
    """Serve until the agent is gone. `arguments`: the socket's descriptor, and how to set up, as JSON."""
    control = socket.socket(fileno=int(arguments[0]))
    setup = json.loads(arguments[1])
    warm()
    told = regions()
    places: Places | None = None
    why = ""
    try:
        places = Places(setup) if setup["isolated"] else None
    except OSError as error:
        why = f"{error.strerror}: {error.filename}"
    told[0].write([os.fsencode(sys.executable), b"windlass fork server"])
    own, child_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    gc.collect()
    gc.freeze()
    control.send(json.dumps({"ready": True, "why": why}).encode())
    while True:
        request = receive(control)
        if request is None:
            os._exit(0)
        answer, descriptor = fork(request, places, own, child_end, told)
        for number in request.descriptors:
            os.close(number)
        send(control, {"id": request.id, "pid": answer}, descriptor)
        if descriptor >= 0:
            os.close(descriptor)


def warm() -> None:
    for name in LIKE_THE_RUNTIME:
        with suppress(ImportError):  # a Python built without ssl, say
            __import__(name)


def receive(control: socket.socket) -> Request | None:
    """The next request; None when there will be none."""
    numbers = array.array("i")
    room = socket.CMSG_SPACE(DESCRIPTORS_MAX * numbers.itemsize)
    data, ancillary, _, _ = control.recvmsg(REQUEST_BYTES_MAX, room, socket.MSG_CMSG_CLOEXEC)
    if not data:
        return None
    for _, _, payload in ancillary:
        numbers.frombytes(payload[: len(payload) - len(payload) % numbers.itemsize])
    return Request(json.loads(data), list(numbers))


def send(control: socket.socket, answer: dict[str, Any], descriptor: int) -> None:
    """Raises nothing: an agent that is gone is noticed when it is listened to."""
    passed = (
        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))] if descriptor >= 0 else []
    )
    with suppress(OSError):
        control.sendmsg([json.dumps(answer).encode()], passed)


def fork(
    request: Request,
    places: Places | None,
    own: socket.socket,
    child_end: socket.socket,
    told: tuple[Region, Region],
) -> tuple[int, int]:
    """(pid, its mount namespace or -1) of the child; pid 0 when there is none, and its status says why."""
    between = os.fork()
    if between == 0:
        try:
            if request.network >= 0:
                function_root.enter_network(request.network)
            namespace = -1 if places is None else places.make(request)
            pid = os.fork()
            if pid == 0:
                become(request, told)
            send(child_end, {"pid": pid}, namespace)
            os._exit(0)
        except OSError as error:
            fail(request, error)
    _, status = os.waitpid(between, 0)
    if status:
        return 0, -1
    data, ancillary, _, _ = own.recvmsg(1024, socket.CMSG_SPACE(4), socket.MSG_CMSG_CLOEXEC)
    numbers = array.array("i")
    for _, _, payload in ancillary:
        numbers.frombytes(payload)
    return json.loads(data)["pid"], numbers[0] if numbers else -1


def fail(request: Request, error: BaseException) -> NoReturn:
    """Say why, and end."""
    number = error.errno if isinstance(error, OSError) else 0
    name = getattr(error, "filename", None) or ""
    try:
        os.write(request.status, json.dumps([number or 0, str(error), str(name)]).encode())
    finally:
        os._exit(NOT_STARTED)


def become(request: Request, told: tuple[Region, Region]) -> NoReturn:
    """Be the process that was asked for: groups, limits, rights, environment, and then its program."""
    try:
        os.setsid()
        for group in request.groups:
            os.write(group, b"0")
        for name, value in request.limits.items():
            resource.setrlimit(getattr(resource, "RLIMIT_" + name), (value, value))
        if request.user >= 0:
            give_up_rights(request.user)
        for number in (1, 2):
            os.dup2(request.output, number)
        os.chdir(request.directory)
        if request.argv:
            os.execvpe(request.argv[0], request.argv, request.environment)
        open_streams()
        os.environ.clear()
        os.environ.update(request.environment)
        time.tzset()
        show(request, told)
    except Exception as error:
        fail(request, error)
    os.closerange(3, max(request.descriptors) + 64)
    try:
        function_bootstrap.main(request.libraries)
    except SystemExit as ending:
        leave(ending.code)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        leave(1)
    leave(0)


def open_streams() -> None:
    """Anew: what the server has was made for what its descriptors were, which could be sought in."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = os.fdopen(number, "w", encoding="utf-8", closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def leave(code: Any) -> NoReturn:
    """End as an interpreter does, without returning into the server's own frames."""
    import atexit

    if code is not None and not isinstance(code, int):
        sys.stderr.write(f"{code}\n")
        code = 1
    threading: Any = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit((code or 0) & 0xFF)


def give_up_rights(user: int) -> None:
    """Be that user, of a group of its own, and nobody else ever again (no set-user-id program helps)."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    prctl(_PR_SET_DUMPABLE, 1)  # its own /proc/self stays its own


def prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"prctl {option}")


def show(request: Request, told: tuple[Region, Region]) -> None:
    """Let /proc show this process as what it is."""
    arguments, environment = told
    arguments.write([os.fsencode(word) for word in (sys.executable, request.title)])
    environment.write([os.fsencode(f"{name}={value}") for name, value in request.environment.items()])
    name = ctypes.create_string_buffer(os.fsencode(request.title[:15]))
    prctl(_PR_SET_NAME, ctypes.addressof(name))
