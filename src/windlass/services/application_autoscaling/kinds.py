"""What can be scaled: namespaces with their dimensions, resource ids, metrics and words. Pure.

Others are refused. Source: Application Auto Scaling User Guide, "Services that you can use", API reference,
RegisterScalableTarget and PredefinedMetricSpecification; facts/autoscaling-elb-events.md, section 2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from windlass.aws import target_tracking
from windlass.kernel.faults import Fault
from windlass.services.application_autoscaling.limits import COOLDOWN_S

UNSUPPORTED = "Unsupported service namespace, resource type or scalable dimension"


@dataclass(frozen=True, slots=True)
class Kind:
    """A namespace with its dimension. `resource`: groups are what its service asks for."""

    namespace: str
    dimension: str
    resource: re.Pattern[str]
    noun: str
    """What its capacity is called in activities: from AWS's pages, of Lambda ours."""
    role: str
    cooldown_s: int
    metrics: Mapping[str, Callable[[re.Match[str], str], dict[str, Any]]]
    """Predefined metric → its PutMetricAlarm parameters, of a resource and a ResourceLabel."""

    def role_arn(self, account: str) -> str:
        service = f"{self.namespace}.application-autoscaling.amazonaws.com"
        return f"arn:aws:iam::{account}:role/aws-service-role/{service}/{self.role}"


def _one(namespace: str, name: str, statistic: str, **dimensions: str) -> dict[str, Any]:
    return {
        "Namespace": namespace,
        "MetricName": name,
        "Statistic": statistic,
        "Period": target_tracking.PERIOD_S,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }


def _of_service(name: str) -> Callable[[re.Match[str], str], dict[str, Any]]:
    def made(resource: re.Match[str], label: str) -> dict[str, Any]:
        return _one(
            "AWS/ECS", name, "Average", ClusterName=resource["cluster"], ServiceName=resource["service"]
        )

    return made


def _requests(resource: re.Match[str], label: str) -> dict[str, Any]:
    found = target_tracking.requests_per_target(label)
    if found is None:
        raise Fault(
            "ValidationException",
            "ResourceLabel must be app/<load balancer>/<id>/targetgroup/<target group>/<id>",
        )
    return target_tracking.customized(found)


def _provisioned(resource: re.Match[str], label: str) -> dict[str, Any]:
    name = resource["function"]
    return _one(
        "AWS/Lambda",
        "ProvisionedConcurrencyUtilization",
        "Average",
        FunctionName=name,
        Resource=f"{name}:{resource['qualifier']}",
    )


ECS = Kind(
    namespace="ecs",
    dimension="ecs:service:DesiredCount",
    resource=re.compile(r"service/(?P<cluster>[A-Za-z0-9_-]{1,255})/(?P<service>[A-Za-z0-9_-]{1,255})"),
    noun="desired count",
    role="AWSServiceRoleForApplicationAutoScaling_ECSService",
    cooldown_s=COOLDOWN_S,
    metrics={
        "ECSServiceAverageCPUUtilization": _of_service("CPUUtilization"),
        "ECSServiceAverageMemoryUtilization": _of_service("MemoryUtilization"),
        "ALBRequestCountPerTarget": _requests,
    },
)
LAMBDA = Kind(
    namespace="lambda",
    dimension="lambda:function:ProvisionedConcurrency",
    resource=re.compile(r"function:(?P<function>[A-Za-z0-9_-]{1,64}):(?P<qualifier>[A-Za-z0-9_-]{1,128})"),
    noun="provisioned concurrency",
    role="AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency",
    cooldown_s=0,
    metrics={"LambdaProvisionedConcurrencyUtilization": _provisioned},
)
KINDS: Mapping[str, Kind] = {kind.namespace: kind for kind in (ECS, LAMBDA)}


def kind_of(namespace: str) -> Kind:
    """Raises ValidationException for a namespace that is not here."""
    found = KINDS.get(namespace)
    if found is None:
        here = " and ".join(f"{kind.namespace} ({kind.dimension})" for kind in KINDS.values())
        raise Fault("ValidationException", f"Windlass does not scale {namespace}: it scales {here}")
    return found


def check(namespace: str, resource: str, dimension: str) -> tuple[Kind, re.Match[str]]:
    """The kind, and the parts of a resource's id. Raises ValidationException."""
    kind = kind_of(namespace)
    parts = kind.resource.fullmatch(resource)
    if dimension != kind.dimension or parts is None:
        raise Fault("ValidationException", UNSUPPORTED)
    return kind, parts


def metric(kind: Kind, parts: re.Match[str], tracking: Mapping[str, Any]) -> dict[str, Any]:
    """What the alarms of a target tracking policy watch. Raises ValidationException."""
    predefined = tracking.get("PredefinedMetricSpecification")
    custom = tracking.get("CustomizedMetricSpecification")
    if (predefined is None) == (custom is None):
        raise Fault(
            "ValidationException",
            "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be given",
        )
    if custom is not None:
        try:
            return target_tracking.customized(custom)
        except ValueError as error:
            raise Fault("ValidationException", f"CustomizedMetricSpecification: {error}") from error
    assert predefined is not None
    name, label = predefined["PredefinedMetricType"], predefined.get("ResourceLabel", "")
    made = kind.metrics.get(name)
    if made is None:
        raise Fault(
            "ValidationException", f"PredefinedMetricType {name} is not one of {', '.join(kind.metrics)}"
        )
    if label and name != "ALBRequestCountPerTarget":
        raise Fault("ValidationException", f"ResourceLabel is not for the metric type {name}")
    return made(parts, label)
