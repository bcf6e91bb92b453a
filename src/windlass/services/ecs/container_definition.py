"""One container of a task definition: what ECS refuses, and the defaults that it fills in. Pure.

Rules are those of the ECS API reference, ContainerDefinition, unless a line names another page. Rules
between containers (names, dependencies, totals) are in task_definition.py.
Known gap: links, volumes, devices and Linux parameters are checked for shape only; the process runner
cannot honour them (docs/aws/ecs.md lists what is stored and not acted on).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from windlass.fleet import log_options
from windlass.kernel.faults import Fault
from windlass.services.ecs import limits

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
_PORT_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})", re.ASCII)

MEMORY_MIB_MIN = 6
"""MiB; ContainerDefinition, memory."""
CPU_UNITS_MAX = 262_144
"""CPU units of one container; ContainerDefinition, cpu."""
PORT_MAX = 65_535
STOP_TIMEOUT_FARGATE_S_MAX = 120
"""Seconds; ContainerDefinition, stopTimeout."""
START_TIMEOUT_FARGATE_S = (2, 120)
"""Seconds; ContainerDefinition, startTimeout."""
HEALTH_CHECK_BOUNDS = {"interval": (5, 300), "timeout": (2, 60), "retries": (1, 10), "startPeriod": (0, 300)}
"""Seconds, and a count; HealthCheck."""
HEALTH_CHECK_KINDS = ("CMD", "CMD-SHELL")
"""What a health check's command begins with; HealthCheck, command."""
HEALTH_CHECK_DEFAULTS = {"interval": 30, "timeout": 5, "retries": 3}
RESTART_PERIOD_S = (60, 1_800)
"""Seconds; ContainerRestartPolicy, restartAttemptPeriod."""
RESTART_IGNORED_CODES_MAX = 50
"""Exit codes; ContainerRestartPolicy, ignoredExitCodes."""

Container = Mapping[str, Any]


def refuse(message: str) -> Fault:
    """What ECS answers to a definition that breaks its rules."""
    return Fault("ClientException", message)


def normalise(container: Container, *, network_mode: str, task_memory: int | None) -> dict[str, Any]:
    """The container as DescribeTaskDefinition shows it. Raises ClientException for what ECS refuses."""
    _check_name_and_image(container)
    _check_stores(container)
    check_cpu_and_memory(container, task_memory)
    _check_timeouts(container)
    _check_ulimits(container)
    _check_restart_policy(container)
    log_options.check(container)
    gpus(container)
    filled = dict(container)
    filled["cpu"] = container.get("cpu", 0)
    filled["essential"] = container.get("essential", True)
    for name in ("environment", "mountPoints", "volumesFrom", "systemControls"):
        filled[name] = list(container.get(name, ()))
    filled["portMappings"] = [_port_mapping(m, network_mode) for m in container.get("portMappings", ())]
    if "healthCheck" in container:
        filled["healthCheck"] = _health_check(container["healthCheck"])
    return filled


def fargate_fault(container: Container) -> str:
    """Why Fargate would not run this container, or ""."""
    name = container["name"]
    if fault := log_options.fargate_fault(container):
        return fault
    if container.get("privileged"):
        return "Fargate does not support privileged containers."
    if gpus(container):
        return f"Fargate does not support GPUs; container '{name}' needs some."
    if container.get("links"):
        return f"Links are not supported on Fargate; container '{name}' has some."
    if container.get("stopTimeout", 0) > STOP_TIMEOUT_FARGATE_S_MAX:
        return f"The stopTimeout of container '{name}' is above {STOP_TIMEOUT_FARGATE_S_MAX} seconds."
    low, high = START_TIMEOUT_FARGATE_S
    if not low <= container.get("startTimeout", low) <= high:
        return f"The startTimeout of container '{name}' is not between {low} and {high} seconds."
    if any(limit["name"] != "nofile" for limit in container.get("ulimits", ())):
        return f"Fargate only supports the nofile ulimit; container '{name}' sets another."
    return ""


def gpus(container: Container) -> int:
    """GPUs that the container reserves (ECS API reference, ResourceRequirement). Raises ClientException."""
    total = 0
    for wanted in container.get("resourceRequirements", ()):
        if wanted.get("type") != "GPU":
            continue
        value = wanted.get("value", "")
        if not re.fullmatch(r"[1-9][0-9]{0,3}", value, re.ASCII):
            raise refuse(
                f"Invalid setting for container '{container['name']}'. A GPU resource requirement must be a "
                f"whole number above 0, not '{value}'."
            )
        total += int(value)
    return total


def check_cpu_and_memory(container: Container, task_memory: int | None) -> None:
    """Refuse sizes that no container may have, by itself or in its task; overrides must keep to it too."""
    name = container["name"]
    hard, soft = container.get("memory"), container.get("memoryReservation")
    if not 0 <= container.get("cpu", 0) <= CPU_UNITS_MAX:
        raise refuse(f"Invalid setting for container '{name}'. 'cpu' must be between 0 and {CPU_UNITS_MAX}.")
    if hard is None and soft is None and task_memory is None:
        raise refuse(
            f"Invalid setting for container '{name}'. "
            "At least one of 'memory' or 'memoryReservation' must be specified."
        )
    for member, value in (("memory", hard), ("memoryReservation", soft)):
        if value is not None and value < MEMORY_MIB_MIN:
            raise refuse(
                f"Invalid setting for container '{name}'. '{member}' must be at least {MEMORY_MIB_MIN} MiB."
            )
        if value is not None and task_memory is not None and value > task_memory:
            raise refuse(
                f"Invalid setting for container '{name}'. '{member}' is greater than the memory of the task."
            )
    if hard is not None and soft is not None and hard <= soft:
        raise refuse(
            f"Invalid setting for container '{name}'. 'memory' must be greater than 'memoryReservation'."
        )


