"""The values of `secrets` in container definitions: what they must look like, and reading them for a launch.

Values are read once per launch, in its transaction, so that all its tasks get the same (ECS Developer Guide,
secrets-envvar). Known gap: a task that waits for an instance has the values of when it was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from windlass.aws.secret_values import Unreadable, service_of

_KEPT_BY = {"secretsmanager": ("secret", "asm"), "ssm": ("parameters", "ssm")}
"""Service → what the agent calls what it fetches, and where it fetches it."""


@dataclass(frozen=True, slots=True)
class Read:
    """By container: name → value; or why it cannot be started, as its reason words it."""

    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)


NOTHING = Read()


def fault(container: Mapping[str, Any], has_execution_role: bool) -> str:
    """What RegisterTaskDefinition says against the container's secrets; "" when nothing."""
    given = container.get("secrets", ())
    if not given:
        return ""
    if not has_execution_role:
        return (
            "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."
        )
    taken = {pair.get("name") for pair in container.get("environment", ())}
    for one in given:
        if not one["name"] or not one["valueFrom"]:
            return "A secret of container '{}' has no name or no valueFrom.".format(container["name"])
        if one["name"] in taken:
            return (
                "The secret name must be unique and not shared with any new or existing environment "
                f"variables set on the container, such as '{one['name']}'."
            )
        taken.add(one["name"])
    return ""


def read(containers: Sequence[Mapping[str, Any]], value: Callable[[str], str]) -> Read:
    """`value` gives what a reference means, or raises Unreadable."""
    values: dict[str, dict[str, str]] = {}
    faults: dict[str, str] = {}
    for container in containers:
        name = container["name"]
        for one in container.get("secrets", ()):
            try:
                values.setdefault(name, {})[one["name"]] = value(one["valueFrom"])
            except Unreadable as error:
                faults.setdefault(name, _unable(one["valueFrom"], str(error)))
    return Read(values, faults)


def _unable(reference: str, why: str) -> str:
    """As Fargate words it (ECS Developer Guide, stopped task errors, ResourceInitializationError)."""
    what, where = _KEPT_BY.get(service_of(reference), ("secret", service_of(reference)))
    return (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval "
        f"failed: unable to retrieve {what} from {where}: service call has been retried 1 time(s): failed to "
        f"fetch {what} {reference}: {why}"
    )
