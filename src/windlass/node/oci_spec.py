"""From a container's specification and its image to the OCI runtime's config.json. Pure.

Decides command, environment, user, capabilities, mounts and limits as Docker and the ECS agent combine
them; knows no directory beyond those that it is told, starts nothing. Source, unless a line names another:
OCI runtime specification 1.0, config.md and config-linux.md; Docker's defaults (moby: oci/defaults.go).
What the task as a whole may have is task_room.py's business. Known gaps: no pseudo terminals for a
container's own command; a privileged container sees the usual devices and those that its definition names;
AppArmor and SELinux labels are not set.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from windlass.fleet.messages import ContainerSpec, Device, Mount, Tmpfs
from windlass.node.command import CannotStart
from windlass.node.images.config import ImageConfig
from windlass.node.oci_capabilities import ALL, granted
from windlass.node.oci_seccomp import profile
from windlass.node.oci_users import User
from windlass.node.proc import CONTAINER_MARK, UNIT_MARK
from windlass.node.sandbox import HOST, Sandbox
from windlass.node.task_room import CPU_SHARES_MIN, MEBIBYTE

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Docker's, for images that set none."""
PIDS_MAX = 16_384
"""Processes and threads of one container: ours, so that one fork bomb does not take the host's."""
SHARED_MEMORY_MIB = 64
"""Docker's size of /dev/shm."""

MASKED_PATHS = (
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
    "/sys/devices/virtual/powercap", "/sys/firmware",
)  # fmt: skip
INIT = "/sbin/docker-init"
"""Where Docker puts its init into a container."""
OWN_SYSCTLS = ("kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall",
    "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced")  # fmt: skip
"""Settings that an IPC namespace has for itself, with fs.mqueue.*; any other would change the host's."""
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
    """Where the host has what the container gets. `binds`: its path of a file → the host's, read-only."""

    root: str
    cgroup: str
    volumes: Mapping[str, str]
    """Host directory of each volume of the task's own."""
    binds: Mapping[str, str] = field(default_factory=dict)
    devices: Sequence[HostDevice] = ()
    sandbox: Sandbox = HOST


@dataclass(frozen=True, slots=True)
class HostDevice:
    """A device of the host, looked up: what config.json wants to know of it."""

    device: Device
    kind: str
    """"c" or "b"."""
    major: int
    minor: int
    mode: int
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What this host can do."""

    swap: bool = True
    """Whether it accounts swap: without, memory is bounded and swap is not."""
    init: str = ""
    """Its static init program; "": there is none."""
    capabilities: frozenset[str] = ALL
    """What it can give at most: the agent's own bounding set."""
    rootless: bool = False
    """See oci_rootless.py, which takes away what such a host has not."""


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
    wanted, unwanted = (("ALL",), ()) if spec.privileged else (spec.capabilities_add, spec.capabilities_drop)
    capabilities = granted(wanted, unwanted, limits.capabilities)
    held = sorted(capabilities) if user.uid == 0 else []
    first = (INIT, "--") if spec.init else ()
    guarded = (
        {}
        if spec.privileged
        else {
            "maskedPaths": list(MASKED_PATHS),
            "readonlyPaths": list(READ_ONLY_PATHS),
            "seccomp": profile(capabilities),
        }
    )
    return {
        "ociVersion": "1.0.0",
        "process": {
            "terminal": False,
            "user": {"uid": user.uid, "gid": user.gid, "additionalGids": list(user.groups)},
            "args": [*first, *arguments(spec, image)],
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
        "mounts": mounts(spec, places, limits),
        "linux": {
            "namespaces": namespaces(places.sandbox),
            "cgroupsPath": places.cgroup,
            "resources": resources(spec, limits, places.devices),
            "devices": [_device(found) for found in places.devices],
            "sysctl": sysctls(spec, places.sandbox),
            **guarded,
        },
        **({"hostname": places.sandbox.hostname} if places.sandbox.hostname else {}),
    }


def namespaces(sandbox: Sandbox) -> list[dict[str, str]]:
    """New ones, but for the network's: that is the sandbox's, or the host's, which is not mentioned."""
    found = [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "cgroup")]
    return [*found, {"type": "network", "path": sandbox.netns}] if sandbox.netns else found


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


