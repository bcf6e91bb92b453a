"""How this node gets its images and keeps them: the agent's options, by the names the ECS agent has for them.
Pure.

amazon-ecs-agent, README, "Environment Variables"; facts/ecs.md, "agent defaults". Those that begin with
WINDLASS are ours. They are read once, by the agent's composition root.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from windlass.kernel.clock import SECOND, Duration, seconds

Behavior = Literal["default", "always", "once", "prefer-cached"]
CLEANUP_INTERVAL_S_MIN = 600
"""Below 10 minutes the ECS agent takes its default."""
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class BadSetting(ValueError):
    """One line with the variable and what it may be."""


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """What the agent was told. `insecure` are registries ("host:port") that are asked without TLS;
    `auth_file` is

    one like ~/.docker/config.json, "" for none; `budget` is in bytes, 0 for none.
    """

    behavior: Behavior = "default"
    insecure: frozenset[str] = frozenset()
    auth_file: str = ""
    pull_timeout: Duration = 2 * 3600 * SECOND
    cleanup: bool = True
    cleanup_interval: Duration = 30 * 60 * SECOND
    minimum_age: Duration = 3600 * SECOND
    deletes_per_cycle: int = 5
    budget: int = 0


def read(environment: Mapping[str, str]) -> ImageSettings:
    """The settings in those variables. Raises BadSetting."""
    known = ImageSettings()
    behavior = environment.get("ECS_IMAGE_PULL_BEHAVIOR") or known.behavior
    if behavior not in get_args(Behavior):
        raise BadSetting(
            f"ECS_IMAGE_PULL_BEHAVIOR is one of {', '.join(get_args(Behavior))}, not {behavior!r}"
        )
    hosts = environment.get("WINDLASS_INSECURE_REGISTRIES", "").split(",")
    off = environment.get("ECS_DISABLE_IMAGE_CLEANUP", "").lower() == "true"
    return ImageSettings(
        behavior=behavior,  # type: ignore[arg-type]
        insecure=frozenset(host.strip() for host in hosts if host.strip()),
        auth_file=environment.get("WINDLASS_REGISTRY_AUTH_FILE", ""),
        pull_timeout=_duration(environment, "ECS_IMAGE_PULL_TIMEOUT", known.pull_timeout),
        cleanup=not off and behavior != "prefer-cached",
        cleanup_interval=_duration(
            environment, "ECS_IMAGE_CLEANUP_INTERVAL", known.cleanup_interval, CLEANUP_INTERVAL_S_MIN
        ),
        minimum_age=_duration(environment, "ECS_IMAGE_MINIMUM_CLEANUP_AGE", known.minimum_age),
        deletes_per_cycle=_count(environment, "ECS_NUM_IMAGES_DELETE_PER_CYCLE", known.deletes_per_cycle),
        budget=_count(environment, "WINDLASS_IMAGE_BUDGET_MIB", 0, least=0) * 2**20,
    )


def _duration(environment: Mapping[str, str], name: str, default: Duration, least_s: float = 0) -> Duration:
    """As Go writes them: "30m", "1h30m"."""
    text = environment.get(name, "")
    if not text:
        return default
    if _DURATION.sub("", text):
        raise BadSetting(f"{name} is a duration such as 30m or 1h30m, not {text[:40]!r}")
    found = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))
    return default if found < least_s else seconds(found)


def _count(environment: Mapping[str, str], name: str, default: int, least: int = 1) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 12) or int(text) < least:
        raise BadSetting(f"{name} is a whole number, at least {least}, not {text[:40]!r}")
    return int(text)
