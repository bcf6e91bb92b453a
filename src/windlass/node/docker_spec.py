"""From a container's specification to what the Docker Engine is asked to create; and back from what it says.

Pure. Decides names, labels and settings as the ECS agent sets them, and where ours differ says why; knows no
connection. Docker itself combines image and specification (ENTRYPOINT, CMD, ENV, WORKDIR, USER), and looks up
users. Source, unless a line names another: Docker Engine API 1.41, ContainerCreate.
Known gaps: one memory and CPU limit per container and none for the task or instance as a whole (decision
0011); no pseudo terminals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from windlass.fleet.messages import ContainerSpec, Mount
from windlass.kernel.clock import SECOND, Instant
from windlass.node.faults import CannotCreate
from windlass.node.task_room import CPU_SHARES_MIN, MEBIBYTE

HOME_LABEL = "windlass.home"
"""Which agent's data directory a container or volume belongs to: the directory itself, not its path."""
DATA_LABEL = "windlass.data"
"""The path of that directory, for people and for `windlass agent doctor`."""
UNIT_LABEL = "windlass.unit"
CONTAINER_LABEL = "windlass.container"
PIDS_MAX = 16_384
"""Processes and threads of one container, as under the oci runner."""


@dataclass(frozen=True, slots=True)
class Home:
    """The agent that containers belong to. `id` survives a move of the directory, and is no copy's."""

    id: str
    data: str

    def labels(self, unit_id: str) -> dict[str, str]:
        return {HOME_LABEL: self.id, DATA_LABEL: self.data, UNIT_LABEL: unit_id}


@dataclass(frozen=True, slots=True)
class Joined:
    """The network that a container is put into, as Docker names it; and files of the host that belong to it:

    (path in the container, path on the host).
    """

    mode: str = "host"
    files: tuple[tuple[str, str], ...] = ()


ON_THE_HOST = Joined()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a container is. Instants are 0 when Docker knows none."""

    status: str
    exit_code: int
    out_of_memory: bool
    pid: int
    started_at: Instant
    finished_at: Instant
    stop_signal: str

    @property
    def runs(self) -> bool:
        return self.status in ("running", "paused", "restarting")


def container_name(unit_id: str, container: str) -> str:
    """Docker's name for it: the same for an agent that comes after this one. No unit id has a dot."""
    return f"windlass.{unit_id}.{container}"


def volume_name(unit_id: str, volume: str) -> str:
    return f"windlass.{unit_id}.{volume}"


def create_body(
    unit_id: str,
    spec: ContainerSpec,
    image: str,
    defaults: Mapping[str, str],
    home: Home,
    network: Joined = ON_THE_HOST,
) -> dict[str, Any]:
    """The body of ContainerCreate. Raises CannotCreate for what cannot be.

    `image`: what Docker calls it. An entry point takes both of the image's ENTRYPOINT and CMD away, as with
    `docker run`. Labels of ours win over the definition's.
    """
    body: dict[str, Any] = {
        "Image": image,
        "Env": environment(spec, defaults),
        "Labels": {**dict(spec.labels), **home.labels(unit_id), CONTAINER_LABEL: spec.name},
        "HostConfig": host_config(unit_id, spec, network),
    }
    if spec.entry_point:
        body["Entrypoint"] = list(spec.entry_point)
    if spec.command:
        body["Cmd"] = list(spec.command)
    if spec.user:
        body["User"] = spec.user
    if spec.working_directory:
        body["WorkingDir"] = spec.working_directory
    if _has_nul(body):
        raise CannotCreate("a NUL character in the container's definition")
    return body


def environment(spec: ContainerSpec, defaults: Mapping[str, str]) -> list[str]:
    """The definition's variables over ours; Docker puts both over the image's."""
    return [f"{name}={value}" for name, value in {**defaults, **dict(spec.environment)}.items() if name]


