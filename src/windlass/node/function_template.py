"""A template: an initialised process of a function that forks, each fork an environment restored from it.

Part of function_zygote.py, whose child it begins as; runs in the function's process beside the user's code,
under the interpreters of functions (3.8 and later, so no newer syntax). The agent asks for a fork on a
socket; the fork makes its place, says so on the socket that came with the order, and waits there for what to
be.

With isolation a template is a user namespace with one user in it. That gives it one right, and only there:
to mount, so that each fork gets a /tmp of its own (with a copy of what was in the template's). Forks give the
right up before they go on. They are the template's user and have its network.
Known gaps: threads that the initialisation started are not in a fork; open files and connections are shared
between forks, as descriptors are.
"""

from __future__ import annotations

import ctypes
import gc
import os
import socket
import sys
import time
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself would be a slow import
    from collections.abc import Callable, Sequence

    from windlass.node import function_root
    from windlass.node.function_wire import READY, fail, receive
else:  # they stand beside this file, and there is no package for the interpreters of functions
    import function_root
    from function_wire import READY, fail, receive

_CLONE_NEWUSER, _CLONE_NEWNS = 0x10000000, 0x00020000
_CAPABILITY_VERSION_3, _SYS_ADMIN = 0x20080522, 1 << 21
_LOOK_S = 0.0002
_libc = ctypes.CDLL(None, use_errno=True)


def enter_user_namespace(user: int) -> None:
    """Be that user in a namespace where there is nobody else. Root, one thread; raises OSError.

    Who its users are is for the namespace above to say, so a helper that stays behind says it.
    """
    process = os.getpid()
    reader, writer = os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(writer)
        status = 1
        with suppress(OSError):
            if os.read(reader, 1):
                for name in ("uid_map", "gid_map"):
                    _write(f"/proc/{process}/{name}", f"{user} {user} 1")
                status = 0
        os._exit(status)
    try:
        os.close(reader)
        os.setgroups([])
        _check(_libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS), "user namespace")
        os.write(writer, b"1")
    finally:
        os.close(writer)
        status = os.waitpid(helper, 0)[1]
    if status:
        raise OSError(f"user {user} cannot be mapped into a user namespace")
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    set_capabilities(permitted=_SYS_ADMIN, effective=0)


def set_capabilities(permitted: int, effective: int) -> None:
    """What this process may ever do, and may now; in its own user namespace. Raises OSError."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(effective, permitted, 0, 0, 0, 0)
    _check(_libc.capset(header, data), "capabilities")


class Template:
    """Made in the process that is initialised; `hold` is called there once, and returns in each fork."""

    def __init__(
        self,
        control: int,
        given: dict[str, str],
        kept: Sequence[str] | None,
        show: Callable[[str, dict[str, str]], None],
    ) -> None:
        """`given` are the variables it was started with. `kept`: what below /tmp is shown to all

        environments; None where there is no isolation. `show` has /proc show another title and variables.
        """
        self._control = control
        self._given = given
        self._kept = kept
        self._show = show

    def hold(self) -> None:
        """Hold still, and fork when asked to. Ends the process when the agent is gone."""
        sys.stdout.flush()
        sys.stderr.flush()
        gc.collect()
        gc.freeze()  # pages stay shared with the forks
        with socket.socket(fileno=self._control) as control:
            while True:
                _, [place] = receive(control)
                child = os.fork()
                if child == 0:
                    break
                os.close(place)
                with suppress(ChildProcessError):  # the user's code may have told the kernel to reap
                    os.waitpid(child, 0)
        between = os.getpid()
        if os.fork():
            os._exit(0)
        while os.getppid() == between:  # from then on it is the agent's child, as it has to be
            time.sleep(_LOOK_S)
        self._restore(place)

    def _restore(self, place: int) -> None:
        """Be an environment of its own."""
        end = socket.socket(fileno=place)
        try:
            os.setsid()
            self._show("restored spare", {})  # it is no more the template's
            if self._kept is not None:
                make_tmp(self._kept)
            end.send(READY)
            fields, [output] = receive(end)
            for number in (1, 2):
                os.dup2(output, number)
            os.close(output)
            self._be(fields["title"], fields["environment"])
        except Exception as error:
            fail(place, error)
        end.close()

    def _be(self, title: str, environment: dict[str, str]) -> None:
        """What the initialisation did to its variables stays; what differs between environments changes."""
        for name, value in environment.items():
            if self._given.get(name) != value:
                os.environ[name] = value
        self._show(title, dict(os.environ))


def make_tmp(kept: Sequence[str]) -> None:
    """Have a /tmp of one's own, as large as the one before and with a copy of what is in it; then give the

    right to that up.
    """
    set_capabilities(permitted=_SYS_ADMIN, effective=_SYS_ADMIN)
    _check(_libc.unshare(_CLONE_NEWNS), "mount namespace")
    before = os.open("/tmp", os.O_RDONLY | os.O_DIRECTORY)
    shown = [(path, os.open(path, os.O_PATH)) for path in kept]
    size = os.fstatvfs(before)
    function_root.mount_tmp(size.f_blocks * size.f_frsize)
    for path, descriptor in shown:
        function_root.show_again(f"/proc/self/fd/{descriptor}", path)
        os.close(descriptor)
    set_capabilities(permitted=0, effective=0)
    _copy(f"/proc/self/fd/{before}", "/tmp", kept)
    os.close(before)


def _copy(source: str, target: str, kept: Sequence[str]) -> None:
    """All of a directory but what is shown in its place already."""
    import shutil

    for entry in os.scandir(source):
        there = f"{target}/{entry.name}"
        if any(path == there or path.startswith(there + "/") for path in kept):
            continue
        if entry.is_dir(follow_symlinks=False):
            shutil.copytree(entry.path, there, symlinks=True)
        elif entry.is_file() or entry.is_symlink():
            shutil.copy2(entry.path, there, follow_symlinks=False)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
