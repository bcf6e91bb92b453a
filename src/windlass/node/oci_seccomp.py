"""The system calls that containers do not get. Pure data in the OCI runtime's terms.

Docker's default profile is a list of what is allowed (hundreds of names, per architecture); this is the
list of what it keeps away, after Docker's documentation ("Significant syscalls blocked by the default
profile") and its profile's conditions. The difference, said openly: system calls that are newer than this
list are allowed here and refused by Docker's.
"""

from __future__ import annotations

from typing import Any

EPERM, ENOSYS = 1, 38

CLONE_NAMESPACE_FLAGS = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET (sched.h)."""

BLOCKED: dict[str, tuple[str, ...]] = {
    # Each group is given back by the capability that it is named for, as in Docker's profile.
    "": (
        "add_key", "get_kernel_syms", "io_uring_enter", "io_uring_register", "io_uring_setup", "keyctl",
        "move_pages", "nfsservctl", "pivot_root", "query_module", "request_key", "sysfs", "_sysctl",
        "uselib", "userfaultfd", "ustat", "vm86", "vm86old", "kexec_file_load", "kexec_load", "swapon",
        "swapoff",
    ),
    "CAP_SYS_ADMIN": (
        "bpf", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick", "lookup_dcookie", "mount",
        "mount_setattr", "move_mount", "open_tree", "perf_event_open", "quotactl", "quotactl_fd",
        "setdomainname", "sethostname", "setns", "syslog", "umount", "umount2", "unshare",
    ),
    "CAP_DAC_READ_SEARCH": ("open_by_handle_at",),
    "CAP_SYS_BOOT": ("reboot",),
    "CAP_SYS_CHROOT": ("chroot",),
    "CAP_SYS_MODULE": ("create_module", "delete_module", "finit_module", "init_module"),
    "CAP_SYS_NICE": ("get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"),
    "CAP_SYS_PACCT": ("acct",),
    "CAP_SYS_PTRACE": ("kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "process_vm_writev"),
    "CAP_SYS_RAWIO": ("iopl", "ioperm"),
    "CAP_SYS_TIME": ("clock_adjtime", "clock_settime", "clock_settime64", "settimeofday", "stime"),
}  # fmt: skip


def profile(capabilities: frozenset[str]) -> dict[str, Any]:
    """The `linux.seccomp` member for a container with these capabilities."""
    names = sorted(name for needed, group in BLOCKED.items() if needed not in capabilities for name in group)
    rules: list[dict[str, Any]] = [{"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": EPERM}]
    if "CAP_SYS_ADMIN" not in capabilities:
        rules += [_clone(flag) for flag in CLONE_NAMESPACE_FLAGS]
        # Its flags lie in memory, where a filter cannot look; libraries then fall back to clone.
        rules.append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS})
    return {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}


def _clone(flag: int) -> dict[str, Any]:
    """clone(2) with that flag; the flags are its first argument (s390 excepted)."""
    condition = {"index": 0, "value": flag, "valueTwo": flag, "op": "SCMP_CMP_MASKED_EQ"}
    return {"names": ["clone"], "action": "SCMP_ACT_ERRNO", "errnoRet": EPERM, "args": [condition]}
