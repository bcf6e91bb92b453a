"""What is around a target: whether its group is used, what became of the instance that it is. Reads only."""

from __future__ import annotations

from windlass.aws.target_groups import TargetHealth
from windlass.fleet.model import INSTANCES
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
        machine="" if machine is None else machine.phase,
        zone_enabled=enabled,
    )


def health(reads: Reads, group: TargetGroup, target: Target | None, now: Instant) -> TargetHealth:
    """What DescribeTargetHealth says of it."""
    if target is None:
        return target_health.NOT_REGISTERED
    return target_health.shown(target, around(reads, group, target), now)
