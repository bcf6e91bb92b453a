"""From container definitions, as ECS has them, to what a node runs. Pure. ECS and Batch share it.

A Batch job is run as a task whose containers have this shape too. What of it comes from where (a definition,
overrides, parameters) is the services' own business. Must not know where the unit will run.

Our own decision: every container gets the Region, and without a role credentials too, unless its definition
sets those names itself. Where the plane is, the node tells it: not every node has the same way there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from msgspec.structs import replace

from windlass.aws.container_secrets import NOTHING, Read
from windlass.fleet import log_options
from windlass.fleet.log_options import MODE_DEFAULT
from windlass.fleet.messages import (
    ContainerSpec,
    Device,
    HealthCheck,
    LogOptions,
    Mount,
    RestartPolicy,
    Tmpfs,
    Ulimit,
)
from windlass.fleet.networks import NetworkMode, PortMapping

STOP_TIMEOUT_S = 30.0
"""Seconds between SIGTERM and SIGKILL; ContainerDefinition, stopTimeout."""

RESTART_PERIOD_S = 300
"""ContainerRestartPolicy, restartAttemptPeriod."""

PLAIN_SECRET = "windlass"
"""The secret of a unit without a role: good under `--auth open` only."""

ContainerShape: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a task's containers are told about the world."""

    account: str
    region: str
    access_key: str = ""
    secret_key: str = ""
    """"" for a task with a role, which asks its agent for credentials instead."""
    log_mode: str = MODE_DEFAULT
    """Delivery mode of containers that do not say (the account setting defaultLogDriverMode)."""
    missing_groups: frozenset[tuple[str, str]] = frozenset()
    """(Region, name) of log groups that the task's containers need and that are not there."""
    secrets: Read = NOTHING

    def told(self, container: ContainerShape) -> dict[str, str]:
        """The container's environment: what all are told, its own variables, and its secrets."""
        told = {"AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region}
        if self.access_key:
            told |= {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}
        return (
            told
            | named_values(container["environment"])
            | dict(self.secrets.values.get(container["name"], {}))
        )


def specs(
    containers: Sequence[ContainerShape],
    launch_type: str,
    memory_mib: int,
    around: Surroundings,
    volumes: Sequence[Mapping[str, Any]] = (),
    mode: NetworkMode = "host",
) -> tuple[ContainerSpec, ...]:
    """What a node runs of these containers: without ARNs, and with an output that goes nowhere yet.

    `memory_mib` is the task's own or 0, `volumes` are the definition's.
    """
    mounts = _mounts(containers, {volume["name"]: _volume(volume) for volume in volumes})
    return tuple(
        _container_spec(
            container, memory_mib or None, around.told(container), _fault(container, launch_type, around),
            log_options.delivery(container, around.log_mode), mounts[container["name"]], mode,
        )
        for container in containers
    )  # fmt: skip


def _container_spec(
    container: ContainerShape,
    task_memory_mib: int | None,
    environment: Mapping[str, str],
    cannot_start: str,
    delivery: LogOptions,
    mounts: tuple[Mount, ...],
    mode: NetworkMode,
) -> ContainerSpec:
    linux = container.get("linuxParameters", {})
    capabilities = linux.get("capabilities", {})
    return ContainerSpec(
        name=container["name"],
        image=container["image"],
        entry_point=tuple(container.get("entryPoint", ())),
        command=tuple(container.get("command", ())),
        environment=tuple(environment.items()),
        working_directory=container.get("workingDirectory", ""),
        user=container.get("user", ""),
        essential=container["essential"],
        depends_on=tuple((on["containerName"], on["condition"]) for on in container.get("dependsOn", ())),
        start_timeout_s=container.get("startTimeout"),
        stop_timeout_s=float(container.get("stopTimeout", STOP_TIMEOUT_S)),
        memory_mib=container.get("memory", task_memory_mib),
        cpu_units=container["cpu"],
        ulimits=tuple(
            Ulimit(limit["name"], limit["softLimit"], limit["hardLimit"])
            for limit in container.get("ulimits", ())
        ),
        log_options=delivery,
        cannot_start=cannot_start,
        mounts=mounts,
        tmpfs=tuple(
            Tmpfs(tmpfs["containerPath"], tmpfs["size"], tuple(tmpfs.get("mountOptions", ())))
            for tmpfs in linux.get("tmpfs", ())
        ),
        read_only_root=container.get("readonlyRootFilesystem", False),
        shared_memory_mib=linux.get("sharedMemorySize"),
        capabilities_add=tuple(capabilities.get("add", ())),
        capabilities_drop=tuple(capabilities.get("drop", ())),
        init=linux.get("initProcessEnabled", False),
        privileged=container.get("privileged", False),
        devices=tuple(_device(device) for device in linux.get("devices", ())),
        sysctls=tuple((s["namespace"], s["value"]) for s in container.get("systemControls", ())),
        swap_mib=linux.get("maxSwap", 0),
        swappiness=linux.get("swappiness"),
        health_check=_health_check(container.get("healthCheck")),
        restart_policy=_restart_policy(container.get("restartPolicy")),
        labels=tuple(container.get("dockerLabels", {}).items()),
        ports=tuple(port for mapping in container.get("portMappings", ()) for port in _ports(mapping, mode)),
    )


def _ports(mapping: Mapping[str, Any], mode: NetworkMode) -> list[PortMapping]:
    """A mapping's ports. In mode bridge each port of a range gets a host port that the node picks."""
    protocol = mapping["protocol"]
    if "containerPortRange" not in mapping:
        return [PortMapping(mapping["containerPort"], mapping["hostPort"], protocol)]
    low, high = map(int, mapping["containerPortRange"].split("-"))
    return [PortMapping(port, 0 if mode == "bridge" else port, protocol) for port in range(low, high + 1)]


def _volume(volume: Mapping[str, Any]) -> Mount:
    """Where a volume's content is: a place of the host, the task's own directory, or elsewhere (Volume)."""
    elsewhere = [member for member in volume if member.endswith("Configuration")]
    elsewhere += ["configuredAtLaunch"] if volume.get("configuredAtLaunch") else []
    if elsewhere == ["dockerVolumeConfiguration"]:
        return _docker_volume(volume["name"], volume["dockerVolumeConfiguration"])
    if elsewhere:
        return Mount("other", elsewhere[0], "")
    source = volume.get("host", {}).get("sourcePath", "")
    return Mount("host", source, "") if source else Mount("task", volume["name"], "")


def _docker_volume(name: str, made: Mapping[str, Any]) -> Mount:
    """DockerVolumeConfiguration: of the task unless its scope is "shared"; no driver but the local one."""
    if made.get("driver", "local") != "local":
        return Mount("other", f"the Docker volume driver {made['driver']}", "")
    if made.get("driverOpts"):
        return Mount("other", "driverOpts", "")
    if made.get("scope", "task") == "task":
        return Mount("task", name, "")
    return Mount("node", name, "", provision=made.get("autoprovision", False))


def _mounts(
    containers: Sequence[ContainerShape], volumes: Mapping[str, Mount]
) -> dict[str, tuple[Mount, ...]]:
    """Per container: its mountPoints, then what it takes from others (volumesFrom), as Docker does.

    A path of its own wins over one that is taken; what is taken may be taken on, in a circle too.
    """
    found = {
        container["name"]: {
            point.get("containerPath", ""): _mount(point, volumes)
            for point in container.get("mountPoints", ())
        }
        for container in containers
    }
    for _ in containers:  # as far as the longest chain
        for container in containers:
            own = found[container["name"]]
            for other in container.get("volumesFrom", ()):
                for path, mount in list(found[other["sourceContainer"]].items()):
                    only_read = mount.read_only or other.get("readOnly", False)
                    own.setdefault(path, replace(mount, read_only=only_read))
    return {name: tuple(mounts.values()) for name, mounts in found.items()}


def _mount(point: Mapping[str, Any], volumes: Mapping[str, Mount]) -> Mount:
    target, read_only = point.get("containerPath", ""), point.get("readOnly", False)
    return replace(volumes[point["sourceVolume"]], target=target, read_only=read_only)


def _device(device: Mapping[str, Any]) -> Device:
    """Without permissions all three are given (Device)."""
    letters = {"read": "r", "write": "w", "mknod": "m"}
    asked = device.get("permissions") or letters
    access = "".join(letter for name, letter in letters.items() if name in asked)
    return Device(device["hostPath"], device.get("containerPath") or device["hostPath"], access)


def _health_check(check: Mapping[str, Any] | None) -> HealthCheck | None:
    """CMD-SHELL runs under /bin/sh, as Docker has it; what follows its first word is the shell's."""
    if check is None:
        return None
    kind, *words = check["command"]
    return HealthCheck(
        command=("/bin/sh", "-c", *words) if kind == "CMD-SHELL" else tuple(words),
        interval_s=float(check["interval"]),
        timeout_s=float(check["timeout"]),
        retries=check["retries"],
        start_period_s=float(check.get("startPeriod", 0)),
    )


def _restart_policy(policy: Mapping[str, Any] | None) -> RestartPolicy | None:
    if policy is None or not policy["enabled"]:
        return None
    period = policy.get("restartAttemptPeriod", RESTART_PERIOD_S)
    return RestartPolicy(tuple(policy.get("ignoredExitCodes", ())), float(period))


def _fault(container: ContainerShape, launch_type: str, around: Surroundings) -> str:
    """Why the container cannot start for want of its secrets or its log group, "" when it can."""
    if container["name"] in around.secrets.faults:
        return around.secrets.faults[container["name"]]
    if log_options.group_of(container) not in around.missing_groups:
        return ""
    return log_options.GROUP_MISSING_FARGATE if launch_type == "FARGATE" else log_options.GROUP_MISSING_EC2


def named_values(environment: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """An environment as a mapping, name → value; of two of one name the later one counts."""
    return {pair["name"]: pair.get("value", "") for pair in environment}
