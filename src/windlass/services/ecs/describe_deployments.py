"""Service deployments and service revisions as the API shows them. Reads only.

Source: ECS API reference, ServiceDeployment and ServiceRevision.
"""

from __future__ import annotations

from windlass.aws.calls import Result
from windlass.kernel.clock import in_seconds
from windlass.services.ecs import (
    deployment_configuration,
    describe,
    describe_service,
    lookup,
    references,
    traffic,
)
from windlass.services.ecs.describe_service import Counts
from windlass.services.ecs.express import describe as express
from windlass.services.ecs.express.model import EXPRESS
from windlass.services.ecs.lookup import Reads
from windlass.services.ecs.service_model import (
    DEPLOYMENTS,
    SERVICES,
    HookCall,
    ServiceDeployment,
    ServiceRevision,
)


def service_deployment(row: ServiceDeployment, reads: Reads) -> Result:
    """One change of a service, from beginning to end."""
    shown: Result = {
        **_named(row),
        "updatedAt": in_seconds(row.updated_at),
        "sourceServiceRevisions": [
            _revision_summary(id, row, reads) for id in row.source_revisions if id != row.target_revision
        ],
        "targetServiceRevision": _revision_summary(row.target_revision, row, reads),
        "deploymentConfiguration": deployment_configuration.show(row.rolling, "ECS"),
        "deploymentCircuitBreaker": {
            "status": row.breaker,
            "failureCount": row.breaker_failures,
            "threshold": row.breaker_threshold,
        },
        "alarms": {
            "status": row.alarms,
            "alarmNames": list(row.rolling.alarms),
            "triggeredAlarmNames": list(row.alarms_triggered),
        },
        "lifecycleHookDetails": [_hook(call) for call in row.hooks],
    }
    if row.stage:
        shown["lifecycleStage"] = _SHOWN_AS.get(row.stage, row.stage)
    if row.rollback_revision:
        shown["rollback"] = {
            "reason": row.rollback_reason,
            "startedAt": in_seconds(row.rollback_at),
            "serviceRevisionArn": _revision_arn(row, row.rollback_revision),
        }
    describe.put_instants(shown, {"stoppedAt": row.stopped_at})
    return shown


def brief(row: ServiceDeployment) -> Result:
    """The same as ListServiceDeployments shows it (ECS API reference, ServiceDeploymentBrief)."""
    return {**_named(row), "targetServiceRevisionArn": _revision_arn(row, row.target_revision)}


def service_revision(row: ServiceRevision, reads: Reads, endpoint: str = "") -> Result:
    """What the tasks of a deployment were made of. Images have digests once a task has pulled them."""
    shown: Result = {
        "serviceRevisionArn": row.arn,
        "serviceArn": references.service_arn(row.account, row.region, row.cluster, row.service),
        "clusterArn": references.cluster_arn(row.account, row.region, row.cluster),
        "serviceRegistries": [],
        "guardDutyEnabled": False,
        "createdAt": in_seconds(row.created_at),
        **describe_service.workload(row, resolved=True),
    }
    if balancers := _resolved(row, reads):
        shown["resolvedConfiguration"] = {"loadBalancers": balancers}
    made = reads[EXPRESS].get((row.account, row.region, row.cluster, row.service))
    if made is not None and made.service_id == row.service_id:
        shown["ecsManagedResources"] = express.managed(made, endpoint)
    definition = lookup.definition(reads, (row.account, row.region), row.definition_arn)
    digests = dict(row.digests)
    if definition is not None:
        shown["containerImages"] = [
            {
                "containerName": container["name"],
                "image": container["image"],
                **({"imageDigest": digests[container["name"]]} if container["name"] in digests else {}),
            }
            for container in definition.definition["containerDefinitions"]
        ]
    return shown


_SHOWN_AS = {"PRE_PRODUCTION_TRAFFIC_SHIFT": "POST_TEST_TRAFFIC_SHIFT"}
"""Stages that hooks may name, and that the API does not know as stages of a deployment."""


def _resolved(row: ServiceRevision, reads: Reads) -> list[Result]:
    """Where the requests for its tasks come from (ECS API reference, ServiceRevisionLoadBalancer)."""
    made = [one for one in reads[DEPLOYMENTS].by("service", row.service_id) if one.revision_id == row.id]
    alternate = bool(made) and made[-1].alternate
    return [
        {
            "targetGroupArn": one["targetGroupArn"],
            "productionListenerRule": one["advancedConfiguration"]["productionListenerRule"],
        }
        for one in traffic.resolved(row.load_balancers, alternate=alternate)
        if "advancedConfiguration" in one
    ]


def _hook(call: HookCall) -> Result:
    """ECS API reference, DeploymentLifecycleHookDetail."""
    shown: Result = {
        "hookId": call.id,
        "targetType": "AWS_LAMBDA" if call.target_arn else "PAUSE",
        "status": call.status,
        "timeoutAction": call.timeout_action,
    }
    if call.target_arn:
        shown["targetArn"] = call.target_arn
    describe.put_instants(shown, {"expiresAt": call.expires_at})
    return shown


def _named(row: ServiceDeployment) -> Result:
    """What both descriptions begin with."""
    shown: Result = {
        "serviceDeploymentArn": row.arn,
        "serviceArn": references.service_arn(row.account, row.region, row.cluster, row.service),
        "clusterArn": references.cluster_arn(row.account, row.region, row.cluster),
        "createdAt": in_seconds(row.created_at),
        "status": row.status,
    }
    if row.status_reason:
        shown["statusReason"] = row.status_reason
    describe.put_instants(shown, {"startedAt": row.started_at, "finishedAt": row.finished_at})
    return shown


def _revision_arn(row: ServiceDeployment, id: str) -> str:
    return references.revision_arn(row.account, row.region, row.cluster, row.service, id)


def _revision_summary(id: str, row: ServiceDeployment, reads: Reads) -> Result:
    """Its tasks as they are now (ECS API reference, ServiceRevisionSummary)."""
    held = Counts(0, 0)
    for deployment in reads[DEPLOYMENTS].by("shown", row.service_id):
        if deployment.revision_id == id:
            held += describe_service.counts(reads, deployment.id)
    service = reads[SERVICES].first("id", row.service_id)
    wanted = service.desired_count if service is not None and service.revision_id == id else held.held
    production, test = traffic.percents(reads, row).get(id, (0.0, 0.0))
    shares = {"requestedProductionTrafficWeight": production, "requestedTestTrafficWeight": test}
    return {
        "arn": _revision_arn(row, id),
        "requestedTaskCount": wanted,
        "runningTaskCount": held.running,
        "pendingTaskCount": held.pending,
        **(shares if row.rolling.shifts else {}),
    }
