"""Which target groups a deployment's tasks are in, and what share of requests goes there: reads and writes.

A service that shifts requests has two target groups for each load balancer, `targetGroupArn` and
`alternateTargetGroupArn`. A deployment is on one side or the other; the next one takes the other side. What
the shares are to be is shifting.py's; here they are written into deployments and listeners alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from windlass.aws.calls import Call
from windlass.aws.target_groups import Share, TargetGroups
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs.lookup import Reads
from windlass.services.ecs.model import Shape
from windlass.services.ecs.service_model import (
    DEPLOYMENTS,
    REVISIONS,
    SERVICE_DEPLOYMENTS,
    Deployment,
    Service,
    ServiceDeployment,
)
from windlass.services.ecs.shifting import ALL, GOING_BACK, Shares


def source(shown: Sequence[Deployment], overtaken: ServiceDeployment | None) -> str:
    """The deployment that a new one replaces: the one that has the requests; "" when there is none.

    One that was overtaken before its bake time was over is given up: its source is the new one's too.
    """
    if overtaken is not None and not overtaken.ended and overtaken.stage != "CLEAN_UP":
        there = any(row.id == overtaken.source for row in shown)
        if there and overtaken.status not in GOING_BACK:
            return overtaken.source
    best = max(shown, key=lambda row: (row.production, row.has_completed, row.created_at), default=None)
    return "" if best is None else best.id


def alternate(reads: Reads, service: Service) -> bool:
    """Which side a new deployment of the service takes: a rolling one that of the tasks it replaces."""
    record = reads[SERVICE_DEPLOYMENTS].get(service.service_deployment_id)
    if record is not None and record.rolling.shifts:
        before = reads[DEPLOYMENTS].get(record.source)
        return before is not None and not before.alternate
    before = reads[DEPLOYMENTS].get(service.deployment_id)
    return before is not None and before.alternate


def resolved(balancers: Sequence[Shape], *, alternate: bool) -> tuple[Shape, ...]:
    """The load balancers of a revision with the target groups that its tasks really are in."""
    return tuple({**one, "targetGroupArn": _group(one, alternate=alternate)} for one in balancers)


def shift(
    tx: Transaction, call: Call, target: Deployment, source: Deployment | None, shares: Shares
) -> Deployment:
    """Give the target its shares and the source the rest; returns the target as it is then.

    Raises Fault when a load balancer does not do it. Then nothing was written of ECS's own.
    """
    revision = tx[REVISIONS].require(target.revision_id)
    for rule, here, there, share in _rules(revision.load_balancers, target, shares):
        call.part(TargetGroups).forward(tx, rule, weights(here, there, share), call.now)
    for row in tx[DEPLOYMENTS].by("shown", target.service_id):
        rest = shares if source is not None and row.id == source.id else Shares(ALL, ALL)
        if row.id != target.id:
            _put(tx, row, Shares(ALL - rest.production, ALL - rest.test))
    return _put(tx, target, shares)


def is_tested(reads: Reads, deployment: Deployment) -> bool:
    """Whether there are requests for tests only."""
    balancers = reads[REVISIONS].require(deployment.revision_id).load_balancers
    return any(one.get("advancedConfiguration", {}).get("testListenerRule") for one in balancers)


def weights(here: str, there: str, share: int) -> tuple[Share, Share]:
    """That share for the first group and the rest for the second, as weights of a listener.

    >>> weights("new", "old", 125), weights("new", "old", 1000)
    ((('new', 125), ('old', 875)), (('new', 100), ('old', 0)))
    """
    unit = 10 if share % 10 == 0 else 1
    return (here, share // unit), (there, (ALL - share) // unit)


def percents(reads: Reads, record: ServiceDeployment) -> Mapping[str, tuple[float, float]]:
    """Revision id → percentages of production and test requests that were asked for it last."""
    found: dict[str, tuple[float, float]] = {}
    for row in reads[DEPLOYMENTS].by("shown", record.service_id):
        production, test = found.get(row.revision_id, (0.0, 0.0))
        found[row.revision_id] = (production + row.production / 10, test + row.test / 10)
    return found


def _rules(
    balancers: Sequence[Shape], target: Deployment, shares: Shares
) -> Iterator[tuple[str, str, str, int]]:
    """(listener or rule, the target's group, the other one, the target's share) of each that is to shift."""
    for one in balancers:
        advanced = one.get("advancedConfiguration")
        if advanced is None:
            continue
        sides = [_group(one, alternate=side) for side in (target.alternate, not target.alternate)]
        yield advanced["productionListenerRule"], sides[0], sides[1], shares.production
        if advanced.get("testListenerRule"):
            yield advanced["testListenerRule"], sides[0], sides[1], shares.test


def _group(balancer: Mapping[str, Any], *, alternate: bool) -> str:
    other = balancer.get("advancedConfiguration", {}).get("alternateTargetGroupArn")
    return str(other if alternate and other else balancer["targetGroupArn"])


def _put(tx: Transaction, row: Deployment, shares: Shares) -> Deployment:
    after = replace(row, production=shares.production, test=shares.test)
    return row if after == row else tx[DEPLOYMENTS].put(after)
