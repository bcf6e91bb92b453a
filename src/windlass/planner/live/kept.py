"""What a scenario keeps of each kind of resource, and which values go without saying. Pure.

Kept is what changes when something runs, how long it takes, how many there are or what they cost: sizes,
counts, percentages, times, limits, and what refers to other resources. Not kept are code, commands,
variables, secrets, roles, logging, tags and storage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windlass.planner.live.shapes import Tree, tree

KEPT: Mapping[str, Tree] = {
    "ecs.CreateCluster": tree("clusterName capacityProviders defaultCapacityProviderStrategy"),
    "ecs.CreateCapacityProvider": tree(
        "name autoScalingGroupProvider(autoScalingGroupArn managedScaling managedTerminationProtection)"
    ),
    "ecs.RegisterTaskDefinition": tree(
        "family requiresCompatibilities networkMode cpu memory placementConstraints runtimePlatform"
        " containerDefinitions(name image cpu memory memoryReservation essential portMappings dependsOn"
        " startTimeout stopTimeout resourceRequirements)"
    ),
    "ecs.CreateService": tree(
        "cluster serviceName taskDefinition desiredCount launchType capacityProviderStrategy"
        " schedulingStrategy deploymentController"
        " deploymentConfiguration(minimumHealthyPercent maximumPercent deploymentCircuitBreaker"
        " strategy bakeTimeInMinutes canaryConfiguration linearConfiguration)"
        " loadBalancers(targetGroupArn containerName containerPort advancedConfiguration)"
        " healthCheckGracePeriodSeconds"
        " networkConfiguration placementConstraints placementStrategy availabilityZoneRebalancing"
    ),
    "autoscaling.CreateAutoScalingGroup": tree(
        "AutoScalingGroupName MinSize MaxSize DesiredCapacity DefaultCooldown"
        " NewInstancesProtectedFromScaleIn HealthCheckGracePeriod"
    ),
    "elbv2.CreateLoadBalancer": tree("Name Type Scheme"),
    "elbv2.CreateTargetGroup": tree(
        "Name Protocol Port ProtocolVersion TargetType HealthCheckEnabled HealthCheckProtocol HealthCheckPort"
        " HealthCheckPath HealthCheckIntervalSeconds HealthCheckTimeoutSeconds HealthyThresholdCount"
        " UnhealthyThresholdCount Matcher"
    ),
    "elbv2.CreateListener": tree("LoadBalancerArn Protocol Port DefaultActions"),
    "elbv2.CreateRule": tree("ListenerArn Priority Conditions Actions"),
    "lambda.CreateFunction": tree(
        "FunctionName PackageType Runtime Handler MemorySize Timeout EphemeralStorage SnapStart(ApplyOn)"
    ),
    "lambda.CreateEventSourceMapping": tree(
        "FunctionName EventSourceArn BatchSize MaximumBatchingWindowInSeconds FunctionResponseTypes"
        " ScalingConfig FilterCriteria"
    ),
    "sqs.CreateQueue": tree(
        "QueueName Attributes(VisibilityTimeout DelaySeconds MessageRetentionPeriod"
        " ReceiveMessageWaitTimeSeconds RedrivePolicy FifoQueue"
        " ContentBasedDeduplication DeduplicationScope FifoThroughputLimit)"
    ),
    "events.PutRule": tree("Name EventBusName ScheduleExpression EventPattern State"),
    "events.PutTargets": tree(
        "Rule EventBusName Targets(Id Arn RoleArn EcsParameters(TaskDefinitionArn TaskCount LaunchType"
        " CapacityProviderStrategy NetworkConfiguration PlacementConstraints PlacementStrategy)"
        " BatchParameters SqsParameters RetryPolicy)"
    ),
    "application-autoscaling.RegisterScalableTarget": tree(
        "ServiceNamespace ResourceId ScalableDimension MinCapacity MaxCapacity SuspendedState"
    ),
    "application-autoscaling.PutScalingPolicy": tree(
        "PolicyName ServiceNamespace ResourceId ScalableDimension PolicyType"
        " StepScalingPolicyConfiguration TargetTrackingScalingPolicyConfiguration"
    ),
    "application-autoscaling.PutScheduledAction": tree(
        "ScheduledActionName ServiceNamespace ResourceId ScalableDimension Schedule Timezone"
        " ScalableTargetAction"
    ),
    "cloudwatch.PutMetricAlarm": tree(
        "AlarmName AlarmActions OKActions InsufficientDataActions MetricName Namespace Statistic"
        " ExtendedStatistic Dimensions Period Unit EvaluationPeriods DatapointsToAlarm Threshold"
        " ComparisonOperator TreatMissingData Metrics"
    ),
    "batch.CreateComputeEnvironment": tree(
        "computeEnvironmentName type state computeResources(type allocationStrategy minvCpus maxvCpus"
        " desiredvCpus instanceTypes)"
    ),
    "batch.CreateSchedulingPolicy": tree("name fairsharePolicy"),
    "batch.CreateJobQueue": tree(
        "jobQueueName state priority computeEnvironmentOrder schedulingPolicyArn jobStateTimeLimitActions"
    ),
    "batch.RegisterJobDefinition": tree(
        "jobDefinitionName type platformCapabilities schedulingPriority retryStrategy timeout"
        " containerProperties(image vcpus memory resourceRequirements fargatePlatformConfiguration"
        " networkConfiguration)"
    ),
    "apprunner.CreateAutoScalingConfiguration": tree(
        "AutoScalingConfigurationName MaxConcurrency MinSize MaxSize"
    ),
    "apprunner.CreateService": tree(
        "ServiceName SourceConfiguration(ImageRepository(ImageIdentifier ImageRepositoryType"
        " ImageConfiguration(Port))) InstanceConfiguration(Cpu Memory) HealthCheckConfiguration"
    ),
}
"""Operation → its parameters that are kept."""

USUAL: Mapping[str, Mapping[str, Any]] = {
    "ecs.CreateCapacityProvider": {"autoScalingGroupProvider.managedTerminationProtection": "DISABLED"},
    "ecs.RegisterTaskDefinition": {
        "containerDefinitions.cpu": 0,
        "containerDefinitions.essential": True,
        "containerDefinitions.portMappings.protocol": "tcp",
    },
    "ecs.CreateService": {
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
        "deploymentConfiguration.strategy": "ROLLING",
        "deploymentConfiguration.bakeTimeInMinutes": 0,
        "deploymentConfiguration.deploymentCircuitBreaker": {"enable": False, "rollback": False},
        "healthCheckGracePeriodSeconds": 0,
        "availabilityZoneRebalancing": "DISABLED",
        "platformVersion": "LATEST",
        "platformFamily": "Linux",
    },
    "autoscaling.CreateAutoScalingGroup": {
        "DefaultCooldown": 300,
        "HealthCheckGracePeriod": 0,
        "HealthCheckType": "EC2",
        "NewInstancesProtectedFromScaleIn": False,
        "TerminationPolicies": ["Default"],
    },
    "elbv2.CreateLoadBalancer": {"Type": "application", "Scheme": "internet-facing", "IpAddressType": "ipv4"},
    "elbv2.CreateTargetGroup": {
        "HealthCheckEnabled": True,
        "HealthCheckPort": "traffic-port",
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPath": "/",
        "HealthCheckIntervalSeconds": 30,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2,
        "ProtocolVersion": "HTTP1",
        "IpAddressType": "ipv4",
        "Matcher": {"HttpCode": "200"},
    },
    "lambda.CreateFunction": {
        "PackageType": "Zip",
        "MemorySize": 128,
        "EphemeralStorage": {"Size": 512},
        "SnapStart.ApplyOn": "None",
        "TracingConfig": {"Mode": "PassThrough"},
        "Architectures": ["x86_64"],
    },
    "lambda.CreateEventSourceMapping": {"MaximumBatchingWindowInSeconds": 0},
    "sqs.CreateQueue": {
        "Attributes.VisibilityTimeout": "30",
        "Attributes.DelaySeconds": "0",
        "Attributes.MessageRetentionPeriod": "345600",
        "Attributes.ReceiveMessageWaitTimeSeconds": "0",
        "Attributes.FifoThroughputLimit": "perQueue",
        "Attributes.DeduplicationScope": "queue",
        "Attributes.ContentBasedDeduplication": "false",
    },
    "events.PutRule": {"EventBusName": "default", "State": "ENABLED"},
    "events.PutTargets": {"EventBusName": "default"},
    "application-autoscaling.RegisterScalableTarget": {
        "SuspendedState": {
            "DynamicScalingInSuspended": False,
            "DynamicScalingOutSuspended": False,
            "ScheduledScalingSuspended": False,
        },
    },
    "cloudwatch.PutMetricAlarm": {"TreatMissingData": "missing", "ActionsEnabled": True},
    "batch.CreateComputeEnvironment": {"state": "ENABLED"},
    "batch.RegisterJobDefinition": {
        "containerProperties.fargatePlatformConfiguration": {"platformVersion": "LATEST"},
        "containerProperties.networkConfiguration": {"assignPublicIp": "DISABLED"},
    },
    "batch.CreateJobQueue": {"state": "ENABLED"},
}
"""Operation → path → the value that it has when nobody says one: AWS's API references."""
