"""App Runner with boto3: what CreateService and UpdateService refuse, and what they fill in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests import apprunner_build as build
from tests.contract.raw import send_json

Client = Callable[..., Any]
OTHER = "999999999999"


@pytest.fixture
def apprunner(client: Client) -> Any:
    return client("apprunner", parameter_validation=False)


def test_a_service_with_defaults(apprunner: Any, account: str, endpoint: str) -> None:
    """As it is answered, described and listed; and its operation."""
    answer = apprunner.create_service(ServiceName="web-app", SourceConfiguration=build.an_image("sleep 999"))
    made = answer["Service"]
    prefix = f"arn:aws:apprunner:eu-west-1:{account}:service/web-app/"
    assert made["ServiceArn"] == prefix + made["ServiceId"]
    assert len(made["ServiceId"]) == 32
    label, _, rest = made["ServiceUrl"].partition(".")
    assert label and rest == f"eu-west-1.awsapprunner.localhost:{endpoint.rpartition(':')[2]}"
    assert made["Status"] == "OPERATION_IN_PROGRESS"
    assert made["InstanceConfiguration"] == {"Cpu": "1024", "Memory": "2048"}
    assert made["HealthCheckConfiguration"] == {
        "Protocol": "TCP",
        "Path": "/",
        "Interval": 5,
        "Timeout": 2,
        "HealthyThreshold": 1,
        "UnhealthyThreshold": 5,
    }
    assert made["NetworkConfiguration"] == {
        "EgressConfiguration": {"EgressType": "DEFAULT"},
        "IngressConfiguration": {"IsPubliclyAccessible": True},
        "IpAddressType": "IPV4",
    }
    assert made["SourceConfiguration"]["AutoDeploymentsEnabled"] is False
    assert made["SourceConfiguration"]["ImageRepository"]["ImageConfiguration"]["Port"] == "8080"
    assert made["ObservabilityConfiguration"] == {"ObservabilityEnabled": False}
    found = apprunner.describe_service(ServiceArn=made["ServiceArn"])["Service"]
    assert found["ServiceUrl"] == made["ServiceUrl"]
    [listed] = apprunner.list_services()["ServiceSummaryList"]
    assert (listed["ServiceName"], listed["ServiceArn"]) == ("web-app", made["ServiceArn"])
    [operation] = apprunner.list_operations(ServiceArn=made["ServiceArn"])["OperationSummaryList"]
    assert (operation["Id"], operation["Type"]) == (answer["OperationId"], "CREATE_SERVICE")
    assert operation["TargetArn"] == made["ServiceArn"]
    with build.refused("InvalidRequestException", "already exists: web-app"):
        apprunner.create_service(ServiceName="web-app", SourceConfiguration=build.an_image())


def test_what_sources_cannot_be(apprunner: Any, account: str) -> None:
    image, code = build.an_image(), build.some_code()
    github = build.some_code("https://github.com/a/b")
    private = build.a_private_image(account)
    there = {"ConnectionArn": f"arn:aws:apprunner:eu-west-1:{account}:connection/none/{'0' * 32}"}
    configuration = {"ConfigurationSource": "API"}
    unconfigured = {"CodeRepository": {**code["CodeRepository"], "CodeConfiguration": configuration}}
    long = build.an_image()
    long["ImageRepository"]["ImageIdentifier"] = "not/ours"
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "exactly one"),
        ({**image, **code}, "exactly one"),
        (unconfigured, "CodeConfigurationValues"),
        (github, "Authentication configuration is invalid"),
        ({**code, "AuthenticationConfiguration": there}, "can't be found"),
        ({**image, "AuthenticationConfiguration": there}, "Authentication configuration is invalid"),
        ({"ImageRepository": private["ImageRepository"]}, "Authentication configuration is invalid"),
        ({**image, "AutoDeploymentsEnabled": True}, "AutoDeploymentsEnabled"),
        ({**build.a_private_image(account, OTHER), "AutoDeploymentsEnabled": True}, "AutoDeploymentsEnabled"),
        (build.an_image(Port="0"), "Port"),
        (build.an_image(Port="65536"), "Port"),
        (build.an_image(Port="http"), "Port"),
        (build.an_image(Port="9" * 5000), "Port"),
        (build.an_image("two\nlines"), "startCommand"),
        (build.an_image(RuntimeEnvironmentVariables={"AWSAPPRUNNER_X": "1"}), "reserved"),
        (build.an_image(RuntimeEnvironmentVariables={"A=B": "1"}), "environment variable"),
        (build.an_image(RuntimeEnvironmentVariables={"A": "\0"}), "environment variable"),
        (
            build.an_image(RuntimeEnvironmentVariables={"A": "1"}, RuntimeEnvironmentSecrets={"A": "arn"}),
            "both an environment variable and a secret",
        ),
        (long, "imageIdentifier"),
        (build.some_code(""), "RepositoryUrl"),
    ]
    for source, why in cases:
        with build.refused("InvalidRequestException", why):
            apprunner.create_service(ServiceName="web-app", SourceConfiguration=source)
    assert apprunner.list_services()["ServiceSummaryList"] == []


def test_what_other_parameters_cannot_be(apprunner: Any, account: str) -> None:
    nowhere = f"arn:aws:apprunner:eu-west-1:{account}:autoscalingconfiguration/none"
    connector = f"arn:aws:apprunner:eu-west-1:{account}:vpcconnector/none/1/{'0' * 32}"
    vpc = {"EgressType": "VPC"}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"InstanceConfiguration": {"Cpu": "256", "Memory": "2048"}}, "don't go together"),
        ({"InstanceConfiguration": {"Cpu": "3 vCPU"}}, "validation"),
        ({"InstanceConfiguration": {"Memory": "1 GB"}}, "don't go together"),
        ({"HealthCheckConfiguration": {"Interval": 21}}, "less than or equal to 20"),
        ({"HealthCheckConfiguration": {"Protocol": "HTTP", "Path": "health"}}, "slash"),
        ({"HealthCheckConfiguration": {"Protocol": "UDP"}}, "validation"),
        ({"AutoScalingConfigurationArn": nowhere}, "can't be found"),
        ({"AutoScalingConfigurationArn": nowhere.replace("apprunner", "ecs")}, "isn't valid"),
        ({"AutoScalingConfigurationArn": nowhere.replace("none", "none/0")}, "isn't valid"),
        ({"AutoScalingConfigurationArn": connector}, "isn't valid"),
        ({"NetworkConfiguration": {"EgressConfiguration": vpc}}, "VpcConnectorArn"),
        (
            {"NetworkConfiguration": {"EgressConfiguration": {**vpc, "VpcConnectorArn": connector}}},
            "can't be found",
        ),
        ({"ServiceName": "abc"}, "serviceName"),
        ({"ServiceName": "a" * 41}, "serviceName"),
        ({"ServiceName": "a/../b"}, "serviceName"),
    ]
    for members, why in cases:
        asked = {"ServiceName": "web-app", "SourceConfiguration": build.an_image(), **members}
        with build.refused("InvalidRequestException", why):
            apprunner.create_service(**asked)
    assert apprunner.list_services()["ServiceSummaryList"] == []


def test_sizes_in_both_forms(apprunner: Any) -> None:
    """vCPU and GB are answered as numbers."""
    sizes = [("0.25 vCPU", "0.5 GB"), ("256", "1024"), ("4 vCPU", "12 GB")]
    for number, (cpu, memory) in enumerate(sizes):
        made = apprunner.create_service(
            ServiceName=f"web-{number}",
            SourceConfiguration=build.an_image("sleep 999"),
            InstanceConfiguration={"Cpu": cpu, "Memory": memory},
        )["Service"]
        expected = [("256", "512"), ("256", "1024"), ("4096", "12288")][number]
        shown = made["InstanceConfiguration"]
        assert (shown["Cpu"], shown["Memory"]) == expected
    page = apprunner.list_services(MaxResults=2)
    rest = apprunner.list_services(MaxResults=2, NextToken=page["NextToken"])
    names = [one["ServiceName"] for one in page["ServiceSummaryList"] + rest["ServiceSummaryList"]]
    assert names == ["web-0", "web-1", "web-2"]


def test_services_that_are_not_there(apprunner: Any, account: str) -> None:
    arn = f"arn:aws:apprunner:eu-west-1:{account}:service/web-app/{'0' * 32}"
    for call in (
        apprunner.describe_service,
        apprunner.update_service,
        apprunner.pause_service,
        apprunner.resume_service,
        apprunner.delete_service,
        apprunner.start_deployment,
        apprunner.list_operations,
        apprunner.describe_custom_domains,
    ):
        with build.refused("ResourceNotFoundException", "can't be found"):
            call(ServiceArn=arn)
        with build.refused("ResourceNotFoundException", "can't be found"):
            call(ServiceArn=arn.replace(account, OTHER))
        with build.refused("InvalidRequestException", "isn't valid"):
            call(ServiceArn=arn.replace("service/", "other/"))


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("CreateService", b""),
        ("CreateService", b"{"),
        ("CreateService", b"[]"),
        ("CreateService", b'{"ServiceName": {"a": 1}}'),
        ("CreateService", b'{"ServiceName": "web-app"}'),
        ("CreateService", b'{"ServiceName": "web-app", "SourceConfiguration": null}'),
        ("CreateService", b'{"ServiceName": "web-app", "SourceConfiguration": {"ImageRepository": {}}}'),
        ("CreateService", b'{"SourceConfiguration": ' + b'{"CodeRepository": ' * 5_000 + b"}" * 5_001),
        ("CreateAutoScalingConfiguration", b'{"AutoScalingConfigurationName": "busy", "MinSize": "1"}'),
        ("CreateAutoScalingConfiguration", b'{"AutoScalingConfigurationName": "busy", "MaxSize": 1e400}'),
        ("DescribeService", b'{"ServiceArn": "arn:aws:apprunner:::service/"}'),
        ("DescribeService", '{"ServiceArn": "arn:aws:apprunner:eu-west-1:１２３:service/a/b"}'.encode()),
        ("ListServices", b'{"MaxResults": 0}'),
        ("ListServices", b'{"MaxResults": 21}'),
        ("ListServices", b'{"NextToken": "\\ud800"}'),
        ("TagResource", b'{"ResourceArn": "arn:aws:apprunner:x:y:service", "Tags": []}'),
    ],
)
def test_what_no_sdk_would_send(endpoint: str, account: str, operation: str, body: bytes) -> None:
    """Is refused as the caller's mistake, in App Runner's form."""
    status, answer = send_json(endpoint, account, "apprunner", f"AppRunner.{operation}", body, "1.0")
    assert status == 400, answer
    assert answer["__type"].endswith(("InvalidRequestException", "SerializationException"))
