"""Express services as the API shows them. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from windlass.aws.calls import Result
from windlass.kernel.clock import in_seconds
from windlass.services.ecs import describe, references
from windlass.services.ecs.express.model import Express
from windlass.services.ecs.express.provision import hosts
from windlass.services.ecs.lookup import Reads
from windlass.services.ecs.service_model import DEPLOYMENTS, REVISIONS, SERVICES, Service


def service(row: Express, reads: Reads, endpoint: str, include: Iterable[str] = ()) -> Result:
    """As Create, Describe and DeleteExpressGatewayService show it; `include` may have TAGS."""
    made = _service(row, reads)
    shown: Result = {
        **_named(row, made),
        "infrastructureRoleArn": row.infrastructure_role,
        "activeConfigurations": [
            configuration(row, id, config, reads, endpoint)
            for id, config in reversed(row.configs)
            if id in _active(reads, made)
        ],
        "tags": describe.tags(row.tags) if "TAGS" in include else [],
    }
    if made is not None and made.service_deployment_id:
        shown["currentDeployment"] = references.service_deployment_arn(*row.key, made.service_deployment_id)
    return shown


def updated(row: Express, reads: Reads, endpoint: str) -> Result:
    """As UpdateExpressGatewayService shows it."""
    id, config = row.configs[-1]
    target = configuration(row, id, config, reads, endpoint)
    return {**_named(row, _service(row, reads)), "targetConfiguration": target}


def configuration(
    row: Express, revision_id: str, config: Mapping[str, Any], reads: Reads, endpoint: str
) -> Result:
    """What a revision was made from, and where it is reached."""
    shown: Result = {
        "serviceRevisionArn": references.revision_arn(*row.key, revision_id),
        **config,
        "ingressPaths": [{"accessType": "PUBLIC", "endpoint": url(row, endpoint)}],
    }
    revision = reads[REVISIONS].get(revision_id)
    if revision is not None:
        vpc = revision.network["awsvpcConfiguration"]
        shown["networkConfiguration"] = {
            "subnets": list(vpc["subnets"]),
            "securityGroups": list(vpc["securityGroups"]),
        }
        shown["createdAt"] = in_seconds(revision.created_at)
    return shown


def managed(row: Express, endpoint: str) -> Result:
    """ecsManagedResources of its revisions: what it made. All of it is there as soon as it is named."""
    at = in_seconds(row.updated_at)

    def one(word: str, **more: Any) -> Result:
        return {"arn": row.made[word], "status": "ACTIVE", "updatedAt": at, **more}

    config, made = row.config, row.made
    path: Result = {"accessType": "PUBLIC", "endpoint": url(row, endpoint)}
    if "load_balancer" in made:
        path["loadBalancer"] = one("load_balancer", scheme="internet-facing")
    for member, word in (("listener", "listener"), ("rule", "rule")):
        if word in made:
            path[member] = one(word)
    checked = {
        "healthCheckPath": config["healthCheckPath"],
        "healthCheckPort": config["primaryContainer"]["containerPort"],
        "port": config["primaryContainer"]["containerPort"],
    }
    path["targetGroups"] = [one(word, **checked) for word in ("target_group", "alternate") if word in made]
    shown: Result = {"ingressPaths": [path]}
    if "log_group" in made:
        group = made["log_group"]
        arn = f"arn:aws:logs:{row.region}:{row.account}:log-group:{group}"
        shown["logGroups"] = [{"arn": arn, "logGroupName": group, "status": "ACTIVE", "updatedAt": at}]
    if "alarm" in made:
        arn = f"arn:aws:cloudwatch:{row.region}:{row.account}:alarm:{made['alarm']}"
        shown["metricAlarms"] = [{"arn": arn, "status": "ACTIVE", "updatedAt": at}]
    if "scalable_target" in made:
        scaling = config["scalingTarget"]
        bounds = {"minCapacity": scaling["minTaskCount"], "maxCapacity": scaling["maxTaskCount"]}
        policy = {
            "policyType": "TargetTrackingScaling",
            "targetValue": float(scaling["autoScalingTargetValue"]),
            "metric": scaling["autoScalingMetric"],
        }
        shown["autoScaling"] = {
            "scalableTarget": one("scalable_target", **bounds),
            "applicationAutoScalingPolicies": [one("policy", **policy)] if "policy" in made else [],
        }
    return shown


def url(row: Express, endpoint: str) -> str:
    """Where it is reached: on the plane's own port, under a name of its own."""
    port = urlsplit(endpoint).port or 80
    return f"http://{hosts(row)[0]}:{port}/"


def _named(row: Express, made: Service | None) -> Result:
    gone = made is None or made.status == "INACTIVE"
    status = "INACTIVE" if row.gone else "DRAINING" if row.deleting or gone else "ACTIVE"
    return {
        "cluster": row.cluster,
        "serviceName": row.name,
        "serviceArn": row.arn,
        "status": {"statusCode": status},
        "createdAt": in_seconds(row.created_at),
        "updatedAt": in_seconds(row.updated_at),
    }


def _service(row: Express, reads: Reads) -> Service | None:
    found = reads[SERVICES].get(row.key)
    return found if found is not None and found.id == row.service_id else None


def _active(reads: Reads, made: Service | None) -> set[str]:
    """Revisions of which there are tasks, or soon will be."""
    return set() if made is None else {one.revision_id for one in reads[DEPLOYMENTS].by("shown", made.id)}
