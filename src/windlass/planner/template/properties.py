"""Properties of a template as parameters of an operation: names, types, and what counts for a plan. Pure.

CloudFormation writes ContainerDefinitions where ECS has containerDefinitions, and takes 256 for "256":
botocore's model of the operation says what is meant. What does not count for a plan (live/kept.py and MORE
here) is not looked at, so that it may name what is not modelled.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.model import StructureShape

from windlass.planner.live.kept import KEPT
from windlass.planner.live.shapes import Tree, models, tree
from windlass.planner.template.faults import BadTemplate, Path, hint
from windlass.planner.template.intrinsics import Values

MORE: Mapping[str, Tree] = {
    "autoscaling.CreateAutoScalingGroup": tree(
        "LaunchTemplate LaunchConfigurationName MixedInstancesPolicy VPCZoneIdentifier"
    ),
    "autoscaling.CreateLaunchConfiguration": tree("LaunchConfigurationName ImageId InstanceType UserData"),
    "batch.CreateComputeEnvironment": tree(
        "computeResources(subnets securityGroupIds instanceRole launchTemplate)"
    ),
    "batch.RegisterJobDefinition": tree("containerProperties(executionRoleArn)"),
    "ec2.CreateLaunchTemplate": tree("LaunchTemplateName LaunchTemplateData(ImageId InstanceType UserData)"),
    "ecs.PutClusterCapacityProviders": tree("cluster capacityProviders defaultCapacityProviderStrategy"),
    "elbv2.CreateLoadBalancer": tree("Subnets"),
    "elbv2.CreateTargetGroup": tree("VpcId"),
    "events.CreateEventBus": tree("Name"),
    "lambda.CreateFunction": tree("VpcConfig(SubnetIds SecurityGroupIds) Code(ImageUri)"),
    "lambda.CreateAlias": tree("FunctionName Name FunctionVersion"),
    "lambda.PublishVersion": tree("FunctionName"),
}
"""What templates say of resources, and a survey finds out in other ways."""


def counting(operation: str) -> Tree:
    """The parameters that count."""
    return _joined(KEPT.get(operation, {}), MORE.get(operation, {}))


def _joined(first: Tree, second: Tree) -> Tree:
    if not first or not second:
        return first or second
    both = {name: _joined(first[name], second[name]) for name in first if name in second}
    return {**first, **second, **both}


def input_shape(operation: str) -> StructureShape:
    """What botocore's model says of an operation's parameters: "sqs.CreateQueue"."""
    service, _, name = operation.partition(".")
    model = models().operation(service, name)
    assert model is not None and model.input_shape is not None, operation
    return model.input_shape


def parameters(
    operation: str,
    properties: Mapping[str, Any],
    values: Values,
    path: Path,
    kind: str = "",
    also: Iterable[str] = (),
) -> dict[str, Any]:
    """The parameters of an operation that these properties come to. Raises BadTemplate.

    `kind`: the type, for people; `also`: properties that it has and the operation has not.
    """
    shape = input_shape(operation)
    known = {member.lower() for member in shape.members} | {one.lower() for one in also}
    for given in properties:
        if str(given).lower() not in known:
            there = {*(_pascal(member) for member in shape.members), *also}
            raise BadTemplate(
                (*path, given), f"{kind or operation} has no property {given!r}: {hint(str(given), there)}"
            )
    found = _fitted(properties, shape, counting(operation), values, path)
    assert isinstance(found, dict)
    return found


def _fitted(value: Any, shape: Any, keep: Tree, values: Values, path: Path) -> Any:
    """The value as the shape has it; None where a template says AWS::NoValue."""
    if not isinstance(value, dict | list) or _is_function(value):
        value = values.of(value, path)
    if value is None:
        return None
    match shape.type_name:
        case "structure":
            return _structure(value, shape, keep, values, path)
        case "list":
            rows = value if isinstance(value, list) else [value]
            if isinstance(value, str) and value.startswith("${"):
                return value  # a list that is known when it is there: ${default.subnets}
            found = [_fitted(one, shape.member, keep, values, (*path, at)) for at, one in enumerate(rows)]
            return [one for one in found if one is not None]
        case "map":
            whole = values.of(value, path)
            return {
                str(key): _fitted(one, shape.value, {}, values, (*path, key)) for key, one in whole.items()
            }
    return _scalar(values.placed(values.of(value, path)), shape, path)


def _structure(value: Any, shape: Any, keep: Tree, values: Values, path: Path) -> Any:
    if isinstance(value, str) and value.startswith("${"):
        return value
    if not isinstance(value, dict):
        raise BadTemplate(path, f"{path[-1]} is a mapping, not {str(value)[:60]!r}")
    members = {member.lower(): member for member in shape.members}
    kept = {name.lower() for name in keep}
    found: dict[str, Any] = {}
    for key, one in value.items():
        member = members.get(str(key).lower())
        if kept and str(key).lower() not in kept:
            continue
        if member is None:
            there = [_pascal(name) for name in shape.members]
            raise BadTemplate((*path, key), f"{path[-1]} has no {key!r}: {hint(str(key), there)}")
        inner = next((keep[name] for name in keep if name.lower() == member.lower()), {})
        fitted = _fitted(one, shape.members[member], inner, values, (*path, key))
        if fitted is not None:
            found[member] = fitted
    return found


def _scalar(value: Any, shape: Any, path: Path) -> Any:
    """Of the type that the shape has."""
    kind = shape.type_name
    if isinstance(value, str) and "${" in value:
        return value
    try:
        if kind in ("integer", "long"):
            return int(value)
        if kind in ("double", "float"):
            return float(value)
    except (TypeError, ValueError) as error:
        raise BadTemplate(path, f"{path[-1]} is a number, not {str(value)[:60]!r}") from error
    if kind == "boolean":
        if str(value).lower() not in ("true", "false"):
            raise BadTemplate(path, f"{path[-1]} is true or false, not {str(value)[:60]!r}")
        return str(value).lower() == "true"
    if kind == "string":
        text = as_text(value)
        # CloudFormation takes "managed" where the API wants "MANAGED".
        return next((one for one in getattr(shape, "enum", ()) if one.lower() == text.lower()), text)
    return value


def as_text(value: Any) -> str:
    """A value where AWS's API wants text: JSON of what is more than a word.

    >>> as_text({"a": 1}), as_text(True), as_text(256)
    ('{"a": 1}', 'true', '256')
    """
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, dict | list | bool) else str(value)


def _is_function(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return False
    [name] = value
    return name == "Ref" or str(name).startswith("Fn::")


def _pascal(name: str) -> str:
    return name[:1].upper() + name[1:]
