"""Kinds of targets: which ARNs we can deliver to, what each must be given, and the call it becomes. Pure.

A kind is a row of KINDS; a delivery becomes one call of an operation in process, on behalf of the account
and Region of the target's ARN. Kinds that are not listed are refused by PutTargets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from windlass.aws.arn import Arn, parse
from windlass.services.events.event import read_json
from windlass.services.events.limits import TASK_COUNT_MAX
from windlass.services.events.model import Delivery

_OVERRIDES = frozenset(
    {"containerOverrides", "cpu", "memory", "ephemeralStorage", "executionRoleArn", "taskRoleArn"}
)
_STARTED_BY_CHARS_MAX = 36  # ECS API reference, RunTask, startedBy


@dataclass(frozen=True, slots=True)
class Operation:
    """One call: operation of a service with its parameters."""

    service: str
    name: str
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of target: the start of its ARN's resource, its own check, and how to call it."""

    service: str
    resource: str
    problem: Callable[[Mapping[str, Any], Arn], str | None]
    operations: Callable[[Delivery, Arn, str], tuple[Operation, ...]]
    """Delivery, ARN and payload → calls, one after the other; the last one's answer counts."""


def kind_of(target_arn: str) -> tuple[Kind, Arn] | None:
    """The kind of an ARN, or None."""
    parsed = parse(target_arn)
    for kind in KINDS if parsed else ():
        if parsed and parsed.service == kind.service and parsed.resource.startswith(kind.resource):
            return kind, parsed
    return None


def problem(spec: Mapping[str, Any]) -> str | None:
    """What is wrong with a target's ARNs and parameters, in AWS's words; None when nothing is."""
    for given in (spec["Arn"], spec.get("DeadLetterConfig", {}).get("Arn")):
        if given is not None and parse(given) is None:
            return f"Parameter {given} is not valid. Reason: Provided Arn is not in correct format."
    found = kind_of(spec["Arn"])
    if found is None:
        return f"Windlass cannot deliver to {spec['Arn']}: targets are {', '.join(SUPPORTED)}."
    kind, parsed = found
    return _letters_problem(spec) or kind.problem(spec, parsed)


def wants_event(spec: Mapping[str, Any]) -> bool:
    """Whether an event without input is handed over whole: not to ECS (Events API reference, PutTargets),

    nor to Batch, of whose input only some members mean something.
    """
    found = kind_of(spec["Arn"])
    return found is None or found[0].service not in ("ecs", "batch")


def _lambda(delivery: Delivery, target: Arn, payload: str) -> tuple[Operation, ...]:
    params = {"FunctionName": str(target), "InvocationType": "Event", "Payload": payload.encode()}
    return (Operation("lambda", "Invoke", params),)


def _sqs(delivery: Delivery, target: Arn, payload: str) -> tuple[Operation, ...]:
    params = {"QueueUrl": queue_url(target), "MessageBody": payload}
    group = delivery.spec.get("SqsParameters", {}).get("MessageGroupId")
    if group is not None:
        params["MessageGroupId"] = group
    if target.resource.endswith(".fifo"):
        params["MessageDeduplicationId"] = delivery.id
    return (Operation("sqs", "SendMessage", params),)


def queue_url(queue: Arn) -> str:
    """A URL that SQS takes for this queue: it reads the last two parts of the path."""
    return f"http://sqs/{queue.account}/{queue.resource}"


def _ecs(delivery: Delivery, target: Arn, payload: str) -> tuple[Operation, ...]:
    """RunTask. The token makes a repeated attempt start nothing twice; a new attempt has a new token."""
    given: Mapping[str, Any] = delivery.spec["EcsParameters"]
    params: dict[str, Any] = {
        "cluster": str(target),
        "taskDefinition": given["TaskDefinitionArn"],
        "count": given.get("TaskCount", 1),
        "startedBy": started_by(delivery.rule_name),
        "clientToken": f"{delivery.id}-{delivery.attempts}",
    }
    for name in _ECS_PLAIN:
        if name in given:
            params[name[0].lower() + name[1:]] = given[name]
    if "EnableECSManagedTags" in given:
        params["enableECSManagedTags"] = given["EnableECSManagedTags"]
    network = given.get("NetworkConfiguration", {}).get("awsvpcConfiguration")
    if network is not None:
        lower = {name[0].lower() + name[1:]: value for name, value in network.items()}
        params["networkConfiguration"] = {"awsvpcConfiguration": lower}
    if "Tags" in given:
        params["tags"] = [{"key": tag["Key"], "value": tag["Value"]} for tag in given["Tags"]]
    overrides = _overrides(payload)
    if overrides:
        params["overrides"] = overrides
    return (Operation("ecs", "RunTask", params),)


def started_by(rule_name: str) -> str:
    """Who RunTask is told started the task; startedBy has no dots, which names of rules may have.

    >>> started_by("every.5")
    'events-rule/every_5'
    """
    return f"events-rule/{rule_name.replace('.', '_')}"[:_STARTED_BY_CHARS_MAX]


_ECS_PLAIN = (
    "LaunchType",
    "PlatformVersion",
    "Group",
    "CapacityProviderStrategy",
    "EnableExecuteCommand",
    "PlacementConstraints",
    "PlacementStrategy",
    "PropagateTags",
    "ReferenceId",
)


