"""What is around a target: whether its group is used, what became of the instance that it is. Reads only."""

from __future__ import annotations

from typing import Literal

from windlass.aws.target_groups import TargetHealth
from windlass.fleet.model import INSTANCES, Instance
from windlass.kernel.clock import Instant
from windlass.services.elbv2 import target_health
from windlass.services.elbv2.model import LOAD_BALANCERS, USES, Reads, Target, TargetGroup
from windlass.services.elbv2.target_health import Surroundings


def around(reads: Reads, group: TargetGroup, target: Target) -> Surroundings:
    """What target_health.shown asks for."""
    use = reads[USES].first("group", group.arn)
    machine = reads[INSTANCES].get(target.id) if group.target_type == "instance" else None
    enabled = True
    zone = machine.zone if machine is not None else "" if target.zone == "all" else target.zone
    balancer = reads[LOAD_BALANCERS].get(use.load_balancer) if use is not None else None
    if zone and balancer is not None:
        enabled = any(one.name == zone for one in balancer.zones)
    return Surroundings(
        in_use=use is not None,
        checked=group.check.enabled and group.target_type != "lambda",
        machine=_phase(group, target, machine),
        zone_enabled=enabled,
    )


def health(reads: Reads, group: TargetGroup, target: Target | None, now: Instant) -> TargetHealth:
    """What DescribeTargetHealth says of it."""
    if target is None:
        return target_health.NOT_REGISTERED
    return target_health.shown(target, around(reads, group, target), now)


def _phase(
    group: TargetGroup, target: Target, machine: Instance | None
) -> Literal["", "pending", "running", "shutting-down", "terminated"]:
    """An instance that is not even shown any more has long been terminated; a node that is lent to a cluster

    as its instance has no row.
    """
    if machine is not None:
        return machine.phase
    return "terminated" if group.target_type == "instance" and target.id.startswith("i-") else ""
