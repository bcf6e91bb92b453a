"""What AWS answers and a plane does not: accounts with what is not played, or played otherwise."""

from __future__ import annotations

import base64
from typing import Any

from windlass.planner.live.draft import Draft
from windlass.planner.live.found import Found
from windlass.planner.live.from_live import draft_of, text_of
from windlass.planner.playing.play import refusals
from windlass.planner.scenario.reading import parse

ACCOUNT, REGION = "210987654321", "ap-southeast-2"
CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/prod"
DEFINITION = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/web:41"
GROUP = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:1:autoScalingGroupName/machines"
ELB = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}"
SERVICE = {
    "serviceName": "web",
    "clusterArn": CLUSTER,
    "status": "ACTIVE",
    "desiredCount": 2,
    "runningCount": 2,
    "schedulingStrategy": "REPLICA",
    "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100},
    "taskDefinition": DEFINITION,
    "launchType": "FARGATE",
    "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "ENABLED"}},
}


def container(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "image": f"{name}:1", "cpu": 0, "essential": True, "environment": [], **more}


def account(**rows: list[Any]) -> Found:
    definition = {
        "taskDefinitionArn": DEFINITION,
        "family": "web",
        "revision": 41,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/x",
        "containerDefinitions": [
            container(
                "web",
                portMappings=[{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}],
                dependsOn=[{"containerName": "proxy", "condition": "HEALTHY"}],
            ),
            container("proxy", healthCheck={"command": ["CMD-SHELL", "curl -H token:x localhost"]}),
        ],
    }
    there = {
        "ecs.clusters": [{"clusterArn": CLUSTER, "clusterName": "prod", "runningTasksCount": 5}],
        "ecs.services": [SERVICE],
        "ecs.task_definitions": [definition],
        **{kind.replace("__", "."): found for kind, found in rows.items()},
    }
    return Found(ACCOUNT, REGION, there)


def drafted(found: Found) -> tuple[str, Draft]:
    """The text, which plays and names nothing of the old place."""
    draft = draft_of(found, "us-east-1", {}, False)
    text = text_of(draft, {})
    assert refusals(parse(text, "live.yaml")) == {}
    assert ACCOUNT not in text and REGION not in text.split("resources:")[1] and "token" not in text
    return text, draft


def params(draft: Draft, operation: str) -> list[dict[str, Any]]:
    return [one.params for one in draft.resources if one.operation == operation]


def test_a_container_that_waits_for_health() -> None:
    """Health checks of containers are not played: who waits for one waits for its start."""
    text, draft = drafted(account())
    [made] = params(draft, "ecs.RegisterTaskDefinition")
    assert made["containerDefinitions"][0]["dependsOn"] == [{"containerName": "proxy", "condition": "START"}]
    assert "# running tasks of no service, which are not here: 3\n" in text


def test_blue_green_by_code_deploy() -> None:
    """What runs is said of its primary task set; here ECS deploys it."""
    bare = {key: value for key, value in SERVICE.items() if key not in ("taskDefinition", "launchType")}
    sets = [
        {"status": "ACTIVE", "taskDefinition": "arn:old", "launchType": "EC2"},
        {"status": "PRIMARY", "taskDefinition": DEFINITION, "launchType": "FARGATE"},
    ]
    service = {**bare, "deploymentController": {"type": "CODE_DEPLOY"}, "taskSets": sets}
    text, draft = drafted(account(ecs__services=[service]))
    [made] = params(draft, "ecs.CreateService")
    assert made["taskDefinition"] == "web" and made["launchType"] == "FARGATE"
    assert "deploymentController" not in made and "CODE_DEPLOY of the account is ECS here" in text


def balancer(name: str, kind: str) -> dict[str, Any]:
    return {
        "LoadBalancerArn": f"{ELB}:loadbalancer/app/{name}/1",
        "LoadBalancerName": name,
        "Type": kind,
        "Scheme": "internet-facing",
        "AvailabilityZones": [{"SubnetId": "subnet-1"}, {"SubnetId": "subnet-2"}],
    }


def group(name: str, of: str, protocol: str) -> dict[str, Any]:
    return {
        "TargetGroupArn": f"{ELB}:targetgroup/{name}/1",
        "TargetGroupName": name,
        "Protocol": protocol,
        "Port": 80,
        "TargetType": "ip",
        "LoadBalancerArns": [f"{ELB}:loadbalancer/app/{of}/1"],
    }


