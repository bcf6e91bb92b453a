"""Whether tasks can be made of what a service or a task set was given. Writes nothing."""

from __future__ import annotations

from windlass.aws.calls import Call
from windlass.aws.target_groups import TargetGroups
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.services.ecs import capacity, starting, targets, wiring
from windlass.services.ecs.model import TaskDefinition
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
        arn = balancer["targetGroupArn"]
        kind, mode = call.part(TargetGroups).target_type(arn), network_mode(definition.definition)
        if kind is None:
            why = f"The target group with targetGroupArn {arn} does not have an associated load balancer."
            raise Fault("InvalidParameterException", why)
        if not targets.fits(mode, kind):
            why = (
                f"The provided target group {arn} has target type {kind}, which is incompatible with the "
                f"{mode} network mode specified in the task definition."
            )
            raise Fault("InvalidParameterException", why)
