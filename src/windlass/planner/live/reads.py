"""All that a survey asks of an account: the operations, and where their answers have what is asked for. Pure.

Nothing else is ever called (survey.py refuses), and each begins with Describe, Get or List. Operations that
would bring secrets are not here: GetFunction (a link to the code), GetSecretValue, GetParameter, and
DescribeLaunchTemplateVersions is here for the cluster that its user data names, which is all that is kept.
"""

from __future__ import annotations

from collections.abc import Mapping

READS: Mapping[str, Mapping[str, str]] = {
    "sts": {"GetCallerIdentity": ""},
    "ec2": {"DescribeSubnets": "Subnets", "DescribeLaunchTemplateVersions": "LaunchTemplateVersions"},
    "ecs": {
        "ListClusters": "clusterArns",
        "DescribeClusters": "clusters",
        "DescribeCapacityProviders": "capacityProviders",
        "ListServices": "serviceArns",
        "DescribeServices": "services",
        "DescribeTaskDefinition": "taskDefinition",
        "ListContainerInstances": "containerInstanceArns",
        "DescribeContainerInstances": "containerInstances",
    },
    "autoscaling": {
        "DescribeAutoScalingGroups": "AutoScalingGroups",
        "DescribeLaunchConfigurations": "LaunchConfigurations",
    },
    "elbv2": {
        "DescribeLoadBalancers": "LoadBalancers",
        "DescribeTargetGroups": "TargetGroups",
        "DescribeTargetGroupAttributes": "Attributes",
        "DescribeTargetHealth": "TargetHealthDescriptions",
        "DescribeListeners": "Listeners",
        "DescribeRules": "Rules",
    },
    "lambda": {
        "ListFunctions": "Functions",
        "ListAliases": "Aliases",
        "GetFunctionConcurrency": "ReservedConcurrentExecutions",
        "ListProvisionedConcurrencyConfigs": "ProvisionedConcurrencyConfigs",
        "ListEventSourceMappings": "EventSourceMappings",
    },
    "sqs": {"ListQueues": "QueueUrls", "GetQueueAttributes": "Attributes"},
    "events": {
        "ListEventBuses": "EventBuses",
        "ListRules": "Rules",
        "ListTargetsByRule": "Targets",
    },
    "scheduler": {"ListSchedules": "Schedules"},
    "application-autoscaling": {
        "DescribeScalableTargets": "ScalableTargets",
        "DescribeScalingPolicies": "ScalingPolicies",
        "DescribeScheduledActions": "ScheduledActions",
    },
    "cloudwatch": {"DescribeAlarms": "MetricAlarms", "GetMetricStatistics": "Datapoints"},
    "batch": {
        "DescribeComputeEnvironments": "computeEnvironments",
        "ListSchedulingPolicies": "schedulingPolicies",
        "DescribeSchedulingPolicies": "schedulingPolicies",
        "DescribeJobQueues": "jobQueues",
        "DescribeJobDefinitions": "jobDefinitions",
    },
    "apprunner": {
        "ListServices": "ServiceSummaryList",
        "DescribeService": "Service",
        "DescribeAutoScalingConfiguration": "AutoScalingConfiguration",
    },
    "ecr": {"DescribeImages": "imageDetails"},
    "service-quotas": {"ListServiceQuotas": "Quotas"},
}
"""Service, as boto3 calls it → operation → the member of its answer that is wanted; "": all of it."""

IAM_PREFIX: Mapping[str, str] = {
    "elbv2": "elasticloadbalancing",
    "service-quotas": "servicequotas",
}
"""How IAM calls a service that boto3 calls otherwise."""


def policy() -> list[str]:
    """The actions that a role for surveys needs, as IAM writes them; GetCallerIdentity needs none."""
    return sorted(
        f"{IAM_PREFIX.get(service, service)}:{operation}"
        for service, operations in READS.items()
        for operation in operations
        if service != "sts"
    )
