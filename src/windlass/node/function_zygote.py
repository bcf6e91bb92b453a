"""A fork server: a warmed interpreter whose children become the processes of execution environments.

Started by the agent (function_forks.py) under the interpreter of a function's runtime (3.8 and later, so no
newer syntax), with a socket and how to set up. It has imported what the Python runtime needs and nothing of
Windlass, has no threads, and knows no function. Asked for a child, it forks twice, so that the child is the
agent's (a child subreaper), which reaps it and sees its true exit status. The child makes its place first:
its mount namespace, its control groups. That takes longer than all else, so it may be done ahead; then it
waits on a socket of its own for what to be. It ends when that is closed, and the server when its own is.

Both sockets carry datagrams of JSON with descriptors (SOCK_SEQPACKET); see `Place` and `Request`. What goes
wrong in a child before it is what it should be is what it says on its socket; else it just closes that.
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

    from windlass.node import function_bootstrap, function_root, function_template
    from windlass.node.function_wire import fail, receive
else:  # they stand beside this file, and there is no package for the interpreters of functions
    import function_bootstrap
    import function_root
    import function_template
    from function_wire import fail, receive

LIKE_THE_RUNTIME = ("datetime", "decimal", "http.client", "logging", "traceback", "urllib.parse", "warnings")
"""What AWS's own Python runtime has imported before it imports the handler, as far as it costs time."""
DESCRIPTOR_MAX = 256
"""A server and its children have no higher ones: each is closed as soon as it is used."""

_PR_SET_DUMPABLE, _PR_SET_NAME, _PR_SET_NO_NEW_PRIVS = 4, 15, 38
_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)


class Place:
    """What a child is to be given before it knows what to be. Descriptors: its socket, the control groups to

    join, and, if `entered`, the mount namespace to be in; else one is made, if the server isolates.
    """

    def __init__(self, fields: dict[str, Any], descriptors: list[int]) -> None:
        self.id: int = fields["id"]
        self.user: int = fields["user"]
        """-1: stay who we are."""
        self.socket, *rest = descriptors
        self.namespace = rest.pop() if fields["entered"] else -1
        self.groups = rest
        self.descriptors = descriptors


class Request:
    """What to be. Descriptors: the output, perhaps a network namespace to be in, and for a template

    (function_template.py) the socket on which forks are asked for.
    """

    def __init__(self, fields: dict[str, Any], descriptors: list[int]) -> None:
        self.argv: list[str] = fields["argv"]
        """To be executed; empty: be the Python runtime."""
        self.environment: dict[str, str] = fields["environment"]
        self.directory: str = fields["directory"]
        self.title: str = fields["title"]
        self.libraries: list[str] = fields["libraries"]
        self.limits: dict[str, int] = fields["limits"]
        """rlimits: "NOFILE": 1024."""
        self.code: str = fields["code"]
        """Of the data directory; "" when it is in its place already, or there is no place."""
        self.opt: str = fields["opt"]
        self.ephemeral_mib: int = fields["ephemeral_mib"]
        self.output, *rest = descriptors
        self.control = rest.pop() if fields["template"] else -1
        self.network = rest[0] if rest else -1


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

    @property
    def kept(self) -> list[str]:
        """What is below /tmp and shown to all environments."""
        return [path for _, path in self._kept]

    def make(self, place: Place) -> int:
        """Be in the environment's mount namespace; returns its descriptor if it is new, else -1."""
        if place.namespace >= 0:
            function_root.enter_mounts(place.namespace)
            return -1
        function_root.leave_server(self._kept)
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
    control.set_inheritable(False)
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
        fields, descriptors = receive(control)
        place = Place(fields, descriptors)
        pid, namespace = fork(place, places, own, child_end, told)
        for number in place.descriptors:
            os.close(number)
        send(control, {"id": place.id, "pid": pid}, namespace)
        if namespace >= 0:
            os.close(namespace)


def warm() -> None:
    for name in LIKE_THE_RUNTIME:
        with suppress(ImportError):  # a Python built without ssl, say
            __import__(name)


def send(control: socket.socket, answer: dict[str, Any], descriptor: int) -> None:
    """Raises nothing: an agent that is gone is noticed when it is listened to."""
    passed = (
        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))] if descriptor >= 0 else []
    )
    with suppress(OSError):
        control.sendmsg([json.dumps(answer).encode()], passed)


