"""Settings of a service: what CreateService and UpdateService say of it, read and checked. Pure.

What its tasks are made of is service_revision.py's business. Source: ECS API reference, CreateService and
UpdateService; facts/ecs.md section 7. Wordings that AWS is known to use are marked REP in docs/aws/ecs.md;
the others are ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from windlass.aws.arn import arn, parse
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.ecs import (
    deployment_configuration,
    launch,
    limits,
    placement,
    service_revision,
    tagging,
)
from windlass.services.ecs.model import Cluster, Shape, TaskDefinition
from windlass.services.ecs.service_model import Service, ServiceRevision

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
_TOKEN = re.compile(r"[!-~]*", re.ASCII)
"""Characters 33 to 126; ECS API reference, CreateService, clientToken."""
LINKED_ROLE = "role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
ZONE_SPREAD = ("spread", "attribute:ecs.availability-zone")
OF_TASK_SETS = (
    "taskDefinition",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "networkConfiguration",
    "loadBalancers",
    "serviceRegistries",
)
"""Parameters that a service with the EXTERNAL controller leaves to its task sets."""
UPDATED_UNDER_EXTERNAL = frozenset(
    {
        "cluster",
        "service",
        "desiredCount",
        "placementConstraints",
        "placementStrategy",
        "healthCheckGracePeriodSeconds",
        "enableECSManagedTags",
        "propagateTags",
    }
)
"""All that UpdateService may change of such a service (ECS API reference, UpdateService)."""


def created(
    params: Mapping[str, Any], cluster: Cluster, service_id: str, created_by: str, now: Instant
) -> Service:
    """The service that a CreateService call describes, without its revision.

    Raises InvalidParameterException, and UnsupportedFeatureException for what Windlass does not have.
    """
    name = params["serviceName"]
    if not _NAME.fullmatch(name):
        raise _invalid(
            f"Invalid service name: up to {limits.NAME_LENGTH_MAX} letters, digits, hyphens and underscores "
            "are allowed."
        )
    scheduling = params.get("schedulingStrategy", "REPLICA")
    controller = _controller(params)
    if controller == "EXTERNAL":
        _check_external(params)
    rolling = deployment_configuration.read(
        params.get("deploymentConfiguration", {}),
        scheduling,
        controller,
        deployment_configuration.default(scheduling),
    )
    service = Service(
        id=service_id,
        account=cluster.account,
        region=cluster.region,
        cluster=cluster.name,
        name=name,
        created_at=now,
        revision_id="",
        created_by=created_by,
        scheduling=scheduling,
        controller=controller,
        desired_count=_first_count(params, scheduling, controller),
        rolling=rolling,
        tags=tagging.read(params.get("tags", ())),
        client_token=token(params),
    )
    service = _settings(params, service)
    return replace(service, rebalances=_first_rebalancing(params, service))


def updated(params: Mapping[str, Any], service: Service) -> Service:
    """The service with the settings that an UpdateService call gives; what it leaves out stays."""
    asked = params.get("deploymentController", {}).get("type", service.controller)
    if asked != service.controller:
        raise Fault(
            "UnsupportedFeatureException",
            f"Windlass cannot change the deployment controller of a service from {service.controller}.",
        )
    if service.controller == "EXTERNAL":
        for member in sorted(set(params) - UPDATED_UNDER_EXTERNAL - {"deploymentController"}):
            raise _invalid(
                f"Unable to update {member} on services with an EXTERNAL deployment controller. "
                "Use CreateTaskSet."
            )
    count = params.get("desiredCount")
    if count is not None:
        check_count(count, service.scheduling)
        service = replace(service, desired_count=count)
    given = params.get("deploymentConfiguration", {})
    rolling = deployment_configuration.read(given, service.scheduling, service.controller, service.rolling)
    service = _settings(params, replace(service, rolling=rolling))
    rebalancing = params.get("availabilityZoneRebalancing")
    wanted = service.rebalances if rebalancing is None else rebalancing == "ENABLED"
    if wanted and (why := unbalanceable(service)):
        raise _invalid(why)
    return replace(service, rebalances=wanted)


def token(params: Mapping[str, Any]) -> str:
    """The clientToken of CreateService and CreateTaskSet."""
    given = str(params.get("clientToken", ""))
    if len(given) > limits.SERVICE_TOKEN_LENGTH_MAX or not _TOKEN.fullmatch(given):
        raise _invalid(
            f"clientToken can have at most {limits.SERVICE_TOKEN_LENGTH_MAX} characters, all of them in the "
            "range of 33-126."
        )
    return given


def check_count(count: int, scheduling: str) -> None:
    """Whether that can be a desired count. Raises InvalidParameterException."""
    if scheduling == "DAEMON":
        raise _invalid(
            "The daemon scheduling strategy does not support a desired count for services. Remove the "
            "desired count value and try again"
        )
    if count < 0:
        raise _invalid("desiredCount cannot be negative.")


def check_exec(service: Service, definition: TaskDefinition, done: str) -> None:
    """ECS Exec acts as the task's role, so there must be one; `done` is "created" or "updated"."""
    if service.exec_enabled and not launch.role_arn({}, definition):
        raise _invalid(
            f"The service couldn't be {done} because a valid taskRoleArn is not being used. "
            "Specify a valid task role in your task definition and try again."
        )