def test_https_and_network_load_balancers() -> None:
    """HTTPS is HTTP on the port that redirects to it; a service goes without its Network Load Balancer."""
    web = f"{ELB}:loadbalancer/app/web/1"
    target = f"{ELB}:targetgroup/web/1"
    redirect = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    listeners = [
        {
            "ListenerArn": f"{ELB}:listener/app/web/1/a",
            "LoadBalancerArn": web,
            "Port": 80,
            "Protocol": "HTTP",
            "DefaultActions": [{"Type": "redirect", "RedirectConfig": redirect}],
        },
        {
            "ListenerArn": f"{ELB}:listener/app/web/1/b",
            "LoadBalancerArn": web,
            "Port": 443,
            "Protocol": "HTTPS",
            "SslPolicy": "ELBSecurityPolicy-2016-08",
            "Certificates": [{"CertificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1"}],
            "DefaultActions": [
                {"Type": "authenticate-oidc", "AuthenticateOidcConfig": {"ClientSecret": "token"}},
                {"Type": "forward", "TargetGroupArn": target},
            ],
        },
    ]
    used = [
        {"targetGroupArn": target, "containerName": "web", "containerPort": 80},
        {"targetGroupArn": f"{ELB}:targetgroup/net/1", "containerName": "web", "containerPort": 80},
    ]
    text, draft = drafted(
        account(
            elbv2__load_balancers=[balancer("web", "application"), balancer("net", "network")],
            elbv2__target_groups=[group("web", "web", "HTTP"), group("net", "net", "TCP")],
            elbv2__listeners=listeners,
            ecs__services=[{**SERVICE, "loadBalancers": used}],
        )
    )
    [listener] = params(draft, "elbv2.CreateListener")
    assert (listener["Protocol"], listener["Port"]) == ("HTTP", 80)
    assert [one["Type"] for one in listener["DefaultActions"]] == ["forward"]
    [service] = params(draft, "ecs.CreateService")
    assert len(service["loadBalancers"]) == 1 and "without its load balancers of other kinds" in text
    assert "HTTPS on 443 of the account is HTTP on 80 here" in text


def test_machines_that_are_not_known() -> None:
    """A type of the same size stands for one that is not known; other providers are left out."""
    provider = {"name": "ec2", "autoScalingGroupProvider": {"autoScalingGroupArn": GROUP}}
    others = [
        {"name": "FARGATE"},
        {"name": "managed", "managedInstancesProvider": {"infrastructureRoleArn": "arn"}},
    ]
    machines = {
        "AutoScalingGroupARN": GROUP,
        "AutoScalingGroupName": "machines",
        "MinSize": 0,
        "MaxSize": 9,
        "DesiredCapacity": 0,
        "VPCZoneIdentifier": "subnet-1,subnet-2",
        "LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "$Latest"},
    }
    user_data = base64.b64encode(b"[settings.ecs]\ncluster = 'prod'\n").decode()  # TOML of Bottlerocket
    data = {"group": GROUP, "LaunchTemplateData": {"InstanceType": "r7iz.2xlarge", "UserData": user_data}}
    cluster = {
        "clusterArn": CLUSTER,
        "clusterName": "prod",
        "capacityProviders": ["ec2", "managed", "FARGATE"],
    }
    text, draft = drafted(
        account(
            ecs__clusters=[cluster],
            ecs__capacity_providers=[provider, *others],
            autoscaling__groups=[machines],
            ec2__launch_template_versions=[data],
        )
    )
    assert params(draft, "ecs.CreateCluster")[0]["capacityProviders"] == ["ec2", "FARGATE"]
    assert "its machines join the cluster prod; nothing else" in text
    assert "r7iz.2xlarge of the account is r6i.2xlarge here" in text
    assert "the capacity provider managed is left out" in text


def app_runner(name: str, source: dict[str, Any], scaling: str) -> dict[str, Any]:
    return {
        "ServiceName": name,
        "ServiceArn": f"arn:aws:apprunner:{REGION}:{ACCOUNT}:service/{name}/1",
        "Status": "RUNNING",
        "SourceConfiguration": source,
        "InstanceConfiguration": {"Cpu": "1024", "Memory": "2048", "InstanceRoleArn": "arn:token"},
        "HealthCheckConfiguration": {"Protocol": "TCP"},
        "AutoScalingConfigurationSummary": {"AutoScalingConfigurationArn": scaling},
    }


def test_app_runner() -> None:
    """Images of ECR are of the simulated account; what is built is an image; failed ones are told."""
    scaling = f"arn:aws:apprunner:{REGION}:{ACCOUNT}:autoscalingconfiguration/small/1/x"
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/team/front:1"
    configuration = {"Port": "8080", "RuntimeEnvironmentVariables": {"KEY": "token"}}
    repository = {
        "ImageIdentifier": image,
        "ImageRepositoryType": "ECR",
        "ImageConfiguration": configuration,
    }
    code = {"CodeRepository": {"RepositoryUrl": "https://token@example.com/x"}}
    failed = {**app_runner("gone", code, scaling), "Status": "CREATE_FAILED"}
    small = {
        "AutoScalingConfigurationArn": scaling,
        "AutoScalingConfigurationName": "small",
        "MaxConcurrency": 5,
        "MinSize": 1,
        "MaxSize": 3,
    }
    text, draft = drafted(
        account(
            apprunner__services=[
                app_runner("front", {"ImageRepository": repository}, scaling),
                app_runner("Built-here", code, "arn:default"),
                failed,
            ],
            apprunner__scaling_configurations=[small],
            ecr__images=[{"image": image, "bytes": 150_000_000}],
        )
    )
    front, built = params(draft, "apprunner.CreateService")
    whole = "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/front:1"
    assert front["SourceConfiguration"]["ImageRepository"]["ImageIdentifier"] == whole
    assert parse(text, "live.yaml").images[whole].size == 150_000_000
    assert "AutoScalingConfigurationArn" in front and "AutoScalingConfigurationArn" not in built
    assert "gone of App Runner is left out: it is CREATE_FAILED" in text
