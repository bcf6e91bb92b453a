"""Whether this host can run OCI containers, and with what: the check that `windlass up --runner oci` makes.

`check` reads and changes nothing; every answer says what to install or to change.
Without root it is a user namespace of one user, where the kernel allows that: see user_namespace.py and
oci_rootless.py. Known gap: cgroups that are delegated to a user are not used.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from windlass.node import mounts, user_namespace
from windlass.node.cgroups import Hierarchies, read_hierarchies
from windlass.node.faults import NotCapable
from windlass.node.oci_capabilities import ALL, of_mask

RUNTIMES = ("crun", "runc")
"""In the order of preference: crun starts containers several times as fast."""
CGROUPS = Path("/sys/fs/cgroup")
INITS = ("tini-static", "catatonit", "docker-init")
"""Small init programs that need no shared library, so that they run in any image (initProcessEnabled)."""


@dataclass(frozen=True, slots=True)
class OciHost:
    """What the runner works with: programs by their paths. `init` is "" where there is none."""

    runtime: str
    monitor: str
    cgroups: Hierarchies
    init: str = ""
    capabilities: frozenset[str] = ALL
    rootless: bool = False
    """Whoever runs this is not root: there are no cgroups, and one user in containers."""

    @property
    def command(self) -> tuple[str, ...]:
        """The runtime with the options that it always has."""
        return (self.runtime, *(("--cgroup-manager=disabled",) if self.rootless else ()))


def enter(host: OciHost) -> None:
    """Leave the host's mount namespace, and hide what the runtime cannot work with. Once, at the start."""
    if host.rootless:
        user_namespace.enter()
        if host.cgroups.unified is not None:
            mounts.cover(CGROUPS)
        return
    mounts.enter_own_namespace()
    if host.cgroups.version == 1 and host.cgroups.unified is not None:
        mounts.detach(host.cgroups.unified)


def check(path: str | None = None, groups: Hierarchies | None = None) -> OciHost:
    """What this host has, or NotCapable. `path` is searched for the runtime; None: the environment's.

    `groups` are its cgroups, if they are known.
    """
    if platform.system() != "Linux":
        raise NotCapable("the oci runner needs Linux; use --runner process")
    if os.geteuid() != 0 or user_namespace.is_alone():
        return _rootless(path)
    runtime = _first(RUNTIMES, path)
    if not runtime:
        raise NotCapable(
            "the oci runner needs crun or runc: apt-get install crun (Debian), dnf install crun (Fedora)"
        )
    _check_overlay()
    groups = groups or read_hierarchies()
    if groups.missing:
        raise NotCapable(f"the oci runner needs the cgroup controllers {', '.join(groups.missing)}")
    return OciHost(
        runtime, _monitor(path), groups, _first(INITS, path), of_mask(Path("/proc/self/status").read_text())
    )


def _rootless(path: str | None) -> OciHost:
    """What a user without root rights has. Raises NotCapable."""
    runtime = _first(("crun",), path)
    if not runtime:
        raise NotCapable("without root the oci runner needs crun: apt-get install crun (Debian)")
    _check_overlay()
    if why := user_namespace.why_not():
        raise NotCapable(f"without root the oci runner needs user namespaces, and {why}")
    unified = read_hierarchies().unified
    return OciHost(
        runtime, _monitor(path), Hierarchies(1, (), None, (), unified), _first(INITS, path), rootless=True
    )


def _monitor(path: str | None) -> str:
    found = _first(("conmon",), path)
    if not found:
        raise NotCapable(
            "the oci runner needs conmon: apt-get install conmon (Debian), dnf install conmon (Fedora)"
        )
    return found


def _check_overlay() -> None:
    if not any(line.split()[-1] == "overlay" for line in Path("/proc/filesystems").read_text().splitlines()):
        raise NotCapable("the oci runner needs overlayfs, which this kernel lacks: modprobe overlay")


def _first(names: Sequence[str], path: str | None) -> str:
    """The path of the first of these programs that is installed, or ""."""
    return next((found for name in names if (found := shutil.which(name, path=path))), "")