def role(
    params: Mapping[str, Any], cluster: Cluster, revision: ServiceRevision, definition: TaskDefinition
) -> str:
    """The role with which ECS speaks to load balancers: the one named, or its own."""
    linked = service_revision.needs_linked_role(revision, definition)
    named = params.get("role", "")
    if not named:
        return arn("iam", "", cluster.account, LINKED_ROLE) if linked else ""
    if not revision.load_balancers:
        raise _invalid("A role was passed, but no load balancers were present.")
    if linked:
        raise _invalid("You cannot specify an IAM role for services that require a service linked role.")
    read = parse(named)
    if read is None:
        return arn("iam", "", cluster.account, f"role/{named}")
    if read.service != "iam" or not read.resource.startswith("role/"):
        raise _invalid(f"Invalid role: {named}")
    return str(named)


def same(one: Service, other: Service) -> bool:
    """Whether two CreateService calls described the same service, their revisions apart."""
    return all(getattr(one, column) == getattr(other, column) for column in _DESCRIBED)


_DESCRIBED = (
    "scheduling", "controller", "desired_count", "rolling", "constraints", "strategies", "grace_s",
    "rebalances", "exec_enabled", "managed_tags", "propagate", "role_arn", "tags", "client_token",
)  # fmt: skip


def unbalanceable(service: Service) -> str:
    """Why tasks of the service cannot be spread again over zones; "" when they can.

    Source: ECS Developer Guide, service-rebalancing.
    """
    if service.scheduling == "DAEMON":
        return "Availability Zone rebalancing is not supported with the DAEMON scheduling strategy."
    if service.controller != "ECS":
        return "Availability Zone rebalancing is only supported with the ECS deployment controller."
    if service.rolling.percent_max <= 100:
        return "Availability Zone rebalancing needs a maximumPercent greater than 100."
    first = next(iter(service.strategies), None)
    if first is not None and (first.get("type"), first.get("field")) != ZONE_SPREAD:
        return (
            "Availability Zone rebalancing needs a placement strategy that begins with spread by "
            "attribute:ecs.availability-zone, or none."
        )
    return ""


def _settings(params: Mapping[str, Any], service: Service) -> Service:
    """Those that both calls give alike."""
    constraints = params.get("placementConstraints", service.constraints)
    placement.constraints(constraints, "")
    grace_s = params.get("healthCheckGracePeriodSeconds", service.grace_s)
    if grace_s is not None and not 0 <= grace_s <= limits.GRACE_S_MAX:
        raise _invalid(f"healthCheckGracePeriodSeconds must be between 0 and {limits.GRACE_S_MAX}.")
    return replace(
        service,
        constraints=tuple(constraints),
        strategies=_strategies(params.get("placementStrategy", service.strategies), service),
        grace_s=grace_s,
        exec_enabled=_given(params, "enableExecuteCommand", service.exec_enabled),
        managed_tags=_given(params, "enableECSManagedTags", service.managed_tags),
        propagate=params.get("propagateTags", service.propagate),
    )


def _given(params: Mapping[str, Any], member: str, before: bool) -> bool:
    value = params.get(member)
    return before if value is None else bool(value)


def _controller(params: Mapping[str, Any]) -> Any:
    controller = params.get("deploymentController", {}).get("type", "ECS")
    if controller == "CODE_DEPLOY":
        raise Fault(
            "UnsupportedFeatureException",
            "Windlass does not have CodeDeploy: the deployment controller is ECS or EXTERNAL.",
        )
    return controller


def _check_external(params: Mapping[str, Any]) -> None:
    if params.get("schedulingStrategy") == "DAEMON":
        raise _invalid(
            "The DAEMON scheduling strategy is not supported with the EXTERNAL deployment controller."
        )
    for member in OF_TASK_SETS:
        if member in params:
            raise _invalid(f"{member[0].upper()}{member[1:]} must be blank")


def _first_count(params: Mapping[str, Any], scheduling: str, controller: str) -> int:
    count = params.get("desiredCount")
    if count is not None:
        check_count(count, scheduling)
    elif scheduling == "REPLICA" and controller == "ECS":
        raise _invalid("desiredCount is required with the REPLICA scheduling strategy.")
    return count or 0


def _first_rebalancing(params: Mapping[str, Any], service: Service) -> bool:
    """ENABLED unless the call says otherwise, or the service is such that it cannot be."""
    asked = params.get("availabilityZoneRebalancing")
    why = unbalanceable(service)
    if asked == "ENABLED" and why:
        raise _invalid(why)
    return asked != "DISABLED" and not why


def _strategies(given: Sequence[Shape], service: Service) -> tuple[Shape, ...]:
    if given and service.scheduling == "DAEMON":
        raise _invalid(
            "The daemon scheduling strategy does not support placement strategies. Remove the placement "
            "strategy and try again"
        )
    placement.strategies(given)
    return tuple(given)


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)
