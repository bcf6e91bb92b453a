"""From a container's specification and its image to the OCI runtime's config.json. Pure.

Decides command, environment, user, capabilities, mounts and limits as Docker and the ECS agent combine
them; knows no directory beyond those that it is told, starts nothing. Source, unless a line names another:
OCI runtime specification 1.0, config.md and config-linux.md; Docker's defaults (moby: oci/defaults.go).
Known gaps: all containers have the host's network (`awsvpc` and `bridge` come later), one memory and CPU
limit per container and none for the task as a whole, no init process, devices, sysctls, swap settings,
pseudo terminals or privileged containers; AppArmor and SELinux labels are not set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from windlass.fleet.messages import ContainerSpec, Mount, Tmpfs
from windlass.node.command import CannotStart
from windlass.node.images.config import ImageConfig
from windlass.node.oci_seccomp import profile
from windlass.node.oci_users import User
from windlass.node.proc import CONTAINER_MARK, UNIT_MARK

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Docker's, for images that set none."""
PIDS_MAX = 16_384
"""Processes and threads of one container: ours, so that one fork bomb does not take the host's."""
CPU_SHARES_MIN = 2
"""The kernel's least, which the ECS agent uses for containers with 0 CPU units (ContainerDefinition, cpu)."""
SHARED_MEMORY_MIB = 64
"""Docker's size of /dev/shm."""
MEBIBYTE = 2**20

