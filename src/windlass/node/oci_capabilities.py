"""Kernel capabilities: their names, and which of them a container gets. Pure.

Rules: Docker's, which ECS uses (ECS API reference, KernelCapabilities); numbers: linux/capability.h.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.node.command import CannotStart

BY_NUMBER = tuple(
    f"CAP_{name}"
    for name in (
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK",
        "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN",
        "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE",
        "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND",
        "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
    )
)  # fmt: skip
ALL = frozenset(BY_NUMBER)
DEFAULT = frozenset(
    f"CAP_{name}"
    for name in (
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
        "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    )
)  # fmt: skip
"""Docker's default set; KernelCapabilities."""


def of_mask(status: str) -> frozenset[str]:
    """The bounding set in the text of /proc/<pid>/status (proc(5), CapBnd); all when it does not say."""
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == "CapBnd":
            mask = int(value, 16)
            return frozenset(cap for number, cap in enumerate(BY_NUMBER) if mask >> number & 1)
    return ALL


def granted(add: Sequence[str], drop: Sequence[str], most: frozenset[str] = ALL) -> frozenset[str]:
    """Docker's rules: ALL in `add` or `drop` means every one, the other side's names are exceptions.

    `most` is what the node can give; one that is asked for by name and is not in it makes the start fail.
    """
    added, dropped = _named(add), _named(drop)
    if "CAP_ALL" in added:
        return most - dropped
    if missing := added - most:
        raise CannotStart(f"this node itself lacks the capability {min(missing)}")
    kept = frozenset() if "CAP_ALL" in dropped else (DEFAULT & most) - dropped
    return kept | added


def _named(names: Sequence[str]) -> frozenset[str]:
    found = frozenset(f"CAP_{name.upper().removeprefix('CAP_')}" for name in names)
    if unknown := found - ALL - {"CAP_ALL"}:
        raise CannotStart(f"invalid capability: {min(unknown)}")
    return found
