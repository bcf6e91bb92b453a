"""What an Express service is to be, with Express Mode's defaults, and what others are asked for it. Pure.

Source: ECS API reference, CreateExpressGatewayService; ECS Developer Guide, express-service-work and
express-service-update-full (canary: 5 percent, 3 minutes, 3 minutes of bake time). The number of tasks (1 to
20) is from memory of the console: UNVERIFIED.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from windlass.aws.arn import parse
from windlass.kernel.faults import Fault
from windlass.services.ecs.model import Shape

CONTAINER = "Main"
PORT = 80
CPU_UNITS = "256"
MEMORY_MIB = "512"
HEALTH_CHECK_PATH = "/ping"
TASKS_MIN = 1
TASKS_MAX = 20
TARGET_VALUE = 60
CANARY: Shape = {
    "strategy": "CANARY",
    "canaryConfiguration": {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 3},
    "bakeTimeInMinutes": 3,
}
METRICS: Mapping[str, str] = {
    "AVERAGE_CPU": "ECSServiceAverageCPUUtilization",
    "AVERAGE_MEMORY": "ECSServiceAverageMemoryUtilization",
    "REQUEST_COUNT_PER_TARGET": "ALBRequestCountPerTarget",
}
"""autoScalingMetric → the predefined metric of Application Auto Scaling."""
KEPT = (
    "executionRoleArn",
    "taskRoleArn",
    "cpu",
    "memory",
    "healthCheckPath",
    "primaryContainer",
    "networkConfiguration",
    "scalingTarget",
)
"""Members that both calls give and every configuration shows."""


def first(params: Mapping[str, Any], log_group: str) -> dict[str, Any]:
    """The configuration that CreateExpressGatewayService asks for. Raises InvalidParameterException."""
    _check_role("infrastructureRoleArn", params.get("infrastructureRoleArn"))
    start = {
        "cpu": CPU_UNITS,
        "memory": MEMORY_MIB,
        "healthCheckPath": HEALTH_CHECK_PATH,
        "networkConfiguration": {},
        "scalingTarget": {
            "minTaskCount": TASKS_MIN,
            "maxTaskCount": TASKS_MAX,
            "autoScalingMetric": "AVERAGE_CPU",
            "autoScalingTargetValue": TARGET_VALUE,
        },
        "primaryContainer": {
            "containerPort": PORT,
            "awsLogsConfiguration": {"logGroup": log_group, "logStreamPrefix": "ecs"},
        },
    }
    return changed(start, params)


def changed(before: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """What is left out stays, inside of containers and scaling targets too (our choice)."""
    after = {**before, **{name: params[name] for name in KEPT if params.get(name) is not None}}
    for member in ("primaryContainer", "scalingTarget"):
        after[member] = {**before[member], **after[member]}
    _check(after)
    return after


def _check(config: Mapping[str, Any]) -> None:
    _check_role("executionRoleArn", config.get("executionRoleArn"))
    if config.get("taskRoleArn"):
        _check_role("taskRoleArn", config["taskRoleArn"])
    if not config["primaryContainer"].get("image"):
        raise _invalid("The image of the primary container is required.")
    if not 1 <= config["primaryContainer"]["containerPort"] <= 65_535:
        raise _invalid("containerPort must be between 1 and 65535.")
    if not config["healthCheckPath"].startswith("/"):
        raise _invalid("healthCheckPath must start with a forward slash.")
    scaling = config["scalingTarget"]
    if not 1 <= scaling["minTaskCount"] <= scaling["maxTaskCount"]:
        raise _invalid("minTaskCount must be at least 1 and at most maxTaskCount.")
    if scaling["autoScalingTargetValue"] < 1:
        raise _invalid("autoScalingTargetValue must be at least 1.")


def _check_role(member: str, given: Any) -> None:
    named = parse(given) if given else None
    if named is None or named.service != "iam" or not named.resource.startswith("role/"):
        raise _invalid(f"Invalid {member}: {given}")


def task_definition(family: str, region: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of RegisterTaskDefinition."""
    container = config["primaryContainer"]
    logs = container["awsLogsConfiguration"]
    main = {
        "name": CONTAINER,
        "image": container["image"],
        "essential": True,
        "portMappings": [{"containerPort": container["containerPort"], "protocol": "tcp"}],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": logs["logGroup"],
                "awslogs-region": region,
                "awslogs-stream-prefix": logs["logStreamPrefix"],
            },
        },
        **{
            member: container[member]
            for member in ("command", "environment", "secrets", "repositoryCredentials")
            if container.get(member)
        },
    }
    asked = {
        "family": family,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": config["cpu"],
        "memory": config["memory"],
        "executionRoleArn": config["executionRoleArn"],
        "containerDefinitions": [main],
    }
    return {**asked, "taskRoleArn": config["taskRoleArn"]} if config.get("taskRoleArn") else asked


