"""Whether tasks can be made of what a service or a task set was given. Writes nothing."""

from __future__ import annotations

from windlass.aws.calls import Call
from windlass.aws.target_groups import TargetGroups
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.services.ecs import capacity, starting, targets, wiring
from windlass.services.ecs.model import Shape, TaskDefinition
from windlass.services.ecs.service_model import Service, ServiceRevision
from windlass.services.ecs.task_definition import network_mode


def check(
    tx: Transaction, call: Call, service: Service, revision: ServiceRevision, definition: TaskDefinition
) -> None:
    """Ask of its definition, network, placement and load balancers. Raises what CreateService raises."""
    places = capacity.places(revision.launch_type or None, revision.strategy, 1)
    order = starting.order_of(service, revision, definition, places, "")
    wiring.begin(tx, call, order)
    for balancer in revision.load_balancers:
        _check_balancer(call.part(TargetGroups), balancer, network_mode(definition.definition))


def _check_balancer(groups: TargetGroups, balancer: Shape, mode: str) -> None:
    arn, advanced = balancer["targetGroupArn"], balancer.get("advancedConfiguration", {})
    kind = groups.target_type(arn)
    if kind is None:
        why = f"The target group with targetGroupArn {arn} does not have an associated load balancer."
        raise Fault("InvalidParameterException", why)
    for rule in ("productionListenerRule", "testListenerRule"):
        if rule in advanced and not groups.rule_exists(advanced[rule]):
            raise Fault("InvalidParameterException", f"The {rule} {advanced[rule]} does not exist.")
    other = advanced.get("alternateTargetGroupArn")  # no load balancer need use it yet
    for group, found in ((arn, kind), (other, groups.target_type(other) if other else None)):
        if found is not None and not targets.fits(mode, found):
            why = (
                f"The provided target group {group} has target type {found}, which is incompatible with the "
                f"{mode} network mode specified in the task definition."
            )
            raise Fault("InvalidParameterException", why)
