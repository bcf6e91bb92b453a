"""Mounts of this process: a namespace of its own, and overlay file systems in it. Linux, root.

Knows system calls; no containers. Because the namespace is the process's own, everything that is mounted in
it is gone with the process, however that ends.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from contextlib import ExitStack
from errno import EINVAL
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_MS_REC, _MS_SLAVE, _MS_NODEV = 0x4000, 0x80000, 0x4
_MNT_DETACH = 0x2
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)


def enter_own_namespace() -> None:
    """Leave the host's mount namespace for a copy: what the host mounts is seen, what we mount is not.

    Before the process has threads: each has its own namespace.
    """
    _check(_libc.unshare(_CLONE_NEWNS), "unshare")
    _check(_libc.mount(None, b"/", None, _MS_REC | _MS_SLAVE, None), "/")


def cover(target: Path) -> None:
    """Hide what is there behind an empty directory."""
    result = _libc.mount(b"tmpfs", os.fsencode(target), b"tmpfs", _MS_NODEV, b"size=4k,mode=755")
    _check(result, str(target))


def mount_overlay(
    target: Path, layers: Sequence[Path], upper: Path, work: Path, *, alone: bool = False
) -> None:
    """Stack `layers` (lowest first) below `upper`; `alone` in a user namespace, whose overlays keep their

    marks in attributes that users may write.

    The kernel takes one page of options; descriptors keep each of them short, and free of characters that
    mean something there. `volatile` spares syncing what is thrown away anyway (Linux 5.10).
    """
    with ExitStack() as stack:

        def opened(path: Path) -> str:
            descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            return f"/proc/self/fd/{descriptor}"

        lower = ":".join(opened(layer) for layer in reversed(layers))
        options = f"lowerdir={lower},upperdir={opened(upper)},workdir={opened(work)}"
        options += ",userxattr" if alone else ""
        try:
            _mount_overlay(target, f"{options},volatile")
        except OSError as error:
            if error.errno != EINVAL:
                raise
            _mount_overlay(target, options)


def detach(target: Path) -> None:
    """Take a mount out of the namespace; those who use it keep it."""
    _check(_libc.umount2(os.fsencode(target), _MNT_DETACH), str(target))


def _mount_overlay(target: Path, options: str) -> None:
    result = _libc.mount(b"overlay", os.fsencode(target), b"overlay", _MS_NODEV, os.fsencode(options))
    _check(result, str(target))


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