def service(
    definition_arn: str,
    config: Mapping[str, Any],
    made: Mapping[str, Any],
    role_arn: str,
    subnets: Sequence[str],
    groups: Sequence[str],
) -> dict[str, Any]:
    """What CreateService and UpdateService are asked for alike."""
    balancer = {
        "targetGroupArn": made["target_group"],
        "containerName": CONTAINER,
        "containerPort": config["primaryContainer"]["containerPort"],
        "advancedConfiguration": {
            "alternateTargetGroupArn": made["alternate"],
            "productionListenerRule": made["rule"],
            "roleArn": role_arn,
        },
    }
    network = {"subnets": list(subnets), "securityGroups": list(groups), "assignPublicIp": "ENABLED"}
    return {
        "taskDefinition": definition_arn,
        "networkConfiguration": {"awsvpcConfiguration": network},
        "loadBalancers": [balancer],
    }


def deployment(alarm: str) -> dict[str, Any]:
    """Its deploymentConfiguration; the alarm, if there is one, rolls back."""
    alarms = {"alarmNames": [alarm], "enable": True, "rollback": True} if alarm else None
    return {**CANARY, "alarms": alarms} if alarms else dict(CANARY)


def alarm(name: str, made: Mapping[str, Any]) -> dict[str, Any]:
    """PutMetricAlarm: more than one percent of errors in two of three minutes, of both its target groups."""
    balancer = made["load_balancer"].partition(":loadbalancer/")[2]
    counts, errors, answers = [], [], []
    for number, word in enumerate(("target_group", "alternate")):
        group = made[word].rpartition(":")[2]
        dimensions = [{"Name": "TargetGroup", "Value": group}, {"Name": "LoadBalancer", "Value": balancer}]
        for digit in "2345":
            id = f"m{digit}{number}"
            metric = {
                "Namespace": "AWS/ApplicationELB",
                "MetricName": f"HTTPCode_Target_{digit}XX_Count",
                "Dimensions": dimensions,
            }
            stat = {"Metric": metric, "Period": 60, "Stat": "Sum"}
            counts.append({"Id": id, "MetricStat": stat, "ReturnData": False})
            answers.append(f"FILL({id}, 0)")
            if digit in "45":
                errors.append(f"FILL({id}, 0)")
    share = f"100 * ({' + '.join(errors)}) / ({' + '.join(answers)})"
    return {
        "AlarmName": name,
        "AlarmDescription": "Made by ECS Express Mode: rolls a deployment back.",
        "Metrics": [*counts, {"Id": "share", "Expression": share, "Label": "percent of errors"}],
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 1.0,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "TreatMissingData": "notBreaching",
    }


def policy(config: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """TargetTrackingScalingPolicyConfiguration of its scaling policy."""
    scaling = config["scalingTarget"]
    metric: dict[str, Any] = {"PredefinedMetricType": METRICS[scaling["autoScalingMetric"]]}
    if scaling["autoScalingMetric"] == "REQUEST_COUNT_PER_TARGET":
        balancer = made["load_balancer"].partition(":loadbalancer/")[2]
        metric["ResourceLabel"] = f"{balancer}/{made['target_group'].rpartition(':')[2]}"
    return {
        "TargetValue": float(scaling["autoScalingTargetValue"]),
        "PredefinedMetricSpecification": metric,
    }


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)
