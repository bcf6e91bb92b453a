"""What DescribeTargetHealth says of a target, from its row and what is around it. Pure.

First match wins: an unused group before a stopped machine before the row's own state (API reference,
TargetHealth; the descriptions are AWS's).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from windlass.aws.target_groups import TargetHealth
from windlass.kernel.clock import SECOND, Instant
from windlass.services.elbv2.limits import REGISTERING_S
from windlass.services.elbv2.model import Target

NOT_REGISTERED = TargetHealth(
    "unused", "Target is not registered to the target group", "Target.NotRegistered"
)
NOT_IN_USE = TargetHealth(
    "unused",
    "Target group is not configured to receive traffic from the load balancer",
    "Target.NotInUse",
)
DRAINING = TargetHealth("draining", "Target deregistration is in progress", "Target.DeregistrationInProgress")
UNCHECKED = TargetHealth(
    "unavailable", "Health checks are not enabled for this target", "Target.HealthCheckDisabled"
)
REGISTERING = TargetHealth("initial", "Target registration is in progress", "Elb.RegistrationInProgress")
CHECKING = TargetHealth("initial", "Initial health checks in progress", "Elb.InitialHealthChecking")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What counts besides the target's row."""

    in_use: bool
    """A rule of a load balancer forwards to its group."""
    checked: bool
    """Its group has health checks that are made: those of functions are not."""
    machine: Literal["running", "pending", "shutting-down", "terminated", ""] = ""
    """State of the instance that it is; "" for what is none, or is not known."""
    zone_enabled: bool = True
    """Its Availability Zone is one of the load balancer's."""


def shown(target: Target | None, around: Surroundings, now: Instant) -> TargetHealth:
    """The target's health; of None, a target that is not there."""
    if target is None:
        return NOT_REGISTERED
    if target.state == "draining":
        return DRAINING
    if around.machine in ("shutting-down", "terminated"):
        said = f"Target is in the {around.machine} state"
        return TargetHealth("unused", said, "Target.InvalidState")
    if not around.in_use:
        return NOT_IN_USE
    if not around.zone_enabled:
        said = "Target is in an Availability Zone that is not enabled for the load balancer"
        return TargetHealth("unused", said, "Target.NotInUse")
    if not around.checked:
        return UNCHECKED
    if target.state == "initial":
        return REGISTERING if now < target.since + REGISTERING_S * SECOND else CHECKING
    return TargetHealth(target.state, target.description, target.reason)