CAPABILITIES = frozenset(
    f"CAP_{name}"
    for name in (
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
        "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    )
)  # fmt: skip
"""Docker's default set; KernelCapabilities."""
CAPABILITIES_ALL = CAPABILITIES | {
    f"CAP_{name}"
    for name in (
        "AUDIT_CONTROL", "BLOCK_SUSPEND", "DAC_READ_SEARCH", "IPC_LOCK", "IPC_OWNER", "LEASE",
        "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "NET_ADMIN", "NET_BROADCAST", "SYSLOG", "SYS_ADMIN",
        "SYS_BOOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE",
        "SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM",
    )
}  # fmt: skip
"""What KernelCapabilities.add may name."""

MASKED_PATHS = (
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
    "/sys/devices/virtual/powercap", "/sys/firmware",
)  # fmt: skip
READ_ONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

_FIXED_MOUNTS: tuple[dict[str, Any], ...] = (
    {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
    {
        "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
        "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
        "destination": "/dev/pts", "type": "devpts", "source": "devpts",
        "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    {
        "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
        "options": ["nosuid", "noexec", "nodev"],
    },
    {
        "destination": "/sys", "type": "sysfs", "source": "sysfs",
        "options": ["nosuid", "noexec", "nodev", "ro"],
    },
    {
        "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
        "options": ["nosuid", "noexec", "nodev", "relatime", "ro"],
    },
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Places:
    """Where the host has what the container gets. `binds` are host files over the image's: /etc/hosts, …"""

    root: str
    cgroup: str
    volumes: Mapping[str, str]
    """Host directory of each volume of the task's own."""
    binds: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What this host can limit."""

    swap: bool = True
    """Whether it accounts swap: without, memory is bounded and swap is not."""


def runtime_config(
    unit_id: str,
    spec: ContainerSpec,
    image: ImageConfig,
    user: User,
    defaults: Mapping[str, str],
    places: Places,
    limits: Limits,
) -> dict[str, Any]:
    """The whole config.json. Raises CannotStart for what cannot be."""
    capabilities = granted(spec.capabilities_add, spec.capabilities_drop)
    held = sorted(capabilities) if user.uid == 0 else []
    return {
        "ociVersion": "1.0.0",
        "process": {
            "terminal": False,
            "user": {"uid": user.uid, "gid": user.gid, "additionalGids": list(user.groups)},
            "args": list(arguments(spec, image)),
            "env": environment(unit_id, spec, image, user, defaults),
            "cwd": working_directory(spec, image),
            "capabilities": {
                "bounding": sorted(capabilities),
                "effective": held,
                "permitted": held,
                "inheritable": [],
                "ambient": [],
            },
            "rlimits": [
                {"type": f"RLIMIT_{u.name.upper()}", "soft": _unlimited(u.soft), "hard": _unlimited(u.hard)}
                for u in spec.ulimits
            ],
            "noNewPrivileges": False,
        },
        "root": {"path": places.root, "readonly": spec.read_only_root},
        "mounts": mounts(spec, places),
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "cgroup")],
            "cgroupsPath": places.cgroup,
            "resources": resources(spec, limits),
            "maskedPaths": list(MASKED_PATHS),
            "readonlyPaths": list(READ_ONLY_PATHS),
            "seccomp": profile(capabilities),
        },
    }


def arguments(spec: ContainerSpec, image: ImageConfig) -> tuple[str, ...]:
    """ENTRYPOINT and CMD. A task definition's entryPoint takes both of the image's away (docker run).

    image ["e"] ["c"]: nothing → e c; command x → e x; entryPoint y → y; both → y x.
    """
    entry_point = spec.entry_point or image.entry_point
    command = spec.command or (() if spec.entry_point else image.command)
    words = (*entry_point, *command)
    if not words or not words[0]:
        raise CannotStart("no command specified, and the image has none")
    if any("\0" in word for word in words):
        raise CannotStart("a NUL character in the command")
    return words


def environment(
    unit_id: str, spec: ContainerSpec, image: ImageConfig, user: User, defaults: Mapping[str, str]
) -> list[str]:
    """The marks by which leftovers are found, then the image's, ours, the definition's; the last wins."""
    ours = {"PATH": PATH, "HOME": user.home}
    values = {**ours, **dict(image.environment), **defaults, **dict(spec.environment)}
    marks = {UNIT_MARK: unit_id, CONTAINER_MARK: spec.name}
    pairs = [f"{name}={value}" for name, value in (*marks.items(), *values.items()) if name]
    if any("\0" in pair for pair in pairs):
        raise CannotStart("a NUL character in the environment")
    return pairs


def working_directory(spec: ContainerSpec, image: ImageConfig) -> str:
    """The definition's, else the image's, else /. A relative one is below / (Dockerfile WORKDIR)."""
    directory = spec.working_directory or image.working_directory or "/"
    if "\0" in directory:
        raise CannotStart("a NUL character in the working directory")
    return directory if directory.startswith("/") else f"/{directory}"


def granted(add: Sequence[str], drop: Sequence[str]) -> frozenset[str]:
    """Docker's rules: ALL in `add` or `drop` means every one, the other side's names are exceptions."""
    added, dropped = _capabilities(add), _capabilities(drop)
    if "CAP_ALL" in added:
        return CAPABILITIES_ALL - dropped
    kept = frozenset() if "CAP_ALL" in dropped else CAPABILITIES - dropped
    return kept | added


def _capabilities(names: Sequence[str]) -> frozenset[str]:
    found = frozenset(f"CAP_{name.upper().removeprefix('CAP_')}" for name in names)
    if unknown := found - CAPABILITIES_ALL - {"CAP_ALL"}:
        raise CannotStart(f"invalid capability: {min(unknown)}")
    return found


def mounts(spec: ContainerSpec, places: Places) -> list[dict[str, Any]]:
    """In the order of their depth, so that none hides another."""
    shared = SHARED_MEMORY_MIB if spec.shared_memory_mib is None else spec.shared_memory_mib
    options = ["nosuid", "noexec", "nodev", "mode=1777", f"size={shared * 1024}k"]
    memory = {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": options}
    host_files = [_bind(path, path, read_only=True) for path in places.binds]
    own = [_volume(mount, places.volumes) for mount in spec.mounts]
    own += [_tmpfs(tmpfs) for tmpfs in spec.tmpfs]
    taken = {mount["destination"] for mount in own}
    given = [mount for mount in (*_FIXED_MOUNTS, memory, *host_files) if mount["destination"] not in taken]
    return [*given, *sorted(own, key=lambda mount: str(mount["destination"]).count("/"))]


def _volume(mount: Mount, volumes: Mapping[str, str]) -> dict[str, Any]:
    if mount.kind == "other":
        raise CannotStart(f"volumes with {mount.source} are not supported by this node")
    target = _target(mount.target)
    source = mount.source if mount.kind == "host" else volumes[mount.source]
    if not source.startswith("/"):
        raise CannotStart(f"the source path {source!r} of a volume is not absolute")
    return _bind(source, target, mount.read_only)


def _bind(source: str, target: str, read_only: bool) -> dict[str, Any]:
    options = ["rbind", "rprivate", *(["ro"] if read_only else [])]
    return {"destination": target, "type": "bind", "source": source, "options": options}


def _tmpfs(tmpfs: Tmpfs) -> dict[str, Any]:
    target = _target(tmpfs.target)
    options = ["nosuid", "nodev", "noexec", *tmpfs.options, f"size={tmpfs.size_mib}m"]
    return {"destination": target, "type": "tmpfs", "source": "tmpfs", "options": options}


def _target(path: str) -> str:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not path.startswith("/") or not parts or ".." in parts or "\0" in path:
        raise CannotStart(f"invalid mount path: {path!r} must be an absolute path below /")
    return f"/{'/'.join(parts)}"


def resources(spec: ContainerSpec, limits: Limits) -> dict[str, Any]:
    """cgroup limits in the terms of version 1, which runtimes translate for version 2."""
    found: dict[str, Any] = {
        "devices": [{"allow": False, "access": "rwm"}],
        "cpu": {"shares": max(CPU_SHARES_MIN, spec.cpu_units)},
        "pids": {"limit": PIDS_MAX},
    }
    if spec.memory_mib is not None:
        limit = spec.memory_mib * MEBIBYTE
        found["memory"] = {"limit": limit, "swap": limit} if limits.swap else {"limit": limit}
    return found


def _unlimited(value: int) -> int:
    """-1 stands for no limit, in ECS and here: RLIM_INFINITY."""
    return 2**64 - 1 if value == -1 else value