def _check_name_and_image(container: Container) -> None:
    name = container.get("name", "")
    if not name:
        raise refuse("Container.name should not be null or empty.")
    if not _NAME.fullmatch(name):
        raise refuse(
            f"Invalid container name '{name}': up to {limits.NAME_LENGTH_MAX} letters, digits, hyphens and "
            "underscores are allowed."
        )
    if not container.get("image"):
        raise refuse("Container.image should not be null or empty.")


def _check_stores(container: Container) -> None:
    """Refuse what would need a store that Windlass does not have: a task would start without its values."""
    name = container["name"]
    if container.get("logConfiguration", {}).get("secretOptions"):
        raise refuse(
            f"Container '{name}' uses secretOptions, which awslogs, the only log driver here, does not take."
        )
    if container.get("environmentFiles"):
        raise refuse(
            f"Container '{name}' uses environmentFiles: Windlass has no S3 to read them from. "
            "Use 'environment' instead."
        )
    for pair in container.get("environment", ()):
        if not pair.get("name"):
            raise refuse(f"Container '{name}' has an environment variable without a name.")


def _check_timeouts(container: Container) -> None:
    for member in ("startTimeout", "stopTimeout"):
        if container.get(member, 0) < 0:
            raise refuse(f"The {member} of container '{container['name']}' must not be negative.")


def _check_ulimits(container: Container) -> None:
    """-1 is without limit (getrlimit(2)); a soft limit above the hard one could never be set."""
    for limit in container.get("ulimits", ()):
        soft, hard = limit["softLimit"], limit["hardLimit"]
        if min(soft, hard) < -1 or (hard != -1 and not 0 <= soft <= hard):
            raise refuse(
                f"Invalid ulimit '{limit['name']}' of container '{container['name']}': the soft limit must "
                "not be above the hard limit, and neither below -1."
            )


def _check_restart_policy(container: Container) -> None:
    policy = container.get("restartPolicy")
    if policy is None:
        return
    low, high = RESTART_PERIOD_S
    if not low <= policy.get("restartAttemptPeriod", low) <= high:
        raise refuse(f"restartAttemptPeriod must be between {low} and {high} seconds.")
    if len(policy.get("ignoredExitCodes", ())) > RESTART_IGNORED_CODES_MAX:
        raise refuse(f"ignoredExitCodes can have at most {RESTART_IGNORED_CODES_MAX} items.")


def _health_check(check: Mapping[str, Any]) -> dict[str, Any]:
    if not check["command"]:
        raise refuse("HealthCheck.command should not be empty.")
    for member, (low, high) in HEALTH_CHECK_BOUNDS.items():
        if not low <= check.get(member, low) <= high:
            raise refuse(f"HealthCheck.{member} must be between {low} and {high}.")
    if check["command"][0] not in HEALTH_CHECK_KINDS or len(check["command"]) < 2:
        raise refuse(
            f"HealthCheck.command must start with {' or '.join(HEALTH_CHECK_KINDS)}, then a command."
        )
    return {**HEALTH_CHECK_DEFAULTS, **check}


def _port_mapping(mapping: Mapping[str, Any], network_mode: str) -> dict[str, Any]:
    """With its defaults: tcp; the host port of awsvpc and host mode is the container's own."""
    if network_mode == "none":
        raise refuse("Port mappings are not supported when the network mode is none.")
    filled = {"protocol": "tcp", **mapping}
    if "containerPortRange" in mapping:
        return _port_range(filled)
    port, host = mapping.get("containerPort"), mapping.get("hostPort")
    if port is None:
        raise refuse("PortMapping needs a containerPort or a containerPortRange.")
    for value in (port, host or 0):
        if not 0 <= value <= PORT_MAX:
            raise refuse(f"Port {value} is not between 0 and {PORT_MAX}.")
    if network_mode == "bridge":
        return {**filled, "hostPort": host or 0}
    if host and host != port:
        raise refuse(
            f"When networkMode={network_mode}, the host ports and container ports in port mappings "
            "must match."
        )
    return {**filled, "hostPort": port}


def _port_range(mapping: dict[str, Any]) -> dict[str, Any]:
    if "containerPort" in mapping or "hostPort" in mapping:
        raise refuse("containerPortRange cannot be used with containerPort or hostPort.")
    found = _PORT_RANGE.fullmatch(mapping["containerPortRange"])
    if found is None or not 1 <= int(found[1]) < int(found[2]) <= PORT_MAX:
        raise refuse(f"Invalid containerPortRange '{mapping['containerPortRange']}'.")
    if int(found[2]) - int(found[1]) >= limits.PORT_RANGE_MAX:
        raise refuse(
            f"Windlass takes port ranges of up to {limits.PORT_RANGE_MAX} ports; "
            f"'{mapping['containerPortRange']}' has more."
        )
    return mapping
