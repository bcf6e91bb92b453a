"""Network namespaces: made, entered, kept under /run/netns, let go. Linux, root.

Knows system calls; nothing of tasks. A namespace lives while a process is in it, somebody holds a descriptor,
or its file is mounted: those of tasks are never mounted, so the kernel takes them away with the last process
and descriptor, however the agent ends. Only routers are kept by a file, since nothing runs in them.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from errno import EINVAL
from pathlib import Path

KEPT = Path("/run/netns")
"""Where ip-netns(8) looks for them too."""
_CLONE_NEWNET = 0x40000000
_CLONE_NEWNS = 0x00020000
_CLONE_FS = 0x00000200
_MS_BIND = 0x1000
_MNT_DETACH = 0x2
_CURRENT = "/proc/thread-self/ns/net"
_libc = ctypes.CDLL(None, use_errno=True)


def make() -> int:
    """A new namespace; returns a descriptor that holds it."""
    home = _open(_CURRENT)
    try:
        _check(_libc.unshare(_CLONE_NEWNET), "unshare")
        try:
            return _open(_CURRENT)
        finally:
            _check(_libc.setns(home, _CLONE_NEWNET), "setns")
    finally:
        os.close(home)


@contextmanager
def inside(namespace: int) -> Iterator[None]:
    """This thread, and what it starts, is in that namespace while the block runs."""
    home = _open(_CURRENT)
    try:
        _check(_libc.setns(namespace, _CLONE_NEWNET), "setns")
        try:
            yield
        finally:
            _check(_libc.setns(home, _CLONE_NEWNET), "setns")
    finally:
        os.close(home)


@contextmanager
def inside_path(path: str) -> Iterator[None]:
    """As `inside`; "" is where the thread is already."""
    if not path:
        yield
        return
    namespace = _open(path)
    try:
        with inside(namespace):
            yield
    finally:
        os.close(namespace)


def path_of(namespace: int) -> str:
    """A path by which other processes reach it while this one holds the descriptor."""
    return f"/proc/{os.getpid()}/fd/{namespace}"


def mounts() -> int:
    """A descriptor of the mount namespace that this process is in now; -1 where there are none."""
    try:
        return _open("/proc/self/ns/mnt")
    except OSError:
        return -1


def keep(namespace: int, name: str, host: int) -> None:
    """Have the namespace live under that name. `host` is the mount namespace where the file is to be."""

    def act() -> None:
        KEPT.mkdir(mode=0o755, parents=True, exist_ok=True)
        path = KEPT / name
        path.touch(mode=0o444)
        source = os.fsencode(f"/proc/self/fd/{namespace}")
        _check(_libc.mount(source, os.fsencode(path), None, ctypes.c_ulong(_MS_BIND), None), str(path))

    _in_mounts(host, act)


def release(name: str, host: int) -> None:
    """Take its name away, and with it the namespace when nobody else holds it."""

    def act() -> None:
        path = KEPT / name
        while _libc.umount2(os.fsencode(path), _MNT_DETACH) == 0:
            pass
        if ctypes.get_errno() not in (EINVAL, 2):
            _check(-1, str(path))
        path.unlink(missing_ok=True)

    _in_mounts(host, act)


def kept(name: str, host: int) -> int | None:
    """A descriptor of the namespace with that name; None: there is none, only a file perhaps."""
    found: list[int] = []

    def act() -> None:
        with suppress(OSError):
            found.append(_open(str(KEPT / name)))

    _in_mounts(host, act)
    if not found:
        return None
    try:
        with inside(found[0]):
            return found[0]
    except OSError:  # a file that nothing is mounted on
        os.close(found[0])
        return None


def names(host: int) -> list[str]:
    """All names that are there."""
    found: list[str] = []

    def act() -> None:
        with suppress(FileNotFoundError):
            found.extend(sorted(path.name for path in KEPT.iterdir()))

    _in_mounts(host, act)
    return found


def _in_mounts(host: int, act: object) -> None:
    """Do that in the host's mount namespace, which the oci runner's agent has left: in a thread that ends."""

    def go() -> None:
        _check(_libc.unshare(_CLONE_FS), "unshare")
        _check(_libc.setns(host, _CLONE_NEWNS), "setns")
        assert callable(act)
        act()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(go).result()


def _open(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
