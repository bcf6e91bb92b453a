"""ECS service deployments and service revisions: describe, list, stop, continue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from windlass.aws import paging
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.clock import Instant, seconds
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Table
from windlass.services.ecs import describe_deployments, limits, lookup, references, stages
from windlass.services.ecs.handlers import listing
from windlass.services.ecs.lookup import Reads
from windlass.services.ecs.service_model import (
    REVISIONS,
    SERVICE_DEPLOYMENTS,
    ServiceDeployment,
    ServiceDeploymentStatus,
    ServiceRevision,
)

R = TypeVar("R", ServiceDeployment, ServiceRevision)

REQUESTS: dict[str, ServiceDeploymentStatus] = {
    "ABORT": "STOP_REQUESTED",
    "ROLLBACK": "ROLLBACK_REQUESTED",
}
"""stopType → what the scheduler is asked to do."""
STOPPABLE = ("PENDING", "IN_PROGRESS")


def describe_service_deployments(call: Call, params: Params) -> Result:
    """ECS DescribeServiceDeployments. What is not there is a failure MISSING, not an error."""
    shown, failures = _described(
        call,
        params["serviceDeploymentArns"],
        "service-deployment",
        SERVICE_DEPLOYMENTS,
        describe_deployments.service_deployment,
    )
    return {"serviceDeployments": shown, "failures": failures}


def describe_service_revisions(call: Call, params: Params) -> Result:
    """ECS DescribeServiceRevisions. What is not there is a failure MISSING, not an error."""
    shown, failures = _described(
        call,
        params["serviceRevisionArns"],
        "service-revision",
        REVISIONS,
        lambda row, reads: describe_deployments.service_revision(row, reads, call.endpoint),
    )
    return {"serviceRevisions": shown, "failures": failures}


def list_service_deployments(call: Call, params: Params) -> Result:
    """ECS ListServiceDeployments: of one service, the newest first, by status and time of creation."""
    cluster = lookup.cluster(call.store, call.scope, params.get("cluster"))
    service = lookup.known_service(call.store, cluster, params["service"])
    statuses = tuple(params.get("status", ()))
    after, before = (_instant(params.get("createdAt", {}).get(end)) for end in ("after", "before"))

    def listed(row: ServiceDeployment) -> bool:
        if statuses and row.status not in statuses:
            return False
        return (after is None or row.created_at > after) and (before is None or row.created_at < before)

    rows, token = paging.page(
        call.store[SERVICE_DEPLOYMENTS],
        "service",
        service.id,
        operation="ListServiceDeployments",
        filters=(*service.key, service.id, statuses, after, before),
        token=params.get("nextToken"),
        limit=listing.limit(params, default=limits.DEPLOYMENTS_PAGE_DEFAULT),
        fault=listing.bad_token,
        where=listed,
        reverse=True,
    )
    return listing.answer("serviceDeployments", [describe_deployments.brief(row) for row in rows], token)


def stop_service_deployment(call: Call, params: Params) -> Result:
    """ECS StopServiceDeployment: asks for it; the scheduler stops or rolls back."""
    arn = params["serviceDeploymentArn"]
    with call.store.transact() as tx:
        found = _deployment(tx, call, arn)
        if found.status not in STOPPABLE:
            raise Fault(
                "ConflictException",
                f"The service deployment cannot be stopped while its status is {found.status}.",
                members={"resourceIds": [arn]},
            )
        wanted = REQUESTS[params.get("stopType", "ROLLBACK")]
        tx[SERVICE_DEPLOYMENTS].put(replace(found, status=wanted, updated_at=call.now))
    return {"serviceDeploymentArn": found.arn}


def continue_service_deployment(call: Call, params: Params) -> Result:
    """ECS ContinueServiceDeployment: answers a hook of the type PAUSE; the scheduler goes on, or back."""
    with call.store.transact() as tx:
        found = _deployment(tx, call, params["serviceDeploymentArn"])
        after = stages.decided(found, params["hookId"], params.get("action", "CONTINUE"), call.now)
        if after is None or found.ended:
            raise _invalid(f"The lifecycle hook {params['hookId']} does not await an action.")
        tx[SERVICE_DEPLOYMENTS].put(after)
    return {"serviceDeploymentArn": found.arn}


def _deployment(reads: Reads, call: Call, arn: str) -> ServiceDeployment:
    found = _row(reads, call, arn, "service-deployment", SERVICE_DEPLOYMENTS)
    if found is None:
        raise Fault("ServiceDeploymentNotFoundException", "Service deployment not found.")
    return found


def _described(
    call: Call, arns: Sequence[str], kind: str, table: Table[R], show: Callable[[R, Reads], Result]
) -> tuple[list[Result], list[dict[str, str]]]:
    """Those of the ARNs that are there, and failures for the others."""
    if not 1 <= len(arns) <= limits.DESCRIBE_DEPLOYMENTS_MAX:
        raise _invalid(f"Between 1 and {limits.DESCRIBE_DEPLOYMENTS_MAX} ARNs can be described at a time.")
    return listing.described(
        arns,
        find=lambda arn: _row(call.store, call, arn, kind, table),
        show=lambda row: show(row, call.store),
        arn=str,
    )


def _row(reads: Reads, call: Call, arn: str, kind: str, table: Table[R]) -> R | None:
    """The row with that ARN. Raises InvalidParameterException for what is no such ARN."""
    named = references.in_scope(arn, kind, call.scope)
    if named == arn:
        raise _invalid(f"Invalid ARN: {arn}")
    row = reads[table].get(named.rpartition("/")[2]) if named else None
    return row if row is not None and row.arn == arn else None


def _instant(given: datetime | None) -> Instant | None:
    return None if given is None else seconds(given.timestamp())


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)
