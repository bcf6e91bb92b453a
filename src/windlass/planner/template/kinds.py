"""The types of resources that templates may have: the operation that makes each, and what its Ref comes to.

Pure. Source: CloudFormation Template Reference, "Return values" of each type. What a value begins with says
where it is from: "." is of the operation's answer, anything else is text, in which {name} is the resource's
name and arn() puts the simulated account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

GROUP = "${default.security_groups[0]}"
NAMED = "{name}"


def arn(service: str, resource: str) -> str:
    """Of the simulated account and Region."""
    return f"arn:aws:{service}:${{default.region}}:${{default.account}}:{resource}"


@dataclass(frozen=True, slots=True)
class Kind:
    """One type."""

    operation: str = ""
    """Empty: it is taken, and nothing is made of it."""
    name: str = ""
    """The parameter that names it: its logical id, unless the template has another."""
    ref: str = NAMED
    attributes: Mapping[str, str] = field(default_factory=dict)
    longest: int = 255
    """Characters of its name; a longer logical id loses its begin, as its end tells it from others."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Properties that the API calls otherwise."""
    also: tuple[str, ...] = ()
    """Properties that the operation does not have: specials.py makes something of them, or nobody does."""


KINDS: Mapping[str, Kind] = {
    "AWS::ECS::Cluster": Kind(
        "ecs.CreateCluster",
        "clusterName",
        attributes={"Arn": arn("ecs", "cluster/{name}")},
        renamed={"ClusterSettings": "settings"},
    ),
    "AWS::ECS::CapacityProvider": Kind("ecs.CreateCapacityProvider", "name"),
    "AWS::ECS::ClusterCapacityProviderAssociations": Kind("ecs.PutClusterCapacityProviders"),
    "AWS::ECS::TaskDefinition": Kind(
        "ecs.RegisterTaskDefinition",
        "family",
        ".taskDefinition.taskDefinitionArn",
        {"TaskDefinitionArn": ".taskDefinition.taskDefinitionArn"},
    ),
    "AWS::ECS::Service": Kind(
        "ecs.CreateService",
        "serviceName",
        ".service.serviceArn",
        {"Name": NAMED, "ServiceArn": ".service.serviceArn"},
        renamed={"PlacementStrategies": "placementStrategy"},
        also=("ForceNewDeployment",),
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Kind(
        "elbv2.CreateLoadBalancer",
        "Name",
        ".LoadBalancers[0].LoadBalancerArn",
        {
            "LoadBalancerArn": ".LoadBalancers[0].LoadBalancerArn",
            "DNSName": ".LoadBalancers[0].DNSName",
            "LoadBalancerName": NAMED,
            "CanonicalHostedZoneID": ".LoadBalancers[0].CanonicalHostedZoneId",
            "LoadBalancerFullName": ".LoadBalancers[0].LoadBalancerArn | after(@, ':loadbalancer/')",
        },
        longest=32,
        also=("LoadBalancerAttributes", "MinimumLoadBalancerCapacity", "Ipv4IpamPoolId"),
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": Kind(
        "elbv2.CreateTargetGroup",
        "Name",
        ".TargetGroups[0].TargetGroupArn",
        {
            "TargetGroupArn": ".TargetGroups[0].TargetGroupArn",
            "TargetGroupName": NAMED,
            "TargetGroupFullName": ".TargetGroups[0].TargetGroupArn"
            " | join('', ['targetgroup', after(@, ':targetgroup')])",
        },
        longest=32,
        also=("TargetGroupAttributes", "Targets"),
    ),
    "AWS::ElasticLoadBalancingV2::Listener": Kind(
        "elbv2.CreateListener",
        "",
        ".Listeners[0].ListenerArn",
        {"ListenerArn": ".Listeners[0].ListenerArn"},
        also=("ListenerAttributes",),
    ),
    "AWS::ElasticLoadBalancingV2::ListenerRule": Kind(
        "elbv2.CreateRule", "", ".Rules[0].RuleArn", {"RuleArn": ".Rules[0].RuleArn"}
    ),
    "AWS::Lambda::Function": Kind(
        "lambda.CreateFunction",
        "FunctionName",
        attributes={"Arn": arn("lambda", "function:{name}")},
        longest=64,
        also=("ReservedConcurrentExecutions", "RuntimeManagementConfig", "RecursiveLoop", "KmsKeyArn"),
    ),
    "AWS::Lambda::Version": Kind(
        "lambda.PublishVersion",
        "",
        ".FunctionArn",
        {"Version": ".Version", "FunctionArn": ".FunctionArn"},
        also=("ProvisionedConcurrencyConfig", "RuntimePolicy"),
    ),
    "AWS::Lambda::Alias": Kind(
        "lambda.CreateAlias",
        "",
        ".AliasArn",
        {"AliasArn": ".AliasArn"},
        also=("ProvisionedConcurrencyConfig",),
    ),
    "AWS::Lambda::EventSourceMapping": Kind(
        "lambda.CreateEventSourceMapping", "", ".UUID", {"Id": ".UUID"}, also=("KmsKeyArn",)
    ),
    "AWS::SQS::Queue": Kind(
        "sqs.CreateQueue",
        "QueueName",
        ".QueueUrl",
        {"Arn": arn("sqs", "{name}"), "QueueName": NAMED, "QueueUrl": ".QueueUrl"},
        75,
    ),
    "AWS::Events::EventBus": Kind(
        "events.CreateEventBus", "Name", attributes={"Arn": ".EventBusArn", "Name": NAMED}, also=("Policy",)
    ),
    "AWS::Events::Rule": Kind(
        "events.PutRule", "Name", attributes={"Arn": ".RuleArn"}, longest=64, also=("Targets",)
    ),
    "AWS::ApplicationAutoScaling::ScalableTarget": Kind(
        "application-autoscaling.RegisterScalableTarget",
        attributes={"Id": ".ScalableTargetARN"},
        also=("ScheduledActions",),
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": Kind(
        "application-autoscaling.PutScalingPolicy",
        "PolicyName",
        ".PolicyARN",
        {"Arn": ".PolicyARN"},
        also=("ScalingTargetId",),
    ),
    "AWS::CloudWatch::Alarm": Kind(
        "cloudwatch.PutMetricAlarm",
        "AlarmName",
        attributes={"Arn": arn("cloudwatch", "alarm:{name}")},
    ),
    "AWS::Batch::ComputeEnvironment": Kind(
        "batch.CreateComputeEnvironment",
        "computeEnvironmentName",
        ".computeEnvironmentArn",
        {"ComputeEnvironmentArn": ".computeEnvironmentArn"},
        also=("ReplaceComputeEnvironment", "UpdatePolicy"),
    ),
    "AWS::Batch::SchedulingPolicy": Kind("batch.CreateSchedulingPolicy", "name", ".arn", {"Arn": ".arn"}),
    "AWS::Batch::JobQueue": Kind(
        "batch.CreateJobQueue", "jobQueueName", ".jobQueueArn", {"JobQueueArn": ".jobQueueArn"}
    ),
    "AWS::Batch::JobDefinition": Kind(
        "batch.RegisterJobDefinition",
        "jobDefinitionName",
        ".jobDefinitionArn",
        also=("ResourceRetentionPolicy",),
    ),
    "AWS::AppRunner::AutoScalingConfiguration": Kind(
        "apprunner.CreateAutoScalingConfiguration",
        "AutoScalingConfigurationName",
        ".AutoScalingConfiguration.AutoScalingConfigurationArn",
        {"AutoScalingConfigurationArn": ".AutoScalingConfiguration.AutoScalingConfigurationArn"},
        32,
    ),
    "AWS::AppRunner::Service": Kind(
        "apprunner.CreateService",
        "ServiceName",
        ".Service.ServiceArn",
        {
            "ServiceArn": ".Service.ServiceArn",
            "ServiceUrl": ".Service.ServiceUrl",
            "ServiceId": ".Service.ServiceId",
        },
        40,
    ),
    "AWS::AutoScaling::AutoScalingGroup": Kind(
        "autoscaling.CreateAutoScalingGroup",
        "AutoScalingGroupName",
        also=("LaunchTemplateSpecification", "MetricsCollection", "NotificationConfigurations"),
    ),
    "AWS::AutoScaling::LaunchConfiguration": Kind(
        "autoscaling.CreateLaunchConfiguration", "LaunchConfigurationName"
    ),
    "AWS::EC2::LaunchTemplate": Kind(
        "ec2.CreateLaunchTemplate",
        "LaunchTemplateName",
        ".LaunchTemplate.LaunchTemplateId",
        {
            "LaunchTemplateId": ".LaunchTemplate.LaunchTemplateId",
            "LatestVersionNumber": "$Latest",
            "DefaultVersionNumber": "$Default",
        },
    ),
}
"""Type → what is made of it."""

STANDING_IN: Mapping[str, Kind] = {
    "AWS::EC2::VPC": Kind(
        ref="${default.vpc}",
        attributes={"VpcId": "${default.vpc}", "DefaultSecurityGroup": GROUP, "CidrBlock": "172.31.0.0/16"},
    ),
    "AWS::EC2::SecurityGroup": Kind(
        ref=GROUP, attributes={"GroupId": GROUP, "Id": GROUP, "VpcId": "${default.vpc}"}
    ),
    "AWS::IAM::Role": Kind(
        attributes={"Arn": "arn:aws:iam::${default.account}:role/{name}", "RoleId": "AROA1"}
    ),
    "AWS::IAM::InstanceProfile": Kind(
        attributes={"Arn": "arn:aws:iam::${default.account}:instance-profile/{name}"}
    ),
    "AWS::Logs::LogGroup": Kind(attributes={"Arn": arn("logs", "log-group:{name}:*")}),
    "AWS::ECR::Repository": Kind(
        attributes={
            "Arn": arn("ecr", "repository/{name}"),
            "RepositoryUri": "${default.account}.dkr.ecr.${default.region}.amazonaws.com/{name}",
        }
    ),
    "AWS::SNS::Topic": Kind(
        ref=arn("sns", "{name}"), attributes={"TopicArn": arn("sns", "{name}"), "TopicName": NAMED}
    ),
}
"""Type → what its Ref and attributes come to: the simulated account has one of its own, or needs none."""

SUBNET = "AWS::EC2::Subnet"
WITHOUT = (
    "AWS::CertificateManager::", "AWS::CloudFront::", "AWS::CloudWatch::Dashboard", "AWS::DynamoDB::",
    "AWS::EC2::EIP", "AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::Route",
    "AWS::EC2::RouteTable", "AWS::EC2::SecurityGroupEgress", "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::SubnetRouteTableAssociation", "AWS::EC2::VPCEndpoint", "AWS::EC2::VPCGatewayAttachment",
    "AWS::EFS::", "AWS::IAM::", "AWS::KMS::", "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission", "AWS::Lambda::Url", "AWS::Logs::", "AWS::Route53::", "AWS::S3::",
    "AWS::SNS::", "AWS::SQS::QueuePolicy", "AWS::SSM::Parameter", "AWS::SecretsManager::",
    "AWS::ServiceDiscovery::", "AWS::WAFv2::", "AWS::CloudFormation::WaitConditionHandle", "AWS::CDK::",
    "AWS::CloudFormation::CustomResource", "Custom::",
)  # fmt: skip
"""Types, or what they begin with, that say nothing of what runs when: taken, and nothing is made of them."""


_SERVICES = tuple(one for one in WITHOUT if one.endswith("::"))


def kind_of(name: str) -> Kind | None:
    """What a type is; None for one that is not modelled."""
    if name in KINDS:
        return KINDS[name]
    if name in STANDING_IN:
        return STANDING_IN[name]
    if name == SUBNET or name in WITHOUT or name.startswith(_SERVICES):
        return Kind()
    return None
