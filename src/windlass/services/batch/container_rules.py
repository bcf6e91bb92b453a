"""What a container of a job may be, and a volume. Pure.

For containerProperties (which are task and container in one) and for each container of ecsProperties.
Rules: Batch API reference, ContainerProperties, TaskContainerProperties, LinuxParameters, Volume.
Known gap: devices, swap, tmpfs and the like are checked for shape only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from windlass.services.batch import limits, log_configuration
from windlass.services.batch.faults import invalid, not_here

Container = Mapping[str, Any]

LISTS = ("command", "volumes", "environment", "mountPoints", "ulimits", "secrets", "resourceRequirements")
"""Shown as empty lists where a definition has none."""
FARGATE_LINUX = frozenset({"initProcessEnabled"})
"""The Linux parameters that Fargate honours."""
ULIMITS = frozenset(
    (
        *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc"),
        *("rss", "rtprio", "rttime", "sigpending", "stack"),
    )
)
"""ECS API reference, Ulimit, name: Batch's are handed to Docker as ECS's are."""
TIMEOUTS_S = {"startTimeout": (2, 120), "stopTimeout": (0, 120)}
"""At least, and on Fargate at most; BC, TaskContainerProperties."""
SWAPPINESS_MAX = 100
_VOLUME_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)


def check(container: Container, *, fargate: bool) -> None:
    """Raises ClientException for a container that AWS refuses on that platform. Sizes: requirements.py."""
    if not container.get("image"):
        raise invalid("Container image is required.")
    check_environment(container.get("environment", ()))
    log_configuration.check(container, fargate=fargate)
    _check_timeouts(container, fargate=fargate)
    _check_ulimits(container, fargate=fargate)
    _check_linux(container.get("linuxParameters", {}), fargate=fargate)
    if not fargate:
        return
    if container.get("privileged"):
        raise invalid("Fargate requires that the 'privileged' setting be 'false' at the container level.")


def check_volumes(task: Mapping[str, Any], containers: Iterable[Container], *, fargate: bool) -> None:
    """Raises ClientException for volumes that AWS refuses, and for mounts of those that are not there."""
    names = set()
    for volume in task.get("volumes", ()):
        name = volume.get("name", "")
        if not _VOLUME_NAME.fullmatch(name):
            raise invalid(f"Volume name '{name[:255]}' is not valid.")
        if name in names:
            raise invalid(f"Volume name '{name}' is given twice.")
        names.add(name)
        if "s3filesVolumeConfiguration" in volume:
            raise not_here("volumes of Amazon S3 Files")
        if fargate and volume.get("host", {}).get("sourcePath"):
            raise invalid("sourcePath of a volume's host is not applicable for Fargate.")
    for container in containers:
        for mount in container.get("mountPoints", ()):
            if mount.get("sourceVolume") not in names:
                raise invalid(f"Unknown volume '{mount.get('sourceVolume')}' in mountPoints.")
            if not mount.get("containerPath", "").startswith("/"):
                raise invalid("containerPath of a mount point must be an absolute path.")


def check_environment(variables: Iterable[Mapping[str, str]]) -> None:
    """Raises ClientException for environment variables that no job may have."""
    for variable in variables:
        name = variable.get("name", "")
        if not name or "=" in name or "\0" in name + variable.get("value", ""):
            raise invalid(f"Environment variable name '{name[:255]}' is not valid.")
        if name.startswith(limits.ENVIRONMENT_PREFIX):
            raise invalid(
                f"Environment variable name '{name[:255]}' must not begin with "
                f"{limits.ENVIRONMENT_PREFIX}: these names are reserved."
            )


def _check_ulimits(container: Container, *, fargate: bool) -> None:
    for limit in container.get("ulimits", ()):
        if limit["name"] not in ULIMITS:
            raise invalid(f"ulimit name '{limit['name'][:20]}' is not valid.")
        if not 0 <= limit["softLimit"] <= limit["hardLimit"]:
            raise invalid(f"The softLimit of ulimit {limit['name']} is not between 0 and its hardLimit.")
        if fargate and limit["name"] != "nofile":
            raise invalid(f"ulimit {limit['name']} is not applicable for Fargate.")


def _check_timeouts(container: Container, *, fargate: bool) -> None:
    """Of containers of ecsProperties."""
    for name, (low, high) in TIMEOUTS_S.items():
        asked = container.get(name, low)
        if asked < low:
            raise invalid(f"{name} must be at least {low} seconds.")
        if fargate and asked > high:
            raise invalid(f"{name} must be at most {high} seconds.")


def _check_linux(parameters: Mapping[str, Any], *, fargate: bool) -> None:
    for name in sorted(set(parameters) - FARGATE_LINUX) if fargate else ():
        raise invalid(f"{name} is not applicable for Fargate.")
    if not 0 <= parameters.get("swappiness", 0) <= SWAPPINESS_MAX:
        raise invalid(f"swappiness must be between 0 and {SWAPPINESS_MAX}.")
    if parameters.get("maxSwap", 0) < 0 or parameters.get("sharedMemorySize", 1) < 1:
        raise invalid("maxSwap must not be negative, and sharedMemorySize must be positive.")
