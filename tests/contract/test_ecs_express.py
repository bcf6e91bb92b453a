"""ECS Express Mode over the wire: its four operations (what it makes: tests/sim/test_express.py)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from tests import rollout
from tests.fault.waiting import until

ROLE = "arn:aws:iam::123456789012:role/express"


def answer(url: str) -> bytes:
    """What is answered there: the host is sent, as clients do that resolve names below localhost."""
    named = urlsplit(url)
    connection = HTTPConnection("127.0.0.1", named.port)
    try:
        connection.request("GET", named.path, headers={"Host": named.netloc})
        return connection.getresponse().read()
    finally:
        connection.close()


def test_an_express_service_lives_and_ends(client: Callable[..., Any]) -> None:
    """Created, reached under its own name, updated, deleted; nothing but logs and definitions is left."""
    ecs, elb = client("ecs"), client("elbv2")
    made = ecs.create_express_gateway_service(
        serviceName="hello",
        executionRoleArn=ROLE,
        infrastructureRoleArn=ROLE,
        healthCheckPath="/",
        primaryContainer={
            "image": "hello",
            "containerPort": rollout.PORT,
            "command": [sys.executable, "-c", rollout.APPLICATION],
            "environment": [{"name": "VERSION", "value": "hello"}],
        },
        tags=[{"key": "team", "value": "shop"}],
    )["service"]
    assert made["tags"] == [{"key": "team", "value": "shop"}]
    arn, [config] = made["serviceArn"], made["activeConfigurations"]
    assert config["scalingTarget"]["autoScalingMetric"] == "AVERAGE_CPU"
    shown = ecs.describe_express_gateway_service(serviceArn=arn)["service"]
    assert shown["currentDeployment"] == made["currentDeployment"]
    assert shown["activeConfigurations"][0]["createdAt"].tzinfo is not None
    [name] = ecs.list_services(resourceManagementType="ECS")["serviceArns"]
    assert name == arn and ecs.list_services(resourceManagementType="CUSTOMER")["serviceArns"] == []
    [revision] = ecs.describe_service_revisions(serviceRevisionArns=[config["serviceRevisionArn"]])[
        "serviceRevisions"
    ]
    assert revision["ecsManagedResources"]["ingressPaths"][0]["loadBalancer"]["status"] == "ACTIVE"
    until(lambda: answer(config["ingressPaths"][0]["endpoint"]) == b"hello", "the service answers")
    after = ecs.update_express_gateway_service(serviceArn=arn, cpu="512", memory="1024")["service"]
    assert after["targetConfiguration"]["cpu"] == "512"
    ecs.delete_express_gateway_service(serviceArn=arn)

    def gone() -> bool:
        status = ecs.describe_express_gateway_service(serviceArn=arn)["service"]["status"]
        return bool(status["statusCode"] == "INACTIVE")

    until(gone, "the Express service is INACTIVE")
    assert elb.describe_load_balancers()["LoadBalancers"] == []


def test_what_is_not_there(client: Callable[..., Any]) -> None:
    ecs = client("ecs")
    missing = "arn:aws:ecs:us-east-1:123456789012:service/default/nobody"
    for call, code in (
        (ecs.describe_express_gateway_service, "ResourceNotFoundException"),
        (ecs.update_express_gateway_service, "ServiceNotFoundException"),
        (ecs.delete_express_gateway_service, "ServiceNotFoundException"),
    ):
        with pytest.raises(ClientError) as caught:
            call(serviceArn=missing)
        assert caught.value.response["Error"]["Code"] == code
