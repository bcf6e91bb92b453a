"""What types of resources are more than one operation with their properties: by type. Pure.

BEFORE changes properties before they are fitted to the operation, AFTER changes parameters and says what else
is called when the resource is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from windlass.planner.live.draft import GROUPS, ROLE
from windlass.planner.live.images import REGISTRY
from windlass.planner.template.faults import BadTemplate, Path, hint
from windlass.planner.template.intrinsics import Values
from windlass.planner.template.properties import input_shape, parameters
from windlass.services.lambda_.limits import RUNTIMES

Operation: TypeAlias = dict[str, Any]
"""As a scenario has it: {"ecs.CreateService": {…}}."""
Properties: TypeAlias = dict[str, Any]
ANY_IMAGE, ANY_RUNTIME, ANY_MACHINE_IMAGE = "any", "python3.12", "ami-0123456789abcdef0"
HTTP_PORT = 80
SCALED = ("ServiceNamespace", "ResourceId", "ScalableDimension")
"""What says which target a policy scales."""


@dataclass(frozen=True, slots=True)
class Made:
    """One resource: its parameters so far, and where its properties are."""

    id: str
    params: Properties
    properties: Properties
    values: Values
    path: Path
    template: Mapping[str, Any]

    def own(self, name: str) -> Any:
        """A property as it comes out, None without."""
        return self.values.of(self.properties.get(name), (*self.path, name))

    def more(self, operation: str, said: Properties) -> Operation:
        """Another operation that is called for it."""
        return {operation: parameters(operation, said, self.values, self.path)}


def queue_properties(given: Properties, path: Path) -> Properties:
    """SQS takes attributes where CloudFormation has properties."""
    attributes: Any = input_shape("sqs.CreateQueue").members["Attributes"]
    known = {*attributes.key.enum} - {"All"}
    found: Properties = {"Attributes": {}}
    for name, value in given.items():
        if name == "QueueName":
            found[name] = value
        elif name in known:
            found["Attributes"][name] = value
        elif name != "Tags":
            there = {*known, "QueueName", "Tags"}
            raise BadTemplate((*path, name), f"AWS::SQS::Queue has no property {name!r}: {hint(name, there)}")
    return found


def group_properties(given: Properties, path: Path) -> Properties:
    """A list of subnets is text with commas for the API."""
    subnets = given.get("VPCZoneIdentifier")
    return {**given, "VPCZoneIdentifier": {"Fn::Join": [",", subnets]}} if subnets is not None else given


def _rows(given: Any) -> list[Properties]:
    """The mappings of a list; what else there is says nothing."""
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def _group(made: Made) -> list[Operation]:
    arn = f"${{{made.id}.TargetGroups[0].TargetGroupArn}}"
    found = []
    for operation, ours, theirs in (
        ("elbv2.ModifyTargetGroupAttributes", "TargetGroupAttributes", "Attributes"),
        ("elbv2.RegisterTargets", "Targets", "Targets"),
    ):
        if made.properties.get(ours):
            found.append(made.more(operation, {"TargetGroupArn": arn, theirs: made.properties[ours]}))
    return found


def _listener(made: Made) -> list[Operation]:
    """HTTP, whatever it is, as there are no certificates in a simulation: HTTPS changes ports with what

    redirects to it, so that requests are answered.
    """
    made.params["Protocol"] = "HTTP"
    port, there = _endpoint(made, made.id), _listeners(made)
    for other in there:
        if _redirect(made, other) == port or _redirect(made, made.id) == _endpoint(made, other):
            made.params["Port"] = _endpoint(made, other)[1]
    if port[0] == "HTTPS" and not there:
        made.params["Port"] = HTTP_PORT
    return []


def _listeners(made: Made) -> list[str]:
    """The others of its load balancer."""
    resources = made.template["Resources"]
    kind, balancer = resources[made.id]["Type"], made.properties.get("LoadBalancerArn")
    return [
        name
        for name, one in resources.items()
        if name != made.id
        and isinstance(one, dict)
        and one.get("Type") == kind
        and _properties(made, name).get("LoadBalancerArn") == balancer
    ]


def _properties(made: Made, name: str) -> Properties:
    found = made.template["Resources"][name].get("Properties")
    return found if isinstance(found, dict) else {}


def _endpoint(made: Made, name: str) -> tuple[str, Any]:
    """Protocol and port of a listener."""
    properties, path = _properties(made, name), ("Resources", name, "Properties")
    found = [made.values.of(properties.get(key), (*path, key)) for key in ("Protocol", "Port")]
    port = str(found[1])
    return str(found[0]), int(port) if port.isdigit() else None


def _redirect(made: Made, name: str) -> tuple[str, Any]:
    """Protocol and port to which a listener sends everybody, if it does."""
    match _properties(made, name).get("DefaultActions"):
        case [{"RedirectConfig": {"Protocol": "HTTPS", "Port": port}}] if str(port).isdigit():
            return "HTTPS", int(port)
    return "", None


def _function(made: Made) -> list[Operation]:
    """Nothing of its code runs; a runtime that is not here is Python."""
    params = made.params
    params["Role"] = ROLE
    if params.get("PackageType") == "Image":
        params["Code"] = {"ImageUri": ANY_IMAGE}
    else:
        params["Code"] = {"ZipFile": "${default.package}"}
        params["Handler"] = params.get("Handler", "app.handler")
        if params.get("Runtime") not in RUNTIMES:
            params["Runtime"] = ANY_RUNTIME
    if isinstance(params.get("VpcConfig"), dict):
        params["VpcConfig"]["SecurityGroupIds"] = GROUPS
    reserved = made.properties.get("ReservedConcurrentExecutions")
    if reserved is None:
        return []
    said = {"FunctionName": params["FunctionName"], "ReservedConcurrentExecutions": reserved}
    return [made.more("lambda.PutFunctionConcurrency", said)]


def _provisioned(made: Made) -> list[Operation]:
    """Of a version or an alias."""
    wanted = made.properties.get("ProvisionedConcurrencyConfig")
    if not isinstance(wanted, dict):
        return []
    said = {
        "FunctionName": made.params.get("FunctionName"),
        "Qualifier": made.params.get("Name") or f"${{{made.id}.Version}}",
        **wanted,
    }
    return [made.more("lambda.PutProvisionedConcurrencyConfig", said)]


def _rule(made: Made) -> list[Operation]:
    given = {
        "Rule": made.params["Name"],
        "EventBusName": made.properties.get("EventBusName", {"Ref": "AWS::NoValue"}),
        "Targets": made.properties.get("Targets", []),
    }
    found = made.more("events.PutTargets", given)
    targets = _rows(found["events.PutTargets"].get("Targets"))
    for target in targets:
        if "EcsParameters" in target:
            target["RoleArn"] = ROLE
    return [found] if targets else []


def _scalable(made: Made) -> list[Operation]:
    which = {name: made.params.get(name) for name in SCALED}
    rows = _rows(made.properties.get("ScheduledActions"))
    return [made.more("application-autoscaling.PutScheduledAction", {**one, **which}) for one in rows]


def _policy(made: Made) -> list[Operation]:
    """A policy may name its target by reference, where the API wants its three parts."""
    match made.properties.get("ScalingTargetId"):
        case {"Ref": str(named)} if named in made.template["Resources"]:
            made.own("ScalingTargetId")
        case _:
            return []
    target = made.template["Resources"][named].get("Properties") or {}
    for name in SCALED:
        path = ("Resources", named, "Properties", name)
        made.params[name] = made.values.of(target.get(name), path)
    return []


def _environment(made: Made) -> list[Operation]:
    resources = made.params.get("computeResources")
    if isinstance(resources, dict):
        resources["securityGroupIds"] = GROUPS
        if not str(resources.get("type", "")).upper().startswith("FARGATE"):
            resources["instanceRole"] = ROLE
    return []


def _job(made: Made) -> list[Operation]:
    container = made.params.get("containerProperties")
    if isinstance(container, dict) and "FARGATE" in made.params.get("platformCapabilities", ()):
        container["executionRoleArn"] = ROLE
    return []


def _app_runner(made: Made) -> list[Operation]:
    """An image, also where it is built from source."""
    given = made.params.get("SourceConfiguration")
    image = given.get("ImageRepository") if isinstance(given, dict) else None
    if not isinstance(image, dict):
        image = {"ImageIdentifier": f"{REGISTRY}{str(made.params['ServiceName']).lower()}"}
    image.setdefault("ImageRepositoryType", "ECR")
    source = made.params["SourceConfiguration"] = {"ImageRepository": image}
    if image["ImageRepositoryType"] == "ECR":
        source["AuthenticationConfiguration"] = {"AccessRoleArn": ROLE}
    return []


def _machine(made: Made) -> list[Operation]:
    """Nobody boots an image."""
    data = made.params.get("LaunchTemplateData", made.params)
    if isinstance(data, dict):
        data["ImageId"] = ANY_MACHINE_IMAGE
    return []


BEFORE: Mapping[str, Callable[[Properties, Path], Properties]] = {
    "AWS::SQS::Queue": queue_properties,
    "AWS::AutoScaling::AutoScalingGroup": group_properties,
}
AFTER: Mapping[str, Callable[[Made], list[Operation]]] = {
    "AWS::AppRunner::Service": _app_runner,
    "AWS::ApplicationAutoScaling::ScalableTarget": _scalable,
    "AWS::ApplicationAutoScaling::ScalingPolicy": _policy,
    "AWS::AutoScaling::LaunchConfiguration": _machine,
    "AWS::Batch::ComputeEnvironment": _environment,
    "AWS::Batch::JobDefinition": _job,
    "AWS::EC2::LaunchTemplate": _machine,
    "AWS::ElasticLoadBalancingV2::Listener": _listener,
    "AWS::ElasticLoadBalancingV2::TargetGroup": _group,
    "AWS::Events::Rule": _rule,
    "AWS::Lambda::Alias": _provisioned,
    "AWS::Lambda::Function": _function,
    "AWS::Lambda::Version": _provisioned,
}