def sysctls(spec: ContainerSpec, sandbox: Sandbox) -> dict[str, str]:
    """Only what the container's own namespaces have; Docker refuses the others in the same way."""
    prefixes = ("fs.mqueue.", "net.") if sandbox.netns else ("fs.mqueue.",)
    for name, _ in spec.sysctls:
        if name not in OWN_SYSCTLS and not name.startswith(prefixes):
            raise CannotStart(f"sysctl {name} is not of the container's own: it would change the node's")
    return dict(spec.sysctls)


def _device(found: HostDevice) -> dict[str, Any]:
    return {
        "path": _target(found.device.target),
        "type": found.kind,
        "major": found.major,
        "minor": found.minor,
        "fileMode": found.mode,
        "uid": found.uid,
        "gid": found.gid,
    }


def mounts(spec: ContainerSpec, places: Places, limits: Limits) -> list[dict[str, Any]]:
    """In the order of their depth, so that none hides another."""
    shared = SHARED_MEMORY_MIB if spec.shared_memory_mib is None else spec.shared_memory_mib
    options = ["nosuid", "noexec", "nodev", "mode=1777", f"size={shared * 1024}k"]
    memory = {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": options}
    host_files = [_bind(source, target, read_only=True) for target, source in places.binds.items()]
    if spec.init:
        if not limits.init:
            raise CannotStart("initProcessEnabled needs a static init on the node: apt-get install tini")
        host_files.append(_bind(limits.init, INIT, read_only=True))
    own = [_volume(mount, places.volumes) for mount in spec.mounts]
    own += [_tmpfs(tmpfs) for tmpfs in spec.tmpfs]
    taken = {mount["destination"] for mount in own}
    fixed = [_writable(mount) if spec.privileged else mount for mount in _FIXED_MOUNTS]
    given = [mount for mount in (*fixed, memory, *host_files) if mount["destination"] not in taken]
    return [*given, *sorted(own, key=lambda mount: str(mount["destination"]).count("/"))]


def _writable(mount: Mapping[str, Any]) -> dict[str, Any]:
    """A privileged container may change /sys and its cgroups."""
    return {**mount, "options": [option for option in mount["options"] if option != "ro"]}


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


def resources(spec: ContainerSpec, limits: Limits, devices: Sequence[HostDevice] = ()) -> dict[str, Any]:
    """cgroup limits in the terms of version 1, which runtimes translate for version 2."""
    allowed = [
        {"allow": True, "type": d.kind, "major": d.major, "minor": d.minor, "access": d.device.access}
        for d in devices
    ]
    found: dict[str, Any] = {
        "devices": [{"allow": spec.privileged, "access": "rwm"}, *allowed],
        "cpu": {"shares": max(CPU_SHARES_MIN, spec.cpu_units)},
        "pids": {"limit": PIDS_MAX},
    }
    if spec.memory_mib is not None:
        limit = spec.memory_mib * MEBIBYTE
        found["memory"] = {"limit": limit}
        if limits.swap:
            found["memory"]["swap"] = limit + spec.swap_mib * MEBIBYTE if spec.swap_mib >= 0 else -1
        if spec.swappiness is not None:
            found["memory"]["swappiness"] = spec.swappiness
    return found


def _unlimited(value: int) -> int:
    """-1 stands for no limit, in ECS and here: RLIM_INFINITY."""
    return 2**64 - 1 if value == -1 else value


def stop_signal(name: str) -> int:
    """STOPSIGNAL: "SIGINT", "INT" or a number; SIGTERM for nothing and nonsense."""
    if name.isascii() and name.isdigit() and len(name) < 4 and 0 < int(name) < signal.NSIG:
        return int(name)
    found = getattr(signal, f"SIG{name.upper().removeprefix('SIG')}", signal.SIGTERM)
    return int(found) if isinstance(found, signal.Signals) else signal.SIGTERM