def _overrides(payload: str) -> dict[str, Any]:
    """The task overrides in the input: `{"containerOverrides": [...]}`; anything else is left out."""
    try:
        read = read_json(payload) if payload else {}
    except ValueError:
        return {}
    return {name: read[name] for name in read if name in _OVERRIDES} if isinstance(read, dict) else {}


def _batch(delivery: Delivery, target: Arn, payload: str) -> tuple[Operation, ...]:
    """SubmitJob. It knows no token, so an attempt whose answer was lost may submit a second job."""
    given: Mapping[str, Any] = delivery.spec["BatchParameters"]
    params: dict[str, Any] = {
        "jobName": given["JobName"],
        "jobQueue": str(target),
        "jobDefinition": given["JobDefinition"],
    }
    if "ArrayProperties" in given:
        params["arrayProperties"] = {"size": given["ArrayProperties"].get("Size", 0)}
    if "RetryStrategy" in given:
        params["retryStrategy"] = {"attempts": given["RetryStrategy"].get("Attempts", 1)}
    return (Operation("batch", "SubmitJob", params | _job_input(payload)),)


def _job_input(payload: str) -> dict[str, Any]:
    """Parameters and overrides in the input, as rules spell them (Batch User Guide, batch-cwe-target).

    >>> _job_input('{"Parameters": {"Key": "a"}, "ContainerOverrides": {"Command": ["ls"]}}')
    {'parameters': {'Key': 'a'}, 'containerOverrides': {'command': ['ls']}}
    """
    try:
        read = read_json(payload) if payload else {}
    except ValueError:
        return {}
    found: dict[str, Any] = {}
    if isinstance(read, dict) and isinstance(read.get("Parameters"), dict):
        found["parameters"] = {name: str(value) for name, value in read["Parameters"].items()}
    if isinstance(read, dict) and isinstance(read.get("ContainerOverrides"), dict):
        found["containerOverrides"] = _lowered(read["ContainerOverrides"])
    return found


def _lowered(value: Any) -> Any:
    """The structure with names that begin with a small letter, as Batch spells them."""
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: _lowered(inner) for name, inner in value.items()}
    return [_lowered(inner) for inner in value] if isinstance(value, list) else value


def _bus(delivery: Delivery, target: Arn, payload: str) -> tuple[Operation, ...]:
    """Buses are fed by the router, not by a call: see deliver.py."""
    return ()


def _logs(delivery: Delivery, target: Arn, payload: str) -> tuple[Operation, ...]:
    """One stream for each rule."""
    group = target.resource.removeprefix("log-group:").removesuffix(":*")
    place = {"logGroupName": group, "logStreamName": delivery.rule_name}
    event = {"timestamp": delivery.created_at // 1_000_000, "message": payload}
    return (
        Operation("logs", "CreateLogStream", place),
        Operation("logs", "PutLogEvents", place | {"logEvents": [event]}),
    )


def _fine(spec: Mapping[str, Any], target: Arn) -> str | None:
    return None


def _letters_problem(spec: Mapping[str, Any]) -> str | None:
    """A dead-letter queue is a standard SQS queue (EventBridge User Guide, dead-letter queues)."""
    queue = parse(spec.get("DeadLetterConfig", {}).get("Arn", ""))
    if queue is not None and (queue.service != "sqs" or queue.resource.endswith(".fifo")):
        return f"Parameter {queue} is not valid. Reason: a dead-letter queue is a standard Amazon SQS queue."
    return None


def _ecs_problem(spec: Mapping[str, Any], target: Arn) -> str | None:
    if "EcsParameters" not in spec:
        return f"Parameter(s) EcsParameters must be specified for target: {spec['Id']}."
    if "RoleArn" not in spec:
        return f"RoleArn is required for target {spec['Arn']}."
    count = spec["EcsParameters"].get("TaskCount", 1)
    if count > TASK_COUNT_MAX:
        return f"Parameter TaskCount is not valid for target {spec['Id']}: at most {TASK_COUNT_MAX}."
    return None


def _batch_problem(spec: Mapping[str, Any], target: Arn) -> str | None:
    if "BatchParameters" not in spec:
        return f"Parameter(s) BatchParameters must be specified for target: {spec['Id']}."
    if "RoleArn" not in spec:
        return f"RoleArn is required for target {spec['Arn']}."
    return None


def _sqs_problem(spec: Mapping[str, Any], target: Arn) -> str | None:
    group = spec.get("SqsParameters", {}).get("MessageGroupId")
    if target.resource.endswith(".fifo") and not group:
        return f"Parameter(s) SqsParameters must be specified for target: {spec['Id']}."
    return None


KINDS = (
    Kind("lambda", "function:", _fine, _lambda),
    Kind("sqs", "", _sqs_problem, _sqs),
    Kind("ecs", "cluster/", _ecs_problem, _ecs),
    Kind("batch", "job-queue/", _batch_problem, _batch),
    Kind("events", "event-bus/", _fine, _bus),
    Kind("logs", "log-group:", _fine, _logs),
)
SUPPORTED = (
    "Lambda functions",
    "SQS queues",
    "ECS clusters",
    "Batch job queues",
    "event buses",
    "CloudWatch log groups",
)
