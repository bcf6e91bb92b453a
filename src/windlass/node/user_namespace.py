"""A user namespace of one user: who has no root rights is root in it, over what is theirs anyway.

There a process may mount overlays and make containers, which is what the oci runner needs. All files belong
to the one user; other ids do not exist. Linux. `python -m windlass.node.user_namespace` tries it out.
Known gap: the ranges of /etc/subuid are not used, which would need the set-id programs newuidmap and
newgidmap.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from errno import ENOSPC, EPERM
from pathlib import Path

from windlass.node import mounts

_CLONE_NEWUSER = 0x10000000
_libc = ctypes.CDLL(None, use_errno=True)
PROBE_WITHIN_S = 30.0


def enter() -> None:
    """Become root of a new one, and leave the host's mounts for a copy. Before the process has threads."""
    uid, gid = os.geteuid(), os.getegid()
    if _libc.unshare(_CLONE_NEWUSER):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "user namespace")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    mounts.enter_own_namespace()


def is_alone() -> bool:
    """Whether this process lives in such a namespace: there is no other user than it."""
    with suppress(OSError):
        lines = Path("/proc/self/uid_map").read_text().splitlines()
        return len(lines) == 1 and lines[0].split()[-1] == "1"
    return False


def why_not() -> str:
    """Why this user cannot have what the oci runner needs, and the way out; "" when it can."""
    words = [sys.executable, "-P", "-m", "windlass.node.user_namespace"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=PROBE_WITHIN_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"user namespaces cannot be tried: {error}"
    return "" if done.returncode == 0 else done.stdout.strip() or "user namespaces cannot be tried"


def _try() -> str:
    """Be root in one, and mount there what a container needs."""
    try:
        enter()
    except OSError as error:
        if error.errno == ENOSPC:
            return "no user namespaces are left: sysctl user.max_user_namespaces"
        if error.errno == EPERM:
            return (
                "this kernel gives users no namespaces: sysctl kernel.unprivileged_userns_clone=1 (Debian) "
                "or kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu)"
            )
        return f"user namespaces do not work here: {error.strerror}"
    try:
        with tempfile.TemporaryDirectory() as name:
            places = [Path(name, part) for part in ("lower", "upper", "work", "root")]
            for place in places:
                place.mkdir()
            mounts.mount_overlay(places[3], places[:1], places[1], places[2], alone=True)
            mounts.detach(places[3])
    except OSError as error:
        return f"users may not mount overlays here ({error.strerror}): that needs Linux 5.11"
    return ""


def _main() -> int:
    why = _try()
    if why:
        print(why)
    return 1 if why else 0


if __name__ == "__main__":
    sys.exit(_main())