def host_config(unit_id: str, spec: ContainerSpec, network: Joined = ON_THE_HOST) -> dict[str, Any]:
    """Limits, mounts and isolation.

    Without a log target nothing of the output is kept; with one Docker's file keeps it until it was read,
    which is what lets an agent that comes later go on reading.
    """
    return {
        "NetworkMode": network.mode,
        "RestartPolicy": {"Name": "no"},
        "AutoRemove": False,
        "LogConfig": {"Type": "none" if spec.log is None else "json-file", "Config": {}},
        "CpuShares": max(CPU_SHARES_MIN, spec.cpu_units),
        "PidsLimit": PIDS_MAX,
        "ReadonlyRootfs": spec.read_only_root,
        "Privileged": spec.privileged,
        "Init": spec.init,
        "CapAdd": list(spec.capabilities_add),
        "CapDrop": list(spec.capabilities_drop),
        "Devices": [
            {"PathOnHost": d.source, "PathInContainer": d.target, "CgroupPermissions": d.access}
            for d in spec.devices
        ],
        "Sysctls": dict(spec.sysctls),
        "Ulimits": [{"Name": u.name, "Soft": u.soft, "Hard": u.hard} for u in spec.ulimits],
        "Binds": [*(bind(unit_id, mount) for mount in spec.mounts), *_files(spec, network)],
        "Tmpfs": {
            tmpfs.target: ",".join((f"size={tmpfs.size_mib}m", *tmpfs.options)) for tmpfs in spec.tmpfs
        },
        **_memory(spec),
    }


def _files(spec: ContainerSpec, network: Joined) -> list[str]:
    """What names and addresses mean in that network, unless the definition mounts its own."""
    taken = {mount.target for mount in spec.mounts}
    return [f"{source}:{target}:ro" for target, source in network.files if target not in taken]


def _memory(spec: ContainerSpec) -> dict[str, int]:
    """The hard limit, with as much swap on top as the definition says: none if it says nothing."""
    found = {} if spec.shared_memory_mib is None else {"ShmSize": spec.shared_memory_mib * MEBIBYTE}
    if spec.memory_mib is not None:
        limit = spec.memory_mib * MEBIBYTE
        found["Memory"] = limit
        found["MemorySwap"] = limit + spec.swap_mib * MEBIBYTE if spec.swap_mib >= 0 else -1
        if spec.swappiness is not None:
            found["MemorySwappiness"] = spec.swappiness
    return found


def bind(unit_id: str, mount: Mount) -> str:
    """`source:target[:ro]`. Docker makes a host path that is missing (HostVolumeProperties, sourcePath)."""
    match mount.kind:
        case "host":
            source = mount.source
            if not source.startswith("/"):
                raise CannotCreate(f"the source path {source!r} of a volume is not absolute")
        case "task":
            source = volume_name(unit_id, mount.source)
        case "node":
            source = mount.source
        case _:
            raise CannotCreate(f"volumes with {mount.source} are not supported by this node")
    parts = mount.target.split("/")
    if not mount.target.startswith("/") or ".." in parts or not any(part not in ("", ".") for part in parts):
        raise CannotCreate(f"invalid mount path: {mount.target!r} must be an absolute path below /")
    if ":" in source or ":" in mount.target:
        raise CannotCreate(f"invalid volume specification: a colon in {source!r} or {mount.target!r}")
    return f"{source}:{mount.target}{':ro' if mount.read_only else ''}"


def volumes(unit_id: str, spec: ContainerSpec) -> list[str]:
    """Docker's names of the task's own volumes that the container has."""
    return sorted({volume_name(unit_id, mount.source) for mount in spec.mounts if mount.kind == "task"})


def volumes_expected(spec: ContainerSpec) -> list[str]:
    """Volumes of the node that have to be there already (DockerVolumeConfiguration, autoprovision)."""
    return sorted({mount.source for mount in spec.mounts if mount.kind == "node" and not mount.provision})


def outcome(container: Mapping[str, Any]) -> Outcome:
    """What ContainerInspect says."""
    state = container["State"]
    return Outcome(
        status=str(state.get("Status", "")),
        exit_code=int(state.get("ExitCode", 0)),
        out_of_memory=bool(state.get("OOMKilled")),
        pid=int(state.get("Pid", 0)),
        started_at=instant(str(state.get("StartedAt", ""))),
        finished_at=instant(str(state.get("FinishedAt", ""))),
        stop_signal=str((container.get("Config") or {}).get("StopSignal") or "SIGTERM"),
    )


def instant(text: str) -> Instant:
    """RFC 3339 with nanoseconds; 0 for Docker's "0001-01-01T00:00:00Z" and for what is none.

    >>> instant("2020-09-13T12:26:40.123456789Z")
    1600000000123456789
    """
    whole, _, fraction = text.removesuffix("Z").partition(".")
    try:
        at = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
        nanoseconds = int(f"{fraction[:9]:0<9}")
    except ValueError:
        return 0
    return max(0, int((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * SECOND + nanoseconds)


def stamp(at: Instant) -> str:
    """An instant as `since` takes it: seconds and nanoseconds.

    >>> stamp(1_600_000_000_000_000_007)
    '1600000000.000000007'
    """
    return f"{at // SECOND}.{at % SECOND:09d}"


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(_has_nul(part) for part in value)