def fork(
    place: Place,
    places: Places | None,
    own: socket.socket,
    child_end: socket.socket,
    told: tuple[Region, Region],
) -> tuple[int, int]:
    """(pid, its mount namespace or -1) of the child; pid 0 when there is none, and its socket says why."""
    between = os.fork()
    if between == 0:
        try:
            namespace = -1 if places is None else places.make(place)
            pid = os.fork()
            if pid == 0:
                wait(place, places, told)
            send(child_end, {"pid": pid}, namespace)
            os._exit(0)
        except OSError as error:
            fail(place.socket, error)
    _, status = os.waitpid(between, 0)
    if status:
        return 0, -1
    data, ancillary, _, _ = own.recvmsg(1024, socket.CMSG_SPACE(4), socket.MSG_CMSG_CLOEXEC)
    numbers = array.array("i")
    for _, _, payload in ancillary:
        numbers.frombytes(payload)
    return json.loads(data)["pid"], numbers[0] if numbers else -1


def wait(place: Place, places: Places | None, told: tuple[Region, Region]) -> NoReturn:
    """Be in the environment's groups, wait for what to be, and be that."""
    close_all_but([place.socket, *place.groups])
    told[0].write([os.fsencode(sys.executable), b"windlass spare environment"])
    try:
        os.setsid()
        for group in place.groups:
            os.write(group, b"0")
        close_all_but([place.socket])
        control = socket.socket(fileno=place.socket)
        request = Request(*receive(control))
        control.detach()  # open until there is nothing left to fail
        become(place, request, told)
    except Exception as error:
        fail(place.socket, error)
    hold = None
    if request.control >= 0:
        kept = places.kept if places is not None else None
        hold = template(request, kept, told).hold
    close_all_but([] if hold is None else [request.control])
    try:
        function_bootstrap.main(request.libraries, hold)
    except SystemExit as ending:
        leave(ending.code)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        leave(1)
    leave(0)


def template(
    request: Request, kept: list[str] | None, told: tuple[Region, Region]
) -> function_template.Template:
    """What this process is to be once it is initialised."""

    def shown(title: str, environment: dict[str, str]) -> None:
        show(title, environment, told)

    return function_template.Template(request.control, request.environment, kept, shown)


def close_all_but(kept: list[int]) -> None:
    """Let go of every descriptor but these and the standard ones: the server's own among them."""
    first = 3
    for number in [*sorted(kept), DESCRIPTOR_MAX]:
        os.closerange(first, number)
        first = number + 1


def become(place: Place, request: Request, told: tuple[Region, Region]) -> None:
    """Take on network, files, limits, rights and environment; returns if it is the Python runtime's."""
    if request.network >= 0:
        function_root.enter_network(request.network)
    if request.code:
        function_root.furnish(request.code, request.opt, request.ephemeral_mib)
    for name, value in request.limits.items():
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), (value, value))
    if place.user >= 0:
        give_up_rights(place.user, alone=request.control >= 0)
    for number in (1, 2):
        os.dup2(request.output, number)
    os.chdir(request.directory)
    if request.argv:
        os.execvpe(request.argv[0], request.argv, request.environment)
    open_streams()
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    show(request.title, request.environment, told)


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


def give_up_rights(user: int, *, alone: bool) -> None:
    """Be that user, of a group of its own, and nobody else ever again (no set-user-id program helps).

    `alone`: in a user namespace of its own, as templates are.
    """
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if alone:
        function_template.enter_user_namespace(user)
    else:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    prctl(_PR_SET_DUMPABLE, 1)  # its own /proc/self stays its own


def prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"prctl {option}")


def show(title: str, variables: dict[str, str], told: tuple[Region, Region]) -> None:
    """Let /proc show this process as what it is."""
    arguments, environment = told
    arguments.write([os.fsencode(word) for word in (sys.executable, title)])
    environment.write([os.fsencode(f"{name}={value}") for name, value in variables.items()])
    name = ctypes.create_string_buffer(os.fsencode(title[:15]))
    prctl(_PR_SET_NAME, ctypes.addressof(name))
