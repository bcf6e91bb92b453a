"""`windlass plan --from-live`: what a plane has, as a scenario that plays."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from tests.process import REGION, PlaneProcess
from windlass.planner.live.from_live import draft_of, text_of
from windlass.planner.live.reads import READS
from windlass.planner.live.survey import CannotSurvey, Survey
from windlass.planner.playing.play import play, refusals
from windlass.planner.scenario.reading import parse

SECRET = "hunter2-secret"
HERE = "us-east-1"
Client = Callable[..., Any]


def package() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        made.writestr("app.py", "def handler(event, context): pass")
    return data.getvalue()


def network(client: Client) -> dict[str, Any]:
    subnets = client("ec2").describe_subnets()["Subnets"]
    return {"awsvpcConfiguration": {"subnets": [one["SubnetId"] for one in subnets[:2]]}}


def make_services(client: Client) -> None:
    """A service behind a load balancer, and what scales it."""
    ecs, elbv2 = client("ecs"), client("elbv2")
    ecs.create_cluster(clusterName="shop", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    for image in ("web:1", "web:2"):
        container = {
            "name": "web",
            "image": f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/{image}",
            "portMappings": [{"containerPort": 80}],
            "environment": [
                {"name": "STAGE", "value": "prod"},
                {"name": "DB_PASSWORD", "value": SECRET},
                {"name": "DB", "value": f"postgres://me:{SECRET}@db/web"},
            ],
            "command": ["serve", f"--token={SECRET}"],
        }
        ecs.register_task_definition(
            family="web",
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            containerDefinitions=[container],
        )
    vpc = client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    where = network(client)
    group = elbv2.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")
    arn = group["TargetGroups"][0]["TargetGroupArn"]
    elbv2.modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}]
    )
    made = elbv2.create_load_balancer(Name="web", Subnets=where["awsvpcConfiguration"]["subnets"])
    balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
    forward = [{"Type": "forward", "TargetGroupArn": arn}]
    made = elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=forward)
    elbv2.create_rule(
        ListenerArn=made["Listeners"][0]["ListenerArn"],
        Priority=7,
        Conditions=[
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Origin", "Values": [SECRET]}},
            {"Field": "path-pattern", "Values": ["/api/*"]},
        ],
        Actions=forward,
    )
    ecs.create_service(
        cluster="shop",
        serviceName="web",
        taskDefinition="web:2",
        desiredCount=2,
        launchType="FARGATE",
        networkConfiguration=where,
        loadBalancers=[{"targetGroupArn": arn, "containerName": "web", "containerPort": 80}],
    )
    scaled = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/shop/web",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    scaling = client("application-autoscaling")
    scaling.register_scalable_target(**scaled, MinCapacity=1, MaxCapacity=9)
    label = f"{balancer.split('loadbalancer/')[1]}/{arn.split(':')[-1]}"
    tracking = {
        "TargetValue": 50.0,
        "PredefinedMetricSpecification": {
            "PredefinedMetricType": "ALBRequestCountPerTarget",
            "ResourceLabel": label,
        },
    }
    scaling.put_scaling_policy(
        **scaled,
        PolicyName="requests",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=tracking,
    )


def make_work(client: Client, account: str) -> None:
    """Queues, a function that empties one, a schedule, and Batch."""
    sqs, lambda_ = client("sqs"), client("lambda")
    sqs.create_queue(QueueName="dead")
    dead = f"arn:aws:sqs:{REGION}:{account}:dead"
    redrive = f'{{"deadLetterTargetArn":"{dead}","maxReceiveCount":3}}'
    sqs.create_queue(QueueName="a-jobs", Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "90"})
    lambda_.create_function(
        FunctionName="resize",
        Runtime="python3.12",
        Handler="app.handler",
        Role=f"arn:aws:iam::{account}:role/r",
        Timeout=15,
        Code={"ZipFile": package()},
        Environment={"Variables": {"API_KEY": SECRET, "MODE": "fast"}},
    )
    lambda_.get_waiter("function_active_v2").wait(FunctionName="resize")
    queue = f"arn:aws:sqs:{REGION}:{account}:a-jobs"
    lambda_.create_event_source_mapping(
        FunctionName="resize", EventSourceArn=queue, BatchSize=5, Enabled=False
    )
    lambda_.put_function_concurrency(FunctionName="resize", ReservedConcurrentExecutions=7)
    events = client("events")
    events.put_rule(Name="hourly", ScheduleExpression="rate(1 hour)")
    events.put_targets(Rule="hourly", Targets=[{"Id": "1", "Arn": queue, "Input": f'{{"key":"{SECRET}"}}'}])
    batch = client("batch")
    where = network(client)["awsvpcConfiguration"]
    groups = client("ec2").describe_security_groups()["SecurityGroups"]
    environment = batch.create_compute_environment(
        computeEnvironmentName="spot",
        type="MANAGED",
        computeResources={
            "type": "FARGATE_SPOT",
            "maxvCpus": 64,
            "subnets": where["subnets"],
            "securityGroupIds": [groups[0]["GroupId"]],
        },
    )["computeEnvironmentArn"]
    order = [{"order": 1, "computeEnvironment": environment}]
    batch.create_job_queue(jobQueueName="frames", priority=1, computeEnvironmentOrder=order)
    batch.register_job_definition(
        jobDefinitionName="frame",
        type="container",
        platformCapabilities=["FARGATE"],
        containerProperties={
            "image": "render:1",
            "executionRoleArn": f"arn:aws:iam::{account}:role/r",
            "command": ["render", f"--key={SECRET}"],
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}],
        },
    )


def test_what_a_plane_has_plays(plane: PlaneProcess, client: Client, account: str, programs: Path) -> None:
    """Made with boto3, written by the command, played: the same is up, and no secret is in the file."""
    make_services(client)
    make_work(client, account)
    settings = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    settings |= {"AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": "test"}
    command = [str(programs / "windlass"), "plan", "--from-live", "--region", REGION]
    command += ["--endpoint-url", plane.endpoint, "--with-environment"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
    assert done.returncode == 0, done.stderr
    text = done.stdout
    assert SECRET not in text and account not in text and "left out:" not in done.stderr, text
    assert REGION not in text.split("resources:")[1] and "STAGE" in text and "MODE" in text
    scenario = parse(text, "live.yaml")
    assert [one.service for one in scenario.waits_for] == ["web"]
    assert refusals(scenario) == {}
    run = play(scenario, 1)
    assert run.ended == "reached" and run.samples[-1].running == 2


def make_machines(client: Client, account: str) -> None:
    """Capacity on EC2 that is empty, and everything that is scaled by alarms and by hand."""
    data = base64.b64encode(
        f"TOKEN={SECRET}\necho ECS_CLUSTER=prod >> /etc/ecs/ecs.config\n".encode()
    ).decode()
    launch = {"ImageId": "ami-0123456789abcdef0", "InstanceType": "m5.large", "UserData": data}
    client("ec2").create_launch_template(LaunchTemplateName="ecs", LaunchTemplateData=launch)
    where = network(client)["awsvpcConfiguration"]["subnets"]
    groups = client("autoscaling")
    groups.create_auto_scaling_group(
        AutoScalingGroupName="machines",
        MinSize=0,
        MaxSize=5,
        LaunchTemplate={"LaunchTemplateName": "ecs", "Version": "$Latest"},
        VPCZoneIdentifier=",".join(where),
    )
    arn = groups.describe_auto_scaling_groups()["AutoScalingGroups"][0]["AutoScalingGroupARN"]
    ecs, scaling = client("ecs"), client("application-autoscaling")
    ecs.create_capacity_provider(name="own", autoScalingGroupProvider={"autoScalingGroupArn": arn})
    cluster = ecs.create_cluster(clusterName="prod", capacityProviders=["own"])["cluster"]["clusterArn"]
    container = {"name": "api", "image": "api", "memory": 64, "logConfiguration": {"logDriver": "json-file"}}
    definition = ecs.register_task_definition(family="api", containerDefinitions=[container])[
        "taskDefinition"
    ]
    ecs.create_service(
        cluster="prod",
        serviceName="api",
        taskDefinition="api",
        desiredCount=0,
        capacityProviderStrategy=[{"capacityProvider": "own", "weight": 1}],
        placementConstraints=[
            {"type": "memberOf", "expression": f"attribute:ecs.availability-zone == {REGION}b"}
        ],
    )
    scaled = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/prod/api",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    scaling.register_scalable_target(**scaled, MinCapacity=0, MaxCapacity=9)
    steps = [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}]
    policy = scaling.put_scaling_policy(
        **scaled,
        PolicyName="step",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps},
    )["PolicyARN"]
    topic = f"arn:aws:sns:{REGION}:{account}:people"
    for name, action in (("deep", policy), ("cpu", topic)):
        client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/ECS",
            MetricName="CPUUtilization",
            Statistic="Average",
            Period=60,
            EvaluationPeriods=1,
            Threshold=10,
            ComparisonOperator="GreaterThanThreshold",
            AlarmActions=[action],
        )
    role = f"arn:aws:iam::{account}:role/r"
    target = {"TaskDefinitionArn": definition["taskDefinitionArn"], "TaskCount": 3, "LaunchType": "EC2"}
    events = client("events")
    events.put_rule(Name="nightly", ScheduleExpression="cron(0 3 * * ? *)")
    events.put_targets(
        Rule="nightly", Targets=[{"Id": "e", "Arn": cluster, "RoleArn": role, "EcsParameters": target}]
    )


def test_capacity_and_what_scales(plane: PlaneProcess, client: Client, account: str) -> None:
    """Auto Scaling groups come with what their machines join, step policies with their alarms."""
    make_machines(client, account)
    found = Survey(lambda service: plane.client(service, account), lambda line: None).read()
    draft = draft_of(found, HERE, {}, False)
    text = text_of(draft, {})
    assert refusals(parse(text, "live.yaml")) == {}
    assert SECRET not in text and base64.b64encode(SECRET.encode()).decode()[:8] not in text
    assert "autoScalingGroupArn: machines\n" in text
    assert "AlarmActions: ['${step.PolicyARN}']" in text and "AlarmName: cpu" not in text
    assert "alarms that start no scaling and no function are left out: 1" in text
    assert "expression: attribute:ecs.availability-zone == ${default.region}b" in text
    assert "TaskDefinitionArn: api" in text and "its machines join the cluster prod" in text


def test_only_reads(plane: PlaneProcess, account: str, client: Client) -> None:
    """Every call of a survey is in the table, which has none that changes anything; pages are all read."""
    ecs = client("ecs")
    ecs.create_cluster(clusterName="many")
    ecs.register_task_definition(family="f", containerDefinitions=[{"name": "c", "image": "i", "memory": 64}])
    for number in range(12):
        ecs.create_service(cluster="many", serviceName=f"s{number}", taskDefinition="f", desiredCount=0)
    called = set()

    def watched(service: str) -> Any:
        made = plane.client(service, account)
        made.meta.events.register("before-call", lambda model, **_: called.add((service, model.name)))
        return made

    client("sqs").create_queue(QueueName="jobs")
    now = datetime.now(UTC)
    found = Survey(watched, lambda line: None, (now - timedelta(hours=1), now)).read()
    assert found.untold == [] and ("cloudwatch", "GetMetricStatistics") in called
    assert len(found.of("ecs.services")) == 12
    assert called <= {(service, name) for service, names in READS.items() for name in names}
    assert all(name.startswith(("Describe", "Get", "List")) for names in READS.values() for name in names)
    text = text_of(draft_of(found, HERE, {}, False), {})
    assert text.count("ecs.CreateService:") == 12 and "until:" not in text


def refused(code: str, **_: Any) -> AWSResponse:
    body = json.dumps({"__type": code, "message": f"User: arn:aws:iam::1:user/x may not\ndo that ({SECRET})"})
    answer = AWSResponse("https://aws", 400, {}, io.BytesIO(body.encode()))
    answer._content = body.encode()
    return answer


def test_what_one_may_not_see(plane: PlaneProcess, account: str, client: Client) -> None:
    """A service that does not let us in is a comment; the others are there."""
    client("sqs").create_queue(QueueName="jobs")
    client("ecs").create_cluster(clusterName="c")

    def half(service: str) -> Any:
        made = plane.client(service, account)
        if service in ("ecs", "lambda"):
            made.meta.events.register("before-send", partial(refused, "AccessDeniedException"))
        return made

    told: list[str] = []
    found = Survey(half, told.append).read()
    text = text_of(draft_of(found, HERE, {}, False), {})
    assert "# - not read: ecs.ListClusters: AccessDeniedException: you may not call it\n" in text
    assert "lambda.ListFunctions: AccessDeniedException: you may not call it" in told
    assert "sqs.CreateQueue: {QueueName: jobs}" in text and "CreateCluster" not in text and SECRET not in text


def test_what_is_not_aws(plane: PlaneProcess, account: str) -> None:
    """Something else answers at that endpoint, or an answer makes no sense: one line."""

    def nobody(service: str) -> Any:
        made = plane.client(service, account)
        made.meta.events.register("before-send", partial(refused, "UnrecognizedClientException"))
        return made

    with pytest.raises(CannotSurvey, match="invalid XML received"):
        Survey(nobody, lambda line: None).read()
