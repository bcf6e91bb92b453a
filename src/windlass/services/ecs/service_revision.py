"""What the tasks of a service are made of: parameters that a service revision holds, read and checked. Pure.

CreateService, UpdateService and CreateTaskSet share them. Source: ECS API reference, CreateService;
facts/ecs.md sections 7 and 8. Wordings that AWS is known to use are marked REP in docs/aws/ecs.md. Whether
target groups and subnets exist is for the caller to ask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from windlass.aws.arn import parse
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.ecs import capacity, limits, task_definition
from windlass.services.ecs.model import FARGATE, Cluster, Shape, TaskDefinition
from windlass.services.ecs.service_model import Rolling, Service, ServiceRevision

NOT_HERE: Mapping[str, str] = {
    "serviceConnectConfiguration": "Service Connect",
    "serviceRegistries": "service discovery",
    "volumeConfigurations": "EBS volumes",
    "vpcLatticeConfigurations": "VPC Lattice",
}
"""Parameters that are refused → what Windlass does not have."""
LATEST = "LATEST"


def check_not_here(params: Mapping[str, Any]) -> None:
    """Refuse what would silently be left out. Raises UnsupportedFeatureException."""
    for member, feature in NOT_HERE.items():
        given = params.get(member)
        if given and given != {"enabled": False}:  # Service Connect may be said to be off
            raise _missing(f"Windlass does not have {feature} ({member}).")
    if params.get("launchType") == "MANAGED_INSTANCES":
        raise _missing("Windlass does not have the launch type MANAGED_INSTANCES.")


def made(
    params: Mapping[str, Any],
    service: Service,
    cluster: Cluster,
    definition: TaskDefinition,
    revision_id: str,
    now: Instant,
) -> ServiceRevision:
    """The revision that a CreateService or CreateTaskSet call describes."""
    check_not_here(params)
    launch_type, strategy = _capacity(params, cluster, service)
    revision = ServiceRevision(
        id=revision_id,
        account=service.account,
        region=service.region,
        cluster=service.cluster,
        service=service.name,
        service_id=service.id,
        created_at=now,
        definition_arn=definition.arn,
        launch_type=launch_type,
        strategy=strategy,
        network=network(params.get("networkConfiguration", {})),
        load_balancers=load_balancers(params.get("loadBalancers", ()), definition),
    )
    _check_balanced(revision)
    platform = params.get("platformVersion") or (LATEST if revision.on_fargate else "")
    return replace(revision, platform_version=platform)


def changed(
    params: Mapping[str, Any],
    service: Service,
    before: ServiceRevision,
    cluster: Cluster,
    definition: TaskDefinition,
    revision_id: str,
    now: Instant,
) -> ServiceRevision | None:
    """The revision that an UpdateService call leads to; None when nothing of it starts a new deployment.

    These do: a task definition, network configuration, platform version, load balancers or capacity that are
    other than before, and forceNewDeployment (facts/ecs.md section 7.1).
    """
    check_not_here(params)
    after = replace(before, definition_arn=definition.arn)
    if "capacityProviderStrategy" in params:
        _check_daemon(service, params["capacityProviderStrategy"])
        after = _on_other_capacity(params["capacityProviderStrategy"], after, cluster)
    if "platformVersion" in params:
        after = replace(after, platform_version=params["platformVersion"])
    if "networkConfiguration" in params:
        after = replace(after, network=network(params["networkConfiguration"]))
    given = params.get("loadBalancers", before.load_balancers)
    after = replace(after, load_balancers=load_balancers(given, definition))
    _check_balanced(after)
    if after == before and not params.get("forceNewDeployment"):
        return None
    return replace(after, id=revision_id, created_at=now, digests=())


def network(given: Shape) -> Shape:
    """networkConfiguration as it is shown: with all of its members."""
    vpc = given.get("awsvpcConfiguration")
    if vpc is None:
        return {}
    return {
        "awsvpcConfiguration": {
            "subnets": list(vpc["subnets"]),
            "securityGroups": list(vpc.get("securityGroups", ())),
            "assignPublicIp": vpc.get("assignPublicIp", "DISABLED"),
        }
    }


def load_balancers(given: Sequence[Shape], definition: TaskDefinition) -> tuple[Shape, ...]:
    """The load balancers, if the definition has the containers and ports that they name."""
    if len(given) > limits.TARGET_GROUPS_MAX:
        raise _invalid(f"loadBalancers can have at most {limits.TARGET_GROUPS_MAX} items.")
    ports = {
        container["name"]: {mapping.get("containerPort") for mapping in container.get("portMappings", ())}
        for container in definition.definition["containerDefinitions"]
    }
    for balancer in given:
        if balancer.get("loadBalancerName"):
            raise _missing("Windlass does not have Classic Load Balancers (loadBalancerName).")
        if not balancer.get("targetGroupArn"):
            raise _invalid("targetGroupArn is required for a load balancer.")
        _check_advanced(balancer)
        name, port = balancer.get("containerName"), balancer.get("containerPort")
        if name not in ports:
            raise _invalid(f"The container {name} does not exist in the task definition.")
        if port not in ports[name]:
            raise _invalid(f"The container {name} did not have a container port {port} defined.")
    return tuple(given)


def check_shifts(rolling: Rolling, balancers: Sequence[Shape]) -> None:
    """Whether the load balancers are such that the strategy can shift requests with them."""
    if rolling.shifts and not all("advancedConfiguration" in balancer for balancer in balancers):
        raise _invalid(
            "advancedConfiguration field is required for all loadBalancers when using a non-ROLLING "
            "deployment strategy."
        )
    if rolling.strategy in ("LINEAR", "CANARY") and not balancers:
        raise _invalid(f"The deployment strategy {rolling.strategy} requires a load balancer.")


def _check_advanced(balancer: Shape) -> None:
    """advancedConfiguration: the other target group, and the rules that shift (ECS API reference)."""
    advanced = balancer.get("advancedConfiguration")
    if advanced is None:
        return
    for member, service, kind in _ADVANCED:
        given = advanced.get(member)
        if not given and member == "testListenerRule":
            continue
        if not given:
            raise _invalid(f"{member} is required in the advancedConfiguration of a load balancer.")
        named = parse(given)
        if named is None or named.service != service or not named.resource.startswith(kind):
            raise _invalid(f"Invalid {member} in the advancedConfiguration of a load balancer: {given}")
    if advanced["alternateTargetGroupArn"] == balancer["targetGroupArn"]:
        raise _invalid("targetGroupArn and alternateTargetGroupArn of a load balancer cannot be the same.")


_ADVANCED = (
    ("alternateTargetGroupArn", "elasticloadbalancing", "targetgroup/"),
    ("productionListenerRule", "elasticloadbalancing", "listener"),
    ("testListenerRule", "elasticloadbalancing", "listener"),
    ("roleArn", "iam", "role/"),
)
"""Members of advancedConfiguration, and what their ARNs are of."""


def needs_linked_role(revision: ServiceRevision, definition: TaskDefinition) -> bool:
    """Whether ECS uses its service-linked role for it (CreateService, role)."""
    return task_definition.network_mode(definition.definition) == "awsvpc" or len(revision.load_balancers) > 1


def _capacity(
    params: Mapping[str, Any], cluster: Cluster, service: Service
) -> tuple[str, tuple[Mapping[str, Any], ...]]:
    """(launch type, ()) or ("", strategy). Neither: the cluster's strategy, else EC2."""
    strategy, launch_type = params.get("capacityProviderStrategy", ()), params.get("launchType", "")
    if strategy and launch_type:
        raise _invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. "
            "Remove one and try again."
        )
    if not launch_type:
        strategy = strategy or cluster.default_strategy
    _check_daemon(service, strategy)
    if service.scheduling == "DAEMON" and launch_type == FARGATE:
        raise _invalid("The daemon scheduling strategy is not supported with FARGATE launch type.")
    if strategy:
        return "", capacity.check_strategy(strategy, cluster.capacity_providers)
    return launch_type or "EC2", ()


def _check_daemon(service: Service, strategy: Sequence[Mapping[str, Any]]) -> None:
    if service.scheduling == "DAEMON" and strategy:
        raise _invalid(
            "Specifying a capacity provider strategy is not supported when you create a service using the "
            "DAEMON scheduling strategy."
        )


def _check_balanced(revision: ServiceRevision) -> None:
    if revision.kind == "EXTERNAL" and revision.load_balancers:
        raise _invalid("Load balancers are not supported with EXTERNAL launch type.")


def _on_other_capacity(
    strategy: Sequence[Mapping[str, Any]], before: ServiceRevision, cluster: Cluster
) -> ServiceRevision:
    """On that strategy from now on; an empty one goes back to the launch type (UpdateService)."""
    if strategy:
        checked = capacity.check_strategy(strategy, cluster.capacity_providers)
        after = replace(before, launch_type="", strategy=checked)
    elif before.strategy:
        after = replace(before, launch_type="FARGATE" if before.on_fargate else "EC2", strategy=())
    else:
        return before
    platform = (before.platform_version or LATEST) if after.on_fargate else ""
    return replace(after, platform_version=platform)


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)


def _missing(message: str) -> Fault:
    return Fault("UnsupportedFeatureException", message)
